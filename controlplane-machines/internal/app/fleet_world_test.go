// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/app"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controller/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// turn is how often everybody outside does what is to be done: k0s renews its leases at least that often.
const turn = 5 * time.Second

// fleet is a manager and the world around it.
type fleet struct {
	// outside reads and writes for everybody but the manager, from a cache, so that the outside costs little.
	outside client.Client
	sites   []*site
	// toManagement is what the manager writes to the management cluster.
	toManagement writes
}

// site is one Cluster.
type site struct {
	*double.Front

	management client.Client
	key        client.ObjectKey
}

// newFleet starts the manager as its Deployment does.
func newFleet(b *testing.B) *fleet {
	b.Helper()
	_, err := envtest.InstallCRDs(env.Config, envtest.CRDInstallOptions{
		Paths: []string{"../../../bootstrap/config/crd/bases"}, ErrorIfPathMissing: true, MaxTime: within,
	})
	require.NoError(b, err)
	label(b, "control-plane-k0smotron-machines")
	f := &fleet{outside: outside(b)}
	provider, err := app.Provider()
	require.NoError(b, err)
	provider.Controllers = config.Controller{SkipNameValidation: new(true)} // A test of this process may have run one.
	klog.SetLogger(logr.Discard())                                          // A fleet has much to tell.
	options := &app.Options{Manager: manager.NewOptions(controlplane.Kind)}
	options.Manager.InsecureDiagnostics, options.Manager.DiagnosticsAddress, options.Manager.HealthAddress = true, "0", "0"
	options.Manager.WebhookCertDir = env.Webhooks.LocalServingCertDir
	options.Manager.WebhookPort = env.Webhooks.LocalServingPort
	access := rest.CopyConfig(env.Config)
	access.Wrap(f.toManagement.counted)
	mgr, err := manager.New(access, provider, options.Manager)
	require.NoError(b, err)
	require.NoError(b, options.Setup(b.Context(), mgr))
	go func() { assert.NoError(b, mgr.Start(b.Context())) }()
	require.True(b, mgr.GetCache().WaitForCacheSync(b.Context()), "metrics are read from it")
	return f
}

func outside(b *testing.B) client.Client {
	b.Helper()
	c, err := cluster.New(env.Config, func(o *cluster.Options) {
		o.Scheme = env.Scheme
		o.Cache.DefaultTransform = cache.TransformStripManagedFields()
		o.Client.Cache = &client.CacheOptions{Unstructured: true, DisableFor: []client.Object{&corev1.Secret{}}}
	})
	require.NoError(b, err)
	go func() { assert.NoError(b, c.Start(b.Context())) }()
	require.True(b, c.GetCache().WaitForCacheSync(b.Context()))
	return c.GetClient()
}

// create asks for one Cluster after the other, and lets everybody else play.
func (f *fleet) create(b *testing.B, size int) {
	b.Helper()
	for range size {
		key := client.ObjectKey{Namespace: env.Namespace(b), Name: testenv.ClusterName}
		s := &site{management: f.outside, key: key}
		s.Front = double.New(double.Options{
			Management: f.outside, Workload: double.InMemory(), Cluster: key, Clock: clock.RealClock{},
		}).Serve(b)
		createCluster(b, key.Namespace, s.Endpoint(), fleetReplicas)
		f.sites = append(f.sites, s)
		double.Play(b, turn, s.turn)
		time.Sleep(arrival)
	}
}

// turn is one turn of everybody: those that the Double plays, and the rest of Cluster API's core.
func (s *site) turn(ctx context.Context) error {
	return errors.Join(s.Turn(ctx), s.tellInitialized(ctx), s.tellInfrastructure(ctx))
}

// tellInitialized is core: it copies from the control plane to the Cluster that it is initialised, and then connects.
func (s *site) tellInitialized(ctx context.Context) error {
	tiger, controlPlane := &clusterv1.Cluster{}, &controlplanev1.K0sControlPlane{}
	if err := errors.Join(s.management.Get(ctx, s.key, tiger), s.management.Get(ctx, s.key, controlPlane)); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !controlPlane.Initialized() || contract.ControlPlaneInitialized(tiger) {
		return nil
	}
	before := tiger.DeepCopy()
	tiger.Status.Initialization.ControlPlaneInitialized = new(true)
	return s.management.Status().Patch(ctx, tiger, client.MergeFrom(before))
}

// tellInfrastructure is core: it tells since when the infrastructure of a Machine is ready.
func (s *site) tellInfrastructure(ctx context.Context) error {
	machines := &clusterv1.MachineList{}
	if err := s.management.List(ctx, machines, client.InNamespace(s.key.Namespace)); err != nil {
		return err
	}
	for i := range machines.Items {
		machine := &machines.Items[i]
		ready := machine.Status.Initialization.InfrastructureProvisioned
		if ready == nil || !*ready || conditions.Get(machine, clusterv1.InfrastructureReadyCondition) != nil {
			continue
		}
		before := machine.DeepCopy()
		conditions.True(machine, clusterv1.InfrastructureReadyCondition, clusterv1.ReadyReason, "")
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := s.management.Status().Patch(ctx, machine, patch); err != nil {
			return err
		}
	}
	return nil
}

// arrives waits until every control plane is as asked for, tells how long that took, and waits until nothing was written
// for a round.
func (f *fleet) arrives(b *testing.B) time.Duration {
	b.Helper()
	const enough = 20 * time.Minute
	started := time.Now()
	for missing := f.missing(b); missing != nil; missing = f.missing(b) {
		if b.Failed() || time.Since(started) > enough {
			require.FailNow(b, "not up to date", "%s: %v", missing.Namespace, missing.Status.Conditions)
		}
		time.Sleep(time.Second)
	}
	took := time.Since(started)
	for written := -1.0; written != f.toManagement.count(); {
		require.Less(b, time.Since(started), enough, "it does not come to rest:\n%s", &f.toManagement)
		written = f.toManagement.count()
		time.Sleep(round)
	}
	return took
}

// missing is a control plane that is not as asked for yet.
func (f *fleet) missing(b *testing.B) *controlplanev1.K0sControlPlane {
	b.Helper()
	for _, s := range f.sites {
		controlPlane := &controlplanev1.K0sControlPlane{}
		if err := f.outside.Get(b.Context(), s.key, controlPlane); err != nil || !asAskedFor(controlPlane) {
			return controlPlane
		}
	}
	return nil
}

func asAskedFor(controlPlane *controlplanev1.K0sControlPlane) bool {
	for _, condition := range []string{
		controlplanev1.AvailableCondition, controlplanev1.MachinesUpToDateCondition,
		controlplanev1.ConfigurationAppliedCondition,
	} {
		if !conditions.IsTrue(controlPlane, condition) {
			return false
		}
	}
	return *controlPlane.Status.UpToDateReplicas == fleetReplicas && *controlPlane.Status.Replicas == fleetReplicas
}

// rests has every control plane looked at again, and counts what the manager writes for a round.
func (f *fleet) rests(b *testing.B) float64 {
	b.Helper()
	before, seen := f.allWrites(), passes(b)
	for _, s := range f.sites {
		touched := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.key.Namespace, Name: s.key.Name}}
		touch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"touched":"once more"}}}`))
		require.NoError(b, env.Client.Patch(b.Context(), touched, touch))
	}
	time.Sleep(round)
	looks := passes(b).since(seen).count()
	require.GreaterOrEqual(b, looks, float64(2*len(f.sites)), "every control plane was looked at")
	return f.allWrites() - before
}

// allWrites are the manager's, to all clusters.
func (f *fleet) allWrites() float64 {
	sum := f.toManagement.count()
	for _, s := range f.sites {
		sum += float64(s.Writes())
	}
	return sum
}
