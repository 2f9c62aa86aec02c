package cli

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/viewer/web"
)

func TestExampleFilesLoad(t *testing.T) {
	t.Setenv("CAM_PASSWORD", "p%40ss")
	paths, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(paths) < 6 {
		t.Fatalf("examples: %v, %v", paths, err)
	}
	for _, path := range paths {
		var f file
		if err := (&fileFlag{Config: path}).load(&f); err != nil {
			t.Error(err)
			continue
		}
		for section, err := range map[string]error{
			"broker": f.Broker.Validate(), "web": f.Web.Validate(), "view": f.View.Validate(), "metrics": f.Metrics.Validate(),
			"recorder": f.Recorder.Validate(),
			"cameras":  f.published().Validate(),
		} {
			if err != nil {
				t.Errorf("%s: %s: %v", path, section, err)
			}
		}
	}
}

// The demo's file is what `lensbus up` does without one, and states the defaults as they are.
func TestDemoFileIsTheDemo(t *testing.T) {
	var f file
	if err := (&fileFlag{Config: "../configs/demo.yaml"}).load(&f); err != nil {
		t.Fatal(err)
	}
	want := file{Cameras: demoCameras(), Broker: broker.Config{}.OrDefaults(), Web: web.Config{}.OrDefaults()}
	f.Web = f.Web.OrDefaults() // the example has the most important ones only
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
}
