"""A double of the REST calls of Microsoft Entra ID and Azure Key Vault that the vault uses, over HTTPS with a certificate
of its own. test_vault.py runs the official azure-keyvault-keys client against it too: what that client accepts is the
protocol, not what we believe it to be.
"""

import base64
import datetime
import http.server
import ipaddress
import json
import pathlib
import secrets
import ssl
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

OAEP = {
    "RSA-OAEP": padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),
    "RSA-OAEP-256": padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_certificate(folder):
    """A key and a self-signed certificate for localhost; their paths."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_path, certificate_path = folder / "double.key", folder / "double.pem"
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key_path, certificate_path


class AzureDouble:
    """`with AzureDouble(folder) as azure:` - the address is azure.url, for vault and authority both.

    azure.fail is a list of (status, headers) that the next calls get (None: as it should
    be); azure.calls what was asked for; azure.delay
    seconds before each answer; azure.forbidden refuses with 403.
    """

    tenant = "11111111-2222-3333-4444-555555555555"
    client_id = "66666666-7777-8888-9999-000000000000"

    def __init__(self, folder, key="penderie"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.secret = "s3cret~" + secrets.token_urlsafe(24)
        self.key = key
        self.versions = {}
        self.tokens = {}
        self.fail, self.calls = [], []
        self.delay, self.forbidden, self.token_seconds = 0, False, 3600
        key_path, self.certificate = make_certificate(self.folder)
        self.secret_file = self.folder / "client.secret"
        self.secret_file.write_text(self.secret + "\n")
        self.secret_file.chmod(0o600)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key_path)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.url = f"https://localhost:{self.server.server_address[1]}"
        self.new_version()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def new_version(self):
        version = secrets.token_hex(16)
        self.versions[version] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return version

    def settings(self, **more):
        """What makes Penderie use it."""
        return {
            "vault_master": "azure", "vault_azure_url": self.url, "vault_azure_authority": self.url,
            "vault_azure_key": self.key, "vault_azure_tenant": self.tenant, "vault_azure_client_id": self.client_id,
            "vault_azure_client_secret_file": str(self.secret_file), "vault_azure_ca_file": str(self.certificate),
            "vault_azure_timeout": "5s", **more,
        }

    def count(self, operation):
        return sum(path.split("?")[0].endswith(operation) for _, path in self.calls)

    # -- answers --

    def _token(self, form):
        if form.get("grant_type") != ["client_credentials"] or form.get("client_id") != [self.client_id]:
            return 400, {"error": "unauthorized_client", "error_description": "AADSTS700016: unknown application"}
        if form.get("client_secret") != [self.secret]:
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
        if form.get("scope") != ["https://vault.azure.net/.default"]:
            return 400, {"error": "invalid_scope", "error_description": "AADSTS70011: the scope is not valid"}
        token = secrets.token_urlsafe(40)
        self.tokens[token] = time.monotonic() + self.token_seconds
        return 200, {"token_type": "Bearer", "expires_in": self.token_seconds, "access_token": token}

    def _openid(self):
        authority = f"{self.url}/{self.tenant}"
        return 200, {"issuer": f"{authority}/v2.0", "token_endpoint": f"{authority}/oauth2/v2.0/token",
                     "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                     "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
                     "jwks_uri": f"{authority}/discovery/v2.0/keys"}

    def _bundle(self, version):
        numbers = self.versions[version].public_key().public_numbers()
        return 200, {
            "key": {"kid": f"{self.url}/keys/{self.key}/{version}", "kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"],
                    "n": b64(numbers.n.to_bytes(256, "big")), "e": b64(numbers.e.to_bytes(3, "big"))},
            "attributes": {"enabled": True, "created": 1795000000, "updated": 1795000000,
                           "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90, "exportable": False},
        }

    def _operate(self, operation, version, body):
        key, value = self.versions[version], unb64(body["value"])
        if body.get("alg") not in OAEP:
            return 400, {"error": {"code": "BadParameter", "message": f"alg {body.get('alg')} is not supported"}}
        if operation == "wrapkey":
            result = key.public_key().encrypt(value, OAEP[body["alg"]])
        else:
            try:
                result = key.decrypt(value, OAEP[body["alg"]])
            except ValueError:
                return 400, {"error": {"code": "BadParameter", "message": "The parameter is incorrect."}}
        return 200, {"kid": f"{self.url}/keys/{self.key}/{version}", "value": b64(result)}

    def _keys(self, method, parts, query, body):
        if query.get("api-version") != ["7.4"]:
            return 400, {"error": {"code": "BadParameter", "message": "api-version 7.4 is what this double has"}}
        if self.forbidden:
            return 403, {"error": {"code": "Forbidden", "message": "Caller is not authorized to perform action"}}
        name, rest = parts[0], parts[1:]
        version = rest[0] if rest and rest[0] else list(self.versions)[-1]
        if name != self.key or version not in self.versions:
            return 404, {"error": {"code": "KeyNotFound", "message": f"A key with (name/id) {name} was not found"}}
        if method == "GET" and len(rest) < 2:
            return self._bundle(version)
        if method == "POST" and len(rest) == 2 and rest[1] in ("wrapkey", "unwrapkey"):
            return self._operate(rest[1], version, body)
        return 405, {"error": {"code": "MethodNotAllowed", "message": "no such call"}}

    def _answer(self, method, path, headers, raw):
        url = urllib.parse.urlsplit(path)
        parts, query = url.path.strip("/").split("/"), urllib.parse.parse_qs(url.query)
        self.calls.append((method, path))
        failure = self.fail.pop(0) if self.fail else None
        if failure:
            status, extra = failure
            return status, {"error": {"code": "Throttled", "message": "try again"}}, extra
        if parts[0] == self.tenant and parts[-1] == "token":
            return (*self._token(urllib.parse.parse_qs(raw.decode())), {})
        if parts[0] == self.tenant and parts[-1] == "openid-configuration":
            return (*self._openid(), {})
        if parts[0] != "keys" or len(parts) < 2:
            return 404, {"error": {"code": "NotFound", "message": "no such path"}}, {}
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) < time.monotonic():
            challenge = f'Bearer authorization="{self.url}/{self.tenant}", resource="https://vault.azure.net"'
            return 401, {"error": {"code": "Unauthorized", "message": "AKV10000"}}, {"WWW-Authenticate": challenge}
        return (*self._keys(method, parts[1:], query, json.loads(raw or b"{}")), {})

    def _handler(double):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if double.delay:
                    time.sleep(double.delay)
                status, body, extra = double._answer(self.command, self.path, self.headers, raw)
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **extra}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _do

            def log_message(self, *_):
                pass

        return Handler
