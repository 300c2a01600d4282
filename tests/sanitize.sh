#!/bin/sh
# Builds and runs the unit tests under a sanitizer, in a tree of their own: tests/sanitize.sh address|undefined|thread
# (or address,undefined). Libraries that are not ours are suppressed by name in tests/sanitizers/.
set -eu
cd "$(dirname "$0")/.."
sanitizer=${1:-address}
name=$(echo "$sanitizer" | tr , -)
here=$PWD/tests/sanitizers
tree=build-$name
cmake -S . -B "$tree" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g" \
    -DSANITIZER="$sanitizer" >/dev/null
cmake --build "$tree" --target unit_tests
export ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:detect_odr_violation=0:allocator_may_return_null=1"
export LSAN_OPTIONS="suppressions=$here/leak.supp:print_suppressions=0"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="suppressions=$here/thread.supp:history_size=4"
export TBB_ENABLE_SANITIZERS=1 # OpenVINO's TBB: no RTLD_DEEPBIND, which sanitizers refuse
export PENDERIE_SANITIZER="$sanitizer"
exec ctest --test-dir "$tree" -V --timeout 900
