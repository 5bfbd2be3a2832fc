// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// Config is an effective k0s configuration in its two parts. Both are complete
// ClusterConfig documents in plain JSON types.
type Config struct {
	// NodeLocal is for the k0s.yaml of every controller. It may hold credentials
	// (kine's data source): keep it in a Secret. Changing it means restarting
	// controllers.
	NodeLocal map[string]any
	// ClusterWide is the object kube-system/k0s in the workload cluster, ready for
	// server-side apply. Changing it restarts nothing.
	ClusterWide map[string]any
	// Ports are where k0s listens with NodeLocal.
	Ports Ports
}

// Effective merges the user's ClusterConfig document with the facts. The
// document may be nil and is never changed. What cannot be used comes back as
// [ConfigErrors], all at once and each with its path, value and fix.
func Effective(user map[string]any, facts Facts) (Config, error) {
	if facts.Version.IsZero() {
		return Config{}, errors.New("computing k0s configuration: the k0s version is not known")
	}
	document, err := copyOf(user)
	if err != nil {
		return Config{}, fmt.Errorf("computing k0s configuration: %w", err)
	}
	if problems := problemsOf(document, facts); len(problems) > 0 {
		return Config{}, ConfigErrors(problems)
	}
	ports := listenPorts(facts, chosenPorts(document))
	merged := merge(document, facts, ports)
	return Config{
		NodeLocal:   nodeLocal(merged),
		ClusterWide: clusterWide(runtime.DeepCopyJSON(merged)),
		Ports:       ports,
	}, nil
}

// problemsOf looks at the shape first: the other checks rely on it.
func problemsOf(document map[string]any, facts Facts) []Problem {
	problems := shapeProblems(document)
	if len(problems) > 0 {
		return ordered(problems)
	}
	for _, check := range checks() {
		problems = append(problems, check(document, facts)...)
	}
	return ordered(problems)
}

// merge puts the facts into a document that does not contradict them.
func merge(document map[string]any, facts Facts, ports Ports) map[string]any {
	if document == nil {
		document = map[string]any{}
	}
	for _, value := range ownedValues(facts, ports) {
		put(document, value.place, value.value)
	}
	if sans := unitedSANs(document, facts); len(sans) > 0 {
		put(document, at("spec.api.sans"), sans)
	}
	return document
}

// unitedSANs are the user's names and ours, sorted, each once.
func unitedSANs(document map[string]any, facts Facts) []any {
	sans := slices.DeleteFunc(slices.Clone(facts.SANs), func(san string) bool { return san == "" })
	for _, san := range lookupAs[[]any](document, at("spec.api.sans")) {
		if text, isText := san.(string); isText {
			sans = append(sans, text)
		}
	}
	slices.Sort(sans)
	return anyList(slices.Compact(sans))
}

// NodeLocalYAML is the content of k0s.yaml.
func (c Config) NodeLocalYAML() ([]byte, error) { return toYAML(c.NodeLocal) }

// ClusterWideYAML is the ClusterConfig object as YAML.
func (c Config) ClusterWideYAML() ([]byte, error) { return toYAML(c.ClusterWide) }

func toYAML(document map[string]any) ([]byte, error) {
	written, err := yaml.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("writing k0s configuration: %w", err)
	}
	return written, nil
}
