// SPDX-License-Identifier: Apache-2.0

// Package webhook does at admission what the schema cannot say: it adds the leading v of spec.version, which the contract
// asks of providers, and it checks spec.k0sConfigSpec.k0s, whose fields the schema does not know, and the labels and
// annotations of what a control plane is made of. In templates it checks what does not depend on the topology.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// +kubebuilder:webhook:path=/mutate-controlplane-cluster-x-k8s-io-v1beta2-k0scontrolplane,mutating=true,failurePolicy=fail,sideEffects=None,groups=controlplane.cluster.x-k8s.io,resources=k0scontrolplanes,verbs=create;update,versions=v1beta2,name=default.k0scontrolplane.controlplane.cluster.x-k8s.io,admissionReviewVersions=v1
// +kubebuilder:webhook:path=/validate-controlplane-cluster-x-k8s-io-v1beta2-k0scontrolplane,mutating=false,failurePolicy=fail,sideEffects=None,groups=controlplane.cluster.x-k8s.io,resources=k0scontrolplanes,verbs=create;update,versions=v1beta2,name=validate.k0scontrolplane.controlplane.cluster.x-k8s.io,admissionReviewVersions=v1

// The scale webhook reads the object that is scaled.
// +kubebuilder:rbac:groups=controlplane.cluster.x-k8s.io,resources=k0scontrolplanes,verbs=get;list;watch

// SetupWithManager registers the webhooks.
func SetupWithManager(mgr ctrl.Manager) error {
	err := errors.Join(
		ctrl.NewWebhookManagedBy(mgr, &controlplanev1.K0sControlPlane{}).
			WithDefaulter(ControlPlane{}).WithValidator(ControlPlane{}).Complete(),
		ctrl.NewWebhookManagedBy(mgr, &controlplanev1.K0sControlPlaneTemplate{}).WithValidator(Template{}).Complete(),
	)
	if err != nil {
		return fmt.Errorf("registering webhooks: %w", err)
	}
	mgr.GetWebhookServer().Register(ScalePath, &admission.Webhook{Handler: Scale{
		Reader: mgr.GetAPIReader(), Decoder: admission.NewDecoder(mgr.GetScheme()),
	}})
	return nil
}

// ControlPlane judges K0sControlPlanes. It keeps no state.
type ControlPlane struct{}

var (
	_ admission.Defaulter[*controlplanev1.K0sControlPlane] = ControlPlane{}
	_ admission.Validator[*controlplanev1.K0sControlPlane] = ControlPlane{}
)

// Default adds the leading v of the version, and does nothing else.
func (ControlPlane) Default(_ context.Context, controlPlane *controlplanev1.K0sControlPlane) error {
	if version := controlPlane.Spec.Version; version != "" && !strings.HasPrefix(version, "v") {
		controlPlane.Spec.Version = "v" + version
	}
	return nil
}

// ValidateCreate checks the k0s configuration, the number of members of etcd, and labels and annotations.
func (ControlPlane) ValidateCreate(
	_ context.Context, controlPlane *controlplanev1.K0sControlPlane,
) (admission.Warnings, error) {
	read, problems := reading(controlPlane)
	if len(problems) == 0 {
		problems = replicas(controlPlane.WishedReplicas(), read.document)
	}
	var none controlplanev1.K0sControlPlaneSpec
	problems = append(problems, newMetadata(metadataOf(none), metadataOf(controlPlane.Spec))...)
	return read.warnings(), invalid("K0sControlPlane", controlPlane.Name, problems)
}

// ValidateUpdate checks what changes. An object that stays as it is passes: it must be possible to delete one that a newer
// release would refuse.
func (ControlPlane) ValidateUpdate(
	_ context.Context, before, after *controlplanev1.K0sControlPlane,
) (admission.Warnings, error) {
	sameDocument := string(before.Spec.K0sConfigSpec.K0s.Raw) == string(after.Spec.K0sConfigSpec.K0s.Raw)
	sameVersion := before.Spec.Version == after.Spec.Version
	unusable := newMetadata(metadataOf(before.Spec), metadataOf(after.Spec))
	if sameDocument && sameVersion && before.WishedReplicas() == after.WishedReplicas() {
		return nil, invalid("K0sControlPlane", after.Name, unusable)
	}
	read, problems := reading(after)
	if sameDocument && sameVersion {
		problems = nil // It was let in before.
	}
	if len(problems) == 0 {
		problems = append(changes(before, read), replicas(after.WishedReplicas(), read.document)...)
	}
	if !sameVersion {
		problems = append(problems, skipped(before.Status.Version, read.version)...)
	}
	return read.warnings(), invalid("K0sControlPlane", after.Name, append(problems, unusable...))
}

// ValidateDelete lets everything go.
func (ControlPlane) ValidateDelete(context.Context, *controlplanev1.K0sControlPlane) (admission.Warnings, error) {
	return nil, nil
}

func replicasPath() *field.Path { return field.NewPath("spec", "replicas") }

// replicas refuses an even number of members of etcd.
func replicas(wished int32, document map[string]any) field.ErrorList {
	if wished%2 == 1 || !k0sconfig.ManagesEtcd(document) {
		return nil
	}
	return field.ErrorList{field.Invalid(replicasPath(), wished, evenMessage(wished))}
}

func evenMessage(wished int32) string {
	return fmt.Sprintf("must be odd with the etcd that k0s runs: %d members bear the loss of no more members than %d do; "+
		"write %d or %d", wished, wished-1, max(wished-1, 1), wished+1)
}

// skipped refuses a version whose minor is not the next one of the oldest machine: the schema compares with the version
// before, and machines may still be on their way to that. What runs is not known at first, and then nothing is refused.
func skipped(oldest string, wanted k0sversion.Version) field.ErrorList {
	running, err := k0sversion.Parse(oldest)
	if err != nil || wanted.Minor() <= running.Minor()+1 {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("spec", "version"), wanted.String(), fmt.Sprintf(
		"skips a minor version: a machine still runs %s, as status.version says; wait until all run the version before",
		oldest))}
}

// changes refuses other values where a cluster is made with them.
func changes(before *controlplanev1.K0sControlPlane, after document) field.ErrorList {
	was, problems := reading(before)
	if len(problems) > 0 {
		return nil // It was not usable before, so nothing runs with it.
	}
	found := desired.ImmutableChanges(was.document, after.document)
	list := make(field.ErrorList, 0, len(found))
	for _, change := range found {
		list = append(list, field.Forbidden(documentPath().Child(change.Path), change.Message))
	}
	return list
}

// warnings tell of what is allowed and dangerous.
func (d document) warnings() admission.Warnings {
	if d.version.IsZero() || k0snode.AddsLearners(d.version) || !k0sconfig.ManagesEtcd(d.document) {
		return nil
	}
	warnings := admission.Warnings{fmt.Sprintf(
		"k0s %s gives new members of etcd a voice before they have started: while there is one member, a machine that dies "+
			"while it joins costs the cluster its quorum, and replacing the only machine is such a moment; prefer v1.35.5, "+
			"v1.36.1 or later", d.version)}
	if k0snode.LeavesByHostName(d.version) {
		warnings = append(warnings, fmt.Sprintf(
			"k0s %s lets a controller leave etcd only where its host name is the name of its Machine: elsewhere machines that "+
				"run it are never let go, in an upgrade neither; use v1.34.5, v1.35.2 or later", d.version))
	}
	return warnings
}

func invalid(kind, name string, problems field.ErrorList) error {
	if len(problems) == 0 {
		return nil
	}
	return apierrors.NewInvalid(controlplanev1.GroupVersion.WithKind(kind).GroupKind(), name, problems)
}
