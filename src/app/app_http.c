/* The program's own module: its settings, and whether it can answer (GET /readyz). */
#include "app/app.h"

#include "base/module.h"
#include "http/http.h"
#include "infer/infer.h"
#include "store/store.h"

/* One line of the answer; false when the part is missing or does not answer. */
static bool check(struct jout *out, const char *name, bool fine)
{
    jout_kz(out, name, fine ? "ok" : "failed");
    return fine;
}

static bool store_answers(struct store *s)
{
    int64_t version;
    return s && store_version(s, &version, NULL) == RC_OK;
}

static enum rc readyz(struct http_request *rq, struct http_response *rs, struct err *err)
{
    (void)err;
    const struct app *app = rq->app;
    jout_object(&rs->json);
    jout_key(&rs->json, "checks");
    jout_object(&rs->json);
    bool fine = check(&rs->json, "catalog", store_answers(app->catalog));
    fine = check(&rs->json, "ops", store_answers(app->ops)) && fine;
    fine = check(&rs->json, "blobs", app->blobs != NULL) && fine;
    fine = check(&rs->json, "model", app->model != NULL) && fine;
    fine = check(&rs->json, "snapshot", app->rank != NULL) && fine;
    jout_end(&rs->json);
    jout_kbool(&rs->json, "ready", fine);
    if (app->model) jout_kz(&rs->json, "model", infer_version(app->model));
    jout_end(&rs->json);
    if (!fine) rs->status = 503;
    return RC_OK;
}

static const struct http_route routes[] = {
    {.path = "/readyz",
     .method = "GET",
     .operation = "getReadiness",
     .tag = "service",
     .summary = "Whether requests can be answered: stores, pictures, model and product snapshot.",
     .handler = readyz,
     .roles = HTTP_ANYONE,
     .flags = HTTP_NO_LIMIT,
     .answer_schema = "Readiness"},
    {0}};

static const struct http_schema schemas[] = {
    {"Readiness", "{\"type\":\"object\",\"required\":[\"ready\",\"checks\"],\"properties\":{"
                  "\"ready\":{\"type\":\"boolean\"},"
                  "\"model\":{\"type\":\"string\",\"description\":\"Name and version of the model in use.\"},"
                  "\"checks\":{\"type\":\"object\",\"additionalProperties\":{\"enum\":[\"ok\",\"failed\"]}}}}"},
    {0}};

const struct module app_module = {.name = "app", .config = app_config, .routes = routes, .schemas = schemas};
