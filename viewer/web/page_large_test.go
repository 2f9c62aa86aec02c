package web_test

import (
	"fmt"
	"image"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lensbus/lensbus/frame"
)

func testPageLarge(t *testing.T, r *pageRig) {
	r.camera("front", 640, 480).set(func(c *pageCamera) {
		c.status = func(s *frame.Status) { s.Warnings = []string{"asked for 1920x1080, the camera gives 640x480"} }
	})
	r.camera("yard", 320, 180)
	r.open("")
	r.waitState("front", "live")
	r.do(chromedp.Click(chromedp.CSS(`.tile[data-camera="front"] a`)))
	r.waitLarge("front", "live")
	if got := eval[string](r, `location.hash`); got != "#/front" {
		t.Errorf("the address is %s", got)
	}
	r.wait(hash("#large")+` !== 0`, "a picture")
	before := eval[float64](r, hash("#large"))
	r.wait(fmt.Sprintf("%s !== %v", hash("#large"), before), "the large picture to move")
	for fact, want := range map[string]string{
		"resolution": "640 × 480",
		"source":     "test:bars",
		"host":       "bench-1",
		"format":     "MJPG, passed on untouched",
		"missed":     "0",
	} {
		r.wait(`document.querySelector('[data-fact="`+fact+`"] dd').textContent === `+quote(want), fact+" to be "+want)
	}
	r.wait(`/^\d+(\.\d)? fps here, \d+(\.\d)? sent/.test(document.querySelector('[data-fact="frame-rate"] dd').textContent)`, "the frame rate")
	r.wait(`/^(\d+\sms|[\d.]+\ss) ±[\d.]+$/.test(document.querySelector('[data-fact="age"] dd').textContent)`, "the age")
	r.wait(`/kbit\/s$/.test(document.querySelector('[data-fact="bit-rate"] dd').textContent)`, "the bit rate")
	r.wait(`document.querySelector(".warnings").textContent.includes("1920x1080")`, "the warning")
	r.shot("large")

	// The link for a snapshot gives a picture.
	got := eval[string](r, `await fetch(document.getElementById("snapshot").href).then((a) => a.blob()).then(createImageBitmap).then((b) => b.width + "x" + b.height)`, chromedp.EvalAwaitPromise)
	if got != "640x480" {
		t.Errorf("the snapshot is %s", got)
	}

	// Nobody watches the grid's cameras meanwhile.
	r.wait(viewers("yard")+` === 0`, "the grid's connections to end")
	r.do(chromedp.NavigateBack())
	r.wait(`document.getElementById("large").hidden && !document.getElementById("grid").hidden`, "the grid after Back")
	r.waitState("yard", "live")
	r.waitMoves("front")
	if got := eval[string](r, `document.activeElement.getAttribute("href")`); got != "#/front" {
		t.Errorf("the focus is on %q, want it on the tile that was open", got)
	}

	// A link straight to a camera, and one to a camera that nobody publishes.
	r.open("#/yard")
	r.waitLarge("yard", "live")
	r.open("#/attic")
	r.waitLarge("attic", "gone")
	r.camera("attic", 320, 240)
	r.waitLarge("attic", "live")
}

func testPageKeys(t *testing.T, r *pageRig) {
	for _, id := range []frame.CameraID{"a", "b", "c"} {
		r.camera(id, 320, 240)
	}
	r.open("")
	r.waitState("c", "live")
	at := func(want string) {
		t.Helper()
		r.wait(`location.hash === `+quote(want)+` || (`+quote(want)+` === "#/" && location.hash === "")`, "the address "+want)
	}
	r.keys(kb.ArrowRight, kb.ArrowRight, kb.Enter)
	at("#/b")
	r.waitLarge("b", "live")
	r.keys(kb.ArrowRight)
	at("#/c")
	r.keys(kb.ArrowRight)
	at("#/a")
	r.keys(kb.Escape)
	at("#/")
	r.keys("3")
	at("#/c")
	r.waitLarge("c", "live")
	r.keys("0")
	at("#/")
	r.keys("9") // there is none
	at("#/")
	r.keys("?")
	r.wait(`document.getElementById("keys").open`, "the list of keys")
	r.shot("keys")
	r.keys(kb.Escape)
	r.wait(`!document.getElementById("keys").open`, "the list of keys to close")
	r.keys("2")
	r.waitLarge("b", "live")
	r.keys("f")
	r.wait(`document.fullscreenElement?.classList.contains("stage")`, "full screen")
	r.keys("f")
	r.wait(`document.fullscreenElement === null`, "the end of full screen")
}

func testPageResolution(t *testing.T, r *pageRig) {
	front := r.camera("front", 320, 240)
	r.open("#/front")
	for _, size := range []image.Point{{320, 240}, {960, 540}, {240, 320}} {
		front.set(func(c *pageCamera) { c.size = size })
		r.wait(`document.querySelector('[data-fact="resolution"] dd').textContent === `+quote(fmt.Sprintf("%d × %d", size.X, size.Y)), fmt.Sprint("the size ", size))
		r.wait(fmt.Sprintf(`(() => { const c = document.querySelector("#large canvas"); return Math.abs(c.width / c.height - %d / %d) < 0.02; })()`, size.X, size.Y), "the canvas to have its shape")
		r.waitLarge("front", "live")
	}
	if !eval[bool](r, `document.querySelector('[data-fact="undecodable"]').hidden`) {
		t.Error("a change of size counts as undecodable")
	}
}

func testPageUndecodable(t *testing.T, r *pageRig) {
	front := r.camera("front", 320, 240)
	front.set(func(c *pageCamera) { c.spoil = func(n int) bool { return n%2 == 0 } })
	r.open("")
	r.waitState("front", "live")
	r.wait(`/undecodable/.test(`+tile("front")+`.querySelector(".trouble").title)`, "undecodable pictures to be counted")
	r.waitMoves("front")

	front.set(func(c *pageCamera) { c.spoil = func(int) bool { return true } })
	r.waitState("front", "unreadable")
	front.set(func(c *pageCamera) { c.spoil = nil })
	r.waitState("front", "live")
	r.waitMoves("front")
	if got := eval[string](r, tile("front")+`.querySelector(".missed b").textContent`); got != "0" {
		t.Errorf("undecodable pictures count as %s missed", got)
	}
}

func testPagePhone(t *testing.T, r *pageRig) {
	for _, id := range []frame.CameraID{"a-camera-whose-name-has-32-chars", "front", "yard"} {
		c := r.camera(id, 640, 480)
		if footage := pageFootage(t); footage != nil {
			c.set(func(c *pageCamera) { c.size, c.footage = image.Pt(768, 576), footage })
		}
	}
	for _, width := range []int64{390, 360} {
		r.window(width, 844, 2)
		r.open("")
		r.waitState("front", "live")
		r.fits(width)
		r.shot(fmt.Sprintf("phone-%d", width))
		r.open("#/front")
		r.waitLarge("front", "live")
		r.fits(width)
		r.shot(fmt.Sprintf("phone-%d-large", width))
		r.eval(`document.querySelector(".settings").scrollIntoView()`)
		r.shot(fmt.Sprintf("phone-%d-settings", width))
	}
}
