// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k0smotron/k0smotron/e2e/audit"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
)

const (
	namespace = "default"
	manager   = "k0smotron-controlplane-incluster"
)

//go:embed cluster.yaml
var manifest string

// hostedResult is one hosted control plane.
type hostedResult struct {
	took          time.Duration
	writes, reads int
	stages        []stage
	recipe        recipe
}

// hosted creates a cluster without machines, measures it and removes it.
func (b *benchmark) hosted(ctx context.Context, name string) (hostedResult, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := b.remove(ctx, name); err != nil { // what an earlier run that was ended has left
		return hostedResult{}, err
	}
	result, err := b.create(ctx, name)
	if err != nil {
		b.explain(context.WithoutCancel(ctx), name)
		return result, err
	}
	return result, b.remove(ctx, name)
}

func (b *benchmark) create(ctx context.Context, name string) (hostedResult, error) {
	begun := time.Now()
	if err := mgmt.Apply(ctx, b.paths, strings.ReplaceAll(manifest, "{name}", name)); err != nil {
		return hostedResult{}, err
	}
	endpoint := &endpoint{kubeconfig: func(ctx context.Context) ([]byte, error) { return b.kubeconfig(ctx, name) }}
	if err := endpoint.wait(ctx); err != nil {
		return hostedResult{}, err
	}
	seen := evidence{name: name, ready: time.Now()}
	if _, err := mgmt.Kubectl(ctx, b.paths, "-n", namespace, "wait", "k0smotroncontrolplane/"+name,
		"--for=condition=Available", "--timeout=2m"); err != nil {
		return hostedResult{}, err
	}
	var err error
	// Only now: reading the log takes time that the control plane would not have.
	if seen.requests, err = audit.File(b.paths.AuditLog(), audit.Window{From: begun, To: time.Now()}); err != nil {
		return hostedResult{}, err
	}
	if seen.pods, err = b.pods(ctx, name); err != nil {
		return hostedResult{}, err
	}
	if seen.logs, err = b.beginnings(ctx, seen.pods); err != nil {
		return hostedResult{}, err
	}
	return b.summarise(ctx, seen)
}

func (b *benchmark) summarise(ctx context.Context, seen evidence) (hostedResult, error) {
	accepted, err := seen.accepted()
	if err != nil {
		return hostedResult{}, err
	}
	// What the manager asked for this cluster; its objects carry the cluster's name in front.
	own := audit.About(seen.name, audit.Of(manager, seen.requests))
	result := hostedResult{
		took: seen.ready.Sub(accepted), writes: len(audit.Writes(own)), reads: len(audit.Reads(own)),
	}
	result.stages = seen.stages(accepted)
	secret, err := b.client.CoreV1().Secrets(namespace).Get(ctx, seen.name+"-k0s-config", metav1.GetOptions{})
	if err != nil {
		return hostedResult{}, fmt.Errorf("reading the configuration of k0s: %w", err)
	}
	result.recipe, err = recipeOf(secret.Data, seen.pod(seen.name+"-controlplane-0"))
	return result, err
}

// kubeconfig names the endpoint. It is there before the control plane answers.
func (b *benchmark) kubeconfig(ctx context.Context, name string) ([]byte, error) {
	secret, err := b.client.CoreV1().Secrets(namespace).Get(ctx, name+"-kubeconfig", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return secret.Data["value"], nil
}

func (b *benchmark) pods(ctx context.Context, name string) ([]corev1.Pod, error) {
	list, err := b.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: "cluster.x-k8s.io/cluster-name=" + name,
	})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of cluster %s: %w", name, err)
	}
	return list.Items, nil
}

// beginnings are the first bytes of all logs of some pods, with times.
func (b *benchmark) beginnings(ctx context.Context, pods []corev1.Pod) (map[string]string, error) {
	logs := map[string]string{}
	for _, pod := range pods {
		for _, container := range pod.Spec.Containers {
			options := &corev1.PodLogOptions{Container: container.Name, Timestamps: true, LimitBytes: new(int64(1 << 10))}
			log, err := b.log(ctx, pod.Name, options)
			if err != nil {
				return nil, err
			}
			logs[pod.Name+"/"+container.Name] = log
		}
	}
	return logs, nil
}

func (b *benchmark) log(ctx context.Context, pod string, options *corev1.PodLogOptions) (string, error) {
	content, err := b.client.CoreV1().Pods(namespace).GetLogs(pod, options).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the log of pod %s: %w", pod, err)
	}
	return string(content), nil
}

// remove deletes a cluster and waits until its pods have ended: they would take time from what is measured next.
func (b *benchmark) remove(ctx context.Context, name string) error {
	// With the Cluster goes all that belongs to it; the rest is there alone only if it never came to a Cluster.
	for _, kinds := range []string{"cluster", "k0smotroncontrolplane,labcluster"} {
		if _, err := mgmt.Kubectl(ctx, b.paths, "-n", namespace, "delete", kinds, name, "--ignore-not-found",
			"--timeout=2m"); err != nil {
			return err
		}
	}
	return until(ctx, func(ctx context.Context) error {
		pods, err := b.pods(ctx, name)
		if err == nil && len(pods) > 0 {
			err = fmt.Errorf("pod %s has not ended", pods[0].Name)
		}
		return err
	})
}

// explain prints what a control plane that did not come up says about it.
func (b *benchmark) explain(ctx context.Context, name string) {
	pods, err := b.pods(ctx, name)
	if err != nil {
		fmt.Fprintln(b.out, err)
		return
	}
	for _, pod := range pods {
		fmt.Fprintf(b.out, "\npod %s is %s; the end of its log:\n", pod.Name, pod.Status.Phase)
		options := &corev1.PodLogOptions{Container: pod.Spec.Containers[0].Name, TailLines: new(int64(lastLines))}
		log, err := b.log(ctx, pod.Name, options)
		if err != nil {
			log = err.Error() + "\n"
		}
		fmt.Fprint(b.out, log)
	}
}

// until tries something until it succeeds; the error of a try that comes too late is the reason.
func until(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(polling):
		}
	}
}
