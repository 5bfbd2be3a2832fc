// SPDX-License-Identifier: Apache-2.0

package clusterconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Validate checks the values as k0s does, without asking the cluster.
func (s Spec) Validate() error {
	return errors.Join(s.API.validate(), s.Storage.validate(), s.Network.validate(), s.Konnectivity.validate(),
		validateProfiles(s.WorkerProfiles))
}

func (a API) validate() error {
	var errs []error
	if address, err := netip.ParseAddr(a.Address); err != nil || address.IsUnspecified() {
		errs = append(errs, fmt.Errorf("spec.api.address: %q is no usable IP address", a.Address))
	}
	if a.ExternalAddress != "" {
		errs = append(errs, validateHost("spec.api.externalAddress", a.ExternalHost()))
	}
	for i, san := range a.SANs {
		errs = append(errs, validateHost(fmt.Sprintf("spec.api.sans[%d]", i), san))
	}
	return errors.Join(
		append(errs, validatePort("spec.api.port", a.Port), validatePort("spec.api.k0sApiPort", a.K0sAPIPort))...)
}

func (s Storage) validate() error {
	if err := oneOf("spec.storage.type", s.Type, StorageEtcd, StorageKine); err != nil {
		return err
	}
	if external := s.Etcd.ExternalCluster; external != nil {
		return external.validate()
	}
	return nil
}

func (e ExternalCluster) validate() error {
	const path = "spec.storage.etcd.externalCluster"
	var errs []error
	if len(e.Endpoints) == 0 || slices.Contains(e.Endpoints, "") {
		errs = append(errs, errors.New(path+".endpoints: must be a list without empty entries"))
	}
	if e.EtcdPrefix == "" {
		errs = append(errs, errors.New(path+".etcdPrefix: must not be empty"))
	}
	tls := []string{e.CAFile, e.ClientCertFile, e.ClientKeyFile}
	if set := slices.DeleteFunc(tls, func(file string) bool { return file == "" }); len(set) != 0 && len(set) != 3 {
		errs = append(errs, errors.New(path+": caFile, clientCertFile and clientKeyFile belong together"))
	}
	return errors.Join(errs...)
}

func (n Network) validate() error {
	errs := []error{
		oneOf("spec.network.provider", n.Provider, "kuberouter", "calico", ProviderCustom),
		oneOf("spec.network.kubeProxy.mode", n.KubeProxy.Mode, "iptables", "ipvs", "nftables", "userspace"),
		oneOf("spec.network.primaryAddressFamily", n.PrimaryAddressFamily, "", "IPv4", "IPv6"),
	}
	ranges := map[string]string{"podCIDR": n.PodCIDR, "serviceCIDR": n.ServiceCIDR}
	if n.DualStack.Enabled {
		ranges["dualStack.IPv6podCIDR"], ranges["dualStack.IPv6serviceCIDR"] = n.DualStack.IPv6PodCIDR, n.DualStack.IPv6ServiceCIDR
	}
	for path, cidr := range ranges {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			errs = append(errs, fmt.Errorf("spec.network.%s: %w", path, err))
		}
	}
	if problems := validation.IsDNS1123Subdomain(n.ClusterDomain); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("spec.network.clusterDomain: %s", problems[0]))
	}
	return errors.Join(errs...)
}

func (k Konnectivity) validate() error {
	return errors.Join(validatePort("spec.konnectivity.agentPort", k.AgentPort),
		validatePort("spec.konnectivity.adminPort", k.AdminPort))
}

func validateProfiles(profiles []WorkerProfile) error {
	var errs []error
	for i, profile := range profiles {
		path := fmt.Sprintf("spec.workerProfiles[%d]", i)
		if problems := validation.IsDNS1123Label(profile.Name); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("%s.name: %s", path, problems[0]))
		}
		var values map[string]any
		if len(profile.Values) > 0 {
			if err := json.Unmarshal(profile.Values, &values); err != nil {
				errs = append(errs, fmt.Errorf("%s.values: %w", path, err))
			}
		}
		for _, locked := range []string{"clusterDNS", "clusterDomain", "staticPodURL"} {
			if _, found := values[locked]; found {
				errs = append(errs, fmt.Errorf("%s.values.%s: is set by k0s", path, locked))
			}
		}
	}
	return errors.Join(errs...)
}

func validateHost(path, host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if problems := validation.IsDNS1123Subdomain(host); len(problems) > 0 {
		return fmt.Errorf("%s: %q is neither an IP address nor a DNS name", path, host)
	}
	return nil
}

func validatePort(path string, port int) error {
	if problems := validation.IsValidPortNum(port); len(problems) > 0 {
		return fmt.Errorf("%s: %s", path, problems[0])
	}
	return nil
}

func oneOf(path, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is none of %q", path, value, allowed)
}
