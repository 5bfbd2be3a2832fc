// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/webhook"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	ctx, cancel := context.WithCancel(context.Background())
	code := testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{controlplanev1.AddToScheme},
		Webhooks:    []string{"../../config/webhook/manifests.yaml"},
	}, func(e *testenv.Environment) {
		env = e
		if err := serve(ctx, e); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	})
	cancel()
	os.Exit(code)
}

// serve runs the webhooks of the provider where the API server expects them.
func serve(ctx context.Context, e *testenv.Environment) error {
	mgr, err := ctrl.NewManager(e.Config, ctrl.Options{
		Scheme:  e.Scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		WebhookServer: ctrlwebhook.NewServer(ctrlwebhook.Options{
			Host: e.Webhooks.LocalServingHost, Port: e.Webhooks.LocalServingPort, CertDir: e.Webhooks.LocalServingCertDir,
		}),
	})
	if err != nil {
		return err
	}
	if err := webhook.SetupWithManager(mgr); err != nil {
		return err
	}
	go func() {
		if err := mgr.Start(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	started := mgr.GetWebhookServer().StartedChecker()
	for started(nil) != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
