# What calls cost: beside other clients (`make bench`), and beside what they cost before (`make
# test-counts`).

.PHONY: bench test-counts counts

BENCH := tests/bench
YARDSTICKS := cargo build --quiet --release --locked --manifest-path $(BENCH)/Cargo.toml \
	--target-dir target/bench/build
BENCH_VENV := target/bench/venv
MEASURED_C = $(CC) -std=c11 -O2 $(WARNINGS) -Iinclude $(BENCH)/c/measure.c

bench: compared-with yardsticks-in-c wheel-zignsec $(BENCH_VENV)/.ready
	$(YARDSTICKS) --features others
	cargo build --quiet --release -p zignsec-bench-core $(RELEASE_FLAGS)
	$(MEASURED_C) $(BENCH)/c/libcurl.c -o target/bench/c/libcurl -lcurl -lcjson
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-index \
		target/wheels/zignsec-[0-9]*.whl
	$(BENCH_VENV)/bin/python $(BENCH)/bench.py $(if $(QUICK),--quick)

.PHONY: compared-with
compared-with:
	@{ $(HAVE_COUNTERS) && printf '#include <curl/curl.h>\n#include <cjson/cJSON.h>\n' | $(CC) -E -; } \
		>/dev/null 2>&1 || { echo 'make bench needs Python 3.10 or later, a C compiler, Valgrind, strace' \
		'and the headers of libcurl and cJSON: apt install python3-venv gcc valgrind strace' \
		'libcurl4-openssl-dev libcjson-dev'; exit 1; }

# A program in C, with the library as it is shipped.
.PHONY: yardsticks-in-c
yardsticks-in-c: shared-library
	@mkdir -p target/bench/c
	ln -sf libzignsec.so target/release/libzignsec.so.$(SOVERSION)
	$(MEASURED_C) $(BENCH)/c/zignsec.c -o target/bench/c/zignsec \
		-Ltarget/release -lzignsec -Wl,-rpath,$(CURDIR)/target/release

$(BENCH_VENV)/.ready: $(BENCH)/requirements.txt
	python3 -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

HAVE_COUNTERS = $(HAVE_PYTHON) && $(HAVE_C) && valgrind --version && strace --version

test-counts:
	$(call needs,counts (Python 3.10 or later; a C compiler; Valgrind; strace),$(HAVE_COUNTERS)) \
	$(MAKE) --no-print-directory yardsticks-in-c; \
	$(YARDSTICKS) --bin server; \
	python3 $(BENCH)/counts.py check

counts: yardsticks-in-c
	$(YARDSTICKS) --bin server
	python3 $(BENCH)/counts.py write
