// SPDX-License-Identifier: Apache-2.0

package controllerconfig_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/testenv/stage"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const other = "tiger-other"

func TestTheFirstControllerGetsItsData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first(k0s(`{"spec":{"api":{"externalAddress":"10.0.0.10"},"storage":{"etcd":{"extraArgs":{"max-learners":"5"}}}}}`))
	assert.Zero(t, w.settle(), "nothing is left to do")

	config := w.config(name)
	assert.Equal(t, name, config.Status.DataSecretName)
	assert.True(t, *config.Status.Initialization.DataSecretCreated)
	assert.Equal(t, config.Generation, config.Status.ObservedGeneration)
	assert.Equal(t, "True Ready", w.condition(bootstrapv1.ReadyCondition))
	assert.Equal(t, "True Available", w.condition(data))
	assert.Equal(t, "True Available", w.condition(certificatesType))
	assert.Equal(t, "True CreatesCluster", w.condition(joinable))

	files := w.files()
	assert.Contains(t, files["/etc/k0s/k0s.yaml"], "name: "+name)
	assert.Contains(t, files["/etc/k0s/k0s.yaml"], "max-learners: \"5\"")
	assert.Equal(t, string(w.secret("tiger-ca").Data["tls.key"]), files["/var/lib/k0s/pki/ca.key"])
	assert.NotContains(t, files, "/etc/k0s/join-token")
	assert.Nil(t, w.secret(jointoken.RecordName(name)), "nobody needs a token")
	assert.Empty(t, w.tokens())
	assert.Equal(t, "K0sControllerConfig", metav1.GetControllerOf(w.secret(name)).Kind)

	before := w.versions()
	w.settle()
	assert.Equal(t, before, w.versions(), "a second pass writes nothing")
}

func TestTheLockNamesTheMachineAndBelongsToTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first()
	_, err := w.reconcile(name)
	require.NoError(t, err)
	lock := w.lock()
	require.NotNil(t, lock)
	assert.Nil(t, w.secret(name), "the pass ends with the lock")

	assert.Equal(t, map[string]string{"machine": name, "machine-uid": string(w.machine(name).UID)}, lock.Data)
	assert.Equal(t, map[string]string{clusterv1.ClusterNameLabel: testenv.ClusterName}, lock.Labels)
	require.Len(t, lock.OwnerReferences, 1)
	assert.Equal(t, clusterv1.ClusterKind, lock.OwnerReferences[0].Kind)
	assert.Nil(t, lock.OwnerReferences[0].Controller, "clusterctl moves it all the same, and nothing waits for it")

	w.settle()
	assert.True(t, w.isReady())
	assert.Equal(t, lock.ResourceVersion, w.lock().ResourceVersion)

	orphan := w.lock()
	orphan.OwnerReferences = nil
	require.NoError(t, env.Client.Update(t.Context(), orphan))
	w.settle()
	assert.Equal(t, lock.OwnerReferences, w.lock().OwnerReferences, "it finds its owner again")
}

func TestASecondFirstControllerWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first()
	w.settle()
	w.controller(other)
	w.settleOther()
	assert.Equal(t, "False InitLockTaken: Machine tiger-x7k2p creates the cluster (ConfigMap tiger-k0s-init): "+
		"delete this Machine, or that one if it cannot become a controller", stage.Condition(w.config(other), joinable))
	assert.Nil(t, w.secret(other))
}

// TestTheLockChangesHands when its Machine is gone before the control plane was ever initialized.
func TestTheLockChangesHands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first()
	w.settle()
	require.NoError(t, env.Client.Delete(t.Context(), w.machine(name)))
	w.controller(other)
	w.settleOther()
	assert.Equal(t, other, w.lock().Data["machine"])
	assert.Equal(t, "True CreatesCluster", stage.Condition(w.config(other), joinable))
	assert.NotNil(t, w.secret(other))
}

// TestTheLockIsNotInheritedAfterInitialization holds for ever, whatever became of the lock.
func TestTheLockIsNotInheritedAfterInitialization(t *testing.T) {
	t.Parallel()
	for testName, change := range map[string]func(*world){
		"MachineGone":         func(w *world) { require.NoError(w.t, env.Client.Delete(w.t.Context(), w.machine(name))) },
		"LockDeleted":         func(w *world) { require.NoError(w.t, env.Client.Delete(w.t.Context(), w.lock())) },
		"EverythingIsInOrder": func(*world) {},
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.first()
			w.settle()
			w.initialize()
			change(w)
			w.controller(other)
			w.settleOther()
			assert.Contains(t, stage.Condition(w.config(other), joinable), "False AlreadyInitialized")
			assert.Contains(t, stage.Condition(w.config(other), joinable), "delete the Machine")
			assert.Nil(t, w.secret(other))
		})
	}
}

// TestWhoHoldsTheLock covers locks that are not of this Machine, as they are found after restores and by accident.
func TestWhoHoldsTheLock(t *testing.T) {
	t.Parallel()
	for testName, test := range map[string]struct {
		holder  map[string]string
		becomes string
	}{
		"AFormerMachineOfTheName": {map[string]string{"machine": name, "machine-uid": "former"}, "True CreatesCluster"},
		"AMachineThatIsGone":      {map[string]string{"machine": "gone", "machine-uid": "1"}, "True CreatesCluster"},
		"ARestoredMachine":        {map[string]string{"machine": "tiger-a", "machine-uid": "former"}, "False InitLockTaken: Machine tiger-a"},
		"Nobody":                  {nil, "False InitLockTaken: ConfigMap tiger-k0s-init lets one machine create the cluster, but names none"},
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.first()
			w.create(member(w.namespace, "tiger-a"))
			lock := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: lockName}, Data: test.holder}
			w.create(lock)
			w.settle()
			assert.Contains(t, w.condition(joinable), test.becomes)
			if test.becomes != "True CreatesCluster" {
				assert.Equal(t, lock.UID, w.lock().UID)
			}
		})
	}
}

// TestManyFirstControllersAtOnce lets them all run at the same time, again and again: one of them gets data.
func TestManyFirstControllersAtOnce(t *testing.T) {
	t.Parallel()
	for _, stale := range []bool{false, true} {
		w := newWorld(t)
		w.create(testenv.Cluster(w.namespace, beginning))
		w.create(certificates(t, w.namespace)...)
		if stale { // They find a lock that they all may inherit.
			w.create(&corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: lockName},
				Data:       map[string]string{"machine": "gone", "machine-uid": "1"},
			})
		}
		names := []string{name, other, "tiger-third", "tiger-fourth"}
		for _, machine := range names {
			w.controller(machine)
		}
		var running sync.WaitGroup
		for _, machine := range names {
			running.Go(func() {
				for range 8 {
					// Conflicts are tried again by the queue.
					_, _ = w.reconciler.Reconcile(t.Context(), request(w.namespace, machine))
				}
			})
		}
		running.Wait()
		for range 4 * len(names) { // until nobody has anything to do any more
			for _, machine := range names {
				_, err := w.reconcile(machine)
				require.NoError(t, err)
			}
		}
		var created []string
		for _, machine := range names {
			if w.secret(machine) != nil {
				created = append(created, machine)
			}
		}
		require.Len(t, created, 1, "one machine creates the cluster")
		assert.Equal(t, created[0], w.lock().Data["machine"])
	}
}

// TestBothReadNoLock is the race itself: between the look and the write, somebody else takes the lock.
func TestBothReadNoLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first()
	lost := false
	raced := interceptor.NewClient(env.Client, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if lock, is := object.(*corev1.ConfigMap); is && !lost {
				lost = true
				faster := lock.DeepCopy()
				faster.Data = map[string]string{
					contract.InitLockMachineKey: "tiger-a", contract.InitLockMachineUIDKey: "1",
				}
				require.NoError(t, c.Create(ctx, faster))
			}
			return c.Create(ctx, object, options...)
		},
	})
	w.create(member(w.namespace, "tiger-a"))
	w.reconciler = newReconciler(raced, env.Client, w.clusters, w.clock)
	_, err := w.reconcile(name)
	require.NoError(t, err)
	assert.Contains(t, w.condition(joinable), "False InitLockTaken: another machine has just begun to create the cluster")
	w.settle()
	assert.Contains(t, w.condition(joinable), "False InitLockTaken: Machine tiger-a creates the cluster")
	assert.Nil(t, w.secret(name))
}

// TestALockThatChangedHandsIsNotDropped: the lock that was judged is dropped, and no newer one of the same name.
func TestALockThatChangedHandsIsNotDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first()
	gone := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: lockName}, Data: map[string]string{"machine": "gone"},
	}
	w.create(gone)
	raced := interceptor.NewClient(env.Client, interceptor.Funcs{
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if object.GetUID() == gone.UID {
				require.NoError(t, c.Delete(ctx, gone.DeepCopy()))
				faster := &corev1.ConfigMap{
					ObjectMeta: metav1.ObjectMeta{
						Namespace: w.namespace,
						Name:      lockName,
					},
					Data: map[string]string{"machine": "tiger-a"},
				}
				require.NoError(t, c.Create(ctx, faster))
			}
			return c.Delete(ctx, object, options...)
		},
	})
	w.create(member(w.namespace, "tiger-a"))
	w.reconciler = newReconciler(raced, env.Client, w.clusters, w.clock)
	result, err := w.reconcile(name)
	require.NoError(t, err, "a conflict is no error")
	assert.NotZero(t, result.RequeueAfter)
	w.settle()
	assert.Equal(t, "tiger-a", w.lock().Data["machine"])
	assert.Nil(t, w.secret(name))
}

// TestTheCacheIsNotBelieved when a cluster may be created: it says that nothing has happened yet.
func TestTheCacheIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first()
	old := testenv.Cluster(w.namespace, beginning)
	w.initialize()
	behind := interceptor.NewClient(env.Client, interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption,
		) error {
			if err := c.Get(ctx, key, object, options...); err != nil {
				return err
			}
			if cluster, is := object.(*clusterv1.Cluster); is {
				cluster.Status = old.Status
			}
			return nil
		},
	})
	w.reconciler = newReconciler(behind, env.Client, w.clusters, w.clock)
	w.settle()
	assert.Contains(t, w.condition(joinable), "False AlreadyInitialized")
	assert.Nil(t, w.lock())
}

// TestTheDataOfTheFirstIsNeverMadeAgain holds because another machine may boot with it.
func TestTheDataOfTheFirstIsNeverMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first()
	w.settle()
	machine := w.machine(name)
	machine.Spec.Bootstrap.DataSecretName = new(name)
	require.NoError(t, env.Client.Update(t.Context(), machine))
	require.NoError(t, env.Client.Delete(t.Context(), w.secret(name)))
	w.settle()
	assert.Nil(t, w.secret(name))
	assert.Contains(t, w.condition(data), "False DataSecretMissing")
	assert.Contains(t, w.condition(data), "delete the Machine")
	assert.False(t, w.isReady())

	w.changeMachine(name, healthy)
	w.settle()
	assert.Equal(t, "True Joined", w.condition(data), "a controller that works needs no data")
	assert.True(t, w.isReady())
}

// settleOther reconciles the other config until it has nothing to do.
func (w *world) settleOther() {
	w.t.Helper()
	for range 5 {
		_, err := w.reconcile(other)
		require.NoError(w.t, err)
	}
}
