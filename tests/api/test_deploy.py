"""What operators deploy with: the container file and the systemd unit, as far as this machine can prove them."""

import fnmatch
import functools
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from penderie import BINARY, ROOT

BUILD = pathlib.Path(BINARY).resolve().parent


def steps():
    """The container file as (instruction, rest), continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def runtime_steps():
    all_steps = steps()
    last = max(i for i, (name, _) in enumerate(all_steps) if name == "FROM")
    return all_steps[last:]


def runtime_packages():
    install = next(rest for name, rest in runtime_steps() if name == "RUN" and "apt-get install" in rest)
    words = re.search(r"apt-get install([^&]*)", install)[1].split()
    return [w for w in words if not w.startswith("-")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What `make install` gives, from the build under test."""
    prefix = tmp_path_factory.mktemp("installed") / "usr"
    done = subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(prefix)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return prefix


def test_copied_files_exist():
    ignored = [line for line in (ROOT / ".dockerignore").read_text().split() if line]
    tracked = set()
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        tracked = {line.split("/")[0] for line in listed.splitlines()}
    copied = [rest.split() for name, rest in steps() if name in ("COPY", "ADD") and "--from=" not in rest]
    assert copied
    for *sources, _ in copied:
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source == "." or not any(fnmatch.fnmatch(source, p) for p in ignored), source
    for name in tracked - {".gitignore", ".dockerignore"}:  # `COPY . .` brings all that a build needs
        if not name.startswith("."):
            assert not any(fnmatch.fnmatch(name, p) for p in ignored), name


def test_stages_and_what_they_run(installed):
    names = {re.search(r" AS (\S+)", rest)[1] for name, rest in steps() if name == "FROM" and " AS " in rest}
    for name, rest in steps():
        if name == "COPY" and "--from=" in rest:
            assert re.search(r"--from=(\S+)", rest)[1] in names
    built = " ".join(rest for name, rest in steps() if name == "RUN")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    used = set(re.findall(r"\bmake ([a-z]+)", built))
    assert used and used <= targets
    assert (installed / "bin" / "penderie").exists()  # /usr/local/bin is in the path of the image
    check = next(rest for name, rest in runtime_steps() if name == "HEALTHCHECK")
    command = re.findall(r'"([^"]+)"', check)
    assert command[:2] == ["penderie", "serve"] and "--check" in command
    about = subprocess.run([str(installed / "bin" / "penderie"), "serve", "--help"], capture_output=True, text=True)
    assert about.returncode == 0 and "--check" in about.stdout


# -- libraries --


@functools.cache
def packages():
    """Of all packages here: name -> what it needs (a set of alternatives each)."""
    if not shutil.which("dpkg-query"):
        pytest.skip("this is no Debian")
    form = "${db:Status-Status}\t${Package}\t${Depends}, ${Pre-Depends}\t${Essential}\t${Provides}\n"
    out = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    known, provided = {}, {}
    for line in out.splitlines():
        status, name, needs, essential, provides = line.split("\t")
        if status != "installed":
            continue
        groups = [[re.split(r"[ :(]", a.strip())[0] for a in part.split("|")] for part in needs.split(",") if part.strip()]
        known[name] = (groups, essential == "yes")
        for p in provides.split(","):
            if p.strip():
                provided.setdefault(p.strip().split(" ")[0], set()).add(name)
    return known, provided


def closure(names):
    known, provided = packages()
    have, todo = set(), [*names, *(n for n, (_, essential) in known.items() if essential)]
    while todo:
        name = todo.pop()
        for real in ([name] if name in known else provided.get(name, ())):
            if real in have:
                continue
            have.add(real)
            for alternatives in known[real][0]:
                todo += [next((a for a in alternatives if a in known), alternatives[0])]
    return have


def spellings(path):
    """A file may be registered below /lib or /usr/lib, and under the name that a link leads to."""
    names = {path, os.path.realpath(path)}
    if os.path.islink(path):  # the alternatives of BLAS: a link to a link
        names.add(os.path.realpath(os.readlink(path)))
    return names | {n.replace("/usr/lib/", "/lib/", 1) for n in names} | {"/usr" + n for n in names if n.startswith("/lib")}


def owners(paths):
    """path -> the packages that bring it."""
    all_names = sorted(set().union(*(spellings(p) for p in paths)))
    out = subprocess.run(["dpkg-query", "-S", *all_names], capture_output=True, text=True).stdout
    brings = {}
    for line in out.splitlines():
        if ": " in line and not line.startswith("diversion"):
            names, path = line.rsplit(": ", 1)
            brings.setdefault(path, set()).update(re.split(r"[:,]", n.strip())[0] for n in names.split(", "))
    return {p: set().union(*(brings.get(n, set()) for n in spellings(p))) for p in paths}


def loaded_by(files):
    """Paths of all libraries that these files need, by the loader's own account."""
    out = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True).stdout
    assert "not found" not in out, out
    return set(re.findall(r"=> (/\S+)", out))


def test_packages_bring_every_library(installed):
    """The program, OpenVINO's libraries beside it, and what libvips loads when it meets a format."""
    have = closure(runtime_packages())
    files = [installed / "bin" / "penderie", *(installed / "lib" / "penderie").iterdir()]
    files += pathlib.Path("/usr/lib").glob("*-linux-gnu/vips-modules-*/vips-heif.so")
    needed = loaded_by(files)
    assert any("libvips" in p for p in needed) and any("libopenvino" in p for p in needed)
    system = {p for p in map(os.path.normpath, needed) if not p.startswith(str(installed))}
    missing = {path: packages for path, packages in owners(system).items() if not packages & have}
    assert not missing, f"the container file installs {runtime_packages()}, which lacks {missing}"


def test_the_installed_program_uses_its_own_libraries(installed, drawn):
    """And not those of the folder it was built in: that one is gone where it is installed."""
    log = installed / "loader"
    run = subprocess.run([str(installed / "bin" / "penderie"), "search", "--data", str(drawn), "--json", "robe"],
                         capture_output=True, text=True, env={**os.environ, "LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(log)})
    assert run.returncode == 0, run.stderr
    text = "".join(p.read_text() for p in installed.glob("loader.*"))
    paths = {os.path.normpath(p) for p in re.findall(r"calling init: (\S+)", text)}
    theirs = {p for p in paths if re.search("openvino|libtbb", p)}
    assert any("tokenizers" in p for p in theirs) and any("cpu_plugin" in p for p in theirs), paths
    assert all(p.startswith(str(installed)) for p in theirs), theirs


# -- systemd --


def test_unit_is_understood(installed, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = (installed / "lib" / "systemd" / "system" / "penderie.service").read_text()
    start = re.search(r"^ExecStart=(\S+) (.*)$", unit, re.M)
    assert start[1] == "/usr/bin/penderie" and start[2].startswith("serve ")
    assert "Type=notify" in unit and "LimitNOFILE=" in unit
    test = tmp_path / "penderie.service"
    test.write_text(unit.replace(start[1], str(installed / "bin" / "penderie")))
    out = subprocess.run(["systemd-analyze", "verify", str(test)], capture_output=True, text=True)
    about_us = [line for line in (out.stdout + out.stderr).splitlines() if "penderie.service" in line]
    assert not about_us, about_us
