"""Starts the real program on a free port with a data folder of its own, and talks to it."""

import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PENDERIE", str(ROOT / "build" / "penderie"))
LONG = os.environ.get("PENDERIE_TEST_MODE") == "long"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One `penderie serve`. Settings are keyword arguments: Server(path, http_limit_light=5)."""

    def __init__(self, data, env=None, **settings):
        self.data = pathlib.Path(data)
        self.port = free_port()
        self.log_path = self.data.parent / f"{self.data.name}-{self.port}.log"
        settings.setdefault("http_check_answers", "yes")
        settings.setdefault("http_limit_light", 0)
        settings.setdefault("http_limit_heavy", 0)
        settings.setdefault("ident_limit_client", 0)  # all tests come from one address
        self.command = [BINARY, "serve", "--data", str(self.data), "--port", str(self.port)]
        for key, value in settings.items():
            self.command += ["--set", f"{key}={value}"]
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.session = requests.Session()

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    @property
    def certificate(self):
        return str(self.data / "tls" / "cert.pem")

    @property
    def token(self):
        return (self.data / "keys" / "admin.token").read_text().strip()

    @property
    def staff(self):
        return {"Authorization": f"Bearer {self.token}"}

    def log(self):
        return self.log_path.read_text(errors="replace")

    def launch(self, **kw):
        """Starts the process and does not wait; `kw` for Popen."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=self.env, **kw)

    def start(self, wait=60, **kw):
        self.launch(**kw)
        return self.wait_until_up(wait)

    def wait_until_up(self, wait=60):
        until = time.monotonic() + wait
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log()}")
            try:
                if self.get("/healthz", timeout=5).status_code == 200:
                    return self
            except (requests.RequestException, OSError):
                time.sleep(0.05)
        raise AssertionError(f"serve does not answer:\n{self.log()}")

    def request(self, method, path, **kw):
        kw.setdefault("verify", self.certificate)
        kw.setdefault("timeout", 60)
        return self.session.request(method, self.url + path, **kw)

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, **kw):
        return self.request("POST", path, **kw)

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, wait=60):
        """Returns the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(wait)
        self.process = None
        self.session.close()
        self.session = requests.Session()
        return status

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # -- below HTTP libraries --

    def context(self):
        return ssl.create_default_context(cafile=self.certificate)

    def connect(self, timeout=20):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        return self.context().wrap_socket(raw, server_hostname="localhost")

    def raw(self, request, timeout=20):
        """Sends bytes, closes nothing, returns all that comes until the server closes or `timeout`."""
        with self.connect(timeout) as s:
            got = b""
            try:
                s.sendall(request)
                while chunk := s.recv(65536):
                    got += chunk
            except (OSError, ssl.SSLError):
                pass
            return got


def problem(answer, status, name):
    """Checks an RFC 9457 answer and returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"/problems/{name}"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert body["title"] and body["detail"] and "instance" in body
    return body


def openapi():
    return json.loads(subprocess.run([BINARY, "openapi"], capture_output=True, check=True).stdout)
