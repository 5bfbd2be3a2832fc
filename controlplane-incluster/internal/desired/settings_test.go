// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
)

// rendered is the StatefulSet of a plain control plane with some settings changed.
func rendered(t *testing.T, version string, change func(*controlplanev1.ControlPlaneSettings)) *corev1.PodSpec {
	t.Helper()
	g := readGolden(t, "testdata/kine-clusterip/in.yaml")
	g.controlPlane.Spec.Version = version
	g.controlPlane.Spec.Resources = corev1.ResourceRequirements{}
	change(&g.controlPlane.Spec.ControlPlaneSettings)
	facts := g.facts(t)
	config, err := desired.Configuration(facts)
	require.NoError(t, err)
	pods, err := desired.Renderer{PlacerImage: "manager"}.ControlPlane(facts, config)
	require.NoError(t, err)
	return &pods.StatefulSet.Spec.Template.Spec
}

func TestFlags(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		version string
		flags   []string
		want    []string
	}{
		"None": {
			version: "v1.36.3+k0s.2", want: []string{"--disable-components=autopilot,control-api,update-prober"},
		},
		"NoProberToDisable": {
			version: "v1.31.14+k0s.0", want: []string{"--disable-components=autopilot,control-api"},
		},
		"MoreDisabled": {
			version: "v1.36.3+k0s.2",
			flags:   []string{"--disable-components=coredns,kube-proxy", "--disable-components=metrics-server"},
			want:    []string{"--disable-components=autopilot,control-api,coredns,kube-proxy,metrics-server,update-prober"},
		},
		"DisabledTwice": {
			version: "v1.36.3+k0s.2", flags: []string{"--disable-components=autopilot"},
			want: []string{"--disable-components=autopilot,control-api,update-prober"},
		},
		"OrderIsKept": {
			version: "v1.36.3+k0s.2", flags: []string{"--debug", "--logging=etcd=debug", "--a=b"},
			want: []string{
				"--disable-components=autopilot,control-api,update-prober", "--debug", "--logging=etcd=debug", "--a=b",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := rendered(t, tc.version, func(s *controlplanev1.ControlPlaneSettings) { s.ControlPlaneFlags = tc.flags })
			want := append([]string{"--config=/var/lib/k0s/k0s.yaml", "--enable-dynamic-config"}, tc.want...)
			assert.Empty(t, cmp.Diff(want, pod.Containers[0].Args))
		})
	}
}

func TestResources(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ given, want corev1.ResourceRequirements }{
		"Default": {want: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			"cpu": resource.MustParse("200m"), "memory": resource.MustParse("768Mi"),
		}}},
		"Requests": {
			given: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1")}},
			want:  corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1")}},
		},
		"LimitsAlone": {
			given: corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("2Gi")}},
			want:  corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("2Gi")}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := rendered(t, "v1.36.3+k0s.2", func(s *controlplanev1.ControlPlaneSettings) { s.Resources = tc.given })
			assert.Empty(t, cmp.Diff(tc.want, pod.Containers[0].Resources))
		})
	}
}

func TestPersistence(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		given controlplanev1.PersistenceSpec
		want  *corev1.VolumeSource
	}{
		"Default": {want: &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		"EmptyDir": {
			given: controlplanev1.PersistenceSpec{Type: "emptyDir"},
			want:  &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		},
		"HostPath": {
			given: controlplanev1.PersistenceSpec{Type: "hostPath", HostPath: "/srv/k0s/"},
			want: &corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{
				Path: "/srv/k0s/zoo/tiger", Type: new(corev1.HostPathDirectoryOrCreate),
			}},
		},
		"Claim": {given: controlplanev1.PersistenceSpec{Type: "pvc"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := rendered(t, "v1.36.3+k0s.2", func(s *controlplanev1.ControlPlaneSettings) { s.Persistence = tc.given })
			var got *corev1.VolumeSource
			for i := range pod.Volumes {
				if pod.Volumes[i].Name == "data" {
					got = &pod.Volumes[i].VolumeSource
				}
			}
			assert.Empty(t, cmp.Diff(tc.want, got))
			assert.Contains(t, pod.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/var/lib/k0s"})
		})
	}
}

// TestPodIsConfined: what the pod may do does not depend on any setting.
func TestPodIsConfined(t *testing.T) {
	t.Parallel()
	pod := rendered(t, "v1.36.3+k0s.2", func(*controlplanev1.ControlPlaneSettings) {})
	assert.False(t, *pod.AutomountServiceAccountToken)
	assert.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC)
	assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	for _, container := range append(pod.InitContainers, pod.Containers...) {
		security := container.SecurityContext
		assert.False(t, *security.AllowPrivilegeEscalation, container.Name)
		assert.True(t, *security.ReadOnlyRootFilesystem, container.Name)
		assert.Nil(t, security.Privileged, container.Name)
		assert.Equal(t, []corev1.Capability{"ALL"}, security.Capabilities.Drop, container.Name)
		assert.Empty(t, container.EnvFrom)
	}
	assert.Empty(t, pod.InitContainers[0].SecurityContext.Capabilities.Add)
	for _, mount := range pod.Containers[0].VolumeMounts {
		assert.NotEqual(t, "files", mount.Name, "k0s does not see the Secrets themselves")
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	identity := child.Identity{Namespace: namespace, Cluster: "tiger"}
	cases := map[string]struct {
		given      controlplanev1.ServiceSpec
		wantType   corev1.ServiceType
		ports      [2]int32
		nodePorts  [2]int32
		wantsClass bool
	}{
		"Default": {wantType: "ClusterIP", ports: [2]int32{6443, 8132}},
		"LoadBalancer": {
			given:    controlplanev1.ServiceSpec{Type: "LoadBalancer", APIPort: 443},
			wantType: "LoadBalancer",
			ports:    [2]int32{443, 8132},
		},
		"Class": {
			given:    controlplanev1.ServiceSpec{Type: "LoadBalancer", LoadBalancerClass: "a/b"},
			wantType: "LoadBalancer", ports: [2]int32{6443, 8132}, wantsClass: true,
		},
		"NodePort": {given: controlplanev1.ServiceSpec{Type: "NodePort"}, wantType: "NodePort", ports: [2]int32{6443, 8132}},
		"WishedNodePorts": {
			given:    controlplanev1.ServiceSpec{Type: "NodePort", APIPort: 30443, KonnectivityPort: 30132},
			wantType: "NodePort", ports: [2]int32{30443, 30132}, nodePorts: [2]int32{30443, 30132},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := desired.Service(identity, tc.given)
			assert.Equal(t, tc.wantType, service.Spec.Type)
			for i, port := range service.Spec.Ports {
				assert.Equal(t, tc.ports[i], port.Port)
				assert.Equal(t, tc.nodePorts[i], port.NodePort)
				assert.Equal(t, port.Name, port.TargetPort.String())
			}
			assert.Equal(t, tc.wantsClass, service.Spec.LoadBalancerClass != nil)
			assert.Equal(t, identity.Selector(child.RoleControlPlane), service.Spec.Selector)
		})
	}
}

// TestAnnotationsAreCopied: two control planes made from one template must not share a map.
func TestAnnotationsAreCopied(t *testing.T) {
	t.Parallel()
	given := map[string]string{"a": "b"}
	service := desired.Service(
		child.Identity{Namespace: namespace, Cluster: "tiger"},
		controlplanev1.ServiceSpec{Annotations: given},
	)
	service.Annotations["c"] = "d"
	assert.Equal(t, map[string]string{"a": "b"}, given)
}

// FuzzSplitAddress: whatever is split can be put together again, or names no port.
func FuzzSplitAddress(f *testing.F) {
	for _, seed := range []string{"a", "a:1", "[::1]:6443", "::1", "", ":", "a:b", "[", "a:99999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		host, port := desired.SplitAddress(address)
		if port != 0 {
			again, samePort := desired.SplitAddress(desired.Endpoint{Host: host, Port: port}.URL()[len("https://"):])
			assert.Equal(t, host, again)
			assert.Equal(t, port, samePort)
		}
	})
}

// FuzzReleaseOf: no version and no image make it panic, and what is accepted can be read back from the image.
func FuzzReleaseOf(f *testing.F) {
	f.Add("v1.36.3+k0s.2", "")
	f.Add("v1.36.3", "mirror:5000/k0s")
	f.Add("v1.36.3+k0s", "k0s:v1.36.3-k0s.2")
	f.Add("v1.36.3-k0s.2", "k0s:latest")
	f.Fuzz(func(t *testing.T, version, image string) {
		release, err := desired.ReleaseOf(version, image)
		if err != nil {
			return
		}
		running, err := desired.ReleaseOfImage(release.Image)
		require.NoError(t, err)
		assert.Equal(t, release.Version.Release(), running.Release())
	})
}
