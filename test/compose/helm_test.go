package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/auth"
)

// merged is what may stand beside the chart's own values almost everywhere: it goes as it is into what the chart
// makes there.
type merged map[string]any

// chartTLS are the chart's values of one kind of connection.
type chartTLS struct {
	Enabled    bool   `yaml:"enabled"`
	SecretName string `yaml:"secretName"`
	Cert       string `yaml:"cert"`
	Key        string `yaml:"key"`
	Merge      merged `yaml:"merge"`
}

// chartValues are the values of NATS's Helm chart, 1.0 and later, that are used here, under the names that it
// has for them. Another name would be ignored by helm, without a word.
type chartValues struct {
	FullnameOverride string `yaml:"fullnameOverride"`
	Config           struct {
		NATS struct {
			TLS chartTLS `yaml:"tls"`
		} `yaml:"nats"`
		Cluster struct {
			Enabled   bool `yaml:"enabled"`
			Replicas  int  `yaml:"replicas"`
			RouteURLs struct {
				User     string `yaml:"user"`
				Password string `yaml:"password"`
			} `yaml:"routeURLs"`
			TLS   chartTLS `yaml:"tls"`
			Merge merged   `yaml:"merge"`
		} `yaml:"cluster"`
		JetStream struct {
			Enabled   bool `yaml:"enabled"`
			FileStore struct {
				Enabled bool `yaml:"enabled"`
				PVC     struct {
					Enabled bool   `yaml:"enabled"`
					Size    string `yaml:"size"`
				} `yaml:"pvc"`
				MaxSize string `yaml:"maxSize"`
			} `yaml:"fileStore"`
			MemoryStore struct {
				Enabled bool   `yaml:"enabled"`
				MaxSize string `yaml:"maxSize"`
			} `yaml:"memoryStore"`
			Merge merged `yaml:"merge"`
		} `yaml:"jetstream"`
		Monitor struct {
			Enabled bool `yaml:"enabled"`
		} `yaml:"monitor"`
		Merge merged `yaml:"merge"`
	} `yaml:"config"`
	Container struct {
		Image struct {
			Tag string `yaml:"tag"`
		} `yaml:"image"`
		Merge merged `yaml:"merge"`
	} `yaml:"container"`
	Reloader struct {
		Enabled bool   `yaml:"enabled"`
		Merge   merged `yaml:"merge"`
	} `yaml:"reloader"`
	PodTemplate struct {
		TopologySpreadConstraints map[string]struct {
			MaxSkew           int    `yaml:"maxSkew"`
			WhenUnsatisfiable string `yaml:"whenUnsatisfiable"`
		} `yaml:"topologySpreadConstraints"`
		Merge merged `yaml:"merge"`
	} `yaml:"podTemplate"`
	NATSBox struct {
		Enabled bool `yaml:"enabled"`
	} `yaml:"natsBox"`
}

// with is the map and what is merged into it.
func (m merged) with(into map[string]any) map[string]any {
	for k, v := range m {
		into[k] = v
	}
	return into
}

// configuration is the server's, as the chart makes it of the values: JSON in which `"$include": "FILE"` is an
// include and what stands between << and >> has no quotes.
func (v chartValues) configuration(t *testing.T) string {
	t.Helper()
	secured := func(connections string, c chartTLS) map[string]any {
		dir := "/etc/nats-certs/" + connections + "/"
		return c.Merge.with(map[string]any{"cert_file": dir + c.Cert, "key_file": dir + c.Key})
	}
	cluster, stream := v.Config.Cluster, v.Config.JetStream
	var routes []string
	for i := range cluster.Replicas {
		routes = append(routes, fmt.Sprintf("tls://%s:%s@%s-%d.%s-headless:6222", cluster.RouteURLs.User, cluster.RouteURLs.Password, v.FullnameOverride, i, v.FullnameOverride))
	}
	made := v.Config.Merge.with(map[string]any{
		"server_name": "<< $SERVER_NAME >>", "lame_duck_grace_period": "10s", "lame_duck_duration": "30s",
		"port": 4222, "http_port": 8222, "tls": secured("nats", v.Config.NATS.TLS),
		"cluster": cluster.Merge.with(map[string]any{
			"name": v.FullnameOverride, "port": 6222, "no_advertise": true, "routes": routes, "tls": secured("cluster", cluster.TLS),
			"authorization": map[string]any{"user": cluster.RouteURLs.User, "password": cluster.RouteURLs.Password},
		}),
		"jetstream": stream.Merge.with(map[string]any{
			"store_dir": "/data", "max_file_store": "<< " + stream.FileStore.MaxSize + " >>", "max_memory_store": "<< " + stream.MemoryStore.MaxSize + " >>",
		}),
	})
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(made); err != nil {
		t.Fatal(err)
	}
	included := regexp.MustCompile(`".*\$include": "(.*)",?`).ReplaceAllString(text.String(), "include $1;")
	return regexp.MustCompile(`"<<\s+(.*)\s+>>"`).ReplaceAllString(included, "$1")
}

// TestHelmValues holds the values for NATS's chart to the names that it knows and to what cluster.conf sets: the
// same server comes of both.
func TestHelmValues(t *testing.T) {
	var v chartValues
	text := read(t, "../../configs/kubernetes/nats/values.yaml")
	if err := yaml.UnmarshalWithOptions([]byte(text), &v, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	tls := []chartTLS{v.Config.NATS.TLS, v.Config.Cluster.TLS}
	for _, c := range tls {
		if !c.Enabled || c.SecretName != "broker" || c.Cert != auth.CertificateFile || c.Key != auth.KeyFile {
			t.Errorf("TLS: %+v", c)
		}
	}
	if c := v.Config.Cluster; !c.Enabled || c.Replicas != 3 || c.RouteURLs.User == "" || c.RouteURLs.Password != "" {
		t.Errorf("cluster: %+v", c)
	}
	if s := v.Config.JetStream; !s.Enabled || !s.FileStore.Enabled || !s.FileStore.PVC.Enabled || !s.MemoryStore.Enabled || !v.Config.Monitor.Enabled {
		t.Errorf("JetStream, and the port that probes ask: %+v", s)
	}
	if v.FullnameOverride != "broker" || !strings.HasPrefix(v.Container.Image.Tag, "2.15.") || v.NATSBox.Enabled || !v.Reloader.Enabled {
		t.Errorf("%+v", v)
	}
	for where, m := range map[string]merged{"container": v.Container.Merge, "reloader": v.Reloader.Merge} {
		may, _ := m["securityContext"].(map[string]any)
		if may["allowPrivilegeEscalation"] != false || may["readOnlyRootFilesystem"] != true || fmt.Sprint(may["capabilities"]) != "map[drop:[ALL]]" {
			t.Errorf("%s may more than the namespace's profile lets it: %v", where, may)
		}
	}
	spec, _ := v.PodTemplate.Merge["spec"].(map[string]any)
	if pod, _ := spec["securityContext"].(map[string]any); pod["runAsNonRoot"] != true || fmt.Sprint(pod["seccompProfile"]) != "map[type:RuntimeDefault]" {
		t.Errorf("pods may more than the namespace's profile lets them: %v", pod)
	}

	folder := auth.Open(filepath.Join(t.TempDir(), "auth"))
	if _, err := folder.Init(auth.InitOptions{Hosts: []string{"broker"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Add(auth.User{Name: "recorder", Role: auth.Recorder, All: true}, auth.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	users, err := folder.Users()
	if err != nil {
		t.Fatal(err)
	}
	var exported bytes.Buffer
	if err := auth.WriteNATSConf(&exported, users, false); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SERVER_NAME", "broker-0")
	t.Setenv("LENSBUS_NODE", "broker-0")
	// options is what the server makes of a configuration, with the secret's files where these are.
	options := func(text string) *server.Options {
		t.Helper()
		dir := t.TempDir()
		text = regexp.MustCompile(`/etc/nats-certs/\w+|/etc/lensbus/auth`).ReplaceAllLiteralString(text, folder.Path(""))
		for name, content := range map[string]string{"nats.conf": text, "users.conf": exported.String(), "cluster-routes.conf": read(t, "../../configs/scale/cluster-routes.conf")} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o, err := server.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return o
	}
	v.Config.Cluster.RouteURLs.Password = "0123abcd"
	chart, own := options(v.configuration(t)), options(read(t, "../../configs/scale/cluster.conf"))
	type same struct {
		Payload                int32
		Pending                int64
		NoStall, Sync, TLS     bool
		Write, Ping            any
		Pings, Nkeys, Routes   int
		Compression            string
		Flags                  any
		RouteVerify, Authorise bool
	}
	of := func(o *server.Options) same {
		return same{o.MaxPayload, o.MaxPending, o.NoFastProducerStall, o.SyncAlways, o.TLSConfig != nil, o.WriteDeadline, o.PingInterval, o.MaxPingsOut, len(o.Nkeys), len(o.Routes),
			o.Cluster.Compression.Mode, o.FeatureFlags, o.Cluster.TLSConfig != nil && o.Cluster.TLSConfig.ClientCAs != nil, o.Cluster.Username == "route" && o.Cluster.Password != ""}
	}
	if c, w := of(chart), of(own); !reflect.DeepEqual(c, w) || c.Nkeys != 2 || !c.RouteVerify {
		t.Errorf("what the chart makes:\n%+v\nand cluster.conf:\n%+v", c, w)
	}
	if chart.JetStreamMaxStore != 16<<30 || chart.JetStreamMaxMemory != 1<<30 {
		t.Errorf("stores of %d and %d bytes", chart.JetStreamMaxStore, chart.JetStreamMaxMemory)
	}
}
