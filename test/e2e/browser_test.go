package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"os/exec"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/lensbus/lensbus/test/screen"
)

// watchInBrowser opens the page in Chromium, which must show the cameras a and b, moving.
func watchInBrowser(t *testing.T, page string) {
	ctx, cancel := context.WithTimeout(startChromium(t), 2*patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 1280, Height: 720, DeviceScaleFactor: 1}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(page+"/")); err != nil {
		t.Fatal(err)
	}
	eval := func(expression string) string {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		return text
	}
	ids := []string{"a", "b"}
	var tiles [2]image.Rectangle
	for i, id := range ids {
		tile := fmt.Sprintf(`document.querySelector('.tile[data-camera="%s"]')`, id)
		eventually(t, "the page shows camera "+id+" live", func() bool { return eval(tile+`?.dataset.state ?? ""`) == "live" })
		var left, top, right, bottom float64
		rect := eval(`(({left, top, right, bottom}) => [left, top, right, bottom].join(" "))(` + tile + `.getBoundingClientRect())`)
		if _, err := fmt.Sscan(rect, &left, &top, &right, &bottom); err != nil {
			t.Fatalf("%q: %v", rect, err)
		}
		tiles[i] = image.Rect(int(left), int(top), int(right), int(bottom))
	}
	var moving [2]motion
	var data []byte
	eventually(t, "both pictures move", func() bool {
		var err error
		if data, err = chromedp.Run(ctx, chromedp.CaptureScreenshot()); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for i := range moving {
			moving[i].see(img.(interface {
				SubImage(image.Rectangle) image.Image
			}).SubImage(tiles[i]))
		}
		return moving[0].changes >= 3 && moving[1].changes >= 3
	})
	screen.Keep(t, "e2e-page", data)
}

// startChromium returns the context of a browser with a fresh profile and one tab.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("SKIPPED, nothing was tested: there is no chromium on this machine (make deps)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-background-networking", true))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancelAllocator)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(browser) // waits for its end
		cancel()
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return browser
}
