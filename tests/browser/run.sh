#!/bin/sh
# The page in a real browser against the real program over TLS: a small demonstration collection is drawn and
# imported, then run.mjs drives Chromium as a phone and as a desktop. Screenshots: build/screenshots/.
#
#   tests/browser/run.sh [PROGRAM]      PROGRAM: build/penderie
#
# PENDERIE_MODEL_DIR names another model package than the one beside the program. CHROMIUM another browser.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
program=${1:-$root/build/penderie}
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}

skip() {
    echo "browser: skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
[ -x "$program" ] || { echo "browser: there is no program $program; build it first" >&2; exit 1; }
[ -n "$chromium" ] || skip "no Chromium (apt-get install chromium)"
command -v node >/dev/null || skip "no Node.js (apt-get install nodejs npm)"
[ -n "${PENDERIE_MODEL_DIR:-}" ] || [ -n "$(find "$root/models" -name manifest.json 2>/dev/null)" ] || skip "no model package in models/"

modules=$root/.deps/browser
if ! cmp -s "$root/tests/browser/package-lock.json" "$modules/package-lock.json"; then
    command -v npm >/dev/null || skip "no npm (apt-get install npm)"
    rm -rf "$modules"
    mkdir -p "$modules"
    cp "$root/tests/browser/package.json" "$modules/"
    cp "$root/tests/browser/package-lock.json" "$modules/lock"
    mv "$modules/lock" "$modules/package-lock.json"
    if ! (cd "$modules" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent --no-audit --no-fund); then
        rm -rf "$modules"
        echo "browser: the packages of tests/browser/package-lock.json could not be installed" >&2
        exit 1
    fi
fi
# Modules are looked up from the folder of the file that imports them.
cp "$root/tests/browser/run.mjs" "$modules/run.mjs"
data=${PENDERIE_BROWSER_DATA:-$root/build/browser-data}
mkdir -p "$root/build/screenshots"
"$program" demo --data "$data" --products "${PENDERIE_BROWSER_PRODUCTS:-104}" --no-serve --set log_level=warn
exec node "$modules/run.mjs" --program "$program" --data "$data" --web "$root/web" --chromium "$chromium" --screenshots "$root/build/screenshots"
