// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CRD is a CustomResourceDefinition as a provider ships it.
type CRD struct {
	// Name is "<plural>.<group>".
	Name string
	// Versions are all versions it serves.
	Versions []string
}

// recheckPeriod is how often a manager that stands by looks whether the kinds have become its own.
const recheckPeriod = 30 * time.Second

// Ownership checks that a provider's CRDs are its own. Two managers that reconcile one kind destroy clusters, and another
// product defines kinds with the same names and groups.
type Ownership struct {
	reader   client.Reader
	provider Provider
	clock    clock.WithTicker
}

// NewOwnership returns the check for a provider. The reader must read live; its scheme must know CRDs.
func NewOwnership(reader client.Reader, provider Provider, c clock.WithTicker) *Ownership {
	return &Ownership{reader: reader, provider: provider, clock: c}
}

// Check returns nil when all CRDs of the provider are installed, carry its label and serve the versions it knows; else an
// error that names every CRD in the way and the fix.
func (o *Ownership) Check(ctx context.Context) error {
	problems := make([]error, 0, len(o.provider.CRDs))
	for _, crd := range o.provider.CRDs {
		problems = append(problems, o.checkOne(ctx, crd))
	}
	return errors.Join(problems...)
}

func (o *Ownership) checkOne(ctx context.Context, crd CRD) error {
	live := &apiextensionsv1.CustomResourceDefinition{}
	err := o.reader.Get(ctx, client.ObjectKey{Name: crd.Name}, live)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("CRD %s is not installed: install provider %s", crd.Name, o.provider.Label)
	}
	if err != nil {
		return fmt.Errorf("getting CRD %s: %w", crd.Name, err)
	}
	if owner := live.Labels[clusterv1.ProviderNameLabel]; owner != o.provider.Label {
		return fmt.Errorf("CRD %s belongs to provider %q (label %s), this manager is of provider %q: "+
			"remove one of the two providers", crd.Name, owner, clusterv1.ProviderNameLabel, o.provider.Label)
	}
	if served := servedVersions(live); !slices.Equal(served, slices.Sorted(slices.Values(crd.Versions))) {
		return fmt.Errorf("CRD %s serves %s, this manager knows %s: install the CRDs of release %s", crd.Name,
			strings.Join(served, ", "), strings.Join(crd.Versions, ", "), version)
	}
	return nil
}

func servedVersions(crd *apiextensionsv1.CustomResourceDefinition) []string {
	var served []string
	for _, v := range crd.Spec.Versions {
		if v.Served {
			served = append(served, v.Name)
		}
	}
	slices.Sort(served)
	return served
}

// errOwnershipChanged ends a manager that stood by: its next start sets the controllers up.
var errOwnershipChanged = errors.New("the provider's CRDs have become its own: starting again")

// standBy makes the manager not ready with reason and lets it end once the check passes.
func standBy(mgr ctrl.Manager, ownership *Ownership, reason error) error {
	err := mgr.AddReadyzCheck("ownership", func(*http.Request) error { return reason })
	if err != nil {
		return fmt.Errorf("adding ready check: %w", err)
	}
	if err := mgr.Add(awaiting{ownership}); err != nil {
		return fmt.Errorf("adding ownership check: %w", err)
	}
	return nil
}

// awaiting is the runnable of a manager that stands by. Every replica runs it, leader or not.
type awaiting struct{ *Ownership }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (awaiting) NeedLeaderElection() bool { return false }

// Start ends with an error once the check passes.
func (o awaiting) Start(ctx context.Context) error {
	ticker := o.clock.NewTicker(recheckPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			if o.Check(ctx) == nil {
				return errOwnershipChanged
			}
		}
	}
}
