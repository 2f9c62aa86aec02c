package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
)

// TestFaultyCamerasSayWhatIsWrong: each in one publisher beside a good camera, which does not notice.
func TestFaultyCamerasSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := noise(t, 4, 320, 240, 75)
	server := faultyCameras(t, good[0])
	film := filepath.Join(t.TempDir(), "film.mp4")
	if err := os.WriteFile(film, []byte("<html>this is no film</html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	cameras := map[string]struct{ source, want string }{
		"html":      {server + "/html", "text/html"},
		"missing":   {server + "/nothing", "404"},
		"mid-frame": {server + "/mid-frame", "in the middle of a picture"},
		"refused":   {"http://" + free.Address(t) + "/", "connection refused"},
		"no-images": {"images:" + empty, empty},
	}
	if lensbus(t).opencv {
		cameras["no-device"] = struct{ source, want string }{"v4l2:/dev/video97", "/dev/video97"}
		cameras["no-film"] = struct{ source, want string }{"file:" + film, film}
		cameras["no-file"] = struct{ source, want string }{"file:/nonexistent/film.mp4", "/nonexistent/film.mp4"}
		cameras["no-rtsp"] = struct{ source, want string }{"rtsp://" + free.Address(t) + "/stream", "rtsp://"}
	} else {
		cameras["no-device"] = struct{ source, want string }{"v4l2:/dev/video97", "OpenCV"}
		cameras["no-film"] = struct{ source, want string }{"file:" + film, "OpenCV"}
	}
	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	nc := connect(t, url)
	watcher := startViewer(t, url, "good")
	args := []string{"publish", "--server", url, "--camera", "good=" + newCamera(t, 20, good).url}
	statuses := map[string]*subscription{}
	for id, camera := range cameras {
		args = append(args, "--camera", id+"="+camera.source)
		statuses[id] = subscribe(t, nc, "cam."+id+".status")
	}
	p := start(t, args...)
	from := watcher.steady()
	for id, camera := range cameras {
		lost := statuses[id].status("lost", func(s frame.Status) bool { return s.State == frame.StateLost })
		t.Logf("%s: %s", id, lost.Reason)
		if !strings.Contains(lost.Reason, camera.want) || strings.Contains(lost.Reason, "\n") || len(lost.Reason) > 400 {
			t.Errorf("%s: the reason %q, want one line with %q", id, lost.Reason, camera.want)
		}
		p.say(&p.stderr, `level=WARN msg="camera lost, opening it again" camera=`+id)
	}
	if missed := watcher.gaps(from); missed > 0 {
		t.Errorf("the good camera has a gap of %d frames", missed)
	}
	p.end(signals(0))
}

// TestLyingCamerasLoseNoGoodPicture: what can be used of a stream is used.
func TestLyingCamerasLoseNoGoodPicture(t *testing.T) {
	t.Parallel()
	server := faultyCameras(t, noise(t, 1, 320, 240, 75)[0])
	for _, id := range []string{"too-long", "too-short", "garbage-between", "bombs-between", "truncated-between"} {
		t.Run(id, func(t *testing.T) {
			p := start(t, "publish", "--embed-broker", "--listen", "127.0.0.1:0", "--camera", id+"="+server+"/"+id)
			nc := connect(t, p.brokerURL())
			frames, statuses := subscribe(t, nc, "cam."+id+".frame"), subscribe(t, nc, "cam."+id+".status")
			for range 10 {
				f := frames.frame()
				if img := pixels(t, f.Data); !sameSize(img, 320, 240) || f.Width != 320 || f.Height != 240 {
					t.Fatalf("a picture of %v that says %dx%d", img.Bounds(), f.Width, f.Height)
				}
			}
			statuses.status("live with the true size", func(s frame.Status) bool { return s.State == frame.StateLive && s.Width == 320 && s.Height == 240 })
			if strings.HasSuffix(id, "-between") {
				statuses.status("the bad parts counted", func(s frame.Status) bool { return s.Dropped["invalid"] > 0 })
			}
			if peak := peakMemory(t, p); peak > 400<<20 {
				t.Errorf("the publisher took %d MB", peak>>20)
			}
		})
	}
}

// faultyCameras serves one camera a path, with the fault that it is called by.
func faultyCameras(t *testing.T, good []byte) (url string) {
	t.Helper()
	raw := func(w http.ResponseWriter, length int, data []byte) error {
		_, err := fmt.Fprintf(w, "--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", length, data)
		if err != nil {
			return err
		}
		return http.NewResponseController(w).Flush()
	}
	streams := map[string]func(w http.ResponseWriter, n int) error{
		"/mid-frame": func(w http.ResponseWriter, n int) error {
			if n == 3 {
				_ = raw(w, len(good), good[:len(good)/2])
				panic(http.ErrAbortHandler)
			}
			return raw(w, len(good), good)
		},
		"/too-long":  func(w http.ResponseWriter, n int) error { return raw(w, len(good)+500, good) },
		"/too-short": func(w http.ResponseWriter, n int) error { return raw(w, len(good)-500, good) },
		"/garbage-between": between(good, func(w http.ResponseWriter) error {
			return raw(w, 9, []byte("no JPEG!\n"))
		}),
		"/bombs-between":     between(good, func(w http.ResponseWriter) error { bomb := claim(good, 65500, 65500); return raw(w, len(bomb), bomb) }),
		"/truncated-between": between(good, func(w http.ResponseWriter) error { return raw(w, len(good)/2, good[:len(good)/2]) }),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/html" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html><title>Log in</title></html>"))
			return
		}
		send, ok := streams[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=picture")
		for n := 0; send(w, n) == nil; n++ {
			if !pause(r.Context(), 20) {
				return
			}
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// between sends something bad after each good picture.
func between(good []byte, bad func(http.ResponseWriter) error) func(http.ResponseWriter, int) error {
	return func(w http.ResponseWriter, n int) error {
		if n%2 == 1 {
			return bad(w)
		}
		return writePart(w, good)
	}
}
