//go:build hosts

package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// network is a router, which is this process's own network namespace, and hosts around it.
type network struct {
	t      *testing.T
	number int
	links  int
	hosts  map[string]*host
}

var networks atomic.Int32 //nolint:gochecknoglobals // each has addresses of its own

// host is a machine with one address.
type host struct {
	net     *network
	name    string
	space   string // its network namespace
	port    string // the router's interface to it
	address string
	gateway string
}

func newNetwork(t *testing.T, names ...string) *network {
	t.Helper()
	n := &network{t: t, number: int(networks.Add(1)), hosts: make(map[string]*host)}
	ip(t, "link", "set", "lo", "up")
	for path, value := range map[string]string{"ip_forward": "1", "conf/all/rp_filter": "0", "conf/default/rp_filter": "0"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+path, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range names {
		h := &host{
			net: n, name: name, space: fmt.Sprintf("n%d-%s", n.number, name),
			address: fmt.Sprintf("10.%d.%d.2", 100+n.number, i+1), gateway: fmt.Sprintf("10.%d.%d.1", 100+n.number, i+1),
		}
		n.hosts[name] = h
		h.appear()
		t.Cleanup(h.vanish)
	}
	return n
}

// appear makes the host, with nothing on it.
func (h *host) appear() {
	t := h.net.t
	t.Helper()
	h.net.links++
	h.port = fmt.Sprintf("r%d-%d", h.net.number, h.net.links)
	ip(t, "netns", "add", h.space)
	ip(t, "link", "add", h.port, "type", "veth", "peer", "name", "eth0", "netns", h.space)
	ip(t, "address", "add", h.gateway+"/24", "dev", h.port)
	ip(t, "link", "set", h.port, "up")
	ip(t, "-n", h.space, "address", "add", h.address+"/24", "dev", "eth0")
	ip(t, "-n", h.space, "link", "set", "lo", "up")
	ip(t, "-n", h.space, "link", "set", "eth0", "up")
	ip(t, "-n", h.space, "route", "add", "default", "via", h.gateway)
	// As most machines have it: one that fills queues until something is lost. What the kernel lets a
	// namespace have depends on the machine.
	for _, control := range []string{"cubic", "reno"} {
		if exec.Command("ip", "netns", "exec", h.space, "sh", "-c", "echo "+control+" >/proc/sys/net/ipv4/tcp_congestion_control").Run() == nil {
			return
		}
	}
	t.Logf("%s: the congestion control is the machine's own", h.name)
}

// vanish takes the host away with all its connections, which nobody hears of. What ran on it is to be
// killed before.
func (h *host) vanish() {
	if h.port == "" {
		return
	}
	h.mend()
	_ = exec.Command("ip", "link", "del", h.port).Run() // so that nothing gets out any more
	_ = exec.Command("ip", "netns", "del", h.space).Run()
	h.port = ""
}

// direction of packets, seen from the host.
type direction int

const (
	out direction = 1 << iota
	in
	both = out | in
)

func (d direction) String() string {
	switch d {
	case out:
		return "from it"
	case in:
		return "to it"
	}
	return "both ways"
}

// cut makes the router throw away, without a word, what comes from the host or goes to it.
func (h *host) cut(d direction) {
	h.net.t.Helper()
	if d&out != 0 {
		ip(h.net.t, "rule", "add", "from", h.address, "blackhole")
	}
	if d&in != 0 {
		ip(h.net.t, "rule", "add", "to", h.address, "blackhole")
	}
}

// mend ends all cuts.
func (h *host) mend() {
	for _, way := range []string{"from", "to"} {
		_ = exec.Command("ip", "rule", "del", way, h.address, "blackhole").Run() // there may be none
	}
}

// thin lets so many bits a second through in a direction, with room for queue bytes before the rest is
// lost.
func (h *host) thin(d direction, bits, queue int) {
	h.net.t.Helper()
	shape := []string{"root", "tbf", "rate", fmt.Sprint(bits), "burst", "16kb", "limit", fmt.Sprint(queue)}
	if d&in != 0 {
		run(h.net.t, "tc", append([]string{"qdisc", "replace", "dev", h.port}, shape...)...)
	}
	if d&out != 0 {
		run(h.net.t, "tc", append([]string{"-n", h.space, "qdisc", "replace", "dev", "eth0"}, shape...)...)
	}
}

// widen ends thin.
func (h *host) widen() {
	_ = exec.Command("tc", "qdisc", "del", "dev", h.port, "root").Run()
	_ = exec.Command("tc", "-n", h.space, "qdisc", "del", "dev", "eth0", "root").Run()
}

// command is one that runs on the host.
func (h *host) command(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", h.space, name}, args...)...)
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	run(t, "ip", args...)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if output, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, output)
	}
}
