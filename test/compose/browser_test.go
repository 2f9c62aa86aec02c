//go:build compose

package compose

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// inBrowser logs in with the page's form and sees that both cameras move. With LENSBUS_SCREENSHOTS, a
// folder, it leaves a picture there.
func inBrowser(t *testing.T, s *stack) {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Log("NOT TESTED: the page in a browser, because there is no chromium on this machine")
		return
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(1200, 800), chromedp.Flag("disable-dev-shm-usage", true))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancelAllocator()
	browser, cancelBrowser := chromedp.NewContext(allocator)
	defer func() {
		_ = chromedp.Cancel(browser) // waits for the browser's end
		cancelBrowser()
	}()
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	ctx, cancel := context.WithTimeout(browser, patience)
	defer cancel()
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("the page in a browser: %v", err)
		}
	}
	wait := func(what, expression string) {
		t.Helper()
		s.until(what, func() bool {
			is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression)) // fails while the page is another one
			return err == nil && is
		})
	}
	do(chromedp.Navigate(s.url("/")))
	wait("the page asks who it is", `document.querySelector("#password") !== null`)
	do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`document.querySelector("#name").value = "admin"; document.querySelector("#password").value = %q; document.querySelector(".login-button").click()`, s.password)))
	for _, id := range []string{"front", "door"} {
		wait("the page shows "+id, fmt.Sprintf(`document.querySelector('.tile[data-camera="%s"] canvas') !== null`, id))
		do(chromedp.Evaluate[chromedp.Void](pixels + fmt.Sprintf(`window.first = pixels(%q)`, id)))
		wait(id+" moves on the page", fmt.Sprintf(`pixels(%q) !== window.first`, id))
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("LENSBUS_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "compose.png"), picture, 0o644); err != nil {
			t.Error(err)
		}
	}
}

// pixels is a number that is another one when the picture of a camera's tile is another one.
const pixels = `window.pixels = (id) => {
	const canvas = document.querySelector('.tile[data-camera="' + id + '"] canvas');
	const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
	let sum = 0;
	for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i]) | 0;
	return sum;
};
`
