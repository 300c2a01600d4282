/*
 * What the files of this folder share.
 *
 *   ident.c          the module: start and stop, the two threads, export and erasure
 *   ident_schema.c   tables and settings
 *   account.c        accounts: made, found, changed, forgotten
 *   attempts.c       limits against guessing
 *   session.c        sign-in, refresh tokens, sign-out
 *   totp.c           the second factor
 *   link.c, mail.c   one-time links, and how they reach people
 *   api_key.c        keys of other servers
 *   jwt.c            JSON web tokens: reading any, making our own
 *   memory.c         what the socket's threads need, in memory (struct ident)
 *   authenticate.c   who asks: runs on the socket's threads
 *   issuer.c         OpenID providers: settings, discovery, keys, tokens
 *   ident_http.c     routes of persons; staff_http.c of staff; oidc_http.c of sign-in elsewhere
 *
 * Threading: two threads of its own. "ident" looks once a second whether another process ended sessions or changed keys,
 * and takes it into memory; "ident-net" alone talks to others (mail, OpenID providers), so that a slow one holds up
 * neither requests nor revocations. What both and the sockets' threads share is guarded by ident.lock.
 */
#ifndef IDENT_IDENT_INTERNAL_H
#define IDENT_IDENT_INTERNAL_H

#include "base/app.h"
#include "base/arena.h"
#include "base/audit.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/jout.h"
#include "base/module.h"
#include "crypt/crypt.h"
#include "crypt/password.h"
#include "http/http.h"
#include "ident/ident.h"
#include "metric/metric.h"
#include "store/store.h"
#include "vault/vault.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    IDENT_EMAIL_MAX = 254,
    IDENT_PASSWORD_MIN = 10,
    IDENT_PASSWORD_MAX = 256,
    IDENT_TOKEN_TEXT = 72,   /* of refresh tokens, links and API keys */
    IDENT_ACCESS_TEXT = 1024 /* of an access token */
};
#define IDENT_ALL_EPOCHS INT64_C(4000000000000)
enum {
    IDENT_STAFF_ROLES = HTTP_MERCHANDISER | HTTP_ANALYST | HTTP_DPO | HTTP_OPERATOR | HTTP_ADMIN,
    IDENT_ROLES = HTTP_SHOPPER | IDENT_STAFF_ROLES
};

/* ---- roles (ident.c) ---- */
void ident_write_roles(struct jout *out, unsigned roles); /* an array of names, without "anonymous" */
struct jval;
/* RC_INVALID names what is no role, or not among `allowed`. */
enum rc ident_read_roles(const struct jval *array, unsigned allowed, unsigned *roles, struct err *err) MUST_USE;

/* ---- small things (ident.c) ---- */
void ident_new_id(char out[static IDENT_ID_CHARS + 1]);
/* `prefix` and 32 random bytes as text, and the SHA-256 that is kept of it. */
void ident_new_token(const char *prefix, char out[static IDENT_TOKEN_TEXT],
                     uint8_t hash[static CRYPT_SHA256_BYTES]);
/* The names of what other processes must notice: "revoked", "keys", "subjects", "signing". */
enum rc ident_changed(struct store_tx *tx, const char *what, struct err *err) MUST_USE;
/* Appends to the access log, if one is open. A failure must fail what it describes. */
enum rc ident_audit(struct app *app, struct str who, unsigned roles, const char *what, struct str object,
                    const char *result, const char *request_id, struct err *err) MUST_USE;
extern struct metric ident_signins, ident_refused;

/* ---- account.c ---- */
enum ident_totp_state { IDENT_TOTP_NONE, IDENT_TOTP_PENDING, IDENT_TOTP_ON };
struct ident_account {
    char id[IDENT_ID_CHARS + 1];
    unsigned roles;
    bool of_age, confirmed;
    int64_t epoch, made_ms, seen_ms;
    enum ident_totp_state totp_state;
    char totp_used[VAULT_PSEUDONYM_CHARS + 1]; /* the last code's step, as a pseudonym: none is taken twice */
    char password[CRYPT_PASSWORD_TEXT];        /* the hash; "": none */
    struct buf email, totp_secret;             /* empty: none. Release with account_release() */
};
/* Lower case, checked: letters, digits and what mail servers take; RC_INVALID. */
enum rc account_email(struct str given, char out[static IDENT_EMAIL_MAX + 1], struct err *err) MUST_USE;
enum rc account_password_rules(struct str password, const char *email, struct err *err) MUST_USE;
/* RC_NOT_FOUND. `email` as account_email() gave it. Secrets are unsealed. */
enum rc account_load(struct app *app, struct str id, struct ident_account *out, struct err *err) MUST_USE;
enum rc account_load_by_email(struct app *app, const char *email, struct ident_account *out,
                              struct err *err) MUST_USE;
void account_release(struct ident_account *a); /* wipes */
/* Bounded: RC_BUSY when more hash at once than the setting allows. */
enum rc account_hash(struct app *app, struct str password, char out[static CRYPT_PASSWORD_TEXT],
                     struct err *err) MUST_USE;
/* `hash` NULL or "": takes the same time and is false. */
enum rc account_verify(struct app *app, const char *hash, struct str password, bool *right,
                       struct err *err) MUST_USE;
/* For sign-in elsewhere: no e-mail or password. `subject`: mac of issuer and subject. */
enum rc account_create_for(struct app *app, const char *subject, struct str email, unsigned roles, bool of_age,
                           char id[static IDENT_ID_CHARS + 1], struct err *err) MUST_USE;
enum rc account_by_subject(struct app *app, const char *subject, char id[static IDENT_ID_CHARS + 1],
                           struct err *err) MUST_USE;
enum rc account_set_email(struct app *app, struct str id, const char *email, struct err *err) MUST_USE;
/* Ends all sessions but `keep` (NULL: none kept) and all links. */
enum rc account_set_password(struct app *app, struct str id, const char *hash, const char *keep,
                             struct err *err) MUST_USE;
/* The same password, hashed anew. */
enum rc account_store_hash(struct app *app, struct str id, const char *hash, struct err *err) MUST_USE;
/* Access tokens made before are refused from here on. */
enum rc account_set_roles(struct app *app, struct str id, unsigned roles, struct err *err) MUST_USE;
enum rc account_confirm(struct app *app, struct str id, struct err *err) MUST_USE;
enum rc account_seen(struct store_tx *tx, struct str id, struct err *err) MUST_USE;
/* RC_OK when there is none. */
enum rc account_forget(struct app *app, struct str id, struct err *err) MUST_USE;
enum rc account_sweep(struct app *app, struct err *err) MUST_USE; /* keys of accounts never finished */

/* ---- attempts.c ---- */
struct attempt {
    const char *what; /* "sign-in", "reset" */
    struct str who;   /* what is counted: an e-mail, an account, a client's limit_key */
    int64_t most;     /* in a quarter of an hour; 0: no limit */
};
/* Counts one for each; RC_LIMIT when one of them is used up, with *retry_s. */
enum rc attempts_take(struct app *app, const struct attempt *a, size_t n, int *retry_s,
                      struct err *err) MUST_USE;
enum rc attempts_clear(struct app *app, const struct attempt *a, size_t n, struct err *err) MUST_USE;
enum rc attempts_clean(struct app *app, struct err *err) MUST_USE;

/* ---- session.c ---- */
struct ident_tokens {
    char access[IDENT_ACCESS_TEXT], refresh[IDENT_TOKEN_TEXT];
    int64_t access_s, refresh_s; /* how long they last */
    unsigned roles;
    char account[IDENT_ID_CHARS + 1];
    bool web; /* carried in cookies */
};
unsigned session_roles(const struct app *app, const struct ident_account *a);
enum rc session_start(struct app *app, const struct ident_account *a, bool web, struct ident_tokens *out,
                      struct err *err) MUST_USE;
/* RC_UNAUTHENTICATED; a token used before ends its whole family: *reused then, and out->account is set. */
enum rc session_refresh(struct app *app, struct str refresh, struct ident_tokens *out, bool *reused,
                        struct err *err) MUST_USE;
enum rc session_end(struct app *app, struct str session, struct err *err) MUST_USE;
enum rc session_end_by_refresh(struct app *app, struct str refresh, struct err *err) MUST_USE;
enum rc session_end_all(struct store_tx *tx, struct str account, const char *keep, struct err *err) MUST_USE;
enum rc session_count(struct app *app, struct str account, int64_t *n, struct err *err) MUST_USE;
enum rc session_clean(struct app *app, struct err *err) MUST_USE;

/* ---- totp.c ---- */
enum { TOTP_SECRET_BYTES = 20, TOTP_RECOVERY_CODES = 10, TOTP_RECOVERY_TEXT = 20 };
/* Draws a secret that waits for totp_confirm(); text in base32, 33 bytes. RC_CONFLICT when one is on. */
enum rc totp_begin(struct app *app, const struct ident_account *a, char base32[static 33],
                   struct err *err) MUST_USE;
/* RC_UNPROCESSABLE: not the right code. Gives the recovery codes, which are kept as hashes. */
enum rc totp_confirm(struct app *app, const struct ident_account *a, struct str code,
                     char recovery[static TOTP_RECOVERY_CODES][TOTP_RECOVERY_TEXT], struct err *err) MUST_USE;
/* A code of the app, or a recovery code, which is used up. */
enum rc totp_check(struct app *app, const struct ident_account *a, struct str code, bool *right,
                   struct err *err) MUST_USE;
enum rc totp_remove(struct app *app, struct str account, struct err *err) MUST_USE;

/* ---- link.c ---- */
/* The token of a link for `purpose` ("reset", "confirm"), good for an hour or two; older ones of that purpose end. */
enum rc link_make(struct app *app, struct str account, const char *purpose, char token[static IDENT_TOKEN_TEXT],
                  struct err *err) MUST_USE;
/* RC_NOT_FOUND: none, used, or too old. It cannot be used again. */
enum rc link_use(struct app *app, struct str token, const char *purpose,
                 char account[static IDENT_ID_CHARS + 1], struct err *err) MUST_USE;
enum rc link_url(const struct app *app, const char *purpose, const char *token, struct buf *out,
                 struct err *err) MUST_USE;
enum rc link_clean(struct app *app, struct err *err) MUST_USE;

/* ---- mail.c ---- */
enum mail_kind { MAIL_RESET, MAIL_CONFIRM, MAIL_EXISTS };
struct mail {
    struct mail *next;
    char account[IDENT_ID_CHARS + 1], to[IDENT_EMAIL_MAX + 1], lang[3], token[IDENT_TOKEN_TEXT];
    enum mail_kind kind;
    int tries;
    int64_t due_us;
};
/* Takes note of a mail to be sent by "ident-net"; more than are bearable are dropped, with a line in the log. */
void mail_post(struct app *app, enum mail_kind kind, const char *account, const char *to, const char *lang,
               const char *token);
/* Sends what is due. Called by ident-net. */
void mail_work(struct ident *t);
enum rc mail_write(const struct app *app, const struct mail *m, struct buf *out, struct err *err) MUST_USE;
enum rc mail_forget(const struct app *app, struct str account, struct err *err) MUST_USE; /* in the spool */
void mail_sweep(const struct app *app); /* drops spooled mails whose links have ended */

/* ---- jwt.c ---- */
enum { JWT_MAX_BYTES = 16384, JWT_MAX_SIGNATURE = 1024 };
struct jwt {
    struct str signed_part; /* what the signature is over; borrowed from the token */
    uint8_t signature[JWT_MAX_SIGNATURE];
    size_t signature_n;
    struct jval *header, *payload;
    struct str alg, kid; /* borrowed from header; kid may be absent */
};
/* Compact serialization (RFC 7515, 7.1), strictly: three parts of base64url, JSON objects, no `crit`, `alg` a text. Nothing
 * is verified. RC_UNAUTHENTICATED. Release also after a failure. */
enum rc jwt_parse(struct str token, struct jwt *out, struct err *err) MUST_USE;
void jwt_release(struct jwt *t);
/* exp (needed), nbf and iat against `now_ms`, `leeway_s` to either side. */
enum rc jwt_check_times(const struct jval *claims, int64_t now_ms, int64_t leeway_s, struct err *err) MUST_USE;
bool jwt_has_audience(const struct jval *claims, const char *audience);
/* header.payload.signature under HS256. */
void jwt_sign(const uint8_t key[static CRYPT_KEY_BYTES], const char *kid, struct str payload, struct buf *out);

/* ---- memory.c ---- */
enum { IDENT_MAX_SIGNING = 16 };
struct signing_key {
    char id[IDENT_ID_CHARS + 1];
    int64_t made_ms;
    uint8_t key[CRYPT_KEY_BYTES];
};
struct revoked {
    char session[IDENT_ID_CHARS + 1];
    int64_t least_epoch; /* tokens of an older epoch are refused */
};
struct api_key {
    uint8_t hash[CRYPT_SHA256_BYTES];
    char id[IDENT_ID_CHARS + 1];
    unsigned roles;
    char *operations; /* ",listProducts,search,"; "": all that the roles allow */
    int64_t ends_ms;  /* 0: never */
    int64_t used_ms;  /* the day, as the store knows it */
    _Atomic int64_t use_ms;
};
struct subject {
    char mac[VAULT_PSEUDONYM_CHARS + 1];
    char account[IDENT_ID_CHARS + 1];
    bool shopper;
};
struct ident {
    struct app *app;
    pthread_rwlock_t lock;       /* all below, up to refresh_lock */
    struct signing_key *signing; /* locked memory; IDENT_MAX_SIGNING of them, the newest first */
    size_t n_signing;
    struct revoked *revoked; /* sorted by session */
    size_t n_revoked;
    struct api_key *keys; /* sorted by hash */
    size_t n_keys;
    struct subject *subjects; /* sorted by mac */
    size_t n_subjects;
    struct issuer *issuers; /* the array is fixed; what changes in one is guarded by lock too */
    size_t n_issuers;
    pthread_mutex_t refresh_lock; /* one refresh at a time; and what follows */
    int64_t version;
    int64_t changes[4];
    pthread_mutex_t wake_lock; /* stop, mails, n_mails, net_due */
    pthread_cond_t wake;
    bool stop, net_due;
    struct mail *mails;
    size_t n_mails;
    pthread_t keeper, net;
    bool keeper_on, net_on;
};
enum rc memory_create(struct app *app, struct ident **out, struct err *err) MUST_USE;
void memory_destroy(struct ident *t);
/* Takes over what has changed in the store; cheap when nothing has. */
enum rc memory_refresh(struct ident *t, struct err *err) MUST_USE;
enum rc memory_rotate(struct ident *t, struct err *err) MUST_USE; /* a new signing key when the newest is old */
enum rc memory_flush(struct ident *t, struct err *err) MUST_USE;  /* days of use of API keys */
bool memory_signing(struct ident *t, struct signing_key *out);
bool memory_is_revoked(struct ident *t, struct str session, int64_t epoch);

/* Our own access tokens. */
struct ident_claims {
    char account[IDENT_ID_CHARS + 1], session[IDENT_ID_CHARS + 1];
    unsigned roles;
    int64_t epoch;
};
enum rc token_issue(struct ident *t, const struct ident_claims *c, int64_t lifetime_s,
                    char out[static IDENT_ACCESS_TEXT], struct err *err) MUST_USE;
enum rc token_check(struct ident *t, const struct jwt *jwt, struct ident_claims *out, struct err *err) MUST_USE;

/* ---- api_key.c ---- */
struct api_key_new {
    struct str name;
    unsigned roles;
    const struct jval *operations; /* array of operationIds, checked already; NULL: all */
    int64_t ends_ms;
};
enum rc api_key_create(struct app *app, const struct api_key_new *n, char id[static IDENT_ID_CHARS + 1],
                       char key[static IDENT_TOKEN_TEXT], struct err *err) MUST_USE;
enum rc api_key_list(struct app *app, struct jout *out, struct err *err) MUST_USE; /* values of an open array */
enum rc api_key_delete(struct app *app, struct str id, struct err *err) MUST_USE;  /* RC_NOT_FOUND */

/* ---- authenticate.c ---- */
enum rc ident_authenticate(struct http_request *rq, struct http_principal *out, struct err *err) MUST_USE;
struct str cookie_find(const struct http_request *rq, const char *name); /* STR_NONE */
/* RC_FORBIDDEN unless the browser says that our own page sends this (Sec-Fetch-Site, else Origin). */
enum rc same_origin(const struct http_request *rq, struct err *err) MUST_USE;
/* The session of this request's own access token, in cookie or header; "" when there is none. */
void ident_session_of(const struct http_request *rq, char out[static IDENT_ID_CHARS + 1]);
#define IDENT_COOKIE "__Host-penderie"
#define IDENT_REFRESH_COOKIE "__Host-penderie-refresh"
#define IDENT_STATE_COOKIE "__Host-penderie-oidc"

/* ---- issuer.c ---- */
enum { ISSUER_MAX_KEYS = 32, ISSUER_MAX_ROLES = 32 };
struct issuer {
    char *name, *label, *issuer, *audience, *client_id, *client_secret, *tenant, *roles_claim, *scope, *ca_file;
    struct issuer_role {
        char *claim;
        unsigned roles;
    } map[ISSUER_MAX_ROLES];
    size_t n_map;
    /* From here on: what discovery and the key set said. */
    char *authorization, *token, *jwks;
    struct issuer_key {
        char *kid; /* NULL: it has none */
        struct crypt_public_key *key;
    } keys[ISSUER_MAX_KEYS];
    size_t n_keys;
    int64_t fetched_us, tried_us; /* clock_mono_us(); 0: never */
    atomic_bool wanted;           /* a token named a key that is not there */
};
enum rc issuers_load(struct ident *t, const char *path, struct err *err) MUST_USE;
void issuers_destroy(struct ident *t);
void issuers_work(struct ident *t); /* fetches what is due; called by ident-net */
struct issuer *issuer_named(struct ident *t, struct str name);
/* The keys of a JWK set; those of other kinds are passed over. For tests and issuers_work(). */
enum rc issuer_read_keys(struct str json, struct issuer_key *keys, size_t *n, struct err *err) MUST_USE;
void issuer_free_keys(struct issuer_key *keys, size_t n);
struct issuer_claims {
    struct str subject;
    unsigned roles;
    struct str email; /* only if the issuer says that it is verified */
};
/* Signature, iss, aud, exp, nbf, tid, against memory alone. `audience`: issuer.audience, or client_id for ID tokens.
 * Claims are borrowed from jwt. RC_UNAUTHENTICATED; RC_BUSY while keys are being fetched. */
enum rc issuer_check(struct ident *t, struct issuer *i, const struct jwt *jwt, const char *audience,
                     struct issuer_claims *out, struct err *err) MUST_USE;
struct issuer *issuer_of(struct ident *t, const struct jwt *jwt); /* by the claim iss; NULL */
void issuer_subject_mac(struct app *app, const struct issuer *i, struct str subject,
                        char out[static VAULT_PSEUDONYM_CHARS + 1]);
/* POST of a form to the token endpoint; the answer is the provider's JSON. Waits: never on a socket's thread. */
enum rc issuer_exchange(struct ident *t, struct issuer *i, struct str form, struct buf *answer,
                        struct err *err) MUST_USE;
/* A setting's secret file, without white space around; RC_FORBIDDEN when others can read it. free() it. */
enum rc ident_read_secret(const char *path, char **out, struct err *err) MUST_USE;
void form_add(struct buf *b, const char *name, struct str value); /* application/x-www-form-urlencoded */

/* ---- routes ---- */
extern const struct http_route ident_routes[];
extern const struct http_schema ident_schemas[];
extern const struct config_key ident_config[];
extern const struct migration ident_migrations[];
extern const char *const ident_personal[];
extern const struct module_data ident_data[];
enum rc answer_session(struct http_response *rs, const struct ident_tokens *tokens, struct err *err) MUST_USE;
enum rc add_session_cookies(struct http_response *rs, const struct ident_tokens *tokens,
                            struct err *err) MUST_USE;
enum rc add_cookie(struct http_response *rs, const char *name, const char *value, int64_t seconds,
                   const char *same_site, struct err *err) MUST_USE;
#define HANDLER(name) enum rc name(struct http_request *rq, struct http_response *rs, struct err *err)
HANDLER(staff_list_keys);
HANDLER(staff_add_key);
HANDLER(staff_delete_key);
HANDLER(staff_get_roles);
HANDLER(staff_put_roles);
HANDLER(oidc_list);
HANDLER(oidc_start);
HANDLER(oidc_callback);
#endif
