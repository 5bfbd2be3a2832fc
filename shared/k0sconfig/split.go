// SPDX-License-Identifier: Apache-2.0

package k0sconfig

// nodeLocalSections are the sections of spec that stand in the file as a whole.
// konnectivity is read from the file by the server and from the cluster for the
// agents; featureGates is read from the file for kube-apiserver only.
func nodeLocalSections() []string {
	return []string{"api", "storage", "installConfig", "konnectivity", "featureGates"}
}

// nodeLocalNetwork are the keys of spec.network that stand in the file: those
// that k0s reads nowhere else, and those that can never change and must be the
// same wherever they are read.
func nodeLocalNetwork() []string {
	return []string{
		"clusterDomain", "controlPlaneLoadBalancing", "dualStack", "podCIDR", "primaryAddressFamily", "provider",
		"serviceCIDR",
	}
}

// stripped is what k0s leaves out of the object in the cluster; written there,
// it would only pretend to have an effect.
func stripped() []string {
	return []string{
		"spec.api", "spec.storage", "spec.installConfig", "spec.network.serviceCIDR", "spec.network.clusterDomain",
		"spec.network.controlPlaneLoadBalancing", "spec.network.primaryAddressFamily",
	}
}

func nodeLocal(document map[string]any) map[string]any {
	spec := picked(lookupAs[map[string]any](document, at("spec")), nodeLocalSections())
	if network := fileNetwork(document); len(network) > 0 {
		spec["network"] = network
	}
	return map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec,
	}
}

// fileNetwork is spec.network of the file. Calico's mode joins it for two
// address families, because k0s checks the file for it.
func fileNetwork(document map[string]any) map[string]any {
	network := picked(lookupAs[map[string]any](document, at("spec.network")), nodeLocalNetwork())
	mode, set := lookup(document, at("spec.network.calico.mode"))
	if set && lookupAs[bool](document, at("spec.network.dualStack.enabled")) {
		network["calico"] = map[string]any{"mode": mode}
	}
	return network
}

// clusterWide takes the document over: it must not be used afterwards.
func clusterWide(document map[string]any) map[string]any {
	for _, place := range stripped() {
		drop(document, at(place))
	}
	spec := lookupAs[map[string]any](document, at("spec"))
	if spec == nil {
		spec = map[string]any{}
	}
	return map[string]any{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": namespace}, "spec": spec,
	}
}

// picked are the wanted keys of an object, those that have a value.
func picked(object map[string]any, wanted []string) map[string]any {
	some := map[string]any{}
	for _, key := range wanted {
		if value := object[key]; value != nil {
			some[key] = value
		}
	}
	return some
}
