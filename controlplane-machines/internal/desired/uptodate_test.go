// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
)

func TestOutdatedReasons(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*desired.Facts, *desired.Live)
		want   []string
	}{
		"UpToDate": {change: func(*desired.Facts, *desired.Live) {}},
		"Version": {
			change: func(f *desired.Facts, _ *desired.Live) { f.ControlPlane.Spec.Version = "v1.36.3+k0s.3" },
			want:   []string{"version is v1.36.3+k0s.2, and v1.36.3+k0s.3 is asked for"},
		},
		"VersionSpelledOtherwise": {
			change: func(f *desired.Facts, l *desired.Live) {
				f.ControlPlane.Spec.Version, l.Machine.Spec.Version = "v1.36.3", "v1.36.3+k0s.0"
			},
		},
		"VersionIsNone": {
			change: func(_ *desired.Facts, l *desired.Live) { l.Machine.Spec.Version = "" },
			want:   []string{"version is , and v1.36.3+k0s.2 is asked for"},
		},
		"VersionsAreNone": {
			change: func(f *desired.Facts, l *desired.Live) {
				f.ControlPlane.Spec.Version, l.Machine.Spec.Version = "latest", "latest"
			},
		},
		"Template": {
			change: func(f *desired.Facts, _ *desired.Live) {
				f.ControlPlane.Spec.MachineTemplate.Spec.InfrastructureRef.Name = "newer"
			},
			want: []string{"infrastructure was made from TestMachineTemplate.infrastructure.cluster.x-k8s.io new, and " +
				"TestMachineTemplate.infrastructure.cluster.x-k8s.io newer is asked for"},
		},
		"TemplateKind": {
			change: func(f *desired.Facts, _ *desired.Live) {
				f.ControlPlane.Spec.MachineTemplate.Spec.InfrastructureRef.Kind = "OtherMachineTemplate"
			},
			want: []string{"infrastructure was made from TestMachineTemplate.infrastructure.cluster.x-k8s.io new, and " +
				"OtherMachineTemplate.infrastructure.cluster.x-k8s.io new is asked for"},
		},
		"InfrastructureIsGone": {
			change: func(f *desired.Facts, l *desired.Live) {
				f.ControlPlane.Spec.MachineTemplate.Spec.InfrastructureRef.Name = "newer"
				l.Infrastructure = nil
			},
		},
		"Configuration": {
			change: func(f *desired.Facts, _ *desired.Live) {
				f.ControlPlane.Spec.K0sConfigSpec.Args = []bootstrapv1.ControllerArg{"--debug"}
			},
			want: []string{"spec.k0sConfigSpec has changed since the machine was made"},
		},
		"ClusterWide": {
			change: func(f *desired.Facts, _ *desired.Live) {
				f.ControlPlane.Spec.K0sConfigSpec.K0s.Raw = []byte(`{"spec":{"telemetry":{"enabled":false}}}`)
			},
		},
		"InPlace": {
			change: func(f *desired.Facts, _ *desired.Live) {
				f.ControlPlane.Spec.MachineTemplate.ObjectMeta.Labels = map[string]string{"a": "b"}
				f.ControlPlane.Spec.MachineTemplate.Spec.Deletion.NodeDrainTimeoutSeconds = new(int32(5))
				f.ControlPlane.Spec.MachineNaming.Template = "{{ .random }}"
				f.ControlPlane.Spec.Replicas = new(int32(3))
				f.ControlPlane.Spec.UpdateStrategy = controlplanev1.UpdateStrategyRecreateDeleteFirst
			},
		},
		"Everything": {
			change: func(f *desired.Facts, _ *desired.Live) {
				f.ControlPlane.Spec.Version = "v1.37.0"
				f.ControlPlane.Spec.MachineTemplate.Spec.InfrastructureRef.Name = "newer"
				f.ControlPlane.Spec.K0sConfigSpec.PreK0sCommands = []string{"a"}
			},
			want: []string{
				"version is v1.36.3+k0s.2, and v1.37.0 is asked for",
				"infrastructure was made from TestMachineTemplate.infrastructure.cluster.x-k8s.io new, and " +
					"TestMachineTemplate.infrastructure.cluster.x-k8s.io newer is asked for",
				"spec.k0sConfigSpec has changed since the machine was made",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, live := liveOf(t)
			tc.change(&f, &live)
			reasons, err := desired.OutdatedReasons(f, live)
			require.NoError(t, err)
			assert.Equal(t, tc.want, reasons)
		})
	}
	f, live := liveOf(t)
	f.ControlPlane.Spec.K0sConfigSpec.K0s.Raw = []byte("{")
	_, err := desired.OutdatedReasons(f, live)
	require.ErrorContains(t, err, "spec.k0sConfigSpec.k0s")
}
