# The commands of the project. Each is one line here; the programs are scripts beside the tests
# (tests/) and beside the packaging (ffi-c/packaging/). They find Cargo's target directory
# themselves.

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PHONE := +46703339954
FUZZ_SECONDS := 60
RUNS := 20
PREFIX := /usr/local
LIBDIR = $(PREFIX)/lib
DIST :=
.PHONY: help
help:
	@echo 'make demo            runs all steps against the sandbox, with a scripted user'
	@echo 'make demo BROWSER=1  the same, with you as the user, in your own browser'
	@echo 'make check           format, lints, unit tests, the C contract and the demo: a minute'
	@echo 'make test            all tests, 45 minutes; tests whose tools are missing are skipped and'
	@echo '                     listed; with ZIGNSEC_TEST_ALL=1 a missing tool is an error'
	@echo 'make test-long       more tests, 7 minutes (12 the first time): ThreadSanitizer, as root, with'
	@echo '                     a standard library that is built for it; programs compiled by Nuitka'
	@echo 'make platforms       builds the library for Windows, musl and other processors, runs its tests'
	@echo '                     there with Wine and QEMU, and prints a table; needs to be root;'
	@echo '                     make test-platforms does so for 64-bit Windows and musl'
	@echo 'make examples        builds and runs each program of examples/ as its README says'
	@echo 'make test-...        one part of make test: lint, rust, fuzz, headers, c, cpp, demo, memory,'
	@echo '                     python, network, gateway, frozen, packaging, counts, secrets'
	@echo 'make test-exit RUNS=200'
	@echo '                     programs that end while daemon threads of Python are in calls, 200 times'
	@echo '                     each with each Python: 30 minutes; make test runs them 20 times'
	@echo 'make test-fuzz FUZZ_SECONDS=600'
	@echo '                     the parsers of untrusted input on random data, for 600 seconds each'
	@echo 'make bench           compares what a call costs with other HTTP clients: 15 minutes;'
	@echo '                     with QUICK=1 about 2 minutes, after the first build'
	@echo 'make counts          writes the cost of a call that make test compares with'
	@echo 'make header          writes include/zignsec.h and include/zignsec.cdef'
	@echo 'make abi             writes the ABI description that make test compares with'
	@echo 'make install         installs the C library; also supports PREFIX=, LIBDIR= and DESTDIR='
	@echo 'make dist            builds a release archive of the C library, in target/dist'
	@echo 'make deb             builds the archive and Debian packages of it, in target/dist'
	@echo 'make size            prints the size of the shared library'
	@echo 'make wheel           builds the wheels of the library and the sandbox, in target/wheels;'
	@echo '                     make wheel-zignsec builds that of the library alone'
	@echo 'make audit           compares all dependencies with the published advisories; needs a connection'
	@echo '                     to the databases of RustSec, PyPI and npm'
	@echo 'make locks           writes the versions and hashes of the Python and Node.js packages'
	@echo 'make target-dir      prints the path of target, which Cargo may be configured to place'
	@echo '                     elsewhere, for example with CARGO_TARGET_DIR'

.PHONY: demo examples target-dir
demo:
	@tests/demo/run.sh $(if $(BROWSER),--browser) $(PHONE)
examples:
	@tests/python/pytest.sh examples
target-dir:
	@. tests/common.sh && echo "$$target"

.PHONY: check test test-long
check:
	@tests/check.sh
test: plan clear-logs test-lint test-rust test-fuzz test-headers test-c test-cpp test-demo \
	test-memory test-python test-network test-gateway examples test-frozen test-packaging \
	test-counts test-secrets

test-long:
	@tests/c/tsan.sh
	@tests/python/pytest.sh nuitka

.PHONY: plan clear-logs test-lint test-rust test-fuzz test-headers test-c test-cpp test-demo \
	test-memory
plan:
	@tests/plan.sh test
clear-logs:
	@tests/lint/secrets.sh --clear
test-lint:
	@tests/lint/rust.sh
	@tests/lint/docs.sh
	@tests/lint/shell.sh
	@tests/lint/words.sh
	@tests/lint/supply.sh
test-rust:
	@tests/rust/run.sh
test-fuzz:
	@tests/rust/fuzz.sh $(FUZZ_SECONDS)
test-headers:
	@tests/cpp/headers.sh
test-c:
	@tests/c/run.sh
test-cpp:
	@tests/cpp/run.sh
test-demo:
	@tests/demo/test.sh
test-memory:
	@tests/c/memory.sh

.PHONY: test-python test-network test-exit test-gateway test-frozen test-packaging test-platforms \
	platforms test-counts test-secrets
test-python:
	@tests/python/run.sh
test-exit:
	@tests/python/exit.sh $(RUNS)
test-network:
	@tests/python/pytest.sh network
test-gateway:
	@tests/python/pytest.sh gateway
test-frozen:
	@tests/python/pytest.sh frozen
test-packaging:
	@tests/python/pytest.sh packaging
platforms:
	@tests/platforms/run.sh
test-platforms:
	@tests/platforms/run.sh x86_64-pc-windows-gnu x86_64-unknown-linux-musl
test-counts:
	@tests/bench/run.sh check
test-secrets:
	@tests/lint/secrets.sh

.PHONY: audit locks
audit:
	@tests/lint/audit.sh
locks:
	@tests/lint/locks.sh

.PHONY: bench counts header abi
bench:
	@tests/bench/run.sh compare $(if $(QUICK),--quick)
counts:
	@tests/bench/run.sh write
header:
	ZIGNSEC_WRITE_HEADER=1 cargo test -p zignsec-c --test header
# Refuses to describe an ABI that breaks existing programs.
abi:
	@ffi-c/packaging/build.sh shared
	@. tests/common.sh && python3 tests/packaging/abi.py

.PHONY: install dist deb size wheel wheel-zignsec
install:
	@ffi-c/packaging/install.sh '$(DESTDIR)' '$(PREFIX)' '$(LIBDIR)'
dist:
	@ffi-c/packaging/dist.sh $(DIST)
deb:
	@ffi-c/packaging/dist.sh --deb $(DIST)
size:
	@ffi-c/packaging/build.sh size
wheel:
	@tests/python/wheels.sh all
wheel-zignsec:
	@tests/python/wheels.sh zignsec
