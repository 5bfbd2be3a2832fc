// SPDX-License-Identifier: Apache-2.0

// Package lifecycle brings the lab up, takes it down and tells how it is.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/utils/clock"

	"github.com/k0smotron/k0smotron/e2e/image"
	"github.com/k0smotron/k0smotron/e2e/lab/addons"
	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/host"
	"github.com/k0smotron/k0smotron/e2e/lab/images"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
	"github.com/k0smotron/k0smotron/e2e/lab/step"
)

// Lab is one lab on this machine.
type Lab struct {
	Paths   layout.Paths
	Printer *step.Printer
	Clock   clock.PassiveClock
	// Out gets what steps that take long say meanwhile.
	Out io.Writer

	// k0s is known once machines are prepared.
	k0s k0s.Binary
}

// families are the folders of programs built from modules of their own.
func families() []string {
	return []string{"kubernetes", "etcd", "konnectivity", "coredns", "certmanager", "capi"}
}

// Up brings up whatever is not up yet. It can be repeated, also after an interruption at any point.
func (l *Lab) Up(ctx context.Context) error { return l.exclusively(ctx, l.up) }

func (l *Lab) up(ctx context.Context) error {
	err := l.Printer.Run(ctx,
		step.Step{Name: "checking this machine", Run: l.preflight},
		step.Step{Name: "installing packages", Run: l.installPackages},
		step.Step{Name: "building programs", Run: l.buildPrograms},
		step.Step{Name: "connecting the network", Run: l.connect},
		step.Step{Name: "writing configuration and certificates", Run: l.configure},
	)
	if err != nil {
		return err
	}
	if err := l.Printer.Parallel(ctx,
		step.Step{Name: "starting etcd and the API server", Run: l.startAPIServer},
		step.Step{Name: "starting containerd, importing images", Run: l.startContainerd},
		step.Step{Name: "preparing machines", Run: l.prepareMachines},
	); err != nil {
		return err
	}
	if err := l.Printer.Parallel(ctx,
		step.Step{Name: "starting the node", Run: l.startNode},
		step.Step{Name: "applying addons", Run: l.applyAddons},
		step.Step{Name: "importing k0s", Run: l.importK0s},
		step.Step{Name: "starting the machine agent", Run: l.startAgent},
	); err != nil {
		return err
	}
	return l.Printer.Run(ctx, step.Step{Name: "waiting for addons", Run: l.waitAddons})
}

func (l *Lab) preflight(context.Context) (string, error) {
	facts, err := host.Gather(l.Paths)
	if err != nil {
		return "", err
	}
	if err := host.Check(facts); err != nil {
		return "", err
	}
	return l.Paths.State, host.Claim(l.Paths)
}

func (l *Lab) buildPrograms(ctx context.Context) (string, error) {
	script := filepath.Join(l.Paths.Repo, ".github", "tools", "build")
	if err := command.Run(ctx, script, append([]string{"binaries"}, families()...)...); err != nil {
		return "", err
	}
	return l.Paths.Cache, l.buildOwn(ctx, "./lab/cmd/...")
}

// buildOwn builds programs of the lab itself; Go's cache makes that quick when nothing changed.
func (l *Lab) buildOwn(ctx context.Context, packages ...string) error {
	arguments := []string{
		"CGO_ENABLED=0", "go", "build", "-C", filepath.Join(l.Paths.Repo, "e2e"),
		"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Dir(l.ownProgram("pause")) + "/",
	}
	return command.Run(ctx, "env", append(arguments, packages...)...)
}

func (l *Lab) ownProgram(name string) string {
	return filepath.Join(l.Paths.Cache, "bin", "lab", name)
}

func (l *Lab) connect(ctx context.Context) (string, error) {
	if err := errors.Join(l.rememberParameters(), host.EnableForwarding(l.Paths)); err != nil {
		return "", err
	}
	if err := network.EnsureBridge(ctx); err != nil {
		return "", err
	}
	if err := network.Ensure(ctx, network.Mgmt()); err != nil {
		return "", err
	}
	if err := network.EnsureRouting(ctx); err != nil {
		return "", err
	}
	return layout.Bridge + " " + layout.Subnet, network.EnsureBalancers(ctx)
}

func (l *Lab) configure(context.Context) (string, error) {
	if err := mgmt.WriteConfig(l.Paths); err != nil {
		return "", err
	}
	if err := os.MkdirAll(l.Paths.Volumes(), 0o755); err != nil {
		return "", fmt.Errorf("creating directory: %w", err)
	}
	return l.Paths.Kubeconfig(), mgmt.WriteCredentials(l.Paths, l.Clock)
}

func (l *Lab) startAPIServer(ctx context.Context) (string, error) {
	if err := mgmt.Start(ctx, l.Paths, mgmt.Etcd(l.Paths), mgmt.APIServer(l.Paths)); err != nil {
		return "", err
	}
	return layout.APIServerURL, mgmt.WaitAPIServer(ctx, l.Paths)
}

func (l *Lab) startContainerd(ctx context.Context) (string, error) {
	if err := host.NewMountNamespace(l.Paths).Ensure(ctx); err != nil {
		return "", err
	}
	if err := mgmt.Start(ctx, l.Paths, mgmt.Containerd(l.Paths)); err != nil {
		return "", err
	}
	if err := mgmt.WaitContainerd(ctx, l.Paths); err != nil {
		return "", err
	}
	wanted := []image.Image{images.Program(mgmt.PauseImage, l.ownProgram("pause"), "")}
	for _, addon := range l.addons() {
		wanted = append(wanted, addon.Image)
	}
	for _, img := range wanted {
		if err := images.Ensure(ctx, l.Paths, img); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d images", len(wanted)), nil
}

func (l *Lab) startNode(ctx context.Context) (string, error) {
	if err := host.CreateCgroup(layout.CgroupRoot); err != nil {
		return "", err
	}
	err := mgmt.Start(ctx, l.Paths,
		l.controllerManager(), mgmt.Scheduler(l.Paths), mgmt.Kubelet(l.Paths), mgmt.KubeProxy(l.Paths))
	if err != nil {
		return "", err
	}
	return layout.NodeName, mgmt.WaitNode(ctx, l.Paths)
}

// controllerManager would make its directory for plugins, which nobody here has, beside those of the host.
func (l *Lab) controllerManager() process.Spec {
	spec := mgmt.ControllerManager(l.Paths)
	spec.Args = append(spec.Args, "--flex-volume-plugin-dir="+filepath.Join(l.Paths.State, "controller-manager-plugins"))
	return spec
}

func (l *Lab) addons() []addons.Addon {
	return addons.All(l.Paths, l.ownProgram("lab-controller"))
}

func (l *Lab) applyAddons(ctx context.Context) (string, error) {
	module, err := ModuleDir(ctx, l.Paths, "certmanager", "github.com/cert-manager/cert-manager")
	if err != nil {
		return "", err
	}
	crds, err := addons.CertManagerCRDs(module)
	if err != nil {
		return "", err
	}
	documents := []string{crds}
	for _, addon := range l.addons() {
		rendered, err := addon.Render(l.Paths)
		if err != nil {
			return "", err
		}
		documents = append(documents, rendered)
	}
	return "", mgmt.Apply(ctx, l.Paths, strings.Join(documents, "\n---\n"))
}

func (l *Lab) waitAddons(ctx context.Context) (string, error) {
	var names []string
	for _, addon := range l.addons() {
		if err := mgmt.WaitDeployment(ctx, l.Paths, addon.Namespace, addon.Name); err != nil {
			return "", err
		}
		names = append(names, addon.Name)
	}
	return strings.Join(names, " "), nil
}

// ModuleDir is where Go keeps the source of a module that a family of programs is built from.
func ModuleDir(ctx context.Context, p layout.Paths, family, module string) (string, error) {
	dir := filepath.Join(p.Repo, "e2e", "lab", "binaries", family)
	output, err := command.Output(ctx, "env", "GOWORK=off", "go", "-C", dir, "mod", "download", "-json", module)
	if err != nil {
		return "", err
	}
	return dirOf(output)
}
