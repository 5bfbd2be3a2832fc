// SPDX-License-Identifier: Apache-2.0

// Package agent lets the lab's infrastructure provider, which runs in a pod, have machines made by the host, and lets
// tests disturb them. It speaks HTTP over a unix socket: whoever may open the socket may do all of it.
//
//	PUT    /machines/<name>          make and boot it, unless it exists; body: machine.Spec
//	GET    /machines/<name>          its state
//	DELETE /machines/<name>          destroy it
//	POST   /machines/<name>/<order>  start, stop or power-cut
//	POST   /machines/<name>/signal   send a signal to its processes of a name; body: machine.Signal; answer: how many
//	GET    /machines                 the states of all
//	PUT    /balancers/<name>         make it, unless it exists, and give it its back ends; body: balancer.Spec
//	DELETE /balancers/<name>         remove it
//	GET    /balancers                the states of all
//	PUT    /faults                   make downloads fail; body: download.Faults
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/balancer"
	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// Machines is what the agent does for its clients; machine.Host does it.
type Machines interface {
	Ensure(ctx context.Context, spec machine.Spec) (machine.State, error)
	Get(name string) (machine.State, error)
	List() ([]machine.State, error)
	Destroy(ctx context.Context, name string) error
	Orders
}

// Orders are what can be done to a machine that exists.
type Orders interface {
	Start(ctx context.Context, name string) error
	Stop(ctx context.Context, name string) error
	PowerCut(ctx context.Context, name string) error
	Signal(name string, signal machine.Signal) (int, error)
}

// Balancers makes load balancers; balancer.Keeper does it.
type Balancers interface {
	Ensure(ctx context.Context, spec balancer.Spec) (balancer.State, error)
	List() ([]balancer.State, error)
	Remove(name string) error
}

// FaultSetter is the download server, as far as the agent is concerned.
type FaultSetter interface {
	SetFaults(faults download.Faults)
}

// Services are what the agent hands requests on to.
type Services struct {
	Machines  Machines
	Balancers Balancers
	Downloads FaultSetter
}

// NewHandler answers the requests of the agent's clients.
func NewHandler(services Services) http.Handler {
	mux := http.NewServeMux()
	handleMachines(mux, services.Machines)
	handleOrders(mux, services.Machines)
	handleBalancers(mux, services.Balancers)
	mux.HandleFunc("PUT /faults", func(w http.ResponseWriter, r *http.Request) {
		var faults download.Faults
		err := json.NewDecoder(r.Body).Decode(&faults)
		if err == nil {
			services.Downloads.SetFaults(faults)
		}
		answer(w, struct{}{}, err)
	})
	return mux
}

func handleMachines(mux *http.ServeMux, machines Machines) {
	mux.HandleFunc("PUT /machines/{name}", func(w http.ResponseWriter, r *http.Request) {
		var spec machine.Spec
		if err := json.NewDecoder(r.Body).Decode(&spec); err != nil || spec.Name != r.PathValue("name") {
			answer(w, nil, fmt.Errorf("%w: the body is not a machine of this name", machine.ErrInvalid))
			return
		}
		state, err := machines.Ensure(r.Context(), spec)
		answer(w, state, err)
	})
	mux.HandleFunc("GET /machines/{name}", func(w http.ResponseWriter, r *http.Request) {
		state, err := machines.Get(r.PathValue("name"))
		answer(w, state, err)
	})
	mux.HandleFunc("GET /machines", func(w http.ResponseWriter, _ *http.Request) {
		states, err := machines.List()
		answer(w, states, err)
	})
	mux.HandleFunc("DELETE /machines/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, machines.Destroy(r.Context(), r.PathValue("name")))
	})
}

func handleOrders(mux *http.ServeMux, machines Orders) {
	mux.HandleFunc("POST /machines/{name}/{order}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, obey(r.Context(), machines, r.PathValue("name"), r.PathValue("order")))
	})
	mux.HandleFunc("POST /machines/{name}/signal", func(w http.ResponseWriter, r *http.Request) {
		var signal machine.Signal
		if err := json.NewDecoder(r.Body).Decode(&signal); err != nil {
			answer(w, nil, fmt.Errorf("%w: the body is not a signal", machine.ErrInvalid))
			return
		}
		count, err := machines.Signal(r.PathValue("name"), signal)
		answer(w, count, err)
	})
}

func handleBalancers(mux *http.ServeMux, balancers Balancers) {
	mux.HandleFunc("PUT /balancers/{name}", func(w http.ResponseWriter, r *http.Request) {
		var spec balancer.Spec
		if err := json.NewDecoder(r.Body).Decode(&spec); err != nil || spec.Name != r.PathValue("name") {
			answer(w, nil, fmt.Errorf("%w: the body is not a load balancer of this name", machine.ErrInvalid))
			return
		}
		state, err := balancers.Ensure(r.Context(), spec)
		answer(w, state, err)
	})
	mux.HandleFunc("GET /balancers", func(w http.ResponseWriter, _ *http.Request) {
		states, err := balancers.List()
		answer(w, states, err)
	})
	mux.HandleFunc("DELETE /balancers/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, balancers.Remove(r.PathValue("name")))
	})
}

// The orders of POST /machines/<name>/<order>.
const (
	orderStart    = "start"
	orderStop     = "stop"
	orderPowerCut = "power-cut"
)

func obey(ctx context.Context, machines Orders, name, order string) error {
	switch order {
	case orderStart:
		return machines.Start(ctx, name)
	case orderStop:
		return machines.Stop(ctx, name)
	case orderPowerCut:
		return machines.PowerCut(ctx, name)
	default:
		return fmt.Errorf("%w: there is no order %q", machine.ErrInvalid, order)
	}
}

// problem is the body of an answer that is not the one asked for.
type problem struct {
	Error string `json:"error"`
}

// statuses gives the errors that clients tell apart a number each.
var statuses = map[int]error{
	http.StatusNotFound:            machine.ErrNotFound,
	http.StatusConflict:            machine.ErrTaken,
	http.StatusBadRequest:          machine.ErrInvalid,
	http.StatusInsufficientStorage: machine.ErrPoolExhausted,
}

func answer(w http.ResponseWriter, body any, err error) {
	status := http.StatusOK
	if err != nil {
		status, body = statusOf(err), problem{Error: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	content, err := json.Marshal(body)
	if err != nil {
		status, content = http.StatusInternalServerError, nil
	}
	w.WriteHeader(status)
	// The client has gone if this fails; it will ask again.
	_, _ = w.Write(content)
}

func statusOf(err error) int {
	for status, known := range statuses {
		if errors.Is(err, known) {
			return status
		}
	}
	return http.StatusInternalServerError
}

// Listen opens the agent's socket. One that an agent left behind when it was killed is taken over.
func Listen(ctx context.Context, socket string) (net.Listener, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("clearing the agent's socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("opening the agent's socket: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("keeping the agent's socket to root: %w", err), listener.Close())
	}
	return listener, nil
}

// Serve answers requests until ctx ends.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}
