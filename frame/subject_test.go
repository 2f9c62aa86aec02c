package frame_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

var subjects = []struct {
	subject string
	id      frame.CameraID // "": refused
	kind    frame.Kind
}{
	{"cam.front.frame", "front", frame.KindFrame},
	{"cam.front.preview", "front", frame.KindPreview},
	{"cam.front.status", "front", frame.KindStatus},
	{"cam.front.control.get", "front", frame.KindControl},
	{"cam.front.control.snapshot", "front", frame.KindControl},
	{"cam.0_-.frame", "0_-", frame.KindFrame},
	{"cam." + strings.Repeat("z", 32) + ".frame", frame.CameraID(strings.Repeat("z", 32)), frame.KindFrame},
	{"cam." + strings.Repeat("z", 33) + ".frame", "", ""},
	{"", "", ""},
	{"cam", "", ""},
	{"cam.", "", ""},
	{"cam.front", "", ""},
	{"cam.front.", "", ""},
	{"cam..frame", "", ""},
	{".front.frame", "", ""},
	{"Cam.front.frame", "", ""},
	{"cam.Front.frame", "", ""},
	{"cam.front.Frame", "", ""},
	{"cam.front.frames", "", ""},
	{"cam.front.frame.", "", ""},
	{"cam.front.frame.x", "", ""},
	{"cam.front.x.frame", "", ""},
	{"cam.*.frame", "", ""},
	{"cam.>", "", ""},
	{"cam.front.*", "", ""},
	{"cam.front.>", "", ""},
	{"cam.front.control", "", ""},
	{"cam.front.control.", "", ""},
	{"cam.front.control.*", "", ""},
	{"cam.front.control.>", "", ""},
	{"cam.front.control.get.more", "", ""},
	{"cam.front.control.get\n", "", ""},
	{"cam.front.control.ge\tt", "", ""},
	{"cam.front.control.\x1b[2J", "", ""},
	{"cam.front.control." + strings.Repeat("a", 1<<16), "", ""},
	{"cam../x.frame", "", ""},
	{"cam.front\x00.frame", "", ""},
	{"cam.front.frame\x00", "", ""},
	{"cam.front.frame ", "", ""},
	{" cam.front.frame", "", ""},
	{"rec.front.ranges", "", ""},
	{"$JS.API.INFO", "", ""},
	{"_INBOX.cam.front.frame", "", ""},
	{"cam." + strings.Repeat("front.", 1<<14) + "frame", "", ""},
}

func TestParseSubject(t *testing.T) {
	for _, c := range subjects {
		id, kind, err := frame.ParseSubject(c.subject)
		if id != c.id || kind != c.kind || (err == nil) != (c.id != "") {
			t.Errorf("%.60q: got %q, %q, %v", c.subject, id, kind, err)
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, frame.ErrSubject) && !errors.Is(err, frame.ErrCameraID) {
			t.Errorf("%.60q: an error of neither kind: %v", c.subject, err)
		}
		if len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("%.60q: an error of %d bytes that is not one short line", c.subject, len(err.Error()))
		}
	}
}

func TestSubjectsParseBack(t *testing.T) {
	for _, c := range cameraIDs {
		if !c.good {
			continue
		}
		id := frame.CameraID(c.id)
		for subject, kind := range map[string]frame.Kind{
			id.FrameSubject():           frame.KindFrame,
			id.PreviewSubject():         frame.KindPreview,
			id.StatusSubject():          frame.KindStatus,
			id.ControlSubject("get"):    frame.KindControl,
			id.ControlSubject("set"):    frame.KindControl,
			id.ControlSubject("a-verb"): frame.KindControl,
		} {
			gotID, gotKind, err := frame.ParseSubject(subject)
			if gotID != id || gotKind != kind || err != nil {
				t.Errorf("%s: got %q, %q, %v", subject, gotID, gotKind, err)
			}
		}
	}
}

// The names that scripts, permissions and other people's clients lean on.
func TestSubjectNames(t *testing.T) {
	id := frame.CameraID("front")
	for got, want := range map[string]string{
		id.FrameSubject():        "cam.front.frame",
		id.PreviewSubject():      "cam.front.preview",
		id.StatusSubject():       "cam.front.status",
		id.ControlSubject("set"): "cam.front.control.set",
		id.StreamName():          "FRAMES_front",
		frame.AllFrames:          "cam.*.frame",
		frame.AllStatuses:        "cam.*.status",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
