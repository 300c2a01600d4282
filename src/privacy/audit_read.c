/* Verifying and exporting the access log. */
#include "privacy/privacy_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS "n, at_ms, who, roles, what, object, result, request_id, mac"

static void take_line(const struct store_rows *rows, struct audit_line *l)
{
    *l = (struct audit_line){.n = store_i64(rows, 0),
                             .at_ms = store_i64(rows, 1),
                             .who = store_text(rows, 2),
                             .roles = store_i64(rows, 3),
                             .what = store_text(rows, 4),
                             .object = store_text(rows, 5),
                             .result = store_text(rows, 6),
                             .request_id = store_text(rows, 7),
                             .mac = store_text(rows, 8)};
}

static void blame(struct audit_verdict *v, int64_t n, const char *why)
{
    if (v->bad) return;
    v->bad = n;
    snprintf(v->why, sizeof v->why, "line %lld %s", (long long)n, why);
}

/* Each line must follow from the one before it; and at the number of a noted head stand what the head says. */
static enum rc follow(struct app *app, struct store_tx *tx, const struct audit_head *heads, size_t n_heads,
                      struct audit_head *at, struct audit_verdict *v, struct err *err)
{
    struct store_rows *rows = NULL;
    struct audit_line l;
    bool more = false;
    enum rc rc = store_query(tx, "SELECT " COLUMNS " FROM privacy_audit ORDER BY n", STORE_NO_ARGS, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        char want[VAULT_PSEUDONYM_CHARS + 1];
        take_line(rows, &l);
        if (!v->lines++) v->first = l.n;
        v->last = l.n;
        if (l.n != at->n + 1) blame(v, at->n + 1, "is missing");
        audit_mac(app, str_of(at->mac), &l, want);
        if (!str_eqz(l.mac, want)) blame(v, l.n, "was altered, or does not follow from the one before it");
        for (size_t i = 0; i < n_heads; i++)
            if (heads[i].n == l.n && !str_eqz(l.mac, heads[i].mac))
                blame(v, l.n, "is not the one that the head names");
        at->n = l.n;
        snprintf(at->mac, sizeof at->mac, "%.*s", STR_ARG(str_sub(l.mac, 0, VAULT_PSEUDONYM_CHARS)));
        if (v->bad) break; /* what comes after the first bad line says nothing more */
    }
    store_rows_close(rows);
    return rc;
}

static enum rc parse_head(const char *text, struct audit_head *out, struct err *err)
{
    struct str mac = str_of(text), n = str_split(&mac, ':');
    if (!str_to_i64(n, &out->n) || out->n < 1 || mac.n != VAULT_PSEUDONYM_CHARS)
        return err_set(err, RC_INVALID, "a head looks like 1234:0123456789abcdef0123456789abcdef");
    memcpy(out->mac, mac.p, mac.n);
    return RC_OK;
}

enum rc audit_verify(struct app *app, const char *head, struct audit_verdict *out, struct err *err)
{
    struct store_tx *tx = NULL;
    struct audit_head heads[2] = {0}, at = {0};
    *out = (struct audit_verdict){0};
    enum rc rc = head ? parse_head(head, &heads[1], err) : RC_OK;
    /* The head first: lines that are written meanwhile make the log longer than it says, which is fine. */
    if (!rc) rc = audit_head_read(app, &heads[0], err);
    if (!rc) rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = audit_anchor(app, tx, &at.n, at.mac, err);
    int64_t trimmed = at.n;
    if (rc == RC_CORRUPT) {
        blame(out, 1, "and all that retention removed: the anchor was altered");
        rc = RC_OK;
    }
    if (!rc && !out->bad) rc = follow(app, tx, heads, 2, &at, out, err);
    store_rollback(tx);
    if (rc) return rc;
    for (int i = 0; i < 2; i++)
        if (heads[i].n > at.n) blame(out, at.n + 1, "and all after it are missing: the end was cut off");
    if (at.n && !heads[0].n)
        blame(out, at.n, "is the last, but the head beside the vault is missing or altered");
    if (heads[1].n && heads[1].n <= trimmed && !out->why[0])
        snprintf(out->why, sizeof out->why, "the head given is older than what retention keeps");
    snprintf(out->head, sizeof out->head, "%lld:%s", (long long)at.n, at.mac);
    return RC_OK;
}

static const struct {
    unsigned bit;
    const char *name;
} role_names[] = {{HTTP_ANONYMOUS, "anonymous"}, {HTTP_SHOPPER, "shopper"}, {HTTP_MERCHANDISER, "merchandiser"},
                  {HTTP_ANALYST, "analyst"},     {HTTP_DPO, "dpo"},         {HTTP_OPERATOR, "operator"},
                  {HTTP_ADMIN, "admin"}};

static void write_line(const struct audit_line *l, struct jout *j)
{
    char at[25];
    clock_rfc3339(l->at_ms, at);
    jout_object(j);
    jout_ki64(j, "n", l->n);
    jout_kz(j, "at", at);
    jout_kstr(j, "who", l->who);
    jout_key(j, "roles");
    jout_array(j);
    for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
        if ((unsigned)l->roles & role_names[i].bit) jout_z(j, role_names[i].name);
    jout_end(j);
    jout_kstr(j, "what", l->what);
    jout_kstr(j, "object", l->object);
    jout_kstr(j, "result", l->result);
    jout_kstr(j, "request_id", l->request_id);
    jout_kstr(j, "mac", l->mac);
    jout_end(j);
}

enum rc audit_export(struct app *app, int64_t from, int64_t most, struct buf *out, int64_t *next,
                     struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct audit_line l;
    bool more = false;
    int64_t n = 0;
    *next = 0;
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx, "SELECT " COLUMNS " FROM privacy_audit WHERE n >= ?1 ORDER BY n LIMIT ?2",
                         STORE_ARGS(STORE_I(from), STORE_I(most + 1)), &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        take_line(rows, &l);
        if (n++ == most) {
            *next = l.n;
            break;
        }
        struct jout j = JOUT_INIT(out);
        write_line(&l, &j);
        buf_addc(out, '\n');
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc ? rc : buf_check(out, "the access log", err);
}
