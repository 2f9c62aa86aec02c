package web_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// arrive waits until the expression is true, on whichever page that is.
func (r *pageRig) arrive(expression, what string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.tab, pagePatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		// While the page changes to another, nothing can be asked.
		if is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`Boolean(`+expression+`)`)); err == nil && is {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.shot("failed")
			r.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// logIn types into the login page, as somebody does.
func (r *pageRig) logIn(name, password string) {
	r.t.Helper()
	r.arrive(`location.pathname === "/login.html" && document.readyState === "complete"`, "the login")
	r.eval(`document.getElementById("name").value = ""; document.getElementById("password").value = ""`)
	r.do(chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.SendKeys(chromedp.CSS("#password"), password+kb.Enter))
}

// Nothing is shown to who has not logged in; a wrong password is told in words; who is in sees the
// cameras that are his and no others, and is led back to the login when the session has ended.
func testPageLogin(t *testing.T, r *pageRig) {
	r.errorsExpected = true // the browser logs every refusal
	r.stopServer()
	r.cfg.People = filepath.Join(t.TempDir(), "people")
	password, err := login.Add(r.cfg.People, login.Person{Name: "bob", Cameras: []frame.CameraID{"front"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	r.startServer()
	r.camera("front", 640, 480)
	r.camera("yard", 640, 480)
	r.open("#front") // a camera's link leads there in the end
	r.arrive(`location.pathname === "/login.html" && document.activeElement?.id === "name"`, "the login, ready to type")
	r.shot("login")
	r.window(360, 640, 2)
	r.fits(360)
	r.shot("login-phone")
	r.media("prefers-color-scheme", "light")
	r.shot("login-phone-light")
	r.media("prefers-color-scheme", "dark")
	if got := eval[string](r, `document.body.innerText`); strings.Contains(got, "yard") || strings.Contains(got, "front") {
		t.Errorf("a stranger is told of cameras: %s", got)
	}
	r.logIn("bob", "guess")
	r.wait(`document.getElementById("login-error").textContent === "Wrong name or password."`, "the words for a wrong password")
	r.shot("login-wrong")
	r.fits(360)
	r.logIn(`<img src=x onerror="window.hacked=1">`, "guess")
	r.wait(`document.getElementById("login-error").textContent === "Wrong name or password." && document.querySelector("button").disabled === false`, "the same words")
	if eval[bool](r, `"hacked" in window`) {
		t.Error("a name is run as a script")
	}
	r.window(1440, 900, 1)
	r.logIn("bob", password)
	r.arrive(`location.pathname === "/" && location.hash === "#front" && document.readyState === "complete"`, "the camera that was asked for")
	r.waitLarge("front", "live")
	r.wait(`getComputedStyle(document.querySelector("#large .settings")).display === "none"`, "the settings to be hidden from who may only watch")
	if got := eval[string](r, `document.cookie`); got != "" {
		t.Errorf("a script sees the cookie %q", got)
	}
	r.navigate("")
	r.waitState("front", "live")
	r.waitMoves("front")
	if got := eval[int64](r, `document.querySelectorAll(".tile").length`); got != 1 {
		t.Errorf("%d cameras are shown, want bob's one", got)
	}
	r.wait(`document.getElementById("logout-button")?.title === "Log out bob"`, "the button to log out")
	r.shot("logged-in")
	r.window(360, 640, 2)
	r.fits(360)
	r.shot("logged-in-phone")
	r.window(1440, 900, 1)

	r.eval(`document.getElementById("logout-button").click()`)
	r.arrive(`location.pathname === "/login.html"`, "the login after logging out")
	r.open("")
	r.arrive(`location.pathname === "/login.html"`, "the login again, the session having ended")

	// A session that ends while the page is open, as when the server has started anew.
	r.logIn("bob", password)
	r.arrive(`location.pathname === "/" && document.readyState === "complete"`, "the page")
	r.waitState("front", "live")
	r.stopServer()
	r.startServer()
	// It looks at once when it is seen again, not in half a minute.
	r.arrive(`location.pathname === "/login.html" || (document.dispatchEvent(new Event("visibilitychange")), false)`, "the login after the session's end")
}

// A page that others reach without a password says so on every view.
func testPageInsecure(t *testing.T, r *pageRig) {
	r.camera("front", 640, 480)
	r.open("")
	r.waitState("front", "live")
	if eval[bool](r, `document.getElementById("insecure-note") !== null`) {
		t.Error("a page of this machine alone calls itself insecure")
	}
	r.errorsExpected = true // the server goes
	r.stopServer()
	r.cfg.Listen, r.cfg.Insecure = "0.0.0.0:8080", true // what it is told; it listens where it did
	r.startServer()
	for _, route := range []string{"", "#front"} {
		r.open(route)
		r.wait(`document.getElementById("insecure-note")?.textContent.startsWith("Insecure: ")`, "the note")
	}
	r.shot("insecure")
	r.window(360, 640, 2)
	r.fits(360)
	r.shot("insecure-phone")
}
