// SPDX-License-Identifier: Apache-2.0

// Package bootstrapdata says what makes a machine a k0s node, as data: files
// and the unit to start. It is pure; internal/userdata encodes its answer for
// the machine's operating system.
//
// The work itself is one script, machine/bootstrap.sh, the same for every
// machine. What differs lies beside it on the machine: a file of parameters,
// the arguments of k0s, the user's commands as scripts of their own. No shell
// text is ever put together here, so nothing a user writes can change what the
// script does.
//
//	/etc/k0smotron/bootstrap.sh             the script
//	/etc/k0smotron/parameters               name=value lines
//	/etc/k0smotron/k0s-arguments            arguments of k0s, one per line
//	/etc/k0smotron/{pre,post}-k0s/NNN.sh    commands
//	/etc/k0s/join-token                     the join token, until the machine has joined
//	/etc/k0s/k0s.yaml                       the configuration of a controller
//	/var/lib/k0s/pki/                       its certificates, below its data directory
//	/var/lib/k0smotron/bootstrap/           what is done already
//	/var/lib/k0smotron/bootstrap.done       the marker: all is done
//	/run/k0smotron/first-start              the permit of a controller to start without data
//
// A controller that starts without data creates a cluster, or joins one as a new
// member. Both happen once in the life of a machine. What is on its disk cannot
// tell a first start from one after the disk was lost, so the permit is not on
// the disk: it ends with the boot, and a drop-in lets the unit of k0s start only
// with the permit or with data.
package bootstrapdata
