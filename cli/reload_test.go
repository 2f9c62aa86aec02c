package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// load reads a file as a command does.
func load(t *testing.T, text string) fileFlag {
	t.Helper()
	flag := fileFlag{Config: filepath.Join(t.TempDir(), "lensbus.yaml")}
	if err := os.WriteFile(flag.Config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := flag.load(new(file)); err != nil {
		t.Fatal(err)
	}
	return flag
}

// What a file that is read again has changed besides its cameras is named as the file has it.
func TestSettingsThatNeedARestart(t *testing.T) {
	const before = `
server: nats://127.0.0.1:4222
broker: {listen: "127.0.0.1:4222", max_payload: 4MiB}
web: {listen: "127.0.0.1:8080"}
cameras: {front: {source: "test:"}}
`
	const after = `
context: lab
broker: {listen: "127.0.0.1:4223", max_payload: 4MiB, tls: {certificate: a.pem, key: b.pem}}
web: {listen: "127.0.0.1:8080", hosts: [cams.example]}
cameras: {front: {source: "test:?fps=5"}, yard: {source: "test:"}}
recorder: {dir: /srv/recordings, cameras: [front], min_free: 2GiB}
metrics: {listen: "127.0.0.1:9100"}
`
	was, now := load(t, before), load(t, after)
	want := []string{"broker.listen", "broker.tls.certificate", "broker.tls.key", "context", "metrics.listen", "recorder.dir", "recorder.min_free", "server", "web.hosts"}
	got := settingsThatDiffer(was.read.after, now.read.after)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := settingsThatDiffer(was.read.after, now.read.after, func(f *file) { f.Recorder.MinFree = 0 }); slices.Contains(got, "recorder.min_free") || !slices.Contains(got, "recorder.dir") {
		t.Errorf("with what is taken left out: %q", got)
	}
	if got := settingsThatDiffer(was.read.after, was.read.after); len(got) > 0 {
		t.Errorf("nothing has changed, but %q", got)
	}
}

// A SIGHUP that comes before the cameras run is a request to read the file, not the end.
func TestHangupBeforeTheRolesRun(t *testing.T) {
	missing := fileFlag{Config: filepath.Join(t.TempDir(), "missing.yaml")}
	for name, command := range map[string]interface {
		Run(context.Context, *session) error
	}{
		"publish": &publishCommand{fileFlag: missing}, "up": &upCommand{fileFlag: missing}, "broker": &brokerCommand{fileFlag: missing},
		"provision": &provisionCommand{fileFlag: missing, Stay: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, l, _, _ := lifeOf(t)
			if err := command.Run(ctx, &session{life: l}); err == nil {
				t.Fatal("runs without its file")
			}
			if !l.reload() {
				t.Error("a SIGHUP at this time ends the process")
			}
		})
	}
}
