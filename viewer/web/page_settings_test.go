package web_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
)

// publish runs real publishers until the end of the test.
func (r *pageRig) publish(cameras map[frame.CameraID]publisher.CameraConfig, stateDir string) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- publisher.Run(ctx, publisher.Config{Cameras: cameras}, publisher.Deps{Bus: r.conn, StateDir: stateDir})
	}()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
}

// field is a JavaScript expression for an element of a field of the settings.
func field(name, selector string) string {
	return `document.querySelector('[data-field="` + name + `"] ` + selector + `')`
}

// fact is the text of a row of the details.
func fact(name string) string {
	return `document.querySelector('[data-fact="` + name + `"] dd').textContent`
}

// enter types a value into a field, as somebody does.
func (r *pageRig) enter(name, selector, value string) {
	r.t.Helper()
	at := chromedp.CSS(`[data-field="` + name + `"] ` + selector)
	r.wait(field(name, selector)+` !== null`, "the field "+name)
	r.eval(field(name, selector) + `.select()`)
	r.do(chromedp.SendKeys(at, value+kb.Enter))
}

// With the real publisher: the grid has small pictures and the large view those of full size, a change
// of quality shows in what arrives, and what the camera refuses it says.
func testPageSettings(t *testing.T, r *pageRig) {
	r.errorsExpected = true // the browser logs every refusal
	r.publish(map[frame.CameraID]publisher.CameraConfig{
		"front": {Source: "test:?width=1280&height=720&fps=5", Quality: 90},
		"yard":  {Source: "test:?width=320&height=240&fps=10", OnDemand: true, Grace: time.Hour},
	}, t.TempDir())
	r.open("")
	r.waitState("front", "live")
	r.waitState("yard", "live") // it is opened because the page looks
	r.wait(tile("front")+`.querySelector("canvas").width === 480`, "a small picture in the grid")
	r.wait(tile("yard")+`.querySelector("canvas").width === 320`, "a picture that is small anyway")
	r.wait(`/^(\d+\sms|[\d.]+\ss) ±[\d.]+$/.test(`+tile("front")+`.querySelector(".age b").textContent)`, "an age with its uncertainty")
	r.shot("previews")

	r.do(chromedp.Click(chromedp.CSS(`.tile[data-camera="front"] a`)))
	r.waitLarge("front", "live")
	r.wait(fact("resolution")+` === "1280 × 720"`, "the full picture")
	r.wait(`document.querySelector("#large canvas").width > 900`, "the full picture on the screen")
	r.wait(`/^\d+, 1 of this server/.test(`+fact("watchers")+`)`, "the watchers")
	r.wait(`/±\d+ to the server's$/.test(`+fact("clock")+`)`, "the clocks' difference")
	r.wait(`/^\d/.test(`+fact("dropped")+`)`, "what was dropped")

	// Quality by the slider's number. The pictures get smaller.
	newest := func() frame.Frame {
		t.Helper()
		f, err := r.conn.Newest(t.Context(), "front")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	rate := `Number(` + fact("bit-rate") + `.match(/^[\d\u202f]+/)[0].replaceAll("\u202f", ""))`
	before := newest()
	full := float64(len(before.Data)) * 8 * 5 / 1000 // kbit/s
	r.wait(fmt.Sprintf("%s > %v", rate, full*0.85), "the bit rate of the camera")
	r.wait(field("quality", "input[type=number]")+`?.value === "90"`, "the quality as it is")
	r.enter("quality", "input[type=number]", "20")
	r.wait(field("quality", "input[type=range]")+`.value === "20"`, "the slider to follow")
	r.wait(fmt.Sprintf(`%s > 0 && %s < %v`, rate, rate, full*0.7), "the page to receive fewer bytes")
	var after frame.Frame
	r.until("smaller pictures", func() bool { after = newest(); return len(after.Data) < len(before.Data)*6/10 })
	t.Logf("a picture has %d bytes at quality 90 and %d at 20", len(before.Data), len(after.Data))

	// A slider moved by keys.
	r.eval(field("quality", "input[type=range]") + `.focus()`)
	r.keys(kb.ArrowRight, kb.ArrowRight)
	r.until("the quality by keys", func() bool { return r.settings("front").Quality == 22 })
	if got := eval[string](r, `location.hash`); got != "#/front" {
		t.Errorf("an arrow in a field leads to %s", got)
	}

	// What the camera refuses: its words beside the field, and the truth in it.
	r.enter("quality", "input[type=number]", "500")
	r.wait(field("quality", ".field-message")+`.textContent.includes("want 1 to 100")`, "the refusal in words")
	r.wait(field("quality", "input[type=number]")+`.value === "22"`, "the quality as it still is")
	r.shot("refusal")

	// Size and rate, and a second screen that changes them.
	r.eval(`(() => { const [w, h] = document.querySelectorAll('[data-field="size"] input'); w.value = "640"; h.value = "360"; })()`)
	r.do(chromedp.Click(chromedp.CSS(`[data-field="size"] button[type=submit]`)))
	r.wait(fact("resolution")+` === "640 × 360"`, "the new size")
	fps := 4.0
	var detail frame.Detail
	if err := r.conn.Control(t.Context(), "front", frame.VerbSet, frame.Change{FPS: &fps}, &detail); err != nil {
		t.Fatal(err)
	}
	r.wait(field("fps", "input")+`.value === "4"`, "what somebody else has set")
	r.enter("fps", "input", kb.Delete)
	r.until("the rate as configured", func() bool { return r.settings("front").FPS == 5 })
	r.wait(field("fps", "input")+`.value === "5"`, "the rate that holds where none is asked")

	// Kept.
	r.do(chromedp.Click(chromedp.CSS("#save")))
	r.until("the settings to be kept", func() bool { return r.detail("front").Saved })
	r.enter("quality", "input[type=number]", "30")
	r.until("the next change to be kept too", func() bool { d := r.detail("front"); return d.Settings.Quality == 30 && d.Saved })

	for _, width := range []int64{390, 360} {
		r.window(width, 844, 2)
		r.fits(width)
		r.eval(`document.querySelector(".settings").scrollIntoView()`)
		r.shot(fmt.Sprintf("settings-phone-%d", width))
	}
}

// A device with every kind of control, whose camera is played here.
func testPageControls(t *testing.T, r *pageRig) {
	r.errorsExpected = true
	c := r.camera("front", 640, 480)
	const evil = `<img src=x onerror="document.title='owned'">`
	c.set(func(c *pageCamera) {
		c.sizes = []frame.Size{{Width: 1280, Height: 720, Format: "MJPG"}, {Width: 640, Height: 480, Format: "MJPG"}, {Width: 640, Height: 480, Format: "YUYV"}}
		c.controls = []frame.Control{
			{Name: "brightness", Type: "int", Min: 0, Max: 255, Step: 1, Default: 128, Value: 100},
			{Name: "exposure_time_absolute", Type: "int", Min: 1, Max: 10000, Step: 1, Default: 157, Value: 157, Inactive: "inactive"},
			{Name: "white_balance_automatic", Type: "bool", Max: 1, Step: 1, Default: 1, Value: 1},
			{Name: "power_line_frequency", Type: "menu", Max: 2, Step: 1, Default: 1, Value: 1, Menu: map[int64]string{0: "Disabled", 1: "50 Hz", 2: "60 Hz " + evil}},
			{Name: "pan_reset", Type: "button"},
			{Name: "huge", Type: "int", Min: -1 << 62, Max: 1 << 62, Step: 1},
		}
	})
	r.open("#/front")
	r.waitLarge("front", "live")
	r.wait(`document.querySelectorAll('[data-field^="control-"]').length === 5`, "the controls that a browser can count")
	if got := eval[string](r, `[...document.querySelectorAll('[data-field="size"] option')].map((o) => o.textContent).join()`); got != "640 × 480,1280 × 720" {
		t.Errorf("sizes %q", got)
	}
	r.wait(field("quality", "input")+`.disabled && `+field("quality", ".field-note")+`.textContent.includes("untouched")`, "why the quality is not to be changed")
	r.wait(field("control-exposure_time_absolute", "input")+`.disabled && `+field("control-exposure_time_absolute", ".field-note")+`.textContent.includes("no effect")`, "why the exposure is not")
	if n := eval[int](r, `document.querySelectorAll(".settings img").length`); n != 0 {
		t.Error("a control's text was taken for HTML")
	}
	r.shot("controls-dark")
	r.eval(`document.querySelector(".settings").scrollIntoView()`)
	r.shot("controls-dark-below")

	want := func(name string, value int64) {
		t.Helper()
		r.until(fmt.Sprint(name, " to be ", value), func() bool { return c.control(name) == value })
	}
	r.do(chromedp.Click(chromedp.CSS(`[data-field="control-brightness"] .field-standard`)))
	want("brightness", 128)
	r.wait(field("control-brightness", "input[type=range]")+`.value === "128"`, "the slider at its default")
	r.enter("control-brightness", "input[type=number]", "77")
	want("brightness", 77)
	r.do(chromedp.Click(chromedp.CSS(`[data-field="control-white_balance_automatic"] input`)))
	want("white_balance_automatic", 0)
	r.eval(field("control-power_line_frequency", "select") + `.focus()`)
	r.keys(kb.ArrowUp)
	want("power_line_frequency", 0)
	r.do(chromedp.Click(chromedp.CSS(`[data-field="control-pan_reset"] button`)))
	want("pan_reset", 1)

	// A device that takes another value than was asked for.
	c.set(func(c *pageCamera) { c.coarse = 10 })
	r.enter("control-brightness", "input[type=number]", "33")
	r.wait(field("control-brightness", ".field-message")+`.textContent.includes("it took 30")`, "what the device took")
	r.wait(field("control-brightness", "input[type=number]")+`.value === "30"`, "the truth in the field")
	r.media("prefers-color-scheme", "light")
	r.shot("controls-light")

	// Everything is within reach of the keyboard, in its order on the page.
	r.eval(field("size", "select") + `.focus()`)
	r.keys(kb.Tab)
	if got := eval[string](r, `document.activeElement.closest("[data-field]")?.dataset.field ?? ""`); got != "fps" {
		t.Errorf("the next field is %q", got)
	}
	r.keys(kb.Escape, kb.Escape)
	r.wait(`document.getElementById("large").hidden`, "the second Escape to lead back")
}

// until waits for something outside the page.
func (r *pageRig) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.NewTimer(pagePatience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			r.shot("failed")
			r.t.Fatalf("waited for %s", what)
		}
	}
}

func (r *pageRig) detail(id frame.CameraID) frame.Detail {
	r.t.Helper()
	var d frame.Detail
	if err := r.conn.Control(r.t.Context(), id, frame.VerbGet, nil, &d); err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *pageRig) settings(id frame.CameraID) frame.Settings {
	r.t.Helper()
	return r.detail(id).Settings
}
