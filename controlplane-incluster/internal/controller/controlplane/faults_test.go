// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/pki"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/testenv/faults"
)

// The API server of these tests is the fake one, which is enough for the order of reads and writes, and fast: some
// hundred runs are made.

// TestFaults brings a control plane up with every single fault that can happen on the way. It always ends as if nothing
// had happened, and no pair is ever made twice.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults.Run(t, (&play{}).scenario())
}

// TestFaultsOfDeletion does the same for the end of its life.
func TestFaultsOfDeletion(t *testing.T) {
	t.Parallel()
	faults.Run(t, (&play{deletes: true}).scenario())
}

// play is the outside world of all runs of a scenario.
type play struct {
	// deletes lets the user delete the control plane once it is up.
	deletes bool

	mutex sync.Mutex
	pairs map[string]string
}

func (p *play) scenario() faults.Scenario {
	return faults.Scenario{
		NewWorld:  p.newWorld,
		Start:     start,
		Advance:   p.advance,
		Normalise: normalise,
		Kinds: []client.ObjectList{
			&controlplanev1.K0smotronControlPlaneList{}, &corev1.SecretList{}, &corev1.ServiceList{},
			&appsv1.StatefulSetList{}, &policyv1.PodDisruptionBudgetList{}, &corev1.PersistentVolumeClaimList{},
		},
	}
}

func (p *play) newWorld(tb testing.TB) faults.World {
	tb.Helper()
	const namespace = "faults"
	cluster := testenv.Cluster(namespace)
	cluster.UID = "cluster"
	controlPlane := newControlPlane(namespace, cluster.Name)
	controlPlane.UID = "control-plane"
	testenv.OwnedBy(controlPlane, cluster, clusterv1.GroupVersion.WithKind("Cluster"))
	management := fake.NewClientBuilder().WithScheme(env.Scheme).WithObjects(cluster, controlPlane).
		WithStatusSubresource(controlPlane, &appsv1.StatefulSet{}, &corev1.Service{}).Build()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.pairs = map[string]string{}
	return faults.World{Management: management, Namespace: namespace}
}

// start makes a manager with nothing but its clients.
func start(_ testing.TB, clients faults.Clients) faults.Pass {
	cluster := &fakeClusters{}
	cluster.up()
	reconciler := newReconciler(clients.Management, testenv.Clock(), cluster)
	reconciler.Live = clients.ManagementLive
	key := client.ObjectKey{Namespace: clients.Namespace, Name: testenv.ClusterName}
	return func(ctx context.Context) error {
		_, err := reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: key})
		return err
	}
}

// advance is the load balancer, the StatefulSet controller, the kubelet, and the user who deletes.
func (p *play) advance(ctx context.Context, world faults.World) error {
	if err := p.checkPairs(ctx, world); err != nil {
		return err
	}
	identity := child.Identity{Namespace: world.Namespace, Cluster: testenv.ClusterName}
	service := &corev1.Service{}
	key := client.ObjectKey{Namespace: world.Namespace, Name: desired.NamesOf(identity).Service()}
	if err := world.Management.Get(ctx, key, service); err == nil && len(service.Status.LoadBalancer.Ingress) == 0 {
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
		return world.Management.Status().Update(ctx, service)
	}
	for _, name := range []string{desired.NamesOf(identity).StatefulSet(), etcd.NamesOf(identity).StatefulSet()} {
		if err := runSet(ctx, world, name); err != nil {
			return err
		}
	}
	if p.deletes {
		return deleteWhenUp(ctx, world)
	}
	return nil
}

// checkPairs remembers every pair that was ever seen: a cluster must never have a second one.
func (p *play) checkPairs(ctx context.Context, world faults.World) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, purpose := range pki.Purposes() {
		secret := &corev1.Secret{}
		key := client.ObjectKey{Namespace: world.Namespace, Name: testenv.ClusterName + "-" + string(purpose)}
		if err := world.Management.Get(ctx, key, secret); err != nil {
			continue
		}
		known, seen := p.pairs[key.String()]
		if seen && known != string(secret.Data[pki.CertKey]) {
			return fmt.Errorf("pair %s was made a second time", purpose)
		}
		p.pairs[key.String()] = string(secret.Data[pki.CertKey])
	}
	return nil
}

func runSet(ctx context.Context, world faults.World, name string) error {
	set := &appsv1.StatefulSet{}
	err := world.Management.Get(ctx, client.ObjectKey{Namespace: world.Namespace, Name: name}, set)
	if apierrors.IsNotFound(err) || (err == nil && set.Status.ReadyReplicas == 1) {
		return nil
	}
	if err != nil {
		return err
	}
	set.Status = appsv1.StatefulSetStatus{
		ObservedGeneration: 1, Replicas: 1, ReadyReplicas: 1, AvailableReplicas: 1, UpdatedReplicas: 1,
	}
	if err := world.Management.Status().Update(ctx, set); err != nil {
		return err
	}
	for _, template := range set.Spec.VolumeClaimTemplates {
		claim := template.DeepCopy()
		claim.Namespace, claim.Name = world.Namespace, template.Name+"-"+name+"-0"
		if err := world.Management.Create(ctx, claim); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

func deleteWhenUp(ctx context.Context, world faults.World) error {
	controlPlane := &controlplanev1.K0smotronControlPlane{}
	key := client.ObjectKey{Namespace: world.Namespace, Name: testenv.ClusterName}
	err := world.Management.Get(ctx, key, controlPlane)
	up := err == nil && conditions.IsTrue(controlPlane, controlplanev1.ConfigurationAppliedCondition)
	if up && controlPlane.DeletionTimestamp.IsZero() {
		return world.Management.Delete(ctx, controlPlane)
	}
	return client.IgnoreNotFound(err)
}

// normalise takes out what is drawn by lot: keys, certificates, and what is computed from them.
func normalise(object *unstructured.Unstructured) {
	if object.GetKind() == "Secret" {
		data, _, _ := unstructured.NestedMap(object.Object, "data")
		for key := range data {
			data[key] = "<drawn>"
		}
		_ = unstructured.SetNestedMap(object.Object, data, "data")
	}
	dropHashes(object.Object)
}

func dropHashes(fields map[string]any) {
	for key, value := range fields {
		if nested, ok := value.(map[string]any); ok {
			dropHashes(nested)
		}
		if strings.HasPrefix(key, "k0smotron.io/") && (strings.HasSuffix(key, "-hash") || strings.HasSuffix(key, "-config")) {
			fields[key] = "<drawn>"
		}
	}
}
