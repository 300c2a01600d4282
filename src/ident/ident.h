/*
 * Who people are: accounts, sessions, roles, API keys, other issuers (OpenID Connect). In the store "identity":
 * e-mail sealed with the person's key and found by its MAC, password as argon2id; nothing else about the person.
 *
 * An account id is 16 random bytes as 22 characters of base64url. It is the `id` of a signed-in principal and the
 * `person` of the vault; it stands in identity alone, and neither in logs nor in answers to others.
 */
#ifndef IDENT_IDENT_H
#define IDENT_IDENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/jout.h"
#include "base/str.h"
#include "http/http.h"

enum { IDENT_ID_CHARS = 22 };

extern const struct module ident_module; /* its start() sets app->authenticate */

/* What a test, a command or another module may need without HTTP. */
struct ident_new {
    struct str email, password; /* password NULL: only sign-in by an issuer or a link */
    unsigned roles;             /* of enum http_role, HTTP_SHOPPER for shoppers */
    bool of_age;                /* the person confirmed it; false is refused for shoppers */
    bool unconfirmed;           /* sign-in only after the mailed link was followed */
};
/* RC_CONFLICT: the e-mail has an account. RC_INVALID, RC_UNPROCESSABLE: what may be said to the person. */
enum rc ident_create(struct app *app, const struct ident_new *n, char id[static IDENT_ID_CHARS + 1],
                     struct err *err) MUST_USE;
/* RC_NOT_FOUND. */
enum rc ident_find(struct app *app, struct str email, char id[static IDENT_ID_CHARS + 1],
                   struct err *err) MUST_USE;
/* Calls fn for each account not seen since `before_ms` (dates are kept by the day). fn may erase it. */
enum rc ident_inactive(struct app *app, int64_t before_ms,
                       enum rc (*fn)(void *ctx, struct str id, struct err *err), void *ctx,
                       struct err *err) MUST_USE;

/* For `penderie user`. Commands act for the house. */
enum rc ident_set_roles(struct app *app, struct str id, unsigned roles, struct err *err) MUST_USE;
/* A one-time link to choose a password, good for an hour or two: for the operator to hand over. Appended. */
enum rc ident_reset_link(struct app *app, struct str id, struct buf *out, struct err *err) MUST_USE;
/* One object: id, roles, days; the e-mail only when asked for. RC_NOT_FOUND. */
enum rc ident_describe(struct app *app, struct str id, bool email, struct jout *out, struct err *err) MUST_USE;
enum rc ident_count(struct app *app, int64_t *accounts, struct err *err) MUST_USE;
/* "shopper", "merchandiser", "analyst", "dpo", "operator", "admin", "anonymous"; NULL for anything but one bit of them. */
const char *ident_role_name(unsigned role);
bool ident_role_parse(struct str name, unsigned *role); /* "anonymous" is no role that can be given */
#endif
