// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	logging       map[string]string
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
	flags.StringToStringVarP(&o.logging, "logging", "l", nil, "verbosity of components")
}

// joins is whether k0s would join a cluster: it has a token and no authority yet.
func (o *controllerOptions) joins() bool {
	_, err := os.Stat(filepath.Join(o.dataDir, "pki", "ca.key"))
	return o.tokenFile != "" && err != nil
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
	flags.StringVar(&o.profile, "profile", "default", "worker profile")
	flags.StringSliceVar(&o.labels, "labels", nil, "labels of the new node")
	flags.StringSliceVar(&o.taints, "taints", nil, "taints of the new node")
	flags.StringVar(&o.kubeletExtraArgs, "kubelet-extra-args", "", "further flags of the kubelet")
	flags.StringVar(&o.kubeletRootDir, "kubelet-root-dir", "", "directory of the kubelet")
	flags.BoolVar(&o.enableCloudProvider, "enable-cloud-provider", false, "leave nodes to a cloud controller manager")
	flags.BoolVar(&o.ignoreChecks, "ignore-pre-flight-checks", false, "accepted: the stand-in makes no such checks")
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
