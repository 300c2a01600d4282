/* Routes of administrators: roles of accounts, keys of other servers. */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/module.h"

#include <string.h>

enum { KEY_ROLES = HTTP_MERCHANDISER | HTTP_ANALYST | HTTP_DPO | HTTP_OPERATOR };

static enum rc audit(const struct http_request *rq, const char *what, struct str object, struct err *err)
{
    return ident_audit(rq->app, rq->principal.id, rq->principal.roles, what, object, "ok", rq->id, err);
}

static bool operation_exists(const struct app *app, struct str name)
{
    for (size_t m = 0; app->modules[m]; m++)
        for (const struct http_route *r = app->modules[m]->routes; r && r->path; r++)
            if (str_eqz(name, r->operation)) return true;
    return false;
}

HANDLER(staff_list_keys)
{
    jout_object(&rs->json);
    jout_key(&rs->json, "items");
    jout_array(&rs->json);
    enum rc rc = api_key_list(rq->app, &rs->json, err);
    jout_end(&rs->json);
    jout_end(&rs->json);
    return rc;
}

HANDLER(staff_add_key)
{
    char id[IDENT_ID_CHARS + 1], key[IDENT_TOKEN_TEXT];
    struct api_key_new n = {.name = jval_str(jval_get(rq->json, "name")),
                            .operations = jval_get(rq->json, "operations")};
    int64_t days;
    if (jval_i64(jval_get(rq->json, "days"), &days)) n.ends_ms = clock_today_ms() + (days + 1) * CLOCK_DAY_MS;
    for (size_t i = 0; i < jval_len(n.operations); i++)
        if (!operation_exists(rq->app, jval_str(jval_at(n.operations, i))))
            return err_set(err, RC_UNPROCESSABLE, "operations: number %zu is none of this API", i + 1);
    enum rc rc = ident_read_roles(jval_get(rq->json, "roles"), KEY_ROLES, &n.roles, err);
    if (!rc) rc = api_key_create(rq->app, &n, id, key, err);
    if (!rc) rc = audit(rq, "api-key.create", str_of(id), err);
    if (!rc) {
        jout_object(&rs->json);
        jout_kz(&rs->json, "id", id);
        jout_kz(&rs->json, "key", key);
        jout_end(&rs->json);
    }
    crypt_wipe(key, sizeof key);
    return rc;
}

HANDLER(staff_delete_key)
{
    (void)rs;
    enum rc rc = api_key_delete(rq->app, http_param(rq, "id"), err);
    return rc ? rc : audit(rq, "api-key.revoke", http_param(rq, "id"), err);
}

static enum rc answer_roles(const struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct ident_account a;
    enum rc rc = account_load(rq->app, http_param(rq, "id"), &a, err);
    if (rc) return rc;
    jout_object(&rs->json);
    jout_key(&rs->json, "roles");
    ident_write_roles(&rs->json, a.roles);
    jout_end(&rs->json);
    account_release(&a);
    return RC_OK;
}

HANDLER(staff_get_roles)
{
    enum rc rc = audit(rq, "roles.read", http_param(rq, "id"), err);
    return rc ? rc : answer_roles(rq, rs, err);
}

HANDLER(staff_put_roles)
{
    struct str id = http_param(rq, "id");
    unsigned roles;
    enum rc rc = ident_read_roles(jval_get(rq->json, "roles"), IDENT_ROLES, &roles, err);
    if (!rc && str_eq(id, rq->principal.id) && !(roles & HTTP_ADMIN))
        rc = err_set(err, RC_CONFLICT, "nobody takes away their own role as administrator");
    if (!rc) rc = account_set_roles(rq->app, id, roles, err);
    if (!rc) rc = memory_refresh(rq->app->ident, err);
    if (!rc) rc = audit(rq, "roles.change", id, err);
    return rc ? rc : answer_roles(rq, rs, err);
}
