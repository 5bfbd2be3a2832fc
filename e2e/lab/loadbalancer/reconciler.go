// SPDX-License-Identifier: Apache-2.0

package loadbalancer

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Reconciler writes addresses into the status of Services.
type Reconciler struct {
	Client client.Client
	// Live reads past the cache, so that an address given a moment ago is seen.
	Live client.Reader
	Pool []netip.Addr
}

// Reconcile gives an address, or takes it back from a Service that is no load balancer any more.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	service := &corev1.Service{}
	if err := r.Client.Get(ctx, request.NamespacedName, service); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	switch assigned := len(service.Status.LoadBalancer.Ingress) > 0; {
	case wanted(service) && !assigned:
		return ctrl.Result{}, r.assign(ctx, service)
	case service.Spec.Type != corev1.ServiceTypeLoadBalancer && assigned:
		return ctrl.Result{}, r.write(ctx, service, nil)
	default:
		return ctrl.Result{}, nil
	}
}

func (r *Reconciler) assign(ctx context.Context, service *corev1.Service) error {
	services := &corev1.ServiceList{}
	if err := r.Live.List(ctx, services); err != nil {
		return fmt.Errorf("listing services: %w", err)
	}
	address, err := Allocate(r.Pool, services.Items, service)
	if err != nil {
		return fmt.Errorf("allocating an address: %w", err)
	}
	mode := corev1.LoadBalancerIPModeVIP
	return r.write(ctx, service, []corev1.LoadBalancerIngress{{IP: address.String(), IPMode: &mode}})
}

func (r *Reconciler) write(ctx context.Context, service *corev1.Service, ingress []corev1.LoadBalancerIngress) error {
	before := service.DeepCopy()
	service.Status.LoadBalancer.Ingress = ingress
	if err := r.Client.Status().Patch(ctx, service, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("writing the address: %w", err)
	}
	return nil
}

// Register adds the reconciler to a manager. One worker: addresses are given one after another.
func (r *Reconciler) Register(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).For(&corev1.Service{}).Named("loadbalancer").Complete(r)
}
