# The commands of CONTRIBUTING.md under short names. Everything works without make.

FUZZTIME ?= 30s

.PHONY: build test ci fuzz bench

build: ## bin/fbpeer
	go build -o bin/ ./cmd/fbpeer

test: ## what README names
	go test ./...

ci: ## all that a change must pass
	bash .ci/run

fuzz: ## every fuzz target for FUZZTIME
	bash .ci/fuzz $(FUZZTIME)

bench: ## every benchmark
	go test -run '^$$' -bench . -benchmem ./...
