package e2e

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
)

// secret is every camera's password here. Nothing that lensbus says may have it, nor any form of it.
const secret = "s3cr3t-pass"

// sink is everything that lensbus has said anywhere.
type sink struct {
	mu   sync.Mutex
	text map[string]*bytes.Buffer // by where
}

func (s *sink) add(where, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text[where] == nil {
		s.text[where] = new(bytes.Buffer)
	}
	s.text[where].WriteString(text + "\n")
}

func (s *sink) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for where, text := range s.text {
		t.Logf("%s: %d bytes looked through", where, text.Len())
		for line := range strings.Lines(text.String()) {
			for _, form := range []string{secret, "czNjcjN0LXBhc3M", "OnMzY3IzdC1wYXNz", "zM2NyM3QtcGFzc"} { // base64 at each of three places
				if strings.Contains(line, form) {
					t.Errorf("%s shows the password: %s", where, last(line))
				}
			}
		}
	}
}

// TestCredentialsNeverShow: cameras with passwords that work, that are refused, and that fail in
// every way, at debug level and with everything that OpenCV and FFmpeg can say. What is looked
// through are logs, statuses, the page's interfaces, metrics and the capture processes' own
// arguments and environment.
func TestCredentialsNeverShow(t *testing.T) {
	t.Parallel()
	said := &sink{text: map[string]*bytes.Buffer{}}
	host := strings.TrimPrefix(guardedCamera(t, noise(t, 1, 320, 240, 75)[0]), "http://")
	nobody := free.Address(t)
	black := muteServer(t).address
	login := "admin:" + secret + "@"
	sources := map[string]string{
		"works":      "http://" + login + host + "/ok?token=" + secret,
		"refused":    "http://wrong:" + secret + "x@" + host + "/ok",
		"html":       "http://" + login + host + "/html",
		"redirected": "http://" + login + host + "/redirect?password=" + secret,
		"breaks":     "http://" + login + host + "/breaks",
		"nobody":     "http://" + login + nobody + "/",
		"mute":       "http://" + login + black + "/" + "?pwd=" + secret,
		"tls":        "https://" + login + host + "/ok",
		"rtsp":       "rtsp://" + login + nobody + "/stream?user=admin&password=" + secret,
		"rtsp-http":  "rtsp://" + login + host + "/stream",
		"rtsp-mute":  "rtsp://" + login + black + "/stream",
		"pipeline":   "opencv:rtspsrc location=rtsp://" + login + nobody + "/s user-id=admin user-pw=" + secret + " ! decodebin ! videoconvert ! appsink",
		"ffmpeg":     "opencv:http://" + login + host + "/html",
		"ffmpeg-ok":  "opencv:http://" + login + host + "/ok",
	}
	// They come from a file that takes the password from the environment, as people should have it.
	var config strings.Builder
	config.WriteString("cameras:\n")
	for id, source := range sources {
		config.WriteString("  " + id + ":\n    open_timeout: 2s\n    read_timeout: 2s\n    source: " + strconv.Quote(strings.ReplaceAll(source, secret, "${CAM_SECRET}")) + "\n")
	}
	path := writeConfig(t, config.String())
	env := []string{"CAM_SECRET=" + secret, "OPENCV_LOG_LEVEL=VERBOSE", "OPENCV_VIDEOIO_DEBUG=1", "OPENCV_FFMPEG_DEBUG=1", "OPENCV_FFMPEG_LOGLEVEL=56", "GST_DEBUG=4"}

	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	statuses := subscribe(t, connect(t, url), "cam.*.status")
	web := start(t, "web", "--server", url, "--listen", "127.0.0.1:0", "--log-level", "debug")
	page := web.pageURL()
	publisher := startWith(t, env, "publish", "-c", path, "--server", url, "--log-level", "debug")

	// Until every camera that cannot work has failed twice, and its capture processes were looked at.
	failures := map[frame.CameraID]int{}
	before := map[frame.CameraID]frame.State{}
	looked := map[int]bool{}
	eventually(t, "every camera but the good ones has failed twice", func() bool {
		for len(statuses.messages) > 0 {
			m := statuses.next()
			said.add("statuses on NATS", string(m.Data))
			s, err := frame.DecodeStatus(m.Subject, m.Data)
			if err != nil {
				t.Fatal(err)
			}
			if s.State == frame.StateLost && before[s.ID] != frame.StateLost {
				failures[s.ID]++
			}
			before[s.ID] = s.State
		}
		for _, pid := range publisher.children() {
			if !looked[pid] {
				looked[pid] = true
				text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline") // it may have ended
				said.add("the capture processes' arguments", strings.ReplaceAll(string(text), "\x00", "\n"))
			}
		}
		for id := range sources {
			works := id == "works" || id == "redirected" || id == "ffmpeg-ok" && lensbus(t).opencv
			if !works && failures[frame.CameraID(id)] < 2 {
				return false
			}
		}
		return before["works"] == frame.StateLive
	})
	watching := openStream(t, page, "works") // so that there is something to count
	watching.next()
	for _, path := range []string{"/api/cameras", "/metrics", "/"} {
		_, body := get(t, page+path)
		said.add("the page's "+path, body)
	}
	if code, stdout, stderr := answer(t, "cameras", "--wait", "2.1s", "--server", url); code != 0 || !strings.Contains(stdout, "works") {
		t.Errorf("cameras: exit code %d, %s", code, stderr)
	} else {
		said.add("lensbus cameras", stdout+stderr)
	}
	publisher.end(signals(0))
	for name, p := range map[string]*process{"the publisher": publisher, "the page's server": web} {
		said.add(name+"'s standard error", p.stderr.String())
		said.add(name+"'s standard output", p.stdout.String())
	}
	said.check(t)
}

// TestCredentialsNeverShowInUsageErrors: what people type wrong may have a password in it.
func TestCredentialsNeverShowInUsageErrors(t *testing.T) {
	t.Parallel()
	said := &sink{text: map[string]*bytes.Buffer{}}
	camera := "rtsp://admin:" + secret + "@127.0.0.1/stream"
	for _, args := range [][]string{
		{"publish", "--camera", camera},
		{"publish", "--camera", "Front=" + camera},
		{"publish", "--camera", "front=" + strings.Replace(camera, "rtsp", "rtmp", 1)},
		{"publish", "--camera", "front=rtsp://admin:" + secret + "#1@127.0.0.1/"},
		{"publish", "--camera", "front=file:" + camera},
		{"publish", "front=" + camera},
		{"publish", "--camera", "-front=" + camera},
		{"publish", "--camra=front=" + camera},
		{"publish", "--camera", "front=test:", "--server", "natz://admin:" + secret + "@127.0.0.1"},
		{"publish", "--camera", "front=test:", "--server", "nats://admin:" + secret + "@127.0.0.1:port"},
		{"snapshot", camera, "-o", "-"},
		{"view", camera},
		{"up", "-c", writeConfig(t, "cameras:\n  front: "+camera+"\n")},
		{"up", "-c", writeConfig(t, "cameras:\n  front:\n    source: ["+camera+"]\n")},
		{"up", "-c", writeConfig(t, "cameras:\n  front:\n    "+camera+": 1\n")},
		{"up", "-c", writeConfig(t, "cameras:\n  front:\n    source: rtsp://admin:${CAM_SECRET}#@127.0.0.1/\n")},
		{"up", "-c", writeConfig(t, "cameras:\n  front:\n    quality: ${CAM_SECRET}\n    source: 'test:'\n")},
	} {
		code, stdout, stderr := answerWith(t, []string{"CAM_SECRET=" + secret}, args...)
		if code != 2 || stdout != "" {
			t.Errorf("lensbus %q: exit code %d, %q, %s", args, code, stdout, stderr)
		}
		said.add("lensbus "+strings.ReplaceAll(strings.Join(args, " "), secret, "…"), stderr)
	}
	code, _, stderr := answer(t, "snapshot", "front", "-o", "-", "--server", "nats://admin:"+secret+"@"+free.Address(t))
	if code != 1 {
		t.Errorf("snapshot from a server that is not there: exit code %d", code)
	}
	said.add("lensbus snapshot", stderr)
	said.check(t)
}

// guardedCamera wants user and password, and fails in the way that its path says.
func guardedCamera(t *testing.T, good []byte) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, given, ok := r.BasicAuth(); !ok || name != "admin" || given != secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="camera"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/ok?password="+secret, http.StatusFound)
		case "/html":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>" + secret + "</html>"))
		default:
			w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=picture")
			for n := 0; writePart(w, good) == nil && pause(r.Context(), 10); n++ {
				if r.URL.Path == "/breaks" && n == 3 {
					panic(http.ErrAbortHandler)
				}
			}
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}
