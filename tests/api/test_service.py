"""What every answer has in common, and the routes about the service itself."""

import concurrent.futures
import gzip
import re
import time

import pytest

from penderie import openapi, problem


def test_health(server):
    a = server.get("/healthz")
    assert a.status_code == 200
    assert a.json()["status"] == "ok"
    assert a.headers["Content-Type"] == "application/json"
    assert a.headers["Cache-Control"] == "no-store"
    assert a.headers["X-Content-Type-Options"] == "nosniff"


def test_readiness_names_its_parts(server):
    a = server.get("/readyz").json()
    assert a["ready"] is True
    assert a["checks"] == {k: "ok" for k in ("catalog", "ops", "blobs", "model", "snapshot")}
    assert a["model"]


def test_request_id_is_taken_or_made(server):
    assert server.get("/healthz", headers={"X-Request-Id": "shop-4711_a"}).headers["X-Request-Id"] == "shop-4711_a"
    for bad in ("short", "x" * 65, "with space in", "<b>12345678</b>"):
        made = server.get("/healthz", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert re.fullmatch(r"[A-Za-z0-9_-]{22}", made)


def test_not_found_and_methods(server):
    problem(server.get("/nothing/here"), 404, "not-found")
    a = server.post("/healthz")
    problem(a, 405, "method-not-allowed")
    assert a.headers["Allow"] == "GET, HEAD, OPTIONS"
    a = server.request("OPTIONS", "/healthz")
    assert a.status_code == 204 and a.headers["Allow"] == "GET, HEAD, OPTIONS"
    a = server.request("HEAD", "/healthz")
    assert a.status_code == 200 and a.content == b"" and int(a.headers["Content-Length"]) > 0
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "BREW"):
        problem(server.request(method, "/healthz"), 405, "method-not-allowed")


def test_unknown_parameters_are_named(server):
    body = problem(server.get("/healthz?verbose=1"), 400, "invalid")
    assert body["errors"][0]["pointer"] == "query/verbose"


def test_metrics(server):
    text = server.get("/metrics").text
    assert 'penderie_http_requests_total{code="200"}' in text
    assert "penderie_http_seconds_bucket" in text
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z_:]+(\{[^}]*\})? [0-9.e+-]+", line), line


def test_metrics_need_a_token_from_elsewhere(server):
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    a = server.get("/metrics", headers=proxied)
    problem(a, 401, "unauthenticated")
    assert a.headers["WWW-Authenticate"].startswith("Bearer")
    assert server.get("/metrics", headers={**proxied, **server.staff}).status_code == 200
    problem(server.get("/metrics", headers={"Authorization": "Bearer " + "a" * 43}), 401, "unauthenticated")


def test_secrets_are_private(server):
    for name in ("keys/admin.token", "keys/ops.key", "tls/key.pem", "ops.db", "catalog.db"):
        assert (server.data / name).stat().st_mode & 0o077 == 0, name
    assert server.data.stat().st_mode & 0o077 == 0


def test_openapi_is_the_programs_own(server):
    a = server.get("/openapi.json")
    assert a.json() == openapi()
    again = server.get("/openapi.json", headers={"If-None-Match": a.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""


def test_gzip(server):
    raw = server.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in raw.headers
    packed = server.get("/openapi.json", headers={"Accept-Encoding": "gzip"}, stream=True)
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.raw.read()) == raw.content
    assert packed.headers["ETag"] != raw.headers["ETag"]
    assert server.get("/openapi.json", headers={"Accept-Encoding": "gzip;q=0"}).headers.get("Content-Encoding") is None


def test_problem_pages(server):
    text = server.get("/problems").text
    for name in ("invalid", "not-found", "rate-limited", "busy", "internal"):
        assert f"/problems/{name}" in text
        page = server.get(f"/problems/{name}")
        assert page.status_code == 200
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    problem(server.get("/problems/nothing"), 404, "not-found")
    problem(server.get("/problems/NOT%20A%20NAME"), 400, "invalid")


def test_pages_have_security_headers(fresh, tmp_path):
    web = tmp_path / "web"
    (web / "img").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>Penderie</title>")
    (web / "app.js").write_text("export const a = 1;\n" * 200)
    (web / "img" / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (web / ".secret.html").write_text("hidden")
    (web / "notes.md").write_text("no page")
    with fresh(web_dir=web) as s:
        page = s.get("/")
        assert page.status_code == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
        for name, part in {"Content-Security-Policy": "default-src 'self'", "Referrer-Policy": "no-referrer",
                           "Permissions-Policy": "camera=(self)", "Cross-Origin-Opener-Policy": "same-origin"}.items():
            assert part in page.headers[name]
        assert "Strict-Transport-Security" not in page.headers  # self-signed: it would lock people out
        assert s.get("/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
        script = s.get("/app.js")
        assert script.headers["Content-Type"].startswith("text/javascript") and "Content-Encoding" in script.headers
        assert s.get("/img/icon.svg").headers["Content-Type"] == "image/svg+xml"
        for absent in ("/.secret.html", "/notes.md", "/img", "/img/", "/..%2fdata%2fops.db", "/%2e%2e/data/ops.db"):
            assert s.get(absent).status_code == 404, absent
        problem(s.post("/app.js"), 405, "method-not-allowed")


def test_cors_is_off_unless_listed(server, fresh):
    origin = {"Origin": "https://shop.example"}
    assert "Access-Control-Allow-Origin" not in server.get("/healthz", headers=origin).headers
    with fresh(http_cors_origins="https://shop.example") as s:
        a = s.get("/healthz", headers=origin)
        assert a.headers["Access-Control-Allow-Origin"] == "https://shop.example" and "Origin" in a.headers["Vary"]
        assert "Access-Control-Allow-Origin" not in s.get("/healthz", headers={"Origin": "https://x.example"}).headers
        pre = s.request("OPTIONS", "/healthz", headers={**origin, "Access-Control-Request-Method": "GET"})
        assert pre.status_code == 204 and "GET" in pre.headers["Access-Control-Allow-Methods"]


def limited_path():
    """A route that counts, callable without more: from the document."""
    for path, operations in openapi()["paths"].items():
        get = operations.get("get", {})
        if "{" in path or "429" not in get.get("responses", {}) or {} not in get["security"]:
            continue
        if not any(p.get("required") for p in get.get("parameters", [])):
            return path
    return None


def test_limits_are_announced_and_kept(fresh):
    path = limited_path()
    if not path:
        pytest.skip("no route of this build has a rate limit")
    with fresh(http_limit_light=3) as s:
        if time.time() % 60 > 50:
            time.sleep(61 - time.time() % 60)  # not across the end of a minute
        answers = [s.get(path) for _ in range(5)]
        assert [a.status_code for a in answers] == [200] * 3 + [429] * 2
        assert [re.search(r"r=(\d+)", a.headers["RateLimit"])[1] for a in answers] == ["2", "1", "0", "0", "0"]
        assert answers[0].headers["RateLimit-Policy"] == '"light";q=3;w=60'
        assert 0 < int(answers[4].headers["Retry-After"]) <= 60
        problem(answers[4], 429, "rate-limited")
        assert s.get("/healthz").status_code == 200


def test_many_connections_at_once(server):
    def one(i):
        return server.get("/healthz" if i % 2 else "/readyz", headers={"Connection": "close"}).status_code

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        assert set(pool.map(one, range(300))) == {200}


def test_log_has_nothing_personal(server):
    server.get("/nothing?email=someone%40example.org", headers={"User-Agent": "secret-agent", "Cookie": "a=secret"})
    time.sleep(0.1)
    log = server.log()
    assert "request_id=" in log
    for word in ("someone", "secret", "127.0.0.1", server.token):
        assert word not in log.replace("https://localhost", "")
