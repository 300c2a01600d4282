/* Tokens of OpenID providers: which ones count, and all the ways in which one must not. Keys are made here. */
#include "test.h"

#include "base/clock.h"
#include "crypt/sign.h"
#include "ident/ident_internal.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define NOW INT64_C(1800000000000)
#define CLAIMS                                                                                \
    "{\"iss\":\"https://"                                                                     \
    "id.example\",\"aud\":\"api\",\"sub\":\"someone\",\"tid\":\"tenant\",\"exp\":1800000300," \
    "\"nbf\":1799999990,\"iat\":1799999990,\"roles\":[\"App.Dpo\",\"Other\"]}"

static struct err err;
static gnutls_privkey_t rsa, other_rsa, ec;
static struct ident ident;
static struct issuer issuer;

static void add64(struct buf *out, const void *p, size_t n)
{
    char *text = malloc(2 * n + 8);
    assert_non_null(text);
    crypt_base64url(p, n, text);
    buf_addz(out, text);
    free(text);
}

/* Big-endian, without the zero byte that says it is positive; at least `least` bytes. */
static void add_number(struct buf *out, gnutls_datum_t d, size_t least)
{
    uint8_t bytes[1024] = {0};
    while (d.size > least && d.data[0] == 0) {
        d.data++;
        d.size--;
    }
    size_t pad = d.size < least ? least - d.size : 0;
    memcpy(bytes + pad, d.data, d.size);
    add64(out, bytes, d.size + pad);
}

static void add_rsa_jwk(struct buf *out, gnutls_privkey_t key, const char *kid)
{
    gnutls_datum_t m, e;
    assert_int_equal(gnutls_privkey_export_rsa_raw(key, &m, &e, NULL, NULL, NULL, NULL, NULL, NULL), 0);
    buf_addf(out, "{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"%s\",\"n\":\"", kid);
    add_number(out, m, 1);
    buf_addz(out, "\",\"e\":\"");
    add_number(out, e, 1);
    buf_addz(out, "\"}");
    gnutls_free(m.data);
    gnutls_free(e.data);
}

static void add_ec_jwk(struct buf *out, gnutls_privkey_t key, const char *kid)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x, y;
    assert_int_equal(gnutls_privkey_export_ecc_raw(key, &curve, &x, &y, NULL), 0);
    buf_addf(out, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",\"x\":\"", kid);
    add_number(out, x, 32);
    buf_addz(out, "\",\"y\":\"");
    add_number(out, y, 32);
    buf_addz(out, "\"}");
    gnutls_free(x.data);
    gnutls_free(y.data);
}

static gnutls_privkey_t make_key(gnutls_pk_algorithm_t kind, unsigned bits)
{
    gnutls_privkey_t k;
    assert_int_equal(gnutls_privkey_init(&k), 0);
    assert_int_equal(gnutls_privkey_generate(k, kind, bits, 0), 0);
    return k;
}

static void take_keys(const char *json)
{
    issuer_free_keys(issuer.keys, issuer.n_keys);
    assert_ok(issuer_read_keys(str_of(json), issuer.keys, &issuer.n_keys, &err));
    issuer.fetched_us = issuer.tried_us = clock_mono_us();
}

static int set_up(void **state)
{
    (void)state;
    struct buf set = BUF_INIT(10000);
    memset(&ident, 0, sizeof ident);
    pthread_rwlock_init(&ident.lock, NULL);
    pthread_mutex_init(&ident.wake_lock, NULL);
    pthread_cond_init(&ident.wake, NULL);
    issuer = (struct issuer){.name = "test",
                             .issuer = "https://id.example",
                             .audience = "api",
                             .tenant = "tenant",
                             .roles_claim = "roles",
                             .client_id = "web"};
    issuer.map[0] = (struct issuer_role){"App.Dpo", HTTP_DPO};
    issuer.n_map = 1;
    if (!rsa) {
        rsa = make_key(GNUTLS_PK_RSA, 2048);
        other_rsa = make_key(GNUTLS_PK_RSA, 2048);
        ec = make_key(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
    }
    buf_addz(&set, "{\"keys\":[");
    add_rsa_jwk(&set, rsa, "r1");
    buf_addc(&set, ',');
    add_ec_jwk(&set, ec, "e1");
    buf_addz(
        &set,
        ",{\"kty\":\"oct\",\"kid\":\"o\",\"k\":\"AAAA\"},{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"AQAB\"}]}");
    take_keys(set.p);
    assert_int_equal(issuer.n_keys, 2);
    buf_release(&set);
    clock_freeze(NOW);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    issuer_free_keys(issuer.keys, issuer.n_keys);
    issuer.n_keys = 0;
    clock_freeze(-1);
    pthread_rwlock_destroy(&ident.lock);
    pthread_mutex_destroy(&ident.wake_lock);
    pthread_cond_destroy(&ident.wake);
    return 0;
}

/* header.claims.signature; key NULL: no signature. */
static void make(struct buf *out, const char *header, const char *claims, gnutls_privkey_t key)
{
    gnutls_datum_t sig = {NULL, 0}, r, s;
    buf_reset(out);
    add64(out, header, strlen(header));
    buf_addc(out, '.');
    add64(out, claims, strlen(claims));
    gnutls_datum_t data = {(unsigned char *)out->p, (unsigned)out->n};
    if (key) {
        bool is_ec = key == ec;
        assert_int_equal(gnutls_privkey_sign_data2(
                             key, is_ec ? GNUTLS_SIGN_ECDSA_SHA256 : GNUTLS_SIGN_RSA_SHA256, 0, &data, &sig),
                         0);
        buf_addc(out, '.');
        if (is_ec) {
            struct buf raw = BUF_INIT(200);
            uint8_t both[64] = {0};
            assert_int_equal(gnutls_decode_rs_value(&sig, &r, &s), 0);
            for (int i = 0; i < 2; i++) {
                gnutls_datum_t d = i ? s : r;
                size_t skip = d.size > 32 ? d.size - 32 : 0;
                memcpy(both + 32 * i + (32 - (d.size - skip)), d.data + skip, d.size - skip);
            }
            add64(out, both, sizeof both);
            gnutls_free(r.data);
            gnutls_free(s.data);
            buf_release(&raw);
        } else {
            add64(out, sig.data, sig.size);
        }
        gnutls_free(sig.data);
    } else {
        buf_addc(out, '.');
    }
}

static enum rc judge(const char *token, const char *audience, struct issuer_claims *claims, struct jwt *jwt)
{
    enum rc rc = jwt_parse(str_of(token), jwt, &err);
    return rc ? rc : issuer_check(&ident, &issuer, jwt, audience, claims, &err);
}

static enum rc verdict(const char *header, const char *claims, gnutls_privkey_t key)
{
    struct buf token = BUF_INIT(20000);
    struct jwt jwt;
    struct issuer_claims c;
    make(&token, header, claims, key);
    enum rc rc = judge(token.p, "api", &c, &jwt);
    jwt_release(&jwt);
    buf_release(&token);
    return rc;
}

#define RS "{\"alg\":\"RS256\",\"kid\":\"r1\"}"
#define ES "{\"alg\":\"ES256\",\"kid\":\"e1\",\"typ\":\"JWT\"}"

static void good_tokens_count(void **state)
{
    (void)state;
    struct buf token = BUF_INIT(20000);
    struct jwt jwt;
    struct issuer_claims c;
    make(&token, RS, CLAIMS, rsa);
    assert_ok(judge(token.p, "api", &c, &jwt));
    assert_true(str_eqz(c.subject, "someone"));
    assert_int_equal(c.roles, HTTP_ANONYMOUS | HTTP_DPO);
    assert_null(c.email.p);
    jwt_release(&jwt);
    make(&token, ES, CLAIMS, ec);
    assert_ok(judge(token.p, "api", &c, &jwt));
    jwt_release(&jwt);
    buf_release(&token);
    assert_int_equal(verdict("{\"alg\":\"RS256\"}", CLAIMS, rsa), RC_OK); /* one key of that kind: no choice */
}

static void wrong_algorithms_do_not(void **state)
{
    (void)state;
    assert_int_equal(verdict("{\"alg\":\"none\"}", CLAIMS, NULL), RC_UNAUTHENTICATED);
    assert_int_equal(verdict("{\"alg\":\"none\",\"kid\":\"r1\"}", CLAIMS, NULL), RC_UNAUTHENTICATED);
    assert_int_equal(verdict("{\"alg\":\"None\",\"kid\":\"r1\"}", CLAIMS, rsa), RC_UNAUTHENTICATED);
    assert_int_equal(verdict("{\"alg\":\"RS512\",\"kid\":\"r1\"}", CLAIMS, rsa), RC_UNAUTHENTICATED);
    assert_int_equal(verdict("{\"alg\":\"RS256\",\"kid\":\"e1\"}", CLAIMS, rsa), RC_UNAUTHENTICATED);
    assert_int_equal(verdict("{\"alg\":\"ES256\",\"kid\":\"r1\"}", CLAIMS, ec), RC_UNAUTHENTICATED);
    assert_int_equal(verdict("{\"kid\":\"r1\"}", CLAIMS, rsa), RC_UNAUTHENTICATED);
    assert_int_equal(verdict("{\"alg\":[\"RS256\"],\"kid\":\"r1\"}", CLAIMS, rsa), RC_UNAUTHENTICATED);
    assert_int_equal(
        verdict("{\"alg\":\"RS256\",\"kid\":\"r1\",\"crit\":[\"b64\"],\"b64\":false}", CLAIMS, rsa),
        RC_UNAUTHENTICATED);
}

/* HS256 with the public key as secret, in each form an attacker might have it. */
static void public_keys_are_no_secrets(void **state)
{
    (void)state;
    gnutls_pubkey_t pub;
    gnutls_datum_t forms[2], m, e;
    struct buf token = BUF_INIT(20000);
    struct jwt jwt;
    struct issuer_claims c;
    assert_int_equal(gnutls_pubkey_init(&pub), 0);
    assert_int_equal(gnutls_pubkey_import_privkey(pub, rsa, 0, 0), 0);
    assert_int_equal(gnutls_pubkey_export2(pub, GNUTLS_X509_FMT_PEM, &forms[0]), 0);
    assert_int_equal(gnutls_pubkey_export2(pub, GNUTLS_X509_FMT_DER, &forms[1]), 0);
    assert_int_equal(gnutls_privkey_export_rsa_raw(rsa, &m, &e, NULL, NULL, NULL, NULL, NULL, NULL), 0);
    const gnutls_datum_t secrets[] = {forms[0], forms[1], m};
    for (size_t i = 0; i < 3; i++) {
        uint8_t mac[32];
        make(&token, "{\"alg\":\"HS256\",\"kid\":\"r1\"}", CLAIMS, NULL);
        token.p[--token.n] = 0; /* the dot */
        assert_int_equal(
            gnutls_hmac_fast(GNUTLS_MAC_SHA256, secrets[i].data, secrets[i].size, token.p, token.n, mac), 0);
        buf_addc(&token, '.');
        add64(&token, mac, sizeof mac);
        assert_rc(judge(token.p, "api", &c, &jwt), RC_UNAUTHENTICATED);
        jwt_release(&jwt);
    }
    gnutls_free(forms[0].data);
    gnutls_free(forms[1].data);
    gnutls_free(m.data);
    gnutls_free(e.data);
    gnutls_pubkey_deinit(pub);
    buf_release(&token);
}

static void wrong_and_stale_keys_do_not(void **state)
{
    (void)state;
    struct buf set = BUF_INIT(10000);
    assert_int_equal(verdict(RS, CLAIMS, other_rsa), RC_UNAUTHENTICATED);
    assert_int_equal(verdict("{\"alg\":\"RS256\",\"kid\":\"new\"}", CLAIMS, other_rsa), RC_UNAUTHENTICATED);
    assert_false(atomic_load(&issuer.wanted)); /* asked a moment ago: not again for every token */
    issuer.tried_us -= 11000000;
    assert_int_equal(verdict("{\"alg\":\"RS256\",\"kid\":\"new\"}", CLAIMS, other_rsa), RC_BUSY);
    assert_true(atomic_load(&issuer.wanted) && ident.net_due);
    assert_int_equal(verdict("{\"alg\":\"HS256\",\"kid\":\"new\"}", CLAIMS, NULL), RC_UNAUTHENTICATED);
    buf_addz(&set, "{\"keys\":[");
    add_rsa_jwk(&set, other_rsa, "new");
    buf_addz(&set, "]}");
    take_keys(set.p);
    assert_int_equal(verdict("{\"alg\":\"RS256\",\"kid\":\"new\"}", CLAIMS, other_rsa), RC_OK);
    assert_int_equal(verdict(RS, CLAIMS, rsa), RC_UNAUTHENTICATED); /* withdrawn */
    issuer.fetched_us -= INT64_C(90000000000);
    assert_int_equal(verdict("{\"alg\":\"RS256\",\"kid\":\"new\"}", CLAIMS, other_rsa),
                     RC_BUSY); /* a day old */
    buf_release(&set);
}

static void wrong_claims_do_not(void **state)
{
    (void)state;
#define C(iss, aud, tid, exp, nbf, sub) \
    "{\"iss\":" iss ",\"aud\":" aud ",\"tid\":" tid ",\"exp\":" exp ",\"nbf\":" nbf ",\"sub\":" sub "}"
#define ISS "\"https://id.example\""
    static const struct {
        const char *claims;
        enum rc want;
    } cases[] = {{C(ISS, "[\"x\",\"api\"]", "\"tenant\"", "1800000300.5", "1799999990", "\"s\""), RC_OK},
                 {C(ISS, "\"api\"", "\"tenant\"", "1799999950", "1799999000", "\"s\""), RC_OK}, /* leeway */
                 {C("\"https://evil.example\"", "\"api\"", "\"tenant\"", "1800000300", "1", "\"s\""), 1},
                 {C(ISS, "\"web\"", "\"tenant\"", "1800000300", "1", "\"s\""), 1},
                 {C(ISS, "\"apix\"", "\"tenant\"", "1800000300", "1", "\"s\""), 1},
                 {C(ISS, "[]", "\"tenant\"", "1800000300", "1", "\"s\""), 1},
                 {C(ISS, "{\"api\":1}", "\"tenant\"", "1800000300", "1", "\"s\""), 1},
                 {C(ISS, "\"api\"", "\"another\"", "1800000300", "1", "\"s\""), 1},
                 {C(ISS, "\"api\"", "null", "1800000300", "1", "\"s\""), 1},
                 {C(ISS, "\"api\"", "\"tenant\"", "1799999900", "1", "\"s\""), 1},
                 {C(ISS, "\"api\"", "\"tenant\"", "\"1800000300\"", "1", "\"s\""), 1},
                 {C(ISS, "\"api\"", "\"tenant\"", "1800000300", "1800000200", "\"s\""), 1},
                 {C(ISS, "\"api\"", "\"tenant\"", "1800000300", "1", "\"\""), 1},
                 {C(ISS, "\"api\"", "\"tenant\"", "1800000300", "1", "7"), 1},
                 {"{\"iss\":" ISS ",\"aud\":\"api\",\"tid\":\"tenant\",\"sub\":\"s\"}", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum rc rc = verdict(RS, cases[i].claims, rsa);
        if (rc != (cases[i].want ? RC_UNAUTHENTICATED : RC_OK))
            fail_msg("%s: %s", cases[i].claims, rc_name(rc));
    }
}

static void altered_tokens_do_not(void **state)
{
    (void)state;
    struct buf token = BUF_INIT(20000);
    struct jwt jwt;
    struct issuer_claims c;
    for (int kind = 0; kind < 2; kind++) {
        make(&token, kind ? ES : RS, CLAIMS, kind ? ec : rsa);
        for (size_t i = 0; i < token.n; i += 3) {
            char was = token.p[i];
            token.p[i] = was == 'A' ? 'B' : 'A';
            enum rc rc = judge(token.p, "api", &c, &jwt);
            /* The last character of a part may carry bits that mean nothing: strict decoding refuses those. */
            assert_true(rc == RC_UNAUTHENTICATED || rc == RC_BUSY);
            jwt_release(&jwt);
            token.p[i] = was;
        }
        for (size_t cut = 1; cut < 40; cut++) {
            char was = token.p[token.n - cut];
            token.p[token.n - cut] = 0;
            assert_int_not_equal(judge(token.p, "api", &c, &jwt), RC_OK);
            jwt_release(&jwt);
            token.p[token.n - cut] = was;
        }
    }
    static const char *const bad[] = {"",         ".",           "..",         "...",  "a.b.c",
                                      "e30.e30.", "e30.e30.e30", "W10.W10.AA", " . . "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(jwt_parse(str_of(bad[i]), &jwt, &err), RC_UNAUTHENTICATED);
        jwt_release(&jwt);
    }
    buf_release(&token);
}

static void broken_key_sets(void **state)
{
    (void)state;
    struct issuer_key keys[ISSUER_MAX_KEYS];
    size_t n = 0;
    assert_rc(issuer_read_keys(STR("{}"), keys, &n, &err), RC_INVALID);
    assert_rc(issuer_read_keys(STR("[1]"), keys, &n, &err), RC_INVALID);
    assert_rc(issuer_read_keys(STR("{\"keys\":"), keys, &n, &err), RC_INVALID);
    /* weak or broken: passed over */
    assert_ok(issuer_read_keys(
        STR("{\"keys\":[7,{},{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":"
            "\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"},{\"kty\":\"EC\",\"crv\":\"P-384\"}]}"),
        keys, &n, &err));
    assert_int_equal(n, 0);
    /* 32 bytes each, and not on the curve */
    assert_ok(issuer_read_keys(STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                                   "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\",\"y\":"
                                   "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}"),
                               keys, &n, &err));
    assert_int_equal(n, 0);
}

static void settings_are_checked(void **state)
{
    char path[600];
    struct ident t = {0};
    snprintf(path, sizeof path, "%s/issuers.json", (const char *)*state);
    static const char *const bad[] = {
        "{}", "{\"issuers\":[{\"name\":\"a\"}]}",
        "{\"issuers\":[{\"name\":\"a\",\"issuer\":\"http://id.example\",\"audience\":\"x\"}]}",
        "{\"issuers\":[{\"name\":\"a\",\"issuer\":\"https://"
        "id.example\",\"audience\":\"x\",\"roles\":{\"X\":\"king\"}}]}",
        "{\"issuers\":[{\"name\":\"a\",\"issuer\":\"https://"
        "id.example\",\"audience\":\"x\",\"tennant\":\"y\"}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_ok(fs_write_atomic(path, bad[i], strlen(bad[i]), 0600, &err));
        assert_rc(issuers_load(&t, path, &err), RC_INVALID);
        issuers_destroy(&t);
    }
    static const char good[] =
        "{\"issuers\":[{\"name\":\"a\",\"issuer\":\"https://id.example\",\"audience\":\"x\","
        "\"roles\":{\"X\":\"dpo\"}}]}";
    assert_ok(fs_write_atomic(path, good, sizeof good - 1, 0600, &err));
    assert_ok(issuers_load(&t, path, &err));
    assert_non_null(issuer_named(&t, STR("a")));
    assert_string_equal(t.issuers[0].roles_claim, "roles");
    issuers_destroy(&t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(good_tokens_count),
        T(wrong_algorithms_do_not),
        T(public_keys_are_no_secrets),
        T(wrong_and_stale_keys_do_not),
        T(wrong_claims_do_not),
        T(altered_tokens_do_not),
        cmocka_unit_test(broken_key_sets),
        cmocka_unit_test(settings_are_checked),
    };
    int failed = cmocka_run_group_tests_name("ident_issuer", tests, temp_dir_make, temp_dir_remove);
    gnutls_privkey_deinit(rsa);
    gnutls_privkey_deinit(other_rsa);
    gnutls_privkey_deinit(ec);
    return failed;
}
