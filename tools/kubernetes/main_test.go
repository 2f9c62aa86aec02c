package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const manifestsOfLensbus = "../../configs/kubernetes"

// checkFolder is what main does.
func checkFolder(dir string) error {
	m, err := read(dir, filepath.Join(dir, "nats", "provision.yaml"))
	if err == nil {
		err = m.check()
	}
	return err
}

func TestManifests(t *testing.T) {
	if err := checkFolder(manifestsOfLensbus); err != nil {
		t.Error(err)
	}
}

// Each of these is a slip that a cluster, or a person, would find much later.
func TestSlipsAreFound(t *testing.T) {
	for _, c := range []struct{ name, file, from, to, want string }{
		{"an unknown field", "20-broker.yaml", "serviceName:", "servicename:", `unknown field "spec.servicename"`},
		{"a wrong type", "20-broker.yaml", "replicas: 1", "replicas: one", "cannot unmarshal"},
		{"no quantity", "20-broker.yaml", "memory: 2Gi", "memory: 2Gigs", "quantities must match"},
		{"a port that is not there", "20-broker.yaml", "targetPort: nats", "targetPort: nat", "has no port nat"},
		{"another selector", "50-page.yaml", "selector: {app.kubernetes.io/name: lensbus, app.kubernetes.io/component: page}\n  ports", "selector: {app.kubernetes.io/component: pages}\n  ports", "selects nobody"},
		{"root", "40-recorder.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "want runAsNonRoot"},
		{"a writable root", "40-recorder.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "may more than"},
		{"a capability", "30-publisher.yaml", "drop: [ALL]", "drop: [ALL], add: [NET_ADMIN]", "may more than"},
		{"no seccomp", "30-publisher.yaml", "type: RuntimeDefault", "type: Unconfined", "seccomp"},
		{"a token", "30-publisher.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token"},
		{"another probe", "30-publisher.yaml", "path: /readyz", "path: /ready", "readiness probe"},
		{"another file", "30-publisher.yaml", "/etc/lensbus/publisher.yaml", "/etc/lensbus/publish.yaml", "no ConfigMap has"},
		{"no such volume", "30-publisher.yaml", "{name: tmp, mountPath: /tmp}", "{name: temp, mountPath: /tmp}", "mounts temp"},
		{"a secret for all", "50-page.yaml", "defaultMode: 0440", "defaultMode: 0444", "others can read"},
		{"an Ingress to nowhere", "60-ingress.yaml", "name: http", "name: https", "leads nowhere"},
		{"a policy for no port", "70-network.yaml", "port: 4222", "port: 4223", "has no port 4223"},
		{"a secret of another mode", "nats/provision.yaml", "secretName: broker, defaultMode: 0440", "secretName: broker, defaultMode: 0644", "others can read"},
		{"another file besides", "nats/provision.yaml", "/etc/lensbus/broker.yaml", "/etc/lensbus/cameras.yaml", "no ConfigMap has"},
		{"a port without probes", "nats/provision.yaml", "          resources:", "          ports: [{name: metrics, containerPort: 9464}]\n          resources:", "probe"},
		{"no namespace", "70-network.yaml", "namespace: lensbus", "namespace: lens", `namespace "lens"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(manifestsOfLensbus)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, c.file)
			data, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(data), c.from) {
				t.Fatalf("%s has no %q: %v", c.file, c.from, err)
			}
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), c.from, c.to)), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := checkFolder(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q in it", err, c.want)
			}
		})
	}
}
