// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"fmt"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

const (
	// moreLearners is how many learners etcd may have. A machine that dies while it joins can leave one behind that is never
	// promoted, and with etcd's own limit of one nobody could join any more.
	moreLearners = "5"
	// learnersMinor is the first minor of k0s whose etcd knows the flag.
	learnersMinor = 34
)

// MaxLearners is etcd's limit of learners in a cluster: a number, or nothing where etcd's own stands. etcd applies it per
// member and members with different limits would not agree, so it is decided for the first controller and copied ever
// after.
type MaxLearners string

func learnersPath() []string { return []string{"spec", "storage", "etcd", "extraArgs", "max-learners"} }

// LearnerFacts are what is known when the limit is decided.
type LearnerFacts struct {
	// Existing is the oldest config of a controller that exists, nil when there is none.
	Existing *bootstrapv1.K0sControllerConfig
	// Started tells that a controller was made before: a Machine exists, or the control plane was initialised.
	Started bool
}

// DecideMaxLearners decides the limit: what controllers have, whatever the version is now. Without any it is the user's,
// or ours where etcd knows the flag.
func DecideMaxLearners(f Facts, facts LearnerFacts) (MaxLearners, error) {
	if facts.Existing != nil {
		existing, err := k0sconfig.Parse(facts.Existing.Spec.K0s.Raw)
		if err != nil {
			return "", fmt.Errorf("k0s configuration of K0sControllerConfig %s: %w", facts.Existing.Name, err)
		}
		return learnersOf(existing), nil
	}
	user, err := k0sconfig.Parse(f.ControlPlane.Spec.K0sConfigSpec.K0s.Raw)
	if err != nil {
		return "", fmt.Errorf("spec.k0sConfigSpec.k0s: %w", err)
	}
	version, err := k0sversion.Parse(f.ControlPlane.Spec.Version)
	if err != nil {
		return "", fmt.Errorf("spec.version: %w", err)
	}
	wish := learnersOf(user)
	if wish == "" && !facts.Started && version.Minor() >= learnersMinor {
		return moreLearners, nil
	}
	return wish, nil
}

func learnersOf(document map[string]any) MaxLearners {
	value, _ := valueAt(document, learnersPath()...).(string)
	return MaxLearners(value)
}

// write makes the document say so.
func (m MaxLearners) write(document map[string]any) {
	path := learnersPath()
	object := document
	for _, key := range path[:len(path)-1] {
		next, isObject := object[key].(map[string]any)
		if !isObject && m == "" {
			return
		}
		if !isObject {
			next = map[string]any{}
			object[key] = next
		}
		object = next
	}
	flag := path[len(path)-1]
	if m == "" {
		delete(object, flag)
		return
	}
	object[flag] = string(m)
}
