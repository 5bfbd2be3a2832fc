// SPDX-License-Identifier: Apache-2.0

package loadbalancer

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func pool() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("10.211.0.200"), netip.MustParseAddr("10.211.0.201")}
}

func service(name string, addresses ...string) corev1.Service {
	s := corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name)},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
	}
	for _, address := range addresses {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: address})
	}
	return s
}

func TestAllocate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		others []corev1.Service
		asked  string
		want   string
		err    string
	}{
		"TheLowest":            {want: "10.211.0.200"},
		"TheLowestThatIsFree":  {others: []corev1.Service{service("a", "10.211.0.200")}, want: "10.211.0.201"},
		"AGapIsFilled":         {others: []corev1.Service{service("a", "10.211.0.201")}, want: "10.211.0.200"},
		"ItsOwnIsFree":         {others: []corev1.Service{service("me", "10.211.0.200")}, want: "10.211.0.200"},
		"AHostNameIsNoAddress": {others: []corev1.Service{service("a", "example.org")}, want: "10.211.0.200"},
		"WhatIsAskedFor":       {asked: "10.211.0.201", want: "10.211.0.201"},
		"WhatIsAskedForIsTaken": {
			others: []corev1.Service{service("a", "10.211.0.201")},
			asked:  "10.211.0.201",
			err:    "default/a",
		},
		"WhatIsAskedForIsForeign": {asked: "1.2.3.4", err: "10.211.0.200-10.211.0.201"},
		"WhatIsAskedForIsNoIP":    {asked: "x", err: "loadBalancerIP"},
		"NoneIsLeft": {
			others: []corev1.Service{service("a", "10.211.0.200"), service("b", "10.211.0.201")}, err: "all 2 addresses",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			me := service("me")
			me.Spec.LoadBalancerIP = test.asked
			got, err := Allocate(pool(), test.others, &me)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got.String())
		})
	}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	class := "somebody-else"
	foreign := service("foreign")
	foreign.Spec.LoadBalancerClass = &class
	former := service("former", "10.211.0.201")
	former.Spec.Type = corev1.ServiceTypeClusterIP
	keeps := service("keeps", "10.211.0.200")
	tests := map[string]struct {
		service corev1.Service
		want    []netip.Addr
	}{
		"AnAddressIsGiven":         {service("new"), []netip.Addr{pool()[1]}},
		"AnAddressIsKept":          {keeps, []netip.Addr{pool()[0]}},
		"AnAddressIsTakenBack":     {former, nil},
		"AnotherClassIsLeftAlone":  {foreign, nil},
		"AServiceThatIsGoneIsFine": {service("gone"), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := []client.Object{keeps.DeepCopy()}
			if test.service.Name != "gone" && test.service.Name != keeps.Name {
				objects = append(objects, test.service.DeepCopy())
			}
			c := fake.NewClientBuilder().WithObjects(objects...).WithStatusSubresource(&corev1.Service{}).Build()
			r := &Reconciler{Client: c, Live: c, Pool: pool()}
			key := client.ObjectKeyFromObject(&test.service)
			_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
			require.NoError(t, err)
			got := &corev1.Service{}
			require.NoError(t, client.IgnoreNotFound(c.Get(t.Context(), key, got)))
			assert.Equal(t, test.want, Assigned(got))
		})
	}
}
