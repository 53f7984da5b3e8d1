# The commands of this repository; `make help` lists them.

INPUT ?= /usr/share/common-licenses
DATA ?= .data/word-count
ARGS ?=
SEEDS ?= 1000
DIR ?=
NAME ?=

sources := Package.swift Sources Tests Examples Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Tests Benchmarks/Benchmarks
swift = $(or $(shell command -v swift),$(error there is no `swift` here: install Swift 6.2 or newer, see https://www.swift.org/install))

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:
.SILENT:
.PHONY: run example test simulate conformance-log conformance-streams bench bench-engine bench-nexmark count-instructions manual format lint clean help packages python

run: packages ## Count words: INPUT="file or folder …" (- is standard input), DATA=folder, ARGS="more options"
	$(swift) build -c release --product word-count </dev/null
	exec .build/release/word-count --data "$(DATA)" $(ARGS) $(INPUT)

example: packages ## Run an example: NAME=page-views, ARGS="more options"; they are listed in the README
	$(if $(NAME),,$(error say which: make example NAME=page-views))
	$(swift) build -c release --product "$(NAME)" </dev/null >&2
	exec .build/release/$(NAME) $(ARGS)

test: packages python lint ## Check everything: format, build with warnings as errors, all tests, instructions of the hot paths
	$(swift) build --build-tests --package-path Benchmarks </dev/null
	$(swift) build --build-tests --explicit-target-dependency-import-check error </dev/null
	scripts/make-manual
	$(swift) test --skip-build --disable-xctest --no-parallel </dev/null
	$(swift) test --skip-build --disable-xctest --package-path Benchmarks </dev/null
	$(MAKE) count-instructions
	scripts/prepare-python --remind

simulate: packages ## Simulate crashes, faults and delays with as many seeds as you like: SEEDS=1000, 5000..<6000, 17...20 or seed:17
	$(swift) build -c release --product simulate </dev/null
	exec .build/release/simulate "$(SEEDS)" $(ARGS)

conformance-log: packages ## Compare partition directories that Kafka wrote, DIR/<name>, with DIR/<name>.json beside them
	$(if $(DIR),,$(error say where the directories are: make conformance-log DIR=path))
	$(swift) build --product conformance-log </dev/null >&2
	exec .build/debug/conformance-log "$(DIR)"

conformance-streams: packages ## Compare with what Kafka Streams did: every recorded case, JSON, under DIR
	$(if $(DIR),,$(error say where the cases are: make conformance-streams DIR=path))
	$(swift) build --product conformance-streams </dev/null >&2
	exec .build/debug/conformance-streams "$(DIR)"

bench: packages ## Run the benchmarks beside the floor in C: ARGS=--quick for a first look, or other options
	$(swift) build -c release --package-path Benchmarks --product millrace-bench </dev/null
	exec Benchmarks/.build/release/millrace-bench $(ARGS)

bench-%: packages ## Run one benchmark: pipe, count, wordcount, window, join, produce, fetch, restore, latency, start, growth, memory or page; ARGS="options"
	$(swift) build -c release --package-path Benchmarks --product millrace-bench </dev/null
	exec Benchmarks/.build/release/millrace-bench --only $* $(ARGS)

count-instructions: packages ## Count the instructions per record of the hot paths: ARGS=--record keeps them
	$(swift) build -c release --package-path Benchmarks --product hot-paths </dev/null
	scripts/count-instructions $(ARGS)

bench-nexmark: packages ## Run NEXMark's queries: ARGS="--queries q0,q5 --events 1000000 --threads 1,2", --check to compare the answers
	$(swift) build -c release --package-path Benchmarks --product nexmark-bench </dev/null
	exec Benchmarks/.build/release/nexmark-bench $(ARGS)

bench-engine: packages ## Time the engine's parts one by one: encode, decode, append, fetch, look-up, CRC, codecs, commit
	$(swift) package --package-path Benchmarks --allow-writing-to-package-directory benchmark --target Engine --no-progress

manual: packages ## Make the manual, .build/manual, of the pages and all public symbols
	$(swift) build </dev/null
	scripts/make-manual

format: ## Format all Swift sources in place
	$(swift) format --in-place --parallel --recursive $(sources)

lint: ## Check the format of all Swift sources
	$(swift) format lint --strict --parallel --recursive $(sources)

clean: ## Remove what was built (data stays)
	rm -rf .build Benchmarks/.build

help: ## List these commands
	awk -F ':[^#]*## ' '/^[a-z%-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

packages:
	scripts/install-packages

python:
	scripts/prepare-python
