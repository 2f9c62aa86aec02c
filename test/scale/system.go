package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// system is a whole lensbus, which runs.
type system struct {
	plan plan
	ids  []frame.CameraID
	// numbers are where roles serve theirs.
	numbers map[string]string

	broker, publisher, recorder, page *process // nil: there is none
	viewers                           []*process
}

var (
	servesNumbers = regexp.MustCompile(`url=(http://\S+/metrics)`)
	brokerReady   = regexp.MustCompile(`url=(nats://\S+)`)
)

// begin starts everything, and returns when all cameras are live, recorded and seen by every viewer.
func (p plan) begin(ctx context.Context, base, pictures string, cameras int, watch watching) (s *system, err error) {
	dir, err := os.MkdirTemp(base, fmt.Sprintf("%d-%s-", cameras, watch))
	if err != nil {
		return nil, err
	}
	s = &system{plan: p, numbers: make(map[string]string)}
	defer func() {
		if err != nil {
			s.end()
		}
	}()
	for i := range cameras {
		s.ids = append(s.ids, frame.CameraID(fmt.Sprintf("cam%d", i+1)))
	}
	file := filepath.Join(dir, "lensbus.yaml")
	if err := os.WriteFile(file, []byte(s.config(dir, pictures)), 0o600); err != nil {
		return s, err
	}
	lensbus := func(name string, args ...string) (*process, error) {
		started, err := start(name, dir, exec.Command(p.Program, args...))
		if err != nil {
			return nil, err
		}
		if name != "page" {
			if s.numbers[name], err = started.says(ctx, servesNumbers); err != nil {
				started.end()
				return nil, err
			}
		}
		return started, nil
	}
	if s.broker, err = lensbus("broker", "broker", "-c", file, "--metrics-listen", "127.0.0.1:0"); err != nil {
		return s, err
	}
	server, err := s.broker.says(ctx, brokerReady)
	if err != nil {
		return s, err
	}
	if s.publisher, err = lensbus("publisher", "publish", "-c", file, "--server", server, "--metrics-listen", "127.0.0.1:0"); err != nil {
		return s, err
	}
	if p.Record {
		if s.recorder, err = lensbus("recorder", "record", "-c", file, "--server", server, "--metrics-listen", "127.0.0.1:0"); err != nil {
			return s, err
		}
	}
	target := target{Watch: watch, Server: server, IDs: s.ids}
	if watch == grid {
		if s.page, err = lensbus("page", "web", "--server", server, "--listen", "127.0.0.1:0"); err != nil {
			return s, err
		}
		if err := s.page.out.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return s, err
		}
		if target.Server, err = bufio.NewReader(s.page.out).ReadString('\n'); err != nil {
			return s, fmt.Errorf("the page: %w", err)
		}
		target.Server = strings.TrimSpace(target.Server)
		s.numbers["page"] = target.Server + "metrics"
	}
	if err := s.watch(dir, target); err != nil {
		return s, err
	}
	return s, s.settle(ctx)
}

// config is the file of all roles. The limits fit 64 cameras, and a buffer holds a minute.
func (s *system) config(dir, pictures string) string {
	var text strings.Builder
	buffer := max(16<<20, int64(float64(s.plan.Bytes)*s.plan.FPS*60))
	fmt.Fprintf(&text, "broker:\n  listen: 127.0.0.1:0\n  store: %s\n  sync: %s\n  max_file_store: %dB\n", filepath.Join(dir, "store"), s.plan.Sync, buffer*int64(len(s.ids))+1<<30)
	fmt.Fprintf(&text, "recorder:\n  dir: %s\n  min_free: 1GiB\ncameras:\n", filepath.Join(dir, "recordings"))
	for _, id := range s.ids {
		fmt.Fprintf(&text, "  %s:\n    source: \"images:%s?fps=%g&loop=1\"\n", id, pictures, s.plan.FPS)
		if s.plan.Record {
			fmt.Fprintf(&text, "    record: {buffer_bytes: %dB}\n", buffer)
		}
	}
	return text.String()
}

// watch starts the viewers, each a process that runs this program.
func (s *system) watch(dir string, t target) error {
	if t.Watch == nobody {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for i := range s.plan.Viewers {
		t.Full = s.ids[i%len(s.ids)]
		text, err := json.Marshal(t)
		if err != nil {
			return err
		}
		cmd := exec.Command(self)
		cmd.Env = []string{viewerTarget + "=" + string(text)}
		v, err := start(fmt.Sprintf("viewer%d", i), dir, cmd)
		if err != nil {
			return err
		}
		s.viewers = append(s.viewers, v)
	}
	return nil
}

// settle waits until every camera is live, recorded and seen by every viewer.
func (s *system) settle(ctx context.Context) error {
	count := func(role, name string) (n int) {
		values, err := s.read(ctx, role)
		if err != nil {
			return 0
		}
		for key, v := range values {
			if strings.HasPrefix(key, name+"{") && v > 0 {
				n++
			}
		}
		return n
	}
	if err := until(ctx, "all cameras are published", func() bool {
		return count("publisher", "lensbus_publisher_frames_sent_total") == len(s.ids)
	}); err != nil {
		return err
	}
	if s.recorder != nil {
		if err := until(ctx, "all cameras are recorded", func() bool {
			return count("recorder", "lensbus_recorder_frames_total") == len(s.ids)
		}); err != nil {
			return err
		}
	}
	for _, v := range s.viewers {
		if err := until(ctx, v.name+" sees every camera", func() bool {
			seen, err := v.ask()
			return err == nil && seen.Cameras == len(s.ids)
		}); err != nil {
			return err
		}
	}
	// What was gathered while it started is gone by then.
	select {
	case <-time.After(s.plan.Window / 4):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end ends everything, the viewers first.
func (s *system) end() {
	for _, p := range s.processes() {
		p.end()
	}
}

func (s *system) processes() []*process {
	all := append(slices.Clone(s.viewers), s.page, s.publisher, s.recorder, s.broker)
	return slices.DeleteFunc(all, func(p *process) bool { return p == nil })
}

// read returns the numbers that a role serves, each with its labels.
func (s *system) read(ctx context.Context, role string) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.numbers[role], nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	values := make(map[string]float64)
	for line := range strings.Lines(string(body)) {
		at := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err == nil {
			values[line[:at]] = v
		}
	}
	return values, nil
}
