// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/external"
	capicontract "sigs.k8s.io/cluster-api/util/contract"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// contractLabel is on CRDs; its value lists the versions that serve the contract.
const contractLabel = "cluster.x-k8s.io/v1beta2"

// readInfrastructure reads all infrastructure that bears our labels, of the kind that is asked for and of the kinds that
// Machines refer to. A kind that is not served any more has no objects.
func (r *Reconciler) readInfrastructure(ctx context.Context, s *scope) error {
	for _, kind := range s.infrastructureKinds() {
		gvk, served, err := r.servedVersion(ctx, kind)
		if err != nil {
			return err
		}
		if !served {
			continue
		}
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk)
		err = r.Client.List(ctx, list, client.InNamespace(s.controlPlane.Namespace), client.MatchingLabels(s.ownLabels()))
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("listing %ss: %w", kind.Kind, err)
		}
		for i := range list.Items {
			s.infrastructure = append(s.infrastructure, &list.Items[i])
		}
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(gvk)
		if err := r.Watcher.WatchInfrastructure(ctx, object); err != nil {
			return fmt.Errorf("watching %ss: %w", kind.Kind, err)
		}
	}
	return nil
}

// ownLabels are on everything that was made for a Machine.
func (s *scope) ownLabels() map[string]string {
	labels := contract.ClusterLabels(s.cluster.Name)
	labels[clusterv1.MachineControlPlaneNameLabel] = contract.MachineNameValue(s.controlPlane.Name)
	return labels
}

func (s *scope) infrastructureKinds() []schema.GroupKind {
	kinds := map[schema.GroupKind]bool{}
	template := s.controlPlane.Spec.MachineTemplate.Spec.InfrastructureRef
	kinds[schema.GroupKind{
		Group: template.APIGroup, Kind: strings.TrimSuffix(template.Kind, clusterv1.TemplateSuffix),
	}] = true
	for _, machine := range s.machines {
		ref := machine.Spec.InfrastructureRef
		kinds[schema.GroupKind{Group: ref.APIGroup, Kind: ref.Kind}] = true
	}
	return slices.SortedFunc(maps.Keys(kinds), func(a, b schema.GroupKind) int {
		return strings.Compare(a.String(), b.String())
	})
}

// servedVersion is the newest version of a kind that serves the contract; false when the kind is not installed.
func (r *Reconciler) servedVersion(ctx context.Context, kind schema.GroupKind) (schema.GroupVersionKind, bool, error) {
	name := capicontract.CalculateCRDName(kind.Group, kind.Kind)
	crd := definition(name)
	exists, err := lookup(ctx, r.Client, client.ObjectKey{Name: name}, crd)
	if err != nil || !exists {
		return schema.GroupVersionKind{}, false, err
	}
	versions := strings.Split(crd.Labels[contractLabel], "_")
	newest := slices.MaxFunc(versions, version.CompareKubeAwareVersionStrings)
	if newest == "" {
		return schema.GroupVersionKind{}, false, fmt.Errorf(
			"kind %s has no version with the contract %s: upgrade its provider", kind, clusterv1.GroupVersion.Version)
	}
	return kind.WithVersion(newest), true, nil
}

// definition is the metadata of a CRD, to be read into.
func definition(name string) *metav1.PartialObjectMetadata {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{
		Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition",
	})
	crd.SetName(name)
	return crd
}

// infrastructureProvisioned waits for the Cluster's infrastructure, and for its endpoint, which is in everything that a
// Machine is made of.
func infrastructureProvisioned(_ context.Context, s *scope) (phase.Outcome, error) {
	switch {
	case s.deleting():
		return phase.Continue(), nil
	case !contract.InfrastructureProvisioned(s.cluster):
		return phase.Wait(controlplanev1.WaitingReason,
			"waiting for the infrastructure of Cluster "+s.cluster.Name+" to be provisioned", 0), nil
	case !s.cluster.Spec.ControlPlaneEndpoint.IsValid():
		return phase.Wait(controlplanev1.WaitingReason, "waiting for spec.controlPlaneEndpoint of Cluster "+s.cluster.Name+
			": the infrastructure provider sets it, or you do", 0), nil
	}
	return phase.Continue(), nil
}

// templateOwned makes the Cluster an owner of the template of the machines, as Cluster API's own providers do, so that it
// is moved and deleted with the Cluster; with several that share it, with the last of them. A template that is missing is
// told before a Machine is decided upon.
func (r *Reconciler) templateOwned(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.deleting() {
		return phase.Continue(), nil
	}
	template, err := r.readTemplate(ctx, s)
	if err != nil {
		return phase.Outcome{}, err
	}
	s.template = template
	return phase.Continue(), r.Applier.AddOwner(ctx, s.cluster, template)
}

// readTemplate reads the template of the machines.
func (r *Reconciler) readTemplate(ctx context.Context, s *scope) (*unstructured.Unstructured, error) {
	ref := s.controlPlane.Spec.MachineTemplate.Spec.InfrastructureRef
	template, err := external.GetObjectFromContractVersionedRef(ctx, r.Client, ref, s.controlPlane.Namespace)
	if apierrors.IsNotFound(err) {
		return nil, phase.Waiting(controlplanev1.WaitingReason, fmt.Sprintf(
			"waiting for %s %s, which spec.machineTemplate.spec.infrastructureRef names, to exist", ref.Kind, ref.Name),
			templateDelay)
	}
	if err != nil {
		return nil, phase.Failure(controlplanev1.InvalidConfigurationReason,
			fmt.Errorf("reading %s %s, which spec.machineTemplate.spec.infrastructureRef names: %w", ref.Kind, ref.Name, err))
	}
	return template, nil
}
