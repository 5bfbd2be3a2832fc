// SPDX-License-Identifier: Apache-2.0

// Package app wires the manager of the in-cluster control plane provider, and its subcommand place.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/controller/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/defaults"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/hosted"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/place"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/webhook"
	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/expiry"
	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// commandPlace is the subcommand of the init container.
const commandPlace = "place"

// Options are the settings of the manager.
type Options struct {
	// Manager holds the settings that all managers share.
	Manager *manager.Options
	// PodEnv are environment variables of every k0s container.
	PodEnv map[string]string
	// Image overrides the image of this manager, for when it does not run as a pod.
	Image string
}

// Main runs the program with its arguments until ctx ends.
func Main(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == commandPlace {
		return runPlace(args[1:])
	}
	provider, err := Provider()
	if err != nil {
		return err
	}
	options := &Options{Manager: manager.NewOptions(controlplane.Kind)}
	return manager.Program{
		Provider: provider, Options: options.Manager, AddFlags: options.addFlags, Setup: options.setup,
	}.Main(ctx, args)
}

func (o *Options) addFlags(flags *pflag.FlagSet) {
	flags.StringToStringVar(&o.PodEnv, "pod-env", nil,
		"Environment variables of every k0s container, for example HTTPS_PROXY=http://proxy:3128. A change reaches a "+
			"control plane with the next change of its spec.")
	flags.StringVar(
		&o.Image,
		"place-image",
		"",
		"Image of this program, for the init container of control plane pods. If unspecified, it is that of the manager's own pod.",
	)
}

func runPlace(args []string) error {
	flags := pflag.NewFlagSet(commandPlace, pflag.ContinueOnError)
	from := flags.String("from", "", "Folder with the files to place.")
	to := flags.String("to", "", "Folder to place them in.")
	if err := flags.Parse(args); err != nil {
		return manager.IgnoreHelp(err)
	}
	if *from == "" || *to == "" {
		return errors.New("place needs --from and --to")
	}
	return place.Files(*from, *to)
}

// Provider describes this provider. The cache holds no pods but those that play a role in a control plane.
func Provider() (manager.Provider, error) {
	scheme, err := manager.NewScheme(controlplanev1.AddToScheme)
	if err != nil {
		return manager.Provider{}, err
	}
	return manager.Provider{
		Name:             defaults.ProviderName,
		LeaderElectionID: defaults.ProviderName,
		Label:            "control-plane-k0smotron",
		Scheme:           scheme,
		CRDs: manager.CRDs(
			controlplanev1.GroupVersion,
			"k0smotroncontrolplanes",
			"k0smotroncontrolplanetemplates",
		),
		Webhooks: true,
		Cache:    map[client.Object]cache.ByObject{&corev1.Pod{}: {Label: manager.HasLabel(contract.RoleLabel)}},
	}, nil
}

func (o *Options) setup(ctx context.Context, mgr ctrl.Manager) error {
	image, err := o.image(ctx, mgr.GetAPIReader())
	if err != nil {
		return err
	}
	if err := webhook.SetupWithManager(mgr); err != nil {
		return err
	}
	newList := func() client.ObjectList { return &controlplanev1.K0smotronControlPlaneList{} }
	if err := ctrlmetrics.Registry.Register(expiry.NewCollector(ctx, mgr.GetClient(), newList)); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	realClock := clock.RealClock{}
	pool := workload.NewPool(workload.DirectOptions{
		Scheme: mgr.GetScheme(), UserAgent: manager.UserAgent(defaults.ProviderName),
	})
	reconciler := &controlplane.Reconciler{
		Client:      mgr.GetClient(),
		Live:        mgr.GetAPIReader(),
		Applier:     apply.New(mgr.GetClient(), defaults.ProviderName),
		Clusters:    hosted.New(pool, defaults.ProviderName),
		Issuer:      pki.Issuer{Clock: realClock, Random: rand.Reader},
		Clock:       realClock,
		Renderer:    desired.Renderer{PlacerImage: image, Env: o.env()},
		WatchFilter: o.Manager.WatchFilter,
	}
	return reconciler.SetupWithManager(mgr, o.Manager.Concurrency(controlplane.Kind))
}

func (o *Options) env() []corev1.EnvVar {
	env := make([]corev1.EnvVar, 0, len(o.PodEnv))
	for _, name := range slices.Sorted(maps.Keys(o.PodEnv)) {
		env = append(env, corev1.EnvVar{Name: name, Value: o.PodEnv[name]})
	}
	return env
}
