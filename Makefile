# The usual targets over CMake's presets; `make help` lists them.
PREFIX ?= /usr/local
DESTDIR ?=
# Two compilers at once need 2 GB; JOBS=8 where there is more.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# How long `make fuzz` runs each fuzzer.
FUZZ_SECONDS ?= 60
SOURCES = $(shell find lib bin tests -name '*.cpp' -o -name '*.hpp')

.DEFAULT_GOAL := help
.PHONY: help demo test test-crash fuzz build install bench format check-format lint clean

help: ## this list
	@echo 'make TARGET [PREFIX=$(PREFIX)] [DESTDIR=] [JOBS=$(JOBS)]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18

demo: ## build the programs and show a small cluster at work in a directory of its own
	@scripts/install-packages build
	@$(MAKE) --no-print-directory build
	scripts/demo

build: ## the programs, optimised, into build/release/bin/
	cmake --preset release
	cmake --build --preset release -j $(JOBS)

test: ## build everything with all warnings and run all tests; needs root for the FTP servers
	@scripts/install-packages test
	cmake --preset dev
	cmake --build --preset dev -j $(JOBS)
	ctest --preset dev

test-crash: ## kill, fail and cut the power at every call of every program; needs root, takes about half an hour
	@scripts/install-packages test
	cmake --preset dev
	cmake --build --preset dev -j $(JOBS)
	tests/servers/with-servers tests/crash/run --exhaustive --table

fuzz: ## run each fuzzer for FUZZ_SECONDS=60; what breaks one stays in build/fuzz/broken/
	@scripts/install-packages fuzz
	cmake --preset fuzz
	cmake --build --preset fuzz -j $(JOBS)
	tests/fuzz/run build/fuzz $(FUZZ_SECONDS)

install: ## install into DESTDIR PREFIX: nodespool to bin, programs to libexec, manual pages
	cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	cmake --build --preset release -j $(JOBS)
	DESTDIR='$(DESTDIR)' cmake --install build/release

bench: ## measure the release build against its peers (tests/bench/README.md); needs root for the servers
	@scripts/install-packages bench
	cmake --preset release -DNODESPOOL_BENCH=ON
	cmake --build --preset release -j $(JOBS)
	tests/bench/bench

format: ## rewrite the C++ sources as .clang-format says
	clang-format -i $(SOURCES)

check-format: ## fail where `make format` would change something
	clang-format --dry-run --Werror $(SOURCES)

lint: ## clang-tidy over all sources
	cmake --preset dev
	find lib bin -name '*.cpp' -print0 | xargs -0 -n 4 -P $(JOBS) clang-tidy --quiet -p build/dev

clean: ## remove build/
	rm -rf build
