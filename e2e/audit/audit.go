// SPDX-License-Identifier: Apache-2.0

// Package audit counts what a ServiceAccount asked of the management cluster, from the API server's audit log: the only
// witness that also sees what a manager does not know it does.
package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Request is one request that the API server has answered, or, for a watch, begun to answer.
type Request struct {
	At   time.Time
	User string
	Verb string
	// Resource is resource[/subresource]; empty if the request was about none, and only Path says what about.
	Resource, Namespace, Name string
	Path                      string
	Code                      int
}

// String is the request as a person writes it.
func (r Request) String() string {
	if r.Resource == "" {
		return fmt.Sprintf("%s %s %d", r.Verb, r.Path, r.Code)
	}
	return strings.TrimRight(fmt.Sprintf("%s %s %s/%s %d", r.Verb, r.Resource, r.Namespace, r.Name, r.Code), " /")
}

// Window is a span of time, both ends included. A zero end is open.
type Window struct{ From, To time.Time }

func (w Window) contains(at time.Time) bool {
	return !at.Before(w.From) && (w.To.IsZero() || !at.After(w.To))
}

type event struct {
	Stage     string    `json:"stage"`
	Verb      string    `json:"verb"`
	Path      string    `json:"requestURI"`
	Received  time.Time `json:"requestReceivedTimestamp"`
	User      struct{ Username string }
	ObjectRef struct {
		Resource, Subresource, Namespace, Name string
	}
	ResponseStatus struct{ Code int }
}

// File reads the requests of a window from a log file.
func File(path string, window Window) ([]Request, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading audit log: %w", err)
	}
	defer file.Close()
	return Read(file, window)
}

// Read reads the requests of a window. The last line may be cut off: the API server may be writing it.
func Read(log io.Reader, window Window) ([]Request, error) {
	var requests []Request
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return requests, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading audit log: %w", err)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("reading audit log: %w", err)
		}
		if !e.answered() || !window.contains(e.Received) {
			continue
		}
		requests = append(requests, e.request())
	}
}

// answered says whether this event is the one that stands for its request: a watch's first, any other's last.
func (e event) answered() bool {
	if e.Verb == "watch" {
		return e.Stage == "ResponseStarted"
	}
	return e.Stage == "ResponseComplete" || e.Stage == "Panic"
}

func (e event) request() Request {
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	return Request{
		At: e.Received, User: e.User.Username, Verb: e.Verb, Resource: resource,
		Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name, Path: e.Path, Code: e.ResponseStatus.Code,
	}
}

// Of are the requests of the ServiceAccounts of a namespace.
func Of(namespace string, requests []Request) []Request {
	return keep(requests, func(r Request) bool {
		return strings.HasPrefix(r.User, "system:serviceaccount:"+namespace+":")
	})
}

// About are the requests for one object and what is named after it, and those for no single object.
func About(name string, requests []Request) []Request {
	return keep(
		requests,
		func(r Request) bool { return r.Name == "" || r.Name == name || strings.HasPrefix(r.Name, name+"-") },
	)
}

// Writes are the requests that change something, but for leases and the reviews of scrapes.
func Writes(requests []Request) []Request {
	return keep(requests, func(r Request) bool {
		return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb) && !r.standing()
	})
}

// Reads are the requests that fetch objects: GETs and LISTs, but for leases and what is asked about no resource.
func Reads(requests []Request) []Request {
	return keep(requests, func(r Request) bool {
		return (r.Verb == "get" || r.Verb == "list") && r.Resource != "" && !r.standing()
	})
}

// Unexpected are the requests beyond what a manager needs that leads and has nothing to do: anything but watches, renewing
// its lease, and the reviews of scrapes.
func Unexpected(requests []Request) []Request {
	return keep(requests, func(r Request) bool {
		switch r.Resource {
		case "leases":
			return r.Verb != "update" && r.Verb != "patch"
		case "tokenreviews", "subjectaccessreviews":
			return r.Verb != "create"
		default:
			return r.Verb != "watch"
		}
	})
}

// Count tells how often each verb was asked of each resource.
func Count(requests []Request) map[string]int {
	count := map[string]int{}
	for _, r := range requests {
		count[r.Verb+" "+r.Resource]++
	}
	return count
}

// standing says whether the request belongs to a manager that merely runs: leader election, and checking who scrapes.
func (r Request) standing() bool {
	return slices.Contains([]string{"leases", "tokenreviews", "subjectaccessreviews"}, r.Resource)
}

func keep(requests []Request, wanted func(Request) bool) []Request {
	var kept []Request
	for _, r := range requests {
		if wanted(r) {
			kept = append(kept, r)
		}
	}
	return kept
}
