// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
)

// minimal is the shortest spec that is accepted.
const minimal = "version: v1.36.3+k0s.2\n"

// object is a control plane with the given spec, as a user writes it.
func object(t *testing.T, namespace, spec string) *unstructured.Unstructured {
	t.Helper()
	var fields map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(spec), &fields))
	o := &unstructured.Unstructured{Object: map[string]any{"spec": fields}}
	o.SetGroupVersionKind(controlplanev1.GroupVersion.WithKind("K0smotronControlPlane"))
	o.SetNamespace(namespace)
	o.SetGenerateName("tiger-")
	return o
}

func create(t *testing.T, spec string) (*unstructured.Unstructured, error) {
	t.Helper()
	o := object(t, metav1.NamespaceDefault, spec)
	return o, env.Client.Create(t.Context(), o)
}

// update creates an object with one spec and changes it to another.
func update(t *testing.T, before, after string) error {
	t.Helper()
	o, err := create(t, before)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(after), &fields))
	o.Object["spec"] = fields
	return env.Client.Update(t.Context(), o)
}

func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	require.Error(t, err)
	assert.True(t, apierrors.IsInvalid(err) || apierrors.IsForbidden(err), "%v", err)
	for _, word := range words {
		assert.ErrorContains(t, err, word)
	}
}

// TestCreate has a case for every rule about a single object.
func TestCreate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		spec string
		// want are words of the refusal: the field, and the fix. None: it is accepted.
		want []string
	}{
		"Minimal":             {spec: minimal},
		"NoVersion":           {spec: "image: example.org/k0s", want: []string{"spec.version"}},
		"VersionWithoutBuild": {spec: "version: v1.36.3+k0s"},
		"VersionPlain":        {spec: "version: v1.36.3"},
		"VersionOfImageTag":   {spec: "version: v1.36.3-k0s.2", want: []string{"spec.version", "write vX.Y.Z+k0s.N"}},
		"VersionNonsense":     {spec: "version: latest", want: []string{"spec.version", "v1.36.3+k0s.2"}},
		"VersionTooOld":       {spec: "version: v1.30.14+k0s.0", want: []string{"spec.version", "v1.31"}},
		"VersionOtherBuild":   {spec: "version: v1.36.3+other.1", want: []string{"spec.version"}},
		"OneReplica":          {spec: minimal + "replicas: 1"},
		"ThreeReplicas":       {spec: minimal + "replicas: 3", want: []string{"spec.replicas", "must be 1"}},
		"NoReplica":           {spec: minimal + "replicas: 0", want: []string{"spec.replicas"}},
		"ImageRepository":     {spec: minimal + "image: registry.example.org:5000/k0s"},
		"ImageOtherBuild":     {spec: "version: v1.36.3+k0s\nimage: example.org/k0s:v1.36.3-k0s.2"},
		"ImageOfBareVersion":  {spec: "version: 1.36.3\nimage: example.org/k0s:v1.36.3-k0s.2"},
		"ImageOtherPatch": {
			spec: minimal + "image: example.org/k0s:v1.36.4-k0s.0",
			want: []string{"spec.image", "same vX.Y.Z"},
		},
		"ImageLongerPatch": {spec: minimal + "image: example.org/k0s:v1.36.33-k0s.0", want: []string{"spec.image"}},
		"ImageLatest": {
			spec: minimal + "image: example.org/k0s:latest",
			want: []string{"spec.image", "no k0s build"},
		},
		"ImageDigest": {
			spec: minimal + "image: example.org/k0s@sha256:abc",
			want: []string{"spec.image", "digest"},
		},
		"EndpointWhole": {spec: minimal + "controlPlaneEndpoint: {host: a.example.org, port: 443}"},
		"EndpointWithoutPort": {
			spec: minimal + "controlPlaneEndpoint: {host: a.example.org}",
			want: []string{"both host and port"},
		},
		"AddressHost":     {spec: minimal + "externalAddress: a.example.org"},
		"AddressHostPort": {spec: minimal + "externalAddress: a.example.org:443"},
		"AddressIPv6":     {spec: minimal + `externalAddress: "[2001:db8::1]:6443"`},
		"AddressURL": {
			spec: minimal + "externalAddress: https://a.example.org",
			want: []string{"spec.externalAddress", "without scheme"},
		},
		"AddressNonsense": {
			spec: minimal + "externalAddress: a b",
			want: []string{"spec.externalAddress", "DNS name"},
		},
		"AddressOfEndpoint": {
			spec: minimal + "externalAddress: a.example.org:443\ncontrolPlaneEndpoint: {host: a.example.org, port: 443}",
		},
		"AddressHostOfEndpoint": {
			spec: minimal + "externalAddress: a.example.org\ncontrolPlaneEndpoint: {host: a.example.org, port: 443}",
		},
		"AddressIPv6OfEndpoint": {
			spec: minimal + "externalAddress: \"[2001:db8::1]:443\"\ncontrolPlaneEndpoint: {host: \"2001:db8::1\", port: 443}",
		},
		"AddressNotOfEndpoint": {
			spec: minimal + "externalAddress: b.example.org\ncontrolPlaneEndpoint: {host: a.example.org, port: 443}",
			want: []string{"spec.externalAddress", "differs"},
		},
		"AddressPortOfOther": {
			spec: minimal + "externalAddress: a.example.org:444\ncontrolPlaneEndpoint: {host: a.example.org, port: 443}",
			want: []string{"spec.externalAddress", "differs"},
		},
		"ServiceUnknownType": {
			spec: minimal + "service: {type: ExternalName}",
			want: []string{"spec.service.type", "LoadBalancer"},
		},
		"ServiceSamePorts": {
			spec: minimal + "service: {apiPort: 443, konnectivityPort: 443}",
			want: []string{"konnectivityPort", "differ"},
		},
		"ServicePortRange": {spec: minimal + "service: {apiPort: 70000}", want: []string{"spec.service.apiPort"}},
		"ServiceClass":     {spec: minimal + "service: {type: LoadBalancer, loadBalancerClass: example.org/a}"},
		"ServiceClassOfNodePort": {
			spec: minimal + "service: {type: NodePort, loadBalancerClass: example.org/a}",
			want: []string{"loadBalancerClass", "LoadBalancer"},
		},
		"StorageUnknown": {
			spec: minimal + "storage: {type: nats}",
			want: []string{"spec.storage.type", "etcd", "kine"},
		},
		"StorageKine": {spec: minimal + "storage: {type: kine, kine: {dataSourceSecretName: db}}"},
		"StorageKineMissing": {
			spec: minimal + "storage: {type: kine}",
			want: []string{"spec.storage", "belong together"},
		},
		"StorageKineOfEtcd": {
			spec: minimal + "storage: {type: etcd, kine: {dataSourceSecretName: db}}",
			want: []string{"spec.storage", "belong together"},
		},
		"StorageEtcdOfKine": {
			spec: minimal + "storage: {type: kine, etcd: {image: a}, kine: {dataSourceSecretName: db}}",
			want: []string{"spec.storage", "storage.type etcd"},
		},
		"StorageKineInline": {
			spec: minimal + "storage: {type: kine, kine: {dataSourceURL: \"postgres://u:p@h/d\"}}",
			want: []string{"dataSourceURL", "K0SMOTRON_KINE_DATASOURCE_URL", "dataSourceSecretName"},
		},
		"StorageKineEmpty": {spec: minimal + "storage: {type: kine, kine: {}}", want: []string{"spec.storage.kine"}},
		"StorageSizeTooSmall": {
			spec: minimal + "storage: {etcd: {persistence: {size: 100Mi}}}",
			want: []string{"size", "256Mi"},
		},
		"StorageSizeNumber":   {spec: minimal + "storage: {etcd: {persistence: {size: 1073741824}}}"},
		"PersistenceHostPath": {spec: minimal + "persistence: {type: hostPath, hostPath: /srv}"},
		"PersistenceNoPath": {
			spec: minimal + "persistence: {type: hostPath}",
			want: []string{"spec.persistence", "belong together"},
		},
		"PersistencePathOfEmpty": {
			spec: minimal + "persistence: {type: emptyDir, hostPath: /srv}",
			want: []string{"spec.persistence", "belong together"},
		},
		"PersistenceRelative": {
			spec: minimal + "persistence: {type: hostPath, hostPath: srv}",
			want: []string{"hostPath", "absolute"},
		},
		"PersistenceNoClaim": {
			spec: minimal + "persistence: {type: pvc}",
			want: []string{"spec.persistence", "belong together"},
		},
		"PersistenceUnknown": {spec: minimal + "persistence: {type: tape}", want: []string{"spec.persistence.type"}},
		"Flags":              {spec: minimal + "controlPlaneFlags: [--debug, \"--disable-components=coredns\"]"},
		"FlagsInTwoParts": {
			spec: minimal + "controlPlaneFlags: [\"--logging kubelet=1\"]",
			want: []string{"controlPlaneFlags", "--flag=value"},
		},
		"FlagsOurs": {
			spec: minimal + "controlPlaneFlags: [\"--config=/etc/k0s.yaml\"]",
			want: []string{"controlPlaneFlags", "use k0sConfig"},
		},
		"FlagsOursWithoutValue": {
			spec: minimal + "controlPlaneFlags: [--enable-dynamic-config]",
			want: []string{"controlPlaneFlags", "must not repeat"},
		},
		"FlagsOfWorker": {
			spec: minimal + "controlPlaneFlags: [--enable-worker]",
			want: []string{"controlPlaneFlags", "Machines"},
		},
		"ConfigUnknownKey": {
			spec: minimal + "k0sConfig: {spec: {nonsense: 1}}",
			want: []string{"spec.k0sConfig", "spec.nonsense"},
		},
		"ConfigOtherKind": {spec: minimal + "k0sConfig: {kind: Pod}", want: []string{"spec.k0sConfig", "kind"}},
		"ConfigOK": {
			spec: minimal + "k0sConfig: {apiVersion: k0s.k0sproject.io/v1beta1, kind: ClusterConfig, spec: {network: {podCIDR: 10.1.0.0/16}}}",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := create(t, tc.spec)
			if tc.want == nil {
				require.NoError(t, err)
				return
			}
			refused(t, err, tc.want...)
		})
	}
}

// TestLeadingV: the one value that is filled in.
func TestLeadingV(t *testing.T) {
	t.Parallel()
	o, err := create(t, "version: 1.36.3+k0s.2")
	require.NoError(t, err)
	version, _, err := unstructured.NestedString(o.Object, "spec", "version")
	require.NoError(t, err)
	assert.Equal(t, "v1.36.3+k0s.2", version)
	assert.Equal(t, map[string]any{"version": "v1.36.3+k0s.2", "replicas": int64(1)}, o.Object["spec"],
		"nothing else is filled in but what the schema does")
}

// TestTemplate: the settings of a template follow the same rules.
func TestTemplate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		spec string
		want string
	}{
		"Empty":        {spec: "{}"},
		"Settings":     {spec: "{service: {type: LoadBalancer}, storage: {etcd: {persistence: {size: 2Gi}}}}"},
		"InlineSource": {spec: `{storage: {type: kine, kine: {dataSourceURL: "a"}}}`, want: "dataSourceSecretName"},
		"OurFlag":      {spec: "{controlPlaneFlags: [--single]}", want: "controlPlaneFlags"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := object(t, metav1.NamespaceDefault, "template: {metadata: {labels: {a: b}}, spec: "+tc.spec+"}")
			o.SetKind("K0smotronControlPlaneTemplate")
			err := env.Client.Create(t.Context(), o)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			refused(t, err, tc.want)
		})
	}
}

// TestUnchangedConfigIsNotJudged: what waits to be deleted must be able to lose its finalizers.
func TestUnchangedConfigIsNotJudged(t *testing.T) {
	t.Parallel()
	o, err := create(t, minimal)
	require.NoError(t, err)
	o.SetFinalizers([]string{"example.org/wait"})
	require.NoError(t, env.Client.Update(t.Context(), o))
	require.NoError(t, env.Client.Delete(t.Context(), o))
	require.NoError(t, env.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o))
	o.SetFinalizers(nil)
	require.NoError(t, env.Client.Update(t.Context(), o))
}
