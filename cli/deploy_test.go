package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// loads checks that a file is one of lensbus, every section of it.
func loads(t *testing.T, path string) {
	t.Helper()
	var f file
	if err := (&fileFlag{Config: path}).load(&f); err != nil {
		t.Error(err)
		return
	}
	for section, err := range map[string]error{
		"broker": f.Broker.Validate(), "web": f.Web.Validate(), "metrics": f.Metrics.Validate(), "recorder": f.Recorder.Validate(),
		"cameras": f.published().Validate(),
	} {
		if err != nil {
			t.Errorf("%s: %s: %v", path, section, err)
		}
	}
}

func TestScaleFilesLoad(t *testing.T) {
	paths, err := filepath.Glob("../configs/scale/*.yaml")
	if err != nil || len(paths) < 3 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		loads(t, path)
	}
}

// What the manifests for Kubernetes have of lensbus is right: the files in them, the flags that programs
// get, and the paths that stand in both. That they fit Kubernetes, tools/kubernetes checks.
func TestKubernetesFilesLoad(t *testing.T) {
	t.Setenv("CAM_PASSWORD", "p%40ss")
	const dir = "../configs/kubernetes/"
	data, err := os.ReadFile(dir + "10-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var configs struct {
		Data map[string]string `yaml:"data"`
	}
	if err := yaml.Unmarshal(data, &configs); err != nil || len(configs.Data) < 4 {
		t.Fatalf("%d files, %v", len(configs.Data), err)
	}
	for name, text := range configs.Data {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		loads(t, path)
	}

	paths, err := filepath.Glob(dir + "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, m := range regexp.MustCompile(`(?m)^ +args: \[(.*)\]$`).FindAllStringSubmatch(text, -1) {
			commands++
			args := strings.Split(m[1], ", ")
			parser, err := kong.New(new(grammar), kong.Writers(io.Discard, io.Discard), kong.Vars{"version": ""}, kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(args); err != nil {
				t.Errorf("%s: lensbus %s: %v", path, m[1], err)
			}
			// What the file names below /run/secrets, and where it writes, is mounted.
			config := configs.Data[filepath.Base(args[len(args)-1])]
			for _, named := range regexp.MustCompile(`(?m)(?:creds|auth|people|store|dir): (/\S+)`).FindAllStringSubmatch(config, -1) {
				at := named[1]
				if base := filepath.Base(at); base == "lensbus.creds" || base == "people" {
					at = filepath.Dir(at)
				}
				if !strings.Contains(text, "mountPath: "+at+",") && !strings.Contains(text, "mountPath: "+at+"}") {
					t.Errorf("%s: %s of its file is not mounted", path, named[1])
				}
			}
		}
	}
	if commands != 4 {
		t.Errorf("found %d commands", commands)
	}
}
