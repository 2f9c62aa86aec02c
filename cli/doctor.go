package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/publisher/source/opencv"
	"github.com/lensbus/lensbus/publisher/source/v4l2"
)

type doctorCommand struct {
	fileFlag
	serverFlags
	JSON bool `help:"Print a JSON array of findings: check, status (ok, warn or fail), text, and do, what to do."`
}

// status of a finding.
type status string

const (
	ok   status = "ok"
	warn status = "warn" // something falls away, or soon will
	fail status = "fail" // something does not work
)

// finding is what a check has found, in one line for people, and what to do about it.
type finding struct {
	Check  string `json:"check"`
	Status status `json:"status"`
	Text   string `json:"text"`
	Do     string `json:"do,omitempty"`
}

// patient is what is examined. Tests give it parts that are ill.
type patient struct {
	file    file
	hasFile bool
	state   string // the folder of saved settings
	host    string // this machine's name, as in statuses

	opencv struct {
		built    bool
		version  string
		backends []string
	}
	devices func() ([]v4l2.Device, error)
	probe   func(path string) (v4l2.Device, error)
	connect func(context.Context) (*bus.Conn, error) // with the server's answer
	disk    func(folder string) (room, error)
	port    func(ctx context.Context, listen string) portUse

	creds string            // the credentials file; "": none
	who   *auth.Credentials // what is in it; nil: none, or it cannot be read

	// What is found out once, when the first check needs it.
	asked   bool
	conn    *bus.Conn // nil where connErr is not
	connErr error
	heard   bool
	onBus   []camera
	busErr  error
}

// server returns the connection, or why there is none.
func (p *patient) server(ctx context.Context) (*bus.Conn, error) {
	if !p.asked {
		p.asked = true
		p.conn, p.connErr = p.connect(ctx)
	}
	return p.conn, p.connErr
}

// cameras returns those on the bus.
func (p *patient) cameras(ctx context.Context) ([]camera, error) {
	conn, err := p.server(ctx)
	if err != nil {
		return nil, err
	}
	if !p.heard {
		p.heard = true
		p.onBus, p.busErr = findCameras(ctx, conn, 0)
	}
	return p.onBus, p.busErr
}

// check is one kind of examination; the findings get its name.
type check struct {
	name string
	run  func(context.Context, *patient) []finding
}

// checks are all, in the order in which one thing rests on the one before.
func checks() []check {
	return []check{
		{"opencv", checkOpenCV},
		{"devices", checkDevices},
		{"credentials", checkCredentials},
		{"server", checkServer},
		{"cameras", checkCameras},
		{"disk", checkDisk},
		{"ports", checkPorts},
	}
}

func (c *doctorCommand) Run(ctx context.Context, s *session) error {
	p := &patient{devices: v4l2.List, probe: v4l2.Probe, disk: diskRoom, port: probePort, hasFile: c.Config != ""}
	p.opencv.built, p.opencv.version, p.opencv.backends = opencv.Built, opencv.Version(), opencv.Backends()
	p.state = controlFlags{State: os.Getenv("LENSBUS_STATE")}.folder(os.Getenv)
	p.host, _ = os.Hostname() // without a name no status is this machine's
	p.connect = func(ctx context.Context) (*bus.Conn, error) {
		return connectStrictly(ctx, c.serverFlags, p.file, p.who)
	}
	defer func() {
		if p.conn != nil {
			_ = s.life.end("connection", p.conn.Close) // never fails
		}
	}()
	out := report{to: s.Stdout, json: c.JSON, findings: []finding{}}
	if p.hasFile {
		out.add("file", c.readFile(p))
	}
	p.creds = cmp.Or(c.Creds, p.file.Creds)
	for _, check := range checks() {
		found := check.run(ctx, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out.add(check.name, found)
	}
	return out.end()
}

// readFile reads the configuration file into p; one that is wrong is a finding for every fault, and
// the defaults are examined instead.
func (c *doctorCommand) readFile(p *patient) []finding {
	err := c.load(&p.file)
	if err == nil {
		return []finding{{Status: ok, Text: c.Config + " is read without fault"}}
	}
	p.file, p.hasFile = file{}, false
	var findings []finding
	for line := range strings.SplitSeq(err.Error(), "\n") {
		findings = append(findings, finding{Status: fail, Text: line, Do: "correct the file; docs/reference/config.md has every key"})
	}
	return findings
}

// report is what doctor prints: every finding as soon as it is there, or all together as JSON.
type report struct {
	to       io.Writer
	json     bool
	findings []finding
	failed   int
	err      error // of the first write that failed
}

func (r *report) add(check string, found []finding) {
	for _, f := range found {
		// Some of it is said by others on the bus, and by devices.
		f.Check, f.Text, f.Do = check, printable(f.Text), printable(f.Do)
		r.findings = append(r.findings, f)
		if f.Status == fail {
			r.failed++
		}
		if r.json || r.err != nil {
			continue
		}
		text := fmt.Sprintf("%-5s %-8s %s\n", f.Status, f.Check, f.Text)
		if f.Do != "" {
			text += fmt.Sprintf("%-5s %-8s → %s\n", "", "", f.Do)
		}
		_, r.err = io.WriteString(r.to, text)
	}
}

// end prints what is left. Its error says how many have failed.
func (r *report) end() error {
	if r.json {
		r.err = printJSON(r.to, r.findings)
	}
	if r.err != nil {
		return fmt.Errorf("print: %w", r.err)
	}
	if r.failed > 0 {
		return fmt.Errorf("doctor: %d of %d findings are failures", r.failed, len(r.findings))
	}
	return nil
}

// printable is text of any length for one line of a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// used returns the addresses of the file's cameras of a kind.
func (p *patient) used(kind string) []string {
	var found []string
	for _, camera := range p.file.Cameras {
		if address, is := strings.CutPrefix(camera.Source, kind+":"); is {
			address, _, _ = strings.Cut(address, "?")
			if !slices.Contains(found, address) {
				found = append(found, address)
			}
		}
	}
	slices.Sort(found)
	return found
}
