package clock

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/cli"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/test/await"
	"github.com/lensbus/lensbus/viewer/web"
)

const patience = 30 * time.Second

// What this program is when it is started with arguments of its own.
const (
	asPublisher = "test-publisher" // SERVER CAMERA SKEW: a publisher whose clock is ahead by SKEW
	asLensbus   = "test-lensbus"   // ARGS…: the program itself
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asPublisher:
			if err := publish(os.Args[2], frame.CameraID(os.Args[3]), os.Args[4]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case asLensbus:
			os.Exit(cli.Main(cli.Program{Args: os.Args[2:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
		}
	}
	// nats-server keeps one clock for all servers of a process, and sometimes longer than them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

// publish is a publisher's main function. Its clock is wrong, as one that somebody has set.
func publish(server string, id frame.CameraID, skew string) error {
	ahead, err := time.ParseDuration(skew)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	conn, err := bus.Connect(ctx, bus.Options{Server: server})
	if err != nil {
		return err
	}
	defer conn.Close()
	return publisher.Run(ctx, publisher.Config{Cameras: map[frame.CameraID]publisher.CameraConfig{
		id: {Source: "test:?width=320&height=240&fps=10"},
	}}, publisher.Deps{
		Bus: conn, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Now: func() time.Time { return time.Now().Round(0).Add(ahead) },
	})
}

// started runs this program as something else until the end of the test.
func started(t *testing.T, args ...string) {
	t.Helper()
	cmd := command(t, context.Background(), args...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	})
}

func command(t *testing.T, ctx context.Context, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(ctx, self, args...)
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !await.True(patience, 20*time.Millisecond, condition) {
		t.Fatalf("not in time: %s", what)
	}
}

// Publishers on machines whose clocks are wrong by minutes, either way: a viewer, the page's server and
// `lensbus cameras` show how old the pictures truly are, and how wrong they may be.
func TestAgesAreTrueWithWrongClocks(t *testing.T) {
	skews := map[frame.CameraID]time.Duration{"ahead": 7 * time.Minute, "behind": -11 * time.Minute}
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	server, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	for id, skew := range skews {
		started(t, asPublisher, server.URL(), string(id), skew.String())
	}
	conn, err := bus.Connect(ctx, bus.Options{Server: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })

	t.Run("viewer", func(t *testing.T) {
		for id, skew := range skews {
			live, err := conn.Live(id)
			if err != nil {
				t.Fatal(err)
			}
			for checked := 0; checked < 10; {
				f, err := live.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				now := time.Now()
				offset, known := conn.Offset(id)
				if !known {
					continue
				}
				checked++
				// There is one machine, in truth, so the true age is known too.
				shown, truly := offset.Age(f.Captured, now), now.Round(0).Sub(f.Captured.Add(-skew))
				if wrong := (shown - truly).Abs(); wrong > offset.Uncertainty+100*time.Microsecond {
					t.Errorf("camera %s, frame %d: shown as %v ±%v old, truly %v", id, f.Seq, shown, offset.Uncertainty, truly)
				}
				if truly < 0 || truly > patience {
					t.Errorf("camera %s, frame %d: truly %v old", id, f.Seq, truly)
				}
			}
			offset, _ := conn.Offset(id)
			t.Logf("camera %s: offset %v ±%v", id, offset.Offset, offset.Uncertainty)
			if err := live.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("web", func(t *testing.T) { pageShowsTrueAges(t, conn, skews) })
	t.Run("cameras", func(t *testing.T) { commandShowsTrueAges(t, server.URL(), skews) })
}

// right says whether an offset that is shown is the true one, as far as it says that it can be wrong.
// Both are in seconds.
func right(skew time.Duration, offset, uncertainty *float64) bool {
	return offset != nil && uncertainty != nil && *uncertainty > 0 && math.Abs(*offset-skew.Seconds()) <= *uncertainty+1e-6
}

func pageShowsTrueAges(t *testing.T, conn *bus.Conn, skews map[frame.CameraID]time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- web.Run(ctx, web.Config{Listen: "127.0.0.1:0"}, web.Deps{Bus: conn}, func(addr string) { address <- addr })
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	base := "http://" + <-address
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		if err != nil {
			return nil, err
		}
		return client.Do(request)
	}
	for id, skew := range skews { // who watches a camera knows its clock
		stream, err := get("/cameras/" + string(id) + "/stream.mjpeg")
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Body.Close()
		go func() { _, _ = io.Copy(io.Discard, stream.Body) }()
		type camera struct {
			ID          frame.CameraID `json:"id"`
			Live        bool           `json:"live"`
			Age         *float64       `json:"age_ms"`
			Offset      *float64       `json:"clock_offset_ms"`
			Uncertainty *float64       `json:"uncertainty_ms"`
		}
		var list []camera
		eventually(t, "the camera's age is known", func() bool {
			answer, err := get("/api/cameras")
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			list = nil
			if json.NewDecoder(answer.Body).Decode(&list) != nil {
				return false
			}
			for _, c := range list {
				if c.ID == id && c.Live && c.Age != nil && c.Offset != nil && c.Uncertainty != nil {
					offset, uncertainty := *c.Offset/1000, *c.Uncertainty/1000+0.001 // whole milliseconds are shown
					if !right(skew, &offset, &uncertainty) || *c.Age < 0 || *c.Age > float64(patience.Milliseconds()) {
						t.Errorf("camera %s: age %g ms, offset %g ±%g ms; its clock is ahead by %v", id, *c.Age, *c.Offset, *c.Uncertainty, skew)
					}
					return true
				}
			}
			return false
		})
	}
}

func commandShowsTrueAges(t *testing.T, server string, skews map[frame.CameraID]time.Duration) {
	run := func(args ...string) []byte {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := command(t, ctx, append([]string{asLensbus, "cameras", "--server", server}, args...)...)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, &said)
		}
		return out
	}
	var list []struct {
		ID          frame.CameraID `json:"id"`
		Age         *float64       `json:"age_seconds"`
		Uncertainty *float64       `json:"age_uncertainty_seconds"`
		Offset      *float64       `json:"clock_offset_seconds"`
		Uptime      float64        `json:"uptime_seconds"`
	}
	if err := json.Unmarshal(run("--json"), &list); err != nil || len(list) != len(skews) {
		t.Fatalf("%d cameras, %v", len(list), err)
	}
	for _, c := range list {
		if !right(skews[c.ID], c.Offset, c.Uncertainty) || c.Age == nil || *c.Age < 0 || *c.Age > patience.Seconds() || c.Uptime < 0 || c.Uptime > 4*patience.Seconds() {
			t.Errorf("%+v; its clock is ahead by %v", c, skews[c.ID])
		}
	}
	var table string
	eventually(t, "every age is shown with its uncertainty", func() bool {
		table = string(run())
		for id := range skews {
			line := regexp.MustCompile(`(?m)^` + string(id) + ` .*$`).FindString(table)
			if !regexp.MustCompile(` \d+ ms ±\d+ `).MatchString(line) {
				return false
			}
		}
		return true
	})
	t.Log("\n" + table)
}
