import pytest

from penderie import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server without products, shared by the tests that change no settings."""
    with Server(tmp_path_factory.mktemp("house") / "data") as s:
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
