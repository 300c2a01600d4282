import os
import subprocess

import pytest

from penderie import BINARY, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server without products, shared by the tests that change no settings."""
    with Server(tmp_path_factory.mktemp("house") / "data") as s:
        yield s


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A data folder with a small drawn collection; shared, so tests do not write products into it."""
    data = tmp_path_factory.mktemp("drawn") / "data"
    made = subprocess.run([BINARY, "demo", "--data", str(data), "--products", "30", "--no-serve"], capture_output=True,
                          text=True, timeout=900, env={**os.environ})
    assert made.returncode == 0, made.stdout + made.stderr
    return data


@pytest.fixture(scope="session")
def shop(drawn):
    """A server with that collection."""
    with Server(drawn) as s:
        yield s


@pytest.fixture
def fresh(tmp_path):
    """Makes servers on data folders of this test; all are stopped at its end."""
    made = []

    def make(data="data", **kw):
        s = Server(tmp_path / data, **kw)
        made.append(s)
        return s

    yield make
    for s in made:
        s.stop()
