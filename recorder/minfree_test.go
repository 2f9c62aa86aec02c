package recorder_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lensbus/lensbus/config"
	"github.com/lensbus/lensbus/config/bytesize"
	"github.com/lensbus/lensbus/recorder"
)

// To say 0 is another thing than to say nothing.
func TestMinFree(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]recorder.MinFree{
		"recorder:":                           recorder.DefaultMinFree,
		"recorder: {dir: /srv}":               recorder.DefaultMinFree,
		"recorder: {min_free: 0}":             recorder.NoMinFree,
		"recorder: {min_free: 0B}":            recorder.NoMinFree,
		"recorder: {min_free: 5GiB}":          recorder.MinFree(5 * bytesize.GiB),
		"recorder: {dir: /srv, min_free: 1B}": 1,
	} {
		path := filepath.Join(t.TempDir(), "lensbus.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var file struct {
			Recorder recorder.Config `yaml:"recorder"`
		}
		if err := config.Load(path, &file); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := file.Recorder.OrDefaults().MinFree; got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
		if err := file.Recorder.Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"-1", "-1B", "5", "much"} {
		m := recorder.MinFree(7)
		if err := m.UnmarshalText([]byte(text)); err == nil || m != 7 {
			t.Errorf("%q is %d", text, m)
		}
	}
	for _, m := range []recorder.MinFree{recorder.NoMinFree, 17, recorder.DefaultMinFree} {
		var again recorder.MinFree
		if err := again.UnmarshalText([]byte(m.String())); err != nil || again != m {
			t.Errorf("%d is written %s and read %d, %v", m, m, again, err)
		}
	}
}
