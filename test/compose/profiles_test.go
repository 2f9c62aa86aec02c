//go:build compose

package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// mjpegCamera is a camera on the network, at an address of this machine that containers reach.
func mjpegCamera(t *testing.T, host string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=picture")
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			picture := image.NewRGBA(image.Rect(0, 0, 320, 240))
			draw.Draw(picture, picture.Bounds(), image.NewUniform(color.RGBA{uint8(n * 8), 90, uint8(n), 255}), image.Point{}, draw.Src)
			var data bytes.Buffer
			if err := jpeg.Encode(&data, picture, nil); err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", data.Len(), data.Bytes()); err != nil {
				return
			}
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
			}
		}
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // until Close
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return "http://" + listener.Addr().String() + "/video.mjpg"
}

// with is the same stack with other variables.
func (s *stack) with(env ...string) *stack {
	other := *s
	other.env = append(append([]string(nil), s.env...), env...)
	return &other
}

// TestProfiles starts what docker-compose.yml has besides, with a camera and without.
func TestProfiles(t *testing.T) {
	camera := mjpegCamera(t, bridge(t))
	prometheus := freePort(t)
	s := newStack(t, "../../docker-compose.yml", "profiles", "LENSBUS_BROKER_PORT="+freePort(t), "LENSBUS_IP_CAMERA="+camera,
		"LENSBUS_USB_DEVICE=/dev/video-nowhere", "LENSBUS_PROMETHEUS_PORT="+prometheus)
	for _, profile := range []string{"usb", "ip", "monitoring", "*"} {
		s.compose("--profile", profile, "config", "--quiet")
	}
	s.up(services()...)
	s.password = loggedPassword(t, s)
	s.login(true)

	t.Run("ip", func(t *testing.T) {
		s := s.of(t)
		s.compose("--profile=ip", "up", "--detach", "--no-build")
		s.until("ip is healthy", func() bool { return s.healthy("ip") })
		moves(s, "ip")
		records(s, "ip")

		s = s.with("LENSBUS_IP_CAMERA=")
		s.compose("--profile=ip", "up", "--detach", "--no-build")
		s.until("without an URL ip says so", func() bool { return strings.Contains(s.try("logs", "ip"), "ip: no source") })
		moves(s, "front")
		s.with("LENSBUS_IP_CAMERA="+camera).compose("--profile=ip", "up", "--detach", "--no-build")
		s.until("ip is healthy again", func() bool { return s.healthy("ip") })
	})
	t.Run("usb", func(t *testing.T) {
		if os.Getenv(envOpenCV) == os.Getenv(envImage) {
			t.Skip("NOT TESTED: usb, because it takes the image with OpenCV")
		}
		s := s.of(t)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		out, err := s.command(ctx, "--profile=usb", "up", "--detach", "--no-build").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "/dev/video-nowhere") || !strings.Contains(string(out), "no such file or directory") {
			t.Errorf("without the device: %v\n%s", err, out)
		}
		moves(s, "front")
		// A device that is no camera.
		s = s.with("LENSBUS_USB_DEVICE=/dev/zero")
		s.compose("--profile=usb", "up", "--detach", "--no-build")
		s.until("usb says that this is no camera", func() bool {
			return strings.Contains(s.try("logs", "usb"), "v4l2:/dev/video0: is not a camera")
		})
		moves(s, "front")
	})
	t.Run("monitoring", func(t *testing.T) {
		const image = "prom/prometheus:v3.5.0" // as in the file
		if !strings.Contains(read(t, s.file), image) {
			t.Fatalf("%s has another Prometheus than %s", s.file, image)
		}
		if err := exec.CommandContext(t.Context(), "docker", "image", "inspect", image).Run(); err != nil {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if out, err := exec.CommandContext(ctx, "docker", "pull", "--quiet", image).CombinedOutput(); err != nil {
				t.Skipf("NOT TESTED: Prometheus beside the rest, because its image cannot be had here: %s", out)
			}
		}
		s := s.of(t)
		s.compose("--profile=monitoring", "up", "--detach", "--no-build", "prometheus")
		targets(s, "http://127.0.0.1:"+prometheus)
	})
}

// loggedPassword is that of admin, which the first start has printed.
func loggedPassword(t *testing.T, s *stack) string {
	t.Helper()
	_, rest, found := strings.Cut(s.compose("logs", "auth"), "password: ")
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		t.Fatalf("no password in the log of auth:\n%s", s.try("logs", "auth"))
	}
	return fields[0]
}

// of is the same stack in a part of its test.
func (s *stack) of(t *testing.T) *stack {
	other := *s
	other.t = t
	return &other
}

// targets waits until Prometheus has read the numbers of every service that runs, and has one of each role.
func targets(s *stack, url string) {
	s.t.Helper()
	ask := func(path string, into any) bool {
		answer, err := s.client.Get(url + path)
		if err != nil {
			return false
		}
		defer func() { _ = answer.Body.Close() }()
		return answer.StatusCode == http.StatusOK && json.NewDecoder(answer.Body).Decode(into) == nil
	}
	want := []string{"broker:9464", "cameras:9464", "ip:9464", "page:8080", "recorder:9464"}
	said := ""
	s.until("Prometheus reads the numbers of every service", func() bool {
		var found struct {
			Data struct {
				ActiveTargets []struct {
					Labels            map[string]string
					Health, LastError string
				}
			}
		}
		if !ask("/api/v1/targets?state=active", &found) {
			return false
		}
		state := make(map[string]string)
		for _, target := range found.Data.ActiveTargets {
			state[target.Labels["instance"]] = target.Health + " " + target.LastError
		}
		if text := fmt.Sprint(state); text != said {
			said = text
			s.t.Log(text)
		}
		for _, instance := range want {
			if !strings.HasPrefix(state[instance], "up") {
				return false
			}
		}
		return true
	})
	for _, query := range []string{"lensbus_broker_connections", "lensbus_publisher_frames_per_second", "lensbus_recorder_frames_total", `lensbus_bus_connected{job="lensbus"}`} {
		s.until("Prometheus has "+query, func() bool {
			var found struct{ Data struct{ Result []any } }
			return ask("/api/v1/query?query="+neturl.QueryEscape(query), &found) && len(found.Data.Result) > 0
		})
	}
}
