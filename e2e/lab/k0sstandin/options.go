// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
)

// controllerOptions are the flags of a controller that the stand-in knows; any other is an error.
type controllerOptions struct {
	dataDir       string
	config        string
	tokenFile     string
	disabled      []string
	dynamicConfig bool
	ignoreChecks  bool
	enableWorker  bool
	noTaints      bool
	logging       map[string]string
	// worker holds what k0s takes here, too: it matters only where a controller has a kubelet.
	worker workerOptions
}

func (o *controllerOptions) register(flags *pflag.FlagSet) {
	registerDataDir(flags, &o.dataDir)
	flags.StringVarP(&o.config, "config", "c", clusterconfig.DefaultPath, "configuration file")
	flags.StringVar(
		&o.tokenFile,
		"token-file",
		"",
		"file with a join token, ignored by the first controller that has its data",
	)
	flags.StringSliceVar(&o.disabled, "disable-components", nil, "components that are left out")
	flags.BoolVar(&o.dynamicConfig, "enable-dynamic-config", false, "take cluster-wide configuration from the cluster")
	flags.BoolVar(&o.ignoreChecks, "ignore-pre-flight-checks", false, "accepted: the stand-in makes no such checks")
	flags.BoolVar(&o.enableWorker, "enable-worker", false, "refused: the stand-in's controllers have no kubelet")
	flags.BoolVar(&o.noTaints, "no-taints", false, "only with --enable-worker")
	o.worker.registerNode(flags)
	flags.StringToStringVarP(&o.logging, "logging", "l", nil, "verbosity of components")
}

// check refuses what k0s can and the stand-in cannot: a second controller of a cluster, and a kubelet on a controller.
func (o *controllerOptions) check(cfg clusterconfig.Config) error {
	if o.enableWorker {
		return errors.New("--enable-worker: the stand-in runs no kubelet on a controller: use a real k0s (K0S_BINARY)")
	}
	if o.joins(cfg.Spec.Storage) {
		return errors.New("the stand-in runs the first controller of a cluster only, it does not join one:" +
			" for more than one controller use a real k0s (K0S_BINARY)")
	}
	return nil
}

// joins is whether k0s would join a cluster: it has a token, and with an etcd of its own no data yet, else no authority.
func (o *controllerOptions) joins(storage clusterconfig.Storage) bool {
	if o.tokenFile == "" {
		return false
	}
	if storage.Type == clusterconfig.StorageEtcd && storage.Etcd.ExternalCluster == nil {
		return !exists(filepath.Join(o.dataDir, "etcd", "member", "snap", "db"))
	}
	return !exists(filepath.Join(o.dataDir, "pki", "ca.key")) || !exists(filepath.Join(o.dataDir, "pki", "ca.crt"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// workerOptions are the flags of a worker.
type workerOptions struct {
	dataDir             string
	tokenFile           string
	profile             string
	labels              []string
	taints              []string
	kubeletExtraArgs    string
	kubeletRootDir      string
	enableCloudProvider bool
	ignoreChecks        bool
}

func (o *workerOptions) register(flags *pflag.FlagSet) {
	registerDataDir(flags, &o.dataDir)
	flags.StringVar(&o.tokenFile, "token-file", "", "file with the join token")
	flags.BoolVar(&o.ignoreChecks, "ignore-pre-flight-checks", false, "accepted: the stand-in makes no such checks")
	o.registerNode(flags)
}

// registerNode adds the flags that concern the kubelet alone.
func (o *workerOptions) registerNode(flags *pflag.FlagSet) {
	flags.StringVar(&o.profile, "profile", "default", "worker profile")
	flags.StringSliceVar(&o.labels, "labels", nil, "labels of the new node")
	flags.StringSliceVar(&o.taints, "taints", nil, "taints of the new node")
	flags.StringVar(&o.kubeletExtraArgs, "kubelet-extra-args", "", "further flags of the kubelet")
	flags.StringVar(&o.kubeletRootDir, "kubelet-root-dir", "", "directory of the kubelet")
	flags.BoolVar(&o.enableCloudProvider, "enable-cloud-provider", false, "leave nodes to a cloud controller manager")
}

func registerDataDir(flags *pflag.FlagSet, dataDir *string) {
	flags.StringVar(dataDir, "data-dir", "/var/lib/k0s", "directory of all data")
}

// claimNode makes the directories and keeps every other k0s of this host away until release.
func claimNode(dataDir string) (release func(), err error) {
	for _, dir := range []string{dataDir, runDir, filepath.Join(dataDir, "bin")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("making %s: %w", dir, err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(runDir, "k0s.yaml.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another k0s process is still running: %w", err)
	}
	return func() { _ = lock.Close() }, nil
}
