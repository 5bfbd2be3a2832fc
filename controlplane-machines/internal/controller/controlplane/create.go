// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// nameRecorded records a name that nobody has, and does no more: whatever happens next, it happens under this name.
func (r *Reconciler) nameRecorded(ctx context.Context, s *scope) error {
	random, err := randomText(r.Random)
	if err != nil {
		return err
	}
	name := desired.MachineName(s.facts(), random)
	taken, err := lookup(ctx, r.Live, s.object(name), &clusterv1.Machine{})
	if err != nil {
		return err
	}
	if taken {
		return fmt.Errorf("the name %s, drawn for the next Machine, is taken: another one is drawn", name)
	}
	return r.Applier.Annotate(ctx, s.controlPlane, contract.NextMachineAnnotation, name)
}

// alphabet is what names are drawn from: no vowels, so that no words come out.
const alphabet = "bcdfghjklmnpqrstvwxz2456789"

func randomText(random io.Reader) (string, error) {
	bytes := make([]byte, desired.RandomLength)
	if _, err := io.ReadFull(random, bytes); err != nil {
		return "", fmt.Errorf("drawing a name: %w", err)
	}
	for i := range bytes {
		bytes[i] = alphabet[int(bytes[i])%len(alphabet)]
	}
	return string(bytes), nil
}

// create makes what is missing of a Machine: infrastructure, config, and last the Machine, which binds them. Until it is
// there neither of them does anything.
func (r *Reconciler) create(ctx context.Context, s *scope) error {
	hash, err := desired.InputsHash(s.controlPlane.Spec.K0sConfigSpec)
	if err != nil {
		return err
	}
	if err := r.infrastructureMade(ctx, s); err != nil {
		return err
	}
	if err := r.configMade(ctx, s); err != nil {
		return err
	}
	placement := desired.Placement{Name: s.action.Machine, FailureDomain: s.action.FailureDomain}
	return r.Applier.Apply(ctx, nil, desired.Machine(s.facts(), placement, hash))
}

func (r *Reconciler) infrastructureMade(ctx context.Context, s *scope) error {
	name := s.action.Machine
	if existing := s.infrastructureOf(name); existing != nil {
		return r.infrastructureLabelled(ctx, s, existing)
	}
	machine, err := desired.InfraMachine(s.facts(), name, s.template)
	if err != nil {
		return err
	}
	err = r.Applier.Create(ctx, nil, machine)
	if errors.Is(err, apply.ErrExists) {
		err = r.isOursLive(ctx, s, machine)
	}
	if err != nil {
		return err
	}
	return r.infrastructureLabelled(ctx, s, machine)
}

// isOursLive tells an object of an earlier pass, which the cache does not hold yet, from somebody else's, and reads it.
func (r *Reconciler) isOursLive(ctx context.Context, s *scope, object *unstructured.Unstructured) error {
	kind, name := object.GetKind(), object.GetName()
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return fmt.Errorf("getting %s %s: %w", kind, name, err)
	}
	return s.checkOurs(kind, object)
}

// checkOurs refuses to use an object that bears the recorded name by chance.
func (s *scope) checkOurs(kind string, object client.Object) error {
	for key, value := range s.ownLabels() {
		if object.GetLabels()[key] != value {
			return fmt.Errorf("%s %s exists and does not belong to this control plane: remove it", kind, object.GetName())
		}
	}
	return nil
}

// configMade applies the config: an API server refuses fields that the installed bootstrap provider does not know, where
// it would drop them silently otherwise.
func (r *Reconciler) configMade(ctx context.Context, s *scope) error {
	name := s.action.Machine
	config := &bootstrapv1.K0sControllerConfig{}
	exists, err := lookup(ctx, r.Live, s.object(name), config)
	switch {
	case err != nil:
	case exists:
		err = s.checkOurs("K0sControllerConfig", config)
	default:
		config, err = r.configApplied(ctx, s, name)
	}
	if err != nil {
		return err
	}
	s.bootstrapTakes()
	return r.configLabelled(ctx, s, config)
}

func (r *Reconciler) configApplied(
	ctx context.Context, s *scope, name string,
) (*bootstrapv1.K0sControllerConfig, error) {
	config, err := desired.ControllerConfig(s.facts(), name, bootstrapv1.ControllerRole(s.action.Role), s.configuration)
	if err != nil {
		return nil, err
	}
	if err := r.Applier.Apply(ctx, nil, config); err != nil {
		return nil, s.refused(err)
	}
	return config, nil
}

// refused tells in a condition what the installed bootstrap provider does not take.
func (s *scope) refused(err error) error {
	undeclared := strings.Contains(err.Error(), "field not declared in schema")
	if undeclared || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		conditions.False(s.controlPlane, controlplanev1.BootstrapProviderReadyCondition,
			controlplanev1.InvalidConfigurationReason, "the bootstrap provider refuses the config of a controller; if it is "+
				"older than this provider, upgrade it: "+phase.StableMessage(err))
	}
	return err
}
