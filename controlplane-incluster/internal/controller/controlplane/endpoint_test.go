// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
)

// TestClusterIP: without anything else the control plane serves its own network, and says so.
func TestClusterIP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *controlplanev1.K0smotronControlPlane) { c.Spec.Service.Type = "" })
	w.reconcile()
	condition := w.is(controlplanev1.EndpointReadyCondition, metav1.ConditionTrue)
	assert.Contains(t, condition.Message, "network of the management cluster")
	ip := get(w, w.serviceName(), &corev1.Service{}).Spec.ClusterIP
	assert.Contains(t, string(w.secret("kubeconfig").Data["value"]), "https://"+ip+":6443")
}

// TestUserSetsTheEndpoint: it is taken as it is.
func TestUserSetsTheEndpoint(t *testing.T) {
	t.Parallel()
	endpoint := clusterv1.APIEndpoint{Host: "api.example.org", Port: 443}
	w := newWorld(t, func(c *controlplanev1.K0smotronControlPlane) { c.Spec.ControlPlaneEndpoint = endpoint })
	w.reconcile()
	w.runPods(w.etcdSetName(), 1)
	w.runPods(w.podSetName(), 1)
	w.hosted.up()
	w.reconcile()
	assert.True(t, w.controlPlane.Initialized())
	assert.Equal(t, endpoint, w.controlPlane.Spec.ControlPlaneEndpoint)
	assert.Contains(t, string(w.secret("kubeconfig").Data["value"]), "https://api.example.org:443")
}

// TestAddressIsFinal: a load balancer that gives another address later does not move the endpoint.
func TestAddressIsFinal(t *testing.T) {
	t.Parallel()
	w := newWorld(t).available()
	set := w.podSet()
	service := get(w, w.serviceName(), &corev1.Service{})
	service.Status.LoadBalancer.Ingress[0].IP = "10.211.0.201"
	require.NoError(t, env.Client.Status().Update(t.Context(), service))
	w.reconcile()
	assert.Equal(t, address, w.controlPlane.Spec.ControlPlaneEndpoint.Host)
	assert.Equal(t, set.Generation, w.podSet().Generation)
}

// TestNodePort: allocated ports are read back, the address is that of a Ready node, it is kept, and it is missed.
func TestNodePort(t *testing.T) { // Nodes belong to no namespace.
	w := newWorld(t, func(c *controlplanev1.K0smotronControlPlane) {
		c.Spec.Service.Type = controlplanev1.ServiceTypeNodePort
	})
	broken := w.node("node-a", "10.211.0.10", corev1.ConditionFalse)
	w.reconcile()
	assert.Contains(t, w.is(controlplanev1.EndpointReadyCondition, metav1.ConditionFalse).Message, "Ready node")

	second := w.node("node-b", "10.211.0.11", corev1.ConditionTrue)
	w.reconcile()
	ports := get(w, w.serviceName(), &corev1.Service{}).Spec.Ports
	require.NotZero(t, ports[0].NodePort)
	config := string(w.secret("k0s-config").Data[desired.KeyK0sConfig])
	assert.Contains(t, config, "10.211.0.11")

	// A better node appears before the endpoint is published: it is kept all the same.
	w.setReady(broken, corev1.ConditionTrue)
	w.reconcile()
	assert.Equal(t, config, string(w.secret("k0s-config").Data[desired.KeyK0sConfig]))

	w.runPods(w.etcdSetName(), 1)
	w.runPods(w.podSetName(), 1)
	w.hosted.up()
	w.reconcile()
	w.reconcile()
	assert.Equal(
		t,
		clusterv1.APIEndpoint{Host: "10.211.0.11", Port: ports[0].NodePort},
		w.controlPlane.Spec.ControlPlaneEndpoint,
	)
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)

	w.setReady(second, corev1.ConditionFalse)
	w.reconcile()
	told := w.is(controlplanev1.EndpointReadyCondition, metav1.ConditionFalse)
	assert.Contains(t, told.Message, "10.211.0.11")
	assert.Equal(t, "10.211.0.11", w.controlPlane.Spec.ControlPlaneEndpoint.Host)
	w.is(controlplanev1.AvailableCondition, metav1.ConditionFalse)

	w.setReady(second, corev1.ConditionTrue)
	w.reconcile()
	w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
}

// TestWishedNodePorts: what the user asks for is asked of the management cluster. The ports are of the range's lower
// band, from which Kubernetes gives none to the Services of other tests (KEP-3668).
func TestWishedNodePorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *controlplanev1.K0smotronControlPlane) {
		c.Spec.Service = controlplanev1.ServiceSpec{Type: "NodePort", APIPort: 30043, KonnectivityPort: 30032}
		c.Spec.ExternalAddress = "api.example.org"
	})
	w.reconcile()
	ports := get(w, w.serviceName(), &corev1.Service{}).Spec.Ports
	assert.Equal(t, int32(30043), ports[0].NodePort)
	assert.Equal(t, int32(30032), ports[1].NodePort)
	assert.Contains(t, string(w.secret("kubeconfig").Data["value"]), "https://api.example.org:30043")
}
