// SPDX-License-Identifier: Apache-2.0

package k0scontract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Names that the control plane's golden files use.
const (
	containerK0s    = "k0s"
	objectsFile     = "want.yaml"
	configFile      = "k0s.yaml"
	clusterWideFile = "cluster-wide.yaml"
)

// Hosted is a control plane in pods as far as k0s is concerned.
type Hosted struct {
	// Pod is the template of the pods that run k0s.
	Pod corev1.PodSpec
	// Name is the name of the StatefulSet.
	Name string
	// Config holds k0s.yaml and cluster-wide.yaml.
	Config map[string]string
}

// LoadHosted reads the golden files of one control plane from a folder. A folder that has no container for k0s is nil.
func LoadHosted(folder string) (*Hosted, error) {
	data, err := os.ReadFile(filepath.Join(folder, objectsFile))
	if err != nil {
		return nil, fmt.Errorf("reading objects: %w", err)
	}
	hosted, err := ParseHosted(data)
	if err != nil || hosted == nil {
		return nil, err
	}
	hosted.Config = map[string]string{}
	for _, name := range []string{configFile, clusterWideFile} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, fmt.Errorf("reading configuration: %w", err)
		}
		hosted.Config[name] = string(content)
	}
	return hosted, nil
}

// ParseHosted looks for the pods that run k0s in a stream of objects.
func ParseHosted(data []byte) (*Hosted, error) {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var document map[string]any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil, nil //nolint:nilnil // absence is no error
		}
		if err != nil {
			return nil, fmt.Errorf("reading objects: %w", err)
		}
		if document["kind"] != "StatefulSet" {
			continue
		}
		var set appsv1.StatefulSet
		if err := decodeInto(document, &set); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(set.Spec.Template.Spec.Containers, isK0s) {
			return &Hosted{Pod: set.Spec.Template.Spec, Name: set.Name}, nil
		}
	}
}

func decodeInto(document map[string]any, object any) error {
	data, err := yaml.Marshal(document)
	if err != nil {
		return fmt.Errorf("encoding object: %w", err)
	}
	if err := yaml.UnmarshalStrict(data, object); err != nil {
		return fmt.Errorf("reading object: %w", err)
	}
	return nil
}

func isK0s(container corev1.Container) bool { return container.Name == containerK0s }

func (h *Hosted) container() corev1.Container {
	return h.Pod.Containers[slices.IndexFunc(h.Pod.Containers, isK0s)]
}

// Minor is the minor version of the k0s release in the image's tag, as "v1.36".
func (h *Hosted) Minor() string {
	container := h.container()
	_, tag, _ := strings.Cut(filepath.Base(container.Image), ":")
	parts := strings.SplitN(tag, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// Arguments are the command of k0s, without the program itself.
func (h *Hosted) Arguments() []string {
	container := h.container()
	words := slices.Concat(container.Command, container.Args)
	return words[min(1, len(words)):]
}

// Files are the paths, below the data directory, of what is placed before k0s starts, and where each comes from.
func (h *Hosted) Files() map[string]corev1.VolumeProjection {
	files := map[string]corev1.VolumeProjection{}
	for _, volume := range h.Pod.Volumes {
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.Secret == nil {
				continue
			}
			for _, item := range source.Secret.Items {
				files[item.Path] = source
			}
		}
	}
	return files
}

// Facts are what the pods of this control plane rely on.
func (h *Hosted) Facts() []Fact {
	container := h.container()
	command, flags := splitCommand(h.Arguments())
	facts := []Fact{{KindCommand, command}}
	for _, flag := range flags {
		facts = append(facts, Fact{KindFlag, command + " " + flagName(flag)})
		facts = append(facts, componentFacts(flag)...)
	}
	for path := range h.Files() {
		facts = append(facts, Fact{KindFile, path})
	}
	for _, port := range container.Ports {
		facts = append(facts, Fact{KindPort, port.Name})
	}
	return slices.Concat(facts, probeFacts(container), securityFacts(container))
}

func probeFacts(container corev1.Container) []Fact {
	var facts []Fact
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		switch {
		case probe == nil:
		case probe.HTTPGet != nil:
			facts = append(facts, Fact{KindProbe, probe.HTTPGet.Path})
		case probe.TCPSocket != nil:
			facts = append(facts, Fact{KindProbe, "tcp"})
		default:
			facts = append(facts, Fact{KindProbe, "of another kind"})
		}
	}
	return facts
}

func securityFacts(container corev1.Container) []Fact {
	security := container.SecurityContext
	if security == nil {
		return []Fact{{KindSandbox, "none"}}
	}
	var facts []Fact
	if security.Capabilities != nil {
		for _, capability := range security.Capabilities.Add {
			facts = append(facts, Fact{KindCapability, string(capability)})
		}
	}
	if security.ReadOnlyRootFilesystem != nil && *security.ReadOnlyRootFilesystem {
		facts = append(facts, Fact{KindSandbox, "read-only root file system"})
	}
	if security.AllowPrivilegeEscalation != nil && !*security.AllowPrivilegeEscalation {
		facts = append(facts, Fact{KindSandbox, "no new privileges"})
	}
	for _, mount := range container.VolumeMounts {
		facts = append(facts, Fact{KindSandbox, "writable " + mount.MountPath})
	}
	return facts
}

// ConfigFacts are the keys of a configuration.
func ConfigFacts(kind Kind, data []byte) ([]Fact, error) {
	var document struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	var facts []Fact
	for _, key := range leaves("", document.Spec) {
		facts = append(facts, Fact{kind, key})
	}
	return facts, nil
}

// leaves are the paths of all values in an object. What users name freely ends a path: flags, and profiles' values. The
// flags of etcd are named, too: some of them are ours.
func leaves(prefix string, object map[string]any) []string {
	var paths []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		below, isObject := object[key].(map[string]any)
		if !isObject || key == "extraArgs" && prefix != "storage.etcd." {
			paths = append(paths, prefix+key)
			continue
		}
		paths = append(paths, leaves(prefix+key+".", below)...)
	}
	return paths
}
