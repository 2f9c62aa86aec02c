package auth

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// Another URL leaves everything else of credentials as it is.
func TestRedirect(t *testing.T) {
	f, _ := initFolder(t)
	path, err := f.Add(User{Name: "second", Role: Recorder, Cameras: []frame.CameraID{"front", "yard"}, Durable: "nvr2"}, AddOptions{Server: "tls://a.example:4222", Certificate: true})
	if err != nil {
		t.Fatal(err)
	}
	before, err := ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	const elsewhere = "tls://b.example:4222,tls://c.example:4222"
	for _, want := range []bool{true, false} {
		if changed, err := f.Redirect("second", elsewhere); err != nil || changed != want {
			t.Fatalf("changed: %v, %v", changed, err)
		}
	}
	after, err := ReadCredentials(path)
	if err != nil || after.Server != elsewhere {
		t.Fatalf("%q, %v", after.Server, err)
	}
	after.Server = before.Server
	if !bytes.Equal(before.Encode(), after.Encode()) || after.Certificate == nil || after.CA == nil {
		t.Error("more than the server is another one")
	}
	if _, err := f.Redirect("second", "tls://a:b@c.example"); err == nil {
		t.Error("a URL with a user in it is taken")
	}
	if _, err := f.Redirect("third", elsewhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("credentials that are not there: %v", err)
	}
}
