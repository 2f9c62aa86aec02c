package source

import (
	"image/color"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// serving opens what a camera at an URL answers.
func serving(t *testing.T, env Env, handler http.HandlerFunc) Source {
	t.Helper()
	src, err := openURL(t, camera(t, handler), env)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func tunable(t *testing.T, src Source) Tunable {
	t.Helper()
	tunable, ok := src.(Tunable)
	if !ok {
		t.Fatalf("%T takes no settings while it is open", src)
	}
	return tunable
}

// The test pattern goes on with the next number, in another quality and at another rate.
func TestTestPatternIsTunedWhileItIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := tunable(t, openTest(t, Spec{Kind: KindTest, FPS: 10}, Env{Quality: 90}))
		take := func() Picture {
			t.Helper()
			pic, err := src.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return pic
		}
		first, before := take(), take()
		src.SetQuality(10)
		after := take()
		if len(after.Data) > len(before.Data)*2/3 {
			t.Errorf("%d bytes at quality 10, %d at 90", len(after.Data), len(before.Data))
		}
		if n, ok := ReadTestNumber(decode(t, after.Data)); !ok || n != 3 {
			t.Errorf("picture %d follows the second, %v", n, ok)
		}
		if took := before.Captured.Sub(first.Captured); took != 100*time.Millisecond {
			t.Errorf("%v between pictures at 10 fps", took)
		}
		src.SetRate(2)
		next := take()
		if took := next.Captured.Sub(after.Captured); took != 500*time.Millisecond || src.Info().FPS != 2 {
			t.Errorf("%v between pictures at 2 fps, Info says %g", took, src.Info().FPS)
		}
		src.SetRate(0)
		if src.Info().FPS != 15 {
			t.Errorf("%g fps where none is asked, want 15", src.Info().FPS)
		}
	})
}

// A new rate does not wait for the end of a long interval of the old, and the next picture is the next.
func TestImagesAreTunedWhileTheyAreOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		pictures := [][]byte{noiseJPEG(t, 1, 16), noiseJPEG(t, 2, 16)}
		writeFile(t, dir, "1.jpg", pictures[0])
		writeFile(t, dir, "2.jpg", pictures[1])
		writeFile(t, dir, "3.png", pngOf(t, color.NRGBA{R: 200, A: 255}))
		src := tunable(t, openImages(t, Spec{Kind: KindImages, Address: dir, FPS: 0.01}, Env{Quality: 95}))
		began := time.Now()
		if _, err := src.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(3*time.Second, func() { src.SetRate(1) })
		second, err := src.Next(t.Context())
		if err != nil || string(second.Data) != string(pictures[1]) {
			t.Fatalf("not the second picture: %v", err)
		}
		if took := second.Captured.Sub(began); took != 3*time.Second {
			t.Errorf("the second picture came after %v, the rate was raised after 3s", took)
		}
		src.SetQuality(1)
		third, err := src.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		whole, err := encodePNG(pngOf(t, color.NRGBA{R: 200, A: 255}), 95)
		if err != nil || len(third.Data) >= len(whole) {
			t.Errorf("%d bytes at quality 1, %d at 95, %v", len(third.Data), len(whole), err)
		}
	})
}

// A picture that is polled is asked for at the new rate at once.
func TestPolledPictureIsTunedWhileItIsOpen(t *testing.T) {
	picture := noiseJPEG(t, 1, 16)
	src := tunable(t, serving(t, Env{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write(picture)
	}))
	if _, err := src.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	src.SetRate(0.001) // by itself the next comes in a quarter of an hour
	src.SetRate(1000)
	for range 5 {
		if _, err := src.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if src.Info().FPS != 1000 {
		t.Errorf("Info %+v", src.Info())
	}
}

// Pictures are stamped by the clock that was given.
func TestPicturesAreStampedByTheGivenClock(t *testing.T) {
	now := func() time.Time { return time.Now().Add(-time.Hour) }
	dir := t.TempDir()
	picture := noiseJPEG(t, 1, 16)
	writeFile(t, dir, "1.jpg", picture)
	for name, src := range map[string]Source{
		"test":   openTest(t, Spec{Kind: KindTest}, Env{Now: now}),
		"images": openImages(t, Spec{Kind: KindImages, Address: dir}, Env{Now: now}),
		"http": serving(t, Env{Now: now}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(picture)
		}),
		"stream": serving(t, Env{Now: now}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=b")
			_, _ = w.Write([]byte("--b\r\nContent-Type: image/jpeg\r\n\r\n" + string(picture) + "\r\n--b\r\n"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}),
	} {
		pic, err := src.Next(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if age := time.Since(pic.Captured); age < time.Hour || age > time.Hour+20*time.Second {
			t.Errorf("%s: captured %v ago, by the given clock just now", name, age)
		}
	}
}
