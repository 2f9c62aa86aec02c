package auth

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
)

// A recorder's consumer is in the users file, in its credentials and in its rights, also after a new key.
func TestRecordersHaveConsumersOfTheirOwn(t *testing.T) {
	f, _ := initFolder(t)
	read := func(path string, err error) Credentials {
		t.Helper()
		var c Credentials
		if err == nil {
			c, err = ReadCredentials(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := read(f.Add(User{Name: "nvr", Role: Recorder, All: true}, AddOptions{}))
	read(f.Add(User{Name: "nvr2", Role: Recorder, Cameras: []frame.CameraID{"front"}, Durable: "copy"}, AddOptions{}))
	second := read(f.Rotate("nvr2", AddOptions{}))
	if first.User().DurableName() != DefaultDurable || second.User().DurableName() != "copy" {
		t.Errorf("%+v, %+v", first.User(), second.User())
	}
	users, err := f.Users()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[frame.CameraID][]string{"front": {"copy", "rec"}, "yard": {"rec"}} {
		if diff := cmp.Diff(want, Durables(users, id)); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
	rights := second.User().Rights().Publish
	if !slices.Contains(rights, "$JS.ACK.FRAMES_front.copy.>") || slices.ContainsFunc(rights, func(subject string) bool { return strings.Contains(subject, ".rec") }) {
		t.Errorf("%q", rights)
	}
}

func TestConsumersInUsersFiles(t *testing.T) {
	key := User{Name: "nvr", Role: Recorder, All: true}
	_, public, err := NewCredentials(key)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"nvr recorder KEY * durable=nvr2":        "",
		"nvr recorder KEY * durable=":            "5 words",
		"nvr recorder KEY * nvr2":                "5 words",
		"nvr recorder KEY * durable=a durable=b": "6 words",
		"nvr recorder KEY * durable=a.>":         "durable \"a.>\"",
		"nvr viewer KEY * durable=nvr2":          "a viewer has no consumer",
	} {
		users, err := ParseUsers([]byte(strings.Replace(line, "KEY", public, 1)))
		if want == "" {
			if err != nil || users[0].Durable != "nvr2" {
				t.Errorf("%s: %+v, %v", line, users, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}
