package web_test

import (
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// The page in a real Chromium, against the real server and a real broker. Where LENSBUS_SCREENSHOTS
// names a folder, pictures of the page are left there to be looked at.

// pagePatience is how long a condition on the page may take. It is no measure of anything.
const pagePatience = 30 * time.Second

func TestPage(t *testing.T) {
	t.Cleanup(func() {
		goleak.VerifyNone(t, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
	})
	browser := startChromium(t)
	for name, test := range map[string]func(*testing.T, *pageRig){
		"two cameras move":           testPageMoves,
		"cameras come and go":        testPageComeAndGo,
		"no signal and back":         testPageNoSignal,
		"hostile text is text":       testPageHostileText,
		"sealed pictures":            testPageSealed,
		"one large and back":         testPageLarge,
		"keys":                       testPageKeys,
		"resolution changes":         testPageResolution,
		"undecodable pictures":       testPageUndecodable,
		"a phone":                    testPagePhone,
		"light and dark":             testPageThemes,
		"server goes and comes":      testPageServer,
		"what is not seen is free":   testPageUnseen,
		"how things are written":     testPageWriting,
		"looks with nine cameras":    testPageNine,
		"an empty bus says what now": testPageEmpty,
		"settings and previews":      testPageSettings,
		"controls of a device":       testPageControls,
		"a recording":                testPageRecording,
		"recordings in step":         testPageInStep,
		"recorders come and go":      testPageRecorders,
		"more gaps than an answer":   testPageManyGaps,
		"parts of a download":        testPageSizesOfADownload,
		"people log in":              testPageLogin,
		"an insecure page says so":   testPageInsecure,
	} {
		t.Run(name, func(t *testing.T) { test(t, newPageRig(t, browser)) })
	}
}

func testPageMoves(t *testing.T, r *pageRig) {
	r.camera("front", 640, 480)
	r.camera("yard", 320, 180)
	r.open("")
	for _, id := range []string{"front", "yard"} {
		r.waitState(id, "live")
		for range 3 {
			r.waitMoves(id)
		}
		r.wait(`/^\d+(\.\d)?$/.test(`+tile(id)+`.querySelector(".fps b").textContent)`, "a frame rate of "+id)
		r.wait(`/^\d+\sms ±\d+$/.test(`+tile(id)+`.querySelector(".age b").textContent)`, "an age in milliseconds of "+id)
		if got := eval[string](r, tile(id)+`.querySelector(".missed b").textContent`); got != "0" {
			t.Errorf("camera %s missed %s frames on a quiet machine", id, got)
		}
	}
	r.wait(`document.getElementById("summary").textContent === "2 cameras"`, "the summary")
	r.shot("two-dark")
}

func testPageComeAndGo(t *testing.T, r *pageRig) {
	r.camera("front", 320, 240)
	r.open("")
	r.waitState("front", "live")
	attic := r.camera("attic", 320, 240)
	r.waitState("attic", "live")
	if got := eval[string](r, `[...document.querySelectorAll(".tile")].map((t) => t.dataset.camera).join()`); got != "attic,front" {
		t.Errorf("tiles are %s, want them by name", got)
	}
	r.wait(`document.getElementById("announcer").textContent.includes("Camera attic appeared.")`, "the announcement")
	attic.end()
	r.wait(tile("attic")+` === null`, "the ended camera's tile to go")
	r.waitMoves("front")
	r.wait(`document.getElementById("announcer").textContent.includes("Camera attic is gone.")`, "the announcement")
}

func testPageNoSignal(t *testing.T, r *pageRig) {
	front := r.camera("front", 640, 480)
	r.camera("yard", 640, 480)
	r.open("")
	r.waitState("front", "live")
	r.wait(`getComputedStyle(`+tile("front")+`.querySelector("canvas")).filter === "none"`, "the live picture in its colours")
	front.set(func(c *pageCamera) { c.quiet, c.state, c.reason = true, frame.StateLost, "the cable was pulled" })
	r.waitState("front", "nosignal")
	r.wait(`getComputedStyle(`+tile("front")+`.querySelector("canvas")).filter.includes("grayscale(1)")`, "the old picture to be grey")
	r.wait(cover("front")+`.includes("No signal")`, "the words no signal")
	r.wait(cover("front")+`.includes("the cable was pulled")`, "the reason")
	r.wait(`/for \d+\ss/.test(`+cover("front")+`)`, "how long")
	r.wait(`document.getElementById("summary").textContent.includes("1 without signal")`, "the summary")
	r.wait(`document.getElementById("announcer").textContent.includes("Camera front has no signal.")`, "the announcement")
	if got := eval[string](r, tile("front")+`.querySelector("a").getAttribute("aria-label")`); got != "Camera front: no signal" {
		t.Errorf("a listener is told %q", got)
	}
	r.waitMoves("yard")
	r.shot("no-signal")

	front.set(func(c *pageCamera) { c.quiet, c.state, c.reason = false, frame.StateLive, "" })
	r.waitState("front", "live")
	r.waitMoves("front")

	// A publisher that dies says nothing any more.
	front.stop()
	r.waitState("front", "nosignal")
	r.wait(cover("front")+`.includes("No picture for 2 s.") || `+cover("front")+`.includes("Nothing is heard")`, "the reason")
}

// A page without the key says why it shows nothing, in the grid and large.
func testPageSealed(t *testing.T, r *pageRig) {
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewSealer(key, []seal.Public{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	r.camera("vault", 320, 240).set(func(c *pageCamera) { c.sealer, c.epoch = sealer, frame.NewEpoch() })
	r.open("")
	r.waitState("vault", "nosignal")
	r.wait(cover("vault")+`.includes("Its pictures are sealed, and there is no key here")`, "the reason")
	r.shot("sealed")
	r.open("#vault")
	r.waitLarge("vault", "nosignal")
	r.wait(`document.body.textContent.includes("Its pictures are sealed, and there is no key here")`, "the reason, large")
}

func testPageHostileText(t *testing.T, r *pageRig) {
	const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`
	c := r.camera("front", 320, 240)
	c.set(func(c *pageCamera) {
		c.quiet, c.state, c.reason = true, frame.StateLost, evil
		c.status = func(s *frame.Status) {
			s.Host, s.Source, s.Format, s.Kind, s.Stream = evil, evil, evil, evil, evil
			s.Warnings = []string{evil}
		}
	})
	r.open("")
	r.waitState("front", "nosignal")
	r.wait(cover("front")+`.includes(`+quote(evil)+`)`, "the reason as text")
	r.navigate("#/front")
	for _, fact := range []string{"reason", "source", "host", "format"} {
		r.wait(`document.querySelector('[data-fact="`+fact+`"] dd')?.textContent.includes(`+quote(evil)+`)`, fact+" as text")
	}
	r.wait(`document.querySelector(".warnings")?.textContent === `+quote(evil), "the warning as text")
	if n := eval[int](r, `document.querySelectorAll("main img, main script, main iframe").length`); n != 0 {
		t.Errorf("%d elements came out of the camera's text", n)
	}
	if title := eval[string](r, `document.title`); strings.Contains(title, "owned") {
		t.Error("the camera's text was run")
	}
	r.shot("hostile")
}

func testPageThemes(t *testing.T, r *pageRig) {
	r.camera("front", 640, 480)
	r.camera("yard", 640, 480)
	background := func(want string) {
		t.Helper()
		// The sum of red, green and blue.
		const sum = `getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)`
		is := "<"
		if want == "light" {
			is = ">"
		}
		r.wait(sum+is+" 380", "a "+want+" page")
	}
	r.media("prefers-color-scheme", "light")
	r.open("")
	r.waitState("front", "live")
	r.waitState("yard", "live")
	background("light")
	r.shot("two-light")
	r.media("prefers-color-scheme", "dark")
	background("dark")
	r.do(chromedp.Click(chromedp.CSS("#theme-button"))) // system → light
	background("light")
	r.open("")
	background("light")                                 // remembered
	r.do(chromedp.Click(chromedp.CSS("#theme-button"))) // → dark
	r.media("prefers-color-scheme", "light")
	background("dark")
	r.do(chromedp.Click(chromedp.CSS("#theme-button"))) // → system
	background("light")
}

func testPageServer(t *testing.T, r *pageRig) {
	r.errorsExpected = true // the browser logs every refused connection
	r.camera("front", 640, 480)
	r.open("")
	r.waitState("front", "live")
	r.stopServer()
	r.wait(`document.getElementById("server-lost").textContent.includes("lost its server") && !document.getElementById("server-lost").hidden`, "the banner")
	r.waitState("front", "server")
	r.wait(cover("front")+`.includes("Page lost its server")`, "the words on the tile")
	r.shot("server-lost")
	r.startServer()
	r.waitState("front", "live")
	r.waitMoves("front")
	r.wait(`document.getElementById("server-lost").hidden`, "the banner to go")
}

func testPageUnseen(t *testing.T, r *pageRig) {
	for _, id := range []frame.CameraID{"a", "b", "c", "d", "e", "f", "g", "h"} {
		r.camera(id, 320, 240)
	}
	r.window(390, 700, 1)
	r.open("")
	r.waitState("a", "live")
	r.wait(viewers("a")+` === 1`, "the first camera to be watched")
	if n := eval[int](r, viewers("h"), chromedp.EvalAwaitPromise); n != 0 {
		t.Errorf("%d watch a camera that is out of sight", n)
	}
	r.eval(`scrollTo(0, document.documentElement.scrollHeight)`)
	r.waitState("h", "live")
	r.wait(viewers("a")+` === 0`, "the connection of the tile that was scrolled away to end")

	// A hidden page asks for nothing at all; a browser in front cannot be hidden, so it is told.
	r.eval(`Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" }); document.dispatchEvent(new Event("visibilitychange"))`)
	r.wait(viewers("h")+` === 0`, "a hidden page to let go")
	r.eval(`delete document.visibilityState; document.dispatchEvent(new Event("visibilitychange"))`)
	r.waitState("h", "live")
	r.waitMoves("h")
}

func testPageWriting(t *testing.T, r *pageRig) {
	r.open("")
	for expression, want := range map[string]string{
		`f.age(84.6)`:                        "85 ms",
		`f.age(-3)`:                          "0 ms",
		`f.age(34, 0.2)`:                     "34 ms ±1",
		`f.age(34, 1.2)`:                     "34 ms ±2",
		`f.age(2500, 120)`:                   "2.5 s ±0.2",
		`f.age(2500, 1)`:                     "2.5 s",
		`f.offset(-1234, 1)`:                 "−1.2 s",
		`f.age(1234)`:                        "1.2 s",
		`f.age(75_000)`:                      "1 min 15 s",
		`f.age(undefined)`:                   "–",
		`f.lasting(12_999)`:                  "12 s",
		`f.lasting(7_860_000)`:               "2 h 11 min",
		`f.lasting(2.7e8)`:                   "3 d 3 h",
		`f.rate(9.94)`:                       "9.9",
		`f.rate(24.96)`:                      "25",
		`f.rate(0)`:                          "–",
		`f.count(1234567)`:                   "1 234 567",
		`f.bitRate(4_870_000)`:               "4 870 kbit/s",
		`f.bitRate(24_000_000)`:              "24.0 Mbit/s",
		`f.dateTime("0001-01-01T00:00:00Z")`: "–",
		`f.dateTime("<b>")`:                  "–",
		`a.cameraInRoute("#/front")`:         "front",
		`String(a.cameraInRoute("#/../x"))`:  "undefined",
		`String(a.cameraInRoute("#/"))`:      "undefined",
		`JSON.stringify(l.layout({tiles:4,width:1600,height:900,aspect:16/9,caption:0,gap:0}))`:        `{"columns":2,"width":800}`,
		`JSON.stringify(l.layout({tiles:40,width:374,height:700,aspect:4/3,caption:38,gap:8}))`:        `{"columns":1,"width":374}`,
		`String(l.layout({tiles:40,width:1256,height:650,aspect:4/3,caption:38,gap:12}).width >= 232)`: "true",
		// Of three exchanges the one with the shortest round trip counts.
		`(() => { const k = new c.Clock(); k.add(0, 1500, 1000); k.add(2000, 3010, 2020); k.add(3000, 4900, 3800); return String([k.error(), Math.round(k.serverNow() - k.now())]); })()`: "10,1000",
		// Four missed on the first connection and two on the second are six.
		`(() => { const k = new m.Meter(); k.connected(); k.drawn({missed: 4}, 0); k.connected(); k.drawn({missed: 2}, 10); return String(k.missed()); })()`: "6",
		// 5 ms old to within 1 when it was sent, 30 ms before it was drawn, by a clock that is right to within 2.
		`(() => { const k = new m.Meter(); k.drawn({captured_ms: 9e9, age_ms: 5, uncertainty_ms: 1, sent_ms: 1000}, 0, 1030); return String([k.age(1), k.within(2), k.age(2000)]); })()`: "35,3,2035",
		`(() => { const k = new m.Meter(); k.drawn({age_ms: 5, sent_ms: 1000}, 0, 1030); return String(k.within(2)); })()`:                                                               "undefined",
		// A kept picture is not live because it has just come.
		`s.judge({socket: {state: "open", since: 9000}, signal: {live: false, state: "lost"}, camera: {state: "lost"}, sinceDrawn: 100}).state`:   "nosignal",
		`s.judge({socket: {state: "open", since: 9000}, signal: {live: true, state: "live"}, camera: {state: "live"}, sinceDrawn: 100}).state`:    "live",
		`s.judge({socket: {state: "open", since: 9000}, signal: {live: true, state: "live"}, camera: {state: "live"}, sinceDrawn: 2000}).state`:   "nosignal",
		`s.judge({socket: {state: "connecting", since: 10}, camera: {state: "live"}, sinceDrawn: 10}).state`:                                      "connecting",
		`s.judge({socket: {state: "lost", since: 3000}, camera: {state: "live"}, sinceDrawn: 10}).state`:                                          "server",
		`s.judge({socket: {state: "open", since: 9000}, signal: {live: false, state: "frozen"}, camera: {state: "frozen"}, sinceDrawn: 5}).state`: "frozen",
	} {
		const modules = `const [f, a, l, c, m, s] = await Promise.all(["format", "address", "layout", "clock", "meter", "signal"].map((n) => import(new URL(n + ".js", document.baseURI))));`
		got := eval[string](r, `(async () => {`+modules+` return `+expression+`; })()`, chromedp.EvalAwaitPromise)
		if got = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(got); got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
}

func testPageNine(t *testing.T, r *pageRig) {
	sizes := []image.Point{{640, 480}, {1280, 720}}
	footage := pageFootage(t)
	for i, id := range []frame.CameraID{"back-door", "driveway", "front", "garage", "hall", "loading-bay-3", "office", "stairs", "yard"} {
		size := sizes[i%2]
		if footage != nil {
			size = image.Pt(768, 576)
		}
		r.camera(id, size.X, size.Y).set(func(c *pageCamera) { c.footage = footage })
	}
	r.open("")
	for _, id := range []string{"back-door", "yard"} {
		r.waitState(id, "live")
	}
	if n := eval[int](r, `[...document.querySelectorAll(".tile")].filter((t) => t.getBoundingClientRect().bottom <= innerHeight).length`); n != 9 {
		t.Errorf("%d of 9 cameras are on the screen without scrolling", n)
	}
	r.wait(`document.querySelectorAll('.tile[data-state="live"]').length === 9`, "all to be live")
	r.shot("nine-dark")
	r.media("prefers-color-scheme", "light")
	r.shot("nine-light")
}

func testPageEmpty(t *testing.T, r *pageRig) {
	r.open("")
	r.wait(`!document.getElementById("empty").hidden`, "the empty page to say what to do")
	r.camera("front", 320, 240)
	r.waitState("front", "live")
	if !eval[bool](r, `document.getElementById("empty").hidden`) {
		t.Error("the page with a camera still says that there is none")
	}
}

// JavaScript that the tests ask the page with.

func tile(id string) string { return `document.querySelector('.tile[data-camera="` + id + `"]')` }

func cover(id string) string { return tile(id) + `.querySelector(".cover").textContent` }

// hash sums the pixels of the canvas below a selector.
func hash(selector string) string {
	return `((c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data.reduce((h, v) => (h * 31 + v) | 0, 0))(document.querySelector('` + selector + ` canvas'))`
}

// viewers is how many watch a camera, as the server says.
func viewers(id string) string {
	return `await fetch("api/cameras").then((r) => r.json()).then((l) => l.find((c) => c.id === "` + id + `").viewers)`
}

func quote(s string) string { return fmt.Sprintf("%q", s) }
