# Penderie. `make demo` shows it, `make test` proves it; both install what is missing (Debian 12).
.DEFAULT_GOAL := all
BUILD ?= build
JOBS ?= $(shell nproc)
CMAKE_FLAGS ?=
SANITIZER ?= address
PORT ?= 8443
DEMO_DATA ?= demo-data

.PHONY: all deps test-deps demo test test-long dev check fuzz-quick torture lint format bench install clean help

all: deps ## builds build/penderie
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_FLAGS) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@mv -f $(BUILD).log $(BUILD)/configure.log
	@cmake --build $(BUILD) -j $(JOBS) --target penderie

deps: ## installs what building and running needs
	@deps/install.sh

test-deps:
	@deps/install.sh test

demo: all ## draws a demonstration collection, imports it and serves it on https://localhost:8443
	@$(BUILD)/penderie demo --data $(DEMO_DATA) --port $(PORT)

test: test-deps ## all tests, short forms of the long ones: under 25 minutes on 2 cores
	@tests/run.sh quick

test-long: test-deps ## the long forms: fuzzing, sanitizers on everything, kill tests, large feeds
	@tests/run.sh long

dev: deps ## a debug build with all warnings as errors, in build-dev/
	@cmake -S . -B build-dev -G Ninja -DCMAKE_BUILD_TYPE=Debug -DWERROR=ON >/dev/null
	@cmake --build build-dev -j $(JOBS) --target penderie unit_tests

check: test-deps ## unit tests under a sanitizer: make check SANITIZER=address|undefined|thread
	@tests/sanitize.sh $(SANITIZER)

fuzz-quick: test-deps ## 30 seconds on each parser
	@tests/fuzz.sh 30

torture: test-deps ## fails the nth allocation and the nth write
	@tests/run.sh torture

lint: ## includes point down, one library to a folder, formatting, the text tables
	@tests/lint.sh

format: ## clang-format over all C files
	@clang-format-14 -i $$(git ls-files '*.c' '*.h' '*.cpp')

bench: all ## measures, beside peers, in the same run
	@bench/run.sh

install: all ## into DESTDIR/usr/local, OpenVINO's libraries included
	@cmake --install $(BUILD) --prefix $(or $(PREFIX),/usr/local)

clean: ## removes what was built (not .deps/ and not demo-data/)
	@rm -rf build build-*

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14
