// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/webhook"
)

const version = "v1.36.3+k0s.2"

func controlPlane(version, document string, replicas int32) *controlplanev1.K0sControlPlane {
	c := &controlplanev1.K0sControlPlane{}
	c.Name = "tiger"
	c.Spec.Version, c.Spec.Replicas = version, &replicas
	if document != "" {
		c.Spec.K0sConfigSpec.K0s.Raw = []byte(document)
	}
	return c
}

func TestDefault(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1.36.3":        "v1.36.3",
		"1.36.3+k0s.2":  "v1.36.3+k0s.2",
		"v1.36.3+k0s.2": "v1.36.3+k0s.2",
		"latest":        "vlatest", // refused by the schema all the same
		"":              "",
	} {
		c := controlPlane(version, "", 1)
		others := c.DeepCopy()
		require.NoError(t, webhook.ControlPlane{}.Default(t.Context(), c))
		assert.Equal(t, want, c.Spec.Version)
		others.Spec.Version = want
		assert.Empty(t, cmp.Diff(others, c), "nothing else is filled in")
	}
}

const (
	kine     = `{"spec":{"storage":{"type":"kine","kine":{"dataSource":"postgres://u:hunter2@h/db"}}}}`
	sqlite   = `{"spec":{"storage":{"type":"kine"}}}`
	natsOf1  = `{"spec":{"storage":{"type":"kine","kine":{"dataSource":"nats://u:hunter2@h:4222"}}}}`
	nats     = `{"spec":{"storage":{"type":"kine","kine":{"dataSource":"nats://u:hunter2@h:4222?noEmbed"}}}}`
	external = `{"spec":{"storage":{"etcd":{"externalCluster":{"endpoints":["https://a:2379"],"etcdPrefix":"a"}}}}}`
	broken   = `{"spec":{"nonsense":1}}`
)

const dataSource = "spec.k0sConfigSpec.k0s.spec.storage.kine.dataSource"

// TestCreate has a case for every rule about a single object.
func TestCreate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		version, document string
		replicas          int32
		want              []string
	}{
		"Minimal": {version: version, replicas: 1},
		"Three":   {version: version, replicas: 3},
		"Two":     {version, "", 2, []string{"spec.replicas", "must be odd", "write 1 or 3"}},
		"Four":    {version, "", 4, []string{"spec.replicas", "write 3 or 5"}},
		"TwoKine": {version: version, document: kine, replicas: 2},
		"TwoNATS": {version: version, document: nats, replicas: 2},
		"SQLite":  {version, sqlite, 1, []string{dataSource, "is not set", "with one replica, too", "use etcd"}},
		"SQLiteFile": {
			version, `{"spec":{"storage":{"type":"kine","kine":{"dataSource":"sqlite:///a"}}}}`, 3,
			[]string{dataSource, `sqlite://…`, "is a file", "postgres://"},
		},
		"NATSInKine":  {version, natsOf1, 3, []string{dataSource, "nats://…", "NATS server itself", "?noEmbed"}},
		"TwoExternal": {version: version, document: external, replicas: 2},
		"TwoEtcd":     {version, `{"spec":{"storage":{"type":"etcd"}}}`, 2, []string{"must be odd"}},
		"NotYAML":     {version, "{", 1, []string{"spec.k0sConfigSpec.k0s"}},
		"NotAMap":     {version, "[]", 1, []string{"spec.k0sConfigSpec.k0s"}},
		"WrongKind":   {version, `{"kind":"Pod"}`, 1, []string{"spec.k0sConfigSpec.k0s.kind"}},
		"UnknownKey":  {version, broken, 1, []string{"spec.k0sConfigSpec.k0s.spec.nonsense"}},
		"NotKnownYet": {"v1.32.13+k0s.0", `{"spec":{"api":{"ca":{"expiresAfter":"87600h"}}}}`, 1, []string{"spec.api.ca"}},
		"BadVersion":  {"v9", "", 1, []string{"spec.version"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook.ControlPlane{}.ValidateCreate(t.Context(), controlPlane(tc.version, tc.document, tc.replicas))
			check(t, err, tc.want)
		})
	}
}

func check(t *testing.T, err error, want []string) {
	t.Helper()
	if want == nil {
		require.NoError(t, err)
		return
	}
	require.Error(t, err)
	assert.True(t, apierrors.IsInvalid(err), "%v", err)
	for _, word := range want {
		assert.ErrorContains(t, err, word)
	}
	assert.NotContains(t, err.Error(), "hunter", "it may be secret")
}

// TestSkippedMinor: an upgrade that goes on has machines of the version before.
func TestSkippedMinor(t *testing.T) {
	t.Parallel()
	for running, want := range map[string][]string{
		"":               nil,
		"v1.35.7":        nil,
		"v1.35.7+k0s.1":  nil,
		"v1.36.0":        nil,
		"v1.34.10":       {"spec.version", version, "still runs v1.34.10", "status.version"},
		"v1.34.10+k0s.2": {"spec.version", "still runs v1.34.10+k0s.2"},
	} {
		before := controlPlane("v1.35.7+k0s.1", "", 3)
		before.Status.Version = running
		after := before.DeepCopy()
		after.Spec.Version = version
		_, err := webhook.ControlPlane{}.ValidateUpdate(t.Context(), before, after)
		check(t, err, want)
		_, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), before, before)
		require.NoError(t, err, "what is not changed is not refused")
	}
}

// TestUpdate has a case for every rule about a change.
func TestUpdate(t *testing.T) {
	t.Parallel()
	type state struct {
		version, document string
		replicas          int32
	}
	network := func(text string) string { return `{"spec":{"network":{` + text + `}}}` }
	of := func(document string) state { return state{version, document, 3} }
	cases := map[string]struct {
		before, after state
		want          []string
	}{
		"Nothing":       {before: of(""), after: of("")},
		"Value":         {before: of(""), after: of(`{"spec":{"telemetry":{"enabled":false}}}`)},
		"Upgrade":       {before: state{"v1.35.7+k0s.0", "", 3}, after: of("")},
		"Scale":         {before: of(""), after: state{version, "", 5}},
		"ScaleEven":     {of(""), state{version, "", 4}, []string{"spec.replicas", "must be odd"}},
		"ScaleEvenKine": {before: of(kine), after: state{version, kine, 4}},
		"SQLite":        {of(kine), of(sqlite), []string{dataSource, "is not set"}},
		"SQLiteStays":   {before: of(sqlite), after: of(sqlite)},
		"SQLiteUpgrade": {state{"v1.35.7+k0s.0", sqlite, 1}, state{version, sqlite, 1}, []string{dataSource}},
		"SQLiteToEtcd":  {before: of(sqlite), after: of("")}, // There was never more than one machine, and nothing to lose.
		"Storage":       {of(""), of(kine), []string{"spec.k0sConfigSpec.k0s.spec.storage", "move the workload"}},
		"Pods": {
			of(""),
			of(network(`"podCIDR":"10.1.0.0/16"`)),
			[]string{"podCIDR", "10.244.0.0/16", "set it back"},
		},
		"PodsSpelled": {before: of(""), after: of(network(`"podCIDR":"10.244.0.0/16"`))},
		"Services":    {of(""), of(network(`"serviceCIDR":"10.1.0.0/16"`)), []string{"serviceCIDR"}},
		"Domain":      {of(""), of(network(`"clusterDomain":"zoo.local"`)), []string{"clusterDomain", "new Cluster"}},
		"Provider":    {of(""), of(network(`"provider":"calico"`)), []string{"provider", "kuberouter to calico"}},
		"Learners": {
			of(""),
			of(`{"spec":{"storage":{"etcd":{"extraArgs":{"max-learners":"7"}}}}}`),
			[]string{"max-learners"},
		},
		"SeveralAtOnce": {
			of(""),
			state{version, network(`"provider":"calico","podCIDR":"10.1.0.0/16"`), 2},
			[]string{"provider", "podCIDR", "replicas"},
		},
		"UnknownKey": {of(""), of(broken), []string{"spec.nonsense"}},
		"UpgradeUnknown": {
			state{"v1.33.13+k0s.1", `{"spec":{"api":{"ca":{"expiresAfter":"87600h"}}}}`, 3},
			state{"v1.32.13+k0s.0", `{"spec":{"api":{"ca":{"expiresAfter":"87600h"}}}}`, 3},
			[]string{"spec.api.ca"},
		},
		"BrokenStays":     {before: of(broken), after: of(broken)},
		"BrokenScales":    {before: of(broken), after: state{version, broken, 5}},
		"BrokenScalesBad": {of(broken), state{version, broken, 4}, []string{"must be odd"}},
		"BrokenBecomesGood": {
			before: of(broken), after: of(network(`"podCIDR":"10.1.0.0/16"`)), // Nothing runs with what cannot be used.
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := controlPlane(tc.before.version, tc.before.document, tc.before.replicas)
			after := controlPlane(tc.after.version, tc.after.document, tc.after.replicas)
			_, err := webhook.ControlPlane{}.ValidateUpdate(t.Context(), before, after)
			check(t, err, tc.want)
		})
	}
}

// TestWarnings: releases that give new members a voice at once, or let go only whose host is named like its Machine, are
// allowed, and told about.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for version, warns := range map[string]int{
		"v1.31.1": 1, "v1.33.13+k0s.1": 1, "v1.34.3": 1, "v1.34.4": 2, "v1.34.5": 1, "v1.34.10+k0s.0": 1, "v1.35.0": 1,
		"v1.35.1+k0s.0": 2, "v1.35.2": 1, "v1.35.4+k0s.0": 1, "v1.35.5+k0s.0": 0, "v1.36.1": 0, version: 0, "v1.37.0": 0,
	} {
		warnings, err := webhook.ControlPlane{}.ValidateCreate(t.Context(), controlPlane(version, "", 1))
		require.NoError(t, err)
		assert.Len(t, warnings, warns, version)
		warnings, err = webhook.ControlPlane{}.ValidateCreate(t.Context(), controlPlane(version, kine, 1))
		require.NoError(t, err)
		assert.Empty(t, warnings, "there is no etcd")
	}
	before, after := controlPlane("v1.34.1", "", 1), controlPlane("v1.34.1", "", 3)
	warnings, err := webhook.ControlPlane{}.ValidateUpdate(t.Context(), before, after)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "v1.35.5")
	warnings, err = webhook.ControlPlane{}.ValidateUpdate(t.Context(), after, after)
	require.NoError(t, err)
	assert.Empty(t, warnings, "what stays as it is needs no warning")
}

func TestDelete(t *testing.T) {
	t.Parallel()
	_, err := webhook.ControlPlane{}.ValidateDelete(t.Context(), controlPlane("latest", broken, 2))
	require.NoError(t, err)
}
