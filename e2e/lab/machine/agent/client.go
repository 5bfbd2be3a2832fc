// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/k0smotron/k0smotron/e2e/lab/balancer"
	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// Client asks an agent. Its errors are those of machine.Host: ErrNotFound, ErrTaken, ErrInvalid, ErrPoolExhausted.
type Client struct {
	http *http.Client
}

// NewClient asks the agent behind a socket. It connects anew for every request, so the agent may come and go.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Ensure makes and boots a machine unless it exists, and returns its state.
func (c *Client) Ensure(ctx context.Context, spec machine.Spec) (machine.State, error) {
	var state machine.State
	return state, c.do(ctx, http.MethodPut, "/machines/"+spec.Name, spec, &state)
}

// Get returns the state of a machine.
func (c *Client) Get(ctx context.Context, name string) (machine.State, error) {
	var state machine.State
	return state, c.do(ctx, http.MethodGet, "/machines/"+name, nil, &state)
}

// List returns the states of all machines.
func (c *Client) List(ctx context.Context) ([]machine.State, error) {
	var states []machine.State
	return states, c.do(ctx, http.MethodGet, "/machines", nil, &states)
}

// Destroy removes a machine. One that does not exist is no error.
func (c *Client) Destroy(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/machines/"+name, nil, nil)
}

// Start boots a machine that does not run.
func (c *Client) Start(ctx context.Context, name string) error {
	return c.order(ctx, name, orderStart)
}

// Stop shuts a machine down.
func (c *Client) Stop(ctx context.Context, name string) error {
	return c.order(ctx, name, orderStop)
}

// PowerCut ends a machine at once.
func (c *Client) PowerCut(ctx context.Context, name string) error {
	return c.order(ctx, name, orderPowerCut)
}

// Signal sends a signal to processes of a machine and returns how many there were, at least one.
func (c *Client) Signal(ctx context.Context, name string, signal machine.Signal) (int, error) {
	var count int
	err := c.do(ctx, http.MethodPost, "/machines/"+name+"/signal", signal, &count)
	return count, err
}

// EnsureBalancer makes a load balancer unless it exists, gives it its back ends, and returns its state.
func (c *Client) EnsureBalancer(ctx context.Context, spec balancer.Spec) (balancer.State, error) {
	var state balancer.State
	err := c.do(ctx, http.MethodPut, "/balancers/"+spec.Name, spec, &state)
	return state, err
}

// ListBalancers returns the states of all load balancers.
func (c *Client) ListBalancers(ctx context.Context) ([]balancer.State, error) {
	var states []balancer.State
	err := c.do(ctx, http.MethodGet, "/balancers", nil, &states)
	return states, err
}

// RemoveBalancer removes a load balancer. One that does not exist is no error.
func (c *Client) RemoveBalancer(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/balancers/"+name, nil, nil)
}

// SetFaults makes downloads fail.
func (c *Client) SetFaults(ctx context.Context, faults download.Faults) error {
	return c.do(ctx, http.MethodPut, "/faults", faults, nil)
}

func (c *Client) order(ctx context.Context, name, order string) error {
	return c.do(ctx, http.MethodPost, "/machines/"+name+"/"+order, nil, nil)
}

func (c *Client) do(ctx context.Context, method, path string, body, result any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("asking the machine agent: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("asking the machine agent: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking the machine agent: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusal(response)
	}
	if result == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(result); err != nil {
		return fmt.Errorf("reading the machine agent's answer: %w", err)
	}
	return nil
}

func refusal(response *http.Response) error {
	content, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	var p problem
	if err := json.Unmarshal(content, &p); err != nil {
		p.Error = string(content)
	}
	if known, exists := statuses[response.StatusCode]; exists {
		return fmt.Errorf("the machine agent refuses: %w (%s)", known, p.Error)
	}
	return fmt.Errorf("the machine agent answers %s: %s", response.Status, p.Error)
}
