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
//	/etc/k0s/join-token                     the join token, until the node has joined
//	/var/lib/k0smotron/bootstrap/           what is done already
//	/var/lib/k0smotron/bootstrap.done       the marker: all is done
package bootstrapdata
