#!/bin/bash
# The integer kernels of vindex on 64-bit ARM, emulated: the same scores as here, bit for bit, on a processor with
# the dot product instructions and on one without. Closes with 'N passed, N failed, N skipped'.
set -u
cd "$(dirname "$0")/.."
for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
    if ! command -v $tool >/dev/null; then
        echo "skipped: $tool is not installed (apt-get install gcc-aarch64-linux-gnu qemu-user-static)"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources="tests/neon/scores.c src/vindex/kernel*.c"
flags="-std=gnu17 -O2 -Wall -Isrc -include src/base/banned.h"
${CC:-cc} $flags -o "$work/native" $sources -lm || exit 1
aarch64-linux-gnu-gcc $flags -static -o "$work/arm" $sources -lm || exit 1

passed=0 failed=0
check() { # NAME COMMAND...: true when the command succeeds
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1)) && echo "ok      $name"
    else
        failed=$((failed + 1)) && echo "FAILED  $name"
    fi
}

"$work/native" portable >"$work/want" || exit 1
echo "$(wc -l <"$work/want") lines of scores"
for kernel in $("$work/native"); do
    "$work/native" "$kernel" >"$work/got"
    check "native $kernel = portable" cmp -s "$work/want" "$work/got"
done
arm() { qemu-aarch64-static -cpu "$@"; }
check "with dot product, neondot is chosen" [ "$(arm max "$work/arm" | head -1)" = neondot ]
check "without it, neon is chosen" [ "$(arm cortex-a53 "$work/arm" | head -1)" = neon ]
check "without it, neondot is refused" [ "$(arm cortex-a53 "$work/arm" neondot >/dev/null; echo $?)" = 3 ]
for kernel in neondot neon portable; do
    arm max "$work/arm" $kernel >"$work/got"
    check "arm $kernel = native portable" cmp -s "$work/want" "$work/got"
done
arm cortex-a53 "$work/arm" neon >"$work/got"
check "arm neon on an older processor = native portable" cmp -s "$work/want" "$work/got"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
