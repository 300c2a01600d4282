"""Start, reload, stop; two processes on one house; kill -9."""

import os
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time

from penderie import BINARY, LONG, Server, problem


def certificate_of(server):
    return ssl.get_server_certificate(("127.0.0.1", server.port))


def test_start_says_where_and_what_to_do(fresh):
    with fresh() as s:
        line = next(x for x in s.log().splitlines() if x.startswith("Penderie serves on"))
        assert f"https://localhost:{s.port}" in line and "self-signed" in line and "cert.pem" in line
        assert s.stop() == 0
        assert "stopped" in s.log()


def test_interrupt_is_a_clean_end_too(fresh):
    with fresh() as s:
        assert s.stop(signal.SIGINT) == 0


def test_running_requests_end_before_it_stops(fresh):
    with fresh(http_grace="10s") as s:
        c = s.connect()
        c.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")  # in the middle of its headers
        time.sleep(0.2)
        s.send(signal.SIGTERM)
        time.sleep(0.5)
        try:
            socket.create_connection(("127.0.0.1", s.port), timeout=1).close()
            refused = False
        except OSError:
            refused = True
        c.sendall(b"1\r\n\r\n")
        got = c.recv(65536)
        assert refused and got.startswith(b"HTTP/1.1 200") and b"Connection: close" in got
        assert s.process.wait(20) == 0


def test_grace_has_an_end(fresh):
    with fresh(http_grace="1s", http_header_timeout="60s") as s:
        c = s.connect()
        c.sendall(b"GET /healthz HTTP/1.1\r\nX-Never-Ends: ")
        time.sleep(0.2)
        began = time.monotonic()
        assert s.stop() == 0
        assert time.monotonic() - began < 10
        c.close()


def test_reload_takes_certificate_and_settings(fresh, tmp_path):
    conf = tmp_path / "penderie.conf"
    conf.write_text("http_cors_origins = https://a.example\n")
    s = fresh()
    s.command += ["--config", str(conf)]
    with s:
        first = certificate_of(s)
        assert s.get("/healthz", headers={"Origin": "https://a.example"}).headers["Access-Control-Allow-Origin"]
        conf.write_text("http_cors_origins = https://b.example\n")
        (s.data / "tls" / "cert.pem").unlink()
        s.send(signal.SIGHUP)
        until = time.monotonic() + 10
        while certificate_of(s) == first and time.monotonic() < until:
            time.sleep(0.05)
        assert certificate_of(s) != first
        s.session.close()
        a = s.get("/healthz", headers={"Origin": "https://b.example"})
        assert a.headers["Access-Control-Allow-Origin"] == "https://b.example"
        conf.write_text("http_cors_origin = a typing error\n")
        s.send(signal.SIGHUP)
        time.sleep(0.5)
        assert s.get("/healthz").status_code == 200
        assert "stay as they were" in s.log()


def test_an_operators_certificate(fresh, tmp_path):
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key),
                    "-out", str(cert)], check=True, capture_output=True)
    key.chmod(0o600)
    s = fresh(tls_certificate=cert, tls_key=key)
    s.data.joinpath("tls").mkdir(parents=True)
    (s.data / "tls" / "cert.pem").write_bytes(cert.read_bytes())  # for this test's own client
    with s:
        assert s.get("/healthz").headers["Strict-Transport-Security"].startswith("max-age=")
        assert "self-signed" not in s.log()


def failing(args, env=None):
    p = subprocess.run([BINARY, "serve", *args], capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})})
    return p.returncode, p.stderr


def test_mistakes_are_explained(server, tmp_path):
    status, text = failing(["--data", str(tmp_path / "d"), "--port", str(server.port)])
    assert status == 1 and "in use" in text
    status, text = failing(["--data", str(tmp_path / "d"), "--set", "http_port=99999"])
    assert status == 2 and "out of range" in text
    status, text = failing(["--data", str(tmp_path / "d"), "--set", "no_such=1"])
    assert status == 2 and "no_such" in text
    status, text = failing(["--data", str(tmp_path / "d"), "--port", "0", "--set", "http_address=shop.example"])
    assert status == 2 and "http_address" in text
    status, text = failing([])
    assert status == 2 and "--data" in text
    (tmp_path / "k").write_text("not a key")
    status, text = failing(["--data", str(tmp_path / "d"), "--port", "0", "--set", f"tls_certificate={tmp_path}/k",
                            "--set", f"tls_key={tmp_path}/k"])
    assert status != 0 and "k" in text
    token = tmp_path / "token"
    token.write_text("x" * 43)
    token.chmod(0o644)
    status, text = failing(["--data", str(tmp_path / "d"), "--port", "0", "--set", f"http_admin_token_file={token}"])
    assert status == 1 and "chmod 600" in text


def test_service_manager_is_told(fresh, tmp_path):
    path = str(tmp_path / "notify")
    got = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)

        def listen():
            while not got or not got[-1].startswith("STOPPING"):
                got.append(manager.recv(256).decode())

        thread = threading.Thread(target=listen)
        thread.start()
        with fresh(env={"NOTIFY_SOCKET": path}) as s:
            s.send(signal.SIGHUP)
            time.sleep(0.5)
            assert s.stop() == 0
        thread.join(20)
    assert got[0] == "READY=1" and got[1].startswith("RELOADING=1\nMONOTONIC_USEC=") and got[2] == "READY=1"
    assert got[-1] == "STOPPING=1"


def test_no_core_files(fresh):
    with fresh() as s:
        soft, hard = resource.prlimit(s.process.pid, resource.RLIMIT_CORE)
        assert (soft, hard) == (0, 0)


def test_two_processes_on_one_house(fresh):
    with fresh() as a, fresh() as b:
        assert a.data == b.data and a.port != b.port
        assert a.get("/readyz").json()["ready"] and b.get("/readyz").json()["ready"]
        assert a.token == b.token
        assert b.get("/metrics", headers={**a.staff, "X-Forwarded-For": "203.0.113.9"}).status_code == 200


def test_four_first_starts_at_once(tmp_path):
    """A fresh data folder: one token, one certificate, one of each key, whoever makes them; all serve."""
    for attempt in range(8 if LONG else 1):
        servers = [Server(tmp_path / str(attempt)) for _ in range(4)]
        try:
            for s in servers:
                s.launch()
            for s in servers:
                s.wait_until_up(180)  # four models are made ready at once
            assert len({certificate_of(s) for s in servers}) == 1
            for s in servers:  # whoever wrote it, all have read the same token
                assert s.get("/metrics", headers={**s.staff, "X-Forwarded-For": "203.0.113.9"}).status_code == 200
                assert s.get("/readyz").json()["ready"]
            logs = "".join(s.log() for s in servers)
            assert logs.count("made the staff's token") == 1 and logs.count("made a self-signed certificate") == 1
        finally:
            for s in servers:
                s.stop()


def check(server, *more):
    p = subprocess.run([BINARY, "serve", "--check", "--port", str(server.port), *more], capture_output=True, text=True,
                       timeout=30)
    return p.returncode, p.stdout + p.stderr


def test_check_asks_a_running_server(fresh):
    s = fresh()
    status, text = check(s)
    assert status == 1 and "nothing answers" in text
    with s:
        assert check(s) == (0, "ready\n")
        assert check(s, "--set", "http_address=0.0.0.0") == (0, "ready\n")
    assert check(s)[0] == 1
    status, text = check(s, "--port", "0")  # the later one counts
    assert status == 2 and "http_port" in text


def test_check_sees_what_is_not_well(fresh):
    """Alive, yet without its tables: not ready, and says what."""
    with fresh() as s:
        for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm"):
            (s.data / name).unlink(missing_ok=True)
        (s.data / "catalog.db").write_bytes(b"not a database" * 1000)
        status, text = check(s)
        if status:  # open connections may go on with the file that they have
            assert "catalog" in text
        s.send(signal.SIGSTOP)
        try:
            began = time.monotonic()
            status, text = check(s)
            assert status == 1 and time.monotonic() - began < 15
        finally:
            s.send(signal.SIGCONT)


def test_open_files_are_raised_and_checked(fresh):
    def files(soft, hard):
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    s = fresh()
    s.start(preexec_fn=files(128, 8192))
    assert resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE) == (8192, 8192)
    assert "open files" not in s.log()
    s.stop()
    s.start(preexec_fn=files(400, 400))
    assert "http_connections is 4000" in s.log() and "LimitNOFILE" in s.log()
    s.stop()
    s.launch(preexec_fn=files(200, 200))
    assert s.process.wait(60) == 2 and "too few to serve" in s.log()


def test_killed_and_started_again(fresh):
    with fresh() as s:
        for _ in range(3):
            token = s.token
            assert s.stop(signal.SIGKILL) == -signal.SIGKILL
            s.start()
            assert s.token == token
            assert s.get("/readyz").json()["ready"]
        problem(s.get("/nothing"), 404, "not-found")
