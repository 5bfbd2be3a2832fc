// SPDX-License-Identifier: Apache-2.0

package network

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

func TestLoadBalancerAddresses(t *testing.T) {
	t.Parallel()
	pool := LoadBalancerAddresses()
	assert.Len(t, pool, 50)
	assert.Equal(t, layout.LoadBalancerFirst, pool[0].String())
	assert.Equal(t, layout.LoadBalancerLast, pool[49].String())
	subnet := netip.MustParsePrefix(layout.Subnet)
	for _, address := range pool {
		assert.True(t, subnet.Contains(address))
		assert.NotEqual(t, layout.MgmtIP, address.String())
	}
}

func TestEveryRuleIsMarkedAndOfTheSegment(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		arguments := strings.Join(r.arguments("-D"), " ")
		assert.Contains(t, arguments, "-t "+r.table+" -D "+r.chain)
		assert.Contains(t, arguments, "--comment k0smotron-lab")
		assert.Contains(t, arguments, layout.Bridge)
	}
}

func TestDeviceNamesFitTheKernel(t *testing.T) {
	t.Parallel()
	for _, name := range []string{layout.Bridge, layout.MgmtVeth} {
		assert.LessOrEqual(t, len(name), 15)
	}
}
