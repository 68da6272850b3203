# The C library for others: builds it for release, installs it and packs it.

.PHONY: shared-library c-library install dist deb size

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# As build.rs names the library.
SOVERSION := $(basename $(VERSION))
PREFIX := /usr/local
LIBDIR := $(PREFIX)/lib
PACKAGING := ffi-c/packaging
SHARED := target/release/libzignsec.so
STATIC := target/release-static/libzignsec.a
NATIVE_STATIC_LIBS := target/release-static/native-static-libs

# What is shipped does not tell where Cargo's home was when it was built.
RELEASE_FLAGS := --config \
	'build.rustflags=["--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo"]'

shared-library:
	cargo rustc --quiet --release -p zignsec-c --crate-type cdylib $(RELEASE_FLAGS)

c-library: shared-library
	cargo rustc --quiet --profile release-static -p zignsec-c --crate-type staticlib \
		$(RELEASE_FLAGS) -- --print native-static-libs=$(NATIVE_STATIC_LIBS)

# $(call configure,TEMPLATE,FILE)
configure = sed -e 's|@VERSION@|$(VERSION)|' -e 's|@SOVERSION@|$(SOVERSION)|' \
	-e "s|@LIB_TO_PREFIX@|$$(realpath -m --relative-to=$(LIBDIR) $(PREFIX))|" \
	-e "s|@NATIVE_STATIC_LIBS@|$$(cat $(NATIVE_STATIC_LIBS))|" $(PACKAGING)/$(1) >$(2)

install: INTO = $(DESTDIR)$(LIBDIR)
install: c-library
	install -d $(DESTDIR)$(PREFIX)/include $(INTO)/pkgconfig $(INTO)/cmake/zignsec
	install -m 644 include/zignsec.h include/zignsec.hpp $(DESTDIR)$(PREFIX)/include
	install -m 755 $(SHARED) $(INTO)/libzignsec.so.$(VERSION)
	ln -sf libzignsec.so.$(VERSION) $(INTO)/libzignsec.so.$(SOVERSION)
	ln -sf libzignsec.so.$(SOVERSION) $(INTO)/libzignsec.so
	install -m 644 $(STATIC) $(INTO)/libzignsec.a
	@$(call configure,zignsec.pc.in,$(INTO)/pkgconfig/zignsec.pc)
	@$(call configure,zignsec-config.cmake.in,$(INTO)/cmake/zignsec/zignsec-config.cmake)
	@$(call configure,zignsec-config-version.cmake.in,$(INTO)/cmake/zignsec/zignsec-config-version.cmake)

DIST := target/dist
RELEASE := libzignsec-$(VERSION)-$(shell $(CC) -dumpmachine)
# The time that packed files bear, so that the same commit gives the same bytes.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

dist:
	rm -rf $(DIST)/$(RELEASE)
	umask 022 && $(MAKE) --no-print-directory install DESTDIR= PREFIX=$(abspath $(DIST))/$(RELEASE)
	strip --strip-unneeded --remove-section=.comment $(DIST)/$(RELEASE)/lib/libzignsec.so.$(VERSION)
	strip --strip-debug --remove-section=.comment $(DIST)/$(RELEASE)/lib/libzignsec.a
	install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE $(DIST)/$(RELEASE)
	python3 $(PACKAGING)/third_party.py >$(DIST)/$(RELEASE)/LICENSE-THIRD-PARTY
	cd $(DIST) && tar --sort=name --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner \
		-c $(RELEASE) | gzip -9n >$(RELEASE).tar.gz
	cd $(DIST) && sha256sum $(RELEASE).tar.gz | tee $(RELEASE).tar.gz.sha256

deb: dist
	$(PACKAGING)/debian/build $(DIST)/$(RELEASE).tar.gz $(DIST)

size: shared-library
	@strip --strip-unneeded -o target/release/stripped $(SHARED)
	@echo "$(SHARED), stripped: $$(stat -c %s target/release/stripped) bytes"
