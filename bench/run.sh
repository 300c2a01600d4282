#!/bin/sh
# Measures Penderie end to end beside the two Python services one would otherwise put together, in one run:
#   bench/run.sh [--quick] [--without-torch] [--store] [more options of bench.py]
# The peers' packages go into .deps/bench-venv; torch's wheel brings several GB with it (--without-torch: no such peer).
set -eu
cd "$(dirname "$0")/.."
venv=.deps/bench-venv
build=${BUILD:-build}
torch=yes
for option; do [ "$option" != --without-torch ] || torch=no; done

want=$(mktemp)
trap 'rm -f "$want"' EXIT
if [ $torch = yes ]; then cat bench/requirements.txt; else grep -v '^torch' bench/requirements.txt; fi >"$want"
touch -a $venv/installed.txt 2>/dev/null || true
if [ ! -e $venv/installed.txt ] || grep -vxFf $venv/installed.txt "$want" | grep -q .; then
    echo "-- installing the peers' Python packages into $venv"
    [ -x $venv/bin/python ] || python3 -m venv $venv
    $venv/bin/pip install -q --disable-pip-version-check -r "$want"
    cp "$want" $venv/installed.txt
fi
cmake --build "$build" -j "$(nproc)" --target benches >"$build/benches.log" 2>&1 || { tail -20 "$build/benches.log" >&2; exit 1; }
$venv/bin/python bench/bench.py --build "$build" "$@"
