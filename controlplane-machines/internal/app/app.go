// SPDX-License-Identifier: Apache-2.0

// Package app wires the manager of the control plane provider for Machines.
package app

import (
	"context"
	"crypto/rand"
	"fmt"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/contact"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controller/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/webhook"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/expiry"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/workload"
)

const (
	// ProviderName is the name of the provider, its field owner and user agent.
	ProviderName = "k0smotron-controlplane-machines"
	// metadataOwner is the field owner of labels and annotations on objects whose other fields are somebody else's.
	metadataOwner = ProviderName + "-metadata"
)

// Options are the settings of the manager.
type Options struct {
	// Manager holds the settings that all managers share.
	Manager *manager.Options
}

// Main runs the program with its arguments until ctx ends.
func Main(ctx context.Context, args []string) error {
	provider, err := Provider()
	if err != nil {
		return err
	}
	options := &Options{Manager: manager.NewOptions(controlplane.Kind)}
	return manager.Program{Provider: provider, Options: options.Manager, Setup: options.setup}.Main(ctx, args)
}

// Provider describes this provider.
func Provider() (manager.Provider, error) {
	scheme, err := manager.NewScheme(controlplanev1.AddToScheme, bootstrapv1.AddToScheme)
	if err != nil {
		return manager.Provider{}, err
	}
	return manager.Provider{
		Name:             ProviderName,
		LeaderElectionID: ProviderName,
		Label:            "control-plane-k0smotron-machines",
		Scheme:           scheme,
		CRDs:             manager.CRDs(controlplanev1.GroupVersion, "k0scontrolplanes", "k0scontrolplanetemplates"),
		Webhooks:         true,
	}, nil
}

func (o *Options) setup(ctx context.Context, mgr ctrl.Manager) error {
	if err := webhook.SetupWithManager(mgr); err != nil {
		return err
	}
	newList := func() client.ObjectList { return &controlplanev1.K0sControlPlaneList{} }
	if err := ctrlmetrics.Registry.Register(expiry.NewCollector(ctx, mgr.GetClient(), newList)); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	connections, err := o.Manager.SetupClusterCache(ctx, mgr, ProviderName)
	if err != nil {
		return err
	}
	pool := workload.NewPool(workload.DirectOptions{
		Scheme: mgr.GetScheme(), UserAgent: manager.UserAgent(ProviderName), Timeout: contact.Timeout,
	})
	reconciler := o.reconciler(mgr, contact.New(workload.FromClusterCache(connections), pool))
	return reconciler.SetupWithManager(mgr, connections, o.Manager.Concurrency(controlplane.Kind))
}

func (o *Options) reconciler(mgr ctrl.Manager, workloads controlplane.Workloads) *controlplane.Reconciler {
	realClock := clock.RealClock{}
	applier := apply.New(mgr.GetClient(), ProviderName)
	return &controlplane.Reconciler{
		Client:   mgr.GetClient(),
		Live:     mgr.GetAPIReader(),
		Applier:  applier,
		Metadata: apply.New(mgr.GetClient(), metadataOwner),
		Tokens: jointoken.Store{
			Reader: mgr.GetClient(), Live: mgr.GetAPIReader(), Management: applier,
			FieldOwner: ProviderName, Clock: realClock, Random: rand.Reader,
		},
		Workloads:   workloads,
		FieldOwner:  ProviderName,
		Issuer:      pki.Issuer{Clock: realClock, Random: rand.Reader},
		Clock:       realClock,
		Random:      rand.Reader,
		WatchFilter: o.Manager.WatchFilter,
	}
}
