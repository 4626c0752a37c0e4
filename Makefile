# Everything that is done with this project. make help lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO_FLAGS := -trimpath
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

include compose/images.mk

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-zA-Z_-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 18

.PHONY: build
build: ## bin/cutover
	CGO_ENABLED=0 go build $(GO_FLAGS) -ldflags "-s -w -X main.version=$(VERSION)" -o bin/cutover ./cmd/cutover

.PHONY: unit
unit: ## the quick tests: no Docker, no network
	go test -short ./...

.PHONY: test
test: images ## all tests: unit, the mutants of the runner, and whole rollouts on real containers
	go vet ./... && go vet -tags integration ./integration/...
	go test ./...
	go test -tags integration -count=1 -timeout 60m ./integration/...

.PHONY: integration
integration: images ## only the tests on real containers; RUN=name chooses
	go test -tags integration -count=1 -timeout 60m $(if $(RUN),-run '$(RUN)' -v) ./integration/...

.PHONY: sim
sim: ## whole rollouts with random faults; SEEDS=10000, FIRST=1
	go test ./cutover/sim -run 'TestSeeds$$' -count=1 -timeout 0 -v -seeds $(or $(SEEDS),10000) -first $(or $(FIRST),1) | grep -v '^ *\(===\|---\)'; exit $${PIPESTATUS[0]}

.PHONY: lint
lint: .cache/bin/golangci-lint ## golangci-lint; its configuration gives the reasons
	.cache/bin/golangci-lint run
	.cache/bin/golangci-lint run --build-tags integration ./integration/...

.cache/bin/golangci-lint:
	GOBIN=$(CURDIR)/.cache/bin go install $(LINT)

.PHONY: golden
golden: ## rewrite the golden plans; read the diff
	go test ./cutover -run Golden -update

.PHONY: bench
bench: build images ## measure: planning, start-up, size, and whole rollouts
	compose/bench.sh

.PHONY: demo
demo: build images ## a cutover of three gateways under load, from nothing to demo/report.json; APP=httpbin for another fleet
	compose/demo.sh $(or $(APP),gateway)

.PHONY: demo-down
demo-down: ## remove the stack of the demo; its images stay
	compose/down.sh

.PHONY: check
check: lint test ## everything that should hold before a push

.PHONY: fault
fault: images ## kill the controller at every revision of its journal, forward and back, three times; takes an hour
	CUTOVER_FAULT_ROUNDS=3 go test -tags integration -count=1 -timeout 150m -run 'TestKilledAtTheRevisions' -v ./integration
