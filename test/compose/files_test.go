// Package compose tries out the compose files and images, as somebody who runs them. The tests of this
// file only read; those that need docker are tagged compose and run by the script run.
package compose

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// service is what is looked at of one.
type service struct {
	Image       string            `yaml:"image"`
	ReadOnly    bool              `yaml:"read_only"`
	CapDrop     []string          `yaml:"cap_drop"`
	SecurityOpt []string          `yaml:"security_opt"`
	Privileged  bool              `yaml:"privileged"`
	User        string            `yaml:"user"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Environment map[string]string `yaml:"environment"`
	Profiles    []string          `yaml:"profiles"`
}

type composeFile struct {
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func files(t *testing.T) map[string]composeFile {
	t.Helper()
	paths, err := filepath.Glob("../../configs/compose/*-host.yml")
	if err != nil || len(paths) != 4 {
		t.Fatalf("found %q: %v", paths, err)
	}
	all := make(map[string]composeFile)
	for _, path := range append(paths, "../../docker-compose.yml") {
		var f composeFile
		// What is merged in may be said anew.
		if err := yaml.UnmarshalWithOptions([]byte(read(t, path)), &f, yaml.AllowDuplicateMapKey()); err != nil || len(f.Services) == 0 {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Base(path)] = f
	}
	return all
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)?\}`)

// standard is a text with the defaults of its variables.
func standard(text string) string { return variable.ReplaceAllString(text, "$2") }

func TestContainersMayLittle(t *testing.T) {
	for name, file := range files(t) {
		for id, s := range file.Services {
			if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.Privileged || s.User != "" {
				t.Errorf("%s: %s: %+v", name, id, s)
			}
		}
	}
}

// What other machines reach asks for credentials: the broker of broker-host.yml, which has users.
func TestPortsAreForThisMachine(t *testing.T) {
	for name, file := range files(t) {
		for id, s := range file.Services {
			for _, port := range s.Ports {
				port = standard(port)
				host := port[:strings.Index(port, ":")]
				ip := net.ParseIP(host)
				if s.Environment["LENSBUS_AUTH"] != "" && s.Environment["LENSBUS_INSECURE"] == "" {
					continue
				}
				if ip == nil || !ip.IsLoopback() {
					t.Errorf("%s: %s publishes %s", name, id, port)
				}
			}
		}
	}
	if port := standard(files(t)["docker-compose.yml"].Services["broker"].Ports[0]); !strings.HasPrefix(port, "127.0.0.1:") {
		t.Errorf("without being asked to, the broker is published on %s", port)
	}
}

// What makes credentials is auth's alone, and what it hands out goes to one service each.
func TestSecretsAreForOneService(t *testing.T) {
	mounts := 0
	for name, file := range files(t) {
		has := make(map[string][]string) // volume: services besides auth
		for id, s := range file.Services {
			for _, volume := range s.Volumes {
				from, _, _ := strings.Cut(volume, ":")
				if id != "auth" && (strings.HasPrefix(from, "credentials-") || strings.HasSuffix(from, "auth")) {
					has[from] = append(has[from], id)
					mounts++
				}
			}
		}
		for volume, services := range has {
			if volume == "auth" || len(services) != 1 || volume != "broker-auth" && volume != "credentials-"+services[0] {
				t.Errorf("%s: %s is mounted by %q", name, volume, services)
			}
		}
	}
	if mounts < 8 {
		t.Errorf("found only %d of them", mounts)
	}
}

// Images of others have a version; ours have what they say, and every folder that a volume is mounted on.
func TestImages(t *testing.T) {
	dockerfile := read(t, "../../Dockerfile")
	for _, want := range []string{"USER 65534:65534", "HEALTHCHECK", "-trimpath", "org.opencontainers.image.licenses", "AS lensbus\n", "AS lensbus-opencv\n"} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile has no %s", want)
		}
	}
	// Engines without that frontend, or without a way to it, build too.
	if strings.HasPrefix(dockerfile, "# syntax=") || strings.Contains(dockerfile, "RUN --mount") {
		t.Error("the Dockerfile needs more than every docker has")
	}
	for _, m := range regexp.MustCompile(`(?m)^ARG (\w+_IMAGE)=(.*)$`).FindAllStringSubmatch(dockerfile, -1) {
		if _, tag, _ := strings.Cut(m[2], ":"); tag == "" || tag == "latest" {
			t.Errorf("%s=%s is not pinned", m[1], m[2])
		}
	}
	_, folders, _ := strings.Cut(dockerfile, "for dir in ")
	folders, _, _ = strings.Cut(folders, ";")
	have := strings.Fields(strings.ReplaceAll(folders, "\\\n", " "))
	for name, file := range files(t) {
		for id, s := range file.Services {
			image := standard(s.Image)
			ours := strings.HasPrefix(image, "lensbus")
			if _, tag, _ := strings.Cut(image, ":"); !ours && (tag == "" || tag == "latest") {
				t.Errorf("%s: %s: image %s is not pinned", name, id, image)
			}
			for _, volume := range s.Volumes {
				parts := strings.Split(standard(volume), ":")
				if _, named := file.Volumes[parts[0]]; named && ours && !slices.Contains(have, strings.TrimPrefix(parts[1], "/")) {
					t.Errorf("%s: %s: the image has no folder %s to give the volume its owner", name, id, parts[1])
				}
			}
		}
	}
}

func TestPrometheusAsksServices(t *testing.T) {
	var prometheus struct {
		Scrape []struct {
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "../../configs/compose/prometheus.yml")), &prometheus); err != nil {
		t.Fatal(err)
	}
	services := files(t)["docker-compose.yml"].Services
	asked := 0
	for _, job := range prometheus.Scrape {
		for _, target := range job.Static[0].Targets {
			name, port, _ := strings.Cut(target, ":")
			s, known := services[name]
			env := s.Environment["LENSBUS_METRICS_LISTEN"] + s.Environment["LENSBUS_WEB_LISTEN"]
			if !known || !strings.HasSuffix(env, ":"+port) {
				t.Errorf("%s: known: %t, listens on %s", target, known, env)
			}
			asked++
		}
	}
	if asked < 6 {
		t.Errorf("only %d are asked", asked)
	}
}
