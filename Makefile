# The front door: `make demo` shows the library at work, `make test` proves it.

include ffi-c/packaging/package.mk
include tests/bench/bench.mk

.PHONY: help demo examples test test-lint test-rust test-fuzz test-headers test-c test-cpp \
	test-memory test-python test-gateway test-packaging header abi wheel
.DEFAULT_GOAL := help

VENV := target/venv
PYTHON := $(VENV)/bin/python
TOOLS := tests/python/pyproject.toml
TYPED := tests/python examples/python
WARNINGS := -Wall -Wextra -Wpedantic -Werror
C99 := $(CC) -std=c99 $(WARNINGS) -Iinclude -Itests/c
CXX17 := $(CXX) -std=c++17 $(WARNINGS) -Wconversion -Iinclude -Itests/c
# Against the library of a plain `cargo build`.
LINK := -Ltarget/debug -lzignsec -Wl,-rpath,$(CURDIR)/target/debug
DEMO := target/debug/examples/demo
PHONE := +46703339954

export ZIGNSEC_TEST_SANDBOX := $(CURDIR)/target/debug/zignsec-sandbox
export ZIGNSEC_TEST_VECTORS := $(CURDIR)/tests/vectors
export ZIGNSEC_TEST_CAPTURE := $(CURDIR)/target/captured
export ZIGNSEC_TEST_PANIC_EXTENSION := $(CURDIR)/target/panic/debug/lib_zignsec.so
# Settings of the caller's must not reach a test.
unexport ZIGNSEC_API_KEY ZIGNSEC_SECONDARY_API_KEY ZIGNSEC_BASE_URL ZIGNSEC_ENVIRONMENT

help:
	@echo 'make demo            a phone check from start to verdict, against the sandbox'
	@echo 'make demo BROWSER=1  the same, with you as the user'
	@echo 'make examples        each program under examples/, built and run as its README says'
	@echo 'make test            every test; what a missing tool leaves out is named'
	@echo 'make test-fuzz FUZZ_SECONDS=600'
	@echo '                     the readers of what strangers send, each on random input for so long'
	@echo '                     (in make test: 60 seconds)'
	@echo 'make bench           what calls cost, beside other clients: a quarter of an hour;'
	@echo '                     QUICK=1: a minute or two, once it is built'
	@echo 'make counts          write what make test holds the cost of a call to'
	@echo 'make header          write include/zignsec.h'
	@echo 'make install         the C library into PREFIX, /usr/local by default, under DESTDIR'
	@echo 'make dist            a release archive of the C library, into target/dist'
	@echo 'make deb             Debian packages of the release archive, into target/dist'
	@echo 'make size            how large the shared library is'
	@echo 'make abi             write what tests/packaging holds the ABI to'
	@echo 'make wheel           build the Python wheels, of the library and the sandbox, into target/wheels'

# $(call needs,NAME,PROBE) begins a recipe that is skipped by name where PROBE fails, and fails there
# under ZIGNSEC_TEST_ALL=1.
needs = @if ! ( $(2) ) >/dev/null 2>&1; then echo "skipped: $(1)"; [ -z "$$ZIGNSEC_TEST_ALL" ]; exit; fi; set -e;

demo: build
	@$(C99) examples/c/phone_2fa.c -o target/c/phone_2fa $(LINK)
	@$(DEMO) $(if $(BROWSER),--browser) target/c/phone_2fa $(PHONE)

# The libraries, the sandbox and the folders that the C programs go to.
.PHONY: build
build:
	cargo build --quiet -p zignsec-c -p zignsec-sandbox
	cargo build --quiet -p zignsec-sandbox --example demo
	@mkdir -p target/c target/cpp $(ZIGNSEC_TEST_CAPTURE)
	@# What programs that were linked with -lzignsec ask for.
	@ln -sf libzignsec.so target/debug/$$(readelf -d target/debug/libzignsec.so | \
		sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')

test: forget-captured test-lint test-rust test-fuzz test-headers test-c test-cpp test-memory \
	test-python test-gateway examples test-packaging \
	test-counts test-secrets

.PHONY: forget-captured test-secrets
forget-captured:
	rm -rf $(ZIGNSEC_TEST_CAPTURE)

# What the tests above have logged holds no key and no phone number.
test-secrets:
	$(call needs,the search for secrets (Python and what the tests of each language logged),$(HAVE_PYTHON)) \
	python3 tests/python/captured.py $(ZIGNSEC_TEST_CAPTURE)

test-lint:
	cargo fmt --all --check
	cargo clippy --quiet --workspace --exclude zignsec-py --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --quiet --no-deps -p zignsec -p zignsec-sandbox
	@# Raw pointers stay in one module.
	! grep -n 'unsafe *{\|unsafe impl\|unsafe fn' ffi-c/src/*.rs | grep -v '^ffi-c/src/ptr.rs'

test-rust:
	cargo test --quiet --workspace --exclude zignsec-py
	cargo install --quiet --debug --locked --path tests/sandbox --root target/install --target-dir target
	target/install/bin/zignsec-sandbox --version

FUZZ_SECONDS ?= 60
FUZZED := properties::http properties::answer properties::webhook_header properties::retry_after

# Side by side on the cores there are. A failure prints the BOLERO_RANDOM_SEED that brings it back.
test-fuzz:
	BOLERO_RANDOM_TEST_TIME_MS=$(FUZZ_SECONDS)000 \
		cargo test --quiet --workspace --exclude zignsec-py --lib -- $(FUZZED)

# $(call dialects,C COMPILER,C++ COMPILER)
dialects = for standard in c99 c11 c17; do \
		$(1) -std=$$standard $(WARNINGS) -Iinclude -Itests/c -fsyntax-only \
			tests/c/header.c tests/c/layout.c; \
	done; \
	for standard in c++11 c++14 c++17 c++20; do \
		$(2) -std=$$standard $(WARNINGS) -Iinclude -Itests/c -fsyntax-only -x c++ \
			tests/c/header.c tests/c/layout.c; \
	done; \
	for standard in c++17 c++20; do \
		$(2) -std=$$standard $(WARNINGS) -Wconversion -Iinclude -fsyntax-only tests/cpp/header.cpp; \
	done

# The headers alone, twice, with every number that programs are built with; no item is undocumented.
test-headers:
	$(call needs,the headers with GCC (gcc and g++),gcc --version && g++ --version) \
	$(call dialects,gcc,g++)
	$(call needs,the headers with Clang (clang and clang++),clang --version && clang++ --version) \
	$(call dialects,clang,clang++)
	$(call needs,the documentation of the headers (doxygen),doxygen --version) \
	mkdir -p target/doxygen; \
	doxygen tests/cpp/Doxyfile

HAVE_C := $(CC) --version && pkg-config --exists libcjson libcurl
HAVE_CXX := $(CXX) --version && pkg-config --exists libcjson libcurl
FOR_TESTS := -lcjson -lcurl

test-c: build
	$(call needs,C (a C compiler with cJSON and libcurl),$(HAVE_C)) \
	for standard in c99 c11 c17; do \
		$(CC) -std=$$standard $(WARNINGS) -Iinclude -fsyntax-only examples/c/phone_2fa.c; \
	done; \
	nm -D --defined-only target/debug/libzignsec.so | sed 's/.* //' | sort >target/c/exported; \
	grep -o 'zs_[a-z0-9_]*(' include/zignsec.h | tr -d '(' | sort -u | diff target/c/exported -; \
	for function in $$(grep -vE '^zs_(version|version_number|result_name|status_name)$$' target/c/exported); do \
		grep -qE "$$function\\(.*NULL" tests/c/contract.c || \
			{ echo "tests/c/contract.c passes no NULL to $$function"; exit 1; }; \
	done; \
	for test in contract layout vectors faults waiting logging process memory threads; do \
		$(C99) tests/c/$$test.c tests/c/sandbox.c -o target/c/$$test $(LINK) $(FOR_TESTS) -pthread; \
		target/c/$$test; \
	done; \
	$(C99) tests/c/loading.c tests/c/sandbox.c -o target/c/loading $(FOR_TESTS) -pthread -ldl; \
	LD_LIBRARY_PATH=target/debug target/c/loading; \
	cargo build --quiet -p zignsec-c --features __panic --target-dir target/panic; \
	ln -sf libzignsec.so target/panic/debug/libzignsec.so.0.1; \
	LD_LIBRARY_PATH=target/panic/debug ZIGNSEC_TEST_PANIC=1 RUST_BACKTRACE=0 target/c/contract

test-cpp: build
	$(call needs,C++ (a C++ compiler with cJSON and libcurl),$(HAVE_CXX)) \
	$(C99) -c tests/c/sandbox.c -o target/cpp/sandbox.o; \
	for standard in c++17 c++20; do \
		$(CXX17) -std=$$standard -fsyntax-only examples/cpp/phone_2fa.cpp; \
		for test in contract waiting; do \
			$(CXX17) -std=$$standard tests/cpp/$$test.cpp target/cpp/sandbox.o \
				-o target/cpp/$$test $(LINK) $(FOR_TESTS) -pthread; \
			target/cpp/$$test; \
		done; \
	done

HAVE_CHECKERS := $(HAVE_C) && valgrind --version && gcc -fsanitize=address,undefined -xc /dev/null -c -o /dev/null
MEMCHECK := valgrind --quiet --error-exitcode=1 --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite
HELGRIND := valgrind --tool=helgrind --quiet --error-exitcode=1 --suppressions=tests/c/helgrind.supp
SANITIZED := -g -fsanitize=address,undefined -fno-sanitize-recover=all

# Memory and threads, watched: what is shipped, as C programs use it. Over TLS memcheck is not asked
# about unset values, as which it takes what ring's assembler has worked out.
test-memory: build c-library
	$(call needs,memory checks (C with valgrind and the sanitizers of gcc),$(HAVE_CHECKERS)) \
	ln -sf libzignsec.so target/release/libzignsec.so.$(SOVERSION); \
	export LD_LIBRARY_PATH=target/release; \
	for test in contract leaks threads waiting; do \
		$(C99) -g tests/c/$$test.c tests/c/sandbox.c -o target/c/$$test $(LINK) $(FOR_TESTS) -pthread; \
		$(C99) $(SANITIZED) tests/c/$$test.c tests/c/sandbox.c -o target/c/$$test-sanitized \
			$(LINK) $(FOR_TESTS) -pthread; \
		target/c/$$test-sanitized; \
	done; \
	$(MEMCHECK) target/c/contract; \
	$(MEMCHECK) --undef-value-errors=no target/c/leaks; \
	$(HELGRIND) target/c/threads

HAVE_PYTHON := python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'

test-python: build
	$(call needs,Python (3.10 or later with venv),$(HAVE_PYTHON)) \
	$(MAKE) --no-print-directory wheels-installed; \
	cargo clippy --quiet -p zignsec-py -- -D warnings; \
	cargo build --quiet -p zignsec-py --features __panic --target-dir target/panic; \
	$(VENV)/bin/ruff check --quiet --config $(TOOLS) py/python $(TYPED) $(BENCH); \
	$(VENV)/bin/ruff format --quiet --check --config $(TOOLS) py/python $(TYPED) $(BENCH); \
	$(VENV)/bin/mypy --config-file $(TOOLS) -p zignsec; \
	$(VENV)/bin/mypy --config-file $(TOOLS) $(TYPED); \
	(cd tests/python && $(CURDIR)/$(PYTHON) -m mypy.stubtest zignsec._zignsec); \
	$(VENV)/bin/pyright -p $(TOOLS) --pythonpath $(PYTHON); \
	PATH=$(CURDIR)/$(VENV)/bin:$$PATH pyright --verifytypes zignsec >target/verifytypes || \
		{ cat target/verifytypes; false; }; \
	ZIGNSEC_TEST_SANDBOX=$(CURDIR)/$(VENV)/bin/zignsec-sandbox $(PYTHON) -m pytest -q -n 2 -c $(TOOLS) \
		--rootdir tests/python --ignore $(GATEWAY) --ignore $(RUN_EXAMPLES) tests/python; \
	$(PYTHON) tests/python/interpreters.py target/interpreters \
		$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])') \
		target/wheels/zignsec-[0-9]*.whl target/wheels-dev/zignsec_sandbox-*.whl

# The sandbox in a real browser, against its OpenAPI description, and its webhooks; the web applications
# of examples/python.
GATEWAY := tests/python/gateway
HAVE_BROWSER := $(HAVE_PYTHON) && chromium --version

test-gateway: build
	$(call needs,the gateway in a browser (Python 3.10 or later with venv and Chromium),$(HAVE_BROWSER)) \
	$(MAKE) --no-print-directory wheels-installed; \
	$(PYTHON) -m pytest -q -c $(TOOLS) --rootdir tests/python --confcutdir $(GATEWAY) $(GATEWAY)

# Each program of examples/, with the scripted user as its user. A missing language is skipped by name.
RUN_EXAMPLES := tests/python/examples

examples: build
	$(call needs,the examples (Python 3.10 or later with venv),$(HAVE_PYTHON)) \
	$(MAKE) --no-print-directory wheels-installed; \
	mkdir -p target/examples; \
	$(PYTHON) -m pytest -q -rs -c $(TOOLS) --rootdir tests/python --confcutdir $(RUN_EXAMPLES) \
		$(RUN_EXAMPLES)

# What is packed, seen by those who install it.
PACKAGED := tests/packaging
HAVE_PACKERS := $(HAVE_PYTHON) && $(HAVE_CXX) && cmake --version && abidiff --version && \
	dpkg-shlibdeps --version

test-packaging: build
	$(call needs,packaging (Python 3.10 or later with venv; C++; CMake; abidiff; dpkg-dev),$(HAVE_PACKERS)) \
	$(MAKE) --no-print-directory deb wheels-installed; \
	$(VENV)/bin/ruff check --quiet --config $(TOOLS) $(PACKAGED) $(PACKAGING); \
	$(VENV)/bin/ruff format --quiet --check --config $(TOOLS) $(PACKAGED) $(PACKAGING); \
	$(VENV)/bin/mypy --config-file $(TOOLS) $(PACKAGED) $(PACKAGING); \
	$(PYTHON) -m pytest -q -c $(TOOLS) --rootdir tests/python --confcutdir $(PACKAGED) $(PACKAGED)

# Refuses to describe what would break programs.
abi: c-library
	python3 $(PACKAGED)/abi.py

header:
	ZIGNSEC_WRITE_HEADER=1 cargo test --quiet -p zignsec-c --test header

$(VENV)/.ready: tests/python/requirements.txt tests/python/requirements-tests.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

MATURIN := $(VENV)/bin/maturin build --quiet --locked

.PHONY: wheel-zignsec wheel-sandbox
wheel: wheel-zignsec wheel-sandbox

# For systems as old as Rust's standard library allows: Zig links it against glibc 2.17.
wheel-zignsec: $(VENV)/.ready
	rm -f target/wheels/zignsec-*.whl
	PATH=$(CURDIR)/$(VENV)/bin:$$PATH $(MATURIN) --release $(RELEASE_FLAGS) --zig \
		--compatibility manylinux2014 -m py/Cargo.toml --interpreter $(PYTHON) --compression-level 9 \
		--out target/wheels

wheel-sandbox: $(VENV)/.ready
	rm -f target/wheels/zignsec_sandbox-*.whl
	$(MATURIN) --release $(RELEASE_FLAGS) -m tests/sandbox/Cargo.toml --out target/wheels

# For tests: they find the sandbox as a user does.
.PHONY: wheels-installed
wheels-installed: wheel-zignsec
	rm -rf target/wheels-dev
	$(MATURIN) --profile dev -m tests/sandbox/Cargo.toml --out target/wheels-dev
	$(PYTHON) -m pip install --quiet --force-reinstall --no-index target/wheels/zignsec-[0-9]*.whl \
		target/wheels-dev/zignsec_sandbox-*.whl
