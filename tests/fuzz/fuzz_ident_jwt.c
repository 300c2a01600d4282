/* Any token: read without harm, and none counts; any set of keys. The first byte says which. */
#include "base/clock.h"
#include "crypt/sign.h"
#include "ident/ident_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct ident ident;
static struct issuer issuer;

static const char keys[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":"
                           "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                           "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"; /* RFC 7515, A.3 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (crypt_startup(NULL)) abort();
    pthread_rwlock_init(&ident.lock, NULL);
    pthread_mutex_init(&ident.wake_lock, NULL);
    pthread_cond_init(&ident.wake, NULL);
    issuer =
        (struct issuer){.name = "f", .issuer = "joe", .audience = "a", .tenant = "", .roles_claim = "roles"};
    if (issuer_read_keys(str_of(keys), issuer.keys, &issuer.n_keys, NULL) || issuer.n_keys != 1) abort();
    issuer.fetched_us = issuer.tried_us = clock_mono_us();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!n) return 0;
    char *exact = malloc(n); /* without a NUL behind it: an overrun is seen */
    if (!exact) return 0;
    memcpy(exact, data + 1, n - 1);
    char *text = realloc(exact, n - 1 ? n - 1 : 1);
    struct str s = {text, n - 1};
    if (data[0] & 1) {
        struct issuer_key got[ISSUER_MAX_KEYS];
        size_t count = 0;
        if (!issuer_read_keys(s, got, &count, NULL)) issuer_free_keys(got, count);
    } else {
        struct jwt jwt;
        struct issuer_claims claims;
        struct ident_claims own;
        struct err err;
        if (!jwt_parse(s, &jwt, &err)) {
            if (!token_check(&ident, &jwt, &own, &err)) abort(); /* there is no key of ours */
            /* The key is a published one: a token under it may be known to the corpus, but not for this audience. */
            if (!issuer_check(&ident, &issuer, &jwt, issuer.audience, &claims, &err)) abort();
        }
        jwt_release(&jwt);
    }
    free(text);
    return 0;
}
