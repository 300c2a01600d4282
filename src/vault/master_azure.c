/*
 * The master key in Azure Key Vault: an RSA key that never leaves it. What is wrapped (RSA-OAEP-256, wrapKey)
 * is the key and, as OAEP's label cannot be given, the SHA-256 of what it is for; unwrapKey opens it again. The
 * reference is the key's own identifier with its version, so that a new version in Azure disturbs nothing
 * before the next rotation here.
 */
#include "vault/master.h"

#include "vault/azure.h"

#include "base/jout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOAD_BYTES = CRYPT_KEY_BYTES + CRYPT_SHA256_BYTES, BODY_BYTES = 4096, NAME_CHARS = 127 };

struct azure_master {
    const struct config *config;
    struct azure *azure;
    uint8_t *payload; /* PAYLOAD_BYTES + 1 of locked memory */
    char *text;       /* BODY_BYTES of it: bodies of requests, and the unwrapped key's base64 */
};

static void destroy(void *self)
{
    struct azure_master *m = self;
    azure_close(m->azure);
    crypt_secret_free(m->payload);
    crypt_secret_free(m->text);
    free(m);
}

static bool plain_name(const char *s)
{
    size_t n = strlen(s);
    return n && n <= NAME_CHARS &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == n;
}

static enum rc create(const char *vault_dir, const struct config *config, void **self, struct err *err)
{
    const char *version = config_string(config, "vault_azure_key_version");
    (void)vault_dir;
    struct azure_master *m = calloc(1, sizeof *m);
    if (!m) return err_set(err, RC_NOMEM, "out of memory");
    m->config = config;
    m->payload = crypt_secret_alloc(PAYLOAD_BYTES + 1);
    m->text = crypt_secret_alloc(BODY_BYTES);
    enum rc rc = m->payload && m->text ? azure_open(config, &m->azure, err)
                                       : err_set(err, RC_NOMEM, "out of (lockable) memory for keys");
    if (!rc && (!plain_name(config_string(config, "vault_azure_key")) || (*version && !plain_name(version))))
        rc = err_set(err, RC_INVALID, "vault_azure_key: letters, digits and '-' only");
    if (rc)
        destroy(m);
    else
        *self = m;
    return rc;
}

/* The path of a key's identifier, which must be one of the vault that the settings name: the database must not
 * be able to send a token elsewhere. */
static enum rc path_of(const struct azure_master *m, const char *kid, char *out, size_t cap, struct err *err)
{
    size_t n = strlen(azure_url(m->azure));
    struct str rest = str_of(kid + (strlen(kid) < n ? 0 : n));
    char name[NAME_CHARS + 1] = "", version[NAME_CHARS + 1] = "";
    bool fine = str_ieq((struct str){kid, strlen(kid) < n ? 0 : n}, str_of(azure_url(m->azure))) &&
                str_starts(rest, STR("/keys/"));
    if (fine) {
        rest = str_sub(rest, 6, rest.n);
        struct str first = str_split(&rest, '/');
        snprintf(name, sizeof name, "%.*s", STR_ARG(first));
        snprintf(version, sizeof version, "%.*s", STR_ARG(rest));
        fine = first.n <= NAME_CHARS && rest.n <= NAME_CHARS && plain_name(name) && plain_name(version);
    }
    if (!fine)
        return err_set(err, RC_FORBIDDEN,
                       "the vault's keys are wrapped by the Azure key %.200s, which is not in %s", kid,
                       azure_url(m->azure));
    snprintf(out, cap, "/keys/%s/%s", name, version);
    return RC_OK;
}

/* The identifier of the version to wrap with: the one that is set, or the newest. */
static enum rc newest(struct azure_master *m, char kid[static MASTER_REFERENCE_BYTES], struct err *err)
{
    char path[2 * NAME_CHARS + 16];
    struct jval *answer = NULL;
    const char *version = config_string(m->config, "vault_azure_key_version");
    snprintf(path, sizeof path, "/keys/%s%s%s", config_string(m->config, "vault_azure_key"),
             *version ? "/" : "", version);
    enum rc rc = azure_call(m->azure, path, STR_NONE, &answer, err);
    if (rc) return rc;
    struct str found = jval_str(jval_get(jval_get(answer, "key"), "kid"));
    struct str type = jval_str(jval_get(jval_get(answer, "key"), "kty"));
    if (!str_eqz(type, "RSA") && !str_eqz(type, "RSA-HSM"))
        rc = err_set(err, RC_INVALID, "the Azure key %s is not an RSA key",
                     config_string(m->config, "vault_azure_key"));
    else if (!found.n || found.n >= MASTER_REFERENCE_BYTES)
        rc = err_set(err, RC_IO, "Azure Key Vault did not say which version of the key it has");
    else
        snprintf(kid, MASTER_REFERENCE_BYTES, "%.*s", STR_ARG(found));
    jval_destroy(answer);
    return rc;
}

/* POST {"alg","value"} to the key's `operation`; the answer's value goes, decoded, to `out`. */
static enum rc operate(struct azure_master *m, const char *kid, const char *operation, const uint8_t *in,
                       size_t n, uint8_t *out, size_t cap, size_t *out_n, struct err *err)
{
    char path[2 * NAME_CHARS + 32];
    struct jval *answer = NULL;
    enum rc rc = path_of(m, kid, path, sizeof path, err);
    if (rc) return rc;
    ASSERT(n * 2 + 64 < BODY_BYTES);
    size_t at = strlen(path),
           body = (size_t)snprintf(m->text, BODY_BYTES, "{\"alg\":\"RSA-OAEP-256\",\"value\":\"");
    snprintf(path + at, sizeof path - at, "/%s", operation);
    crypt_base64url(in, n, m->text + body);
    body = strlen(m->text);
    body += (size_t)snprintf(m->text + body, BODY_BYTES - body, "\"}");
    rc = azure_call(m->azure, path, (struct str){m->text, body}, &answer, err);
    crypt_wipe(m->text, BODY_BYTES);
    if (rc) return rc;
    struct str value = jval_str(jval_get(answer, "value"));
    if (!value.n || !crypt_base64url_decode(value, out, cap, out_n))
        rc = err_set(err, RC_IO, "Azure Key Vault gave a value that is no base64url, or too long");
    if (value.n) crypt_wipe((char *)value.p, value.n);
    jval_destroy(answer);
    return rc;
}

static enum rc wrap(void *self, bool fresh, const char *what, const uint8_t key[static CRYPT_KEY_BYTES],
                    struct master_wrapped *out, struct err *err)
{
    struct azure_master *m = self;
    (void)fresh; /* a new version is made in Azure, by its rotation policy; the newest is taken either way */
    enum rc rc = newest(m, out->reference, err);
    if (rc) return rc;
    memcpy(m->payload, key, CRYPT_KEY_BYTES);
    crypt_sha256(str_of(what), m->payload + CRYPT_KEY_BYTES);
    rc = operate(m, out->reference, "wrapkey", m->payload, PAYLOAD_BYTES, out->bytes, sizeof out->bytes,
                 &out->n, err);
    crypt_wipe(m->payload, PAYLOAD_BYTES);
    return rc;
}

static enum rc unwrap(void *self, const char *what, const struct master_wrapped *wrapped,
                      uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    struct azure_master *m = self;
    uint8_t expected[CRYPT_SHA256_BYTES];
    size_t n = 0;
    enum rc rc = operate(m, wrapped->reference, "unwrapkey", wrapped->bytes, wrapped->n, m->payload,
                         PAYLOAD_BYTES + 1, &n, err);
    crypt_sha256(str_of(what), expected);
    if (!rc && (n != PAYLOAD_BYTES || !crypt_equal(expected, m->payload + CRYPT_KEY_BYTES, sizeof expected)))
        rc = err_set(err, RC_CORRUPT, "what Azure Key Vault unwrapped is not a key of this vault");
    if (!rc) memcpy(key, m->payload, CRYPT_KEY_BYTES);
    crypt_wipe(m->payload, PAYLOAD_BYTES);
    return rc;
}

const struct master_ops master_azure = {
    .name = "azure",
    .create = create,
    .destroy = destroy,
    .wrap = wrap,
    .unwrap = unwrap,
};
