package web_test

import (
	"fmt"
	"image"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/archive"
)

// A camera that failed every half hour for more than three weeks: more than an answer holds. All of it is reached, and
// what is told later is known too.
func testPageManyGaps(t *testing.T, r *pageRig) {
	front := r.camera("front", 320, 240)
	front.mu.Lock()
	pictures := front.pattern()
	front.mu.Unlock()
	const n = 1100
	a := archive.New(t, r.conn, "front")
	first := time.Now().Add(-n * 30 * time.Minute).Truncate(time.Second)
	at := func(i int) time.Time { return first.Add(time.Duration(i) * 30 * time.Minute) }
	for i := range n {
		a.Fill(at(i), 5, 2, uint64(2*i+1), func(seq uint64) []byte { return pictures[seq%uint64(len(pictures))] })
		if i > 0 {
			a.Miss(frame.Gap{From: at(i - 1).Add(200 * time.Millisecond), To: at(i), Reason: frame.GapCamera})
		}
	}
	ranges, err := r.conn.Ranges(t.Context(), "front", time.Time{}, time.Time{})
	if err != nil || !ranges.Truncated || !ranges.First.Equal(first) || ranges.Spans[0].From.Equal(first) {
		t.Fatalf("of all there is, %d spans are told, truncated %v, from %v; %v", len(ranges.Spans), ranges.Truncated, ranges.First, err)
	}
	r.open("#/front")
	r.wait(`!document.querySelector(".rec-body").hidden`, "what is recorded")
	// To the oldest, which the first answer left out. It stands still, or it plays on and steps over hole after hole.
	r.keys(" ")
	r.wait(`document.querySelector(".rec-play").dataset.does === "play"`, "the pause")
	r.eval(`((b) => b.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true })))(document.querySelector(".tl-band"))`)
	r.waitLarge("front", "recorded")
	r.wait(fmt.Sprintf(`Number(%s.dataset.captured) - %d < 1000`, largeScreen, first.UnixMilli()), "the oldest picture")
	r.wait(fmt.Sprintf(`[...document.querySelectorAll(".tl-span")].some((s) => Number(s.dataset.from) === %d)`, first.UnixMilli()), "the first span")
	r.wait(fmt.Sprintf(`[...document.querySelectorAll(".tl-gap")].some((g) => Number(g.dataset.to) === %d)`, at(1).UnixMilli()), "the first gap")
	// All of it in sight, each with its own gap.
	r.eval(`((s) => { s.value = "0"; s.dispatchEvent(new Event("change")); })(document.querySelector(".rec-scale"))`)
	r.wait(fmt.Sprintf(`document.querySelector(".rec-gaps > summary").textContent === "%d gaps"`, n-1), "all gaps")
	// And back: what came meanwhile is there.
	a.Fill(time.Now(), 5, 2, 2*n+1, func(seq uint64) []byte { return pictures[seq%uint64(len(pictures))] })
	a.Miss(frame.Gap{From: at(n - 1).Add(200 * time.Millisecond), To: time.Now(), Reason: frame.GapCamera})
	r.wait(fmt.Sprintf(`document.querySelector(".rec-gaps > summary").textContent === "%d gaps"`, n), "the newest gap")
	r.shot("recording-many-gaps")
}

// One file has pictures of one size: the page says so before, and offers the parts.
func testPageSizesOfADownload(t *testing.T, r *pageRig) {
	front := r.camera("front", 320, 240)
	a := archive.New(t, r.conn, "front")
	began := time.Now().Add(-2 * time.Minute).Truncate(time.Millisecond).Add(123456 * time.Nanosecond)
	changed := began.Add(10 * time.Second)
	for i, size := range []image.Point{{320, 240}, {160, 120}} {
		front.mu.Lock()
		old := front.size
		front.size = size
		pictures := front.pattern()
		front.size = old
		front.mu.Unlock()
		a.Fill(began.Add(time.Duration(i)*10*time.Second), 5, 40, uint64(40*i+1), func(seq uint64) []byte { return pictures[seq%uint64(len(pictures))] })
	}
	r.open("#/front")
	r.wait(`!document.querySelector(".rec-body").hidden`, "what is recorded")
	key := func(name string) {
		r.eval(`((b) => b.dispatchEvent(new KeyboardEvent("keydown", { key: "` + name + `", bubbles: true })))(document.querySelector(".tl-band"))`)
	}
	key("Home")
	r.waitLarge("front", "recorded")
	r.keys("i")
	r.wait(`!document.querySelector(".rec-selected").hidden`, "a selection")
	key("End")
	r.wait(fmt.Sprintf(`Number(%s.dataset.captured) >= %d`, largeScreen, changed.UnixMilli()), "the end")
	r.keys("o")
	r.wait(`document.querySelectorAll(".rec-part").length === 2`, "two parts")
	got := eval[string](r, `document.querySelector(".rec-download").hidden + "|" + document.querySelector(".rec-selected-text").textContent + "|" + [...document.querySelectorAll(".rec-part")].map((a) => a.textContent + " " + a.href).join("|")`)
	part := strings.Split(got, "|")
	if len(part) != 4 || part[0] != "true" || !strings.Contains(part[1], "changes its size at "+changed.Local().Format("15:04:05.000")) ||
		!strings.HasPrefix(part[2], "320×240 ") || !strings.HasPrefix(part[3], "160×120 ") {
		t.Fatalf("the page offers %q", part)
	}
	exact := "=" + strings.ReplaceAll(changed.UTC().Format(time.RFC3339Nano), ":", "%3A")
	if !strings.HasSuffix(part[2], "&to"+exact) || !strings.Contains(part[3], "?from"+exact) {
		t.Errorf("the parts do not meet at %s: %q", exact, part[2:])
	}
	for _, text := range part[2:] {
		_, href, _ := strings.Cut(text, " ")
		resp, err := http.Get(href)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", href, resp.Status)
		}
	}
	r.shot("recording-two-sizes")
	// Less of it is one file again.
	r.eval(`document.querySelector(".tl-handle-to").focus()`)
	r.wait(`(() => { document.querySelector(".tl-handle-to").dispatchEvent(new KeyboardEvent("keydown", { key: "PageDown", bubbles: true })); return document.querySelectorAll(".rec-part").length === 0 && !document.querySelector(".rec-download").hidden; })()`, "one file")
}
