// SPDX-License-Identifier: Apache-2.0

package k0snode_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// answers is a workload cluster that answers with what it is told to, and remembers what it was asked.
type answers struct {
	members, nodes []unstructured.Unstructured
	leases         []coordinationv1.Lease
	failing        map[string]error
	asked          []string
}

var _ client.Reader = &answers{}

func (a *answers) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	a.asked = append(a.asked, "get "+key.String())
	if err := a.failing["get"]; err != nil {
		return err
	}
	for _, lease := range a.leases {
		if lease.Name == key.Name && lease.Namespace == key.Namespace {
			lease.DeepCopyInto(into.(*coordinationv1.Lease))
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, key.Name)
}

func (a *answers) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	switch list := into.(type) {
	case *coordinationv1.LeaseList:
		a.asked = append(a.asked, "list leases")
		list.Items = a.leases
		return a.failing["LeaseList"]
	case *unstructured.UnstructuredList:
		kind := list.GroupVersionKind()
		if kind == (schema.GroupVersionKind{Group: "etcd.k0sproject.io", Version: "v1beta1", Kind: "EtcdMemberList"}) {
			list.Items = a.members
		}
		if kind == (schema.GroupVersionKind{Group: "autopilot.k0sproject.io", Version: "v1beta2", Kind: "ControlNodeList"}) {
			list.Items = a.nodes
		}
		return a.failing[kind.Kind]
	}
	return errors.New("unexpected list")
}

func (a *answers) read(t *testing.T) (k0snode.Objects, error) {
	t.Helper()
	return k0snode.Reader{Objects: a, Leases: a}.Read(t.Context())
}

// etcdMember is an object as k0s writes it.
func etcdMember(name string, labels map[string]any, joined string) unstructured.Unstructured {
	return unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": name, "labels": labels},
		"spec":     map[string]any{"leave": true},
		"status": map[string]any{
			"peerAddress": "10.0.0.1", "memberID": "a1b2", "message": "Member is still active",
			"conditions": []any{
				"nonsense",
				map[string]any{"type": "Other", "status": "False"},
				map[string]any{"type": "Joined", "status": joined, "message": "Member joined"},
			},
		},
	}}
}

func leaseObject(name, holder string) coordinationv1.Lease {
	lease := coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-node-lease", Name: name}}
	if holder != "" {
		lease.Spec.HolderIdentity = &holder
		lease.Spec.RenewTime = &metav1.MicroTime{Time: testenv.Now.Add(123456 * time.Microsecond)}
	}
	return lease
}

func labels() map[string]any {
	return map[string]any{
		"k0s.k0sproject.io/controller-lease": "k0s-ctrl-host1", "k0s.k0sproject.io/shutdown-on-leave": "abc",
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	a := &answers{
		members: []unstructured.Unstructured{etcdMember("m1", labels(), "True"), etcdMember("m9", nil, "False")},
		nodes: []unstructured.Unstructured{{Object: map[string]any{
			"metadata": map[string]any{"name": "m1"}, "status": map[string]any{"k0sVersion": newK0s},
		}}},
		leases: []coordinationv1.Lease{
			leaseObject("worker-1", "worker-1"),
			leaseObject("k0s-ctrl-host1", "abc"),
		},
	}
	got, err := a.read(t)
	require.NoError(t, err)
	want := k0snode.Objects{
		Members: []k0snode.EtcdMember{
			{
				Name: "m1", Joined: k0snode.JoinedTrue, Leave: true, Lease: "k0s-ctrl-host1", Invocation: "abc",
				PeerAddress: "10.0.0.1", Message: "Member is still active",
			},
			{
				Name: "m9", Joined: k0snode.JoinedFalse, Leave: true, PeerAddress: "10.0.0.1",
				Message: "Member is still active",
			},
		},
		ControlNodes: []k0snode.ControlNode{{Name: "m1", Version: newK0s}},
		Leases: []k0snode.Lease{
			{Name: "k0s-ctrl-host1", Holder: "abc", Renewed: testenv.Now.Add(123456 * time.Microsecond)},
		},
	}
	assert.Empty(t, cmp.Diff(want, got))
	assert.Equal(t, []string{"get kube-node-lease/k0s-ctrl-host1"}, a.asked, "leases of Nodes are not read")
}

// TestReadAllLeases: where one member does not name its lease, any lease may be the one.
func TestReadAllLeases(t *testing.T) {
	t.Parallel()
	cases := map[string][]unstructured.Unstructured{
		"NoMembers":     nil,
		"OneIsUnnamed":  {etcdMember("m1", labels(), "True"), etcdMember("m2", nil, "True")},
		"NobodyIsNamed": {etcdMember("m2", nil, "Unknown")},
		"AllHaveLeft":   {etcdMember("m2", nil, "False")},
	}
	for name, members := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &answers{members: members, leases: []coordinationv1.Lease{
				leaseObject("worker-1", "worker-1"),
				leaseObject("k0s-ctrl-host1", ""),
				leaseObject("k0s-ctrl-host2", "def"),
			}}
			got, err := a.read(t)
			require.NoError(t, err)
			assert.Equal(t, []string{"list leases"}, a.asked)
			require.Len(t, got.Leases, 2)
			assert.Equal(t, k0snode.Lease{Name: "k0s-ctrl-host1"}, got.Leases[0])
		})
	}
}

func TestReadMissingLease(t *testing.T) {
	t.Parallel()
	a := &answers{members: []unstructured.Unstructured{etcdMember("m1", labels(), "True")}}
	got, err := a.read(t)
	require.NoError(t, err)
	assert.Empty(t, got.Leases)
}

// TestReadStrangeObjects: what is not there, or is of another type, is not said.
func TestReadStrangeObjects(t *testing.T) {
	t.Parallel()
	strange := []map[string]any{
		{"metadata": map[string]any{"name": "m1"}},
		{"metadata": map[string]any{"name": "m1"}, "status": "none", "spec": []any{}},
		{"metadata": map[string]any{"name": "m1"}, "status": map[string]any{"conditions": map[string]any{}}},
		{"metadata": map[string]any{"name": "m1"}, "status": map[string]any{
			"conditions": []any{map[string]any{"type": "Joined", "status": true}}, "peerAddress": int64(1),
		}},
		{"metadata": map[string]any{"name": "m1"}, "status": map[string]any{
			"conditions": []any{map[string]any{"type": "Joined", "status": "Perhaps"}},
		}},
	}
	for _, object := range strange {
		a := &answers{
			members: []unstructured.Unstructured{{Object: object}},
			nodes:   []unstructured.Unstructured{{Object: object}},
		}
		got, err := a.read(t)
		require.NoError(t, err)
		assert.Equal(t, []k0snode.EtcdMember{{Name: "m1", Joined: k0snode.JoinedUnknown}}, got.Members)
		assert.Equal(t, []k0snode.ControlNode{{Name: "m1"}}, got.ControlNodes)
	}
}

// TestReadFailures: a kind that is not served is not there; anything else is an error that says what was read.
func TestReadFailures(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"EtcdMemberList", "ControlNodeList"} {
		for name, err := range map[string]error{
			"NoMatch":  &meta.NoKindMatchError{},
			"NotFound": apierrors.NewNotFound(schema.GroupResource{}, ""),
		} {
			_, got := (&answers{failing: map[string]error{kind: err}}).read(t)
			require.NoError(t, got, "%s %s", kind, name)
		}
	}
	broken := errors.New("broken")
	for kind, message := range map[string]string{
		"EtcdMemberList": "listing EtcdMembers", "ControlNodeList": "listing ControlNodes", "LeaseList": "listing leases",
	} {
		_, err := (&answers{failing: map[string]error{kind: broken}}).read(t)
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, message)
	}
	a := &answers{
		members: []unstructured.Unstructured{etcdMember("m1", labels(), "True")}, failing: map[string]error{"get": broken},
	}
	_, err := a.read(t)
	require.ErrorContains(t, err, "getting lease k0s-ctrl-host1")
}

func TestObjects(t *testing.T) {
	t.Parallel()
	request := k0snode.LeaveRequest("m1")
	assert.Equal(t, map[string]any{
		"apiVersion": "etcd.k0sproject.io/v1beta1", "kind": "EtcdMember", "metadata": map[string]any{"name": "m1"},
		"spec": map[string]any{"leave": true},
	}, request.Object)
	assert.Equal(t, "EtcdMember", k0snode.EtcdMemberObject("m1").GetKind())
	assert.Equal(t, "autopilot.k0sproject.io/v1beta2", k0snode.ControlNodeObject("m1").GetAPIVersion())
	assert.Equal(t, client.ObjectKey{Namespace: "kube-node-lease", Name: "k0s-ctrl-host1"},
		client.ObjectKeyFromObject(k0snode.LeaseObject("k0s-ctrl-host1")))
}
