package web_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/viewer/web"
)

// pageRig is a broker, a server and a tab of the browser.
type pageRig struct {
	t    *testing.T
	conn *bus.Conn
	cfg  web.Config
	addr string
	tab  context.Context

	stopServer     func()
	errorsExpected bool
	mu             sync.Mutex
	errs           []string
}

func newPageRig(t *testing.T, browser context.Context) *pageRig {
	ctx, cancel := context.WithTimeout(t.Context(), pagePatience)
	defer cancel()
	nats, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0", Store: t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nats.Close() })
	conn, err := bus.Connect(ctx, bus.Options{Server: nats.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	r := &pageRig{t: t, conn: conn, addr: "127.0.0.1:0"}
	r.startServer()
	t.Cleanup(func() { r.stopServer() })
	r.openTab(browser)
	r.window(1440, 900, 1)
	r.media("prefers-color-scheme", "dark")
	return r
}

// startServer starts the page's server, the second time on the same address.
func (r *pageRig) startServer() {
	r.t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(r.t.Context(), "tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.addr = listener.Addr().String()
	server, err := web.New(r.cfg, web.Deps{Bus: r.conn})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	r.stopServer = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, server.Close()); err != nil {
			r.t.Error(err)
		}
	})
}

func (r *pageRig) openTab(browser context.Context) {
	tab, cancel := r.newTab(browser)
	r.tab = tab
	r.t.Cleanup(func() {
		cancel()
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.errorsExpected {
			for _, e := range r.errs {
				r.t.Error("the page:", e)
			}
		}
	})
	note := func(what string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, what)
	}
	err := chromedp.Listen(tab, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			what := e.ExceptionDetails.Text
			if e.ExceptionDetails.Exception != nil {
				what += " " + e.ExceptionDetails.Exception.Description
			}
			note(what)
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.EntryLevelError {
				note(e.Entry.Text + " " + e.Entry.URL)
			}
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	call(r, runtime.Enable, cdp.Empty{})
	call(r, cdplog.Enable, cdp.Empty{})
}

const tabWithin = time.Minute

// newTab makes a tab, again where the browser does not answer: one in thousands never came.
func (r *pageRig) newTab(browser context.Context) (context.Context, context.CancelFunc) {
	r.t.Helper()
	for tries := 1; ; tries++ {
		tab, cancel := chromedp.NewContext(browser)
		made := make(chan error, 1)
		go func() { made <- chromedp.Do(tab) }()
		select {
		case err := <-made:
			if err != nil {
				cancel()
				r.t.Fatal(err)
			}
			return tab, cancel
		case <-time.After(tabWithin):
			cancel()
			<-made
			if tries == 3 {
				r.t.Fatal("the browser makes no tab")
			}
			r.t.Logf("NOTE: the browser has made no tab within %v: once more", tabWithin)
		}
	}
}

func call[P, R any](r *pageRig, command cdp.Command[P, R], params P) {
	r.t.Helper()
	if _, err := chromedp.Call(r.tab, command, params); err != nil {
		r.t.Fatalf("%s: %v", command.Method, err)
	}
}

func (r *pageRig) do(steps ...chromedp.Action[chromedp.Void]) {
	r.t.Helper()
	if err := chromedp.Do(r.tab, steps...); err != nil {
		r.t.Fatal(err)
	}
}

func eval[T any](r *pageRig, expression string, options ...chromedp.EvaluateOption) T {
	r.t.Helper()
	if strings.HasPrefix(expression, "await ") {
		expression = "(async () => " + expression + ")()"
	}
	v, err := chromedp.Run(r.tab, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		r.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (r *pageRig) eval(expression string) {
	r.t.Helper()
	r.do(chromedp.Evaluate[chromedp.Void](expression))
}

// wait waits until the expression, which may await, is true.
func (r *pageRig) wait(expression, what string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.tab, pagePatience)
	defer cancel()
	loop := `(async () => { while (!(` + expression + `)) await new Promise((r) => setTimeout(r, 50)); })()`
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](loop, chromedp.EvalAwaitPromise)); err != nil {
		text, _ := chromedp.Run(r.tab, chromedp.Evaluate[string](`location.hash + " " + document.body.innerText.slice(0, 1500)`))
		r.shot("failed")
		r.t.Fatalf("waited for %s: %v\nthe page says: %s", what, err, text)
	}
}

func (r *pageRig) waitState(id, state string) {
	r.t.Helper()
	r.wait(tile(id)+`?.dataset.state === `+quote(state), "camera "+id+" to be "+state)
}

func (r *pageRig) waitLarge(id, state string) {
	r.t.Helper()
	r.wait(`((l) => !l.hidden && l.dataset.camera === `+quote(id)+` && l.dataset.state === `+quote(state)+`)(document.getElementById("large"))`, "camera "+id+" large and "+state)
}

// waitMoves waits until the picture of a tile is another.
func (r *pageRig) waitMoves(id string) {
	r.t.Helper()
	pixels := hash(`.tile[data-camera="` + id + `"]`)
	before := eval[float64](r, pixels)
	r.wait(fmt.Sprintf("%s !== %v", pixels, before), "the picture of "+id+" to move")
}

func (r *pageRig) open(route string) {
	r.t.Helper()
	r.do(chromedp.Navigate("about:blank"), chromedp.Navigate("http://"+r.addr+"/"+route))
}

func (r *pageRig) navigate(route string) {
	r.t.Helper()
	r.eval(`location.hash = ` + quote(route))
}

func (r *pageRig) keys(keys ...string) {
	r.t.Helper()
	for _, key := range keys {
		r.do(chromedp.KeyEvent(key))
	}
}

func (r *pageRig) window(width, height int64, scale float64) {
	r.t.Helper()
	call(r, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: scale, Mobile: width < 600,
	})
}

func (r *pageRig) media(feature, value string) {
	r.t.Helper()
	call(r, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: feature, Value: value}}})
}

// fits checks that nothing stands out of the window's width.
func (r *pageRig) fits(width int64) {
	r.t.Helper()
	r.wait(fmt.Sprintf(`Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) <= %d`, width), fmt.Sprintf("the page to fit a window %d pixels wide", width))
}

func (r *pageRig) shot(name string) {
	dir := os.Getenv("LENSBUS_SCREENSHOTS")
	if dir == "" {
		return
	}
	// Longer than the numbers take to be written and the colours to change.
	settled := `new Promise((r) => setTimeout(r, 600))`
	if err := chromedp.Do(r.tab, chromedp.Evaluate[chromedp.Void](settled, chromedp.EvalAwaitPromise)); err != nil {
		r.t.Error(err)
		return
	}
	data, err := chromedp.Run(r.tab, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "page-"+name+".png"), data, 0o644)
	}
	if err != nil {
		r.t.Error(err)
	}
}

// startChromium returns the context of a browser with a fresh profile, for chromedp.NewContext.
func startChromium(t *testing.T) context.Context {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("NOT TESTED: the page, because there is no chromium on this machine; install it (apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun)
	for name, value := range map[string]any{
		"headless": "new", "disable-dev-shm-usage": true, "disable-quic": true, "disable-background-networking": true,
		"disable-component-update": true, "disable-sync": true, "hide-scrollbars": false,
	} {
		options = append(options, chromedp.Flag(name, value))
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancelAllocator)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(browser) // waits for the browser's end
		cancel()
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return browser
}
