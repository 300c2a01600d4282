"""`penderie import` as an operator meets it: killed at any point, twice at once, and over HTTP."""

import io
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import zipfile

import pytest

from penderie import BINARY, LONG, problem

# Columns that say when something happened, or which run it was.
TIMES = {"first_seen_ms", "changed_ms", "made_ms", "at_ms"}
TABLES = {
    "meta": "key", "product": "doc", "variant": "id", "offer": "variant, shop", "shop": "shop", "picture": "sha",
    "product_picture": "doc, position", "source": "address", "embedding": "sha, model",
}


def png(width, height, seed):
    """A picture that no other seed has, written by hand: the tests need no imaging library."""
    import struct
    import zlib

    r = random.Random(seed)
    colour, ground = [r.randrange(200) for _ in range(3)], [250, 250, 250]
    x0, x1, y0, y1 = width // 5 + seed % 7, width * 4 // 5, height // 6, height * 5 // 6
    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in (
            [(c + (x * y * seed) % 9) % 256 for c in colour] if x0 < x < x1 and y0 < y < y1 else ground))
        for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make_feed(folder, products, pictures=True, extra=""):
    folder.mkdir(parents=True, exist_ok=True)
    images = folder / "images"
    images.mkdir(exist_ok=True)
    lines = ["id\ttitle\timage_link\tprice\tavailability\tproduct_type\tcolor\tsize\titem_group_id"]
    for i in range(products):
        group = f"G{i // 3}" if i % 5 == 0 else ""
        lines.append(f"{i}\tRobe {i}{extra}\tp{i}.png\t{10 + i},90 EUR\tin stock\tRobes\t{'rouge bleu vert'.split()[i % 3]}"
                     f"\t{'SML'[i % 3]}\t{group}")
        if pictures and not (images / f"p{i}.png").exists():
            (images / f"p{i}.png").write_bytes(png(60, 80, i + 1))
    lines.append("bad\t\t\t1\t\t\t\t\t")
    (folder / "feed.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "feed.tsv", images


def command(data, feed, images, *more):
    return [BINARY, "import", "--data", str(data), "--feed", str(feed), "--images", str(images), "--json", "--no-model", *more]


def run(data, feed, images, *more, check=True):
    p = subprocess.run(command(data, feed, images, *more), capture_output=True, text=True, timeout=600)
    if check:
        assert p.returncode == 0, p.stderr
        return json.loads(p.stdout)
    return p


def content(data):
    """Everything that was published, without times."""
    db = sqlite3.connect(f"file:{data}/catalog.db?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    out = {t: [{k: r[k] for k in r.keys() if k not in TIMES} for r in db.execute(f"SELECT * FROM {t} ORDER BY {order}")]
           for t, order in TABLES.items()}
    for t in ("staged_row", "staged_offer", "staged_picture", "staged_dirty", "lease"):
        assert db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] == 0, t
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    db.close()
    for r in out["source"]:
        r["stamp"] = ""
    return out


def visible(data):
    if not (data / "catalog.db").exists():
        return 0
    db = sqlite3.connect(f"file:{data}/catalog.db?mode=ro", uri=True)
    try:
        return db.execute("SELECT count(*) FROM product WHERE hidden = 0").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()


def test_killed_at_any_point(tmp_path):
    """kill -9 at random times, again and again: never half a catalogue, and in the end the same one."""
    products = 300 if LONG else 150
    feed, images = make_feed(tmp_path / "shop", products)
    began = time.monotonic()
    first = run(tmp_path / "calm", feed, images)
    took = time.monotonic() - began
    assert first["rejected"] == 1 and first["pictures_read"] == products
    want = content(tmp_path / "calm")
    whole = len(want["product"])
    rng, data = random.Random(7), tmp_path / "killed"
    killed = 0
    for attempt in range(100 if LONG else 10):
        p = subprocess.Popen(command(data, feed, images), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, took * 1.1))
        p.send_signal(signal.SIGKILL)
        killed += p.wait() == -signal.SIGKILL
        assert visible(data) in (0, whole)
        if visible(data):  # through: the next ones begin anew
            run(data, feed, images)
            assert content(data) == want
            shutil.rmtree(data)
    run(data, feed, images)
    assert killed >= (80 if LONG else 5)
    assert content(data) == want
    again = run(data, feed, images)
    assert (again["added"], again["changed"], again["hidden"], again["pictures_read"]) == (0, 0, 0, 0)
    assert content(data) == want


def test_killed_update(tmp_path):
    """The same over a catalogue that is there: readers see the old one or the new one."""
    feed, images = make_feed(tmp_path / "shop", 80)
    data, calm = tmp_path / "data", tmp_path / "calm"
    run(data, feed, images)
    shutil.copytree(data, calm)
    feed, images = make_feed(tmp_path / "shop", 100, extra=" longue")
    run(calm, feed, images, "--prune")
    want = content(calm)
    titles = {"old": None}

    def state():
        db = sqlite3.connect(f"file:{data}/catalog.db?mode=ro", uri=True)
        n = db.execute("SELECT count(*), sum(title LIKE '% longue') FROM product WHERE hidden = 0").fetchone()
        db.close()
        return n

    titles["old"], new = state(), (len(want["product"]), len(want["product"]))
    rng = random.Random(11)
    for _ in range(30 if LONG else 4):
        p = subprocess.Popen(command(data, feed, images, "--prune"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 1.2))
        p.kill()
        p.wait()
        assert state() in (titles["old"], new)
    run(data, feed, images, "--prune")
    assert content(data) == want


def test_second_import_is_refused(tmp_path):
    feed, images = make_feed(tmp_path / "shop", 400 if LONG else 200)
    data = tmp_path / "data"
    p = subprocess.Popen(command(data, feed, images), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                db = sqlite3.connect(f"file:{data}/catalog.db?mode=ro", uri=True)
                if db.execute("SELECT count(*) FROM lease").fetchone()[0]:
                    break
            except sqlite3.OperationalError:
                pass
            time.sleep(0.01)
        p.send_signal(signal.SIGSTOP)
        second = run(data, feed, images, check=False)
        assert second.returncode == 1
        assert "another import is running" in second.stderr
    finally:
        p.send_signal(signal.SIGCONT)
        assert p.wait(120) == 0
    assert visible(data) > 0


def test_sigterm_ends_cleanly(tmp_path):
    feed, images = make_feed(tmp_path / "shop", 200)
    p = subprocess.Popen(command(tmp_path / "data", feed, images), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    p.terminate()
    _, errors = p.communicate(timeout=60)
    assert p.returncode in (0, 1)
    if p.returncode:
        assert "goes on from here" in errors
    assert run(tmp_path / "data", feed, images)["rejected"] == 1


def test_summary_and_usage(tmp_path):
    feed, images = make_feed(tmp_path / "shop", 3)
    text = subprocess.run([BINARY, "import", "--data", str(tmp_path / "d"), "--feed", str(feed), "--images", str(images),
                           "--no-model"], capture_output=True, text=True)
    assert text.returncode == 0 and "4 rows read" in text.stdout and "1 rejected" in text.stdout
    for args, word in ((["--data", str(tmp_path / "d")], "--feed"),
                       (["--data", str(tmp_path / "d"), "--feed", str(feed), "--columns", "x=y"], "not a field of ours")):
        p = subprocess.run([BINARY, "import", "--no-model", *args], capture_output=True, text=True)
        assert p.returncode == 2 and word in p.stderr


def test_pictures_in_a_zip(tmp_path):
    feed, images = make_feed(tmp_path / "shop", 20)
    with zipfile.ZipFile(tmp_path / "images.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for p in sorted(images.iterdir(), reverse=True):
            z.write(p, p.name)
    first = run(tmp_path / "zip", feed, tmp_path / "images.zip")
    assert first["pictures_read"] == 20 and first["pictures_failed"] == 0
    again = run(tmp_path / "zip", feed, tmp_path / "images.zip")
    assert again["pictures_read"] == 0 and again["pictures_reused"] == 20
    run(tmp_path / "folder", feed, images)
    assert content(tmp_path / "zip") == content(tmp_path / "folder")


@pytest.mark.skipif(not LONG, reason="a million rows belong to the long run")
def test_million_rows_in_constant_memory(tmp_path):
    def peak(rows):
        feed = tmp_path / f"{rows}.csv"
        with open(feed, "w", encoding="utf-8") as f:
            f.write("id,title,description,price,brand,color\n")
            for i in range(rows):
                f.write(f"{i},Robe num\u00e9ro {i},{'Une description. ' * 10},{i % 90 + 9}.90 EUR,Maison {i % 50},rouge\n")
        p = subprocess.Popen([BINARY, "import", "--data", str(tmp_path / f"d{rows}"), "--feed", str(feed), "--no-model",
                              "--dry-run"], stdout=subprocess.DEVNULL)
        most = 0
        while p.poll() is None:
            try:
                status = open(f"/proc/{p.pid}/status").read()
                most = max([most] + [int(l.split()[1]) for l in status.splitlines() if l.startswith("VmHWM")])
            except (OSError, ValueError):
                pass
            time.sleep(0.02)
        assert p.returncode == 0
        return most

    small, large = peak(50_000), peak(1_000_000)
    assert large < 200 * 1024 and large < small + 30 * 1024, (small, large)


def wait_for(server, location):
    until = time.monotonic() + 120
    while time.monotonic() < until:
        answer = server.get(location, headers=server.staff)
        assert answer.status_code == 200, answer.text
        if answer.json()["state"] not in ("queued", "running"):
            return answer.json()
        time.sleep(0.2)
    raise AssertionError("the import does not end")


def test_import_over_http(fresh, tmp_path):
    server = fresh().start()
    feed, images = make_feed(tmp_path / "shop", 12)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        for p in images.iterdir():
            z.write(p, p.name)
    files = {"feed": ("feed.tsv", feed.read_bytes()), "images": ("images.zip", archive.getvalue())}
    problem(server.post("/v1/imports", files=files), 401, "unauthenticated")
    queued = server.post("/v1/imports", files=files, headers=server.staff)
    assert queued.status_code == 202, queued.text
    done = wait_for(server, queued.headers["Location"])
    assert done["state"] == "done", done
    assert done["counts"]["rejected"] == 1 and done["counts"]["pictures_read"] == 12
    assert server.get("/v1/imports", headers=server.staff).json()["items"][0]["id"] == queued.json()["id"]
    assert not list((tmp_path / "data" / "incoming").iterdir())

    seen, cursor = [], None
    while True:
        page = server.get("/v1/products", params={"limit": 5, **({"cursor": cursor} if cursor else {})}).json()
        seen += [p["id"] for p in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == done["counts"]["added"]
    answer = server.get(f"/v1/products/{seen[0]}")
    product = answer.json()
    assert product["category"] == "dress" and product["price"] and product["variants"]
    again = server.get(f"/v1/products/{seen[0]}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    picture = server.get(product["picture"])
    assert picture.headers["Content-Type"] == "image/png" and "immutable" in picture.headers["Cache-Control"]
    assert server.get(product["picture"], params={"w": 240}).content == picture.content  # small already
    problem(server.get("/v1/products/nothing"), 404, "not-found")
    problem(server.get("/v1/pictures/" + "0" * 64), 404, "not-found")
    assert server.get("/v1/pictures/xyz").status_code in (400, 404)
    assert server.get("/v1/products", params={"cursor": "x!"}).status_code == 400
    dresses = server.get("/v1/products", params={"category": "dress", "limit": 100}).json()["items"]
    assert len(dresses) == len(seen)
    assert not server.get("/v1/products", params={"category": "jeans"}).json()["items"]
    counts = {c["category"]: c["products"] for c in server.get("/v1/categories").json()["items"]}
    assert counts["dress"] == len(seen)


def test_incoming_folder(fresh, tmp_path):
    server = fresh().start()
    feed, _ = make_feed(tmp_path / "shop", 3, pictures=False)
    incoming = tmp_path / "data" / "incoming"
    incoming.mkdir(exist_ok=True)
    shutil.copy(feed, incoming / "feed.tsv")
    (tmp_path / "data" / "secret.tsv").write_text("id\ttitle\n1\tx\n")
    for name in ("../secret.tsv", "/etc/passwd", ".hidden", "a/b", ""):
        answer = server.post("/v1/imports/incoming", json={"feed_path": name}, headers=server.staff)
        assert answer.status_code in (400, 422), (name, answer.text)
    problem(server.post("/v1/imports/incoming", json={"feed_path": "none.tsv"}, headers=server.staff), 422, "unprocessable")
    queued = server.post("/v1/imports/incoming", json={"feed_path": "feed.tsv"}, headers=server.staff)
    assert queued.status_code == 202, queued.text
    assert wait_for(server, queued.headers["Location"])["counts"]["rows"] == 4
    assert (incoming / "feed.tsv").exists()


def ops(server, sql, *args):
    db = sqlite3.connect(server.data / "ops.db", timeout=30)
    with db:
        rows = db.execute(sql, args).fetchall()
    db.close()
    return rows


def upload(server, feed):
    return server.post("/v1/imports", files={"feed": ("feed.tsv", feed.read_bytes())}, headers=server.staff)


def test_killed_before_the_job_ended(fresh, tmp_path):
    """The run was recorded and its files are gone, but the job's end was not written: it ends as it had ended."""
    server = fresh().start()
    feed, _ = make_feed(tmp_path / "shop", 6, pictures=False)
    queued = upload(server, feed)
    first = wait_for(server, queued.headers["Location"])
    assert first["state"] == "done"
    server.stop()
    assert not list((server.data / "incoming").iterdir())
    ops(server, "UPDATE job SET state = 'running', owner = 'gone', lease_until_ms = 1, ended_ms = NULL, result = NULL"
        " WHERE id = ?", queued.json()["id"])
    server.start()
    until = time.monotonic() + 60
    while ops(server, "SELECT state FROM job WHERE id = ?", queued.json()["id"])[0][0] in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.2)
    state, result, error = ops(server, "SELECT state, result, error FROM job WHERE id = ?", queued.json()["id"])[0]
    assert (state, error) == ("done", None) and json.loads(result)["added"] == first["counts"]["added"]
    assert server.get(queued.headers["Location"], headers=server.staff).json() == first


def test_uploads_of_cancelled_imports_go(fresh, tmp_path):
    server = fresh(job_workers=0).start()
    feed, _ = make_feed(tmp_path / "shop", 3, pictures=False)
    cancelled, waiting = upload(server, feed), upload(server, feed)
    incoming = server.data / "incoming"
    assert len(list(incoming.iterdir())) == 2
    db = sqlite3.connect(server.data / "ops.db", timeout=30)
    with db:
        db.execute("UPDATE job SET state = 'cancelled', ended_ms = 1 WHERE id = ?", (cancelled.json()["id"],))
    kept = json.loads(db.execute("SELECT payload FROM job WHERE id = ?", (waiting.json()["id"],)).fetchone()[0])["feed"]
    db.close()
    server.stop()
    for path in incoming.iterdir():  # long ago
        os.utime(path, (time.time() - 7200,) * 2)
    server.start()
    assert [p.name for p in incoming.iterdir()] == [kept]
    ended = server.get(cancelled.headers["Location"], headers=server.staff).json()
    assert ended["state"] == "interrupted" and ended["message"]
    assert server.get(waiting.headers["Location"], headers=server.staff).json()["state"] == "queued"


def test_queued_while_the_catalogue_is_busy(fresh, tmp_path):
    """The job is durable once it is in its table: that the list of imports is locked is no reason to refuse it."""
    server = fresh(job_workers=0).start()
    feed, _ = make_feed(tmp_path / "shop", 3, pictures=False)
    db = sqlite3.connect(server.data / "catalog.db", timeout=30, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        queued = upload(server, feed)
    finally:
        db.execute("ROLLBACK")
        db.close()
    assert queued.status_code == 202, queued.text
    got = server.get(queued.headers["Location"], headers=server.staff)
    assert got.status_code == 200 and got.json()["state"] == "queued"
    problem(server.get("/v1/imports/0192aaaa-0000-7000-8000-000000000000", headers=server.staff), 404, "not-found")


def test_offers_and_sales_follow_the_clock(fresh, tmp_path):
    """A sale that begins while the server runs is in answers and filters, without another import."""
    server = fresh().start()
    begins = time.time() + 8
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begins))
    feed = tmp_path / "feed.tsv"
    feed.write_text("id\ttitle\tprice\tsale_price\tsale_price_effective_date\tshop\n"
                    f"1\tRobe rouge\t50 EUR\t30 EUR\t{stamp}/2099-01-01\t\n1\tRobe rouge\t55 EUR\t\t\tparis\n")
    assert wait_for(server, upload(server, feed).headers["Location"])["state"] == "done"
    offers = server.get("/v1/products/1/offers").json()["items"]
    assert [(o["shop"], o["price"], o["sale_price"], o["available"]) for o in offers] == [
        ("", 50, None, True), ("paris", 55, None, True)]
    problem(server.get("/v1/products/2/offers"), 404, "not-found")

    def found(**filters):
        return [i["sale_price"] for i in server.get("/v1/search", params={"q": "robe", **filters}).json()["items"]]

    until = begins + 40
    while found(on_sale="true") != [30]:
        assert time.time() < until, found()
        time.sleep(0.5)
    assert time.time() >= begins - 1 and found(price_max=40) == [30]
    assert server.get("/v1/products/1/offers").json()["items"][0]["sale_price"] == 30


def test_names_steer_no_terminal(tmp_path):
    p = subprocess.run([BINARY, "import", "--no-model", "--data", str(tmp_path / "d"), "--feed", str(tmp_path / "a\x1b[2Jb\u009bc")],
                       capture_output=True)
    assert p.returncode != 0 and b"a?[2Jb?c" in p.stderr
    assert not any(c < 32 and c != 10 or c == 127 for c in p.stderr)
