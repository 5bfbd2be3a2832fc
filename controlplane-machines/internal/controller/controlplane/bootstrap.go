// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/phase"
)

const (
	// configCRD is the CRD of K0sControllerConfig.
	configCRD = "k0scontrollerconfigs.bootstrap.cluster.x-k8s.io"
	// bootstrapProvider is what the label cluster.x-k8s.io/provider of that CRD says.
	bootstrapProvider = "bootstrap-k0smotron"
	// servedDelay is the pause until we look again for a kind whose CRD is there and that is not served yet.
	servedDelay = 2 * time.Second
	// templateDelay is the pause until we look again for a template, which is not watched.
	templateDelay = 15 * time.Second
)

// bootstrapReady waits for the provider whose configs we write. Its CRD wakes all control planes when it appears. A
// deletion makes no configs: what there is of them goes with its Machines.
func (r *Reconciler) bootstrapReady(ctx context.Context, s *scope) (phase.Outcome, error) {
	crd := definition(configCRD)
	exists, err := lookup(ctx, r.Client, client.ObjectKey{Name: configCRD}, crd)
	if err != nil {
		return phase.Outcome{}, err
	}
	if message := unusable(exists, crd.Labels); message != "" {
		if exists {
			err = r.namesRead(ctx, s)
		}
		if err != nil || s.deleting() {
			return phase.Continue(), err
		}
		return phase.Outcome{}, phase.Waiting(controlplanev1.NotInstalledReason, message, 0)
	}
	return r.configsRead(ctx, s)
}

// namesRead reads no more of configs than their metadata: what somebody else's kind looks like is not known. It is enough to
// find the join tokens of machines that go.
func (r *Reconciler) namesRead(ctx context.Context, s *scope) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(bootstrapv1.GroupVersion.WithKind("K0sControllerConfigList"))
	err := r.Client.List(ctx, list, client.InNamespace(s.controlPlane.Namespace), client.MatchingLabels(s.ownLabels()))
	if err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
		return fmt.Errorf("listing K0sControllerConfigs: %w", err)
	}
	s.configNames = list.Items
	return nil
}

// unusable says why configs cannot be written; nothing when they can.
func unusable(exists bool, labels map[string]string) string {
	owner := labels[clusterv1.ProviderNameLabel]
	switch {
	case !exists:
		return "waiting for the bootstrap provider: install it with clusterctl init --bootstrap k0smotron"
	case owner != "" && owner != bootstrapProvider:
		return fmt.Sprintf("the kind K0sControllerConfig belongs to the provider %s, and %s is needed: remove that one and "+
			"install ours with clusterctl init --bootstrap k0smotron", owner, bootstrapProvider)
	case !slices.Contains(strings.Split(labels[contractLabel], "_"), bootstrapv1.GroupVersion.Version):
		return "the bootstrap provider does not serve K0sControllerConfig " + bootstrapv1.GroupVersion.Version +
			": upgrade it with clusterctl upgrade apply"
	}
	return ""
}

func (r *Reconciler) configsRead(ctx context.Context, s *scope) (phase.Outcome, error) {
	if err := r.Watcher.WatchConfigs(); err != nil {
		return phase.Outcome{}, fmt.Errorf("watching K0sControllerConfigs: %w", err)
	}
	list := &bootstrapv1.K0sControllerConfigList{}
	err := r.Client.List(ctx, list, client.InNamespace(s.controlPlane.Namespace), client.MatchingLabels(s.ownLabels()))
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return phase.Outcome{}, phase.Waiting(
			controlplanev1.NotInstalledReason, "waiting for K0sControllerConfig to be served", servedDelay)
	}
	if err != nil {
		return phase.Outcome{}, fmt.Errorf("listing K0sControllerConfigs: %w", err)
	}
	for i := range list.Items {
		s.configs = append(s.configs, &list.Items[i])
	}
	s.bootstrapInstalled()
	return phase.Continue(), nil
}

// bootstrapInstalled tells that configs can be written, unless one was refused: that stands until one has been taken.
func (s *scope) bootstrapInstalled() {
	told := conditions.Get(s.controlPlane, controlplanev1.BootstrapProviderReadyCondition)
	if told == nil || told.Reason != controlplanev1.InvalidConfigurationReason {
		s.bootstrapTakes()
	}
}

// bootstrapTakes tells that configs are taken.
func (s *scope) bootstrapTakes() {
	conditions.True(s.controlPlane, controlplanev1.BootstrapProviderReadyCondition, controlplanev1.AvailableReason, "")
}
