// SPDX-License-Identifier: Apache-2.0

package bootstrapdata

// Where the k0s project publishes its releases. {version} and {arch} are
// filled in as in spec.downloadURL.
const (
	// ReleaseURL is the k0s binary.
	ReleaseURL = "https://github.com/k0sproject/k0s/releases/download/{version}/k0s-{version}-{arch}"
	// ChecksumsURL is the list of SHA-256 sums beside it.
	ChecksumsURL = "https://github.com/k0sproject/k0s/releases/download/{version}/sha256sums.txt"
	// DefaultInstallDir is where the binary goes when spec.k0sInstallDir is
	// unset, as k0s's own installer does.
	DefaultInstallDir = "/usr/local/bin"
	// DefaultDataDir is the data directory of k0s.
	DefaultDataDir = "/var/lib/k0s"
)

// UninitializedTaint keeps pods away until Cluster API has put the Machine's
// labels on the Node; Cluster API removes it.
const UninitializedTaint = "node.cluster.x-k8s.io/uninitialized:NoSchedule"

// Paths on the machine. The schema of the configs keeps spec.files away from
// them.
const (
	configDir    = "/etc/k0smotron"
	scriptPath   = configDir + "/bootstrap.sh"
	unitDir      = "/etc/systemd/system"
	tokenPath    = "/etc/k0s/join-token" //nolint:gosec // the path of a token, not a token
	configPath   = "/etc/k0s/k0s.yaml"
	permitPath   = "/run/k0smotron/first-start"
	stateDir     = "/var/lib/k0smotron/bootstrap"
	markerPath   = "/var/lib/k0smotron/bootstrap.done"
	sentinelPath = "/run/cluster-api/bootstrap-success.complete"
	logPath      = "/var/log/k0smotron-bootstrap.log"
)

// Permissions of files whose owner did not wish for others.
const (
	secretMode     = "0600"
	publicMode     = "0644"
	executableMode = "0700"
)
