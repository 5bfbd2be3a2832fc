// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"fmt"
	"strings"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// Change is a value of a k0s configuration that must not change.
type Change struct {
	// Path is where it stands in the document.
	Path string
	// Message says what would change, why it cannot, and how to get there.
	Message string
}

// immutable is a value that a cluster is made with.
type immutable struct {
	path []string
	// fallback is what k0s takes when there is none; empty when there is no such value.
	fallback string
	// why says why it cannot change, and how to get there.
	why string
}

const (
	moveAway = "create a new Cluster with it and move the workload"
	byHeart  = "nodes and pods have it by heart; set it back, or " + moveAway
)

// immutables are all of them, besides the kind of storage.
func immutables() []immutable {
	network := func(fallback string, path ...string) immutable {
		return immutable{path: append([]string{"spec", "network"}, path...), fallback: fallback, why: byHeart}
	}
	return []immutable{
		network("10.244.0.0/16", "podCIDR"),
		network("10.96.0.0/12", "serviceCIDR"),
		network("cluster.local", "clusterDomain"),
		network("kuberouter", "provider"),
		network("", "dualStack", "IPv6podCIDR"),
		network("", "dualStack", "IPv6serviceCIDR"),
		{
			path: learnersPath(),
			why: "every member of etcd must have the same limit from its first start on; set it back, or " +
				moveAway,
		},
	}
}

// ImmutableChanges are the values that a cluster is made with and that differ between two configurations.
func ImmutableChanges(before, after map[string]any) []Change {
	var changes []Change
	if was, is := storageKind(before), storageKind(after); was != is {
		changes = append(changes, Change{
			Path: "spec.storage",
			Message: fmt.Sprintf("the storage cannot change from %s to %s: the data of the cluster would stay behind; set it "+
				"back, or %s", was, is, moveAway),
		})
	}
	for _, value := range immutables() {
		if was, is := value.of(before), value.of(after); was != is {
			changes = append(changes, value.change(was, is))
		}
	}
	return changes
}

// CheckImmutable refuses a configuration that differs from what a running controller was made with in a value that a cluster
// is made with. Admission of control planes sees only the user's document: Cluster API lets the ranges and the service
// domain of a Cluster change at any time.
func CheckImmutable(running *bootstrapv1.K0sControllerConfig, wanted Configuration) error {
	made, err := k0sconfig.Parse(running.Spec.K0s.Raw)
	if err != nil {
		return fmt.Errorf("k0s configuration of K0sControllerConfig %s: %w", running.Name, err)
	}
	changes := ImmutableChanges(made, wanted.Document)
	if len(changes) == 0 {
		return nil
	}
	messages := make([]string, 0, len(changes))
	for _, change := range changes {
		messages = append(messages, change.Message)
	}
	return fmt.Errorf("spec.clusterNetwork of the Cluster or spec.k0sConfigSpec.k0s: %s", strings.Join(messages, "; "))
}

func storageKind(document map[string]any) string {
	switch {
	case k0sconfig.ManagesEtcd(document):
		return "the etcd that k0s runs"
	case valueAt(document, "spec", "storage", "etcd", "externalCluster") != nil:
		return "an etcd of the user"
	default:
		return fmt.Sprint(valueAt(document, "spec", "storage", "type"))
	}
}

func (i immutable) of(document map[string]any) string {
	value, _ := valueAt(document, i.path...).(string)
	if value == "" {
		return i.fallback
	}
	return value
}

func (i immutable) change(was, is string) Change {
	path := strings.Join(i.path, ".")
	return Change{
		Path:    path,
		Message: fmt.Sprintf("%s cannot change from %s to %s: %s", path, shown(was), shown(is), i.why),
	}
}

func shown(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}
