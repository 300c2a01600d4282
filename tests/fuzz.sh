#!/bin/bash
# Builds the libFuzzer targets with clang and runs each for some seconds: tests/fuzz.sh SECONDS. Inputs that
# were found to matter stand in tests/fuzz/corpus/TARGET/; new ones go to build-fuzz/corpus/. A finding leaves
# its input in build-fuzz/. Prints 'N passed, N failed'.
set -u
cd "$(dirname "$0")/.."
seconds=${1:-30}
tree=build-fuzz
passed=0 failed=0
cmake -S . -B $tree -G Ninja -DCMAKE_C_COMPILER=clang-14 -DCMAKE_CXX_COMPILER=clang++-14 -DFUZZ=ON \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g" -DSANITIZER=address,undefined >/dev/null || exit 1
targets=$(ls tests/fuzz/fuzz_*.c | xargs -n1 basename | sed 's/\.c$//')
cmake --build $tree --target $targets || exit 1
export ASAN_OPTIONS="detect_odr_violation=0:allocator_may_return_null=1"
export LSAN_OPTIONS="suppressions=$PWD/tests/sanitizers/leak.supp:print_suppressions=0"
one() {
    local target=$1 corpus=$tree/corpus/$1
    mkdir -p "$corpus" "tests/fuzz/corpus/$target" 2>/dev/null
    if $tree/"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$tree/$target-" "$corpus" "tests/fuzz/corpus/$target" >"$tree/$target.log" 2>&1; then
        echo "$target: 1 passed ($(sed -n 's/stat::number_of_executed_units: *//p' "$tree/$target.log") inputs)"
    else
        echo "$target: 1 failed"
        tail -n 40 "$tree/$target.log"
        return 1
    fi
}
running=0
for target in $targets; do
    one "$target" &
    running=$((running + 1))
    if [ $running -ge "$(nproc)" ]; then wait -n || failed=1; running=$((running - 1)); fi
done
while [ $running -gt 0 ]; do wait -n || failed=1; running=$((running - 1)); done
exit $failed
