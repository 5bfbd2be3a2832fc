// SPDX-License-Identifier: Apache-2.0

package workerimages

import (
	"context"
	"errors"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/image"
	"github.com/k0smotron/k0smotron/e2e/lab/command"
)

// multicall is Debian's iptables: one program under many names, of the nftables flavour that Debian's own iptables is,
// so that kube-proxy and the machine's kubelet write to the same tables.
const multicall = "/usr/sbin/xtables-nft-multi"

// names are those under which kube-proxy calls it.
var names = []string{
	"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore",
}

// library is a path that ldd prints, with where it would be loaded.
var library = regexp.MustCompile(`(?m)(/\S+) \(0x[0-9a-f]+\)$`)

// firewallFiles are iptables, its extensions and the shared libraries of all of them, from a Debian root file system.
func firewallFiles(ctx context.Context, rootfs string) ([]image.File, error) {
	extensions, err := inRoot(ctx, rootfs, "sh", "-c", "echo /usr/lib/*/xtables")
	if err != nil {
		return nil, err
	}
	listing, err := inRoot(ctx, rootfs, "ldd", multicall)
	if err != nil {
		return nil, err
	}
	libraries := parseLibraries(listing)
	if len(libraries) == 0 {
		return nil, errors.New("iptables needs no libraries, which cannot be")
	}
	// Links in a root file system may be absolute: only inside do they lead to the right place.
	resolved, err := inRoot(ctx, rootfs, append([]string{"readlink", "-f"}, libraries...)...)
	if err != nil {
		return nil, err
	}
	return assemble(rootfs, strings.TrimSpace(extensions), libraries, strings.Fields(resolved)), nil
}

func assemble(rootfs, extensions string, libraries, resolved []string) []image.File {
	files := []image.File{
		{Path: multicall, Source: filepath.Join(rootfs, multicall)},
		{Path: extensions, Source: filepath.Join(rootfs, extensions)},
		{Path: "/etc/protocols", Source: filepath.Join(rootfs, "/etc/protocols")},
	}
	for i, name := range libraries {
		files = append(files, image.File{Path: name, Source: filepath.Join(rootfs, resolved[i])})
	}
	for _, name := range names {
		files = append(files, image.File{Path: path.Join("/usr/sbin", name), Link: path.Base(multicall)})
	}
	return files
}

func parseLibraries(listing string) []string {
	var paths []string
	for _, match := range library.FindAllStringSubmatch(listing, -1) {
		paths = append(paths, match[1])
	}
	return paths
}

func inRoot(ctx context.Context, rootfs string, args ...string) (string, error) {
	return command.Output(ctx, "chroot", append([]string{rootfs}, args...)...)
}
