// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

const (
	apiVersion = "k0s.k0sproject.io/v1beta1"
	kind       = "ClusterConfig"
	name       = "k0s"
	namespace  = "kube-system"
)

// objects are the places where we look for keys: there must be an object, if
// anything. k0s checks the rest.
func objects() []string {
	places := []string{
		"metadata", "spec", "spec.storage", "spec.storage.etcd.externalCluster", "spec.network", "spec.network.dualStack",
		"spec.network.calico", "spec.network.nodeLocalLoadBalancing", "spec.konnectivity", "spec.extensions", "spec.images",
		"spec.installConfig", "spec.telemetry", "spec.metricsServer",
	}
	for _, section := range argumentSections() {
		places = append(places, section, section+".extraArgs")
	}
	return places
}

// lists are the places where there must be a list, if anything.
func lists() []string {
	return []string{"spec.workerProfiles", "spec.featureGates", "spec.api.sans", "spec.api.rawArgs"}
}

// sections are the keys of spec that k0s knows.
func sections() []string {
	return []string{
		"api", "controllerManager", "extensions", "featureGates", "images", "installConfig", "konnectivity",
		"metricsServer", "network", "scheduler", "storage", "telemetry", "workerProfiles",
	}
}

// shapeProblems are what keeps the rest of this package from reading the
// document.
func shapeProblems(document map[string]any) []Problem {
	return slices.Concat(
		headProblems(document),
		typeProblems[map[string]any](document, objects(), "an object"),
		typeProblems[[]any](document, lists(), "a list"),
		unknownKeys(document, path{}, []string{"apiVersion", "kind", "metadata", "spec"}),
		unknownKeys(document, at("metadata"), []string{"name", "namespace"}),
		unknownKeys(document, at("spec"), sections()),
	)
}

// headProblems hold the document against what it must be to be applied.
func headProblems(document map[string]any) []Problem {
	var problems []Problem
	for place, wanted := range map[string]string{
		"apiVersion": apiVersion, "kind": kind, "metadata.name": name, "metadata.namespace": namespace,
	} {
		if value, set := lookup(document, at(place)); set && value != "" && value != wanted {
			problems = append(problems, Problem{
				Path: place, Value: shown(value), Message: "is not what k0s reads",
				Fix: fmt.Sprintf("write %q or leave it out", wanted),
			})
		}
	}
	return problems
}

func typeProblems[T any](document map[string]any, places []string, wanted string) []Problem {
	var problems []Problem
	for _, place := range places {
		value, set := lookup(document, at(place))
		if _, ok := value.(T); set && !ok {
			problems = append(problems, Problem{
				Path: place, Value: shown(value), Message: "is not " + wanted, Fix: "write " + wanted + " or leave it out",
			})
		}
	}
	return problems
}

func unknownKeys(document map[string]any, place path, known []string) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(lookupAs[map[string]any](document, place))) {
		if !slices.Contains(known, key) {
			problems = append(problems, Problem{
				Path: place.child(key).String(), Message: "is not a key that k0s knows",
				Fix: "remove it; known are " + strings.Join(known, ", "),
			})
		}
	}
	return problems
}

// learned are the keys that only some of the supported versions know.
func learned() map[string]k0sversion.Feature {
	return map[string]k0sversion.Feature{
		"spec.api.ca":                                 k0sversion.CertificateLifetimes,
		"spec.api.rawArgs":                            k0sversion.RawArgs,
		"spec.controllerManager.rawArgs":              k0sversion.RawArgs,
		"spec.images.windows":                         k0sversion.WindowsImages,
		"spec.konnectivity.externalAddress":           k0sversion.KonnectivityExternalAddress,
		"spec.metricsServer":                          k0sversion.AddonPatches,
		"spec.network.calico.patches":                 k0sversion.AddonPatches,
		"spec.network.coreDNS":                        k0sversion.AddonPatches,
		"spec.network.kubeProxy.healthzBindAddress":   k0sversion.KubeProxyHealthzAddress,
		"spec.network.kubeProxy.patches":              k0sversion.AddonPatches,
		"spec.network.kubeProxy.rawArgs":              k0sversion.RawArgs,
		"spec.network.kuberouter.patches":             k0sversion.AddonPatches,
		"spec.network.kuberouter.rawArgs":             k0sversion.RawArgs,
		"spec.network.nodeLocalLoadBalancing.traefik": k0sversion.TraefikLoadBalancing,
		"spec.network.primaryAddressFamily":           k0sversion.PrimaryAddressFamily,
		"spec.scheduler.rawArgs":                      k0sversion.RawArgs,
		"spec.storage.etcd.ca":                        k0sversion.CertificateLifetimes,
		"spec.storage.etcd.rawArgs":                   k0sversion.RawArgs,
		"spec.storage.kine.extraArgs":                 k0sversion.KineArgs,
		"spec.storage.kine.rawArgs":                   k0sversion.KineArgs,
	}
}

// versionProblems are the user's keys that this version of k0s does not know.
func versionProblems(document map[string]any, facts Facts) []Problem {
	var problems []Problem
	for place, feature := range learned() {
		value, set := lookup(document, at(place))
		if !set || facts.Version.Supports(feature) {
			continue
		}
		problems = append(problems, Problem{
			Path: place, Value: shown(value), Message: "is not known to k0s " + facts.Version.String(),
			Fix: "remove it or use k0s " + since(feature),
		})
	}
	return problems
}

// since names the releases that have a feature.
func since(feature k0sversion.Feature) string {
	releases := make([]string, 0, len(feature.Since()))
	for _, release := range feature.Since() {
		releases = append(releases, release.String())
	}
	return strings.Join(releases, ", ") + " or later"
}
