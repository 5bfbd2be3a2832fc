// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
)

// TestInputs: a change rolls exactly where it cannot be applied to what runs.
func TestInputs(t *testing.T) {
	t.Parallel()
	hash := func(change func(*bootstrapv1.K0sConfigSpec)) string {
		spec := facts(version, `{"spec":{"api":{"port":6443},"network":{"provider":"calico"},"telemetry":{"enabled":true}}}`).
			ControlPlane.Spec.K0sConfigSpec
		change(&spec)
		hash, err := desired.InputsHash(spec)
		require.NoError(t, err)
		return hash
	}
	document := func(text string) func(*bootstrapv1.K0sConfigSpec) {
		return func(s *bootstrapv1.K0sConfigSpec) { s.K0s.Raw = []byte(text) }
	}
	same := hash(func(*bootstrapv1.K0sConfigSpec) {})
	for name, change := range map[string]func(*bootstrapv1.K0sConfigSpec){
		"ClusterWide":     document(`{"spec":{"api":{"port":6443},"network":{"provider":"calico"},"telemetry":{"enabled":false}}}`),
		"ClusterWideGone": document(`{"spec":{"api":{"port":6443},"network":{"provider":"calico"}}}`),
		"NetworkAddon":    document(`{"spec":{"api":{"port":6443},"network":{"provider":"calico","calico":{"mtu":1400}}}}`),
		"OrderOfKeys":     document(`{"spec":{"network":{"provider":"calico"},"api":{"port":6443}}}`),
		"Head":            document(`{"apiVersion":"k0s.k0sproject.io/v1beta1","kind":"ClusterConfig","metadata":{"name":"k0s"},"spec":{"api":{"port":6443},"network":{"provider":"calico"}}}`),
		"Nulls":           document(`{"spec":{"api":{"port":6443},"storage":null,"network":{"provider":"calico","podCIDR":null}}}`),
		"SecretMetadata": func(s *bootstrapv1.K0sConfigSpec) {
			s.SecretMetadata.Labels = map[string]bootstrapv1.LabelValue{"a": "b"}
		},
	} {
		assert.Equal(t, same, hash(change), name)
	}
	for name, change := range map[string]func(*bootstrapv1.K0sConfigSpec){
		"API":       document(`{"spec":{"api":{"port":7443},"network":{"provider":"calico"}}}`),
		"Storage":   document(`{"spec":{"api":{"port":6443},"network":{"provider":"calico"},"storage":{"etcd":{"extraArgs":{"a":"b"}}}}}`),
		"Args":      func(s *bootstrapv1.K0sConfigSpec) { s.Args = []bootstrapv1.ControllerArg{"--debug"} },
		"Files":     func(s *bootstrapv1.K0sConfigSpec) { s.Files = []bootstrapv1.File{{Path: "/a", Content: new("b")}} },
		"Before":    func(s *bootstrapv1.K0sConfigSpec) { s.PreK0sCommands = []string{"a"} },
		"After":     func(s *bootstrapv1.K0sConfigSpec) { s.PostK0sCommands = []string{"a"} },
		"Download":  func(s *bootstrapv1.K0sConfigSpec) { s.DownloadURL = "https://example.org" },
		"Installed": func(s *bootstrapv1.K0sConfigSpec) { s.PreInstalledK0s = new(true) },
		"Directory": func(s *bootstrapv1.K0sConfigSpec) { s.K0sInstallDir = "/opt" },
	} {
		assert.NotEqual(t, same, hash(change), name)
	}
}

// TestInputsStay: the hash that is recorded on Machines must be what the next release computes, or every control plane
// would be replaced. Never change what is wanted here.
func TestInputsStay(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"": "1-ec8fec1c9ce3b2f44c84b3d2015b2f05dcf1688f60656f494706d3dba00fc824",
		`{"spec":{"api":{"sans":["a"]},"network":{"podCIDR":"10.1.0.0/16"}}}`: "1-384a7a435c6db6e973fa3b4fdd44f2913a7117939766b26b8505a4612011adb0",
	} {
		spec := facts(version, document).ControlPlane.Spec.K0sConfigSpec
		spec.Args = []bootstrapv1.ControllerArg{"--debug"}
		got, err := desired.InputsHash(spec)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

// TestInputsAreWhatMachinesGet: whatever the library writes on machines is among the inputs, and nothing else.
func TestInputsAreWhatMachinesGet(t *testing.T) {
	t.Parallel()
	before, err := desired.InputsHash(facts(version, "").ControlPlane.Spec.K0sConfigSpec)
	require.NoError(t, err)
	for section, document := range map[string]string{
		"api": `{"api":{"port":7443}}`, "storage": `{"storage":{"etcd":{"extraArgs":{"a":"b"}}}}`,
		"installConfig": `{"installConfig":{"users":{"etcdUser":"a"}}}`, "konnectivity": `{"konnectivity":{"adminPort":9133}}`,
		"featureGates": `{"featureGates":[{"name":"A","enabled":true}]}`, "telemetry": `{"telemetry":{"enabled":false}}`,
		"images": `{"images":{"repository":"a"}}`, "extensions": `{"extensions":{"helm":{"concurrencyLevel":1}}}`,
		"scheduler": `{"scheduler":{"extraArgs":{"a":"b"}}}`, "controllerManager": `{"controllerManager":{"extraArgs":{"a":"b"}}}`,
		"workerProfiles": `{"workerProfiles":[{"name":"a","values":{}}]}`, "provider": `{"network":{"provider":"calico"}}`,
		"podCIDR": `{"network":{"podCIDR":"10.1.0.0/16"}}`, "kubeProxy": `{"network":{"kubeProxy":{"mode":"ipvs"}}}`,
		"lb": `{"network":{"controlPlaneLoadBalancing":{"enabled":false}}}`,
	} {
		f := facts(version, `{"spec":`+document+`}`)
		hash, err := desired.InputsHash(f.ControlPlane.Spec.K0sConfigSpec)
		require.NoError(t, err)
		onMachines := nodeLocal(t, f)
		assert.Equal(t, hash != before, cmp.Diff(nodeLocal(t, facts(version, "")), onMachines) != "", section)
	}
}
