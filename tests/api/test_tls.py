"""TLS 1.3 and nothing older; the certificate and its exchange."""

import shutil
import socket
import ssl
import subprocess

import pytest

from penderie import ROOT  # noqa: F401  (the import fixes the path)


def test_only_tls_1_3(server):
    with server.connect() as s:
        assert s.version() == "TLSv1.3"
    old = server.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            old.wrap_socket(raw, server_hostname="localhost")


def test_alpn_is_http_1_1(server):
    context = server.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as s:
            assert s.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_development_certificate_has_its_names(server, name):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        with server.context().wrap_socket(raw, server_hostname=name) as s:
            assert s.version() == "TLSv1.3"


def test_other_names_are_refused_by_clients(server):
    with pytest.raises(ssl.SSLCertVerificationError):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            server.context().wrap_socket(raw, server_hostname="shop.example")


def test_plain_http_gets_nothing(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        try:
            while chunk := s.recv(4096):
                got += chunk
        except ConnectionResetError:
            pass
    assert b"HTTP/1.1 200" not in got


def test_scanner_agrees(server):
    if not shutil.which("sslscan"):
        pytest.skip("sslscan is not installed")
    out = subprocess.run(["sslscan", "--no-colour", f"localhost:{server.port}"], capture_output=True, text=True).stdout
    assert "TLSv1.3   enabled" in out
    for old in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2"):
        assert f"{old}   enabled" not in out and f"{old}     enabled" not in out
