// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/balancer"
	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
	"github.com/k0smotron/k0smotron/e2e/lab/machine/agent"
)

// machines remembers what it was asked and answers with err.
type machines struct {
	asked  []string
	spec   machine.Spec
	signal machine.Signal
	behind balancer.Spec
	faults download.Faults
	err    error
}

var state = machine.State{Name: "a", Owner: "me", Address: netip.MustParseAddr("10.211.0.20"), Running: true}

func (m *machines) ask(what, name string) error {
	m.asked = append(m.asked, what+" "+name)
	return m.err
}

func (m *machines) Ensure(_ context.Context, spec machine.Spec) (machine.State, error) {
	m.spec = spec
	return state, m.ask("ensure", spec.Name)
}

func (m *machines) Get(name string) (machine.State, error) { return state, m.ask("get", name) }

func (m *machines) List() ([]machine.State, error)                { return []machine.State{state}, m.ask("list", "") }
func (m *machines) Destroy(_ context.Context, name string) error  { return m.ask("destroy", name) }
func (m *machines) Start(_ context.Context, name string) error    { return m.ask("start", name) }
func (m *machines) Stop(_ context.Context, name string) error     { return m.ask("stop", name) }
func (m *machines) PowerCut(_ context.Context, name string) error { return m.ask("power-cut", name) }

func (m *machines) Signal(name string, signal machine.Signal) (int, error) {
	m.signal = signal
	return 2, m.ask("signal", name)
}

// balancers answers for load balancers in the place of machines.
type balancers struct{ *machines }

var balanced = balancer.State{
	Name: "default.a", Address: netip.MustParseAddr("10.211.0.150"),
	Backends: []balancer.Backend{{Target: netip.MustParseAddrPort("10.211.0.20:6443"), Up: true, Connections: 3}},
}

func (b balancers) Ensure(_ context.Context, spec balancer.Spec) (balancer.State, error) {
	b.behind = spec
	return balanced, b.ask("balance", spec.Name)
}

func (b balancers) List() ([]balancer.State, error) {
	return []balancer.State{balanced}, b.ask("balancers", "")
}

func (b balancers) Remove(name string) error { return b.ask("remove", name) }

func (m *machines) SetFaults(faults download.Faults) { m.faults = faults }

func TestEveryRequestArrives(t *testing.T) {
	ctx := t.Context()
	m := &machines{}
	client := serve(t, m)

	spec := machine.Spec{Name: "a", Owner: "me", UserData: []byte("#cloud-config\n\x00\xff")}
	got, err := client.Ensure(ctx, spec)
	require.NoError(t, err)
	assert.Equal(t, state, got)
	assert.Equal(t, spec, m.spec)

	got, err = client.Get(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, state, got)

	list, err := client.List(ctx)
	require.NoError(t, err)
	assert.Equal(t, []machine.State{state}, list)

	require.NoError(t, client.Stop(ctx, "a"))
	require.NoError(t, client.Start(ctx, "a"))
	require.NoError(t, client.PowerCut(ctx, "a"))
	require.NoError(t, client.Destroy(ctx, "a"))
	assert.Equal(t, []string{"ensure a", "get a", "list ", "stop a", "start a", "power-cut a", "destroy a"}, m.asked)

	require.NoError(t, client.SetFaults(ctx, download.Faults{FailNext: 2, BytesPerSecond: 3}))
	assert.Equal(t, download.Faults{FailNext: 2, BytesPerSecond: 3}, m.faults)
}

func TestRequestsForLoadBalancersArrive(t *testing.T) {
	ctx := t.Context()
	m := &machines{}
	client := serve(t, m)
	spec := balancer.Spec{
		Name: "default.a", Ports: []uint16{6443, 8132}, Backends: []netip.Addr{netip.MustParseAddr("10.211.0.20")},
	}
	got, err := client.EnsureBalancer(ctx, spec)
	require.NoError(t, err)
	assert.Equal(t, balanced, got)
	assert.Equal(t, spec, m.behind)

	list, err := client.ListBalancers(ctx)
	require.NoError(t, err)
	assert.Equal(t, []balancer.State{balanced}, list)
	require.NoError(t, client.RemoveBalancer(ctx, "default.a"))
	assert.Equal(t, []string{"balance default.a", "balancers ", "remove default.a"}, m.asked)
}

func TestSignalsArrive(t *testing.T) {
	m := &machines{}
	client := serve(t, m)
	signal := machine.Signal{Name: "STOP", Process: "k0s", Argument: "controller"}
	count, err := client.Signal(t.Context(), "a", signal)
	require.NoError(t, err)
	assert.Equal(t, 2, count)
	assert.Equal(t, signal, m.signal)
	assert.Equal(t, []string{"signal a"}, m.asked)
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	for _, known := range []error{machine.ErrNotFound, machine.ErrTaken, machine.ErrInvalid, machine.ErrPoolExhausted} {
		client := serve(t, &machines{err: known})
		_, err := client.Get(t.Context(), "a")
		require.ErrorIs(t, err, known)
	}
	client := serve(t, &machines{err: errors.New("out of luck")})
	err := client.Start(t.Context(), "a")
	require.ErrorContains(t, err, "out of luck")
	require.ErrorContains(t, err, "500")
}

func TestABodyMustBeOfTheMachineInThePath(t *testing.T) {
	m := &machines{}
	client := serve(t, m)
	_, err := client.Ensure(t.Context(), machine.Spec{Name: "a/stop"})
	require.Error(t, err)
	assert.Empty(t, m.asked)
}

func TestAnAgentThatIsAwayIsAnError(t *testing.T) {
	_, err := agent.NewClient(filepath.Join(t.TempDir(), "none")).List(t.Context())
	require.ErrorContains(t, err, "asking the machine agent")
}

func TestTheSocketIsRootsAloneAndTakenOver(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.WriteFile(socket, nil, 0o600))
	listener, err := agent.Listen(t.Context(), socket)
	require.NoError(t, err)
	defer listener.Close()
	info, err := os.Stat(socket)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestServeEndsWithItsContext(t *testing.T) {
	listener, err := agent.Listen(t.Context(), filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- agent.Serve(ctx, listener, http.NotFoundHandler()) }()
	cancel()
	assert.NoError(t, <-ended)
}

func serve(t *testing.T, m *machines) *agent.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := agent.Listen(t.Context(), socket)
	require.NoError(t, err)
	go func() {
		_ = agent.Serve(t.Context(), listener, agent.NewHandler(agent.Services{
			Machines: m, Balancers: balancers{m}, Downloads: m,
		}))
	}()
	return agent.NewClient(socket)
}
