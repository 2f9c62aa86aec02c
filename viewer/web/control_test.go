package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
)

// publish runs a real publisher until the end of the test and waits until it delivers.
func (b *bed) publish(t *testing.T, id frame.CameraID, source string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	conn := connect(t, b.broker.URL())
	go func() {
		ended <- publisher.Run(ctx, publisher.Config{Cameras: map[frame.CameraID]publisher.CameraConfig{id: {Source: source}}}, publisher.Deps{Bus: conn})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	waitFor(t, "camera "+string(id)+" is live", 10*time.Second, func() bool {
		camera, ok := b.server.cameras.Get(id)
		return ok && camera.State == frame.StateLive
	})
}

// post sends a change as a browser or a script does.
func (b *bed) post(t *testing.T, path, body string, header map[string]string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for key, value := range header {
		req.Header.Set(key, value)
	}
	resp, err := httpClient(t, nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}

func TestControl(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	b.publish(t, "front", "test:?width=320&height=240&fps=20")
	resp, body := get(t, "http://"+b.addr+"/api/cameras/front", nil)
	var detail frame.Detail
	if err := json.Unmarshal(body, &detail); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	if detail.Status.ID != "front" || detail.Settings.Width != 320 || detail.Controls == nil || detail.Sizes == nil {
		t.Errorf("%s", body)
	}
	resp, body = b.post(t, "/api/cameras/front/settings", `{"width":640,"height":360,"quality":33}`, nil)
	if err := json.Unmarshal(body, &detail); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	if want := (frame.Settings{Width: 640, Height: 360, FPS: 20, Quality: 33}); detail.Settings != want {
		t.Errorf("settings %+v, want %+v", detail.Settings, want)
	}
	waitFor(t, "pictures of the new size", 10*time.Second, func() bool {
		resp, _ := get(t, "http://"+b.addr+"/cameras/front/snapshot.jpg", nil)
		return resp.Header.Get(frame.HeaderWidth) == "640"
	})
}

// Whatever is asked wrongly is refused in words, and nothing has changed.
func TestControlRefuses(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	b.publish(t, "front", "test:?width=320&height=240&fps=20")
	const settings = "/api/cameras/front/settings"
	before := b.settings(t, "front")
	for name, test := range map[string]struct {
		path, body string
		header     map[string]string
		status     int
		says       string
	}{
		"unknown setting":     {settings, `{"brightness":3}`, nil, 400, "brightness"},
		"wrong type":          {settings, `{"width":"wide","height":2}`, nil, 400, "width"},
		"out of range":        {settings, `{"quality":101}`, nil, 400, "1 to 100"},
		"quality 0":           {settings, `{"quality":0}`, nil, 400, "1 to 100"},
		"negative size":       {settings, `{"width":-640,"height":-480}`, nil, 400, "16 to 16384"},
		"width alone":         {settings, `{"width":640}`, nil, 400, "together"},
		"not a number":        {settings, `{"fps":NaN}`, nil, 400, "JSON object"},
		"huge number":         {settings, `{"fps":1e400}`, nil, 400, "fps"},
		"fps 0.001":           {settings, `{"fps":0.001}`, nil, 400, "0.01 to 1000"},
		"no control":          {settings, `{"controls":{"brightness":3}}`, nil, 409, "no controls"},
		"control not integer": {settings, `{"controls":{"brightness":1.5}}`, nil, 400, "controls"},
		"nowhere to save":     {settings, `{"quality":50,"save":true}`, nil, 409, "--state"},
		"no JSON":             {settings, `quality=50`, nil, 400, "JSON object"},
		"nothing":             {settings, ``, nil, 400, "JSON object"},
		"null":                {settings, `null`, nil, 400, "JSON object"},
		"array":               {settings, `[]`, nil, 400, "JSON object"},
		"two objects":         {settings, `{"quality":50}{"quality":60}`, nil, 400, "JSON object"},
		"deep":                {settings, strings.Repeat(`{"controls":`, 5000) + `{}` + strings.Repeat(`}`, 5000), nil, 400, ""},
		"64 KiB and one":      {settings, `{"quality":50,"x":"` + strings.Repeat("x", frame.MaxControlBytes-20) + `"}`, nil, 413, "65536"},
		"10 MB":               {settings, `{"x":"` + strings.Repeat("x", 10<<20) + `"}`, nil, 413, "65536"},
		"a form":              {settings, `{"quality":50}`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"},
		"text":                {settings, `{"quality":50}`, map[string]string{"Content-Type": "text/plain"}, 415, "application/json"},
		"another site":        {settings, `{"quality":50}`, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "another site"},
		"another origin":      {settings, `{"quality":50}`, map[string]string{"Origin": "http://evil.example"}, 403, "another site"},
		"bad id":              {"/api/cameras/FRONT/settings", `{"quality":50}`, nil, 400, "id"},
		"bad id, dots":        {"/api/cameras/a.b/settings", `{"quality":50}`, nil, 400, "id"},
		"wildcard":            {"/api/cameras/*/settings", `{"quality":50}`, nil, 400, "id"},
		"nobody":              {"/api/cameras/nobody/settings", `{"quality":50}`, nil, 404, "nobody"},
	} {
		resp, body := b.post(t, test.path, test.body, test.header)
		var said struct{ Error string }
		if err := json.Unmarshal(body, &said); err != nil || resp.StatusCode != test.status || !strings.Contains(said.Error, test.says) || said.Error == "" {
			t.Errorf("%s: %s %.200s, want %d and %q", name, resp.Status, body, test.status, test.says)
		}
	}
	for path, status := range map[string]int{"/api/cameras/nobody": 404, "/api/cameras/FRONT": 400, "/api/cameras/a.b": 400} {
		if resp, body := get(t, "http://"+b.addr+path, nil); resp.StatusCode != status {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	if after := b.settings(t, "front"); after != before {
		t.Errorf("settings %+v, before %+v", after, before)
	}
}

func (b *bed) settings(t *testing.T, id frame.CameraID) frame.Settings {
	t.Helper()
	var detail frame.Detail
	if err := b.bus.Control(t.Context(), id, frame.VerbGet, nil, &detail); err != nil {
		t.Fatal(err)
	}
	return detail.Settings
}

// A body that trickles in does not hold its connection.
func TestControlBodyTricklesIn(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{HeaderWait: 300 * time.Millisecond})
	b.publish(t, "front", "test:?width=320&height=240")
	for _, path := range []string{"/api/cameras/front/settings", "/cameras/front/live", "/api/cameras"} {
		_, answer := raw(t, b.addr, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{")
		resp, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", path, resp.Status)
		}
		if _, err := io.Copy(io.Discard, answer); err != nil { // to its end, which raw bounds
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A camera whose publisher does not answer, answers nonsense, or answers for another.
func TestControlOfStrangePublishers(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	theirs := connect(t, b.broker.URL())
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for id, answer := range map[frame.CameraID]bus.Verb{
		"silent": func(ctx context.Context, _ []byte) (bus.Reply, error) {
			select {
			case <-hang:
			case <-ctx.Done():
			}
			return bus.Reply{}, nil
		},
		"nonsense": func(context.Context, []byte) (bus.Reply, error) { return bus.Reply{Data: []byte("<html>")}, nil },
		"another": func(context.Context, []byte) (bus.Reply, error) {
			return bus.JSONReply(frame.Detail{Status: frame.Status{ID: "front"}})
		},
		"teapot": func(context.Context, []byte) (bus.Reply, error) {
			return bus.Reply{}, &bus.ControlError{Code: 99, Text: "I am a teapot"}
		},
		"gone": func(context.Context, []byte) (bus.Reply, error) {
			return bus.Reply{}, &bus.ControlError{Code: 503, Text: "not now"}
		},
	} {
		stop, err := theirs.ServeCamera(t.Context(), id, "0.0.0", func() frame.Status { return frame.Status{ID: id} }, nil, map[string]bus.Verb{frame.VerbGet: answer})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	if err := theirs.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{"silent": 504, "nonsense": 502, "another": 502, "teapot": 502, "gone": 503} {
		resp, body := get(t, "http://"+b.addr+"/api/cameras/"+id, nil)
		if resp.StatusCode != want || !strings.HasPrefix(string(body), `{"error":"`) {
			t.Errorf("%s: %s %s, want %d", id, resp.Status, body, want)
		}
	}
}

func TestSnapshotWidth(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	b.publish(t, "front", "test:?width=640&height=480&fps=20")
	url := "http://" + b.addr + "/cameras/front/snapshot.jpg"
	for query, width := range map[string]int{"": 640, "?width=160": 160, "?width=640": 640, "?width=16384": 640} {
		resp, body := get(t, url+query, nil)
		img, err := jpeg.Decode(bytes.NewReader(body))
		if err != nil || img.Bounds().Dx() != width || resp.Header.Get(frame.HeaderWidth) != fmt.Sprint(width) {
			t.Errorf("%q: %s, %v, %v; want %d wide", query, resp.Status, err, resp.Header.Get(frame.HeaderWidth), width)
		}
		// In whole seconds: how old the picture may be is patience, because a busy machine takes its time.
		if age, err := strconv.Atoi(resp.Header.Get("Age")); err != nil || age < 0 || age > int(patience.Seconds()) {
			t.Errorf("%q: Age %q", query, resp.Header.Get("Age"))
		}
	}
	for _, query := range []string{"?width=0", "?width=-1", "?width=16385", "?width=wide", "?width=1e3", "?width=99999999999999999999"} {
		if resp, body := get(t, url+query, nil); resp.StatusCode != 400 {
			t.Errorf("%q: %s %.80s", query, resp.Status, body)
		}
	}
}

// Both ways to a preview carry small pictures where the publisher makes them, and the frames where it
// does not. The lease is given back when the last has gone.
func TestPreviews(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{Linger: -1})
	b.publish(t, "front", "test:?width=640&height=360&fps=30")
	newCamera(t, b.broker.URL(), "plain", 2000).run(30)
	for id, want := range map[string][2]int{"front": {480, 270}, "plain": {64, 48}} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		// Until the first small picture comes, which takes a busy publisher its time, there are frames.
		isFrame := func(width int) bool { return id == "front" && width == 640 }
		ws, err := dialSocket(ctx, t, b.addr, "/cameras/"+id+"/live?preview=1", nil, false)
		if err != nil {
			t.Fatal(err)
		}
		// Frames that a preview leaves out are not missed; of a busy machine some may really be.
		thinned := false
		for n, prev, lost := 0, uint64(0), uint64(0); n < 5 || (id == "front" && !thinned); {
			m, err := ws.next(ctx)
			if err != nil {
				t.Fatalf("%s: after %d frames, thinned %v: %v", id, n, thinned, err)
			}
			if m.Type != "frame" {
				continue
			}
			if n == 0 && isFrame(m.Width) {
				lost = m.Missed
				continue
			}
			n++
			if m.Width != want[0] || m.Height != want[1] || m.Seq <= prev || (n > 1 && m.Missed-lost > m.Seq-prev-1) {
				t.Errorf("%s: %s after frame %d with %d missed, want %v", id, m, prev, lost, want)
			}
			thinned = thinned || (n > 1 && m.Seq > prev+1 && m.Missed == lost)
			prev, lost = m.Seq, m.Missed
		}
		_ = ws.CloseNow()
		cancel()
		streaming, stop := context.WithTimeout(t.Context(), patience)
		n := 0
		_ = mjpeg(streaming, httpClient(t, nil), "http://"+b.addr+"/cameras/"+id+"/preview.mjpeg", func(p part) {
			info, err := frame.ScanJPEG(p.data, frame.Limits{})
			if n == 0 && isFrame(info.Width) {
				return
			}
			if err != nil || info.Width != want[0] || info.Height != want[1] {
				t.Errorf("%s: %dx%d, %v, want %v", id, info.Width, info.Height, err, want)
			}
			if n++; n == 5 {
				stop()
			}
		})
		if n < 5 {
			t.Errorf("%s: %d previews", id, n)
		}
		stop()
	}
	waitFor(t, "the leases to be given back", 10*time.Second, func() bool {
		var detail frame.Detail
		err := b.bus.Control(t.Context(), "front", frame.VerbGet, nil, &detail)
		return err == nil && detail.Status.Watchers == 0
	})
}

// A publisher whose clock is an hour ahead: the age is the true one, and says how wrong it may be.
func TestAgeAcrossClocks(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	const skew = time.Hour
	c := newCamera(t, b.broker.URL(), "front", 2000)
	theirClock := func() time.Time { return time.Now().Round(0).Add(skew) }
	watch := func(context.Context, []byte) (bus.Reply, error) { return bus.Reply{Data: []byte("{}")}, nil }
	stop, err := c.bus.ServeCamera(t.Context(), "front", "0.0.0", func() frame.Status { return frame.Status{ID: "front"} }, theirClock, map[string]bus.Verb{frame.VerbWatch: watch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	done := make(chan struct{})
	published := make(chan struct{})
	go func() {
		defer close(published)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				c.publish(theirClock().Add(-34 * time.Millisecond))
			}
		}
	}()
	t.Cleanup(func() { close(done); <-published })
	waitFor(t, "the camera to be listed", 10*time.Second, func() bool {
		c.status(frame.StateLive, "")
		return len(b.server.cameras.List()) == 1
	})
	ws, err := dialSocket(t.Context(), t, b.addr, "/cameras/front/live", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := ws.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != "frame" || m.UncertaintyMS == 0 {
			continue
		}
		// From capture to sending; the rest is this machine's scheduling.
		if m.AgeMS < 34-m.UncertaintyMS || m.AgeMS > 1000 {
			t.Errorf("age %v ± %v ms, captured 34 ms before it was published", m.AgeMS, m.UncertaintyMS)
		}
		break
	}
	var list []struct {
		Age         *float64 `json:"age_ms"`
		Offset      *float64 `json:"clock_offset_ms"`
		Uncertainty *float64 `json:"uncertainty_ms"`
		Live        bool     `json:"live"`
	}
	_, body := get(t, "http://"+b.addr+"/api/cameras", nil)
	if err := json.Unmarshal(body, &list); err != nil || len(list) != 1 || list[0].Age == nil || list[0].Offset == nil || list[0].Uncertainty == nil {
		t.Fatalf("%v %s", err, body)
	}
	if got, within := *list[0].Offset, *list[0].Uncertainty; within <= 0 || got < 3.6e6-within-1 || got > 3.6e6+within+1 || *list[0].Age > 5000 || !list[0].Live {
		t.Errorf("%s", body)
	}
}
