#!/usr/bin/env python3
"""The end-to-end benchmark (bench/run.sh calls it): a photo or words over HTTPS to ten products out of 40,000.

Penderie, then the two peers (peer_torch.py, peer_openvino.py), one after the other on the same cores with the same
photos, words and load generator (bench_http_load). Prints a table with ratios, compares with the figures stored in
figures.json, writes build/bench/results.json, and fails when a request failed or a limit was missed.

  --quick          2,000 products and a few seconds a measurement: a check that it all works, not a figure to quote
  --without-torch  without the torch peer         --only NAME  penderie, openvino or torch; may be repeated
  --store          keep this run's figures in figures.json, for later runs to be compared with
"""
import argparse
import csv
import hashlib
import itertools
import json
import os
import platform
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = os.path.join(ROOT, "bench")
SHARED = os.path.join(ROOT, "..", "shared", "data")
PYTHON = sys.executable
CORES = os.cpu_count()

# What must hold (full run only): figure, least or most, bound.
LIMITS = [
    ("penderie.photo_alone.p50_ms", "most", 60), ("penderie.photo_alone.p99_ms", "most", 150),
    ("penderie.photo_load.per_second", "least", 30), ("penderie.photo_small_load.per_second", "least", 80),
    ("penderie.text_load.p99_ms", "most", 10), ("penderie.import.pictures_per_second", "least", 250),
    ("penderie.import.memory_mb", "most", 400), ("penderie.import.again_seconds", "most", 5),
]
TEXT_RATE = 300  # a second


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def run(args, **more):
    p = subprocess.run(args, stdout=subprocess.PIPE, text=True, **more)
    if p.returncode:
        sys.exit(f"bench: {' '.join(args[:3])} ... ended with {p.returncode}")
    return p.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- what is measured with ----

def shared_feed(work, count):
    """The shared products as a feed with what a retailer knows of them, and their pictures in a folder."""
    images, feed = os.path.join(work, "pictures"), os.path.join(work, f"feed-{count}.tsv")
    if not os.path.isdir(images):
        say("-- unpacking the products' pictures")
        with zipfile.ZipFile(os.path.join(SHARED, "products.zip")) as z:
            z.extractall(images + ".part")
        os.rename(images + ".part", images)
    with open(os.path.join(SHARED, "products.csv"), newline="", encoding="utf-8") as f:
        products = list(itertools.islice(csv.DictReader(f), count))
    columns = ["id", "title", "link", "image_link", "price", "availability", "color", "gender", "product_type"]
    with open(feed, "w", newline="", encoding="utf-8") as f:
        out = csv.DictWriter(f, columns, delimiter="\t", lineterminator="\n")
        out.writeheader()
        for p in products:
            out.writerow({"id": p["id"], "title": p["name"], "link": f"https://shop.example/p/{p['id']}",
                          "image_link": f"products/{p['id']}.jpg", "price": f"{9 + int(p['id']) % 120}.90 EUR",
                          "availability": "in_stock", "color": p["baseColour"],
                          "gender": {"Men": "male", "Women": "female"}.get(p["gender"], "unisex"),
                          "product_type": f"{p['masterCategory']} > {p['subCategory']} > {p['articleType']}"})
    return feed, images, len(products), [p["name"] for p in products]


def drawn_feed(penderie, work, count):
    """Without the shared data: the demonstration collection. Drawing takes its time, so it is a smaller one."""
    count = min(count, 2000)
    folder = os.path.join(work, f"drawn-{count}")
    say(f"-- no shared data: drawing a collection of {count} products; the limits are for 40,000 and are not judged")
    run([penderie, "demo", "--draw-only", folder, "--products", str(count)])
    feed = os.path.join(folder, "feed.tsv")
    with open(feed, newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    pictures = {r["image_link"] for r in rows}
    return feed, os.path.join(folder, "images"), len(pictures), [r["title"] for r in rows]


def write_queries(path, titles, count):
    """Distinct texts as shoppers type them: words of titles, and French with a kind, a colour, an occasion, a price."""
    rng = random.Random(7)
    kinds = "robe,jupe,pantalon,jean,chemise,t-shirt,pull,manteau,veste,baskets,sandales,sac à main,ceinture,montre".split(",")
    colours = "noire,blanche,bleue,rouge,verte,rose,grise,beige,marron,bleu marine,dorée,violette".split(",")
    rest = "pour homme,pour femme,pour enfant,été,hiver,sport,décontractée,en coton,en cuir,pour le bureau,mariage".split(",")
    seen = set()
    while len(seen) < count:
        words = rng.choice(titles).split()
        kind = rng.randrange(3)
        if kind == 0:
            text = " ".join(rng.sample(words, min(len(words), rng.randint(2, 4))))
        elif kind == 1:
            text = f"{rng.choice(kinds)} {rng.choice(colours)} {rng.choice(rest)} {rng.choice(words)}"
        else:
            text = f"{rng.choice(kinds)} {rng.choice(rest)} moins de {rng.randint(30, 400)} euros {rng.choice(words)}"
        seen.add(text.replace("\n", " "))
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(sorted(seen, key=lambda t: hashlib.sha256(t.encode()).digest())) + "\n")


def certificate(work):
    cert, key = os.path.join(work, "cert.pem"), os.path.join(work, "key.pem")
    if not os.path.exists(cert):
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
             "-keyout", key, "-out", cert, "-subj", "/CN=localhost"], stderr=subprocess.DEVNULL)
    return cert, key


# ---- the three services ----

class Service:
    """A running server: its processes end with the `with` block."""

    def __init__(self, name, args, port, work, env=None):
        self.name, self.port = name, port
        self.log = os.path.join(work, f"{name}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(args, stdout=log, stderr=log, start_new_session=True, cwd=ROOT,
                                            env={**os.environ, **(env or {})})

    def __enter__(self):
        context = ssl._create_unverified_context()  # our own certificate, on this machine
        until = time.monotonic() + 180
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"https://127.0.0.1:{self.port}/readyz", context=context, timeout=5) as r:
                    if json.load(r).get("ready"):
                        return self
            except (OSError, ValueError):
                time.sleep(.2)
        with open(self.log, errors="replace") as log:
            say("".join(log.readlines()[-15:]))
        self.__exit__()
        sys.exit(f"bench: {self.name} did not become ready; see {self.log}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def processes(self, name):
        """/proc/PID/name of all its processes."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.getpgid(int(pid)) == self.process.pid:
                    with open(f"/proc/{pid}/{name}") as f:
                        yield f.read()
            except OSError:
                pass  # it has just ended

    def memory_mb(self):
        """The peaks of all its processes, added up."""
        lines = [line for status in self.processes("status") for line in status.splitlines()]
        return round(sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)

    def cpu_seconds(self):
        fields = [stat.rsplit(")", 1)[1].split() for stat in self.processes("stat")]
        return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")


def start_penderie(o, data):
    port = free_port()
    args = [o.penderie, "serve", "--data", data, "--port", str(port), "--set", "http_limit_light=0", "--set",
            "http_limit_heavy=0"]
    return Service("penderie", args + o.settings, port, o.work)


def start_peer(o, name, rows, workers):
    port = free_port()
    cert, key = certificate(o.work)
    args = [PYTHON, "-m", "uvicorn", "--app-dir", "bench", f"peer_{name}:app", "--port", str(port), "--workers", str(workers),
            "--ssl-certfile", cert, "--ssl-keyfile", key, "--loop", "uvloop", "--http", "httptools", "--no-access-log",
            "--log-level", "warning"]
    return Service(name, args, port, o.work, {"PEER_ROWS": str(rows), "PEER_MODEL": o.model})


# ---- measuring ----

def load(o, service, *options):
    args = [os.path.join(o.build, "bench_http_load"), "--port", str(service.port)]
    figures = json.loads(run(args + [str(x) for x in options]))
    if figures["failed"]:
        say(f"   {service.name}: {figures['failed']} failed: {figures.get('first_failure')}")
    return figures


def photos(o, kind):
    names = sorted(n for n in os.listdir(o.photos) if n.startswith(kind))
    return [x for n in names for x in ("--photo", os.path.join(o.photos, n))]


def measure(o, service):
    """All figures of one service, with what each needs to get warm before it."""
    seconds, alone = (3, 30) if o.quick else (20, 200)
    post = ("--path", "/v1/recommendations?limit=10", "--expect", 10)
    get = ("--path", "/v1/search?limit=10&q=", "--expect", 1)  # a price or a colour may leave fewer than ten
    many = ("--connections", 4 * CORES)
    full, small, words = photos(o, "full"), photos(o, "small"), ("--queries", o.queries)
    slow, used = service.name == "torch", 0
    out = {}
    for name, what, options, limit in [
        ("photo_alone", "one full-size photo at a time", [*post, *full], ["--requests", alone]),
        ("photo_new_connection", "the same, each on a new connection", [*post, *full, "--fresh"], ["--requests", alone // 2]),
        ("photo_load", "full-size photos, as many as it takes", [*post, *full, *many], ["--seconds", seconds]),
        ("photo_small_load", "photos of 1,024 px, as many as it takes", [*post, *small, *many], ["--seconds", seconds]),
        ("text_alone", "one text at a time", [*get, *words], ["--requests", alone]),
        ("text_load", f"{TEXT_RATE} texts/s, constant", [*get, *words, "--connections", 16],
         ["--rate", TEXT_RATE, "--seconds", seconds]),
        ("text_most", "texts, as many as it takes", [*get, *words, *many], ["--seconds", seconds / 2]),
    ]:
        if service.name != "penderie" and name == "text_load" and out["text_alone"]["p50_ms"] > 1000 * CORES / TEXT_RATE:
            say(f"   {service.name}: {TEXT_RATE} texts/s left out: one takes {out['text_alone']['p50_ms']:.0f} ms")
            continue
        say(f"   {service.name}: {what}")
        for share in (["--requests", 2] if slow else ["--seconds", 1.5]), limit:  # the first gets it warm
            # No text comes twice, until the measurement without a rate has used up all.
            before = service.cpu_seconds()
            out[name] = load(o, service, *options, *(["--skip", used] if name.startswith("text") else []),
                             *([] if "--seconds" in share else ["--seconds", 60]), *share)
            out[name]["cpu_ms"] = 1000 * (service.cpu_seconds() - before) / max(1, out[name]["answered"])
            used += out[name]["answered"] + out[name]["failed"] if name.startswith("text") else 0
    out["memory_mb"] = service.memory_mb()
    return out


def run_measured(args):
    """Runs a program; its peak of memory in MB (of this process alone, not of any that ran before it)."""
    p = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=sys.stderr)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        sys.exit(f"bench: {' '.join(args[:3])} ... ended with {p.returncode}")
    return round(usage.ru_maxrss / 1024)


def import_catalogue(o, feed, images, count):
    """The catalogue by the real import; kept for the next run while program and model stay the same."""
    with open(os.path.join(o.model, "manifest.json"), "rb") as f, open(o.penderie, "rb") as p:
        stamp = hashlib.sha256(f.read() + hashlib.sha256(p.read()).digest()).hexdigest()[:16] + f"-{count}"
    data, note = os.path.join(o.work, f"data-{count}"), os.path.join(o.work, f"data-{count}.json")
    args = [o.penderie, "import", "--data", data, "--feed", feed, "--images", images, *o.settings]
    if os.path.exists(note) and not o.fresh:
        with open(note) as f:
            figures = json.load(f)
        if figures.pop("stamp") == stamp:
            say(f"-- the {count} products are imported already (--fresh imports them again)")
            return data, figures
    shutil.rmtree(data, ignore_errors=True)
    say(f"-- importing {count} products")
    before, figures = time.monotonic(), {}
    memory_mb = run_measured(args)
    figures["seconds"] = round(time.monotonic() - before, 2)
    figures["pictures_per_second"] = round(count / figures["seconds"], 1)
    figures["memory_mb"] = memory_mb
    before = time.monotonic()
    run(args, stderr=subprocess.DEVNULL)
    figures["again_seconds"] = round(time.monotonic() - before, 2)
    with open(note, "w") as f:
        json.dump({**figures, "stamp": stamp}, f)
    return data, figures


# ---- showing ----

ROWS = [
    ("photo_alone", "p50_ms", "full-size photo alone, p50 ms"), ("photo_alone", "p99_ms", "full-size photo alone, p99 ms"),
    ("photo_new_connection", "p50_ms", "  on a new connection, p50 ms"),
    ("photo_load", "per_second", "full-size photos a second"), ("photo_load", "p99_ms", "  p99 ms then"),
    ("photo_small_load", "per_second", "1,024 px photos a second"), ("photo_small_load", "p99_ms", "  p99 ms then"),
    ("text_alone", "p50_ms", "text alone, p50 ms"), ("text_load", "p50_ms", f"{TEXT_RATE} texts/s, p50 ms"),
    ("text_load", "p99_ms", f"{TEXT_RATE} texts/s, p99 ms"), ("text_most", "per_second", "texts a second"),
    ("photo_load", "cpu_ms", "processor ms a full-size photo"), ("photo_small_load", "cpu_ms", "processor ms a 1,024 px photo"),
    ("text_most", "cpu_ms", "processor ms a text"),
]


def figure(results, path):
    for part in path.split("."):
        results = results.get(part) if isinstance(results, dict) else None
    return results


def show(results):
    names = [n for n in ("penderie", "openvino", "torch") if n in results]
    titles = {"penderie": "Penderie", "openvino": "OpenVINO peer", "torch": "torch peer"}
    print(f"\n{'':34}" + "".join(f"{titles[n]:>16}" for n in names) + "".join(f"{'x ' + titles[n]:>16}" for n in names[1:]))
    lines = ROWS + [("memory_mb", None, "memory at its peak, MB")]
    for what, unit, title in lines:
        path = what if unit is None else f"{what}.{unit}"
        values = [figure(results[n], path) for n in names]
        cells = "".join(f"{v:16,.1f}" if v is not None else f"{'-':>16}" for v in values)
        for v in values[1:]:  # how many times better Penderie is
            ours = values[0]
            times = None if not v or not ours or names[0] != "penderie" else ours / v if unit == "per_second" else v / ours
            cells += f"{times:15.1f}x" if times else f"{'-':>16}"
        print(f"{title:34}{cells}")
    if "import" in results.get("penderie", {}):
        i = results["penderie"]["import"]
        print(f"\nimport: {i['pictures_per_second']:,} pictures/s, {i['memory_mb']} MB, again in {i['again_seconds']} s")


def compare(o, results):
    """Beside the stored figures: only what moved by more than a tenth is worth a line."""
    path = os.path.join(HERE, "figures.json")
    flat = {f"{n}.{w}.{u}" if u else f"{n}.{w}": figure(results, f"{n}.{w}.{u}" if u else f"{n}.{w}")
            for n in ("penderie", "openvino", "torch") for w, u, _ in ROWS + [("memory_mb", None, "")]}
    flat.update({p: figure(results, p) for p, _, _ in LIMITS})
    flat = {k: v for k, v in sorted(flat.items()) if v is not None}
    if os.path.exists(path) and not o.quick:
        with open(path) as f:
            stored = json.load(f)
        print(f"\nBeside {stored['date']} on {stored['machine']}:")
        moved = [(k, stored["figures"][k], v) for k, v in flat.items() if stored["figures"].get(k)]
        for k, was, v in moved:
            if abs(v - was) > .1 * was:
                print(f"  {k:40}{was:12,.1f} -> {v:,.1f}  ({100 * (v - was) / was:+.0f} %)")
        print(f"  {sum(abs(v - was) <= .1 * was for _, was, v in moved)} of {len(moved)} figures within a tenth")
    if o.store:
        with open(path, "w") as f:
            json.dump({"date": time.strftime("%Y-%m-%d"), "machine": results["machine"], "figures": flat}, f, indent=1)
            f.write("\n")


def judge(o, results):
    """False when a request failed, or (in a full run) a limit was missed."""
    fine = True
    for name in ("penderie", "openvino", "torch"):
        for what, f in results.get(name, {}).items():
            if isinstance(f, dict) and f.get("failed"):
                print(f"FAILED  {name}.{what}: {f['failed']} requests: {f.get('first_failure')}")
                fine = fine and name != "penderie"
    for path, way, bound in LIMITS if "penderie" in results else []:
        value = figure(results, path)
        good = value is not None and (value <= bound if way == "most" else value >= bound)
        shown = "nothing" if value is None else f"{value:,.1f}"
        print(f"{'ok    ' if good else 'MISSED' if o.judged else '(over)'}  {path}: {shown} (at {way} {bound})")
        fine = fine and (good or not o.judged)
    return fine


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())
    return f"{CORES} cores of {model}"


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--model", default=os.path.join(ROOT, "models", "penderie-fashion"), help="the model package")
    p.add_argument("--products", type=int, help="how many (40,000; 2,000 with --quick)")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--fresh", action="store_true", help="import again")
    p.add_argument("--store", action="store_true")
    p.add_argument("--without-torch", action="store_true")
    p.add_argument("--only", action="append", choices=["penderie", "openvino", "torch"])
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for Penderie")
    o = p.parse_args()
    o.build, o.model = os.path.abspath(o.build), os.path.abspath(o.model)
    o.settings = [x for setting in [f"model_dir={o.model}", *o.set] for x in ("--set", setting)]
    o.penderie = os.path.join(o.build, "penderie")
    o.work = os.path.join(o.build, "bench")
    o.photos, o.queries = os.path.join(o.work, "photos"), os.path.join(o.work, "queries.txt")
    o.products = o.products or (2000 if o.quick else 40000)
    o.only = o.only or ["penderie", "openvino"] + ([] if o.without_torch else ["torch"])
    os.makedirs(o.work, exist_ok=True)
    return o


def main():
    o = options()
    run([PYTHON, os.path.join(HERE, "draw_photos.py"), o.photos, "6"])
    sizes = [os.path.getsize(os.path.join(o.photos, n)) / 1e6 for n in sorted(os.listdir(o.photos)) if n.startswith("full")]
    say(f"-- photos of 4000 x 3000: {min(sizes):.1f} to {max(sizes):.1f} MB")
    if os.path.exists(os.path.join(SHARED, "products.csv")):
        feed, images, count, titles = shared_feed(o.work, o.products)
    else:
        feed, images, count, titles = drawn_feed(o.penderie, o.work, o.products)
    o.judged = not o.quick and count >= 39000
    write_queries(o.queries, titles, 40000)
    results = {"date": time.strftime("%Y-%m-%dT%H:%M:%S"), "machine": machine(), "products": count, "quick": o.quick,
               "photo_mb": [round(s, 2) for s in sizes]}
    print(f"{count} products, {results['machine']}; the load comes from the same cores")
    if "penderie" in o.only:
        data, imported = import_catalogue(o, feed, images, count)
        with start_penderie(o, data) as service:
            results["penderie"] = measure(o, service)
        results["penderie"]["import"] = imported
    if "openvino" in o.only:
        with start_peer(o, "openvino", count, CORES) as service:
            results["openvino"] = measure(o, service)
    if "torch" in o.only:
        with start_peer(o, "torch", count, 1) as service:
            results["torch"] = measure(o, service)
    show(results)
    if not o.quick and "penderie" in o.only:
        print()
        print(run([os.path.join(o.build, "bench_vindex")]), end="")
        results["vindex"] = [json.loads(line) for line in run([os.path.join(o.build, "bench_vindex"), "--json"]).splitlines()]
    compare(o, results)
    print()
    fine = judge(o, results)
    with open(os.path.join(o.work, "results.json"), "w") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    print(f"all of it: {os.path.relpath(os.path.join(o.work, 'results.json'), ROOT)}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
