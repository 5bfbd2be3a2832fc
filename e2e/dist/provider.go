// SPDX-License-Identifier: Apache-2.0

package dist

import "path/filepath"

// registry is where the images of all providers are published.
const registry = "ghcr.io/k0smotron/"

// Provider is one released provider and its names.
type Provider struct {
	// Folder is its module in the repository.
	Folder string
	// Product names its namespace, the prefix of its objects, its chart and its image.
	Product string
	// Name and Type are what clusterctl calls it.
	Name, Type string
	// Label is the value of clusterctl's provider label and the name of its folder in a local repository.
	Label string
	// Components is the name of its components file.
	Components string
	// Summary is one line for a person who chooses a chart.
	Summary string
}

// Providers lists what is released.
func Providers() []Provider {
	return []Provider{
		{
			Folder: "bootstrap", Product: "k0smotron-bootstrap",
			Name: "k0smotron", Type: "BootstrapProvider", Label: "bootstrap-k0smotron",
			Components: "bootstrap-components.yaml",
			Summary:    "Cluster API bootstrap provider that turns machines into k0s nodes",
		},
		{
			Folder:     "controlplane-incluster",
			Product:    "k0smotron-controlplane-incluster",
			Name:       "k0smotron",
			Type:       "ControlPlaneProvider",
			Label:      "control-plane-k0smotron",
			Components: "control-plane-components.yaml",
			Summary:    "Cluster API control plane provider that runs k0s control planes as pods in the management cluster",
		},
		{
			Folder:     "controlplane-machines",
			Product:    "k0smotron-controlplane-machines",
			Name:       "k0smotron-machines",
			Type:       "ControlPlaneProvider",
			Label:      "control-plane-k0smotron-machines",
			Components: "control-plane-components.yaml",
			Summary:    "Cluster API control plane provider that runs k0s control planes on machines",
		},
	}
}

// image is the reference of the provider's image without its tag.
func (p Provider) image() string { return registry + p.Product }

// ChartDir is where the provider's chart stands in the repository at root.
func (p Provider) ChartDir(root string) string {
	return filepath.Join(root, p.Folder, "charts", p.Product)
}

// Layout tells where things are below the output directory.
type Layout struct {
	// Out is the output directory.
	Out string
}

// Repository is the folder of one version of a provider.
func (l Layout) Repository(p Provider, version string) string {
	return filepath.Join(l.Out, p.Label, version)
}

// Clusterctl is the clusterctl configuration that points to all providers.
func (l Layout) Clusterctl() string { return filepath.Join(l.Out, "clusterctl.yaml") }

// Chart is the archive of a provider's chart.
func (l Layout) Chart(p Provider, version string) string {
	return filepath.Join(l.Out, "charts", p.Product+"-"+chartVersion(version)+".tgz")
}

// Image is the archive of a provider's image.
func (l Layout) Image(p Provider, version string) string {
	return filepath.Join(l.Out, "images", p.Product+"-"+version+".tar")
}
