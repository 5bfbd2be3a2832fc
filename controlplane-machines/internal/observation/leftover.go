// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"fmt"
	"slices"
	"strings"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/contract"
)

// mostLeftOver bounds the record. Long before, etcd takes no more members and no Machine is made that could be added.
const mostLeftOver = 32

// ParseLeftOver reads the value of [contract.LeftOverMembersAnnotation]. What cannot be read is an error, and nothing is
// said about the rest then: people write it, too.
func ParseLeftOver(text string) ([]controlplane.LeftOver, error) {
	var list []controlplane.LeftOver
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		machine, address, separated := strings.Cut(entry, "=")
		machine, address = strings.TrimSpace(machine), strings.TrimSpace(address)
		if !separated || machine == "" {
			return nil, fmt.Errorf(
				"annotation %s: %q is not of the form name=address",
				contract.LeftOverMembersAnnotation,
				entry,
			)
		}
		list = append(list, controlplane.LeftOver{Machine: machine, Address: address})
	}
	return list, nil
}

// FormatLeftOver is the value that [ParseLeftOver] reads.
func FormatLeftOver(list []controlplane.LeftOver) string {
	entries := make([]string, 0, len(list))
	for _, left := range list {
		entries = append(entries, left.Machine+"="+left.Address)
	}
	return strings.Join(entries, ",")
}

// LeftOver are the members that may be left over in etcd, as recorded on the control plane, less those of which the
// workload cluster shows that they are not: an EtcdMember has their name or address. When they differ from what is
// recorded, the record is brought up to date. An error says that the record cannot be read; then it is left alone.
func LeftOver(o Objects) ([]controlplane.LeftOver, error) {
	recorded, err := ParseLeftOver(o.ControlPlane.Annotations[contract.LeftOverMembersAnnotation])
	if err != nil || o.Workload == nil {
		return recorded, err
	}
	return slices.DeleteFunc(recorded, func(left controlplane.LeftOver) bool {
		return slices.ContainsFunc(o.Workload.Members, func(member k0snode.EtcdMember) bool { return shows(member, left) })
	}), nil
}

// shows tells whether a member is the one that was taken for left over, or has its address.
func shows(member k0snode.EtcdMember, left controlplane.LeftOver) bool {
	return member.Joined == k0snode.JoinedTrue &&
		(member.Name == left.Machine || left.Address != "" && member.PeerAddress == left.Address)
}

// LeftOverWith are the members left over once a Machine has gone without having been seen as one. The newest stays when
// there are too many.
func LeftOverWith(o Objects, machine *clusterv1.Machine) ([]controlplane.LeftOver, error) {
	list, err := LeftOver(o)
	if err != nil {
		return nil, err
	}
	left := controlplane.LeftOver{Machine: machine.Name, Address: o.address(machine)}
	list = slices.DeleteFunc(list, func(other controlplane.LeftOver) bool {
		return other.Machine == left.Machine || left.Address != "" && other.Address == left.Address
	})
	list = append(list, left)
	return list[max(0, len(list)-mostLeftOver):], nil
}

// leftOverMessage tells where it may be, and how it is removed.
func leftOverMessage(left controlplane.LeftOver) string {
	where, address := "at "+left.Address, left.Address
	if address == "" {
		where, address = "at an address that it has not reported", "<address>"
	}
	return fmt.Sprintf(
		"etcd may hold a member that never ran, of machine %s, which is gone, %s: unless another Machine has that address "+
			"now, run 'k0s etcd leave --peer-address %s' on a healthy controller ('peer not found' says that there is none), and "+
			"then remove its entry from the annotation %s",
		left.Machine,
		where,
		address,
		contract.LeftOverMembersAnnotation,
	)
}
