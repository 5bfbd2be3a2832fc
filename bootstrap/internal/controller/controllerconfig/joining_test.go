// SPDX-License-Identifier: Apache-2.0

package controllerconfig_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/jointoken"
)

func TestAJoiningControllerGetsItsData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	assert.Equal(t, jointoken.DefaultTTL/2, w.settle(), "looked at again before the token expires")
	assert.True(t, w.isReady())
	assert.Equal(t, "True Joinable", w.condition(joinable))
	assert.Nil(t, w.lock(), "it creates nothing")

	join := w.joinToken()
	assert.Equal(t, jointoken.Controller, join.Role)
	assert.Equal(t, "https://10.0.0.11:9443", join.URL, "the internal address of the member")
	assert.Equal(t, w.secret("tiger-ca").Data["tls.crt"], join.CA)
	record := w.secret(jointoken.RecordName(name))
	require.NotNil(t, record)
	assert.Equal(t, join.Token.ID, string(record.Data["token-id"]))
	tokens := w.tokens()
	require.Len(t, tokens, 1)
	assert.Equal(t, join.Token.SecretName(), tokens[0].Name)
	assert.Equal(t, "true", string(tokens[0].Data["usage-controller-join"]))
	assert.Contains(t, w.files(), "/var/lib/k0s/pki/ca.key", "this release goes by etcd's data")

	before := w.versions()
	for range 3 {
		w.settle()
	}
	assert.Equal(t, before, w.versions(), "nothing may be written")
}

// TestTheTokenIsRecordedBeforeItIsUsed holds because a pass that is cut off must find what it has begun.
func TestTheTokenIsRecordedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	_, err := w.reconcile(name)
	require.NoError(t, err)
	assert.NotNil(t, w.secret(jointoken.RecordName(name)))
	assert.Empty(t, w.tokens(), "the pass ends with the record")
	assert.Nil(t, w.secret(name))
}

// TestACacheThatIsBehindIsNotBelieved: what is healthy there may be leaving by now, and a joiner would be left half in.
func TestACacheThatIsBehindIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	behind := interceptor.NewClient(env.Client, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			err := c.List(ctx, list, options...)
			if machines, is := list.(*clusterv1.MachineList); is {
				for i := range machines.Items {
					healthy(&machines.Items[i])
				}
			}
			return err
		},
	})
	w.changeMachine("tiger-a", func(machine *clusterv1.Machine) {
		conditions.False(machine, contract.K0sControllerHealthyCondition, "NotHealthy", "")
	})
	w.reconciler = newReconciler(behind, env.Client, w.clusters, w.clock)
	w.settle()
	assert.Equal(t, "False "+bootstrapv1.WaitingForMemberReason+": waiting for a healthy controller to join: "+
		"Machine tiger-a has K0sControllerHealthy=False", w.condition(joinable))
	assert.Nil(t, w.secret(jointoken.RecordName(name)))
	assert.Nil(t, w.secret(name))
}

// TestWhichMemberIsJoined: the oldest healthy one, at its own address.
func TestWhichMemberIsJoined(t *testing.T) {
	t.Parallel()
	address := func(address string) func(*clusterv1.Machine) {
		return func(machine *clusterv1.Machine) { machine.Status.Addresses[1].Address = address }
	}
	for testName, test := range map[string]struct {
		k0s    string
		change func(*world)
		want   string
	}{
		"TheOldest": {
			change: func(w *world) { w.create(member(w.namespace, "tiger-b", healthy, address("10.0.0.12"))) },
			want:   "https://10.0.0.11:9443",
		},
		"TheOnlyHealthyOne": {
			change: func(w *world) {
				w.create(member(w.namespace, "tiger-b", healthy, address("10.0.0.12")))
				w.changeMachine("tiger-a", func(machine *clusterv1.Machine) {
					conditions.Unknown(machine, contract.K0sControllerHealthyCondition, "Test", "")
				})
			},
			want: "https://10.0.0.12:9443",
		},
		"AnotherThanOneThatLeaves": {
			change: func(w *world) {
				w.create(member(w.namespace, "tiger-b", healthy, address("10.0.0.12")))
				w.leaves("tiger-a")
			},
			want: "https://10.0.0.12:9443",
		},
		"TheOnlyOneAndItLeaves": {
			change: func(w *world) { w.leaves("tiger-a") },
			want:   "https://10.0.0.11:9443",
		},
		"IPv6": {
			change: func(w *world) { w.changeMachine("tiger-a", address("fd00::11")) }, want: "https://[fd00::11]:9443",
		},
		"NoAddress": {
			change: func(w *world) {
				w.changeMachine("tiger-a", func(machine *clusterv1.Machine) { machine.Status.Addresses = nil })
			},
			want: "https://10.0.0.10:9443",
		},
		"AnotherPort": {
			k0s: `{"spec":{"api":{"k0sApiPort":19443}}}`, change: func(*world) {}, want: "https://10.0.0.11:19443",
		},
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.joining(k0s(test.k0s))
			test.change(w)
			w.settle()
			assert.Equal(t, test.want, w.joinToken().URL)
		})
	}
}

// TestWhoIsNoMember: a Machine may look healthy and be none to join.
func TestWhoIsNoMember(t *testing.T) {
	t.Parallel()
	for testName, change := range map[string]func(*clusterv1.Machine){
		"Deleted":        func(machine *clusterv1.Machine) { machine.Finalizers = []string{"test.example.com/hold"} },
		"Worker":         func(machine *clusterv1.Machine) { delete(machine.Labels, clusterv1.MachineControlPlaneLabel) },
		"AnotherCluster": func(machine *clusterv1.Machine) { machine.Labels[clusterv1.ClusterNameLabel] = "lion" },
		"EtcdUnreported": func(machine *clusterv1.Machine) {
			meta.RemoveStatusCondition(&machine.Status.Conditions, contract.EtcdMemberHealthyCondition)
		},
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.joining()
			require.NoError(t, env.Client.Delete(t.Context(), w.machine("tiger-a")))
			machine := member(w.namespace, "tiger-b", healthy)
			change(machine)
			w.create(machine)
			if len(machine.Finalizers) > 0 {
				require.NoError(t, env.Client.Delete(t.Context(), machine))
			}
			w.settle()
			assert.Contains(t, w.condition(joinable), "False WaitingForHealthyController")
			assert.Nil(t, w.secret(name))
		})
	}
}

// TestADatabaseNeedsNoToken: what all controllers share is outside of them.
func TestADatabaseNeedsNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining(k0s(`{"spec":{"storage":{"type":"kine","kine":{"dataSource":"postgres://u:p@h/db"}}}}`))
	require.NoError(t, env.Client.Delete(t.Context(), w.secret("tiger-etcd")))
	w.changeMachine("tiger-a", func(machine *clusterv1.Machine) {
		meta.RemoveStatusCondition(&machine.Status.Conditions, contract.EtcdMemberHealthyCondition)
	})
	w.clusters.Connected = nil
	assert.Zero(t, w.settle())
	assert.True(t, w.isReady())
	assert.NotContains(t, w.files(), "/etc/k0s/join-token")
	assert.Contains(t, w.files(), "/var/lib/k0s/pki/ca.key")
	assert.Nil(t, w.secret(jointoken.RecordName(name)))
}

// TestADatabaseOutlivesItsControllers: when all of them are gone, the next takes up what the database holds. While there is
// one, it must be healthy, as ever.
func TestADatabaseOutlivesItsControllers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining(k0s(`{"spec":{"storage":{"type":"kine","kine":{"dataSource":"postgres://u:p@h/db"}}}}`))
	w.changeMachine("tiger-a", func(machine *clusterv1.Machine) {
		conditions.False(machine, contract.APIServerHealthyCondition, "Test", "")
	})
	w.clusters.Connected = nil
	w.settle()
	assert.Contains(t, w.condition(joinable), "False WaitingForHealthyController")
	assert.Nil(t, w.secret(name))

	require.NoError(t, env.Client.Delete(t.Context(), w.machine("tiger-a")))
	assert.Zero(t, w.settle())
	assert.True(t, w.isReady())
	assert.NotContains(t, w.files(), "/etc/k0s/join-token")
}

func TestTheTokenIsExtendedUntilTheControllerHasJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	w.settle()
	secret := w.secret(name)
	for range 3 {
		w.clock.Step(8 * time.Minute)
		w.settle()
		tokens := w.tokens()
		require.Len(t, tokens, 1)
		expires, err := time.Parse(time.RFC3339, string(tokens[0].Data["expiration"]))
		require.NoError(t, err)
		assert.WithinDuration(t, w.clock.Now().Add(jointoken.DefaultTTL), expires, time.Second)
	}
	// A learner is no member yet, and may have to ask again.
	w.changeMachine(name, func(machine *clusterv1.Machine) {
		healthy(machine)
		conditions.False(machine, contract.EtcdMemberHealthyCondition, "Learner", "")
	})
	w.settle()
	assert.Len(t, w.tokens(), 1)
	assert.Equal(t, secret.ResourceVersion, w.secret(name).ResourceVersion, "the bootstrap data stays")
}

// TestTheTokenIsRevokedOnceTheControllerHasJoined, by what the control-plane provider says or by its Node.
func TestTheTokenIsRevokedOnceTheControllerHasJoined(t *testing.T) {
	t.Parallel()
	for testName, joined := range map[string]func(*clusterv1.Machine){
		"Healthy": healthy,
		"Node":    func(machine *clusterv1.Machine) { machine.Status.NodeRef.Name = "n" },
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.joining()
			w.settle()
			w.changeMachine(name, joined)
			assert.Zero(t, w.settle(), "nothing is left to do")
			assert.Empty(t, w.tokens())
			assert.Nil(t, w.secret(jointoken.RecordName(name)))
			for _, condition := range []string{data, certificatesType, joinable} {
				assert.Equal(t, "True Joined", w.condition(condition))
			}
		})
	}
}

// TestAnUnhealthyMemberHasJoinedAllTheSame: it gets no other token, whatever becomes of it.
func TestAnUnhealthyMemberHasJoinedAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	w.settle()
	w.changeMachine(name, healthy)
	w.settle()
	w.changeMachine(name, func(machine *clusterv1.Machine) {
		for _, condition := range []string{contract.EtcdMemberHealthyCondition, contract.K0sControllerHealthyCondition} {
			conditions.Unknown(machine, condition, "Test", "")
		}
	})
	before := w.versions()
	w.settle()
	assert.Equal(t, before, w.versions())
	assert.Equal(t, "True Joined", w.condition(joinable))
	assert.True(t, w.isReady())
}

func TestTheTokenIsRevokedWhenTheMachineIsDeletedBeforeItJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	w.settle()
	machine := w.machine(name)
	machine.Finalizers = []string{"test.example.com/hold"}
	require.NoError(t, env.Client.Update(t.Context(), machine))
	require.NoError(t, env.Client.Delete(t.Context(), machine))
	w.settle()
	assert.Empty(t, w.tokens())
	assert.Nil(t, w.secret(jointoken.RecordName(name)), "no new token is made either")
}

// TestARevokedTokenStaysRevoked though the cache does not know yet that the Machine is being deleted, or replaced.
func TestARevokedTokenStaysRevoked(t *testing.T) {
	t.Parallel()
	for testName, end := range map[string]func(w *world, machine *clusterv1.Machine){
		"BeingDeleted": func(w *world, machine *clusterv1.Machine) {
			machine.Finalizers = []string{"test.example.com/hold"}
			require.NoError(w.t, env.Client.Update(w.t.Context(), machine))
			require.NoError(w.t, env.Client.Delete(w.t.Context(), machine))
		},
		"Gone": func(w *world, machine *clusterv1.Machine) {
			require.NoError(w.t, env.Client.Delete(w.t.Context(), machine))
		},
	} {
		t.Run(testName, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.joining()
			w.settle()
			known := w.machine(name)
			end(w, w.machine(name))
			token := w.tokens()[0]
			require.NoError(t, w.clusters.Connected.Delete(t.Context(), &token))
			behind := interceptor.NewClient(env.Client, interceptor.Funcs{
				Get: func(
					ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, o ...client.GetOption,
				) error {
					if machine, is := object.(*clusterv1.Machine); is && key.Name == name {
						known.DeepCopyInto(machine)
						return nil
					}
					return c.Get(ctx, key, object, o...)
				},
			})
			w.reconciler = newReconciler(behind, env.Client, w.clusters, w.clock)
			w.settle()
			assert.Empty(t, w.tokens())
			assert.NotNil(t, w.secret(jointoken.RecordName(name)), "what is to be revoked must still be found")
		})
	}
}

// TestDataOnceMadeNeedsNoMember holds because the machine has what it needs, whether or not others are healthy now.
func TestDataOnceMadeNeedsNoMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	w.settle()
	secret := w.secret(name)
	w.changeMachine("tiger-a", func(machine *clusterv1.Machine) {
		conditions.Unknown(machine, contract.APIServerHealthyCondition, "Test", "")
	})
	config := w.config(name)
	config.Spec.PreK0sCommands = []string{"echo new"}
	require.NoError(t, env.Client.Update(t.Context(), config))
	w.settle()
	assert.True(t, w.isReady())
	assert.Equal(t, secret.ResourceVersion, w.secret(name).ResourceVersion)
}

// TestALostStatusIsFoundAgain holds because clusterctl move does not carry status over.
func TestALostStatusIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.joining()
	w.settle()
	before := w.config(name).Status
	config := w.config(name)
	config.Status = bootstrapv1.ConfigStatus{}
	require.NoError(t, env.Client.Status().Update(t.Context(), config))
	w.settle()
	assert.Equal(t, before.DataSecretName, w.config(name).Status.DataSecretName)
	assert.Len(t, w.tokens(), 1)
}
