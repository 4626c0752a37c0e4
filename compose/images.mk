# The images of the demo and of the tests in integration/, included by the Makefile at
# the top of the repository. Each is built when what goes into it has changed.

CACHE_BIN := .cache/bin
STANDIN   := gateway datastore workload
STANDIN_IMAGES := gateway:10.15.0.17 gateway:10.15.0.18 gateway:11.1.0.1 gateway:11.1.0.2 \
	msr:10.15.0.16 msr:10.15.0.17 is:10.15.0.1 is:10.15.0.2
HTTPBIN   := github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin@v2.26.0
CONSUL_TEMPLATE := github.com/hashicorp/consul-template@v0.41.1
REGISTRY  := github.com/distribution/distribution/v3/cmd/registry@v3.1.2
STATIC_GO := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w'

.PHONY: images base-image consul-image consul-binary haproxy-image nginx-image fabio-image registry-image standin-images

images: consul-image haproxy-image nginx-image fabio-image registry-image standin-images ## Build every image of the demo and the tests

base-image: ## Make debian:bookworm-slim present
	@compose/base.sh

consul-image: ## Make Consul's image present: pulled, or else compiled
	@compose/consul/build.sh $(CACHE_BIN)

consul-binary: ## Compile Consul into .cache/bin
	@compose/consul/build.sh $(CACHE_BIN) binary

$(CACHE_BIN)/consul-template: MODULE := $(CONSUL_TEMPLATE)
$(CACHE_BIN)/go-httpbin: MODULE := $(HTTPBIN)
$(CACHE_BIN)/registry: MODULE := $(REGISTRY)
$(CACHE_BIN)/consul-template $(CACHE_BIN)/go-httpbin $(CACHE_BIN)/registry: compose/images.mk
	@echo "$(@F): compiling"
	@CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOBIN=$(CURDIR)/$(CACHE_BIN) go install -ldflags '-s -w' $(MODULE)
	@touch $@

haproxy-image: base-image $(CACHE_BIN)/consul-template ## Build the load balancer
	@$(STATIC_GO) -o $(CACHE_BIN)/cutover ./cmd/cutover
	@compose/image.sh cutover-demo/haproxy:1 compose/haproxy $(CACHE_BIN)/consul-template $(CACHE_BIN)/cutover

nginx-image: base-image $(CACHE_BIN)/consul-template ## Build the other load balancer
	@compose/image.sh cutover-demo/nginx:1 compose/nginx $(CACHE_BIN)/consul-template

$(CACHE_BIN)/fabio: compose/fabio/go.mod
	@echo "$(@F): compiling"
	@cd compose/fabio && $(STATIC_GO) -o $(CURDIR)/$@ github.com/fabiolb/fabio
	@touch $@

fabio-image: $(CACHE_BIN)/fabio ## Build fabio
	@compose/image.sh cutover-demo/fabio:1 compose/fabio/image $(CACHE_BIN)/fabio

registry-image: $(CACHE_BIN)/registry ## Build the registry that the tests push to
	@compose/image.sh cutover-demo/registry:1 compose/registry $(CACHE_BIN)/registry

standin-images: $(CACHE_BIN)/go-httpbin ## Build the products' stand-ins, data store, workload and httpbin
	@mkdir -p $(CACHE_BIN)
	@$(foreach name,$(STANDIN),$(STATIC_GO) -o $(CACHE_BIN)/$(name) ./integration/standin/$(name) &&) true
	@printf 'cutover-demo/%s\n' $(STANDIN_IMAGES) | xargs -P 8 -I TAG compose/gateway/image.sh TAG $(CACHE_BIN)/gateway
	@for version in 1 2; do \
		compose/image.sh cutover-demo/httpbin:$$version compose/httpbin $(CACHE_BIN)/go-httpbin -- --build-arg VERSION=$$version || exit 1; done
	@compose/image.sh cutover-demo/datastore:1 compose/datastore $(CACHE_BIN)/datastore
	@compose/image.sh cutover-demo/workload:1 compose/workload $(CACHE_BIN)/workload
