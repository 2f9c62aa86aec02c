package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/archive"
)

// recordedFrom is when the recordings of these tests begin.
func recordedFrom() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

// recordedBed is a bed with a recorder of camera front that has 10 frames a second: numbers 1 to 50,
// a hole of a minute, 51 to 60.
func recordedBed(t *testing.T, cfg Config) (*bed, *archive.Archive) {
	t.Helper()
	b := testBed(t, cfg)
	a := archive.New(t, connect(t, b.broker.URL()), "front")
	data := jpegOf(t, 64, 48, 4000)
	picture := func(seq uint64) []byte { return append(data[:len(data)-3:len(data)-3], byte(seq), 0xFF, 0xD9) }
	a.Fill(recordedFrom(), 10, 50, 1, picture)
	a.Fill(recordedFrom().Add(time.Minute), 10, 10, 51, picture)
	a.Miss(frame.Gap{From: recordedFrom().Add(4900 * time.Millisecond), To: recordedFrom().Add(time.Minute), Reason: frame.GapCamera})
	waitFor(t, "the recorder to answer", patience, func() bool {
		_, err := b.bus.Ranges(t.Context(), "front", time.Time{}, time.Time{})
		return err == nil
	})
	return b, a
}

const patience = 30 * time.Second

func TestRanges(t *testing.T) {
	b, _ := recordedBed(t, Config{})
	ask := func(path string) (answer rangesAnswer) {
		t.Helper()
		resp, body := get(t, "http://"+b.addr+path, nil)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %s %v %s", path, resp.Status, resp.Header, body)
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	all := ask("/api/cameras/front/ranges")
	if !all.Recorder || all.Camera != "front" || len(all.Spans) != 2 || all.Spans[0].Frames != 50 || len(all.Gaps) != 1 || all.Gaps[0].Reason != frame.GapCamera {
		t.Errorf("%+v", all)
	}
	some := ask("/api/cameras/front/ranges?from=2026-11-22T10:00:30Z&to=2026-11-22T10:02:00Z")
	if len(some.Spans) != 1 || some.Spans[0].Frames != 10 {
		t.Errorf("%+v", some)
	}
	_, body := get(t, "http://"+b.addr+"/api/cameras/attic/ranges", nil)
	if got := string(body); !strings.Contains(got, `"recorder":false`) || !strings.Contains(got, `"spans":[]`) || !strings.Contains(got, `"gaps":[]`) {
		t.Errorf("of a camera without recorder: %s", got)
	}
}

// Whatever a query says, the answer is a refusal in one line, from all three.
func TestPeriodsThatMakeNoSense(t *testing.T) {
	b, a := recordedBed(t, Config{})
	for _, query := range []string{
		"from=yesterday", "to=yesterday", "from=2026-11-22", "from=2026-11-22T10:00:00", "from=1e9",
		"from=2026-11-22T10:00:01Z&to=2026-11-22T10:00:00Z", "from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z",
		"from=1969-12-31T23:59:59Z", "to=2300-01-01T00:00:00Z", "from=0001-01-01T00:00:01Z", "from=-600000h",
		"from=90s", "from=0s", "from=-", "from=-1d", "from=+10m", "from=-9999999999999999999h",
		"from=%00", "from=%0d%0aSet-Cookie:+a=b", "from=" + url.QueryEscape(`<script>alert(1)</script>`), "from=" + strings.Repeat("9", 5000),
		"from=2026-11-22T10:00:00Z&from=2026-11-22T10:00:01Z",
		"from=%ff%fe", "to=" + url.QueryEscape("2026-11-22T10:00:00Z'; DROP TABLE segments"),
	} {
		for _, path := range []string{"/api/cameras/front/ranges", "/cameras/front/replay", "/cameras/front/export.mp4"} {
			resp, body := get(t, "http://"+b.addr+path+"?"+query, nil)
			if resp.StatusCode != http.StatusBadRequest || strings.Count(string(body), "\n") > 1 || len(body) > 500 || resp.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s?%.60s: %s, %.200s", path, query, resp.Status, body)
			}
		}
	}
	for _, query := range []string{"speed=0", "speed=-1", "speed=NaN", "speed=Inf", "speed=1e9", "speed=fast", "speed=0x1p4000", "gaps=all"} {
		if resp, body := get(t, "http://"+b.addr+"/cameras/front/replay?"+query, nil); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("replay?%s: %s, %s", query, resp.Status, body)
		}
	}
	for _, id := range []string{"..", "a.b", "*", "%3E", "Front", "a%2Fb", "%00", strings.Repeat("a", 33)} {
		for _, path := range []string{"/api/cameras/" + id + "/ranges", "/cameras/" + id + "/replay", "/cameras/" + id + "/export.mp4"} {
			if resp, _ := get(t, "http://"+b.addr+path, nil); resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, resp.Status)
			}
		}
	}
	if n := len(a.Asked()); n != 0 {
		t.Errorf("%d of these reached the recorder", n)
	}
}

func TestPeriod(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for query, want := range map[string]string{
		"":                                     "0001-01-01T00:00:00Z 0001-01-01T00:00:00Z",
		"from=&to=":                            "0001-01-01T00:00:00Z 0001-01-01T00:00:00Z",
		"from=-90s":                            "2026-11-22T11:58:30Z 0001-01-01T00:00:00Z",
		"from=-1h&to=-59m30s":                  "2026-11-22T11:00:00Z 2026-11-22T11:00:30Z",
		"from=2026-11-22T10:00:00.000000001Z":  "2026-11-22T10:00:00.000000001Z 0001-01-01T00:00:00Z",
		"from=2026-11-22T10:00:00%2B01:00":     "2026-11-22T09:00:00Z 0001-01-01T00:00:00Z",
		"to=2026-11-22T10:00:00+01:00":         "0001-01-01T00:00:00Z 2026-11-22T09:00:00Z",
		"from=2026-11-22T10:00:00Z&to=-1m":     "2026-11-22T10:00:00Z 2026-11-22T11:59:00Z",
		"from=1970-01-01T00:00:00.000000001Z&": "1970-01-01T00:00:00.000000001Z 0001-01-01T00:00:00Z",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		from, to, err := period(q, now)
		if got := from.UTC().Format(time.RFC3339Nano) + " " + to.UTC().Format(time.RFC3339Nano); err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", query, got, err, want)
		}
	}
}

// What a recorder refuses has a status that says so, as long as nothing has been sent.
func TestRecorderRefuses(t *testing.T) {
	b, a := recordedBed(t, Config{})
	for code, want := range map[int]int{404: 404, 409: 409, 429: 503, 503: 503, 500: 500, 7: 502} {
		a.Refuse(&bus.RecorderError{Code: code, Text: "because of this"})
		says := "because of this\n"
		if code == 429 { // that was said to the page, which asks for many
			says = "the recorder of camera front has no room for another replay or export now\n"
		}
		resp, body := get(t, "http://"+b.addr+"/cameras/front/export.mp4", nil)
		if resp.StatusCode != want || string(body) != says || resp.Header.Get("Content-Disposition") != "" {
			t.Errorf("export, the recorder says %d: %s %q %v", code, resp.Status, body, resp.Header)
		}
		if code == 404 { // nothing there is no reason not to watch for it
			continue
		}
		resp, body = get(t, "http://"+b.addr+"/cameras/front/replay", nil)
		if resp.StatusCode != want || string(body) != says {
			t.Errorf("replay, the recorder says %d: %s %q", code, resp.Status, body)
		}
	}
	for _, path := range []string{"/cameras/attic/replay", "/cameras/attic/export.mp4"} {
		if resp, body := get(t, "http://"+b.addr+path, nil); resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "not recorded") {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
}
