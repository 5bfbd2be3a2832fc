// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRawConfigDiffersInAddressesAndEtcdOnly(t *testing.T) {
	t.Parallel()
	config, err := rawConfig(`spec:
  api: {externalAddress: 10.211.0.200, extraArgs: {authentication-config: /var/lib/k0s/authentication.yaml}, port: 6443}
  konnectivity: {agentPort: 8132, externalAddress: "10.211.0.200:8132"}
  network: {provider: custom}
  storage: {type: etcd, etcd: {externalCluster: {endpoints: ["https://demo-etcd:2379"]}}}
`, "/dir")
	require.NoError(t, err)
	assert.YAMLEq(t, `spec:
  api: {externalAddress: 10.211.0.110, extraArgs: {authentication-config: /dir/authentication.yaml}, port: 6443}
  konnectivity: {agentPort: 8132, externalAddress: 10.211.0.110}
  network: {provider: custom}
  storage: {type: etcd}
`, string(config))
}

func TestRawConfigWantsTheHostedOne(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"", "spec: {}", "["} {
		_, err := rawConfig(config, "/dir")
		require.ErrorContains(t, err, "reading the hosted configuration", config)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	run := func(raw, hosted float64, writes, reads int) result {
		seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
		return result{raw: seconds(raw), hosted: seconds(hosted), writes: writes, reads: reads}
	}
	for name, test := range map[string]struct {
		results []result
		fails   bool
		text    string
	}{
		"Holds": {
			results: []result{run(10, 14, 20, 9), run(11, 30, 21, 7), run(12, 13, 22, 8)},
			text:    "median of 3: raw 11.0 s, hosted 14.0 s = 1.27 × raw (limit 1.5 ×)",
		},
		"TooSlow":    {results: []result{run(10, 16, 20, 9)}, fails: true, text: "= 1.60 × raw"},
		"TooChatty":  {results: []result{run(10, 12, 31, 9)}, fails: true, text: "31 writes (limit 30)"},
		"TooCurious": {results: []result{run(10, 12, 3, 31)}, fails: true, text: "31 reads (limit 30)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := judge(&out, test.results)
			assert.Equal(t, test.fails, err != nil)
			assert.Contains(t, out.String(), test.text)
		})
	}
}
