// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"net/http"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
)

// +kubebuilder:webhook:path=/validate-controlplane-cluster-x-k8s-io-v1beta2-k0scontrolplane-scale,mutating=false,failurePolicy=fail,sideEffects=None,groups=controlplane.cluster.x-k8s.io,resources=k0scontrolplanes/scale,verbs=update,versions=v1beta2,name=scale.k0scontrolplane.controlplane.cluster.x-k8s.io,admissionReviewVersions=v1

// ScalePath is where the API server asks about the scale subresource.
const ScalePath = "/validate-controlplane-cluster-x-k8s-io-v1beta2-k0scontrolplane-scale"

// Scale judges the scale subresource of K0sControlPlanes. The API server shows it the number alone, and never asks the
// other webhook about it, so that an even number of members of etcd could come in this way.
type Scale struct {
	// Reader reads K0sControlPlanes, live.
	Reader client.Reader
	// Decoder reads the request; its scheme knows Scale.
	Decoder admission.Decoder
}

var _ admission.Handler = Scale{}

// Handle refuses an even number where k0s runs etcd.
func (s Scale) Handle(ctx context.Context, request admission.Request) admission.Response {
	scale := &autoscalingv1.Scale{}
	if err := s.Decoder.Decode(request, scale); err != nil {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("reading the scale: %w", err))
	}
	controlPlane := &controlplanev1.K0sControlPlane{}
	key := client.ObjectKey{Namespace: request.Namespace, Name: request.Name}
	if err := s.Reader.Get(ctx, key, controlPlane); err != nil {
		if apierrors.IsNotFound(err) {
			return admission.Allowed("there is nothing to scale")
		}
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("reading the control plane: %w", err))
	}
	read, _ := reading(controlPlane)
	if problems := replicas(scale.Spec.Replicas, read.document); len(problems) > 0 {
		return admission.Denied(problems.ToAggregate().Error())
	}
	return admission.Allowed("")
}
