# Every command of the project. `make` alone prints them.

GO       ?= go
BENCH    ?= .
FUZZTIME ?= 20s
# The race detector looks at every package but SQLite's, translated C that is slow under it and whose races are not Go's.
TEST     := $(GO) test -race '-gcflags=github.com/ncruces/go-sqlite3-wasm/...=-race=false' -count=1 -timeout 20m
LINT     := $(GO) tool -modfile=tools/go.mod golangci-lint

# scripts/test-deps puts a newer Node.js here when the system's is too old for the client tests.
export PATH := $(CURDIR)/.cache/node/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run build test ha lint fmt bench fuzz check

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## start a development server, with no configuration (ARGS="--json" passes flags on)
	$(GO) run ./cmd/sojourn dev $(ARGS)

build: ## build bin/sojourn, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/sojourn ./cmd/sojourn

# -count=1: go test would remember an end-to-end test that passed against an older binary. The longest suites begin first.
test: ## install what the tests need, then run them all with the race detector
	scripts/test-deps
	scripts/with-postgres $(TEST) ./...
	TEST_ENGINE=postgres scripts/with-postgres $(TEST) ./e2e ./internal/app ./internal/httpapi

ha: ## kill the primary of a highly available PostgreSQL under load (Debian, root)
	scripts/ha $(TEST) -v -run TestFailover ./e2e

lint: ## check style, import rules and the clock (golangci-lint), go vet, dependencies, vulnerabilities
	$(GO) vet ./...
	$(LINT) run ./...
	scripts/check-dependencies
	scripts/govulncheck

fmt: ## format every Go file as lint wants it
	$(LINT) fmt ./...

bench: ## measure the server beside the machine's limits, then the benchmarks in Go (BENCH=Mint chooses some)
	POSTGRES_FSYNC=on scripts/with-postgres $(GO) run ./bench $(BENCHFLAGS)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

fuzz: ## run every fuzz target for FUZZTIME (20s)
	scripts/fuzz $(FUZZTIME)

check: lint test ## what a change must pass: lint, then test
