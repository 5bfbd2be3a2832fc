// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

func TestSpecValidation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spec  Spec
		valid bool
	}{
		"plain":       {Spec{Name: "default.demo", Ports: []uint16{6443, 8132}}, true},
		"longest":     {Spec{Name: strings.Repeat("a", 251), Ports: []uint16{6443}}, true},
		"too long":    {Spec{Name: strings.Repeat("a", 252), Ports: []uint16{6443}}, false},
		"no name":     {Spec{Ports: []uint16{6443}}, false},
		"a path":      {Spec{Name: "../x", Ports: []uint16{6443}}, false},
		"no port":     {Spec{Name: "a"}, false},
		"port 0":      {Spec{Name: "a", Ports: []uint16{0}}, false},
		"joining":     {Spec{Name: "a", Ports: []uint16{6443, 9443}}, false},
		"ends in dot": {Spec{Name: "a.", Ports: []uint16{6443}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := c.spec.validate(); c.valid {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, machine.ErrInvalid)
			}
		})
	}
}

func TestAddressesAreKeptAndReturned(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, Config{Pool: addresses("127.0.1.1", "127.0.1.2")})
	ensure := func(name string) string {
		state, err := k.Ensure(t.Context(), Spec{Name: name, Ports: []uint16{freePort(t)}})
		require.NoError(t, err)
		return state.Address.String()
	}
	assert.Equal(t, "127.0.1.1", ensure("a"))
	assert.Equal(t, "127.0.1.2", ensure("b"))
	assert.Equal(t, "127.0.1.1", ensure("a"), "asking again changes nothing")

	_, err := k.Ensure(t.Context(), Spec{Name: "c", Ports: []uint16{1}})
	require.ErrorIs(t, err, machine.ErrPoolExhausted)
	_, err = k.Ensure(t.Context(), Spec{Name: "c"})
	require.ErrorIs(t, err, machine.ErrInvalid)

	require.NoError(t, k.Remove("a"))
	require.NoError(t, k.Remove("a"), "removing what is not there")
	assert.Equal(t, "127.0.1.1", ensure("c"))
	states, err := k.List()
	require.NoError(t, err)
	require.Len(t, states, 2)
	assert.Equal(t, []string{"b", "c"}, []string{states[0].Name, states[1].Name})
}

func TestAPortThatCannotBeOpenedIsTriedAgain(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	taken := errors.New("address already in use")
	refuse := map[uint16]error{port + 1: taken}
	config := Config{
		Pool: addresses("127.0.1.3"),
		Listen: func(_ context.Context, at netip.AddrPort) (net.Listener, error) {
			if err := refuse[at.Port()]; err != nil {
				return nil, err
			}
			return net.Listen("tcp", at.String())
		},
	}
	k := newKeeper(t, config)
	spec := Spec{Name: "a", Ports: []uint16{port, port + 1}}
	_, err := k.Ensure(t.Context(), spec)
	require.ErrorIs(t, err, taken)
	require.ErrorContains(t, err, "of load balancer a")

	delete(refuse, port+1)
	_, err = k.Ensure(t.Context(), spec)
	require.NoError(t, err, "the port that could be opened was closed again")
}

func TestANewKeeperTakesOver(t *testing.T) {
	t.Parallel()
	config := Config{State: t.TempDir(), Pool: addresses("127.0.1.4")}
	port := freePort(t)
	newServer(t, "127.0.1.5", port)
	old := newKeeper(t, config)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- old.Run(ctx) }()
	_, err := old.Ensure(ctx, Spec{Name: "a", Ports: []uint16{port}, Backends: addresses("127.0.1.5")})
	require.NoError(t, err)
	eventuallyAnswers(t, "127.0.1.4", port, "127.0.1.5")

	end()
	require.NoError(t, <-ended)
	_, err = net.Dial("tcp", target("127.0.1.4", port))
	require.Error(t, err, "it is not served any more")

	ctx, end = context.WithCancel(t.Context())
	defer end()
	go func() { ended <- newKeeper(t, config).Run(ctx) }()
	eventuallyAnswers(t, "127.0.1.4", port, "127.0.1.5")
	end()
	require.NoError(t, <-ended)
}

func TestOtherPortsTakeThePlaceOfTheFirst(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, Config{Pool: addresses("127.0.1.6")})
	first, second := freePort(t), freePort(t)
	for _, port := range []uint16{first, second} {
		newServer(t, "127.0.1.7", port)
		_, err := k.Ensure(t.Context(), Spec{Name: "a", Ports: []uint16{port}, Backends: addresses("127.0.1.7")})
		require.NoError(t, err)
		eventuallyAnswers(t, "127.0.1.6", port, "127.0.1.7")
	}
	_, err := net.Dial("tcp", target("127.0.1.6", first))
	require.Error(t, err)
}

// newKeeper is one that tries often, and listens on this machine's loopback unless it is told where.
func newKeeper(t *testing.T, config Config) *Keeper {
	t.Helper()
	if config.State == "" {
		config.State = t.TempDir()
	}
	if config.Listen == nil {
		config.Listen = func(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
		}
	}
	config.Interval = 50 * time.Millisecond
	k := NewKeeper(config)
	t.Cleanup(func() {
		states, err := k.List()
		assert.NoError(t, err)
		for _, state := range states {
			k.shut(state.Name)
		}
	})
	return k
}

func addresses(texts ...string) []netip.Addr {
	parsed := make([]netip.Addr, 0, len(texts))
	for _, text := range texts {
		parsed = append(parsed, netip.MustParseAddr(text))
	}
	return parsed
}

func target(address string, port uint16) string {
	return netip.AddrPortFrom(netip.MustParseAddr(address), port).String()
}

// freePort is one that nobody on this machine listens on.
func freePort(t *testing.T) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	defer listener.Close()
	return netip.MustParseAddrPort(listener.Addr().String()).Port()
}
