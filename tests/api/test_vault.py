"""The vault over the real program: `penderie keys`, a serving process beside a rotation, Azure Key Vault by its double."""

import base64
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import time

import pytest

from azure_double import AzureDouble, make_certificate
from penderie import BINARY

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def keys(data, *what, settings=None, env=None, timeout=120):
    command = [BINARY, "keys", *what, "--data", str(data)]
    for key, value in (settings or {}).items():
        command += ["--set", f"{key}={value}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})})


def status(data, **kw):
    done = keys(data, "status", "--json", **kw)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def row(data, sql, *args):
    with sqlite3.connect(f"file:{data}/vault/vault.db?mode=ro", uri=True) as db:
        return db.execute(sql, args).fetchone()


@pytest.fixture
def vault(tmp_path):
    """A data folder whose vault is there, made by the program, without a server."""
    data = tmp_path / "data"
    (data / "vault").mkdir(parents=True)
    make_empty_vault(data)
    return data


def make_empty_vault(data, settings=None):
    """`keys` only opens what is there: an empty file is a vault that was made and never used."""
    (data / "vault").mkdir(parents=True, exist_ok=True)
    (data / "vault" / "vault.db").touch(mode=0o600)
    return status(data, settings=settings)


# ------------------------------------------------------------------------------------------ the command


def test_no_vault(tmp_path):
    done = keys(tmp_path, "status")
    assert done.returncode == 1 and "there is no vault" in done.stderr
    assert keys(tmp_path, "dance").returncode == 2
    assert not (tmp_path / "vault").exists()


def test_status_and_rotation(vault):
    first = status(vault)
    assert first["provider"] == first["configured"] == "file"
    assert first["generation"] == 1 and first["persons"] == 0 and not first["rotating"] and first["age_days"] == 0
    key = (vault / "vault" / "master.key").read_text()
    assert (vault / "vault" / "master.key").stat().st_mode & 0o777 == 0o600
    done = keys(vault, "rotate")
    assert done.returncode == 0, done.stderr
    second = status(vault)
    assert second["generation"] == 2 and second["reference"] != first["reference"] and second["copies"] == 1
    assert (vault / "vault" / "master.key").read_text() != key
    text = keys(vault, "status").stdout
    assert "master key    file" in text and "copies        1" in text


def test_key_file_that_others_can_read(vault):
    (vault / "vault" / "master.key").chmod(0o640)
    done = keys(vault, "status")
    assert done.returncode == 1 and "can be read by others" in done.stderr and "chmod 600" in done.stderr


def test_wrong_passphrase(tmp_path):
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery staple\n")
    file.chmod(0o600)
    settings = {"vault_master": "passphrase", "vault_passphrase_file": file, "vault_passphrase_memory": "8m"}
    data = tmp_path / "data"
    assert make_empty_vault(data, settings)["provider"] == "passphrase"
    file.write_text("incorrect horse battery staple\n")
    done = keys(data, "status", settings=settings)
    assert done.returncode == 1 and "does not open the vault" in done.stderr
    assert "horse" not in done.stderr + done.stdout


@pytest.mark.skipif(not os.path.exists(FAKETIME), reason="faketime is not installed")
def test_copies_expire(vault):
    """A copy lives vault_copies_days; then the next backup removes it, and it cannot be restored."""
    made = json.loads(keys(vault, "backup", "--json").stdout)
    copy = pathlib.Path(made["copy"])
    assert copy.stat().st_mode & 0o777 == 0o600
    later = {"LD_PRELOAD": FAKETIME, "FAKETIME": "+29d", "FAKETIME_NO_CACHE": "1"}
    assert json.loads(keys(vault, "backup", "--json", env=later).stdout)["expired"] == 0
    later["FAKETIME"] = "+31d"
    (vault / "vault" / "vault.db").rename(vault / "lost.db")
    refused = keys(vault, "restore", str(copy), env=later)
    assert refused.returncode == 1 and "older than 30 days" in refused.stderr
    restored = keys(vault, "restore", str(copy))
    assert restored.returncode == 0, restored.stderr
    assert status(vault)["generation"] == 1
    assert json.loads(keys(vault, "backup", "--json", env=later).stdout)["expired"] == 1
    assert not copy.exists()


# --------------------------------------------------------------------------------------- beside a server


def secrets_of(server):
    """All that must not be told: the master key as it is in its file, and as bytes in hexadecimal."""
    found = []
    for line in (server.data / "vault" / "master.key").read_text().splitlines()[1:]:
        key = line.split()[1]
        found += [key, base64.urlsafe_b64decode(key + "=").hex()]
    return found


def test_serving_beside_rotations(fresh):
    server = fresh().start(wait=180)
    pid = server.process.pid
    told = secrets_of(server)
    for _ in range(3):
        done = keys(server.data, "rotate", "--json")
        assert done.returncode == 0, done.stderr
        told += secrets_of(server)
        assert not any(secret in done.stdout + done.stderr for secret in told)
        assert server.get("/readyz").status_code == 200
    # No core file, no look into its memory, nothing in its arguments, environment or log.
    assert re.search(r"Max core file size\s+0\s+0", pathlib.Path(f"/proc/{pid}/limits").read_text())
    places = [pathlib.Path(f"/proc/{pid}/cmdline"), pathlib.Path(f"/proc/{pid}/environ"), server.log_path]
    for place in places:
        try:
            text = place.read_bytes().decode(errors="replace")
        except PermissionError:  # a process that may not be dumped shows its environment to root alone
            assert os.geteuid() != 0 and place.name == "environ"
            continue
        assert text, f"{place} could not be looked at"
        assert not any(secret in text for secret in told), place
    server.stop(signal.SIGKILL)
    server.start(wait=180)
    assert status(server.data)["generation"] == 4
    # ... nor in any file but the key's own, in which the old ones are not.
    now = (server.data / "vault" / "master.key").read_text()
    for secret in told:
        holders = [p for p in server.data.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
        assert [p.name for p in holders] == (["master.key"] if secret in now else [])


# ------------------------------------------------------------------------------------------------ Azure


@pytest.fixture
def azure(tmp_path):
    with AzureDouble(tmp_path / "azure") as double:
        yield double


def official(azure):
    """The official client, with the official credential, against the same double."""
    from azure.identity import ClientSecretCredential
    from azure.keyvault.keys import KeyClient

    credential = ClientSecretCredential(azure.tenant, azure.client_id, azure.secret, authority=azure.url,
                                        disable_instance_discovery=True, connection_verify=str(azure.certificate))
    return KeyClient(azure.url, credential, api_version="7.4", verify_challenge_resource=False,
                     connection_verify=str(azure.certificate)), credential


def crypto(azure, kid):
    from azure.keyvault.keys.crypto import CryptographyClient

    _, credential = official(azure)
    return CryptographyClient(kid, credential, api_version="7.4", verify_challenge_resource=False,
                              connection_verify=str(azure.certificate))


def test_double_is_what_the_official_client_takes(azure):
    from azure.keyvault.keys.crypto import KeyWrapAlgorithm

    client, _ = official(azure)
    key = client.get_key(azure.key)
    assert key.key_type == "RSA" and key.properties.version in azure.versions
    wrapped = crypto(azure, key.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"k" * 32)
    opened = crypto(azure, key.id).unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key)
    assert opened.key == b"k" * 32
    assert azure.count("unwrapkey") == 1


def test_azure_wraps_and_the_official_client_opens(azure, tmp_path):
    from azure.keyvault.keys.crypto import KeyWrapAlgorithm

    data = tmp_path / "data"
    settings = azure.settings()
    made = make_empty_vault(data, settings)
    assert made["provider"] == "azure"
    assert made["reference"] == f"{azure.url}/keys/{azure.key}/{list(azure.versions)[-1]}"
    assert azure.count("wrapkey") >= 1 and not (data / "vault" / "master.key").exists()
    before = azure.count("unwrapkey")
    assert status(data, settings=settings)["generation"] == 1
    assert azure.count("unwrapkey") == before + 1
    # What the program had wrapped, the official client unwraps: 32 bytes of key, and the hash of what it is for.
    (wrapped,) = row(data, "SELECT wrapped FROM generation")
    opened = crypto(azure, made["reference"]).unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, bytes(wrapped))
    assert len(opened.key) == 64


def test_azure_rotation_takes_the_new_version(azure, tmp_path):
    data = tmp_path / "data"
    settings = azure.settings()
    old = make_empty_vault(data, settings)["reference"]
    version = azure.new_version()
    assert status(data, settings=settings)["reference"] == old  # a new version in Azure disturbs nothing
    assert keys(data, "rotate", settings=settings).returncode == 0
    assert status(data, settings=settings)["reference"].endswith(version)
    assert keys(data, "rotate", settings={**settings, "vault_azure_key_version": list(azure.versions)[0]}).returncode == 0
    assert status(data, settings=settings)["reference"] == old


def test_to_azure_and_back(azure, vault):
    settings = azure.settings()
    mixed = status(vault, settings=settings)
    assert mixed["provider"] == "file" and mixed["configured"] == "azure"
    assert "penderie keys rotate" in keys(vault, "status", settings=settings).stdout
    assert keys(vault, "rotate", settings=settings).returncode == 0
    assert status(vault, settings=settings)["provider"] == "azure"
    assert not (vault / "vault" / "master.key").exists()
    assert keys(vault, "rotate", settings={**settings, "vault_master": "file"}).returncode == 0
    azure.forbidden = True
    assert status(vault)["provider"] == "file"


def test_azure_trouble_that_passes(azure, tmp_path):
    """Throttling, a server that restarts, a token that was withdrawn: tried again, with pauses."""
    data = tmp_path / "data"
    settings = azure.settings()
    make_empty_vault(data, settings)
    azure.fail = [(503, {}), (429, {"Retry-After": "1"}), (500, {})]
    at = time.monotonic()
    assert status(data, settings=settings)["generation"] == 1
    assert time.monotonic() - at > 1.5 and not azure.fail
    azure.token_seconds = 60  # less than what is spared: each call gets one
    assert keys(data, "rotate", settings=settings).returncode == 0
    azure.token_seconds = 3600
    azure.fail = [None, (401, {})]  # the token is given, and refused by the key vault: another one is asked for
    asked = azure.count("token")
    assert status(data, settings=settings)["generation"] == 2
    assert azure.count("token") == asked + 2


def test_azure_trouble_that_stays(azure, tmp_path):
    data = tmp_path / "data"
    settings = azure.settings()
    make_empty_vault(data, settings)

    def refused(words, **change):
        done = keys(data, "status", settings={**settings, **change})
        assert done.returncode == 1, done.stdout
        assert words in done.stderr, done.stderr
        assert azure.secret not in done.stderr and not any(token in done.stderr for token in azure.tokens)
        assert done.stderr.count("\n") <= 6
        return done.stderr

    azure.forbidden = True
    assert "Key Vault Crypto Service Encryption User" in refused("403 Forbidden")
    azure.forbidden = False
    assert "AADSTS700016" in refused("Microsoft Entra ID answered 400", vault_azure_client_id="someone")
    azure.fail = [(503, {})] * 20
    refused("answered 503")
    azure.fail = []
    azure.delay = 3
    refused("does not answer", vault_azure_timeout="300ms")
    azure.delay = 0
    # A certificate of another authority, the system's, and an address without a server.
    other = tmp_path / "other"
    other.mkdir()
    _, pem = make_certificate(other)
    asked = len(azure.calls)
    refused("not trusted", vault_azure_ca_file=pem)
    refused("not trusted", vault_azure_ca_file="")
    assert len(azure.calls) == asked  # nothing was sent
    refused("does not answer", vault_azure_authority="https://localhost:1")
    azure.secret_file.chmod(0o644)
    refused("can be read by others")
    azure.secret_file.chmod(0o600)
    azure.secret_file.write_text("wrong")
    assert "AADSTS7000215" in refused("invalid_client")


def test_azure_key_of_another_vault(azure, tmp_path):
    """Who can write the database cannot make the program send its token elsewhere, nor swap what was wrapped."""
    data = tmp_path / "data"
    settings = azure.settings()
    make_empty_vault(data, settings)
    with sqlite3.connect(data / "vault" / "vault.db") as db:
        (reference,) = db.execute("SELECT reference FROM generation").fetchone()
        db.execute("UPDATE generation SET reference = 'https://evil.example/keys/penderie/1'")
    asked = len(azure.calls)
    done = keys(data, "status", settings=settings)
    assert done.returncode == 1 and "which is not in" in done.stderr and len(azure.calls) == asked
    with sqlite3.connect(data / "vault" / "vault.db") as db:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        public = azure.versions[reference.rsplit("/", 1)[1]].public_key()
        forged = public.encrypt(b"k" * 64, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        db.execute("UPDATE generation SET reference = ?, wrapped = ?", (reference, forged))
    done = keys(data, "status", settings=settings)
    assert done.returncode == 1 and "not a key of this vault" in done.stderr

