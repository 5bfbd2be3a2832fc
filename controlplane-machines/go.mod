module github.com/k0smotron/k0smotron/controlplane-machines

go 1.26.0
