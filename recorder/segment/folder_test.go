package segment_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

func TestList(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 10), 40)
	var want []string
	for i := range 4 {
		want = append(want, write(t, d, all[10*i:10*i+10], 3).Path)
	}
	slices.Sort(want)
	w := create(t, d, &all[5], segment.Options{})
	for _, p := range []string{"index.sqlite", "front/readme", "front/2026/11/22/x.mp4", "BAD/2026/11/22/20261122T101500.123456789Z.mp4"} {
		if err := os.MkdirAll(filepath.Dir(full(d, p)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full(d, p), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got, parts []string
	for e, err := range d.List("front") {
		if err != nil {
			t.Fatal(err)
		}
		if e.State == segment.StateWhole {
			got = append(got, e.Path)
		} else {
			parts = append(parts, e.Path)
		}
	}
	if !slices.Equal(got, want) || !slices.Equal(parts, []string{w.Info().Path}) {
		t.Errorf("listed %q and %q, want %q", got, parts, want)
	}
	for e, err := range d.List("none") {
		t.Errorf("a camera without segments: %+v, %v", e, err)
	}
	w.Abort()
	for _, p := range append(want, want[0]) {
		if err := d.Remove(p); err != nil {
			t.Error(err)
		}
	}
	if err := d.Remove("front/readme"); err == nil {
		t.Error("removed what is no segment")
	}
	if _, err := os.Stat(full(d, "front/2026/11/22/x.mp4")); err != nil {
		t.Errorf("more is gone: %v", err)
	}
	if err := os.Remove(full(d, "front/2026/11/22/x.mp4")); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(write(t, d, all, 5).Path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(full(d, "front/2026")); !os.IsNotExist(err) {
		t.Errorf("empty folders stay: %v", err)
	}
	write(t, d, all, 5)
}

func TestParsePath(t *testing.T) {
	good := "front/2026/11/22/20261122T101500.123456789Z.mp4"
	if p := segment.Path("front", day().In(time.FixedZone("", 3600))); p != good {
		t.Errorf("Path = %s", p)
	}
	for _, p := range []string{good, good + ".part", good + ".damaged", "front/2026/11/22/20261122T101500.123456789Z-2.mp4"} {
		n, err := segment.ParsePath(p)
		if err != nil || n.Path() != p || !n.Start.Equal(day()) || n.Camera != "front" {
			t.Errorf("%s: %+v, %v", p, n, err)
		}
	}
	for _, p := range []string{
		"", "/" + good, "../" + good, good + "x", "Front" + good[5:], "..", "front/../front" + good[5:], "fr/ont" + good[5:],
		"front/2026/11/23/20261122T101500.123456789Z.mp4",
		"front/2026/11/22/20261122T101500.12345678Z.mp4",
		"front/2026/13/22/20261322T101500.123456789Z.mp4",
		"front/2026/11/22/20261122T101500.123456789Z-0.mp4",
		"front/2026/11/22/20261122T101500.123456789Z-1.mp4.mp4",
		"front/0001/01/01/00010101T000000.000000000Z.mp4",
		"front//2026/11/22/20261122T101500.123456789Z.mp4",
	} {
		if n, err := segment.ParsePath(p); err == nil {
			t.Errorf("%q is taken: %+v", p, n)
		}
	}
}
