// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

var clusterConfigs = schema.GroupVersionResource{
	Group:    "k0s.k0sproject.io",
	Version:  "v1beta1",
	Resource: "clusterconfigs",
}

func (c *controlPlane) caseClusterWide(t *testing.T) {
	t.Helper()
	var content map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(c.hosted.Config[clusterWideFile]), &content))
	objects := c.dynamic(t).Resource(clusterConfigs).Namespace("kube-system")
	options := metav1.ApplyOptions{FieldManager: "k0smotron-controlplane-incluster", Force: true}
	before := c.commandLine(t.Context(), "kube-apiserver")
	require.Eventually(
		t,
		func() bool { _, err := objects.Get(t.Context(), "k0s", metav1.GetOptions{}); return err == nil },
		patience,
		time.Second,
		"k0s makes the object",
	)

	applied, err := objects.Apply(t.Context(), "k0s", &unstructured.Unstructured{Object: content}, options)
	require.NoError(t, err)
	// A second write makes sure that k0s has something to judge, whatever it had put there itself.
	changed := applied.DeepCopy()
	unstructured.RemoveNestedField(changed.Object, "metadata")
	changed.SetName("k0s")
	changed.SetNamespace("kube-system")
	changed.Object["spec"] = content["spec"]
	require.NoError(
		t,
		unstructured.SetNestedField(changed.Object, "25", "spec", "controllerManager", "extraArgs", "node-cidr-mask-size"),
	)
	applied, err = objects.Apply(t.Context(), "k0s", changed, options)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return c.verdict(t, applied.GetResourceVersion()) == "SuccessfulReconcile" },
		patience, time.Second, "k0s tells its verdict in an Event")
	require.Eventually(t, func() bool {
		return strings.Contains(c.commandLine(t.Context(), "kube-controller-manager"), "--node-cidr-mask-size=25\n")
	}, patience, time.Second, "flags of the controller manager follow")
	assert.Equal(t, before, c.commandLine(t.Context(), "kube-apiserver"))

	if disabled, _, _ := unstructured.NestedBool(content, "spec", "network", "kubeProxy", "disabled"); disabled {
		require.Eventually(t, func() bool {
			_, err := c.kube(t).AppsV1().DaemonSets("kube-system").Get(t.Context(), "kube-proxy", metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		}, patience, time.Second, "kube-proxy goes when it is disabled")
	}
	unknown := changed.DeepCopy()
	require.NoError(t, unstructured.SetNestedField(unknown.Object, "x", "spec", "network", "bogus"))
	_, err = objects.Apply(t.Context(), "k0s", unknown, options)
	require.Error(t, err, "server-side apply refuses what the definition does not know")
}

func (c *controlPlane) verdict(t *testing.T, resourceVersion string) string {
	t.Helper()
	events, err := c.kube(t).CoreV1().Events("kube-system").List(t.Context(), metav1.ListOptions{
		FieldSelector: "involvedObject.kind=ClusterConfig,involvedObject.name=k0s",
	})
	if err != nil {
		return err.Error()
	}
	for _, event := range events.Items {
		if event.InvolvedObject.ResourceVersion == resourceVersion && event.ReportingController == "k0s-controller" {
			return event.Reason
		}
	}
	return ""
}
