// SPDX-License-Identifier: Apache-2.0

package seen

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"Names":    {"d3m0-workers-abcde-f0123 d3m0-workers-abcde", "demo-workers-x7k2p-9qd4m demo-workers-x7k2p"},
		"Cluster":  {"cluster-name=d3m0,role", "cluster-name=demo,role"},
		"Hash":     {"machine-template-hash=186005064-fk2lq", "machine-template-hash=1234567890-x7k2p"},
		"Times":    {"at 2026-11-23T03:00:04Z", "at 2026-01-01T00:00:00Z"},
		"Versions": {"Resource Version:  4711", "Resource Version:  1000"},
		"Addresses": {
			"https://10.211.0.217:6443 10.211.0.31 10.211.0.1", "https://10.211.0.200:6443 10.211.0.20 10.211.0.1",
		},
		"Runtime": {"Container Runtime Version:  containerd://2.1.4", "Container Runtime Version:  …"},
		"Machine": {"    Architecture:  arm64", "Architecture:  amd64"},
		"Words": {
			"waiting 2 members for 5m v1.36.3+k0s True False", "waiting 2 members for 5m v1.36.3+k0s True False",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, Stable(test.text))
		})
	}
}

func TestStableObject(t *testing.T) {
	t.Parallel()
	const text = "Metadata:\n  Generation:  %s\nStatus:\n  Conditions:\n    Observed Generation:   %s\n" +
		"    Observed Generation:   %s\n  Observed Generation:  %s"
	fill := func(values ...string) string {
		filled := text
		for _, value := range values {
			filled = replaceFirst(filled, "%s", value)
		}
		return filled
	}
	assert.Equal(t, fill("2", "2", "2", "2"), StableObject(fill("4", "4", "4", "4")))
	assert.Equal(t, fill("2", "3", "2", "2"), StableObject(fill("4", "3", "4", "4")), "one that lags is seen")
	assert.Equal(t, "Status:  fine", StableObject("Status:  fine"))
}

func replaceFirst(text, old, replacement string) string {
	before, after, _ := strings.Cut(text, old)
	return before + replacement + after
}

func TestStableTables(t *testing.T) {
	t.Parallel()
	young := "NAME        READY   PAUSED   AGE   VERSION\n" +
		"machine/a   True             57s   v1.36.3+k0s\n" +
		"\n" +
		"NAME   MESSAGE   AGE\n" +
		"b                3s\n"
	old := "NAME        READY   PAUSED   AGE     VERSION\n" +
		"machine/a   True             12m5s   v1.36.3+k0s\n" +
		"\n" +
		"NAME   MESSAGE   AGE\n" +
		"b                2d3h\n"
	want := "NAME        READY   PAUSED   AGE   VERSION\n" +
		"machine/a   True             2m    v1.36.3+k0s\n" +
		"\n" +
		"NAME   MESSAGE   AGE\n" +
		"b                2m"
	assert.Equal(t, want, StableTables(young))
	assert.Equal(t, want, StableTables(old))
	assert.NotEqual(t, want, StableTables("NAME        READY   PAUSED   AGE   VERSION\n"+
		"machine/a   False            57s   v1.36.3+k0s\n\nNAME   MESSAGE   AGE\nb                3s\n"))
	assert.Equal(t, "A B   MESSAGE\nx     3m", StableTables("A B   MESSAGE\nx     3m\n"), "only ages are ages")
}
