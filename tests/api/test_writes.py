"""Writes that are sent again, across kill -9 and two processes; pictures that are none."""

import concurrent.futures
import io
import os
import shutil
import signal
import sqlite3
import uuid
import zlib

import pytest

from penderie import Server, problem


@pytest.fixture
def house(drawn, tmp_path):
    """A copy of the drawn collection that a test may write into."""
    shutil.copytree(drawn, tmp_path / "data")
    return tmp_path / "data"


def shown(server):
    """An answer's attribution token and one of its products."""
    answer = server.get("/v1/search", params={"q": "robe", "limit": 3}).json()
    return answer["attribution"], answer["items"][0]["id"]


def feedback_rows(house):
    with sqlite3.connect(house / "ops.db") as db:
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        name = next(t for t in tables if "feedback" in t)
        return db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]


def test_repeated_write_has_one_effect_even_after_kill(house):
    with Server(house) as s:
        attribution, product = shown(s)
        body = {"attribution": attribution, "product": product, "kind": "click"}
        key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        first = s.post("/v1/feedback", json=body, headers=key)
        assert first.status_code < 300 and "Idempotent-Replayed" not in first.headers
        assert s.stop(signal.SIGKILL) == -signal.SIGKILL
        rows = feedback_rows(house)
        assert rows == 1
        s.start()
        again = s.post("/v1/feedback", json=body, headers=key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["Idempotent-Replayed"] == "true"
        problem(s.post("/v1/feedback", json={**body, "kind": "cart"}, headers=key), 422, "unprocessable")
        with Server(house) as other:  # a second process beside it
            third = other.post("/v1/feedback", json=body, headers=key)
            assert third.headers["Idempotent-Replayed"] == "true"
    assert feedback_rows(house) == rows


def test_the_same_write_at_once(house):
    with Server(house) as a, Server(house) as b:
        attribution, product = shown(a)
        body = {"attribution": attribution, "product": product, "kind": "like"}
        key = {"Idempotency-Key": str(uuid.uuid4())}

        def send(i):
            return (a if i % 2 else b).post("/v1/feedback", json=body, headers=key).status_code

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            codes = list(pool.map(send, range(32)))
    assert set(codes) <= {204, 200, 201, 202, 409} and any(c < 300 for c in codes), codes
    assert feedback_rows(house) == 1


def png(width, height):
    """A valid header with nothing like that many pixels behind it: a bomb."""
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


BAD_PICTURES = {
    "empty": b"",
    "text": b"this is not a picture",
    "random": os.urandom(50_000),
    "bomb": png(60_000, 60_000),
    "no pixels": png(0, 0),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'><image href='file:///etc/passwd'/></svg>",
    "pdf": b"%PDF-1.7\n%%EOF",
    "script": b"#!/bin/sh\nid\n",
}


@pytest.mark.parametrize("name", BAD_PICTURES)
@pytest.mark.parametrize("form", [True, False], ids=["form", "raw"])
def test_bad_pictures_are_refused(shop, name, form):
    data = BAD_PICTURES[name]
    if form:
        a = shop.post("/v1/recommendations", files={"photo": ("a.jpg", io.BytesIO(data), "image/jpeg")})
    else:
        a = shop.post("/v1/recommendations", data=data, headers={"Content-Type": "image/jpeg"})
    assert 400 <= a.status_code < 500, a.text
    problem(a, a.status_code, a.json()["type"].removeprefix("/problems/"))
    assert shop.get("/healthz").status_code == 200


def test_cut_pictures_never_hurt(shop, drawn):
    photo = next((drawn / "demo" / "wardrobe").glob("*.jpg")).read_bytes()
    for part in (1, 2, 10, 100, len(photo) // 2, len(photo) - 1):
        a = shop.post("/v1/recommendations", data=photo[:part], headers={"Content-Type": "image/jpeg"})
        assert a.status_code == 200 or 400 <= a.status_code < 500, (part, a.text)
    a = shop.post("/v1/recommendations?limit=3", data=photo, headers={"Content-Type": "image/jpeg"})
    assert a.status_code == 200 and len(a.json()["items"]) == 3


def test_many_photos_at_once_are_answered_or_told_to_wait(shop, drawn):
    photo = next((drawn / "demo" / "wardrobe").glob("*.jpg")).read_bytes()

    def send(_):
        a = shop.post("/v1/recommendations?limit=1", data=photo, headers={"Content-Type": "image/jpeg"})
        return a.status_code, "Retry-After" in a.headers

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        got = set(pool.map(send, range(96)))
    assert got <= {(200, False), (503, True)} and (200, False) in got
