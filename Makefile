# Everything that is done to this repository by hand or by CI. `make help` lists it.
# Needs Go, git and a POSIX shell. `make proto*` also needs node's npm. Works with GNU make 3.81 and newer.

SHELL         := /bin/sh
.DEFAULT_GOAL := help

# What may be set: make demo DEMO=1000, make up DATA=/var/tmp/orderflow, make test T=./pkg/order/...
DEMO       ?= 200
DATA       ?= .orderflow/data
TEST_FLAGS ?= -timeout 15m
# How many rounds `make kills` kills in; SEED repeats the choices of another run, K chooses among the tests.
ROUNDS     ?= 20
SEED       ?=
# What `make upgrade` replaces.
FROM       ?= HEAD
K          ?= ^TestKills
# How long `make fuzz` throws inputs at each target, by how many processes, and which targets (F=FuzzStripe).
FUZZ_TIME    ?= 60s
FUZZ_WORKERS ?= 1
F            ?= Fuzz
# Where images go and which: make images REPO=registry.example.com/orderflow TAG=v1 IMAGES=./services/payment/cmd/payment
REPO   ?=
TAG    ?= latest
IMAGES ?=
# Of make image: which program, and what its image is called.
PROGRAM ?=
REF     ?=
# The whole workspace: "work" is Go's own name for every package of the modules in go.work.
T          ?= work
# Tools are built once into a folder named after their version. CI points this outside its clone.
TOOLS      ?= $(CURDIR)/.tools

GOLANGCI_VERSION := 2.15.0
BUF_VERSION      := 1.75.0
KO_VERSION       := 0.19.1
GOLANGCI         := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
BUF_PREFIX       := $(TOOLS)/buf-$(BUF_VERSION)
BUF              := $(BUF_PREFIX)/node_modules/.bin/buf
KO               := $(TOOLS)/ko-$(KO_VERSION)/ko

PREFIX   := github.com/orderflow/orderflow
MODULES  := $(patsubst %/go.mod,%,$(wildcard pkg/go.mod services/*/go.mod))
OUTSIDE  := k8s/check deploy/check deploy/images
SERVICES := $(filter-out services/orderctl,$(filter services/%,$(MODULES)))
MAINS    := $(patsubst %/main.go,./%,$(wildcard services/*/cmd/*/main.go))
ORDERCTL := bin/orderctl

##@ Try it

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

.PHONY: demo
demo: bin/orderctl ## Run every service on this machine, send it DEMO=200 orders' worth of webhooks, show what became of them
	@data=.orderflow/demo-$$(date +%Y%m%d-%H%M%S); mkdir -p "$$data"; \
	echo "$(ORDERCTL) up --sandbox --demo $(DEMO) --exit --data $$data"; \
	$(ORDERCTL) up --sandbox --demo $(DEMO) --exit --data "$$data"

.PHONY: up
up: bin/orderctl ## Run every service on this machine until Ctrl-C; what happened is kept in DATA=.orderflow/data
	@mkdir -p "$(DATA)"
	$(ORDERCTL) up --sandbox --data "$(DATA)"

# Always asked for: go knows what has to be built anew.
.PHONY: bin/orderctl
bin/orderctl:
	@mkdir -p bin
	go build -trimpath -o bin/ ./services/orderctl/cmd/orderctl

.PHONY: bench
bench: build ## Measure it on this machine, some minutes (BENCH="--only webhooks --seconds 5"); kept in .orderflow/bench-<time>
	$(ORDERCTL) bench $(BENCH)

##@ Build and test

.PHONY: build
build: ## Build every program into bin/
	@mkdir -p bin
	go build -trimpath -o bin/ $(MAINS)

# An image for each program, of nothing but the program, with a list of its contents. No Docker engine is needed.
.PHONY: images
images: image-tools ## Build an image of every program, amd64 and arm64, into .orderflow/images (REPO=registry.example.com/orderflow TAG=v1 pushes them)
	bin/images --ko "$(KO)" --repo "$(REPO)" --tag "$(TAG)" $(IMAGES)

# Clones, so that what is not committed and where a checkout lies have no part in it.
.PHONY: images-check
images-check: image-tools ## Build every image twice, from two clones of HEAD, and fail when two have not the same digest
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	for n in one two; do \
	  git clone -q "$(CURDIR)" "$$tmp/$$n" && ( cd "$$tmp/$$n" && "$(CURDIR)/bin/images" --ko "$(KO)" $(IMAGES) ) >"$$tmp/$$n.digests" 2>"$$tmp/log" || \
	    { cat "$$tmp/log"; exit 1; }; \
	done && \
	{ diff "$$tmp/one.digests" "$$tmp/two.digests" || { echo "images-check: the same code made other bytes the second time"; exit 1; }; } && \
	cat "$$tmp/one.digests"

# What the Tiltfile calls: one program for this kind of machine. Several may be built at once, so each has a folder and a base of its own.
.PHONY: image
image:
	@CGO_ENABLED=0 bin/images --ko "$(KO)" --image "$(REF)" --platforms "linux/$$(go env GOARCH)" --base 127.0.0.1:0 \
	  --out ".orderflow/images/$(PROGRAM)" ./services/*/cmd/$(PROGRAM)

.PHONY: image-tools
image-tools: $(KO)
	@mkdir -p bin
	cd deploy/images && GOWORK=off go build -o ../../bin/images .

.PHONY: test
test: ## Run every test (T=./pkg/order/... for some of them, TEST_FLAGS=-v ...)
	go test $(TEST_FLAGS) $(T)

# All services at work in one process are slower by more than the tests of the whole system wait for; one order of each kind
# is what they can do. And bcrypt is slow on purpose: what it computes is not looked at.
RACE := CGO_ENABLED=1 go test -race -gcflags=golang.org/x/crypto/blowfish=-race=false $(TEST_FLAGS)

.PHONY: race
race: ## Run the tests under the race detector; of the whole system one order of each kind (needs a C compiler)
	$(RACE) $$(go list work | grep -v '/services/orderctl$$')
	$(RACE) -run '^TestTheWholeLifeOfAnOrder$$' ./services/orderctl

.PHONY: kills
kills: ## Kill processes at random while webhooks come in, ROUNDS=20 rounds of each kind, and look at what came of it
	KILL_ROUNDS=$(ROUNDS) KILL_SEED=$(SEED) go test -count=1 -v -timeout 0 -parallel 1 -run '$(K)' ./services/orderctl

# The old build is made from its commit, outside this checkout, with a tag that no file asks for: it makes another build of
# the same revision too.
.PHONY: upgrade
upgrade: build ## Replace every process of the build of FROM=revision by this one's while webhooks come in, drained as in k8s/
	@old=$$(mktemp -d) && git archive "$(FROM)" | tar -x -C "$$old" && ( cd "$$old" && go build -trimpath -tags replaced -o bin/ ./services/*/cmd/* ) && \
	UPGRADE_FROM="$$old/bin" UPGRADE_TO="$(CURDIR)/bin" \
	go test -count=1 -v -timeout 0 -run '^TestUpgradeUnderLoad$$' ./services/orderctl; \
	status=$$?; rm -rf "$$old"; exit $$status

# Minimising every input that reaches something new takes the whole minute; a few tries of each are enough. Before Go 1.27
# the fuzzer may end its time as a failure and have found nothing (go.dev/issue/75804).
.PHONY: fuzz
fuzz: ## Throw inputs at every parser, one target after the other, FUZZ_TIME=60s each (F=FuzzStripe); stops at a finding
	@log=$$(mktemp) && trap 'rm -f "$$log"' EXIT && \
	grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' pkg services | sed 's|/[^/]*:func | |' | sort -u | grep -e '$(F)' | \
	while read -r folder target; do \
	  if go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ_TIME) -fuzzminimizetime 40x -parallel $(FUZZ_WORKERS) "./$$folder" >"$$log" 2>&1 </dev/null || \
	    { grep -q '^ *context deadline exceeded$$' "$$log" && ! grep -q 'Failing input' "$$log"; }; then \
	    awk -v name="$$folder $$target" '/execs:/ { line = $$0 } END { sub(/.*execs: /, "", line); sub(/ \([0-9]+\/sec\)/, " executions", line); \
	      printf "%-58s %s\n", name, line ? line : "only the kept inputs: give it more FUZZ_TIME" }' "$$log"; \
	  else \
	    cat "$$log"; echo "$$folder $$target found something: the input is in $$folder/testdata/fuzz/$$target, see above"; exit 1; \
	  fi; \
	done

.PHONY: alone
alone: ## Build and vet each module by itself, without go.work: finds forgotten requires and versions that drifted apart
	@for m in $(MODULES); do \
	  echo "alone: $$m"; \
	  ( cd $$m && export GOWORK=off && go build ./... && \
	    if [ -n "$$(go list ./... 2>/dev/null)" ]; then go vet ./...; fi ) || exit 1; \
	done

# Its own module, and not in go.work: what Kubernetes' packages bring along concerns nobody else.
.PHONY: k8s-check
k8s-check: ## Render every overlay of k8s/ and hold it against the code; no cluster, no network
	cd k8s/check && GOWORK=off go vet ./... && GOWORK=off go test -count=1 $(TEST_FLAGS) ./...

.PHONY: deploy-check
deploy-check: ## Hold compose, alerts and dashboards of deploy/ against the code, and run the alerts' tests; no engine, no network
	cd deploy/check && GOWORK=off go vet ./... && GOWORK=off go test -count=1 $(TEST_FLAGS) ./...

##@ Keep it straight

.PHONY: fmt
fmt: ## Format all Go files
	gofmt -w pkg services k8s deploy

.PHONY: fmt-check
fmt-check: ## Fail when a Go file is not formatted
	@files=$$(gofmt -l pkg services k8s deploy); \
	if [ -n "$$files" ]; then echo "not formatted (make fmt):"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## go vet over the whole workspace
	go vet work

.PHONY: lint
lint: fmt-check vet golangci ## Formatting, vet and golangci-lint

.PHONY: golangci
golangci: $(GOLANGCI) ## golangci-lint alone, over every module
	$(GOLANGCI) run $(addsuffix /...,$(addprefix ./,$(MODULES)))
	@for m in $(OUTSIDE); do echo "golangci: $$m"; ( cd $$m && GOWORK=off $(GOLANGCI) run ./... ) || exit 1; done

# Replaces are not inherited and `go mod tidy` does not read go.work. So every service replaces pkg, and orderctl
# replaces all of them. Tidy writes a long zero version for a sibling that it adds; we keep the short one.
.PHONY: tidy
tidy: ## go mod tidy in every module; siblings stay `require v0.0.0` with a `replace`
	@for m in $(filter services/%,$(MODULES)); do \
	  go -C $$m mod edit -replace $(PREFIX)/pkg=../../pkg || exit 1; \
	done
	@for m in $(SERVICES); do \
	  go -C services/orderctl mod edit -replace $(PREFIX)/$$m=../$${m#services/} || exit 1; \
	done
	@for m in $(MODULES); do \
	  GOWORK=off go -C k8s/check mod edit -replace $(PREFIX)/$$m=../../$$m || exit 1; \
	done
	@for m in $(MODULES) k8s/check deploy/check; do \
	  echo "tidy: $$m"; \
	  ( cd $$m && GOWORK=off go mod tidy && \
	    sed 's/ v0\.0\.0-00010101000000-000000000000/ v0.0.0/' go.mod > go.mod.tidy && \
	    if cmp -s go.mod go.mod.tidy; then rm go.mod.tidy; else mv go.mod.tidy go.mod; fi ) || exit 1; \
	done

.PHONY: docs
docs: bin/orderctl alert-rules ## Write the table of settings into README.md, between its markers, the broker's users into deploy/nats, alerts into k8s
	@$(ORDERCTL) settings --nats > deploy/nats/users.conf.new && mv deploy/nats/users.conf.new deploy/nats/users.conf
	@table=$$(mktemp) && out=$$(mktemp) && $(MAKE) -s docs-table > "$$table" && \
	awk -v table="$$table" "$$DOCS_AWK" README.md > "$$out" && cat "$$out" > README.md; \
	status=$$?; rm -f "$$table" "$$out"; exit $$status

# The alerts stand in deploy/prometheus, where compose reads them; the operator wants the same below `spec`.
ALERTS := k8s/components/monitoring/prometheusrule.yaml

.PHONY: alert-rules
alert-rules:
	@{ printf '%s\n' '# Written by `make docs` from deploy/prometheus/alerts.yaml: for the Prometheus operator.' \
	  'apiVersion: monitoring.coreos.com/v1' 'kind: PrometheusRule' 'metadata:' '  name: orderflow' 'spec:'; \
	  sed -e '/^#/d' -e 's/^./  &/' deploy/prometheus/alerts.yaml; } > $(ALERTS).new && mv $(ALERTS).new $(ALERTS)

.PHONY: docs-check
docs-check: ## Fail when the table of settings in README.md is not what the code says
	@table=$$(mktemp) && out=$$(mktemp) && $(MAKE) -s docs-table > "$$table" && \
	awk -v table="$$table" "$$DOCS_AWK" README.md > "$$out" && \
	{ diff -u README.md "$$out" || { echo "README.md is behind the code: make docs"; false; }; }; \
	status=$$?; rm -f "$$table" "$$out"; exit $$status

.PHONY: docs-table
docs-table: bin/orderctl
	@$(ORDERCTL) settings --markdown

# Prints README.md with what stands between the markers replaced by the file named in `table`.
define DOCS_AWK
/<!-- settings:begin -->/ { print; while ((getline line < table) > 0) print line; skip = 1; seen++ }
/<!-- settings:end -->/ { skip = 0; seen++ }
!skip && !/<!-- settings:begin -->/ { print }
END { if (seen != 2) { print "README.md: settings markers are missing" > "/dev/stderr"; exit 1 } }
endef
export DOCS_AWK

##@ Contract

# The plugin is `go tool protoc-gen-go` of module pkg (proto/buf.gen.yaml), so its version is that of go.mod.
# Files are made aside and moved over, so that a running build never meets an empty folder.
.PHONY: proto
proto: $(BUF) ## Generate pkg/gen from proto/, and drop what is no longer generated
	@tmp=$$(mktemp -d) && mkdir -p "$$tmp/proto" pkg/gen && \
	( cd proto && $(BUF) generate -o "$$tmp/proto" ) && \
	( cd pkg/gen && find . -name '*.pb.go' ) | while read -r f; do \
	  [ -f "$$tmp/pkg/gen/$$f" ] || { echo "stale: pkg/gen/$$f"; rm "pkg/gen/$$f"; }; \
	done && \
	cp -R "$$tmp/pkg/gen/." pkg/gen/ && find pkg/gen -type d -empty -delete; \
	status=$$?; rm -rf "$$tmp"; exit $$status

.PHONY: proto-check
proto-check: proto-lint proto-breaking proto-diff ## Lint the contract, compare it with what was there before, and pkg/gen with what it generates

.PHONY: proto-lint
proto-lint: $(BUF)
	cd proto && $(BUF) lint
	cd proto && $(BUF) format --diff --exit-code

# What it is compared with: PROTO_AGAINST, else the last tag, else where origin/main was left, else the
# commit before this one.
.PHONY: proto-breaking
proto-breaking: $(BUF)
	@head=$$(git rev-parse HEAD 2>/dev/null) || exit 0; against="$(PROTO_AGAINST)"; \
	[ -n "$$against" ] || against=$$(git describe --tags --abbrev=0 HEAD~ 2>/dev/null) || true; \
	[ -n "$$against" ] || against=$$(git merge-base HEAD origin/main 2>/dev/null) || true; \
	[ "$$against" != "$$head" ] || against=; \
	[ -n "$$against" ] || against=$$(git rev-parse -q --verify HEAD~ 2>/dev/null) || true; \
	if [ -z "$$against" ] || ! git cat-file -e "$$against:proto/buf.yaml" 2>/dev/null; then \
	  echo "proto-breaking: no earlier contract to compare with"; exit 0; fi; \
	echo "proto-breaking: against $$against"; \
	tmp=$$(mktemp -d) && git archive "$$against" proto | tar -x -C "$$tmp" && \
	( cd proto && $(BUF) breaking --against "$$tmp/proto" ); \
	status=$$?; rm -rf "$$tmp"; exit $$status

.PHONY: proto-diff
proto-diff: $(BUF)
	@tmp=$$(mktemp -d) && mkdir -p "$$tmp/proto" && \
	( cd proto && $(BUF) generate -o "$$tmp/proto" ) && \
	{ diff -r "$$tmp/pkg/gen" pkg/gen || { echo "pkg/gen is behind proto/: make proto"; false; }; }; \
	status=$$?; rm -rf "$$tmp"; exit $$status

##@ Tools

.PHONY: tools
tools: $(GOLANGCI) $(BUF) ## Install the pinned tools into .tools/ (the targets above do it when they need them)

$(GOLANGCI):
	GOWORK=off GOFLAGS= GOBIN="$(dir $@)" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)

$(KO):
	GOWORK=off GOFLAGS= GOBIN="$(dir $@)" go install github.com/google/ko@v$(KO_VERSION)

$(BUF):
	@mkdir -p "$(BUF_PREFIX)"
	npm install --prefix "$(BUF_PREFIX)" --ignore-scripts --no-audit --no-fund @bufbuild/buf@$(BUF_VERSION)

.PHONY: clean
clean: ## Remove what was built and what demos left; DATA and the tools stay
	rm -rf bin .orderflow/demo-* coverage.out
