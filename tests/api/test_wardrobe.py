"""The wardrobe through the running program: what becomes of a photo, who may see it, and what is recommended from it."""

import ctypes
import ctypes.util
import io
import json
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import uuid
import zipfile

import pytest

from penderie import LONG, ROOT, Server, problem

PASSWORD = "a long enough password"
FACE = ROOT / ".deps" / "test-face" / "astronaut.png"
DETECTOR = ROOT / ".deps" / "faces"
VERSION = "2026-11"
# What a photo may say of its structure; anything else would be something left of the one sent.
HARMLESS = {"SourceFile", "ExifTool:ExifToolVersion", "File:FileName", "File:Directory", "File:FileSize",
            "File:FileModifyDate", "File:FileAccessDate", "File:FileInodeChangeDate", "File:FilePermissions",
            "File:FileType", "File:FileTypeExtension", "File:MIMEType", "File:ImageWidth", "File:ImageHeight",
            "File:EncodingProcess", "File:BitsPerSample", "File:ColorComponents", "File:YCbCrSubSampling",
            "JFIF:JFIFVersion", "JFIF:ResolutionUnit", "JFIF:XResolution", "JFIF:YResolution", "Composite:ImageSize",
            "Composite:Megapixels"}

needs_detector = pytest.mark.skipif(not DETECTOR.is_dir() or not FACE.exists(),
                                    reason="the face detector or the portrait is not installed (make test-deps)")


def person(server):
    """Headers of somebody new."""
    address = f"p{uuid.uuid4().hex[:12]}@example.org"
    assert server.post("/v1/accounts", json={"email": address, "password": PASSWORD, "of_age": True}).status_code == 202
    s = server.post("/v1/sessions", json={"email": address, "password": PASSWORD})
    assert s.status_code == 200, s.text
    return {"Authorization": f"Bearer {s.json()['access_token']}"}


def exiftool(*arguments):
    done = subprocess.run(["exiftool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def convert(source, target):
    """Through libvips, as the program has it anyway."""
    vips = ctypes.CDLL(ctypes.util.find_library("vips"))
    vips.vips_init(b"test")
    vips.vips_image_new_from_file.restype = ctypes.c_void_p
    im = vips.vips_image_new_from_file(str(source).encode(), None)
    assert im, source
    assert vips.vips_image_write_to_file(ctypes.c_void_p(im), str(target).encode(), None) == 0, target
    vips.g_object_unref(ctypes.c_void_p(im))


SECRET = "Rue du Secret 7"


def laden(folder, kind):
    """A photo with GPS, EXIF, XMP, IPTC, a thumbnail, a profile and a comment, as its kind can carry them."""
    path = folder / f"photo.{kind}"
    convert(FACE, f"{path}[profile=p3]" if kind in ("jpg", "webp") else path)
    tags = ["-GPSLatitude=48.8584", "-GPSLatitudeRef=N", "-GPSLongitude=2.2945", "-GPSLongitudeRef=E",
            "-Make=SecretCamera", "-Model=SecretPhone 9", "-DateTimeOriginal=2026:01:02 03:04:05",
            "-SerialNumber=SECRET123", "-UserComment=" + SECRET, "-XMP-dc:Creator=" + SECRET,
            "-XMP-photoshop:City=" + SECRET, "-Artist=" + SECRET]
    if kind == "jpg":
        small = folder / "thumb.jpg"
        convert(FACE, f"{small}[Q=10,strip]")
        tags += [f"-ThumbnailImage<={small}", "-IPTC:City=" + SECRET, "-IPTC:By-line=" + SECRET, "-Comment=" + SECRET]
    exiftool("-overwrite_original", *tags, path)
    before = exiftool("-a", "-G", path)
    assert "GPS" in before and SECRET in before
    return path


def clean(jpeg, folder):
    path = folder / f"kept-{uuid.uuid4().hex}.jpg"
    path.write_bytes(jpeg)
    tags = json.loads(exiftool("-j", "-a", "-G", "-ee", "-u", path))[0]
    left = set(tags) - HARMLESS
    assert not left, left
    assert tags["File:FileType"] == "JPEG" and SECRET.encode() not in jpeg
    return tags


def upload(server, headers, path, **fields):
    fields.setdefault("consent", VERSION)
    return server.post("/v1/wardrobe/photos", headers=headers, data={k: v for k, v in fields.items() if v},
                       files={"photo": ("IMG_0001.jpg", path.read_bytes())}, timeout=180)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("wardrobe") / "data", ident_password_memory="19m") as s:
        yield s


@pytest.fixture
def stocked(drawn, tmp_path):
    """A house with products."""
    shutil.copytree(drawn, tmp_path / "stocked")
    with Server(tmp_path / "stocked", ident_password_memory="19m") as s:
        yield s


@needs_detector
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "heic"])
def test_nothing_is_left_of_the_metadata(house, tmp_path, kind):
    me = person(house)
    path = laden(tmp_path, kind)
    a = upload(house, me, path)
    assert a.status_code == 201, a.text
    photo = a.json()
    assert photo["faces_hidden"] == 1 and not photo["tryon"] and photo["pieces"]
    served = house.get(photo["image"], headers=me)
    assert served.headers["Content-Type"] == "image/jpeg" and "no-store" in served.headers["Cache-Control"]
    tags = clean(served.content, tmp_path)
    assert (tags["File:ImageWidth"], tags["File:ImageHeight"]) == (photo["width"], photo["height"]) == (512, 512)
    # what is stored is sealed: no picture, and nothing of the text that came with it
    for file in (house.data / "wardrobe").rglob("*"):
        if file.is_file():
            head = file.read_bytes()
            assert head[:3] != b"\xff\xd8\xff" and SECRET.encode() not in head and b"JFIF" not in head[:64]
    exported = export(house, me)
    assert clean(exported.read(f"photos/{photo['id']}.jpg"), tmp_path)
    told = json.loads(exported.read("data.json"))
    assert photo["id"] in json.dumps(told) and SECRET not in json.dumps(told)
    assert SECRET not in house.log() and "IMG_0001" not in house.log()


def export(server, headers):
    job = server.post("/v1/account/export", headers=headers)
    assert job.status_code in (200, 202), job.text
    where = job.headers.get("Location") or f"/v1/account/exports/{job.json()['id']}"
    until = time.monotonic() + 120
    while time.monotonic() < until:
        state = server.get(where, headers=headers).json()
        if state["state"] == "ready":
            return zipfile.ZipFile(io.BytesIO(server.get(where + "/archive", headers=headers).content))
        assert state["state"] != "failed", state
        time.sleep(0.2)
    raise AssertionError("the export does not end")


@needs_detector
def test_orientation_is_applied(house, tmp_path):
    path = tmp_path / "turned.jpg"
    convert(FACE, f"{path}[strip]")
    exiftool("-overwrite_original", "-n", "-Orientation=6", path)
    me = person(house)
    a = upload(house, me, path).json()
    assert a["faces_hidden"] >= 1
    clean(house.get(a["image"], headers=me).content, tmp_path)


@needs_detector
def test_consent_comes_first_and_its_withdrawal_removes(house, tmp_path):
    path = tmp_path / "p.jpg"
    convert(FACE, path)
    me = person(house)
    p = problem(upload(house, me, path, consent=None), 403, "forbidden")
    assert "recommendation" in p["detail"]
    p = problem(upload(house, me, path, keep_faces="true"), 403, "forbidden")
    assert "tryon" in p["detail"]
    assert house.get("/v1/wardrobe/photos", headers=me).json()["total"] == 0
    kept = upload(house, me, path, keep_faces="true", consent_tryon=VERSION)
    assert kept.status_code == 201 and kept.json()["tryon"]
    photo = kept.json()
    both = [house.get(photo["image"], headers=me, params={"variant": v}).content for v in ("hidden", "tryon")]
    assert both[0] != both[1] and all(b[:2] == b"\xff\xd8" for b in both)
    gone = house.request("DELETE", "/v1/consents/tryon", headers=me, params={"photo": photo["id"]})
    assert gone.status_code in (200, 204), gone.text
    assert house.get(photo["image"], headers=me, params={"variant": "tryon"}).status_code in (403, 404)
    assert house.get(photo["image"], headers=me).status_code == 200
    assert house.request("DELETE", "/v1/consents/recommendation", headers=me,
                         params={"photo": photo["id"]}).status_code in (200, 204)
    problem(house.get(photo["image"], headers=me), 404, "not-found")
    assert house.get("/v1/wardrobe/photos", headers=me).json()["total"] == 0


@needs_detector
def test_nobody_else_sees_it(house, tmp_path):
    path = tmp_path / "p.jpg"
    convert(FACE, path)
    me, other = person(house), person(house)
    photo = upload(house, me, path).json()
    for where in (f"/v1/wardrobe/photos/{photo['id']}", photo["image"]):
        problem(house.get(where, headers=other), 404, "not-found")
        problem(house.get(where), 401, "unauthenticated")
        problem(house.get(where, headers=house.staff), 403, "forbidden")
    problem(house.request("DELETE", f"/v1/wardrobe/photos/{photo['id']}", headers=other), 404, "not-found")
    assert house.request("DELETE", f"/v1/wardrobe/photos/{photo['id']}", headers=me).status_code == 204
    problem(house.get(photo["image"], headers=me), 404, "not-found")


@needs_detector
def test_bad_pictures(house, tmp_path):
    me = person(house)
    for name, content, status in [("a.jpg", b"no picture at all", 415), ("b.jpg", b"", 422),
                                  ("c.png", FACE.read_bytes()[:5000], 422)]:
        (tmp_path / name).write_bytes(content)
        assert upload(house, me, tmp_path / name).status_code == status, name
    assert house.get("/v1/wardrobe/photos", headers=me).json()["total"] == 0


@needs_detector
def test_corrections_preferences_and_recommendations(stocked, tmp_path):
    path = tmp_path / "p.jpg"
    convert(FACE, path)
    me = person(stocked)
    photo = upload(stocked, me, path).json()
    where, piece = f"/v1/wardrobe/photos/{photo['id']}", photo["pieces"][0]["id"]
    fixed = stocked.request("PATCH", where, headers=me,
                          json={"pieces": [{"id": piece, "category": "t-shirt", "colour": "Red", "style": "Casual"}]})
    assert fixed.status_code == 200, fixed.text
    assert fixed.json()["pieces"][0]["category"] == "t-shirt"
    assert set(fixed.json()["pieces"][0]["corrected"]) == {"category", "colour", "style"}
    problem(stocked.request("PATCH", where, headers=me, json={"pieces": [{"id": piece, "category": "spaceship"}]}), 422,
            "unprocessable")
    problem(stocked.request("PUT", "/v1/wardrobe/preferences", headers=me, json={"styles": ["Martian"]}), 422,
            "unprocessable")
    said = {"styles": ["Casual"], "colours_avoided": ["noir"], "sizes": ["M"], "budget": 500}
    assert stocked.request("PUT", "/v1/wardrobe/preferences", headers=me, json=said).status_code == 200
    assert stocked.get("/v1/wardrobe/preferences", headers=me).json()["colours_avoided"] == ["Black"]
    first = stocked.get("/v1/wardrobe/recommendations", headers=me, params={"lang": "fr", "limit": 6})
    assert first.status_code == 200, first.text
    first = first.json()
    assert first["profile"] and first["items"]
    for item in first["items"]:
        product = item["product"]
        assert product["colour"] != "Black"
        assert not (product["category"] == "t-shirt" and product["colour"] == "Red")
        if item["goes_with"]:
            assert item["goes_with"]["photo"] == photo["id"]
            assert any(r["code"] == "goes_with" for r in product["reasons"])
    dismissed = first["items"][0]["product"]["id"]
    assert stocked.post("/v1/wardrobe/events", headers=me, json={"product": dismissed, "kind": "dismiss"}).status_code == 204
    problem(stocked.post("/v1/wardrobe/events", headers=me, json={"product": "none", "kind": "like"}), 422, "unprocessable")
    after = stocked.get("/v1/wardrobe/recommendations", headers=me, params={"limit": 48}).json()
    assert dismissed not in [i["product"]["id"] for i in after["items"]]
    # an objection to profiling: nothing of theirs is used, and nothing more is noted
    assert stocked.request("PUT", "/v1/account/objection", headers=me, json={"objects_to_profiling": True}).status_code in (200, 204)
    plain = stocked.get("/v1/wardrobe/recommendations", headers=me).json()
    assert not plain["profile"] and plain["items"] and all(i["goes_with"] is None for i in plain["items"])
    events = sqlite3.connect(stocked.data / "activity.db").execute("SELECT count(*) FROM activity_event").fetchone()
    assert stocked.post("/v1/wardrobe/events", headers=me, json={"product": dismissed, "kind": "like"}).status_code == 204
    assert sqlite3.connect(stocked.data / "activity.db").execute("SELECT count(*) FROM activity_event").fetchone() == events


def test_without_the_detector_photos_are_refused(fresh, tmp_path):
    path = tmp_path / "p.png"
    path.write_bytes(FACE.read_bytes() if FACE.exists() else b"\x89PNG\r\n\x1a\n" + bytes(40))
    with fresh("refuses", ident_password_memory="19m", faces_dir=str(tmp_path / "none")) as s:
        me = person(s)
        p = problem(upload(s, me, path), 503, "busy")
        assert p["detail"]
        assert "face detector" in s.log() or "no such" in s.log().lower()


@needs_detector
def test_killed_uploads(fresh, tmp_path):
    """kill -9 while photos come in: what was acknowledged is there, and no file is without its row."""
    path = tmp_path / "p.jpg"
    convert(FACE, path)
    server = fresh("killed", ident_password_memory="19m")
    acknowledged, me, rounds = [], None, 20 if LONG else 2
    for i in range(rounds):
        server.start()
        me = me or person(server)
        running = threading.Event()

        def send():
            while not running.is_set():
                try:
                    a = upload(server, me, path)
                    if a.status_code == 201:
                        acknowledged.append(a.json()["id"])
                except Exception:  # the server is gone
                    return

        senders = [threading.Thread(target=send) for _ in range(2)]
        for t in senders:
            t.start()
        time.sleep(1.5 + 0.37 * i % 2)
        running.set()
        server.stop(signal.SIGKILL)
        for t in senders:
            t.join()
    with server as s:
        photos = s.get("/v1/wardrobe/photos", headers=me, params={"limit": 200}).json()["items"]
        ids = {p["id"] for p in photos}
        assert set(acknowledged) <= ids
        for p in photos[:20]:
            assert s.get(p["image"], headers=me).status_code == 200
        files = [f for f in (s.data / "wardrobe").rglob("*") if f.is_file()]
        assert len(files) == len(photos), (len(files), len(photos))
