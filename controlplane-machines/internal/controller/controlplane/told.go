// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/observation"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// machinesTold writes on each Machine what is known about its controller, and brings what may change in place to what the
// spec says today: on the Machine, its config and its infrastructure. What fails with one of them stops no other. A pass
// that records which controllers were seen to vote, or to have left, ends with that: their Machines are told, and decided
// upon, in the next one.
func (r *Reconciler) machinesTold(ctx context.Context, s *scope) (phase.Outcome, error) {
	if err := r.leftOverKept(ctx, s); err != nil {
		return phase.Outcome{}, err
	}
	recorded, failed := false, make([]error, 0, len(s.machines))
	for _, machine := range s.machines {
		news, err := r.memberRecorded(ctx, s, machine)
		if err == nil && !news {
			err = r.machineTold(ctx, s, machine)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("machine %s: %w", machine.Name, err))
		}
		recorded = recorded || news
	}
	if !recorded {
		return phase.Continue(), errors.Join(failed...)
	}
	s.lookAfter(cacheDelay)
	return phase.Done(), errors.Join(failed...)
}

// memberRecorded records that a controller was seen voting, or to have left: its EtcdMember may be lost, and then it must
// not be taken for one that never joined. It tells whether that was news.
func (r *Reconciler) memberRecorded(ctx context.Context, s *scope, machine *clusterv1.Machine) (bool, error) {
	record := observation.MemberRecord(s.observed(), machine)
	if record == "" || record == machine.Annotations[contract.WasMemberAnnotation] {
		return false, nil
	}
	return true, r.Applier.Annotate(ctx, machine, contract.WasMemberAnnotation, record)
}

func (r *Reconciler) machineTold(ctx context.Context, s *scope, machine *clusterv1.Machine) error {
	seen := s.observed()
	err := r.Applier.ApplyConditions(ctx, machine, observation.MachineConditions(seen, machine)...)
	if err != nil || s.deleting() {
		return err
	}
	err = r.updatedInPlace(ctx, s, machine)
	if isRefusal(err) {
		s.hold(phase.WaitError{After: holdDelay, Message: "what spec.machineTemplate asks for is refused: " +
			phase.StableMessage(err)})
		return nil
	}
	return err
}

// updatedInPlace leaves the objects behind a Machine to themselves while they go.
func (r *Reconciler) updatedInPlace(ctx context.Context, s *scope, machine *clusterv1.Machine) error {
	if err := r.Applier.ApplyTo(ctx, machine, desired.MachineInPlace(s.facts(), machine)); err != nil {
		return err
	}
	if config := s.config(machine.Name); config != nil && config.DeletionTimestamp.IsZero() {
		if err := r.configLabelled(ctx, s, config); err != nil {
			return err
		}
	}
	if infra := s.infrastructureOf(machine.Name); infra != nil && infra.GetDeletionTimestamp().IsZero() {
		return r.infrastructureLabelled(ctx, s, infra)
	}
	return nil
}

func (r *Reconciler) configLabelled(ctx context.Context, s *scope, config *bootstrapv1.K0sControllerConfig) error {
	return r.labelled(ctx, s, bootstrapv1.GroupVersion.WithKind("K0sControllerConfig"), config)
}

func (r *Reconciler) infrastructureLabelled(ctx context.Context, s *scope, object *unstructured.Unstructured) error {
	return r.labelled(ctx, s, object.GroupVersionKind(), object)
}

// labelled gives an object behind a Machine the labels and annotations that the spec says today. It was made with ours, so
// while the user wishes for none, and has not before, there is nothing to do.
func (r *Reconciler) labelled(ctx context.Context, s *scope, kind schema.GroupVersionKind, live client.Object) error {
	wishes := s.controlPlane.Spec.MachineTemplate.ObjectMeta
	if len(wishes.Labels)+len(wishes.Annotations) == 0 && !r.Metadata.HasApplied(live) {
		return nil
	}
	child := desired.Child{Kind: kind, Name: live.GetName()}
	if err := r.Metadata.ApplyTo(ctx, live, desired.Metadata(s.facts(), child)); err != nil {
		return fmt.Errorf("labelling what belongs to Machine %s: %w", child.Name, err)
	}
	return nil
}

// infrastructureOf is the infrastructure of that name; nil when there is none.
func (s *scope) infrastructureOf(name string) *unstructured.Unstructured {
	for _, object := range s.infrastructure {
		if object.GetName() == name {
			return object
		}
	}
	return nil
}

// leftOverKept drops from the record of members that may be left over in etcd those that are seen to work. A record that
// cannot be read is its writer's to mend.
func (r *Reconciler) leftOverKept(ctx context.Context, s *scope) error {
	left, changed := s.leftOver()
	switch {
	case !changed:
		return nil
	case len(left) == 0:
		return r.Applier.RemoveAnnotation(ctx, s.controlPlane, contract.LeftOverMembersAnnotation)
	default:
		return r.Applier.Annotate(
			ctx, s.controlPlane, contract.LeftOverMembersAnnotation, observation.FormatLeftOver(left))
	}
}

// leftOver are the recorded members that are still suspected, and whether the record says otherwise. What is wrong with a
// record, a condition tells.
func (s *scope) leftOver() ([]controlplane.LeftOver, bool) {
	recorded, exists := s.controlPlane.Annotations[contract.LeftOverMembersAnnotation]
	if !exists {
		return nil, false
	}
	left, err := observation.LeftOver(s.observed())
	if err != nil {
		return nil, false
	}
	known, err := observation.ParseLeftOver(recorded)
	return left, err == nil && len(known) != len(left)
}

// nameCleared forgets the recorded name once its Machine exists, and ends the pass: nothing is removed or let go while a
// name could be used a second time.
func (r *Reconciler) nameCleared(ctx context.Context, s *scope) (phase.Outcome, error) {
	recorded := s.controlPlane.Annotations[contract.NextMachineAnnotation]
	if recorded == "" || s.machine(recorded) == nil {
		return phase.Continue(), nil
	}
	return phase.Done(), r.Applier.RemoveAnnotation(ctx, s.controlPlane, contract.NextMachineAnnotation)
}
