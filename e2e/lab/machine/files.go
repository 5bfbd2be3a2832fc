// SPDX-License-Identifier: Apache-2.0

package machine

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// file is one file of a machine's own, laid over the shared root file system before the first boot.
type file struct {
	path    string
	content string
	mode    os.FileMode
}

// cniConfig is the pod network of one machine: a bridge, and addresses from its subnet.
const cniConfig = `{
  "cniVersion": "1.0.0",
  "name": "lab",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isDefaultGateway": true,
      "hairpinMode": true,
      "ipMasq": true,
      "ipam": {"type": "host-local", "subnet": "%s"}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

// ownFiles are what makes one machine different from the others: its name, its network and its user data.
// The instance id is the name: cloud-init runs once per machine, not once per boot.
func ownFiles(config Config, r record, userData []byte) []file {
	const seed = "/var/lib/cloud/seed/nocloud/"
	return []file{
		{
			path:    seed + "meta-data",
			content: fmt.Sprintf("instance-id: %s\nlocal-hostname: %s\n", r.Name, r.Name),
			mode:    0o644,
		},
		{path: seed + "user-data", content: string(userData), mode: 0o600},
		{path: "/etc/hostname", content: r.Name + "\n", mode: 0o644},
		{path: "/etc/hosts", content: hosts(r), mode: 0o644},
		{path: "/etc/resolv.conf", content: resolvConf(config.Nameservers), mode: 0o644},
		{
			path:    "/etc/cni/net.d/10-lab.conflist",
			content: fmt.Sprintf(cniConfig, config.Pool.PodSubnet(r.Address)),
			mode:    0o644,
		},
	}
}

func hosts(r record) string {
	return fmt.Sprintf("127.0.0.1 localhost\n%s %s\n%s lab\n", r.Address, r.Name, layout.HostIP)
}

func resolvConf(nameservers []string) string {
	var lines strings.Builder
	for _, nameserver := range nameservers {
		lines.WriteString("nameserver " + nameserver + "\n")
	}
	return lines.String()
}

func writeFiles(root string, files []file) error {
	for _, f := range files {
		path := filepath.Join(root, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making a directory of the machine: %w", err)
		}
		if err := os.WriteFile(path, []byte(f.content), f.mode); err != nil {
			return fmt.Errorf("writing a file of the machine: %w", err)
		}
	}
	return nil
}
