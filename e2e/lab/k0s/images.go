// SPDX-License-Identifier: Apache-2.0

package k0s

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/image"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// ImageName is the image of Version that the demo's manifests name.
const ImageName = "ghcr.io/k0sproject/k0s"

// EtcdImageName is the default etcd image of a hosted control plane.
const EtcdImageName = "quay.io/coreos/etcd"

const (
	programs = "/usr/local/bin/"
	path     = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// Components are the programs that a k0s without embedded binaries finds on its PATH.
func Components(p layout.Paths) map[string]string {
	components := map[string]string{
		"konnectivity-server": p.Bin("konnectivity", "v0.36.0", "konnectivity-server"),
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		components[name] = p.Bin("kubernetes", layout.KubernetesVersion+"+k0s", name)
	}
	return components
}

// Images are what the pods of a hosted control plane run: k0s with its components, and etcd.
func Images(p layout.Paths, binary Binary) []image.Image {
	files := []image.File{{Path: programs + "k0s", Source: binary.Path, Mode: 0o755}}
	components := Components(p)
	for _, name := range slices.Sorted(maps.Keys(components)) {
		files = append(files, image.File{Path: programs + name, Source: components[name], Mode: 0o755})
	}
	return []image.Image{
		{Name: ImageName + ":" + strings.ReplaceAll(Version, "+", "-"), Env: []string{path}, Files: files, Dirs: writable()},
		{
			Name: EtcdImageName + ":" + layout.EtcdVersion, Env: []string{path}, Dirs: writable(),
			Files: []image.File{{
				Path: programs + "etcd", Source: p.Bin("etcd", layout.EtcdVersion, "etcd"), Mode: 0o755,
			}},
		},
	}
}

func writable() []image.Dir { return []image.Dir{{Path: "/tmp", Mode: 0o1777 | os.ModeSticky}} }
