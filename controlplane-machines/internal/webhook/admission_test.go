// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/webhook"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const minimal = "version: v1.36.3+k0s.2\n" +
	"machineTemplate: {spec: {infrastructureRef: {apiGroup: infrastructure.cluster.x-k8s.io, kind: A, name: a}}}\n"

// create asks a real API server, which asks the webhooks.
func create(t *testing.T, spec string) (*unstructured.Unstructured, error) {
	t.Helper()
	var fields map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(spec), &fields))
	return createKind(t, "K0sControlPlane", fields)
}

func createKind(t *testing.T, kind string, fields map[string]any) (*unstructured.Unstructured, error) {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{"spec": fields}}
	o.SetGroupVersionKind(controlplanev1.GroupVersion.WithKind(kind))
	o.SetNamespace("default")
	o.SetGenerateName("tiger-")
	return o, env.Client.Create(t.Context(), o)
}

// TestServed: the API server asks, and hears the answers.
func TestServed(t *testing.T) {
	t.Parallel()
	o, err := create(t, "version: 1.36.3+k0s.2\n"+minimal[len("version: v1.36.3+k0s.2\n"):])
	require.NoError(t, err)
	version, _, err := unstructured.NestedString(o.Object, "spec", "version")
	require.NoError(t, err)
	assert.Equal(t, "v1.36.3+k0s.2", version, "the one value that is filled in")

	_, err = create(t, minimal+"k0sConfigSpec: {k0s: {spec: {nonsense: 1}}}")
	assert.True(t, apierrors.IsInvalid(err), "%v", err)
	require.ErrorContains(t, err, "spec.k0sConfigSpec.k0s.spec.nonsense")

	_, err = create(t, minimal+"k0sConfigSpec: {k0s: {spec: {storage: {type: kine, kine: {dataSource: 'sqlite:///a'}}}}}")
	assert.True(t, apierrors.IsInvalid(err), "%v", err)
	require.ErrorContains(
		t,
		err,
		dataSource+`: Invalid value: "\"sqlite://…\"": is a file: the state of the cluster would`,
	)

	require.NoError(
		t,
		unstructured.SetNestedField(o.Object, "10.1.0.0/16", "spec", "k0sConfigSpec", "k0s", "spec", "network", "podCIDR"),
	)
	err = env.Client.Update(t.Context(), o)
	assert.True(t, apierrors.IsInvalid(err), "%v", err)
	require.ErrorContains(t, err, "podCIDR cannot change")
}

// TestScaleIsServed: kubectl scale follows the rule of the field.
func TestScaleIsServed(t *testing.T) {
	t.Parallel()
	scale := func(o *unstructured.Unstructured, replicas int32) error {
		object := &controlplanev1.K0sControlPlane{}
		require.NoError(t, env.Client.Get(t.Context(), client.ObjectKeyFromObject(o), object))
		return env.Client.SubResource("scale").Update(t.Context(), object,
			client.WithSubResourceBody(&autoscalingv1.Scale{
				ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName()},
				Spec:       autoscalingv1.ScaleSpec{Replicas: replicas},
			}))
	}
	etcd, err := create(t, minimal)
	require.NoError(t, err)
	require.NoError(t, scale(etcd, 3))
	err = scale(etcd, 2)
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
	require.ErrorContains(t, err, "must be odd")

	kine, err := create(t, minimal+"k0sConfigSpec: {k0s: "+kine+"}")
	require.NoError(t, err)
	require.NoError(t, scale(kine, 2))
}

// TestScale: what the API server asks about a number alone.
func TestScale(t *testing.T) {
	t.Parallel()
	scheme := testenv.MustScheme(controlplanev1.AddToScheme)
	etcd, kine := controlPlane(version, "", 1), controlPlane(version, kine, 1)
	etcd.Namespace, kine.Namespace, kine.Name = "default", "default", "lion"
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(etcd, kine).Build()
	failing := interceptor.NewClient(reader, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("broken")
		},
	})
	cases := map[string]struct {
		reader  client.Reader
		name    string
		scale   string
		allowed bool
		code    int32
	}{
		"Odd":      {reader: reader, name: "tiger", scale: scaleOf(3), allowed: true, code: http.StatusOK},
		"Even":     {reader: reader, name: "tiger", scale: scaleOf(2), code: http.StatusForbidden},
		"EvenKine": {reader: reader, name: "lion", scale: scaleOf(2), allowed: true, code: http.StatusOK},
		"Gone":     {reader: reader, name: "gone", scale: scaleOf(2), allowed: true, code: http.StatusOK},
		"Broken":   {reader: failing, name: "tiger", scale: scaleOf(2), code: http.StatusInternalServerError},
		"NoScale":  {reader: reader, name: "tiger", scale: `{"spec":7}`, code: http.StatusBadRequest},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := webhook.Scale{Reader: tc.reader, Decoder: admission.NewDecoder(scheme)}
			response := handler.Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
				Namespace: "default", Name: tc.name, Object: runtime.RawExtension{Raw: []byte(tc.scale)},
			}})
			assert.Equal(t, tc.allowed, response.Allowed)
			assert.Equal(t, tc.code, response.Result.Code)
		})
	}
}

func scaleOf(replicas int32) string {
	text, err := json.Marshal(autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: replicas}})
	if err != nil {
		return ""
	}
	return string(text)
}

// TestMatchConditions: the patches of the configurations are about the webhooks that they mean, so that Cluster API's own
// writes never wait for the manager.
func TestMatchConditions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../config/webhook/kustomization.yaml")
	require.NoError(t, err)
	var configuration struct {
		Patches []struct {
			Patch string `json:"patch"`
		} `json:"patches"`
	}
	require.NoError(t, yaml.Unmarshal(text, &configuration))
	require.Len(t, configuration.Patches, 2)
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	conditions := 0
	for _, patch := range configuration.Patches {
		var operations []operation
		require.NoError(t, yaml.Unmarshal([]byte(patch.Patch), &operations))
		for _, operation := range operations {
			if operation.Op == "add" {
				conditions++
			}
		}
	}
	manifests, err := os.ReadFile("../../config/webhook/manifests.yaml")
	require.NoError(t, err)
	assert.Equal(t, 4, conditions, "one for each webhook")
	assert.Equal(t, 4, strings.Count(string(manifests), "failurePolicy: Fail"))
}
