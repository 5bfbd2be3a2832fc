// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/process"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/version"
)

// Flags are flags of the kubelet without their dashes.
type Flags map[string]string

// ParseFlags splits what --kubelet-extra-args carries: flags separated by blanks, each with its value behind "=".
func ParseFlags(text string) (Flags, error) {
	flags := Flags{}
	for field := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(strings.TrimLeft(field, "-"), "=")
		if !strings.HasPrefix(field, "--") || name == "" {
			return nil, fmt.Errorf("kubelet argument %q is no flag", field)
		}
		flags[name] = value
	}
	return flags, nil
}

// profile is what the cluster says about its nodes.
type profile struct {
	Kubelet    map[string]any
	PauseImage clusterconfig.Image
}

// loadProfile reads the profile of this minor with the node's own identity.
func (w *Worker) loadProfile(ctx context.Context) (profile, error) {
	config, err := clientcmd.BuildConfigFromFlags("", w.kubeconfigPath())
	if err != nil {
		return profile{}, fmt.Errorf("reading kubelet.conf: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return profile{}, fmt.Errorf("making client: %w", err)
	}
	name := "worker-config-" + w.Profile + "-" + version.KubernetesMinor
	var data map[string]string
	err = process.WaitFor(ctx, 2*time.Minute, func(ctx context.Context) error {
		found, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			data = found.Data
		}
		return err
	})
	if err != nil {
		return profile{}, fmt.Errorf("reading worker profile %s: %w", name, err)
	}
	return parseProfile(data)
}

func parseProfile(data map[string]string) (profile, error) {
	var parsed profile
	err := errors.Join(
		json.Unmarshal([]byte(data["kubeletConfiguration"]), &parsed.Kubelet),
		json.Unmarshal([]byte(data["pauseImage"]), &parsed.PauseImage),
	)
	if err != nil {
		return profile{}, fmt.Errorf("reading worker profile: %w", err)
	}
	return parsed, nil
}

func (w *Worker) startKubelet(ctx context.Context, programs *process.Group, profile profile) error {
	configPath := filepath.Join(w.RunDir, "kubelet", "config.yaml")
	config, err := w.kubeletConfig(profile)
	if err != nil {
		return err
	}
	data, err := yaml.Marshal(config)
	if err != nil {
		return fmt.Errorf("encoding kubelet configuration: %w", err)
	}
	if err := os.WriteFile(configPath, data, 0o600); err != nil {
		return fmt.Errorf("writing kubelet configuration: %w", err)
	}
	return w.start(ctx, programs, "kubelet", w.kubeletArgs(configPath))
}

func (w *Worker) kubeletConfig(profile profile) (map[string]any, error) {
	caPath := filepath.Join(w.RunDir, "kubelet", "ca.crt")
	kubeconfig, err := clientcmd.BuildConfigFromFlags("", w.kubeconfigPath())
	if err != nil {
		return nil, fmt.Errorf("reading kubelet.conf: %w", err)
	}
	if err := rest.LoadTLSFiles(kubeconfig); err != nil {
		return nil, fmt.Errorf("reading certificate authority: %w", err)
	}
	if err := os.WriteFile(caPath, kubeconfig.CAData, 0o644); err != nil {
		return nil, fmt.Errorf("writing certificate authority: %w", err)
	}
	taints, err := parseTaints(w.Taints)
	if err != nil {
		return nil, err
	}
	config := maps.Clone(profile.Kubelet)
	config["authentication"] = map[string]any{"x509": map[string]any{"clientCAFile": caPath}}
	config["containerRuntimeEndpoint"] = "unix://" + w.containerdSocket()
	if len(taints) > 0 {
		config["registerWithTaints"] = taints
	}
	return config, nil
}

func (w *Worker) kubeletArgs(configPath string) []string {
	flags := Flags{
		"config": configPath, "kubeconfig": w.kubeconfigPath(), "root-dir": w.RootDir, "cert-dir": w.kubeletPKI(),
		"runtime-cgroups": "/system.slice/containerd.service", "v": "1",
	}
	if len(w.Labels) > 0 {
		flags["node-labels"] = strings.Join(w.Labels, ",")
	}
	if w.CloudProvider != "" {
		flags["cloud-provider"] = w.CloudProvider
	}
	maps.Copy(flags, w.ExtraArgs)
	flags["hostname-override"] = w.NodeName
	var args []string
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		args = append(args, "--"+name+"="+flags[name])
	}
	return args
}

func parseTaints(texts []string) ([]map[string]string, error) {
	var taints []map[string]string
	for _, text := range texts {
		name, effect, found := strings.Cut(text, ":")
		key, value, _ := strings.Cut(name, "=")
		known := []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}
		if !found || !slices.Contains(known, effect) || len(validation.IsQualifiedName(key)) > 0 {
			return nil, fmt.Errorf("invalid taint spec: %s", text)
		}
		taints = append(taints, map[string]string{"key": key, "value": value, "effect": effect})
	}
	return taints, nil
}
