"""What no HTTP library would send: malformed, huge, slow and cut-off requests over raw TLS sockets."""

import os
import socket
import time

import pytest

from penderie import LONG


def head(path="/healthz", method="GET", lines=()):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "Connection: close", "", ""]).encode()


MALFORMED = {
    "no words": b"\r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "binary": bytes(range(1, 256)) + b"\r\n\r\n",
    "zeros": b"\0" * 512,
    "bad version": b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n",
    "http/0.9": b"GET /healthz\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
    "header without colon": head(lines=["Broken header"]),
    "space before colon": head(lines=["Content-Length : 5"]),
    "negative length": head("/healthz", "POST", ["Content-Length: -1"]),
    "huge length": head("/healthz", "POST", ["Content-Length: 99999999999999999999"]),
    "two lengths": head("/healthz", "POST", ["Content-Length: 1", "Content-Length: 2"]) + b"ab",
    "length and chunked": head("/healthz", "POST", ["Content-Length: 5", "Transfer-Encoding: chunked"]) + b"0\r\n\r\n",
    "two hosts": head(lines=["Host: b"]),
    "bad name": head(lines=["Bad\x01Name: 1"]),
    "bad chunk": head("/healthz", "POST", ["Transfer-Encoding: chunked"]) + b"zz\r\n\r\n",
    "unknown coding": head("/healthz", "POST", ["Transfer-Encoding: gzip"]),
    "relative path": head("healthz"),
    "traversal": head("/../../../../etc/passwd"),
    "encoded traversal": head("/%2e%2e/%2e%2e/etc/passwd"),
    "encoded zero": head("/healthz%00"),
    "broken encoding": head("/%zz"),
    "not utf-8": head("/?q=%ff%fe"),
    "long line": head("/" + "a" * 100_000),
    "long header": head(lines=["X-Long: " + "a" * 100_000]),
    "many headers": head(lines=[f"X-{i}: {i}" for i in range(5000)]),
    "connect": b"CONNECT localhost:22 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
}


# Where a proxy and we could disagree about where a request ends: refused as malformed, and closed.
SMUGGLING = ["space before colon", "two lengths", "length and chunked", "unknown coding", "negative length",
             "huge length", "two hosts", "bad name"]


@pytest.mark.parametrize("name", SMUGGLING)
def test_ambiguous_requests_end_the_connection(server, name):
    request = MALFORMED[name].replace(b"Connection: close\r\n", b"")
    began = time.monotonic()
    got = server.raw(request + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", timeout=15)
    assert got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), got[:200]
    assert b" 404 " not in got and time.monotonic() - began < 5  # what follows is never taken for a request


def test_folded_headers_are_one_header(server):
    got = server.raw(head(lines=["X-Request-Id: folded-", " 12345678"]))
    assert got.startswith(b"HTTP/1.1 200") and b"folded-\r\n" not in got


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_refused(server, name):
    got = server.raw(MALFORMED[name], timeout=3)
    if got:
        status = int(got.split(b" ", 2)[1])
        assert 400 <= status < 500 or status == 505, got[:200]
    assert b"root:" not in got
    assert server.get("/healthz").status_code == 200


def test_huge_headers_do_not_grow_the_process(server):
    def memory():
        with open(f"/proc/{server.process.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not os.access(f"/proc/{server.process.pid}/statm", os.R_OK):
        pytest.skip("cannot see the memory of the process")
    server.get("/healthz")
    before = memory()
    for _ in range(100):
        server.raw(head(lines=["X-Long: " + "a" * 60_000]), timeout=5)
    assert memory() - before < 32 << 20


def test_bodies_cut_off(server):
    for path in ("/healthz", "/nothing"):
        for _ in range(20):
            with server.connect() as s:
                s.sendall(head(path, "POST", ["Content-Type: application/json", "Content-Length: 1000"]) + b"{")
    assert server.get("/healthz").status_code == 200


def test_two_requests_in_one_write(server):
    one = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    got = server.raw(one * 3 + head("/healthz"))
    assert got.count(b"HTTP/1.1 200") == 4


def test_slow_clients_are_closed(fresh):
    with fresh(http_header_timeout="1s", http_body_timeout="1s", http_idle_timeout="2s") as s:
        for start in (b"", b"GET /healthz HTTP/1.1\r\nX: "):
            with s.connect() as c:
                began = time.monotonic()
                with pytest.raises(OSError):
                    if start:
                        c.sendall(start)
                    while time.monotonic() - began < 20:
                        c.sendall(b"a")
                        time.sleep(0.1)
                assert time.monotonic() - began < 10
        with s.connect() as idle:  # kept alive, and silent
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            idle.settimeout(15)
            got = b""
            while chunk := idle.recv(65536):
                got += chunk
            assert got.startswith(b"HTTP/1.1 200")


def test_slowloris_leaves_others_alone(fresh):
    n = 400 if LONG else 100
    with fresh(http_header_timeout="3s", http_connections=2000, http_connections_per_client=0) as s:
        slow = []
        try:
            for _ in range(n):
                c = s.connect()
                c.sendall(b"GET /healthz HTTP/1.1\r\nX-A: ")
                slow.append(c)
            began = time.monotonic()
            assert s.get("/healthz", headers={"Connection": "close"}).status_code == 200
            assert time.monotonic() - began < 2
            time.sleep(5)
            closed = 0
            for c in slow:
                c.settimeout(5)
                try:
                    closed += c.recv(1) == b""
                except ConnectionError:
                    closed += 1
                except socket.timeout:
                    pass
            assert closed == n
        finally:
            for c in slow:
                c.close()


def test_connections_are_limited(fresh):
    with fresh(http_connections=20) as s:
        held = []
        for _ in range(60):
            held.append(socket.create_connection(("127.0.0.1", s.port), timeout=5))
        for c in held:
            c.close()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                assert s.get("/healthz", timeout=3).status_code == 200
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the server did not recover")
