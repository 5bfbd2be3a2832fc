// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// TestWhereTheStateIs covers what providers ask about a document that nobody has checked yet.
func TestWhereTheStateIs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		user    string
		manages bool
		file    string
		port    int
	}{
		"Nothing":      {user: ``, manages: true, file: "etcd/member/snap/db", port: 9443},
		"Etcd":         {user: `spec: {storage: {type: etcd}}`, manages: true, file: "etcd/member/snap/db", port: 9443},
		"EtcdArgs":     {user: `spec: {storage: {etcd: {extraArgs: {a: b}}}}`, manages: true, file: "etcd/member/snap/db", port: 9443},
		"ExternalEtcd": {user: `spec: {storage: {etcd: {externalCluster: {endpoints: [x]}}}}`, port: 9443},
		"Database":     {user: `spec: {storage: {type: kine, kine: {dataSource: "postgres://u:p@h/db"}}}`, port: 9443},
		"JoinPort":     {user: `spec: {api: {k0sApiPort: 19443}}`, manages: true, file: "etcd/member/snap/db", port: 19443},
		"WrongType":    {user: `spec: {api: {k0sApiPort: "x"}, storage: []}`, manages: true, file: "etcd/member/snap/db", port: 9443},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := k0sconfig.Parse([]byte(test.user))
			require.NoError(t, err)
			assert.Equal(t, test.manages, k0sconfig.ManagesEtcd(document))
			assert.Equal(t, test.file, k0sconfig.DataFile(document))
			assert.Equal(t, test.port, k0sconfig.JoinPort(document))
		})
	}
}

func TestTheEtcdMemberIsNamedByUs(t *testing.T) {
	t.Parallel()
	facts := k0sconfig.Facts{EtcdMember: "tiger-a"}
	require.NoError(t, facts.Version.UnmarshalText([]byte("v1.36.3")))
	arguments := func(user string) (any, error) {
		document, err := k0sconfig.Parse([]byte(user))
		require.NoError(t, err)
		config, err := k0sconfig.Effective(document, facts)
		if err != nil {
			return nil, err
		}
		spec, _ := config.NodeLocal["spec"].(map[string]any)
		storage, _ := spec["storage"].(map[string]any)
		etcd, _ := storage["etcd"].(map[string]any)
		return etcd["extraArgs"], nil
	}

	got, err := arguments(`spec: {storage: {etcd: {extraArgs: {max-learners: "5"}}}}`)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"name": "tiger-a", "max-learners": "5"}, got, "the user's others are kept")

	got, err = arguments(`spec: {storage: {etcd: {rawArgs: [--quota=1]}}}`)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"name": "tiger-a"}, got)

	_, err = arguments(`spec: {storage: {etcd: {extraArgs: {name: other}}}}`)
	require.ErrorContains(
		t,
		err,
		`spec.storage.etcd.extraArgs.name: "other" contradicts "tiger-a" from the name of the Machine`,
	)
	_, err = arguments(`spec: {storage: {etcd: {rawArgs: ["--name=other"]}}}`)
	require.ErrorContains(t, err, "spec.storage.etcd.rawArgs: sets --name, which is the name of the Machine; remove it")

	facts.EtcdMember = ""
	got, err = arguments(`spec: {storage: {etcd: {extraArgs: {name: other}, rawArgs: ["--name=other"]}}}`)
	require.NoError(t, err, "a cluster's configuration names no member")
	assert.Equal(t, map[string]any{"name": "other"}, got)
}
