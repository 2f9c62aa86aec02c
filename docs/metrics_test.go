package docs

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/operate"
	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/viewer/web"
	"github.com/lensbus/lensbus/viewer/window"
)

// family is what /metrics, or the page, says of one name.
type family struct {
	kind   string
	labels []string // sorted
}

const patience = 30 * time.Second

// running is all of lensbus in this process but the window, with a camera that somebody watches, and
// what its /metrics says once every number is there.
func running(t *testing.T) (text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	server, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	conn, err := bus.Connect(ctx, bus.Options{InProcess: server.InProcess()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	cameras, recordings := publisher.NewMetrics(), recorder.NewMetrics()
	registry, err := operate.Registry("v0.0.0", server.Metrics(), conn.Metrics(), cameras, recordings)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	ended, address := make(chan error, 3), make(chan string, 1)
	folder := t.TempDir() // here, so that it is removed after the recorder has ended
	go func() {
		ended <- recorder.Run(ctx, recorder.Config{Dir: folder, Segment: time.Second, MinFree: 1}, recorder.Deps{Bus: conn, Log: log, Metrics: recordings})
	}()
	go func() {
		ended <- publisher.Run(ctx, publisher.Config{Cameras: map[frame.CameraID]publisher.CameraConfig{
			"front": {Source: "test:?width=160&height=120&fps=25", Record: &publisher.RecordConfig{}},
		}}, publisher.Deps{Bus: conn, Log: log, Metrics: cameras})
	}()
	go func() {
		ended <- web.Run(ctx, web.Config{Listen: "127.0.0.1:0"}, web.Deps{Bus: conn, Log: log, Metrics: registry}, func(a string) { address <- a })
	}()
	t.Cleanup(func() {
		cancel()
		for range 3 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	page := ""
	select {
	case a := <-address:
		page = "http://" + a
	case err := <-ended:
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	ws, _, err := websocket.Dial(ctx, page+"/cameras/front/live", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	get := func(path string) string {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, page+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	get("/cameras/NOT-AN-ID/snapshot.jpg") // refused, and counted
	last := regexp.MustCompile(`lensbus_bus_publish_to_receive_seconds_count\{camera="front",kind="frame"\} [1-9]`)
	shown := regexp.MustCompile(`lensbus_web_receive_to_shown_seconds_count\{camera="front",kind="live"\} [1-9]`)
	kept := regexp.MustCompile(`lensbus_recorder_kept_bytes\{camera="front"\} [1-9]`)
	for !last.MatchString(text) || !shown.MatchString(text) || !kept.MatchString(text) {
		if _, _, err := ws.Read(ctx); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		text = get("/metrics")
	}
	return text
}

// ours are the families of lensbus in a text of /metrics.
func ours(t *testing.T, text string) map[string]family {
	t.Helper()
	found := make(map[string]family)
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (lensbus_\w+) (\w+)$`).FindAllStringSubmatch(text, -1) {
		labels := make(map[string]bool)
		sample := regexp.MustCompile(`(?m)^` + m[1] + `(?:_bucket|_sum|_count)?\{(.*)\} `)
		for _, s := range sample.FindAllStringSubmatch(text, -1) {
			for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(s[1], -1) {
				labels[l[1]] = l[1] != "le"
			}
		}
		delete(labels, "le")
		found[m[1]] = family{m[2], slices.Sorted(maps.Keys(labels))}
	}
	return found
}

// described are the names and labels that collectors promise, whether there is a number or not.
func described(all ...prometheus.Collector) map[string][]string {
	found := make(map[string][]string)
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		for _, c := range all {
			c.Describe(descs)
		}
	}()
	desc := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([^}]*)\}`)
	for d := range descs {
		if m := desc.FindStringSubmatch(d.String()); m != nil {
			labels := []string{}
			if m[2] != "" {
				labels = strings.Split(m[2], ",")
			}
			slices.Sort(labels)
			found[m[1]] = labels
		}
	}
	return found
}

// ofABroker are a broker's numbers: those of sites too, which only a broker with sites shows.
func ofABroker(t *testing.T) prometheus.Collector {
	t.Helper()
	s, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0", NoJetStream: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Metrics()
}

// documented are the rows of the page.
func documented(t *testing.T) map[string]family {
	t.Helper()
	found := make(map[string]family)
	for _, section := range strings.Split(read(t, "reference/metrics.md"), "\n## ") {
		for _, row := range table(t, section, "name") {
			name, ok := code(row[0])
			if _, twice := found[name]; !ok || twice || len(row) != 5 || row[2] == "" {
				t.Errorf("cannot read the row %q, or it is there twice", row)
				continue
			}
			f := family{kind: row[1], labels: []string{}}
			if row[3] != "none" {
				for _, cell := range strings.Split(row[3], ", ") {
					label, _ := code(cell)
					f.labels = append(f.labels, label)
				}
			}
			slices.Sort(f.labels)
			found[name] = f
		}
	}
	return found
}

func TestMetricsAreThoseOfTheReferenceAndTheDashboard(t *testing.T) {
	text := running(t)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "lensbus_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	gathered, page, promised := ours(t, text), documented(t), described(window.NewMetrics(), ofABroker(t))
	if len(gathered) < 40 || len(promised) < 2 {
		t.Fatalf("%d names in\n%s\nand %d of the window", len(gathered), text, len(promised))
	}
	for name, f := range gathered {
		p, there := page[name]
		switch {
		case !there:
			t.Errorf("the page does not name %s", name)
		case p.kind != f.kind || !slices.Equal(p.labels, f.labels):
			t.Errorf("%s is a %s with the labels %q, the page has a %s with %q", name, f.kind, f.labels, p.kind, p.labels)
		}
	}
	for name, labels := range promised {
		if p, there := page[name]; !there || !slices.Equal(p.labels, labels) {
			t.Errorf("%s has the labels %q, the page has %q (there: %v)", name, labels, p.labels, there)
		}
	}
	for name := range page {
		if _, isGathered := gathered[name]; !isGathered && promised[name] == nil {
			t.Errorf("the page names %s, which there is not", name)
		}
	}
	checkDashboard(t, text, page)
}

// checkDashboard wants every name and label of the dashboard to be there.
func checkDashboard(t *testing.T, text string, known map[string]family) {
	t.Helper()
	type panel struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr string }
	}
	var dashboard struct {
		UID        string
		Panels     []panel
		Templating struct{ List []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(read(t, "../configs/grafana/lensbus.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`\b((?:lensbus|go|process)_\w+)(?:\{([^}]*)\})?`)
	used := make(map[string]bool)
	for i, p := range dashboard.Panels {
		for _, q := range dashboard.Panels[:i] {
			a, b := p.GridPos, q.GridPos
			if p.ID == q.ID || a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("the panels %q and %q have the same id or lie over each other", p.Title, q.Title)
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H < 1 {
			t.Errorf("%q does not fit: %+v", p.Title, p.GridPos)
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			names := name.FindAllStringSubmatch(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%q: no metric in %s", p.Title, target.Expr)
			}
			for _, m := range names {
				f, there := known[m[1]]
				if base, isBucket := strings.CutSuffix(m[1], "_bucket"); !there && isBucket && known[base].kind == "histogram" {
					f, there = known[base], true
					m[1] = base
				}
				if !there && !strings.HasPrefix(m[1], "lensbus_") {
					if !strings.Contains(text, "\n# TYPE "+m[1]+" ") {
						t.Errorf("%q: there is no %s", p.Title, m[1])
					}
					continue
				}
				if !there {
					t.Errorf("%q: there is no %s", p.Title, m[1])
				}
				used[m[1]] = true
				for _, label := range regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)`).FindAllStringSubmatch(m[2], -1) {
					if !slices.Contains(f.labels, label[1]) {
						t.Errorf("%q: %s has no label %s", p.Title, m[1], label[1])
					}
				}
			}
			for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(target.Expr, -1) {
				for _, label := range strings.Split(by[1], ", ") {
					some := label == "le" || label == "instance"
					for _, m := range names {
						some = some || slices.Contains(known[strings.TrimSuffix(m[1], "_bucket")].labels, label)
					}
					if !some {
						t.Errorf("%q: by %s, which nothing has: %s", p.Title, label, target.Expr)
					}
				}
			}
		}
	}
	if dashboard.UID == "" || len(dashboard.Panels) < 20 || len(dashboard.Templating.List) != 2 {
		t.Errorf("the dashboard %q has %d panels and the variables %v", dashboard.UID, len(dashboard.Panels), dashboard.Templating.List)
	}
	// What the window cannot decode is the camera's affair, and shows in its label.
	notShown := []string{"lensbus_window_frames_damaged_total", "lensbus_publisher_frames_sent_total"}
	for n := range known {
		if !used[n] && !slices.Contains(notShown, n) {
			t.Errorf("no panel shows %s", n)
		}
	}
}

// Reasons and states of the pages are those of the code.
func TestDropReasonsAreDocumented(t *testing.T) {
	want := []string{source.DropEncode, source.DropRate, source.DropNetwork, source.DropDisconnected, source.DropInvalid, source.DropTooLarge}
	var got []string
	for _, row := range table(t, read(t, "reference/metrics.md"), "reason") {
		reason, _ := code(row[0])
		got = append(got, reason)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page has the reasons %q, the code %q", got, want)
	}
}

func TestUnstoredReasonsAreDocumented(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "reference/metrics.md"), "\n### Why frames are unstored\n")
	var got []bus.UnstoredReason
	for _, row := range table(t, section, "reason") {
		reason, _ := code(row[0])
		got = append(got, bus.UnstoredReason(reason))
	}
	if want := bus.UnstoredReasons(); !slices.Equal(got, want) {
		t.Errorf("the page has the reasons %q, the code %q", got, want)
	}
}

// The example for Prometheus reads what the program serves: the page at its default address.
func TestPrometheusExample(t *testing.T) {
	data, err := os.ReadFile(filepath.FromSlash("../configs/prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Global        map[string]string `yaml:"global"`
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.UnmarshalWithOptions(data, &config, yaml.DisallowUnknownField()); err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, job := range config.ScrapeConfigs {
		if !strings.HasPrefix(job.JobName, "lensbus") { // the dashboard asks for these
			t.Errorf("job %s: the dashboard shows jobs lensbus…", job.JobName)
		}
		for _, c := range job.StaticConfigs {
			targets = append(targets, c.Targets...)
		}
	}
	if !slices.Contains(targets, web.DefaultListen) || len(targets) < 3 {
		t.Errorf("targets %q, want the page's default %s among them", targets, web.DefaultListen)
	}
}
