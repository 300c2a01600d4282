#!/bin/bash
# Runs all tests: tests/run.sh quick|long|torture. Every step writes build/test-logs/STEP.log; a failed one is
# shown. Closes with 'N passed, N failed, N skipped', and fails if anything failed or nothing ran.
set -u
cd "$(dirname "$0")/.."
mode=${1:-quick}
build=build
logs=$build/test-logs
jobs=$(nproc)
mkdir -p "$logs"
passed=0 failed=0 skipped=0
export PENDERIE=$PWD/$build/penderie PENDERIE_TEST_MODE=$mode
started=$(date +%s)

sum() { awk '{ n += $1 } END { print n + 0 }'; }

# Adds up what the runners in a log counted. Each of them ends on a line of its own.
count() {
    local log=$1 p=0 f=0 s=0
    case $2 in
    cmocka)
        p=$(sed -nE 's/.*\[  PASSED  \] ([0-9]+) test.*/\1/p' "$log" | sum)
        f=$(sed -nE 's/.*\[  FAILED  \] ([0-9]+) test.*/\1/p' "$log" | sum)
        s=$(sed -nE 's/.*\[  SKIPPED \] ([0-9]+) test.*/\1/p' "$log" | sum) ;;
    plain) # 'N passed, N failed[, N skipped]' with anything around, pytest's closing line too
        p=$(grep -oE '[0-9]+ passed' "$log" | sum)
        f=$(grep -oE '[0-9]+ failed' "$log" | sum)
        s=$(grep -oE '[0-9]+ skipped' "$log" | sum) ;;
    esac
    counted_pass=$p counted_fail=$f counted_skip=$s
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# step NAME KIND COMMAND...
step() {
    local name=$1 kind=$2 log=$logs/$1.log at status
    shift 2
    at=$(date +%s)
    printf '%-26s' "$name"
    "$@" >"$log" 2>&1 </dev/null
    status=$?
    count "$log" "$kind"
    if [ $status = 0 ] && [ "$counted_fail" = 0 ]; then
        printf 'ok      %4d passed%s  (%d s)\n' "$counted_pass" \
            "$([ "$counted_skip" = 0 ] || printf ', %d skipped' "$counted_skip")" $(($(date +%s) - at))
        [ "$counted_skip" = 0 ] || grep -iE 'skip' "$log" | grep -vE '^[0-9]+ |SKIPPED *\]|=====' | sort -u | head -5 | sed 's/^/    /'
        return 0
    fi
    [ "$counted_fail" != 0 ] || failed=$((failed + 1))
    printf 'FAILED  (%d s); the end of %s:\n' $(($(date +%s) - at)) "$log"
    tail -n 60 "$log" | sed 's/^/    /'
    return 1
}

finish() {
    printf '\n%s in %d min %d s\n' "$mode" $((($(date +%s) - started) / 60)) $((($(date +%s) - started) % 60))
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
}

configure_and_build() {
    cmake -S . -B $build -G Ninja && cmake --build $build -j "$jobs" --target penderie unit_tests
}

echo "Penderie: tests ($mode)"
step build build configure_and_build || finish

if [ "$mode" = torture ]; then
    step torture cmocka env PENDERIE_TORTURE=long ctest --test-dir $build -R 'torture|contract' -V
    finish
fi

step lint plain tests/lint.sh
step unit cmocka ctest --test-dir $build -V --timeout 600
case $mode in
quick) sanitizers="address,undefined thread" fuzz_seconds=8 ;;
long) sanitizers="address undefined thread" fuzz_seconds=120 ;;
esac
for s in $sanitizers; do step "sanitizer-${s%%,*}" cmocka tests/sanitize.sh "$s"; done
step fuzz plain tests/fuzz.sh $fuzz_seconds
[ ! -x tests/qemu_neon.sh ] || step neon-under-qemu plain tests/qemu_neon.sh
step api plain .deps/test-venv/bin/python -m pytest -q -rs -p no:cacheprovider tests/api
step browser plain tests/browser/run.sh
finish
