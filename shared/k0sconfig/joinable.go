// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"net/url"
	"strings"
)

// Joinable refuses a ClusterConfig document with which a single machine keeps
// the state of the cluster: k0s lets no other controller join it then, so the
// machine can never be replaced. The error is a [ConfigErrors]. Of the data
// source it shows the scheme alone: the rest may hold credentials.
func Joinable(document map[string]any) error {
	if lookupAs[string](document, at("spec.storage.type")) != "kine" {
		return nil
	}
	place := at("spec.storage.kine.dataSource")
	source := lookupAs[string](document, place)
	scheme, _, isURL := strings.Cut(source, "://")
	problem := Problem{Path: place.String(), Fix: "use etcd, or kine with a database that all controllers reach: " +
		"postgres://…, mysql://… or nats://…?noEmbed"}
	switch {
	case source == "":
		problem.Message = "is not set, so kine uses SQLite" + onOneMachine
	case !isURL || scheme == "":
		problem.Message = "is no URL, which kine takes for SQLite" + onOneMachine
	case scheme == "sqlite":
		problem.Value, problem.Message = shown("sqlite://…"), "is a file"+onOneMachine
	case scheme == "nats" && embedsServer(source):
		problem.Value, problem.Message = shown("nats://…"), "makes kine run a NATS server itself"+onOneMachine
	default:
		return nil
	}
	return ConfigErrors{problem}
}

// onOneMachine is why a storage is refused.
const onOneMachine = ": the state of the cluster would lie on one machine, which no other controller can join; " +
	"with one replica, too, replacing the machine would lose everything"

// embedsServer tells whether kine runs the NATS server itself. It does unless
// the first of the servers, which are separated by commas, comes with the
// parameter noEmbed, whatever its value. k0s reads the list as one URL, and
// lets nobody join unless it sees the parameter in that.
func embedsServer(source string) bool {
	first, _, _ := strings.Cut(source, ",")
	return !hasNoEmbed(first) || !hasNoEmbed(source)
}

func hasNoEmbed(source string) bool {
	parsed, err := url.Parse(source)
	if err != nil {
		return false
	}
	parameters, err := url.ParseQuery(parsed.RawQuery)
	return err == nil && parameters.Has("noEmbed")
}
