// SPDX-License-Identifier: Apache-2.0

package desired

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// authenticationConfiguration lets anybody read the health paths and nothing else. The management cluster's kubelet
// probes with HTTP and has no certificate for the workload cluster.
//
//go:embed authentication.yaml
var authenticationConfiguration string

// ProbeAccess is how the kubelet of the management cluster can ask a control plane pod about its health.
type ProbeAccess int

const (
	// ProbeTCP tells only whether the port is open.
	ProbeTCP ProbeAccess = iota
	// ProbeHTTP asks the health paths of the API server.
	ProbeHTTP
)

const flagAuthenticationConfig = "authentication-config"

// AccessOf decides how a control plane can be probed: over HTTP where the k0s release lets us open the health paths and
// the user does not configure authentication, which kube-apiserver takes from one place only.
func AccessOf(user map[string]any, version k0sversion.Version) ProbeAccess {
	if !version.Supports(k0sversion.AnonymousHealthAuthConfig) ||
		slices.ContainsFunc(apiServerFlags(user), authenticates) {
		return ProbeTCP
	}
	return ProbeHTTP
}

func (a ProbeAccess) apiServerArgs() map[string]string {
	if a == ProbeTCP {
		return nil
	}
	return map[string]string{flagAuthenticationConfig: dataDir + "/" + KeyAuthentication}
}

func authenticates(flag string) bool {
	return flag == flagAuthenticationConfig || flag == "anonymous-auth" || strings.HasPrefix(flag, "oidc-")
}

// apiServerFlags are the names of the flags of kube-apiserver in a user's configuration.
func apiServerFlags(user map[string]any) []string {
	spec, _ := user["spec"].(map[string]any)
	api, _ := spec["api"].(map[string]any)
	extra, _ := api["extraArgs"].(map[string]any)
	raw, _ := api["rawArgs"].([]any)
	flags := make([]string, 0, len(extra)+len(raw))
	for name := range extra {
		flags = append(flags, name)
	}
	for _, arg := range raw {
		text, _ := arg.(string)
		name, _, _ := strings.Cut(strings.TrimLeft(text, "-"), "=")
		flags = append(flags, name)
	}
	return flags
}
