//go:build compose

package compose

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// bridge is this machine's address on docker's own network, by which containers of other networks reach
// ports of this machine as they would those of another host.
func bridge(t *testing.T) string {
	t.Helper()
	link, err := net.InterfaceByName("docker0")
	if err != nil {
		t.Skipf("NOT TESTED: roles on several hosts, because this machine is none of docker's own: docker0: %v", err)
	}
	addresses, err := link.Addrs()
	for _, address := range addresses {
		if ip, _, _ := net.ParseCIDR(address.String()); ip.To4() != nil {
			return ip.String()
		}
	}
	t.Skipf("NOT TESTED: roles on several hosts, because docker0 has no address: %v", err)
	return ""
}

// TestHosts runs the four files for several hosts as four projects, each with a network of its own, that
// meet at the broker's published port; the recorder comes late, goes and comes back.
func TestHosts(t *testing.T) {
	address, port := bridge(t), freePort(t)
	configs := "../../configs/compose/"
	broker := newStack(t, configs+"broker-host.yml", "broker", "LENSBUS_ADDRESS="+address, "LENSBUS_BROKER_PORT="+port, "LENSBUS_PUBLISH="+address)
	t.Logf("MEASURED: broker host healthy after %s", broker.up("broker"))

	creds := t.TempDir()
	add := func(role, name string, more ...string) (env []string) {
		t.Helper()
		args := append([]string{"run", "--rm", "--no-deps", "auth", "auth", "add", role, name}, more...)
		path := strings.TrimSpace(broker.compose(args...))
		file := filepath.Join(creds, name+".creds")
		broker.compose("cp", "auth:"+path, file)
		if err := os.Chown(file, 65534, 65534); err != nil {
			t.Skipf("NOT TESTED: roles on several hosts, because credentials cannot be given their owner: %v", err)
		}
		return []string{"LENSBUS_ADDRESS=" + address, "LENSBUS_BROKER_PORT=" + port, "LENSBUS_CREDS=" + file}
	}
	if err := os.Chmod(creds, 0o755); err != nil {
		t.Fatal(err)
	}
	one := newStack(t, configs+"camera-host.yml", "one", append(add("publisher", "front"), "LENSBUS_CAMERA=front=test:?width=640&height=480&fps=10")...)
	two := newStack(t, configs+"camera-host.yml", "two", append(add("publisher", "door"), "LENSBUS_CAMERA=door=test:?width=640&height=480&fps=10")...)
	page := add("web", "page")
	viewers := []*stack{
		newStack(t, configs+"viewer-host.yml", "viewer1", page...),
		newStack(t, configs+"viewer-host.yml", "viewer2", page...),
	}
	one.up("cameras")
	two.up("cameras")
	for _, v := range viewers {
		v.up("page")
		moves(v, "front", "door")
		for _, id := range []string{"front", "door"} {
			v.ages(id)
		}
	}
	recorder := newStack(t, configs+"recorder-host.yml", "recorder", add("recorder", "recorder")...)
	came := time.Now()
	t.Logf("MEASURED: recorder host healthy after %s", recorder.up("recorder"))
	first := records(viewers[0], "front")
	if first.Spans[0].From.After(came) {
		t.Errorf("the recorder came at %s, and its first frame is of %s: what waited in the broker is not there", came, first.Spans[0].From)
	}
	recorder.compose("stop", "--timeout=10")
	recorder.until("another frame is published while there is no recorder", func() bool {
		moves(viewers[1], "front")
		return true
	})
	recorder.up("recorder")
	again := records(viewers[1], "front")
	t.Logf("MEASURED: recorder away and back: %d frames in %d spans, gaps: %v", again.frames(), len(again.Spans), again.Gaps)
	if len(again.Gaps) > 0 {
		t.Errorf("the recording has gaps: %v", again.Gaps)
	}

	// Who has the rights to one camera cannot publish another.
	rogue := newStack(t, configs+"camera-host.yml", "rogue", append(add("publisher", "rogue"), "LENSBUS_CAMERA=yard=test:")...)
	rogue.compose("up", "--detach", "--no-build")
	rogue.until("the broker refuses a camera without the right to it", func() bool {
		return regexp.MustCompile(`(?i)permission|may not publish`).MatchString(rogue.try("logs", "cameras"))
	})
	if slices.ContainsFunc(cameras(viewers[0]), func(c camera) bool { return c.ID == "yard" }) {
		t.Error("the camera yard is on the bus, whose publisher has no right to it")
	}
}

type camera struct {
	ID string `json:"id"`
}

func cameras(s *stack) (all []camera) {
	s.t.Helper()
	s.until("the page lists cameras", func() bool {
		data, ok := s.get("/api/cameras")
		return ok && json.Unmarshal(data, &all) == nil
	})
	return all
}
