# SPDX-License-Identifier: Apache-2.0
#
# Fan-out only: what is done stands in .github/tools and in the modules.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PREFIX    := github.com/k0smotron/k0smotron
MODULES   := shared bootstrap controlplane-incluster controlplane-machines e2e
PROVIDERS := bootstrap controlplane-incluster controlplane-machines
OUT       ?= $(CURDIR)/dist
STEP      := .github/tools/step
SCENARIOS ?= install outages seen steady resilience machines

# Tests, linters, programs and releases are compiled in one way, so every package is compiled once. The race detector
# needs cgo.
GOFLAGS     := $(filter-out -trimpath,$(shell go env GOFLAGS 2>/dev/null)) -trimpath
CGO_ENABLED := $(if $(RACE),1,0)

export PREFIX MODULES OUT GOFLAGS CGO_ENABLED

##@ Everyday

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9%-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nOne module alone: make <verb>-<module>, for test, lint, fuzz, bench and tidy.\nModules: $(MODULES)\n'

.PHONY: test
test: test-tools $(addprefix test-,$(MODULES)) ## Run all tests that need no root: units, golden files, a real API server.

test-tools:
	@$(STEP) "test the gates" .github/tools/test-module

test-%:
	@$(STEP) "test $*" .github/tools/test-module $*

.PHONY: lint
lint: lint-tools $(addprefix lint-,$(MODULES)) ## Lint code and API types.

lint-tools:
	@$(STEP) "lint tools" .github/tools/lint-module .github/tools/gates

lint-%:
	@$(STEP) "lint $*" .github/tools/lint-module $*

.PHONY: fuzz
fuzz: $(addprefix fuzz-,$(MODULES)) ## Fuzz every fuzz target for FUZZTIME (10s).

fuzz-%:
	@$(STEP) "fuzz $*" .github/tools/fuzz-module $*

.PHONY: bench
bench: $(addprefix bench-,$(MODULES)) ## Run the benchmarks; compare two outputs with benchstat.

bench-%:
	@$(STEP) "bench $*" .github/tools/bench-module $*

##@ Generated files

.PHONY: generate
generate: manifests chart ## Generate code, CRDs, roles, webhooks and charts.

.PHONY: manifests
manifests: $(addprefix manifests-,$(PROVIDERS)) ## Generate deep copies, CRDs, roles and webhook configurations.

manifests-%:
	@$(STEP) "generate $*" .github/tools/generate-module $*

.PHONY: chart
chart: ## Generate the Helm charts from the kustomize output.
	@$(STEP) "charts" .github/tools/dist chart

.PHONY: tidy
tidy: ## Level the versions in the workspace and tidy every module.
	@$(STEP) "work sync" go work sync
	@for module in $(MODULES); do $(MAKE) --no-print-directory tidy-$$module; done

tidy-%:
	@$(STEP) "tidy $*" sh -c 'cd $* && GOWORK=off go mod tidy'

.PHONY: format
format: $(addprefix format-,$(MODULES)) ## Format all code.

format-%:
	@$(STEP) "format $*" .github/tools/lint-module --format $*

.PHONY: verify
verify: ## Check that generated files are up to date and that the rules of the repository hold.
	@.github/tools/verify

##@ Release

.PHONY: dist
dist: ## Build components, images and charts of all providers into dist/.
	@$(STEP) "dist" .github/tools/dist all

.PHONY: image
image: ## Build the image archives alone.
	@$(STEP) "images" .github/tools/dist image

##@ A real cluster on this machine (Linux, root, apt)

RUN := exec .github/tools/run

lab-check:
	@.github/tools/lab-check

.PHONY: programs
programs: ## Build Kubernetes, etcd and what else the lab runs, where it is not in the cache yet.
	@$(STEP) "programs" .github/tools/build binaries kubernetes etcd konnectivity coredns capi certmanager >/dev/null

.PHONY: demo
demo: lab-check programs dist ## Create a management cluster, the providers and a k0s cluster with a joined node.
	@$(RUN) demo

.PHONY: demo-clean
demo-clean: lab-down ## Remove all that the demo made, but packages, which it lists, and the cache.
	@rm -rf '$(CURDIR)/dist'

.PHONY: lab-up
lab-up: lab-check programs dist ## Create the management cluster with the providers alone.
	@$(RUN) lab up
	@$(RUN) lab init

.PHONY: lab-status
lab-status: ## Tell what runs in the lab and where to look.
	@$(RUN) lab status

.PHONY: lab-down
lab-down: ## Remove the management cluster and all machines.
	@$(RUN) lab down

.PHONY: lab-bench
lab-bench: lab-check programs dist ## Measure how long a hosted control plane takes, beside k0s alone.
	@$(RUN) bench

.PHONY: k0s-contract
k0s-contract: lab-check programs ## Hold the k0s that the lab uses to what the golden files rely on.
	@$(STEP) "k0s contract" sh -c 'cd e2e && go test -tags k0scontract -count=1 -timeout 20m -v ./k0scontract'

.PHONY: e2e
e2e: lab-check programs dist ## Run the scenarios in the lab.
	@$(STEP) "scenarios" sh -c 'cd e2e && go test -tags e2e -count=1 -p 1 -timeout 8h -v $(SCENARIOS:%=./scenarios/%)'
