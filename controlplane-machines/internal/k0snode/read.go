// SPDX-License-Identifier: Apache-2.0

package k0snode

import (
	"context"
	"fmt"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Objects are what k0s has written into its cluster.
type Objects struct {
	// Members are the EtcdMembers: none where k0s runs no etcd.
	Members []EtcdMember
	// ControlNodes are the ControlNodes: none where autopilot is disabled.
	ControlNodes []ControlNode
	// Leases are those of controllers.
	Leases []Lease
}

// Reader reads from a workload cluster.
type Reader struct {
	// Objects reads EtcdMembers and ControlNodes, as unstructured objects: a cache serves well.
	Objects client.Reader
	// Leases reads Leases. It must not be a cache: that a lease is not renewed is evidence, and a cache whose watch has
	// stopped looks the same; besides, it would receive an event of every Node every 10 seconds. The leases that EtcdMembers
	// name are read one by one, so the size of the cluster does not matter.
	Leases client.Reader
}

// Read reads everything. A kind that is not served is not there: k0s runs no etcd, or autopilot is disabled, or neither
// has been started yet.
func (r Reader) Read(ctx context.Context) (Objects, error) {
	members, err := list(ctx, r.Objects, etcdMemberKind(), etcdMemberOf)
	if err != nil {
		return Objects{}, err
	}
	nodes, err := list(ctx, r.Objects, controlNodeKind(), controlNodeOf)
	if err != nil {
		return Objects{}, err
	}
	leases, err := r.leases(ctx, members)
	if err != nil {
		return Objects{}, err
	}
	return Objects{Members: members, ControlNodes: nodes, Leases: leases}, nil
}

func list[T any](
	ctx context.Context, c client.Reader, kind schema.GroupVersionKind, read func(*unstructured.Unstructured) T,
) ([]T, error) {
	objects := &unstructured.UnstructuredList{}
	objects.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	err := c.List(ctx, objects)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %ss: %w", kind.Kind, err)
	}
	values := make([]T, 0, len(objects.Items))
	for i := range objects.Items {
		values = append(values, read(&objects.Items[i]))
	}
	return values, nil
}

// leases reads those that the members name, or looks through all of them where a member names none.
func (r Reader) leases(ctx context.Context, members []EtcdMember) ([]Lease, error) {
	names, all := leaseNames(members)
	if !all {
		return r.allLeases(ctx)
	}
	leases := make([]Lease, 0, len(names))
	for _, name := range names {
		object := LeaseObject(name)
		err := r.Leases.Get(ctx, client.ObjectKeyFromObject(object), object)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("getting lease %s: %w", name, err)
		}
		leases = append(leases, leaseOf(object))
	}
	return leases, nil
}

// leaseNames are the leases that members name, and whether these are all leases that matter.
func leaseNames(members []EtcdMember) ([]string, bool) {
	names := make([]string, 0, len(members))
	for _, member := range members {
		switch {
		case member.Lease != "":
			names = append(names, member.Lease)
		case member.Joined != JoinedFalse:
			return nil, false
		}
	}
	slices.Sort(names)
	return slices.Compact(names), len(names) > 0
}

func (r Reader) allLeases(ctx context.Context) ([]Lease, error) {
	objects := &coordinationv1.LeaseList{}
	if err := r.Leases.List(ctx, objects, client.InNamespace(corev1.NamespaceNodeLease)); err != nil {
		return nil, fmt.Errorf("listing leases: %w", err)
	}
	var leases []Lease
	for i := range objects.Items {
		if strings.HasPrefix(objects.Items[i].Name, LeasePrefix) {
			leases = append(leases, leaseOf(&objects.Items[i]))
		}
	}
	return leases, nil
}
