"""Search, similar products, recommendations and feedback over HTTP, on a small drawn collection."""

import base64
import json
import math
import shutil
import sqlite3
import subprocess
import time

import pytest

from penderie import BINARY, Server, problem

FILTERS = ["category", "group", "colour", "gender", "age_group", "season", "style", "brand", "size", "material",
           "pattern"]


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [i["id"] for i in answer.json()["items"]]


@pytest.fixture(scope="module")
def photo(drawn):
    return sorted((drawn / "demo" / "wardrobe").glob("*.jpg"))[0].read_bytes()


@pytest.fixture(scope="module")
def everything(shop):
    """All products, by browsing without words."""
    answer = shop.get("/v1/search", params={"limit": 100}).json()
    assert answer["matched"] == len(answer["items"]) and answer["next_cursor"] is None
    return answer["items"]


def embedding(drawn, number=0):
    """A product's own embedding and the model's name, as a device of ours would have made them."""
    with sqlite3.connect(f"file:{drawn}/catalog.db?mode=ro", uri=True) as db:
        row = db.execute("SELECT p.id, e.vector, e.model FROM product p JOIN embedding e ON e.sha = p.picture"
                         " ORDER BY p.doc LIMIT 1 OFFSET ?", (number,)).fetchone()
    vector = memoryview(row[1]).cast("f").tolist()
    return row[0], vector, row[2]


# -- search --


def test_words_and_nothing(shop, everything):
    wanted = everything[3]
    answer = shop.get("/v1/search", params={"q": wanted["title"], "limit": 5}).json()
    assert answer["items"][0]["id"] == wanted["id"]
    assert answer["understood"] and answer["generation"] >= 1 and len(answer["attribution"]) > 20
    for item in answer["items"]:
        assert item["reasons"] and all(r["code"] and r["text"] for r in item["reasons"])
        assert item["picture"].startswith("/v1/pictures/")
        assert shop.get(item["picture"]).headers["Content-Type"].startswith("image/")
    assert shop.get("/v1/search", params={"q": "   "}).json()["matched"] == len(everything)


def test_language_of_reasons(shop):
    def text(**kw):
        return shop.get("/v1/search", **kw).json()["items"][0]["reasons"][0]["text"]

    french = text(params={"q": "robe", "lang": "fr"})
    english = text(params={"q": "robe", "lang": "en"})
    assert french != english
    assert text(params={"q": "robe"}, headers={"Accept-Language": "en-GB,en;q=0.9"}) == english
    assert text(params={"q": "robe"}, headers={"Accept-Language": "de"}) == french


@pytest.mark.parametrize("field", ["category", "colour", "gender", "style", "brand"])
def test_filters_are_exact(shop, everything, field):
    values = sorted({p[field] for p in everything if p[field]})
    assert values
    for value in values[:3]:
        want = {p["id"] for p in everything if p[field] == value}
        for params in ({field: value}, {field: value, "q": "robe"}):
            answer = shop.get("/v1/search", params={**params, "limit": 100})
            assert set(ids(answer)) == want and answer.json()["matched"] == len(want)
        assert set(ids(shop.post("/v1/search", json={"filter": {field: [value]}, "limit": 100}))) == want
    if len(values) > 1:
        either = {p["id"] for p in everything if p[field] in values[:2]}
        assert set(ids(shop.get("/v1/search", params={field: ",".join(values[:2]), "limit": 100}))) == either


def test_prices_sales_and_stock(shop, everything):
    def pays(p):
        return p["sale_price"] if p["sale_price"] is not None else p["price"]

    prices = sorted(pays(p) for p in everything)
    low, high = prices[len(prices) // 4], prices[3 * len(prices) // 4]
    got = ids(shop.get("/v1/search", params={"price_min": low, "price_max": high, "limit": 100}))
    assert set(got) == {p["id"] for p in everything if low <= pays(p) <= high}
    got = ids(shop.get("/v1/search", params={"on_sale": "true", "limit": 100}))
    assert set(got) == {p["id"] for p in everything if p["sale_price"] is not None}
    got = ids(shop.get("/v1/search", params={"available": "true", "limit": 100}))
    assert set(got) == {p["id"] for p in everything if p["available"]}
    order = shop.get("/v1/search", params={"sort": "cheapest", "limit": 100}).json()["items"]
    assert [pays(p) for p in order] == prices
    order = shop.get("/v1/search", params={"sort": "dearest", "limit": 100}).json()["items"]
    assert [pays(p) for p in order] == prices[::-1]


def test_facets_count_what_the_filters_let_through(shop, everything):
    facets = shop.get("/v1/search", params={"limit": 1}).json()["facets"]
    for f in facets:
        if f["field"] in ("category", "colour", "gender"):
            assert f["count"] == sum(p[f["field"]] == f["value"] for p in everything), f
    assert {"category", "colour"} <= {f["field"] for f in facets}
    assert shop.get("/v1/search", params={"limit": 1, "facets": "false"}).json()["facets"] == []


def test_pages(shop, everything):
    for params in ({}, {"q": "robe"}, {"sort": "cheapest"}):
        seen, cursor = [], None
        while True:
            page = shop.get("/v1/search", params={**params, "limit": 7, **({"cursor": cursor} if cursor else {})})
            seen += ids(page)
            cursor = page.json()["next_cursor"]
            if not cursor:
                break
            assert len(page.json()["items"]) == 7
        assert len(seen) == len(set(seen)) == len(everything)
        assert seen == ids(shop.get("/v1/search", params={**params, "limit": 100}))


BAD = [{"limit": 0}, {"limit": 101}, {"limit": "ten"}, {"cursor": "nonsense"}, {"cursor": "A" * 201}, {"sort": "random"},
       {"price_min": -1}, {"price_max": "cheap"}, {"available": "perhaps"}, {"lang": "de"}, {"q": "a" * 501},
       {"colour": ",".join("abcdefghijklmnopq")}, {"shop": "s" * 61}, {"facets": "2"}, {"colours": "Red"}]


@pytest.mark.parametrize("params", BAD, ids=lambda p: next(iter(p)) + "=" + str(next(iter(p.values())))[:12])
def test_bad_parameters_are_named(shop, everything, photo, params):
    name = next(iter(params))
    product = everything[0]["id"]
    answers = [shop.get("/v1/search", params=params),
               shop.post("/v1/recommendations", params=params, data=photo, headers={"Content-Type": "image/jpeg"})]
    if name != "q":
        answers.append(shop.get(f"/v1/products/{product}/similar", params=params))
    for a in answers:
        body = problem(a, 400, "invalid")
        if params != {"cursor": "nonsense"}:  # a text of the right form
            assert body["errors"][0]["pointer"] == f"query/{name}"


def test_unknown_values_find_nothing(shop):
    for field in FILTERS:
        assert ids(shop.get("/v1/search", params={field: "no such thing"})) == []
    assert shop.get("/v1/search", params={"shop": "nowhere"}).status_code == 200


# -- similar --


def test_similar(shop, everything):
    first = everything[0]
    answer = shop.get(f"/v1/products/{first['id']}/similar", params={"limit": 5})
    found = answer.json()["items"]
    assert len(found) == 5 and first["id"] not in ids(answer)
    same = [p for p in everything if p["category"] == first["category"] and p["id"] != first["id"]]
    if same:
        assert found[0]["category"] == first["category"]
    assert ids(shop.post("/v1/search", json={"similar_to": first["id"], "limit": 5})) == ids(answer)
    problem(shop.get("/v1/products/nobody/similar"), 404, "not-found")
    problem(shop.post("/v1/search", json={"similar_to": "nobody"}), 404, "not-found")


# -- a photo --


def test_recommendations(shop, photo):
    raw = shop.post("/v1/recommendations", params={"limit": 4}, data=photo, headers={"Content-Type": "image/jpeg"})
    form = shop.post("/v1/recommendations", params={"limit": 4}, files={"photo": ("a.jpg", photo, "image/jpeg")})
    assert len(ids(raw)) == 4 and ids(raw) == ids(form)
    seen = raw.json()["photo"]
    assert seen["category"] and seen["pieces"]
    red = shop.post("/v1/recommendations", params={"colour": "Red", "limit": 100}, data=photo,
                    headers={"Content-Type": "image/jpeg"}).json()
    assert all(i["colour"] == "Red" for i in red["items"])
    a = shop.post("/v1/recommendations", params={"piece": 5}, data=photo, headers={"Content-Type": "image/jpeg"})
    problem(a, 422, "unprocessable")


def test_recommendations_without_a_photo(shop):
    problem(shop.post("/v1/recommendations"), 400, "invalid")
    problem(shop.post("/v1/recommendations", files={"picture": ("a.jpg", b"x", "image/jpeg")}), 400, "invalid")
    problem(shop.post("/v1/recommendations", json={"embedding": [1]}), 415, "unsupported-type")  # POST /v1/search


# -- what a device read from a photo that stays there --


def test_an_embedding_finds_its_product(shop, drawn):
    for number in (0, 7):
        product, vector, model = embedding(drawn, number)
        assert len(vector) == 256
        body = {"embedding": vector, "model": model, "limit": 5}
        answer = shop.post("/v1/search", json=body)
        assert ids(answer)[0] == product
        shape = math.sqrt(sum(v * v for v in vector))
        rounded = [round(v / shape * 1.005, 4) for v in vector]  # as a phone may send it: brought to unit length here
        assert ids(shop.post("/v1/search", json={**body, "embedding": rounded}))[0] == product


def test_labels_alone_and_with_an_embedding(shop, drawn, everything):
    category = everything[0]["category"]
    labels = {"category": [{"name": category, "p": 0.9}, {"name": "no such category", "p": 0.1}]}
    product, vector, model = embedding(drawn)
    found = shop.post("/v1/search", json={"embedding": vector, "model": model, "labels": labels, "limit": 5}).json()
    assert found["items"][0]["category"] == category or found["items"][0]["id"] == product
    alone = shop.post("/v1/search", json={"labels": labels, "limit": 3}).json()
    assert [i["category"] for i in alone["items"]][0] == category


def test_embeddings_are_checked(shop, drawn):
    _, vector, model = embedding(drawn)

    def refused(status, name, words, **change):
        body = {k: v for k, v in {"embedding": vector, "model": model, **change}.items() if v is not None}
        assert words in json.dumps(problem(shop.post("/v1/search", json=body), status, name))

    refused(400, "invalid", "256", embedding=vector[:-1])
    refused(400, "invalid", "256", embedding=vector + [0.0])
    refused(400, "invalid", "#/embedding/3", embedding=vector[:3] + ["x"] + vector[4:])
    refused(400, "invalid", "#/embedding/3", embedding=vector[:3] + [None] + vector[4:])
    refused(400, "invalid", "#/embedding/3", embedding=vector[:3] + [2.0] + vector[4:])
    refused(400, "invalid", "unit length", embedding=[0.0] * 256)
    refused(400, "invalid", "unit length", embedding=[v / 2 for v in vector])
    refused(400, "invalid", "#/model", model=None)
    refused(422, "unprocessable", model, model="another-model 0.1")
    for number in ("NaN", "Infinity", "1e999"):
        text = json.dumps({"embedding": vector, "model": model}).replace(str(vector[0]), number, 1)
        a = shop.post("/v1/search", data=text, headers={"Content-Type": "application/json"})
        problem(a, 400, "invalid")
    problem(shop.post("/v1/search", json={"labels": {"colour": [{"name": "Red", "p": 1.5}]}}), 400, "invalid")
    problem(shop.post("/v1/search", json={"labels": {"shape": []}}), 400, "invalid")


# -- suggestions and feedback --


def test_suggestions(shop):
    found = shop.get("/v1/suggest", params={"q": "rob", "lang": "fr"}).json()["suggestions"]
    assert any("robe" in s["text"].lower() for s in found) and len(found) <= 8
    assert len(shop.get("/v1/suggest", params={"q": "r", "limit": 2}).json()["suggestions"]) <= 2
    problem(shop.get("/v1/suggest"), 400, "invalid")


@pytest.fixture
def house(drawn, tmp_path):
    shutil.copytree(drawn, tmp_path / "data")
    return tmp_path / "data"


def rows(house):
    with sqlite3.connect(house / "ops.db") as db:
        return db.execute("SELECT product, event, kind, position FROM feedback ORDER BY at_ms, rowid").fetchall()


def test_feedback_needs_its_answer(house):
    with Server(house) as s:
        answer = s.get("/v1/search", params={"q": "robe", "limit": 3}).json()
        shown = [i["id"] for i in answer["items"]]
        others = [i for i in ids(s.get("/v1/search", params={"limit": 100})) if i not in shown]

        def send(**change):
            return s.post("/v1/feedback", json={"attribution": answer["attribution"], "product": shown[1], "kind": "click",
                                                **change})

        assert send().status_code == 204 and send().status_code == 204  # told twice, counted once
        assert send(kind="buy").status_code == 204
        problem(send(product=others[0]), 422, "unprocessable")
        problem(send(kind="stare"), 400, "invalid")
        problem(send(attribution="A" * 40), 400, "invalid")
        token = bytearray(base64.urlsafe_b64decode(answer["attribution"] + "=="))
        token[5] ^= 1
        forged = base64.urlsafe_b64encode(bytes(token)).rstrip(b"=").decode()
        problem(send(attribution=forged), 400, "invalid")
        problem(s.post("/v1/feedback", json={"product": shown[0], "kind": "view"}), 400, "invalid")
    assert rows(house) == [(shown[1], "click", "t", 1), (shown[1], "buy", "t", 1)]


def test_a_token_is_good_on_any_process(house):
    with Server(house) as a, Server(house) as b:
        answer = a.get("/v1/search", params={"q": "robe", "limit": 2}).json()
        body = {"attribution": answer["attribution"], "product": answer["items"][0]["id"], "kind": "view"}
        assert b.post("/v1/feedback", json=body).status_code == 204
    assert len(rows(house)) == 1


# -- an import while pages are turned --


def test_pages_across_a_new_generation(house, tmp_path):
    """A reader in the middle of a list goes on when products are published: nothing twice, no error."""
    feed = tmp_path / "feed.tsv"
    feed.write_text("id\ttitle\tprice\tproduct_type\nnew-1\tRobe toute neuve\t12,00 EUR\tRobes\n", encoding="utf-8")
    with Server(house) as s:
        first = s.get("/v1/search", params={"q": "robe", "limit": 8}).json()
        before = first["generation"]
        subprocess.run([BINARY, "import", "--data", str(house), "--feed", str(feed), "--json", "--no-model"], check=True,
                       capture_output=True, timeout=300)
        until = time.monotonic() + 60
        while s.get("/v1/search", params={"limit": 1}).json()["generation"] == before:
            assert time.monotonic() < until, "the new generation was never taken"
            time.sleep(0.2)
        seen, cursor = [i["id"] for i in first["items"]], first["next_cursor"]
        while cursor:
            page = s.get("/v1/search", params={"q": "robe", "limit": 8, "cursor": cursor})
            seen += ids(page)
            cursor = page.json()["next_cursor"]
            assert page.json()["generation"] > before
        assert len(seen) == len(set(seen))
        old = {i["id"] for i in s.get("/v1/search", params={"limit": 100}).json()["items"]} - {"new-1"}
        assert old <= set(seen)
        assert "new-1" in ids(s.get("/v1/search", params={"q": "toute neuve", "limit": 3}))
        body = {"attribution": first["attribution"], "product": first["items"][0]["id"], "kind": "view"}
        assert s.post("/v1/feedback", json=body).status_code == 204  # of the older generation
