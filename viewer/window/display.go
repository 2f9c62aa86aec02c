package window

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// errNoDisplay is for people as it stands.
var errNoDisplay = errors.New("no display to show a window on: $DISPLAY and $WAYLAND_DISPLAY are empty (use `lensbus web` and a browser, or `ssh -X`)")

// checkDisplay finds out whether a window can be opened, because Qt, asked to open one without a
// display, aborts the process. It knows nothing about an X server's permissions.
func checkDisplay(ctx context.Context, getenv func(string) string) error {
	if getenv("QT_QPA_PLATFORM") != "" || getenv("WAYLAND_DISPLAY") != "" {
		return nil
	}
	display := getenv("DISPLAY")
	if display == "" {
		return errNoDisplay
	}
	network, addresses := displayAddresses(display)
	if network == "" {
		return nil // a form that only Xlib knows
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var last error
	for _, address := range addresses {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			_ = conn.Close() // nothing was written
			return nil
		}
		last = err
	}
	return fmt.Errorf("no display to show a window on: $DISPLAY is %q, and nothing answers there: %w", display, last)
}

// displayAddresses takes [HOST]:NUMBER[.SCREEN] apart and says where such an X server listens.
func displayAddresses(display string) (network string, addresses []string) {
	colon := strings.LastIndexByte(display, ':')
	if colon < 0 {
		return "", nil
	}
	host := display[:colon]
	text, _, _ := strings.Cut(display[colon+1:], ".")
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 || strings.ContainsAny(host, "/:") {
		return "", nil
	}
	if host == "" || host == "unix" {
		path := filepath.Join("/tmp/.X11-unix", "X"+strconv.Itoa(number))
		return "unix", []string{"@" + path, path}
	}
	if number > 65535-6000 {
		return "", nil
	}
	return "tcp", []string{net.JoinHostPort(host, strconv.Itoa(6000+number))}
}
