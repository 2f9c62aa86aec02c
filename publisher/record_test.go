package publisher

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/config"
	"github.com/lensbus/lensbus/config/bytesize"
	"github.com/lensbus/lensbus/frame"
)

func TestRecordInTheFile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       *bus.StreamLimits // nil: not recorded
		err        string
	}{
		{name: "nothing", text: "source: 'test:'"},
		{name: "true", text: "source: 'test:'\nrecord: true", want: &bus.StreamLimits{Age: time.Hour, Bytes: 1 << 30, Replicas: 1}},
		{name: "false", text: "source: 'test:'\nrecord: false"},
		{name: "an empty mapping", text: "source: 'test:'\nrecord: {}", want: &bus.StreamLimits{Age: time.Hour, Bytes: 1 << 30, Replicas: 1}},
		{name: "the key alone", text: "source: 'test:'\nrecord:\n  # buffer_age: 2h", want: &bus.StreamLimits{Age: time.Hour, Bytes: 1 << 30, Replicas: 1}},
		{name: "limits", text: "source: 'test:'\nrecord: {buffer_age: 10m, buffer_bytes: 64MiB, replicas: 3, keep_age: 720h, keep_bytes: 5GiB}", want: &bus.StreamLimits{Age: 10 * time.Minute, Bytes: 64 << 20, Replicas: 3}},
		{name: "without a source, as for a broker", text: "record: true", want: &bus.StreamLimits{Age: time.Hour, Bytes: 1 << 30, Replicas: 1}},
		{name: "a text", text: "source: 'test:'\nrecord: 'yes'", err: "record: want a mapping"},
		{name: "a number", text: "source: 'test:'\nrecord: 1", err: "record: want a mapping"},
		{name: "an unknown key", text: "source: 'test:'\nrecord: {buffer_time: 1h}", err: "buffer_time"},
		{name: "too short", text: "source: 'test:'\nrecord: {buffer_age: 1s}", err: "buffer_age: 1s is outside 10s"},
		{name: "too long", text: "source: 'test:'\nrecord: {buffer_age: 900000h}", err: "buffer_age: 900000h0m0s is outside"},
		{name: "negative", text: "source: 'test:'\nrecord: {keep_age: -1h}", err: "keep_age: -1h0m0s"},
		{name: "too little", text: "source: 'test:'\nrecord: {buffer_bytes: 1MiB}", err: "buffer_bytes: 1MiB is less than 16MiB"},
		{name: "no unit", text: "source: 'test:'\nrecord: {buffer_bytes: 1000000000}", err: "buffer_bytes"},
		{name: "two servers", text: "source: 'test:'\nrecord: {replicas: 2}", err: "replicas: 2: want 1, 3 or 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f struct {
				Cameras map[frame.CameraID]CameraConfig `yaml:"cameras"`
			}
			text := "cameras:\n  front:\n    " + strings.ReplaceAll(c.text, "\n", "\n    ") + "\n"
			err := config.Decode("f.yaml", []byte(text), func(string) (string, bool) { return "", false }, &f)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := bus.Recorded{}
			if c.want != nil {
				want["front"] = *c.want
			}
			if diff := cmp.Diff(want, (Config{Cameras: f.Cameras}).Recorded()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhoPublishesNeedsASource(t *testing.T) {
	err := Config{Cameras: map[frame.CameraID]CameraConfig{"front": {Record: &RecordConfig{}}}}.Validate()
	if err == nil || !strings.Contains(err.Error(), "camera front: no source") {
		t.Error(err)
	}
}

func TestLimitsAreNoReasonToBeginAnew(t *testing.T) {
	camera := CameraConfig{Source: "test:", Record: &RecordConfig{BufferAge: time.Hour}}
	other := CameraConfig{Source: "test:", Record: &RecordConfig{KeepBytes: bytesize.GiB}}
	if !camera.sameLife(other) {
		t.Error("other limits interrupt the camera")
	}
	for _, to := range []CameraConfig{{Source: "test:"}, {Source: "test:", Record: &RecordConfig{Off: true}}, {Source: "test:?fps=5", Record: camera.Record}} {
		if camera.sameLife(to) {
			t.Errorf("%+v goes on as it was", to)
		}
	}
}
