// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// joinableCases are storages, and a part of what is wrong with each.
func joinableCases() map[string]struct{ storage, want string } {
	return map[string]struct{ storage, want string }{
		"Etcd":           {storage: `{type: etcd}`},
		"EtcdBesideKine": {storage: `{kine: {dataSource: "sqlite:///a"}}`}, // Without a type k0s runs etcd.
		"ExternalEtcd":   {storage: `{etcd: {externalCluster: {endpoints: [x]}}}`},
		"Postgres":       {storage: `{type: kine, kine: {dataSource: "postgres://u:hunter2@h/db"}}`},
		"MySQL":          {storage: `{type: kine, kine: {dataSource: "mysql://u:hunter2@tcp(h:3306)/db"}}`},
		"EtcdBehindKine": {storage: `{type: kine, kine: {dataSource: "https://h:2379"}}`},

		"Kine":          {`{type: kine}`, "is not set, so kine uses SQLite"},
		"KineEmpty":     {`{type: kine, kine: {}}`, "is not set, so kine uses SQLite"},
		"KineNull":      {`{type: kine, kine: {dataSource: null}}`, "is not set"},
		"KineArguments": {`{type: kine, kine: {extraArgs: {debug: "true"}}}`, "is not set"},
		"KineNumber":    {`{type: kine, kine: {dataSource: 7}}`, "is not set"},
		"KineList":      {`{type: kine, kine: []}`, "is not set"},
		"NoScheme":      {`{type: kine, kine: {dataSource: "/hunter2/k.db"}}`, "is no URL, which kine takes for SQLite"},
		"OnlyAColon":    {`{type: kine, kine: {dataSource: "postgres:hunter2@h/db"}}`, "is no URL"},
		"EmptyScheme":   {`{type: kine, kine: {dataSource: "://hunter2/db"}}`, "is no URL"},
		"SQLite":        {`{type: kine, kine: {dataSource: "sqlite://"}}`, `"sqlite://…" is a file`},
		"SQLiteDefault": {
			`{type: kine, kine: {dataSource: "sqlite://file:/var/lib/k0s/db/state.db?mode=rwc&_journal=WAL"}}`,
			`"sqlite://…" is a file: the state of the cluster would lie on one machine`,
		},
		"SQLiteFile": {
			`{type: kine, kine: {dataSource: "sqlite:///data/k.db?_auth_pass=hunter2"}}`,
			`"sqlite://…" is a file`,
		},
		"SQLiteMemory": {`{type: kine, kine: {dataSource: "sqlite://:memory:"}}`, `"sqlite://…" is a file`},
	}
}

// natsCases are data sources of NATS, and whether kine runs the server itself or k0s believes so.
func natsCases() map[string]struct {
	source  string
	refused bool
} {
	return map[string]struct {
		source  string
		refused bool
	}{
		"Bare":               {"nats://", true},
		"Host":               {"nats://h:4222", true},
		"Credentials":        {"nats://u:hunter2@h:4222?bucket=k", true},
		"OtherCase":          {"nats://h:4222?noembed", true},
		"ServerConfig":       {"nats://?serverConfig=/etc/nats.conf", true},
		"Fragment":           {"nats://h#noEmbed", true},
		"InTheBucket":        {"nats://h?bucket=noEmbed", true},
		"NoURL":              {"nats://h:port?noEmbed", true},
		"BadParameters":      {"nats://h?noEmbed;a", true},
		"SeveralBare":        {"nats://a:4222,nats://b:4222", true},
		"OnlyInTheSecond":    {"nats://a:4222,b:4222?noEmbed", true}, // kine looks at the first.
		"OnlyAtTheEnd":       {"nats://a?noEmbed,nats://b", true},    // k0s reads a parameter "noEmbed,nats://b".
		"NoEmbed":            {"nats://h:4222?noEmbed", false},       // There is no value in kine's examples.
		"NoEmbedTrue":        {"nats://h:4222?bucket=k&noEmbed=true", false},
		"NoEmbedFalse":       {"nats://h:4222?noEmbed=false", false}, // Being there counts.
		"NoEmbedCredentials": {"nats://u:hunter2@h:4222?noEmbed", false},
		"NoEmbedContext":     {"nats://?contextFile=/etc/nats.json&noEmbed", false},
		"NoEmbedSeveral":     {"nats://a?noEmbed&bucket=k,nats://b", false},
	}
}

func TestJoinable(t *testing.T) {
	t.Parallel()
	require.NoError(t, k0sconfig.Joinable(nil))
	for name, test := range joinableCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkJoinable(t, k0sconfig.Joinable(document(t, "spec: {storage: "+test.storage+"}")), test.want)
		})
	}
	for name, test := range natsCases() {
		t.Run("NATS"+name, func(t *testing.T) {
			t.Parallel()
			want := ""
			if test.refused {
				want = `"nats://…" makes kine run a NATS server itself`
			}
			user := map[string]any{"spec": map[string]any{"storage": map[string]any{
				"type": "kine", "kine": map[string]any{"dataSource": test.source},
			}}}
			checkJoinable(t, k0sconfig.Joinable(user), want)
		})
	}
}

func checkJoinable(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	requireUsefulProblems(t, err)
	require.ErrorContains(t, err, "spec.storage.kine.dataSource: "+want)
	require.ErrorContains(t, err, "with one replica, too")
	require.ErrorContains(t, err, "; use etcd, or kine with a database that all controllers reach")
	assert.NotContains(t, err.Error(), "hunter", "it may be secret")
}
