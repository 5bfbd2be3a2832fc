// SPDX-License-Identifier: Apache-2.0

// Package addons holds what the management cluster needs beyond Kubernetes itself: cluster DNS, storage and load
// balancer addresses, cert-manager. Each runs as a Deployment from an image the lab builds.
package addons

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/k0smotron/k0smotron/e2e/image"
	"github.com/k0smotron/k0smotron/e2e/lab/images"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

//go:embed manifests
var manifests embed.FS

// nonroot is the user of programs that need no rights on the node.
const nonroot = "65532:65532"

// Addon is one Deployment with all it needs.
type Addon struct {
	// Name is the Deployment's, Namespace is where it runs.
	Name, Namespace string
	Image           image.Image
	// manifests are the files of its objects. None if another addon's hold them.
	manifests []string
}

// All lists the addons. labController is the built program of that name.
func All(p layout.Paths, labController string) []Addon {
	certManager := images.Program("lab.k0smotron.io/cert-manager:"+layout.CertManagerVersion,
		p.Bin("certmanager", layout.CertManagerVersion, "certmanager"), nonroot)
	return []Addon{
		{
			Name: "coredns", Namespace: "kube-system", manifests: []string{"coredns.yaml"},
			Image: images.Program("lab.k0smotron.io/coredns:"+layout.CoreDNSVersion,
				p.Bin("coredns", layout.CoreDNSVersion, "coredns"), ""),
		},
		{
			Name: "lab-controller", Namespace: "kube-system", manifests: []string{"lab-controller.yaml"},
			Image: images.Program("lab.k0smotron.io/lab-controller:v1", labController, ""),
		},
		{
			Name: "cert-manager", Namespace: "cert-manager", Image: certManager,
			manifests: []string{"cert-manager-rbac.yaml", "cert-manager.yaml"},
		},
		{Name: "cert-manager-cainjector", Namespace: "cert-manager", Image: certManager},
	}
}

// Render gives the objects of an addon as YAML documents.
func (a Addon) Render(p layout.Paths) (string, error) {
	key, err := images.Key(a.Image)
	if err != nil {
		return "", err
	}
	var documents []string
	for _, name := range a.manifests {
		parsed, err := template.New(name).Option("missingkey=error").ParseFS(manifests, "manifests/"+name)
		if err != nil {
			return "", fmt.Errorf("parsing manifest of %s: %w", a.Name, err)
		}
		var out bytes.Buffer
		err = parsed.Execute(&out, map[string]string{
			"Image": a.Image.Name, "Build": key, "Volumes": p.Volumes(), "DNSServiceIP": layout.DNSServiceIP,
			"ClusterDomain": layout.ClusterDomain,
		})
		if err != nil {
			return "", fmt.Errorf("rendering manifest of %s: %w", a.Name, err)
		}
		documents = append(documents, out.String())
	}
	return strings.Join(documents, "---\n"), nil
}

// CertManagerCRDs reads cert-manager's own CRDs from the directory of its module.
func CertManagerCRDs(module string) (string, error) {
	files, err := filepath.Glob(filepath.Join(module, "deploy", "crds", "*.yaml"))
	if err != nil {
		return "", fmt.Errorf("listing CRDs of cert-manager: %w", err)
	}
	if len(files) == 0 {
		return "", fmt.Errorf("listing CRDs of cert-manager: none in %s", module)
	}
	var documents []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("reading CRD of cert-manager: %w", err)
		}
		documents = append(documents, string(content))
	}
	return strings.Join(documents, "\n---\n"), nil
}
