// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/pki"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/process"
)

var configResource = schema.GroupVersionResource{
	Group:    "k0s.k0sproject.io",
	Version:  "v1beta1",
	Resource: "clusterconfigs",
}

// follower brings the cluster to what the cluster-wide configuration says.
type follower struct {
	*Controller
	*applier
	isLeader func() bool
	running  map[string]*process.Process
	args     map[string][]string
}

// followConfig does so once for a configuration that comes from the file alone, and with every change of the object
// kube-system/k0s otherwise.
func (c *Controller) followConfig(ctx, programs context.Context, isLeader func() bool) error {
	applier, err := c.newApplier()
	if err != nil {
		return err
	}
	f := &follower{
		Controller: c, applier: applier, isLeader: isLeader,
		running: map[string]*process.Process{}, args: map[string][]string{},
	}
	if !c.DynamicConfig {
		f.retry(ctx, func() error { return f.reconcile(ctx, programs, c.Config.Spec) })
		return nil
	}
	f.retry(ctx, func() error { return f.ensureConfigObject(ctx) })
	for ctx.Err() == nil {
		if err := f.watchConfig(ctx, programs); err != nil && ctx.Err() == nil {
			c.Log.Warn("watching cluster configuration", "error", err)
			f.pause(ctx)
		}
	}
	return nil
}

func (f *follower) retry(ctx context.Context, work func() error) {
	for ctx.Err() == nil {
		err := work()
		if err == nil {
			return
		}
		f.Log.Warn("trying again", "error", err)
		f.pause(ctx)
	}
}

func (*follower) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

// ensureConfigObject makes the object from the file once; an existing one is never overwritten.
func (f *follower) ensureConfigObject(ctx context.Context) error {
	if f.isLeader() {
		if err := f.apply(ctx, []*unstructured.Unstructured{configDefinition()}); err != nil {
			return err
		}
	}
	objects := f.applier.client.Resource(configResource).Namespace(clusterconfig.Namespace)
	_, err := objects.Get(ctx, clusterconfig.Name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) || !f.isLeader() {
		return err
	}
	spec := f.Config.ClusterWide()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&spec)
	if err != nil {
		return fmt.Errorf("encoding cluster configuration: %w", err)
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": clusterconfig.APIVersion, "kind": clusterconfig.Kind, "spec": content,
		"metadata": map[string]any{"name": clusterconfig.Name, "namespace": clusterconfig.Namespace},
	}}
	_, err = objects.Create(ctx, object, metav1.CreateOptions{FieldManager: "k0s"})
	return err
}

func (f *follower) watchConfig(ctx, programs context.Context) error {
	changes, err := f.applier.client.Resource(configResource).
		Namespace(clusterconfig.Namespace).
		Watch(ctx, metav1.ListOptions{
			FieldSelector: fields.OneTermEqualSelector("metadata.name", clusterconfig.Name).String(),
		})
	if err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	defer changes.Stop()
	for change := range changes.ResultChan() {
		object, ok := change.Object.(*unstructured.Unstructured)
		if !ok || change.Type == watch.Deleted {
			continue
		}
		err := f.reconcileObject(ctx, programs, object)
		f.report(ctx, object, err)
		if err != nil {
			return fmt.Errorf("reconciling: %w", err)
		}
	}
	return nil
}

func (f *follower) reconcileObject(ctx, programs context.Context, object *unstructured.Unstructured) error {
	spec, err := f.Config.Spec.WithClusterWide(object.Object["spec"])
	if err != nil {
		return err
	}
	return f.reconcile(ctx, programs, spec)
}

func (f *follower) reconcile(ctx, programs context.Context, spec clusterconfig.Spec) error {
	values, err := valuesOf(spec)
	if err != nil {
		return err
	}
	err = errors.Join(
		f.restart(
			programs,
			"kube-scheduler",
			pki.UID(pki.UserScheduler),
			f.schedulerFlags(spec).args(spec.Scheduler.RawArgs...),
		),
		f.restart(
			programs,
			"kube-controller-manager",
			pki.UID(pki.UserAPIServer),
			f.controllerManagerFlags(spec).args(spec.ControllerManager.RawArgs...),
		),
	)
	if err != nil || !f.isLeader() {
		return err
	}
	for _, addon := range f.addons(spec) {
		objects, err := render(addon.name, values)
		if err != nil {
			return err
		}
		write := f.apply
		if !addon.wanted {
			write = f.remove
		}
		if err := write(ctx, objects); err != nil {
			return err
		}
	}
	return f.publishProfiles(ctx, spec, values)
}

// publishProfiles waits for the API server's Endpoints, without which k0s publishes no profile.
func (f *follower) publishProfiles(ctx context.Context, spec clusterconfig.Spec, v values) error {
	var servers []string
	err := process.WaitFor(ctx, readyLimit, func(ctx context.Context) error {
		endpoints, err := f.Controller.client.CoreV1().
			Endpoints(metav1.NamespaceDefault).
			Get(ctx, "kubernetes", metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("reading endpoints of the API server: %w", err)
		}
		for _, subset := range endpoints.Subsets {
			for _, address := range subset.Addresses {
				servers = append(servers, net.JoinHostPort(address.IP, strconv.Itoa(int(subset.Ports[0].Port))))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	profiles, err := f.profileObjects(spec, servers)
	if err != nil {
		return err
	}
	rbac, err := render("worker-config", v)
	if err != nil {
		return err
	}
	return f.apply(ctx, append(rbac, profiles...))
}

// restart runs the program with args, unless it does so already or is disabled.
func (f *follower) restart(ctx context.Context, name string, uid int, args []string) error {
	if !f.enabled(name) || slices.Equal(f.args[name], args) {
		return nil
	}
	if old := f.running[name]; old != nil {
		f.programs.Stop(old)
	}
	program, err := f.Controller.start(ctx, name, uid, args)
	if err != nil {
		return err
	}
	f.running[name], f.args[name] = program, args
	return nil
}
