package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

func TestDoctorLooksAtCredentials(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "auth")
	folder := auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	path, err := folder.Add(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front", "yard"}}, auth.AddOptions{Certificate: true})
	if err != nil {
		t.Fatal(err)
	}
	p := healthy()
	p.creds, p.file.Broker.Auth, p.file.Web.Auth = path, dir, dir
	has := func(found []finding, status status, text string) {
		t.Helper()
		for _, f := range found {
			if f.Status == status && strings.Contains(f.Text, text) && (status == ok || f.Do != "" || strings.Contains(f.Text, "chmod")) {
				return
			}
		}
		t.Errorf("no %s with %q in %+v", status, text, found)
	}
	found := checkCredentials(t.Context(), p)
	has(found, ok, path+" is viewer alice, for cameras front,yard")
	has(found, ok, dir+" has 2 users of the broker and 0 people of the page")
	if len(found) != 2 || p.who == nil || p.who.Name != "alice" {
		t.Errorf("%+v", found)
	}
	for _, name := range []string{path, folder.Path(auth.CAKeyFile), folder.Path(auth.KeyFile)} {
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found = checkCredentials(t.Context(), p)
	has(found, fail, "alice.creds: others can read it")
	has(found, fail, "others can read "+folder.Path(auth.CAKeyFile))
	has(found, fail, "others can read "+folder.Path(auth.KeyFile))
	if err := os.Remove(folder.Path(auth.CertificateFile)); err != nil {
		t.Fatal(err)
	}
	has(checkCredentials(t.Context(), p), fail, "server.crt")
	p.creds = filepath.Join(dir, "nobody.creds")
	has(checkCredentials(t.Context(), p), fail, "nobody.creds")
	p.file.Broker.Auth, p.file.Web.Auth = t.TempDir(), ""
	has(checkCredentials(t.Context(), p), fail, "no users in ")
}

func TestCertificateEnding(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "auth")
	folder := auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(folder.Path(auth.CertificateFile))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, test := range []struct {
		after time.Duration
		want  status
		text  string
	}{
		{0, "", ""},
		{360 * 24 * time.Hour, "", ""},
		{380 * 24 * time.Hour, warn, "it expires on "},
		{400 * 24 * time.Hour, fail, "it has expired on "},
		{-24 * time.Hour, fail, "is this machine's clock right?"},
	} {
		found := certificateEnding("it", data, now.Add(test.after), "repair")
		if test.want == "" {
			if len(found) > 0 {
				t.Errorf("after %s: %+v", test.after, found)
			}
			continue
		}
		if len(found) != 1 || found[0].Status != test.want || !strings.Contains(found[0].Text, test.text) || found[0].Do == "" {
			t.Errorf("after %s: %+v, want %s with %q", test.after, found, test.want, test.text)
		}
	}
	if found := certificateEnding("it", []byte("nonsense"), now, "repair"); len(found) != 1 || found[0].Status != fail {
		t.Errorf("%+v", found)
	}
}
