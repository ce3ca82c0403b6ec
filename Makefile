# Kube Node Manager. "make help" lists the targets; "make demo" and "make test"
# install or build whatever they need, on a Debian machine with Go.

VERSION := $(shell cat VERSION)
BIN     := bin
INSTALL := cmd/install.sh

# The compiler spends a fifth of its time on collecting garbage. Below this limit it does not;
# docs/architecture.md has figures.
COMPILE := GOGC=off GOMEMLIMIT=2GiB go build

# The control plane for demo, tests and benchmarks is a module of its own. Its
# version is stamped into it: clients refuse a server that does not say one.
PLANE     := cmd/devcluster
K8S        = $(shell cd $(PLANE) && go list -m -f '{{.Version}}' k8s.io/kubernetes)
STAMP      = k8s.io/component-base/version
PLANE_LD   = -s -w -X $(STAMP).gitVersion=$(K8S) -X $(STAMP).gitMajor=$(word 1,$(subst ., ,$(K8S:v%=%))) -X $(STAMP).gitMinor=$(word 2,$(subst ., ,$(K8S:v%=%))) -X $(STAMP).gitTreeState=clean

# What deploys the program is a module of its own as well: packages for registries and
# charts bring modules that the program does not need.
DEPLOY := cmd/deploy

# The packages whose tests open a store. Those of batches take minutes: most of them run on
# PostgreSQL in "make soak" only.
STORED := ./services/store ./services/account ./services/audit ./services/cluster ./services/notify ./services/rule ./services/saved ./services/template ./handlers

# The packages whose tests take longest, in this order: they begin first.
LONG := ./cmd/acceptance ./services/batch ./web ./services/store ./services/operation

# Tests run with so many control planes; each test that needs one leases it.
TEST_CLUSTERS := 6

.DEFAULT_GOAL := help
.PHONY: help build plugin plugins image manifests packages release sbom vulns generate lint test bench fuzz soak demo run plane chromium compiler postgres nspawn screenshots clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

build: ## build the program into bin/
	@echo "== building the program"
	@CGO_ENABLED=0 $(COMPILE) -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN)/kube-node-manager ./cmd/kube-node-manager

plugin: ## build the kubectl plugin into bin/
	@echo "== building the kubectl plugin"
	@CGO_ENABLED=0 $(COMPILE) -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN)/kubectl-node_mgr ./cmd/kubectl-node_mgr

plugins: ## build the kubectl plugin for all platforms, with licences, checksums and its krew manifest, into bin/plugin; PLUGIN_URL=… is where they are published
	@echo "== building the kubectl plugin for all platforms"
	@cd $(DEPLOY) && go run ./release -plugins -url "$(PLUGIN_URL)"

image: ## build the container image into bin/image, without a container engine; PUSH=HOST/REPOSITORY pushes it
	@echo "== building the container image for linux/amd64 and linux/arm64"
	@cd $(DEPLOY) && go run ./image $(if $(PUSH),-push $(PUSH))

manifests: ## render the plain manifests in docs/deploy/manifests from the chart
	@cd $(DEPLOY) && go run ./chart -plain > ../../docs/deploy/manifests/kube-node-manager.yaml

packages: ## build archives, deb and rpm packages into bin/release, with checksums and lists of parts
	@echo "== building archives and packages for linux/amd64 and linux/arm64"
	@cd $(DEPLOY) && go run ./release

release: vulns packages ## check the program for known vulnerabilities, and build archives and packages

vulns: ## check for known vulnerabilities; needs vuln.go.dev, or VULNDB=file:///… with a copy of it
	@echo "== checking for known vulnerabilities"
	@cmd/vulns.sh

# Read from the binary, so it lists what is in it. Not a tool of go.mod, because of
# the hundreds of modules that it would add there.
sbom: build ## write bin/kube-node-manager.cdx.json: the modules in the program, as CycloneDX
	@echo "== listing the modules in the program"
	@go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -json -std -version $(VERSION) -output $(BIN)/kube-node-manager.cdx.json $(BIN)/kube-node-manager

run: build ## run the program on your own clusters (KUBECONFIG or ~/.kube/config)
	@$(BIN)/kube-node-manager

demo: build plane ## run the program on two simulated clusters
	@$(BIN)/devcluster run --names prod-cluster,staging --nodes 60,12 --not-ready 1,0 --workloads -- cmd/demo.sh

generate: ## regenerate the generated code
	@go tool templ generate -include-version=false -path views >/dev/null

lint: ## check generated code, formatting, go vet and staticcheck
	@echo "== checking generated code, format, vet, staticcheck"
	@cmd/lint.sh

plane: $(BIN)/devcluster $(BIN)/devcluster-kwok ## build the control plane (about ten minutes the first time)

$(BIN)/devcluster: $(shell find $(PLANE) -name '*.go' -o -name '*.yaml' -o -name 'go.*')
	@echo "== building the control plane (about ten minutes the first time)"
	@cd $(PLANE) && $(COMPILE) -ldflags "$(PLANE_LD)" -o ../../$@ .

$(BIN)/devcluster-kwok: $(PLANE)/go.mod
	@echo "== building kwok"
	@cd $(PLANE) && $(COMPILE) -ldflags "-s -w" -o ../../$@ sigs.k8s.io/kwok/cmd/kwok

test: lint plane chromium compiler postgres nspawn ## run all tests, on a real control plane and in a real browser
	@echo "== testing on a control plane with $(TEST_CLUSTERS) clusters"
	@$(BIN)/devcluster run --clusters $(TEST_CLUSTERS) --nodes 0 -- go test -race -vet=off -ldflags=-w -p 4 -parallel $(TEST_CLUSTERS) -timeout 30m $(LONG) ./...
	@echo "== testing the services on PostgreSQL"
	@$(BIN)/devcluster run --clusters $(TEST_CLUSTERS) --nodes 0 -- go run ./cmd/devpostgres go test -vet=off -ldflags=-w -p 4 -parallel $(TEST_CLUSTERS) -timeout 30m $(STORED)
	@$(BIN)/devcluster run --clusters $(TEST_CLUSTERS) --nodes 0 -- go run ./cmd/devpostgres go test -vet=off -ldflags=-w -parallel $(TEST_CLUSTERS) -timeout 30m -run 'Start|Restart|Histor|Report|Retry' ./services/batch
	@echo "== testing the image, the chart and the packages"
	@$(BIN)/devcluster run --clusters 1 --nodes 3 -- sh -c 'cd $(DEPLOY) && go test -vet=off -ldflags=-w -timeout 30m ./...'

bench: build plane ## measure throughput and freshness with 1,000 nodes
	@echo "== measuring on a control plane with 1,000 nodes"
	@$(BIN)/devcluster run --clusters 1 --nodes 0 -- go test -run '^$$' -bench . -benchtime 1x -timeout 30m ./cmd/acceptance

fuzz: ## fuzz everything that reads what people type, each reader for FUZZTIME (30s)
	@echo "== fuzzing"
	@cmd/fuzz.sh

soak: plane chromium compiler postgres fuzz ## fuzz; run 300 cordons and 300 uncordons with a slow node controller, and 10,000 batches beside a lagging watch; kill the program 30 times during drains; try all of the fault suite with both database engines; kill replicas 30 times below open pages; run all tests of batches on PostgreSQL; and load the program for half an hour on SQLite and on PostgreSQL
	@$(BIN)/devcluster run --clusters 1 --nodes 0 -- go test -race -count 1 -timeout 60m -run 'TestDone_meansTheEndStateBehind' ./services/batch -rounds 300
	@$(BIN)/devcluster run --clusters 1 --nodes 0 -- go test -race -count 1 -timeout 120m -run 'TestDone_isVisibleWithAWatch' -v ./services/batch -rounds 1000
	@$(BIN)/devcluster run --clusters 1 --nodes 0 -- go test -count 1 -timeout 60m -run 'TestConditions_rightAfterKills' -v ./cmd/acceptance -rounds 30
	@$(BIN)/devcluster run --clusters $(TEST_CLUSTERS) --nodes 0 -- go test -count 1 -timeout 60m -parallel $(TEST_CLUSTERS) -run 'TestFaults' -v ./cmd/acceptance -faults
	@$(BIN)/devcluster run --clusters $(TEST_CLUSTERS) --nodes 0 -- go run ./cmd/devpostgres go test -count 1 -timeout 60m -parallel $(TEST_CLUSTERS) -run 'TestFaults' -v ./cmd/acceptance -faults
	@$(BIN)/devcluster run --clusters 1 --nodes 0 -- go test -count 1 -timeout 60m -run 'TestReplicas_killedAtAnyMoment' -v ./cmd/acceptance -rounds 30
	@$(BIN)/devcluster run --clusters 2 --nodes 0 -- go test -count 1 -timeout 60m -parallel 2 -run 'TestSteady' -v ./cmd/acceptance -steady 30m
	@$(BIN)/devcluster run --clusters $(TEST_CLUSTERS) --nodes 0 -- go run ./cmd/devpostgres go test -count 1 -vet=off -timeout 60m -parallel $(TEST_CLUSTERS) ./services/batch

screenshots: plane chromium ## recreate the pictures in the README
	@$(BIN)/devcluster run --names prod-cluster,staging --nodes 60,12 --not-ready 1,0 --cordoned 2,0 --workloads -- go test -count 1 -run TestBrowser_screenshots ./cmd/acceptance -update

chromium: # the headless shell is enough, and takes half of the time; older Debians have the whole browser only
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || $(INSTALL) chromium-headless-shell fonts-noto-cjk || $(INSTALL) chromium fonts-noto-cjk

postgres: # the tests start servers of their own
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || $(INSTALL) postgresql

compiler: # the race detector needs a C compiler
	@command -v gcc >/dev/null || $(INSTALL) gcc libc6-dev

nspawn: # systemd-nspawn boots a copy of the machine, on which the package is installed
	@command -v systemd-nspawn >/dev/null || $(INSTALL) systemd-container

clean: ## remove all build output
	@rm -rf $(BIN)
