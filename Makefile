# For people. The build itself is CMake (CMakePresets.json); this only names the usual ways through it.
.PHONY: all build demo test test-long test-asan test-tsan tidy format install deb clean
.DEFAULT_GOAL := all

all: build

build: build/release/build.ninja
	cmake --build --preset release --target icecore icecore-sim manual

build/release/build.ninja: CMakeLists.txt CMakePresets.json
	scripts/install-deps build test
	cmake --preset release

demo:
	scripts/install-deps build test
	$(MAKE) --no-print-directory build
	scripts/demo

test:
	scripts/install-deps build test
	$(MAKE) --no-print-directory build/release/build.ninja
	cmake --build --preset release
	ctest --preset release -j2

test-long:
	scripts/install-deps build test
	$(MAKE) --no-print-directory build/release/build.ninja
	cmake --build --preset release
	ctest --preset release -C long -L '^long$$' -j2

test-asan test-tsan: test-%:
	scripts/install-deps build test
	cmake --preset $*
	cmake --build --preset $*
	ctest --preset $* -j2

tidy:
	scripts/install-deps build test dev
	cmake --preset tidy
	cmake --build --preset tidy

format:
	git ls-files '*.cc' '*.h' | xargs clang-format-16 -i

# PREFIX and DESTDIR as usual: make install PREFIX=/usr DESTDIR=/tmp/root
PREFIX ?= /usr/local
install: build
	cmake --install build/release --prefix '$(PREFIX)' --strip

# build/release/icecore_VERSION_ARCHITECTURE.deb
deb: build
	scripts/install-deps deb
	cd build/release && cpack

clean:
	rm -rf build
