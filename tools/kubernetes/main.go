// Kubernetes checks manifests without a cluster: each document must fit the Go type that Kubernetes itself
// has for its kind, with no field that the type does not know, and they must fit each other. It takes folders,
// whose *.yaml it reads, and files; the first line of what it prints for a fault is the file.
//
// It does not know what a cluster adds: admission, storage classes, an Ingress controller.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "which folders and files?")
		os.Exit(2)
	}
	m, err := read(os.Args[1:]...)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d documents fit the types of Kubernetes and each other\n", strings.Join(os.Args[1:], " "), m.documents)
}

// workload is what runs pods.
type workload struct {
	name     string
	pod      corev1.PodTemplateSpec
	selector *metav1.LabelSelector
	claims   []string // volumes that are made for each pod
	service  string   // of a StatefulSet
}

// manifests are the documents of a folder.
type manifests struct {
	documents  int
	namespaces []string
	inside     map[string]string // what is in a namespace, and in which
	configs    map[string]corev1.ConfigMap
	services   map[string]corev1.Service
	workloads  []workload
	ingresses  []networkingv1.Ingress
	policies   []networkingv1.NetworkPolicy
}

func read(from ...string) (*manifests, error) {
	m := &manifests{inside: make(map[string]string), configs: make(map[string]corev1.ConfigMap), services: make(map[string]corev1.Service)}
	var paths []string
	for _, one := range from {
		if filepath.Ext(one) == ".yaml" {
			paths = append(paths, one)
			continue
		}
		found, err := filepath.Glob(filepath.Join(one, "*.yaml"))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("no manifests in %s: %w", one, err)
		}
		paths = append(paths, found...)
	}
	var faults []error
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data))); ; {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				err = m.take(document)
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", path, err))
				break
			}
		}
	}
	return m, errors.Join(faults...)
}

// strictly decodes a document into the type of its kind, as a cluster does that is asked to be strict.
func strictly[T any](document []byte) (T, error) {
	var into T
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return into, err
	}
	faults, err := json.UnmarshalStrict(data, &into)
	return into, errors.Join(append(faults, err)...)
}

func (m *manifests) take(document []byte) error {
	kind, err := strictlyKind(document)
	if err != nil {
		return err
	}
	m.documents++
	note := func(meta metav1.ObjectMeta) error {
		for _, fault := range validation.IsDNS1123Subdomain(meta.Name) {
			return fmt.Errorf("%s %q: %s", kind, meta.Name, fault)
		}
		key := kind + " " + meta.Name
		if _, twice := m.inside[key]; twice {
			return fmt.Errorf("%s is there twice", key)
		}
		m.inside[key] = meta.Namespace
		return nil
	}
	switch kind {
	case "v1 Namespace":
		n, err := strictly[corev1.Namespace](document)
		m.namespaces = append(m.namespaces, n.Name)
		return err
	case "v1 ConfigMap":
		c, err := strictly[corev1.ConfigMap](document)
		m.configs[c.Name] = c
		return errors.Join(err, note(c.ObjectMeta))
	case "v1 Service":
		s, err := strictly[corev1.Service](document)
		m.services[s.Name] = s
		return errors.Join(err, note(s.ObjectMeta))
	case "apps/v1 Deployment":
		d, err := strictly[appsv1.Deployment](document)
		m.workloads = append(m.workloads, workload{name: d.Name, pod: d.Spec.Template, selector: d.Spec.Selector})
		return errors.Join(err, note(d.ObjectMeta))
	case "apps/v1 StatefulSet":
		s, err := strictly[appsv1.StatefulSet](document)
		w := workload{name: s.Name, pod: s.Spec.Template, selector: s.Spec.Selector, service: s.Spec.ServiceName}
		for _, claim := range s.Spec.VolumeClaimTemplates {
			w.claims = append(w.claims, claim.Name)
		}
		m.workloads = append(m.workloads, w)
		return errors.Join(err, note(s.ObjectMeta))
	case "networking.k8s.io/v1 Ingress":
		i, err := strictly[networkingv1.Ingress](document)
		m.ingresses = append(m.ingresses, i)
		return errors.Join(err, note(i.ObjectMeta))
	case "networking.k8s.io/v1 NetworkPolicy":
		p, err := strictly[networkingv1.NetworkPolicy](document)
		m.policies = append(m.policies, p)
		return errors.Join(err, note(p.ObjectMeta))
	}
	return fmt.Errorf("%s: a kind that is not known here", kind)
}

func strictlyKind(document []byte) (string, error) {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return "", err
	}
	return meta.APIVersion + " " + meta.Kind, nil
}

// matches says whether all of the selector's labels are among the others.
func matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

func portNames(pod corev1.PodTemplateSpec) (names []string) {
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			names = append(names, p.Name, fmt.Sprint(p.ContainerPort))
		}
	}
	return names
}

func (m *manifests) check() error {
	var faults []error
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for what, namespace := range m.inside {
		if !slices.Contains(m.namespaces, namespace) {
			wrong("%s is in the namespace %q, which is not here", what, namespace)
		}
	}
	for _, w := range m.workloads {
		faults = append(faults, m.checkWorkload(w)...)
	}
	for name, s := range m.services {
		served := false
		for _, w := range m.workloads {
			if !matches(s.Spec.Selector, w.pod.Labels) {
				continue
			}
			served = true
			for _, p := range s.Spec.Ports {
				if !slices.Contains(portNames(w.pod), p.TargetPort.String()) {
					wrong("service %s: port %s: %s has no port %s", name, p.Name, w.name, p.TargetPort.String())
				}
			}
		}
		if !served {
			wrong("service %s selects nobody", name)
		}
	}
	for _, i := range m.ingresses {
		for _, rule := range i.Spec.Rules {
			for _, path := range rule.HTTP.Paths {
				backend := path.Backend.Service
				if backend == nil || !slices.ContainsFunc(m.services[backend.Name].Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == backend.Port.Name }) {
					wrong("ingress %s: %s%s leads nowhere", i.Name, rule.Host, path.Path)
				}
			}
		}
	}
	for _, p := range m.policies {
		for _, w := range m.workloads {
			if !matches(p.Spec.PodSelector.MatchLabels, w.pod.Labels) {
				continue
			}
			for _, rule := range p.Spec.Ingress {
				for _, port := range rule.Ports {
					if !slices.Contains(portNames(w.pod), port.Port.String()) && len(p.Spec.PodSelector.MatchLabels) > 1 {
						wrong("network policy %s: %s has no port %s", p.Name, w.name, port.Port.String())
					}
				}
			}
		}
	}
	return errors.Join(faults...)
}

// checkWorkload looks at what a workload mounts, asks and may.
func (m *manifests) checkWorkload(w workload) (faults []error) {
	wrong := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(w.name+": "+format, args...))
	}
	if w.selector == nil || !matches(w.selector.MatchLabels, w.pod.Labels) {
		wrong("its selector is not of its pods")
	}
	if _, there := m.services[w.service]; w.service != "" && !there {
		wrong("its service %s is not here", w.service)
	}
	spec := w.pod.Spec
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		wrong("its pods get a token of the cluster, which they need not have")
	}
	pod := spec.SecurityContext
	if pod == nil || pod.RunAsNonRoot == nil || !*pod.RunAsNonRoot || pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault || pod.FSGroup == nil {
		wrong("its pods want runAsNonRoot, fsGroup and the seccomp profile RuntimeDefault")
	}
	volumes := slices.Clone(w.claims)
	for _, v := range spec.Volumes {
		volumes = append(volumes, v.Name)
		switch {
		case v.ConfigMap != nil:
			if _, there := m.configs[v.ConfigMap.Name]; !there {
				wrong("volume %s: the ConfigMap %s is not here", v.Name, v.ConfigMap.Name)
			}
		case v.Secret != nil:
			if v.Secret.DefaultMode == nil || *v.Secret.DefaultMode&0o037 != 0 {
				wrong("volume %s: others can read or write the secret", v.Name)
			}
		case v.EmptyDir != nil:
			if v.EmptyDir.SizeLimit == nil {
				wrong("volume %s has no sizeLimit", v.Name)
			}
		default:
			wrong("volume %s is of no kind that is known here", v.Name)
		}
	}
	for _, c := range spec.Containers {
		s := c.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
			s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") || len(s.Capabilities.Add) > 0 {
			wrong("container %s may more than the profile restricted lets it", c.Name)
		}
		if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
			wrong("container %s says not how much memory it may have and how much of a processor it wants", c.Name)
		}
		for name, probe := range map[string]*corev1.Probe{"liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
			want := map[string]string{"liveness": "/healthz", "readiness": "/readyz"}[name]
			if len(c.Ports) == 0 && probe == nil {
				continue // nobody reaches it, and nothing can be asked
			}
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != want || !slices.Contains(portNames(w.pod), probe.HTTPGet.Port.String()) {
				wrong("container %s: its %s probe does not ask %s at a port that it has", c.Name, name, want)
			}
		}
		mounted := make(map[string]string)
		for _, v := range c.VolumeMounts {
			mounted[v.Name] = v.MountPath
			if !slices.Contains(volumes, v.Name) {
				wrong("container %s mounts %s, which is not there", c.Name, v.Name)
			}
		}
		for _, name := range volumes {
			if mounted[name] == "" {
				wrong("container %s does not mount %s", c.Name, name)
			}
		}
		// -c PATH is a file of the ConfigMap that is mounted there.
		at := slices.Index(c.Args, "-c")
		if at < 0 || at+1 >= len(c.Args) {
			wrong("container %s gets no file", c.Name)
			continue
		}
		dir, file := filepath.Split(c.Args[at+1])
		found := false
		for _, v := range spec.Volumes {
			if v.ConfigMap != nil && mounted[v.Name] == strings.TrimSuffix(dir, "/") {
				_, found = m.configs[v.ConfigMap.Name].Data[file]
			}
		}
		if !found {
			wrong("container %s: no ConfigMap has %s", c.Name, c.Args[at+1])
		}
	}
	return faults
}
