// SPDX-License-Identifier: Apache-2.0

package network

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

func TestBalancerAddressesAreNobodyElses(t *testing.T) {
	t.Parallel()
	pool := BalancerAddresses()
	assert.Len(t, pool, 20)
	subnet := netip.MustParsePrefix(layout.Subnet)
	for _, address := range pool {
		assert.True(t, subnet.Contains(address))
		assert.NotContains(t, LoadBalancerAddresses(), address)
		assert.Greater(t, address.As4()[3], byte(99), "those below are the machines'")
		assert.NotContains(t, []string{layout.MgmtIP, layout.BalancerIP}, address.String())
	}
}

func TestListenInANamespaceThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := ListenIn(t.Context(), "k0slab-none", netip.MustParseAddrPort("127.0.0.1:0"))
	require.ErrorIs(t, err, os.ErrNotExist)
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
	for _, name := range []string{layout.Bridge, layout.MgmtVeth, layout.BalancerVeth} {
		assert.LessOrEqual(t, len(name), 15)
	}
}
