package v4l2

import (
	"testing"
	"unsafe"
)

// The sizes and offsets are those that the C compiler gives on 64-bit systems for the structs of
// <linux/videodev2.h>; the requests contain the sizes.
func TestLayoutIsTheKernels(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("NOT TESTED: the layout on systems that are not 64-bit")
	}
	for _, test := range []struct {
		name      string
		got, want uintptr
	}{
		{"VIDIOC_QUERYCAP", request("amd64", ioRead, vidiocQueryCap, unsafe.Sizeof(capability{})), 0x80685600},
		{"VIDIOC_QUERYCAP on POWER", request("ppc64le", ioRead, vidiocQueryCap, unsafe.Sizeof(capability{})), 0x40685600},
		{"VIDIOC_ENUM_FMT", request("amd64", ioBoth, vidiocEnumFmt, unsafe.Sizeof(fmtDesc{})), 0xc0405602},
		{"VIDIOC_ENUM_FMT on POWER", request("ppc64le", ioBoth, vidiocEnumFmt, unsafe.Sizeof(fmtDesc{})), 0xc0405602},
		{"VIDIOC_G_FMT", request("amd64", ioBoth, vidiocGFmt, unsafe.Sizeof(format{})), 0xc0d05604},
		{"VIDIOC_S_FMT", request("arm64", ioBoth, vidiocSFmt, unsafe.Sizeof(format{})), 0xc0d05605},
		{"VIDIOC_G_CTRL", request("amd64", ioBoth, vidiocGCtrl, unsafe.Sizeof(plainControl{})), 0xc008561b},
		{"VIDIOC_S_CTRL", request("amd64", ioBoth, vidiocSCtrl, unsafe.Sizeof(plainControl{})), 0xc008561c},
		{"VIDIOC_QUERYCTRL", request("amd64", ioBoth, vidiocQueryCtrl, unsafe.Sizeof(queryCtrl{})), 0xc0445624},
		{"VIDIOC_QUERYMENU", request("amd64", ioBoth, vidiocQueryMenu, unsafe.Sizeof(queryMenu{})), 0xc02c5625},
		{"VIDIOC_G_EXT_CTRLS", request("amd64", ioBoth, vidiocGExtCtrls, unsafe.Sizeof(extControls{})), 0xc0205647},
		{"VIDIOC_S_EXT_CTRLS", request("amd64", ioBoth, vidiocSExtCtrls, unsafe.Sizeof(extControls{})), 0xc0205648},
		{"VIDIOC_ENUM_FRAMESIZES", request("amd64", ioBoth, vidiocEnumFrameSizes, unsafe.Sizeof(frameSizeEnum{})), 0xc02c564a},
		{"VIDIOC_ENUM_FRAMEINTERVALS", request("amd64", ioBoth, vidiocEnumFrameIntervals, unsafe.Sizeof(frameIntervalEnum{})), 0xc034564b},
		{"VIDIOC_QUERY_EXT_CTRL", request("amd64", ioBoth, vidiocQueryExtCtrl, unsafe.Sizeof(queryExtCtrl{})), 0xc0e85667},
		{"sizeof v4l2_ext_control", unsafe.Sizeof(extControl{}), 20},
		{"v4l2_ext_control.value", unsafe.Offsetof(extControl{}.value), 12},
		{"v4l2_ext_controls.controls", unsafe.Offsetof(extControls{}.controls), 24},
		{"v4l2_query_ext_ctrl.minimum", unsafe.Offsetof(queryExtCtrl{}.minimum), 40},
		{"v4l2_query_ext_ctrl.flags", unsafe.Offsetof(queryExtCtrl{}.flags), 72},
		{"v4l2_query_ext_ctrl.elems", unsafe.Offsetof(queryExtCtrl{}.elems), 80},
		{"v4l2_queryctrl.flags", unsafe.Offsetof(queryCtrl{}.flags), 56},
		{"v4l2_querymenu.name", unsafe.Offsetof(queryMenu{}.name), 8},
		{"v4l2_capability.capabilities", unsafe.Offsetof(capability{}.capabilities), 84},
		{"v4l2_capability.device_caps", unsafe.Offsetof(capability{}.deviceCaps), 88},
		{"v4l2_fmtdesc.pixelformat", unsafe.Offsetof(fmtDesc{}.pixelFormat), 44},
		{"v4l2_frmsizeenum.stepwise", unsafe.Offsetof(frameSizeEnum{}.size), 12},
		{"v4l2_frmivalenum.stepwise", unsafe.Offsetof(frameIntervalEnum{}.interval), 20},
		{"v4l2_format.fmt", unsafe.Offsetof(format{}.union), 8},
	} {
		if test.got != test.want {
			t.Errorf("%s is %#x, want %#x", test.name, test.got, test.want)
		}
	}
}
