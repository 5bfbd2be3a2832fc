// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/k0smotron/k0smotron/e2e/image"
	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/images"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
	"github.com/k0smotron/k0smotron/e2e/lab/repository"
	"github.com/k0smotron/k0smotron/e2e/lab/step"
)

// Init installs Cluster API and all providers there are with the real clusterctl. It can be repeated: a provider whose
// components or image changed since is deleted, without its CRDs, and installed again.
func (l *Lab) Init(ctx context.Context) error { return l.exclusively(ctx, l.initialise) }

func (l *Lab) initialise(ctx context.Context) error {
	var providers []repository.Provider
	return l.Printer.Run(ctx,
		step.Step{Name: "laying out the clusterctl repository", Run: func(ctx context.Context) (note string, err error) {
			providers, err = l.layOut(ctx)
			return strings.Join(labels(providers), " "), err
		}},
		step.Step{Name: "importing images of providers", Run: func(ctx context.Context) (string, error) {
			return "", l.importProviders(ctx, providers)
		}},
		step.Step{Name: "removing changed providers", Run: func(ctx context.Context) (string, error) {
			removed, err := l.removeChanged(ctx, providers)
			return strings.Join(labels(removed), " "), err
		}},
		step.Step{Name: "running clusterctl init", Run: func(ctx context.Context) (string, error) {
			installed, err := l.clusterctlInit(ctx, providers)
			return strings.Join(labels(installed), " "), err
		}},
		step.Step{Name: "waiting for webhooks", Run: l.waitWebhooks},
	)
}

func labels(providers []repository.Provider) []string {
	names := make([]string, 0, len(providers))
	for _, provider := range providers {
		names = append(names, provider.Label)
	}
	return names
}

func (l *Lab) layOut(ctx context.Context) ([]repository.Provider, error) {
	module, err := ModuleDir(ctx, l.Paths, "capi", "sigs.k8s.io/cluster-api")
	if err != nil {
		return nil, err
	}
	core, err := repository.Core(ctx, l.Paths, module)
	if err != nil {
		return nil, err
	}
	released, err := repository.Released(l.Paths)
	if err != nil {
		return nil, err
	}
	providers := append([]repository.Provider{core}, released...)
	infrastructure, err := repository.Infrastructure(ctx, l.Paths)
	if err != nil {
		return nil, err
	}
	providers = append(providers, infrastructure)
	return providers, repository.WriteConfig(l.Paths, providers)
}

// importProviders imports the images of dist/ and builds those of the providers the lab brings itself.
func (l *Lab) importProviders(ctx context.Context, providers []repository.Provider) error {
	for i, provider := range providers {
		archive := provider.Archive
		if archive == "" {
			img, err := l.ownImage(ctx, provider)
			if err != nil {
				return err
			}
			if archive, err = images.Build(l.Paths, img); err != nil {
				return err
			}
			providers[i].Archive = archive
		}
		if err := images.Import(ctx, l.Paths, archive); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) ownImage(ctx context.Context, provider repository.Provider) (image.Image, error) {
	switch provider.Type {
	case "CoreProvider":
		manager := image.File{
			Path:   "/manager",
			Source: l.Paths.Bin("capi", layout.ClusterAPIVersion, "capi-manager"),
			Mode:   0o755,
		}
		img := images.Program(repository.CoreImage+":"+layout.ClusterAPIVersion, manager.Source, "65532:65532")
		img.Files, img.Entrypoint = []image.File{manager}, []string{manager.Path}
		return img, nil
	case "InfrastructureProvider":
		if err := l.buildOwn(ctx, "./infra"); err != nil {
			return image.Image{}, err
		}
		return images.Program(repository.InfrastructureImage, l.ownProgram("infra"), ""), nil
	default:
		return image.Image{}, fmt.Errorf("importing %s: no image in dist", provider.Label)
	}
}

// removeChanged deletes those installed providers that are not what would be installed now.
func (l *Lab) removeChanged(ctx context.Context, providers []repository.Provider) ([]repository.Provider, error) {
	inventory, err := l.inventory(ctx)
	if err != nil {
		return nil, err
	}
	var removed []repository.Provider
	for _, provider := range providers {
		installed, err := l.sameAsInstalled(provider)
		if err != nil {
			return nil, err
		}
		if installed || !inventory[provider.Label] {
			continue
		}
		if _, err := l.Clusterctl(ctx, "delete", flagOf(provider.Type)+"="+provider.Name); err != nil {
			return nil, err
		}
		removed = append(removed, provider)
	}
	return removed, nil
}

// clusterctlInit installs what is not in the inventory.
func (l *Lab) clusterctlInit(ctx context.Context, providers []repository.Provider) ([]repository.Provider, error) {
	inventory, err := l.inventory(ctx)
	if err != nil {
		return nil, err
	}
	var missing []repository.Provider
	for _, provider := range providers {
		if !inventory[provider.Label] {
			missing = append(missing, provider)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	run := laterRun
	if len(inventory) == 0 {
		run = firstRun
	}
	if _, err := l.Clusterctl(ctx, initArguments(missing, run)...); err != nil {
		return nil, err
	}
	for _, provider := range missing {
		digest, err := provider.Digest(l.Paths)
		if err != nil {
			return nil, err
		}
		if err := layout.Write(l.installedFile(provider), []byte(digest), 0o644); err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// initRun says whether clusterctl has installed anything before.
type initRun string

const (
	firstRun initRun = "first"
	laterRun initRun = "later"
)

// initArguments mention every type on a first run, since clusterctl then adds kubeadm's for those that are not.
func initArguments(missing []repository.Provider, run initRun) []string {
	arguments := []string{"init", "--wait-providers", "--wait-provider-timeout=90"}
	for _, kind := range []string{"CoreProvider", "BootstrapProvider", "ControlPlaneProvider", "InfrastructureProvider"} {
		names := repository.Names(missing, kind)
		if names[0] == "-" && (run == laterRun || kind == "InfrastructureProvider") {
			continue
		}
		arguments = append(arguments, flagOf(kind)+"="+strings.Join(names, ","))
	}
	return arguments
}

// waitWebhooks asks until the API server reaches the webhook of the control plane provider: kube-proxy knows of the pod a
// moment later than the Deployment is Available.
func (l *Lab) waitWebhooks(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	manifest := filepath.Join(l.Paths.Repo, "e2e", "testdata", "demo", "controlplane.yaml")
	for {
		_, err := mgmt.Kubectl(ctx, l.Paths, "apply", "--dry-run=server", "-f", manifest)
		if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func flagOf(kind string) string {
	return map[string]string{
		"CoreProvider": "--core", "BootstrapProvider": "--bootstrap",
		"ControlPlaneProvider": "--control-plane", "InfrastructureProvider": "--infrastructure",
	}[kind]
}

// Clusterctl runs the real clusterctl with the lab's configuration and returns its output.
func (l *Lab) Clusterctl(ctx context.Context, arguments ...string) (string, error) {
	program := l.Paths.Bin("capi", layout.ClusterAPIVersion, "clusterctl")
	// To clusterctl every variable of the environment is a setting: one called PROVIDERS would replace our list.
	arguments = append([]string{
		"-i", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "CLUSTERCTL_DISABLE_VERSIONCHECK=true", program,
	}, arguments...)
	return command.Output(ctx, "env", append(arguments,
		"--config="+l.Paths.ClusterctlConfig(), "--kubeconfig="+l.Paths.Kubeconfig())...)
}

// inventory is the labels of the installed providers, by clusterctl's own records.
func (l *Lab) inventory(ctx context.Context) (map[string]bool, error) {
	const crd = "providers.clusterctl.cluster.x-k8s.io"
	found := map[string]bool{}
	output, err := mgmt.Kubectl(ctx, l.Paths, "get", "crd", crd, "--ignore-not-found", "-o", "name")
	if err != nil || output == "" {
		return found, err
	}
	output, err = mgmt.Kubectl(ctx, l.Paths, "get", crd, "--all-namespaces", "-o", "jsonpath={.items[*].metadata.name}")
	for name := range strings.FieldsSeq(output) {
		found[name] = true
	}
	return found, err
}

func (l *Lab) installedFile(provider repository.Provider) string {
	return filepath.Join(l.Paths.State, "installed", provider.Label)
}

func (l *Lab) sameAsInstalled(provider repository.Provider) (bool, error) {
	recorded, err := os.ReadFile(l.installedFile(provider))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading what is installed: %w", err)
	}
	digest, err := provider.Digest(l.Paths)
	return digest == string(recorded), err
}
