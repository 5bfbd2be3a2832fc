// SPDX-License-Identifier: Apache-2.0

// Package repository lays out the lab's local clusterctl repository and its configuration: our providers unchanged
// from dist/, Cluster API from its pinned module, the lab's infrastructure provider from the source tree.
package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/dist"
	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// CoreImage is the name under which the lab builds Cluster API's manager.
const CoreImage = "registry.k8s.io/cluster-api/cluster-api-controller"

// InfrastructureImage is the image of the lab's own infrastructure provider.
const InfrastructureImage = "lab.k0smotron.io/infrastructure:v0.1.0"

// Provider is one provider in the repository.
type Provider struct {
	// Name and Type are what clusterctl calls it.
	Name, Type string
	// Label is its folder, Version the folder below, Components the file in it.
	Label, Version, Components string
	// Archive is its image, ready to import. Empty if the lab builds the image itself.
	Archive string
}

// Released copies the providers that dist/ holds, each in its newest version. Those that are not there are left out.
func Released(p layout.Paths) ([]Provider, error) {
	built := dist.Layout{Out: p.Dist()}
	var found []Provider
	for _, released := range dist.Providers() {
		version, err := newest(filepath.Join(p.Dist(), released.Label))
		if err != nil {
			return nil, err
		}
		if version == "" {
			continue
		}
		provider := Provider{
			Name: released.Name, Type: released.Type, Label: released.Label, Version: version,
			Components: released.Components, Archive: built.Image(released, version),
		}
		if err := copyFiles(built.Repository(released, version), provider.Dir(p)); err != nil {
			return nil, fmt.Errorf("copying %s: %w", released.Label, err)
		}
		found = append(found, provider)
	}
	return found, nil
}

// newest is the last version folder that was written; empty if there is none.
func newest(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading versions: %w", err)
	}
	var version string
	var latest int64
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return "", fmt.Errorf("reading versions: %w", err)
		}
		if entry.IsDir() && info.ModTime().UnixNano() > latest {
			version, latest = entry.Name(), info.ModTime().UnixNano()
		}
	}
	return version, nil
}

func copyFiles(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			return err
		}
		if err := layout.Write(filepath.Join(to, entry.Name()), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Core renders Cluster API from the source of its module. Only the name of the image changes, and that it is not pulled.
func Core(ctx context.Context, p layout.Paths, module string) (Provider, error) {
	provider := Provider{
		Name: "cluster-api", Type: "CoreProvider", Label: "cluster-api", Version: layout.ClusterAPIVersion,
		Components: "core-components.yaml",
	}
	overlay := map[string]any{
		"images": []map[string]string{{
			"name":    "gcr.io/k8s-staging-cluster-api/cluster-api-controller",
			"newName": CoreImage, "newTag": layout.ClusterAPIVersion,
		}},
		"patches": []map[string]any{{
			"target": map[string]string{"kind": "Deployment"},
			"patch":  `[{"op": "replace", "path": "/spec/template/spec/containers/0/imagePullPolicy", "value": "IfNotPresent"}]`,
		}},
	}
	source := kustomization{base: filepath.Join(module, "core", "config", "default"), overlay: overlay}
	return provider, provider.render(ctx, p, source, filepath.Join(module, "metadata.yaml"))
}

// Infrastructure renders the lab's own infrastructure provider.
func Infrastructure(ctx context.Context, p layout.Paths) (Provider, error) {
	provider := Provider{
		Name: "lab", Type: "InfrastructureProvider", Label: "infrastructure-lab", Version: "v0.1.0",
		Components: "infrastructure-components.yaml",
	}
	root := filepath.Join(p.Repo, "e2e", "infra")
	source := kustomization{base: filepath.Join(root, "config", "default")}
	if err := writeTemplates(filepath.Join(p.Repo, "e2e", "testdata"), provider.Dir(p)); err != nil {
		return provider, err
	}
	return provider, provider.render(ctx, p, source, filepath.Join(root, "metadata.yaml"))
}

// Dir is the folder of the provider's version in the lab's repository.
func (r Provider) Dir(p layout.Paths) string {
	return filepath.Join(p.Repository(), r.Label, r.Version)
}

// kustomization is a base and what is laid over it.
type kustomization struct {
	base    string
	overlay map[string]any
}

func (r Provider) render(ctx context.Context, p layout.Paths, source kustomization, metadata string) error {
	dir := filepath.Join(p.State, "kustomize", r.Label)
	base, err := filepath.Rel(dir, source.base) // kustomize takes no absolute path
	if err != nil {
		return fmt.Errorf("rendering %s: %w", r.Label, err)
	}
	overlay := map[string]any{"resources": []string{base}}
	maps.Copy(overlay, source.overlay)
	content, err := yaml.Marshal(overlay)
	if err != nil {
		return fmt.Errorf("rendering %s: %w", r.Label, err)
	}
	if err := layout.Write(filepath.Join(dir, "kustomization.yaml"), content, 0o644); err != nil {
		return err
	}
	components, err := command.Output(ctx, p.Kubernetes("kubectl"), "kustomize", dir)
	if err != nil {
		return fmt.Errorf("rendering %s: %w", r.Label, err)
	}
	if err := layout.Write(filepath.Join(r.Dir(p), r.Components), []byte(components), 0o644); err != nil {
		return err
	}
	about, err := os.ReadFile(metadata)
	if err != nil {
		return fmt.Errorf("reading metadata of %s: %w", r.Label, err)
	}
	return layout.Write(filepath.Join(r.Dir(p), "metadata.yaml"), about, 0o644)
}

// WriteConfig writes the clusterctl configuration that names exactly these providers.
func WriteConfig(p layout.Paths, providers []Provider) error {
	entries := make([]map[string]string, 0, len(providers))
	for _, provider := range providers {
		entries = append(entries, map[string]string{
			"name": provider.Name, "type": provider.Type,
			"url": "file://" + filepath.Join(p.Repository(), provider.Label, "latest", provider.Components),
		})
	}
	content, err := yaml.Marshal(map[string]any{
		"providers":    entries,
		"cert-manager": map[string]string{"externallyProvisioned": "true"},
	})
	if err != nil {
		return fmt.Errorf("writing clusterctl configuration: %w", err)
	}
	return layout.Write(p.ClusterctlConfig(), content, 0o644)
}

// Digest changes when what would be installed changes: the components or the image.
func (r Provider) Digest(p layout.Paths) (string, error) {
	components, err := os.ReadFile(filepath.Join(r.Dir(p), r.Components))
	if err != nil {
		return "", fmt.Errorf("reading components: %w", err)
	}
	return digest(components, r.Archive)
}

// Names lists the names of the providers of one type, for one flag of clusterctl; "-" if there is none, since clusterctl
// adds kubeadm's for a type that is not mentioned.
func Names(providers []Provider, kind string) []string {
	var names []string
	for _, provider := range providers {
		if provider.Type == kind {
			names = append(names, provider.Name)
		}
	}
	if len(names) == 0 {
		return []string{"-"}
	}
	slices.Sort(names)
	return names
}
