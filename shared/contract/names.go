// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Limits of child names by kind.
const (
	// NameLimit fits Services, Pods' host names and label values.
	NameLimit = 63
	// StatefulSetNameLimit leaves room for the ordinal and the revision hash that the controller appends to the names
	// of pods and the label controller-revision-hash.
	StatefulSetNameLimit = 52
)

// hashLength is how many hex digits keep two cut names apart: 40 bits.
const hashLength = 10

// ChildName is the name of the child of a cluster that plays a role: <cluster>-<role>. Above limit the cluster's part
// is cut and a hash of the full name put in its place, so that the role stays readable and two long cluster names with
// the same start never meet.
func ChildName(cluster, role string, limit int) string {
	name := cluster + "-" + role
	if len(name) <= limit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	tail := "-" + hex.EncodeToString(sum[:])[:hashLength] + "-" + role
	if len(tail) >= limit {
		return hex.EncodeToString(sum[:])[:min(limit, 2*sha256.Size)]
	}
	return strings.TrimRight(cluster[:limit-len(tail)], "-.") + tail
}

// Names of the Secrets that the contract fixes; they are never cut.
const (
	suffixKubeconfig = "-kubeconfig"
	suffixJoinInfo   = "-k0s-join"
	suffixCA         = "-ca"
)

// KubeconfigName is the name of the Secret with the cluster's admin kubeconfig.
func KubeconfigName(cluster string) string { return cluster + suffixKubeconfig }

// JoinInfoName is the name of the Secret that tells joiners how to join.
func JoinInfoName(cluster string) string { return cluster + suffixJoinInfo }

// CAName is the name of the Secret with the cluster's CA.
func CAName(cluster string) string { return cluster + suffixCA }
