package index

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// row scans what a row of a damaged or forged index might have.
func row(texts []string, numbers []int64) func(...any) error {
	return func(into ...any) error {
		for _, one := range into {
			switch one := one.(type) {
			case *string:
				*one, texts = texts[0], texts[1:]
			case *int64:
				*one, numbers = numbers[0], append(numbers[1:], numbers[0])
			case *int:
				*one, numbers = int(numbers[0]), append(numbers[1:], numbers[0])
			default:
				return errors.New("a column of another type")
			}
		}
		return nil
	}
}

// A row of the index names a file of its own camera and no other, or is an error.
func FuzzSegmentRow(f *testing.F) {
	f.Add("front/2026-11-22/10/100000.000.mp4", "front", "abc", "jpeg", int64(640), int64(1))
	f.Add("front/../../etc/passwd", "front", "abc", "jpeg", int64(-1), int64(1)<<62)
	f.Add("/etc/passwd", "../x", "", "", int64(0), int64(0))
	f.Fuzz(func(t *testing.T, file, camera, epoch, codec string, a, b int64) {
		info, err := scanSegment(row([]string{file, camera, epoch, codec}, []int64{a, b}))
		if err != nil {
			return
		}
		if _, err := frame.ParseCameraID(string(info.Camera)); err != nil {
			t.Errorf("camera %q", info.Camera)
		}
		if path.IsAbs(info.Path) || path.Clean(info.Path) != info.Path || !strings.HasPrefix(info.Path, string(info.Camera)+"/") || strings.Contains(info.Path, "..") || strings.ContainsAny(info.Path, "\x00\\") {
			t.Errorf("path %q", info.Path)
		}
	})
}
