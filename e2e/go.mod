module github.com/k0smotron/k0smotron/e2e

go 1.26.0

require github.com/k0smotron/k0smotron/shared v0.1.0

replace github.com/k0smotron/k0smotron/shared => ../shared
