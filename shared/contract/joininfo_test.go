// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func joinInfo() contract.JoinInfo {
	return contract.JoinInfo{
		WorkerURL:     "https://10.0.0.1:6443",
		ControllerURL: "https://10.0.0.1:9443",
		CA:            []byte("-----BEGIN CERTIFICATE-----\n"),
		Files:         []contract.JoinFile{{Path: "/etc/x", Content: "a\n\"b\"", Permissions: "0600"}},
		Commands:      []string{"systemctl start x", "echo 'y'"},
	}
}

func joinSecret(t *testing.T, info contract.JoinInfo) *corev1.Secret {
	t.Helper()
	secret, err := contract.JoinInfoSecret(client.ObjectKey{Namespace: ns, Name: testenv.ClusterName}, info)
	require.NoError(t, err)
	return secret
}

func TestJoinInfoRoundTrip(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]contract.JoinInfo{
		"Full":    joinInfo(),
		"Minimal": {WorkerURL: "https://10.0.0.1:6443", CA: []byte("ca")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := contract.ParseJoinInfo(joinSecret(t, info))
			require.NoError(t, err)
			assert.Empty(t, cmp.Diff(info, got))
		})
	}
}

// TestJoinInfoSecret pins the wire format: other releases read it.
func TestJoinInfoSecret(t *testing.T) {
	t.Parallel()
	testenv.GoldenObjects(t, testenv.MustScheme(), "testdata/joininfo.yaml", joinSecret(t, joinInfo()))
}

func TestParseJoinInfo(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		change func(data map[string][]byte)
		err    string
	}{
		"UnknownKey": {
			reason: "keys are added by later releases", change: func(d map[string][]byte) { d["later"] = []byte("x") },
		},
		"UnknownVersion": {
			reason: "the meaning may have changed", change: func(d map[string][]byte) { d["version"] = []byte("2") },
			err: `schema version "2", this provider reads "1": upgrade the bootstrap provider`,
		},
		"NoVersion":   {change: func(d map[string][]byte) { delete(d, "version") }, err: `schema version ""`},
		"NoWorkerURL": {change: func(d map[string][]byte) { delete(d, "worker-url") }, err: "must not be empty"},
		"NoCA":        {change: func(d map[string][]byte) { d["ca.crt"] = nil }, err: "must not be empty"},
		"BadFiles":    {change: func(d map[string][]byte) { d["files"] = []byte("{") }, err: "key files"},
		"BadCommands": {change: func(d map[string][]byte) { d["commands"] = []byte("{}") }, err: "key commands"},
		"NoFiles":     {change: func(d map[string][]byte) { delete(d, "files") }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret := joinSecret(t, joinInfo())
			tc.change(secret.Data)
			_, err := contract.ParseJoinInfo(secret)
			if tc.err == "" {
				require.NoError(t, err, tc.reason)
				return
			}
			require.ErrorContains(t, err, tc.err)
			assert.ErrorContains(t, err, "tiger-k0s-join", "the message names the Secret")
		})
	}
}

func TestGetJoinInfo(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(ns, testenv.Initialized("fd00::1", 6443))
	ca := testenv.Secret(ns, "tiger-ca", map[string]string{"tls.crt": "PEM", "tls.key": "not for joiners"})

	got, err := contract.GetJoinInfo(t.Context(), reader(joinSecret(t, joinInfo()), ca), cluster)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(joinInfo(), got), "the control plane's own word wins")

	got, err = contract.GetJoinInfo(t.Context(), reader(ca), cluster)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(contract.JoinInfo{
		WorkerURL: "https://[fd00::1]:6443", ControllerURL: "https://[fd00::1]:9443", CA: []byte("PEM"),
	}, got), "a foreign control plane: the Cluster's endpoint and CA")

	_, err = contract.GetJoinInfo(t.Context(), reader(), cluster)
	requireWait(t, err, contract.WaitingForControlPlane, "secret tiger-ca")

	_, err = contract.GetJoinInfo(t.Context(), reader(ca), testenv.Cluster(ns))
	requireWait(t, err, contract.WaitingForControlPlane, "spec.controlPlaneEndpoint")

	var failure *phase.FailureError
	_, err = contract.GetJoinInfo(t.Context(), reader(testenv.Secret(ns, "tiger-ca", nil)), cluster)
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, contract.InvalidJoinInfo, failure.Reason)

	unreadable := joinSecret(t, joinInfo())
	unreadable.Data["version"] = []byte("9")
	_, err = contract.GetJoinInfo(t.Context(), reader(unreadable), cluster)
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, contract.InvalidJoinInfo, failure.Reason)
}

func TestJoinInfoIsNotACAExport(t *testing.T) {
	t.Parallel()
	secret := joinSecret(t, joinInfo())
	assert.Equal(t, map[string]string{
		clusterv1.ClusterNameLabel: testenv.ClusterName, contract.JoinInfoLabel: "",
	}, secret.Labels)
	assert.NotContains(t, secret.Data, "tls.key")
}
