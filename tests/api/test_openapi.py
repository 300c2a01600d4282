"""The document against the program: valid, complete, and kept by the answers (schemathesis)."""

import os
import re
import shutil
import subprocess
import sys

from openapi_spec_validator import validate

from penderie import LONG, ROOT, Server, openapi


def test_document_is_valid():
    validate(openapi())


def test_every_route_is_described_and_the_reverse():
    """Routes as they stand in the sources, against the document."""
    text = "".join(p.read_text() for p in sorted((ROOT / "src").glob("*/*.c")))
    shown = {}
    for m in re.finditer(r'\.path\s*=\s*"([^"]+)",\s*\.method\s*=\s*"([A-Z]+)"(.*?)(?=\.path\s*=|\{0\})', text, re.S):
        if "HTTP_HIDDEN" not in m[3]:
            shown[(m[1], m[2].lower())] = True
    assert len(shown) > 10
    described = {(p, m) for p, ops in openapi()["paths"].items() for m in ops}
    assert described == set(shown)


def test_operations_are_complete():
    document = openapi()
    seen = set()
    for path, operations in document["paths"].items():
        for method, o in operations.items():
            assert o["operationId"] not in seen, o["operationId"]
            seen.add(o["operationId"])
            assert o["summary"].endswith("."), (path, o["summary"])
            assert o["tags"], path
            assert "400" in o["responses"] and "500" in o["responses"] and "405" in o["responses"]
            for p in o.get("parameters", []):
                assert "$ref" in p or (p["description"] and p["schema"]), (path, p)
            if o["security"] == [{"token": []}]:
                assert "401" in o["responses"] and "403" in o["responses"], path
            if method in ("post", "put", "patch") and "requestBody" in o:
                assert "413" in o["responses"] and "415" in o["responses"], path


def schemathesis(server):
    examples = os.environ.get("PENDERIE_EXAMPLES", "200" if LONG else "15")
    return subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", f"{server.url}/openapi.json",
         "--tls-verify", server.certificate, "--max-examples", examples, "--seed", "1", "--no-color",
         # cursors, attribution tokens and names of files are opaque: no schema says which ones are ours
         "--exclude-checks", "positive_data_acceptance",
         "--generation-allow-x00", "false", "--generation-database", "none", "--workers", "2", "--request-timeout", "20",
         "--header", f"Authorization: Bearer {server.token}"],
        capture_output=True, text=True, timeout=3000, cwd=str(server.data))


def test_schemathesis(drawn, tmp_path):
    """Generated requests, right and wrong ones: no 5xx, nothing undocumented, nothing wrong accepted."""
    data = shutil.copytree(drawn, tmp_path / "data")  # it writes accounts, keys and events
    with Server(data, metrics_open="no") as server:
        run = schemathesis(server)
    assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-2000:]
    assert "Traceback" not in run.stderr
