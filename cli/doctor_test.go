package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/publisher/source/v4l2"
	"github.com/lensbus/lensbus/test/free"
)

// healthy is a patient to whom nothing is the matter.
func healthy() *patient {
	p := &patient{
		state: "state", host: "shed",
		devices: func() ([]v4l2.Device, error) {
			return []v4l2.Device{{Path: "/dev/video0", Links: []string{"/dev/v4l/by-id/usb-cam"}, Card: "C920", Capture: true, Formats: []string{"MJPG", "YUYV"}}}, nil
		},
		probe: func(path string) (v4l2.Device, error) {
			return v4l2.Device{Path: path, Card: "C920", Capture: true, Formats: []string{"MJPG"}}, nil
		},
		connect: func(context.Context) (*bus.Conn, error) { return nil, errors.New("connection refused") },
		disk:    func(string) (room, error) { return room{free: 1 << 40, total: 1 << 41, writable: true}, nil },
		port:    func(context.Context, string) portUse { return portUse{free: true} },
	}
	p.opencv.built, p.opencv.version, p.opencv.backends = true, "4.6.0", []string{"FFMPEG", "V4L2"}
	return p
}

func wants(source string) map[frame.CameraID]publisher.CameraConfig {
	return map[frame.CameraID]publisher.CameraConfig{"front": {Source: source}}
}

// Every illness is found by its check, and told with what to do.
func TestDoctorFinds(t *testing.T) {
	for name, test := range map[string]struct {
		check string
		ill   func(*patient)
		want  status
		text  string // in the finding
		do    string // in what to do
	}{
		"nothing: OpenCV": {"opencv", func(*patient) {}, ok, "OpenCV 4.6.0, captures with FFMPEG, V4L2", ""},
		"no OpenCV":       {"opencv", func(p *patient) { p.opencv.built = false }, warn, "built without OpenCV: no v4l2:", "make build"},
		"no OpenCV, and it is needed": {"opencv", func(p *patient) { p.opencv.built = false; p.file.Cameras = wants("rtsp://127.0.0.1/") },
			fail, "the file has cameras of rtsp:", "make build"},
		"no FFmpeg": {"opencv", func(p *patient) { p.opencv.backends = []string{"V4L2"} }, warn, "no FFMPEG: files and RTSP", "libopencv-dev"},

		"nothing: devices": {"devices", func(*patient) {}, ok, "/dev/video0 (C920): delivers MJPG, YUYV", ""},
		"no device":        {"devices", func(p *patient) { p.devices = none }, warn, "no video device", "docker run --device"},
		"not of the group video": {"devices", func(p *patient) {
			p.devices = func() ([]v4l2.Device, error) {
				return []v4l2.Device{{Path: "/dev/video0", Card: "C920", Err: errors.New("permission denied: add yourself to the group video")}}, nil
			}
			p.file.Cameras = wants("v4l2:/dev/video0")
		}, fail, "/dev/video0 (C920): permission denied: add yourself to the group video", ""},
		"only raw pictures": {"devices", func(p *patient) {
			p.devices = func() ([]v4l2.Device, error) {
				return []v4l2.Device{{Path: "/dev/video0", Capture: true, Formats: []string{"YUYV"}}}, nil
			}
		}, ok, "YUYV; no JPEG of its own", ""},
		"the file's device": {"devices", func(p *patient) { p.file.Cameras = wants("v4l2:/dev/v4l/by-id/usb-cam?width=640") }, ok, "/dev/video0 (C920), which the file wants", ""},
		"the file's device is gone": {"devices", func(p *patient) {
			p.file.Cameras = wants("v4l2:/dev/video7")
			p.probe = func(string) (v4l2.Device, error) { return v4l2.Device{}, errors.New("no such device") }
		}, fail, "/dev/video7, which the file wants: no such device", "lensbus cameras"},
		"the file's device is in use by itself":          {"devices", func(p *patient) { inUse(p, "shed", "front") }, ok, "in use by camera front of lensbus", ""},
		"the file's device is in use on another machine": {"devices", func(p *patient) { inUse(p, "barn", "front") }, fail, "in use by another program", ""},

		"no server":         {"server", func(*patient) {}, fail, "connection refused", "lensbus up"},
		"wrong credentials": {"server", unreachable("nats: Authorization Violation"), fail, "Authorization Violation", "NATS_CREDS"},
		"unknown name":      {"server", unreachable("dial tcp: lookup nowhere: no such host"), fail, "no such host", "check --server"},
		"wrong certificate": {"server", unreachable("tls: failed to verify certificate"), fail, "certificate", "NATS_CA"},

		"nothing asked": {"cameras", func(*patient) {}, warn, "there is no server", ""},

		"nothing: disk":     {"disk", func(*patient) {}, ok, "nothing is kept but the newest pictures", ""},
		"store":             {"disk", func(p *patient) { p.file.Broker.Store = "s" }, ok, "store s has 1024 GiB of 2048 GiB left and may grow to 10 GiB", ""},
		"store nearly full": {"disk", store(room{free: 50 << 20, writable: true}), fail, "store s has only 50 MiB left", "free some room"},
		"store too small":   {"disk", store(room{free: 5 << 30, used: 1 << 30, writable: true}), warn, "5 GiB left, and may grow to 10 GiB", "max_file_store"},
		"store that fits":   {"disk", store(room{free: 5 << 30, used: 6 << 30, total: 20 << 30, writable: true}), ok, "store s has 5 GiB of 20 GiB left", ""},
		"store of another":  {"disk", store(room{free: 1 << 40}), fail, "cannot be written to", "chown"},
		"no state":          {"disk", func(p *patient) { p.state = "" }, warn, "no folder for settings", "--state"},

		"nothing: ports": {"ports", func(*patient) {}, ok, "broker.listen 127.0.0.1:4222 is free", ""},
		"ports of lensbus": {"ports", func(p *patient) {
			p.port = func(_ context.Context, listen string) portUse {
				return portUse{nats: strings.HasSuffix(listen, "4222"), page: strings.HasSuffix(listen, "8080")}
			}
		}, ok, "web.listen 127.0.0.1:8080 is in use by a page of lensbus", ""},
		"port of a stranger":                {"ports", func(p *patient) { p.port = taken }, warn, "web.listen 127.0.0.1:8080 is in use by another program", "ss -ltnp sport = :8080"},
		"port of a stranger, with a file":   {"ports", func(p *patient) { p.port = taken; p.hasFile = true }, fail, "broker.listen 127.0.0.1:4222 is in use by another program", "--broker-listen"},
		"a page where the broker should be": {"ports", func(p *patient) { p.port = func(context.Context, string) portUse { return portUse{page: true} } }, warn, "broker.listen 127.0.0.1:4222 is in use by another program", ""},
		"a port that is not to be had": {"ports", func(p *patient) {
			p.port = func(context.Context, string) portUse { return portUse{err: errors.New("permission denied")} }
		}, warn, "cannot be listened on: permission denied", "over 1023"},
	} {
		t.Run(name, func(t *testing.T) {
			p := healthy()
			test.ill(p)
			found := run(t, p, test.check)
			for _, f := range found {
				if f.Status == test.want && strings.Contains(f.Text, test.text) && strings.Contains(f.Do, test.do) {
					return
				}
			}
			t.Errorf("found %+v, want %s with %q and %q", found, test.want, test.text, test.do)
		})
	}
}

func run(t *testing.T, p *patient, name string) []finding {
	t.Helper()
	for _, check := range checks() {
		if check.name == name {
			return check.run(t.Context(), p)
		}
	}
	t.Fatalf("no check %s", name)
	return nil
}

func none() ([]v4l2.Device, error) { return nil, nil }

func taken(context.Context, string) portUse { return portUse{} }

func store(r room) func(*patient) {
	return func(p *patient) {
		p.file.Broker.Store = "s"
		p.disk = func(string) (room, error) { return r, nil }
	}
}

func unreachable(why string) func(*patient) {
	return func(p *patient) {
		p.connect = func(context.Context) (*bus.Conn, error) { return nil, errors.New(why) }
	}
}

// inUse makes the file's device busy, and a camera on the bus that has it.
func inUse(p *patient, host string, id frame.CameraID) {
	p.file.Cameras = wants("v4l2:/dev/video0")
	p.probe = func(string) (v4l2.Device, error) { return v4l2.Device{}, errors.New("in use by another program") }
	p.asked, p.conn, p.heard = true, new(bus.Conn), true
	p.onBus = []camera{{Status: frame.Status{ID: id, State: frame.StateLive, Host: host, Kind: "v4l2", Source: "v4l2:/dev/video0?width=640"}}}
}

func TestDoctorLooksAtCameras(t *testing.T) {
	p := healthy()
	p.asked, p.conn, p.heard = true, new(bus.Conn), true
	p.file.Cameras = map[frame.CameraID]publisher.CameraConfig{"front": {}, "yard": {}}
	p.onBus = []camera{
		{Status: frame.Status{ID: "front", State: frame.StateLive, Host: "shed", Warnings: []string{"asked for 30 fps, the camera gives 15"}}, ClockOffset: seconds(0.0004)},
		{Status: frame.Status{ID: "door", State: frame.StateLost, Host: "barn", Reason: "no such \x1b[2Jdevice"}, ClockOffset: seconds(-200)},
		{Status: frame.Status{ID: "gate", State: frame.StateLive, Host: "gatehouse"}, Silent: true, quiet: 9 * time.Second},
	}
	var got []string
	for _, f := range run(t, p, "cameras") {
		got = append(got, string(f.Status)+" "+f.Text)
	}
	want := []string{
		"ok 1 of 3 cameras are well",
		"warn front: asked for 30 fps, the camera gives 15",
		"fail door on barn is lost: no such \x1b[2Jdevice",
		"fail gate on gatehouse is silent: not heard for 9s",
		"warn in the file, but not on the bus: yard",
		"warn the clock of barn is 3m20s behind this machine's",
		"warn do not answer, so that nobody can ask or steer them or compare their clocks: gate",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.onBus = p.onBus[:1]
	p.file.Cameras = nil
	if found := run(t, p, "cameras"); found[len(found)-1].Text != "clocks agree to 0.4 ms, on 1 machine" {
		t.Errorf("%+v", found)
	}
}

func TestDoctorLooksAtServers(t *testing.T) {
	_, url := newBus(t, broker.Config{})
	_, small := newBus(t, broker.Config{NoJetStream: true, MaxPayload: broker.MiB})
	secured := startNATS(t)
	for name, test := range map[string]struct {
		url  string
		want []string
	}{
		"a good one": {url, []string{"ok " + url + " answers", "ok max_payload is 8 MiB", "ok this user may hear", "ok the way to the server", "ok JetStream is on"}},
		"one without JetStream and with small payloads": {small, []string{"ok " + small, "warn max_payload is 1 MiB", "ok this user may", "ok the way", "warn the server has no JetStream"}},
		"one that gives this user few rights": {strings.Replace(secured, "//", "//few:secret@", 1),
			[]string{"ok " + secured, "ok max_payload", "warn this user may not subscribe to cam.*.status", "ok the way", "warn"}},
		"one that does not know this user": {strings.Replace(secured, "//", "//nobody:secret@", 1), []string{"fail " + secured + ": the server does not let this user in"}},
		"one that is not there":            {"nats://hunter2:secret@127.0.0.1:1", []string{"fail nats://127.0.0.1:1: dial tcp"}},
		"an URL that is none":              {"natz://hunter2:secret@127.0.0.1", []string{"fail NATS server URL 1 has the scheme"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := healthy()
			p.connect = func(ctx context.Context) (*bus.Conn, error) {
				return connectStrictly(ctx, serverFlags{Server: test.url}, file{}, nil)
			}
			found := run(t, p, "server")
			if p.conn != nil {
				defer func() { _ = p.conn.Close() }()
			}
			for i, want := range test.want {
				if i >= len(found) || !strings.HasPrefix(string(found[i].Status)+" "+found[i].Text, want) {
					t.Errorf("finding %d is not %q: %+v", i, want, found)
					break
				}
			}
			if text := fmt.Sprint(found); len(found) != len(test.want) || strings.Contains(text, "secret") || strings.Contains(text, "hunter2") {
				t.Errorf("%d findings, want %d: %s", len(found), len(test.want), text)
			}
		})
	}
}

// startNATS runs a NATS server of somebody else's, with users, one of whom has few rights.
func startNATS(t *testing.T) (url string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, MaxPayload: 8 << 20,
		Users: []*server.User{{Username: "few", Password: "secret", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"cam.x.>"}}, Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("no NATS server")
	}
	return s.ClientURL()
}

func TestSafeVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"2.14.3": true, "2.15.0": true, "2.15.2-RC.1": true, "3.0.0": true, "2.12.12": true, "2.12.20": true,
		"2.14.2": false, "2.12.11": false, "2.13.9": false, "2.9.25": false, "1.4.1": false, "": false, "devel": false,
	} {
		if got := safeVersion(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

func TestDiskRoom(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := diskRoom(folder); err != nil || r.used != 1000 || r.free <= 0 || r.total < r.free || !r.writable {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := diskRoom(filepath.Join(folder, "not", "there")); err != nil || r.used != 0 || !r.writable {
		t.Errorf("a folder that would be made: %+v, %v", r, err)
	}
	if _, err := diskRoom(filepath.Join(folder, "a")); err == nil {
		t.Error("a file is taken for a folder")
	}
}

func TestProbePort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<title>lensbus</title>")) }))
	defer page.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	_, url := newBus(t, broker.Config{})
	for name, test := range map[string]struct {
		listen string
		want   portUse
	}{
		"free":           {free.Address(t), portUse{free: true}},
		"any":            {"127.0.0.1:0", portUse{free: true}},
		"NATS":           {strings.TrimPrefix(url, "nats://"), portUse{nats: true}},
		"a page":         {strings.TrimPrefix(page.URL, "http://"), portUse{page: true}},
		"another page":   {strings.TrimPrefix(other.URL, "http://"), portUse{}},
		"one who is mum": {listener.Addr().String(), portUse{}},
	} {
		if got := probePort(t.Context(), test.listen); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
	if got := probePort(t.Context(), "192.0.2.1:4222"); got.free || got.err == nil {
		t.Errorf("an address of another machine: %+v", got)
	}
}

func TestReport(t *testing.T) {
	found := []finding{
		{Status: ok, Text: "fine"},
		{Status: warn, Text: "a name with \x1b[2J in it", Do: "nothing"},
		{Status: fail, Text: "broken", Do: "mend it"},
	}
	var out bytes.Buffer
	r := report{to: &out}
	r.add("disk", found)
	want := "ok    disk     fine\nwarn  disk     a name with ?[2J in it\n               → nothing\nfail  disk     broken\n               → mend it\n"
	if err := r.end(); err == nil || err.Error() != "doctor: 1 of 3 findings are failures" || out.String() != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, out.String()))
	}
	out.Reset()
	r = report{to: &out, json: true}
	r.add("disk", found[:2])
	if err := r.end(); err != nil {
		t.Errorf("nothing has failed: %v", err)
	}
	var got []map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 2 || got[1]["check"] != "disk" || got[1]["status"] != "warn" || got[1]["do"] != "nothing" || got[0]["text"] != "fine" {
		t.Errorf("%v, %v", got, err)
	}
}
