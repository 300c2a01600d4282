"""Consents, rights, separation of the stores, alerts, and `penderie privacy check`, through the running program."""

import base64
import hashlib
import hmac
import http.client
import http.server
import io
import json
import os
import re
import resource
import shutil
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import uuid
import zipfile

import pytest

from penderie import BINARY, ROOT, Server, problem
from test_ident import PASSWORD, bearer, person, sign_in

SETTINGS = {"ident_password_memory": "19m", "wardrobe_without_faces": "yes"}
STORES = ["identity", "wardrobe", "activity", "register", "ops"]


@pytest.fixture(scope="module")
def house(drawn, tmp_path_factory):
    """A server with some products, that takes photos whether or not the face detector is installed."""
    data = tmp_path_factory.mktemp("privacy") / "data"
    shutil.copytree(drawn, data)
    with Server(data, **SETTINGS) as s:
        yield s


def run(*args, check=True, **kw):
    r = subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True, timeout=300, **kw)
    assert not check or r.returncode == 0, r.stdout + r.stderr
    return r


def version(server):
    return server.get("/v1/consent-texts").json()["version"]


def upload(server, who, picture, **consents):
    fields = {"consent": version(server), "consent_language": "fr", **consents}
    return server.post("/v1/wardrobe/photos", files={"photo": ("a.jpg", io.BytesIO(picture), "image/jpeg")},
                       data=fields, headers=who)


def a_photo(server):
    return next((server.data / "demo" / "wardrobe").glob("*.jpg")).read_bytes()


# ---- consents ----

def test_consents(house):
    who, _, _ = person(house)
    current = version(house)
    texts = house.get("/v1/consent-texts", params={"language": "fr"}).json()["texts"]
    assert {t["purpose"] for t in texts} == {"recommendation", "tryon", "improvement"}
    refused = problem(house.post("/v1/wardrobe/photos", data=a_photo(house),
                                 headers={**who, "Content-Type": "image/jpeg"}), 403, "forbidden")
    assert "recommendation" in refused["detail"]
    give = {"purpose": "recommendation", "text_version": current, "language": "fr", "how": "web"}
    problem(house.post("/v1/consents", json={**give, "text_version": "1999-01"}, headers=who), 422, "unprocessable")
    problem(house.post("/v1/consents", json={**give, "purpose": "advertising"}, headers=who), 400, "invalid")
    problem(house.post("/v1/consents", json=give), 401, "unauthenticated")
    assert house.post("/v1/consents", json=give, headers=who).status_code == 201
    photo = house.post("/v1/wardrobe/photos", data=a_photo(house), headers={**who, "Content-Type": "image/jpeg"})
    assert photo.status_code == 201, photo.text
    other = upload(house, who, a_photo(house)).json()["id"]
    gone = house.request("DELETE", "/v1/consents/recommendation", params={"photo": other}, headers=who)
    assert gone.json() == {"purpose": "recommendation", "photo": other, "given": False}
    assert house.get(f"/v1/wardrobe/photos/{other}", headers=who).status_code in (403, 404)
    assert house.get(f"/v1/wardrobe/photos/{photo.json()['id']}", headers=who).status_code == 200
    house.request("DELETE", "/v1/consents/recommendation", headers=who)
    assert house.get(f"/v1/wardrobe/photos/{photo.json()['id']}", headers=who).status_code in (403, 404)
    listed = house.get("/v1/consents", headers=who).json()["consents"]
    assert [c["given"] for c in listed if c["purpose"] == "recommendation"] == [True, True, False, False]


def test_officer_sees_the_register_and_nobody_else(house):
    officer, _, _ = person(house, "dpo")
    shopper, account, address = person(house)
    house.post("/v1/consents", headers=shopper,
               json={"purpose": "tryon", "text_version": version(house), "language": "en"})
    for path in ("register", "audit", "audit/verdict", "alerts", "retention"):
        got = house.get(f"/v1/privacy/{path}", params={"limit": 500} if path in ("register", "audit") else {},
                        headers=officer)
        assert got.status_code == 200, got.text
        assert account not in got.text and address not in got.text
        for other in (shopper, house.staff):
            problem(house.get(f"/v1/privacy/{path}", headers=other), 403, "forbidden")
        problem(house.get(f"/v1/privacy/{path}"), 401, "unauthenticated")
    register = house.get("/v1/privacy/register", params={"limit": 1}, headers=officer).json()
    while register["next_cursor"]:
        register = house.get("/v1/privacy/register", headers=officer,
                             params={"limit": 200, "cursor": register["next_cursor"]}).json()
    assert house.get("/v1/privacy/audit/verdict", headers=officer).json()["intact"]
    # what was refused above is in the log by now, or within a second
    until = time.monotonic() + 10
    while time.monotonic() < until:
        lines, start = [], 1
        while start:
            page = house.get("/v1/privacy/audit", params={"from": start, "limit": 500}, headers=officer).json()
            lines += page["lines"]
            start = page["next"]
        if any(l["what"] == "call.listRegister" and l["result"] == "refused" for l in lines):
            return
        time.sleep(0.3)
    raise AssertionError("refused calls are not in the access log")


# ---- rights ----

def archive_of(server, who):
    asked = server.post("/v1/account/export", headers=who)
    assert asked.status_code == 202, asked.text
    until = time.monotonic() + 120
    while True:
        state = server.get(f"/v1/account/exports/{asked.json()['id']}", headers=who).json()
        if state["state"] == "ready":
            break
        assert state["state"] in ("waiting", "running") and time.monotonic() < until, state
        time.sleep(0.2)
    assert state["progress"]["done"] == state["progress"]["total"] > 0
    got = server.get(f"/v1/account/exports/{state['id']}/archive", headers=who)
    assert got.status_code == 200 and got.headers["Content-Type"] == "application/zip"
    return state["id"], zipfile.ZipFile(io.BytesIO(got.content))


def test_archive(house):
    who, _, address = person(house)
    other, _, _ = person(house)
    photo = upload(house, who, a_photo(house)).json()["id"]
    id, archive = archive_of(house, who)
    assert archive.testzip() is None
    data = json.loads(archive.read("data.json"))
    assert data["ident"]["account"]["email"] == address if "account" in data["ident"] else address in json.dumps(data)
    assert any(photo in n for n in archive.namelist())
    assert archive.read(next(n for n in archive.namelist() if photo in n))[:3] == b"\xff\xd8\xff"
    problem(house.get(f"/v1/account/exports/{id}/archive", headers=other), 404, "not-found")
    problem(house.get(f"/v1/account/exports/{id}/archive"), 401, "unauthenticated")
    problem(house.post("/v1/account/export", headers=house.staff), 403, "forbidden")


def test_objection(house):
    who, _, _ = person(house)
    assert house.get("/v1/account/objection", headers=who).json() == {"objects_to_profiling": False}
    put = house.request("PUT", "/v1/account/objection", json={"objects_to_profiling": True}, headers=who)
    assert put.json() == {"objects_to_profiling": True}
    assert house.get("/v1/wardrobe/recommendations", headers=who).json()["profile"] is False


# ---- stores that cannot be joined, and erasure ----

def use_everything(server):
    """A person who used every feature. Headers, id, e-mail, and what must be found nowhere."""
    who, account, address = person(server)
    picture = a_photo(server)
    current = version(server)
    photo = upload(server, who, picture, consent_tryon=current, consent_improvement=current)
    assert photo.status_code == 201, photo.text
    id = photo.json()["id"]
    stored = server.get(f"/v1/wardrobe/photos/{id}/image", headers=who).content
    pieces = photo.json()["pieces"]
    if pieces:
        r = server.request("PATCH", f"/v1/wardrobe/photos/{id}", headers=who,
                           json={"pieces": [{"id": pieces[0]["id"], "colour": "Red"}]})
        assert r.status_code == 200, r.text
    r = server.request("PUT", "/v1/wardrobe/preferences", json={"budget": 123.5, "sizes": ["ZZ-SIZE-77"]}, headers=who)
    assert r.status_code < 300, r.text
    product = server.get("/v1/search", params={"q": "robe", "limit": 1}).json()["items"][0]["id"]
    for kind in ("view", "like", "buy"):
        assert server.post("/v1/wardrobe/events", json={"product": product, "kind": kind}, headers=who).status_code == 204
    assert server.get("/v1/wardrobe/recommendations", headers=who).status_code == 200
    server.post("/v1/consents", headers={**who, "Idempotency-Key": f'"{uuid.uuid4()}"'},
                json={"purpose": "improvement", "text_version": current, "language": "fr"})
    server.request("PUT", "/v1/account/objection", json={"objects_to_profiling": True}, headers=who)
    server.request("PUT", "/v1/account/objection", json={"objects_to_profiling": False}, headers=who)
    archive_of(server, who)
    middle = len(stored) // 2
    secrets = {"e-mail": address.encode(), "id as bytes": base64.urlsafe_b64decode(account + "=="),
               "photo sent": picture[len(picture) // 2:][:64], "photo stored": stored[middle:middle + 64],
               "size": b"ZZ-SIZE-77"}
    return who, account, address, id, secrets


def files_of(data, leave=()):
    return [p for p in data.rglob("*") if p.is_file() and not any(p.is_relative_to(data / x) for x in leave)]


def found(data, what, leave=()):
    return [str(p.relative_to(data)) for p in files_of(data, leave) if what in p.read_bytes()]


def values(path):
    """(table, column, value) of everything in a database, without what every database of ours has."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
        if table == "migration":
            continue
        rows = db.execute(f'SELECT * FROM "{table}"')
        names = [d[0] for d in rows.description]
        for row in rows:
            for name, value in zip(names, row):
                if value is not None:
                    yield table, name, value
    db.close()


# Words that say the same about everybody: states, kinds, versions, names of operations.
PLAIN = re.compile(rb"^[a-z_.]{0,40}$|^(fr|en|2026-11)$")


def joinable(value):
    if isinstance(value, int):
        return False  # times are looked at below; the rest are flags and counts
    if isinstance(value, str):
        value = value.encode()
    return isinstance(value, bytes) and len(value) >= 6 and not PLAIN.match(value)


def forms(value):
    """The value as it might stand elsewhere: as it is, as hexadecimal, and decoded from it."""
    raw = value.encode() if isinstance(value, str) else value
    yield raw
    yield raw.hex().encode()
    try:
        yield bytes.fromhex(raw.decode())
    except (ValueError, UnicodeDecodeError):
        pass
    try:
        text = raw.decode()
        if re.fullmatch(r"[A-Za-z0-9_-]{22}", text):
            yield base64.urlsafe_b64decode(text + "==")
    except (ValueError, UnicodeDecodeError):
        pass


def test_stores_cannot_be_joined_and_erasure_leaves_nothing(house, tmp_path):
    who, account, address, photo, secrets = use_everything(house)
    use_everything(house)  # somebody beside, so that there is something to confuse
    time.sleep(1.5)
    data = house.data
    vaultless = ("vault", "keys", "tls", "demo", "blobs", "cache", "catalog.db", "catalog.db-wal", "catalog.db-shm")

    # Nothing can be read without the vault.
    for name, what in secrets.items():
        if name != "id as bytes":
            assert not found(data, what, vaultless), f"{name} can be read"
    assert found(data, account.encode(), vaultless) in (["identity.db"], ["identity.db-wal"],
                                                         ["identity.db", "identity.db-wal"],
                                                         ["identity.db-wal", "identity.db"])

    # No value of one store is in another, in any usual form.
    stores = {}
    for store in STORES:
        stores[store] = {}
        for table, column, value in values(data / f"{store}.db"):
            if joinable(value):
                for form in forms(value):
                    stores[store].setdefault(form, f"{table}.{column}")
    for i, a in enumerate(STORES):
        for b in STORES[i + 1:]:
            common = {f"{stores[a][v]} = {stores[b][v]}" for v in stores[a].keys() & stores[b].keys()}
            # The id of an alert or an archive is in its job too; neither names a person to the other store.
            common = {c for c in common if not (a == "register" and b == "ops" and ("job." in c))}
            assert not common, (a, b, common)
    # Nor within longer texts: each pseudonym and id looked for in the bytes of the others.
    for store in ("identity", "wardrobe", "activity"):
        others = b"".join((data / f"{s}.db{t}").read_bytes() for s in STORES if s != store for t in ("", "-wal")
                          if (data / f"{s}.db{t}").exists())
        for value, where in stores[store].items():
            if 16 <= len(value) <= 64 and not where.startswith(("activity_event.product", "api_key")):
                assert value not in others, (store, where)

    # No shared time: by the day, or by the hour.
    for store, unit in (("identity", 86_400_000), ("wardrobe", 86_400_000), ("activity", 3_600_000)):
        for table, column, value in values(data / f"{store}.db"):
            if isinstance(value, int) and value > 1_600_000_000_000 and "signing" not in table:
                # Ended sessions are a random number and the hour it is forgotten; no row leads from it to an account.
                fine = 3_600_000 if table == "ident_revoked" else unit
                assert value % fine == 0, (store, table, column, value)

    # No order of rows: tables of persons have none but that of their random keys.
    for store in ("identity", "wardrobe", "activity"):
        db = sqlite3.connect(f"file:{data / (store + '.db')}?mode=ro", uri=True)
        for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
            if re.search(r"\b(account|person|user)\b", sql or ""):
                assert "WITHOUT ROWID" in sql, (store, name)
        db.close()

    # Erasure: everywhere, byte by byte, the vault's folder included.
    pseudonyms = {v for s in ("wardrobe", "activity", "register") for t, c, v in values(data / f"{s}.db")
                  if c == "person"}
    erased = house.post("/v1/account/erasure", json={"confirm": "erase"}, headers=who)
    assert erased.status_code == 200, erased.text
    assert house.get("/v1/account", headers=who).status_code == 401
    left = {v for s in ("wardrobe", "activity", "register") for t, c, v in values(data / f"{s}.db") if c == "person"}
    own = pseudonyms - left
    assert len(own) == 3, own
    secrets.update({f"pseudonym {i}": v.encode() for i, v in enumerate(own)})
    secrets.update({"id": account.encode(), "photo's id": photo.encode()})
    for name, what in secrets.items():
        leave = ("demo", "blobs") if name.startswith("photo s") else ()
        assert not found(data, what, leave), f"{name} is left in {found(data, what, leave)}"

    # The receipt, by our own command and by anybody's means.
    receipt = erased.json()["receipt"]
    (tmp_path / "receipt").write_text(receipt)
    key = house.get("/v1/privacy/receipt-key").json()
    (tmp_path / "key").write_text(json.dumps(key))
    said = json.loads(run("privacy", "verify-receipt", tmp_path / "receipt", "--key", tmp_path / "key").stdout)
    assert said["key_destroyed"] is True and said["reason"] == "request"
    head, body, signature = receipt.split(".")
    (tmp_path / "receipt").write_text(f"{head}.{body[:-2]}AA.{signature}")
    assert run("privacy", "verify-receipt", tmp_path / "receipt", "--key", tmp_path / "key", check=False).returncode == 1
    verified = run("audit", "verify", "--data", data)
    assert "head" in verified.stdout


def test_audit_commands(house, tmp_path):
    person(house)
    time.sleep(1.2)
    copy = tmp_path / "copy"
    shutil.copytree(house.data, copy, ignore=shutil.ignore_patterns("demo", "blobs", "cache", "*-shm"))
    head = json.loads(run("audit", "verify", "--json", "--data", copy).stdout)["head"]
    assert run("audit", "verify", "--data", copy, "--head", head).returncode == 0
    lines = [json.loads(l) for l in run("audit", "export", "--data", copy).stdout.splitlines()]
    assert lines[0]["n"] == 1 and [l["n"] for l in lines] == list(range(1, len(lines) + 1))
    with sqlite3.connect(copy / "register.db") as db:
        db.execute("UPDATE privacy_audit SET result = 'refused' WHERE n = 2")
    r = run("audit", "verify", "--json", "--data", copy, check=False)
    assert r.returncode == 1 and json.loads(r.stdout)["first_bad"] == 2


def test_data_map_is_what_the_program_says():
    assert run("privacy", "map").stdout == (ROOT / "docs" / "privacy" / "data-map.md").read_text()


# ---- alerts ----

class Receiver(http.server.BaseHTTPRequestHandler):
    """Refuses the first call, takes the second."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(500 if len(self.server.got) == 1 else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_alert_reaches_the_webhook_signed_and_repeated(fresh, tmp_path):
    secret = "a secret of more than thirty-two characters"
    (tmp_path / "secret").write_text(secret + "\n")
    (tmp_path / "secret").chmod(0o600)
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    receiver.got = []
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    s = fresh(privacy_alert_refused=5, privacy_webhook_secret_file=tmp_path / "secret",
              privacy_webhook_url=f"http://127.0.0.1:{receiver.server_address[1]}/alerts").start()
    for _ in range(8):
        assert s.get("/v1/jobs").status_code == 401
    until = time.monotonic() + 60
    while len(receiver.got) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    receiver.shutdown()
    assert len(receiver.got) >= 2, s.log()
    first, second = (json.loads(body) for _, body in receiver.got[:2])
    assert first == second and first["rule"] == "refused" and first["count"] == 6 and first["window_s"] == 600
    for headers, body in receiver.got[:2]:
        t, v1 = (p.split("=")[1] for p in headers["Penderie-Signature"].split(","))
        assert abs(int(t) - time.time()) < 120
        key = hashlib.sha256(secret.encode()).digest()
        assert v1 == hmac.new(key, f"{t}.".encode() + body, "sha256").hexdigest()
    assert "alert" in s.log() and "rule refused" in s.log()
    metrics = s.get("/metrics", headers=s.staff).text
    assert 'penderie_privacy_alerts_total{rule="refused"} 1' in metrics


# ---- retention ----

def test_purge_runs_by_itself_and_by_command(house):
    until = time.monotonic() + 90
    while time.monotonic() < until:
        reports = json.loads(run("privacy", "report", "--data", house.data).stdout)["reports"]
        if reports or time.gmtime().tm_hour < 3:
            break
        time.sleep(1)
    if time.gmtime().tm_hour >= 3:
        assert reports and reports[0]["dry_run"] is False and reports[0]["failed"] == 0
    dry = json.loads(run("privacy", "purge", "--dry-run", "--data", house.data).stdout)
    assert dry["dry_run"] is True and dry["accounts"]["erased"] == 0
    wet = json.loads(run("privacy", "purge", "--data", house.data).stdout)
    assert wet["dry_run"] is False and wet["failed"] == 0


# ---- the check ----

class Between(http.server.BaseHTTPRequestHandler):
    """Passes everything on, but for what `server.change` does to it."""

    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.change(self, body, None)
        if answer is None:
            c = http.client.HTTPSConnection("localhost", self.server.house.port, context=self.server.house.context())
            c.request(self.command, self.path, body or None, {k: v for k, v in self.headers.items() if k != "Host"})
            r = c.getresponse()
            passed = (r.status, {k: v for k, v in r.getheaders() if k not in ("Transfer-Encoding", "Content-Length")},
                      r.read())
            answer = self.server.change(self, body, passed) or passed
        status, headers, content = answer
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_):
        pass


class Disguise:
    """A server in front of the house that breaks a promise."""

    def __init__(self, house, change, old_tls=False):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
        self.server.house, self.server.change = house, change
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2 if old_tls else ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(house.data / "tls" / "cert.pem", house.data / "tls" / "key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return f"https://localhost:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def checked(house):
    """The house with its certificate given by setting (for HSTS), after its first purge."""
    house.stop()
    s = Server(house.data, tls_certificate=house.data / "tls" / "cert.pem", tls_key=house.data / "tls" / "key.pem",
               **SETTINGS)
    with s:
        run("privacy", "purge", "--data", house.data)
        yield s
    house.start()


def check(server, *args, url=None):
    """The lines that failed, with why."""
    r = run("privacy", "check", "--json", "--data", server.data, "--url", url or server.url, "--set",
            "ident_password_memory=19m", *args, check=False)
    lines = {}
    for line in r.stdout.splitlines():
        one = json.loads(line)
        lines[one["line"]] = one
    failed = {name: one["why"] for name, one in lines.items() if not one["pass"]}
    assert len(lines) == 23, r.stdout + r.stderr
    assert r.returncode == (1 if failed else 0), r.stderr
    return failed


def test_check_passes_on_a_running_house(checked):
    assert check(checked) == {}
    r = run("privacy", "check", "--data", checked.data, "--url", checked.url, "--set", "ident_password_memory=19m")
    assert "23 measures, 0 failed" in r.stdout


def test_check_sees_each_measure_on_the_disk_switched_off(checked):
    data = checked.data
    who, _, _ = person(checked)
    assert checked.post("/v1/consents", headers=who, json={"purpose": "tryon", "text_version": version(checked),
                                                           "language": "fr"}).status_code == 201
    (data / "identity.db").chmod(0o644)
    copies = data / "vault" / "copies"
    copies.mkdir(exist_ok=True)
    old = copies / "vault-20200101T000000Z.db"
    old.write_bytes(b"")
    leak = data / "wardrobe" / "leak"
    leak.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"x" * 100)
    leak.chmod(0o600)
    register = sqlite3.connect(data / "register.db", isolation_level=None)
    identity = sqlite3.connect(data / "identity.db", isolation_level=None)
    activity = sqlite3.connect(data / "activity.db", isolation_level=None)
    table = next(t for (t,) in identity.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                 if "account" in t)
    some_id = next(v for v in identity.execute(f"SELECT * FROM {table}").fetchone()
                   if isinstance(v, str) and re.fullmatch(r"[A-Za-z0-9_-]{22}", v))
    activity.execute("PRAGMA secure_delete = ON")
    activity.execute("CREATE TABLE leak (id TEXT)")
    activity.execute("INSERT INTO leak VALUES (?)", (some_id,))
    what = register.execute("SELECT what FROM privacy_audit WHERE n = 3").fetchone()[0]
    register.execute("UPDATE privacy_audit SET what = 'nothing' WHERE n = 3")
    register.execute("UPDATE privacy_consent SET at_ms = at_ms + 1 WHERE n = 1")
    reports = register.execute("SELECT day, at_ms FROM privacy_report").fetchall()
    register.execute("UPDATE privacy_report SET at_ms = 1")
    register.execute("INSERT INTO privacy_intent (id, kind, what, at_ms) VALUES ('x', 'erase', x'00', 1)")
    try:
        failed = check(checked, "--set", "privacy_alert_photos=0")
    finally:
        register.execute("DELETE FROM privacy_intent WHERE id = 'x'")
        register.executemany("UPDATE privacy_report SET at_ms = ?2 WHERE day = ?1", reports)
        register.execute("UPDATE privacy_consent SET at_ms = at_ms - 1 WHERE n = 1")
        register.execute("UPDATE privacy_audit SET what = ? WHERE n = 3", (what,))
        activity.execute("DROP TABLE leak")
        for _ in range(100):  # out of the log as well, or the next check finds it there
            if activity.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
                break
            time.sleep(0.1)
        (data / "identity.db").chmod(0o600)
        leak.unlink()
        old.unlink()
        for db in (register, identity, activity):
            db.close()
    assert set(failed) == {"files", "plaintext", "separation", "access-log", "consent-register", "vault-copies",
                           "retention", "unfinished", "alert-rules"}, failed


def test_check_sees_the_vault_locked_out(checked):
    key = checked.data / "vault" / "master.key"
    kept = key.read_bytes()
    key.write_bytes(os.urandom(len(kept)))
    try:
        failed = check(checked)
    finally:
        key.write_bytes(kept)
    assert {"vault", "sealing", "access-log"} <= set(failed)
    key.chmod(0o644)
    try:
        assert {"files", "vault"} <= set(check(checked))
    finally:
        key.chmod(0o600)


def test_check_sees_core_files_allowed(checked):
    """A second server on the folder, or what looks like one, that may write its memory to the disk."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == 0:
        pytest.skip("core files are forbidden to every process here")
    hold = f"import time; f = open({str(checked.data / 'register.db')!r}); print('ready', flush=True); time.sleep(600)"
    other = subprocess.Popen([sys.executable, "-c", hold, "serve"], stdout=subprocess.PIPE,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)))
    try:
        assert other.stdout.readline() == b"ready\n"
        assert set(check(checked)) == {"core-dumps"}
    finally:
        other.kill()
        other.wait()


def test_check_sees_an_open_door(checked):
    """TLS 1.2, no HSTS, no sign-in, the staff's token good for all, roles, consent, and an address on the disk."""
    leak = checked.data / "wardrobe" / "leak"

    def change(rq, body, passed):
        if passed is None and rq.path == "/v1/sessions" and rq.command == "POST":
            leak.write_bytes(json.loads(body)["email"].replace("@", "\0").encode() + b" " + body)
        if passed is None:
            return None
        status, headers, content = passed
        headers.pop("Strict-Transport-Security", None)
        return (200 if status in (401, 403) else status), headers, content

    with Disguise(checked, change, old_tls=True) as url:
        try:
            failed = check(checked, url=url)
        finally:
            leak.unlink(missing_ok=True)
    assert {"tls", "headers", "sign-in", "staff-token", "roles", "consent", "living-person"} <= set(failed), failed


def test_check_sees_an_erasure_that_is_none(checked):
    def change(rq, body, passed):
        if passed is None and rq.path == "/v1/account/erasure":
            return 200, {"Content-Type": "application/json"}, b'{"erased":true,"receipt":"e30.e30.e30"}'
        if passed is None and not rq.headers.get("Authorization") and rq.path not in ("/v1/sessions", "/healthz"):
            return (200 if rq.path == "/problems" else 401), {}, b""
        return None

    with Disguise(checked, change) as url:
        failed = check(checked, url=url)
    assert "erasure" in failed
    assert "could not be erased" not in failed["erasure"]  # the check's own person does not stay


def test_check_sees_refusals_that_nobody_logs(checked):
    def change(rq, body, passed):
        if passed is None and rq.path not in ("/v1/sessions", "/healthz", "/problems", "/v1/account/erasure",
                                              "/v1/wardrobe/photos"):
            return (403 if rq.headers.get("Authorization") else 401), {}, b""
        if passed is None and rq.path == "/v1/wardrobe/photos":
            return (401 if not rq.headers.get("Authorization") else 403), {}, b"consent"
        if passed is None and rq.path == "/v1/account/erasure" and b"erase" not in body:
            return (401 if not rq.headers.get("Authorization") else 403), {}, b""
        return None

    time.sleep(2)  # what was refused before is written by now
    with Disguise(checked, change) as url:
        assert "refusals-logged" in check(checked, url=url)
