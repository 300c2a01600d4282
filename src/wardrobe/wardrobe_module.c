/* The module: settings, tables, and what the rights of persons ask of it. */
#include "wardrobe/wardrobe_internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/module.h"
#include "base/queue.h"
#include "infer/faces.h"
#include "metric/metric.h"
#include "privacy/consent.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

static struct metric operations =
    METRIC_COUNTER("penderie_wardrobe_total", "What people did with their wardrobes.", "operation");
static struct metric *const metrics[] = {&operations, NULL};

void wardrobe_note(const char *operation) { metric_add(&operations, operation, 1); }

static const struct config_key config[] = {
    {"wardrobe_max_photos", CONFIG_INT, "500", 1, 100000, "How many photos one person may keep."},
    {"faces_dir", CONFIG_STRING, "", 0, 0,
     "The folder of the face detector's files. Empty: where the build or the installation put them."},
    {"wardrobe_without_faces", CONFIG_BOOL, "no", 0, 0,
     "Whether photos are kept where the face detector is not installed. Faces then stay recognisable; refused "
     "unless this "
     "is set."},
    {0}};

static const struct migration migrations[] = {
    {"wardrobe", 1,
     "CREATE TABLE wardrobe_photo (id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL, day_ms INTEGER NOT NULL,"
     " blob TEXT NOT NULL, blob_tryon TEXT, record BLOB NOT NULL) /* no row order */;"
     "CREATE INDEX wardrobe_photo_person ON wardrobe_photo (person);"
     "CREATE TABLE wardrobe_preferences (person TEXT PRIMARY KEY NOT NULL, record BLOB NOT NULL) /* no row "
     "order */;"
     "CREATE TABLE wardrobe_blob (name TEXT PRIMARY KEY NOT NULL, owner TEXT NOT NULL, day_ms INTEGER NOT NULL)"
     " /* no row order */;"},
    {"activity", 2,
     "CREATE TABLE activity_event (id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL, hour_ms INTEGER NOT "
     "NULL,"
     " kind TEXT NOT NULL, product BLOB NOT NULL) /* no row order */;"
     "CREATE INDEX activity_event_person ON activity_event (person);"
     "CREATE INDEX activity_event_hour ON activity_event (hour_ms);"
     "CREATE TABLE activity_total (day_ms INTEGER NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL,"
     " PRIMARY KEY (day_ms, kind));"},
    {0}};

static const char *const personal_tables[] = {"wardrobe.wardrobe_photo", "wardrobe.wardrobe_preferences",
                                              "activity.activity_event", NULL};

static const struct module_data data[] = {
    {"wardrobe.wardrobe_photo",
     "A photo of clothes and what was read from it: pieces, labels, corrections, embeddings; the day it came. "
     "The photo has "
     "no metadata and no recognisable face, save where the person keeps it so for try-on",
     "Photo and record sealed with the person's key; the person as a pseudonym of this store; names of files "
     "random",
     "Recommendation (and try-on, where chosen); consent, article 6(1)(a)",
     "Until deleted or consent is withdrawn, until erasure, or until the person has been away for the period "
     "set"},
    {"wardrobe.wardrobe_preferences",
     "Styles liked, colours avoided, sizes, genders, budget, as the person said them",
     "Sealed with the person's key; the person as a pseudonym of this store",
     "Recommendation; at the person's request, article 6(1)(b)", "Until changed, or erasure"},
    {"activity.activity_event", "Which products the person looked at, liked, dismissed or bought, by the hour",
     "The product sealed with the person's key; the person as a pseudonym of this store, another than in the "
     "others",
     "Recommendation; legitimate interest, article 6(1)(f), with the right to object",
     "privacy_activity_months, then only numbers by day; or erasure"},
    {0}};

/* ---- the rights of persons ---- */

static enum rc export_user(struct app *app, const char *user, struct jout *out, struct err *err)
{
    struct arena arena = ARENA_INIT(64 << 20);
    struct wardrobe_photo *photos = NULL;
    struct activity_event *events = NULL;
    struct buf wishes = BUF_INIT(WARDROBE_RECORD_BYTES);
    size_t n = 0;
    enum rc rc = wardrobe_all(app, str_of(user), &arena, &photos, &n, err);
    if (!rc) rc = wardrobe_preferences(app, str_of(user), &wishes, err);
    if (!rc) {
        jout_key(out, "photos");
        jout_array(out);
        for (size_t i = 0; i < n; i++)
            wardrobe_photo_write(&photos[i], true, out);
        jout_end(out);
        jout_key(out, "preferences");
        jout_raw(out, buf_str(&wishes));
        rc = activity_all(app, str_of(user), &arena, &events, &n, err);
    }
    if (!rc) {
        jout_key(out, "activity");
        jout_array(out);
        for (size_t i = 0; i < n; i++) {
            char hour[25];
            clock_rfc3339(events[i].hour_ms, hour);
            jout_object(out);
            jout_kz(out, "hour", hour);
            jout_kz(out, "kind", activity_kinds[events[i].kind]);
            jout_kstr(out, "product", events[i].product);
            jout_end(out);
        }
        jout_end(out);
    }
    buf_release(&wishes);
    arena_release(&arena);
    return rc;
}

static enum rc give_one(struct app *app, struct str user, const struct wardrobe_photo *photo, bool tryon,
                        module_give_file give, void *ctx, struct err *err)
{
    char name[64];
    struct buf jpeg = BUF_INIT(WARDROBE_MAX_PHOTO_BYTES);
    snprintf(name, sizeof name, "photos/%.*s%s.jpg", STR_ARG(photo->id), tryon ? "-tryon" : "");
    enum rc rc = wardrobe_image(app, user, photo, tryon, &jpeg, err);
    if (!rc) rc = give(ctx, str_of(name), buf_str(&jpeg), err);
    buf_release(&jpeg);
    return rc;
}

static enum rc export_files(struct app *app, const char *user, module_give_file give, void *ctx,
                            struct err *err)
{
    struct arena arena = ARENA_INIT(64 << 20);
    struct wardrobe_photo *photos = NULL;
    size_t n = 0;
    enum rc rc = wardrobe_all(app, str_of(user), &arena, &photos, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        rc = give_one(app, str_of(user), &photos[i], false, give, ctx, err);
        if (!rc && photos[i].tryon) rc = give_one(app, str_of(user), &photos[i], true, give, ctx, err);
    }
    arena_release(&arena);
    return rc;
}

static enum rc erase_user(struct app *app, const char *user, struct err *err)
{
    enum rc rc = wardrobe_remove(app, str_of(user), STR_NONE, err);
    if (!rc) rc = wardrobe_forget_preferences(app, str_of(user), err);
    return rc ? rc : activity_forget(app, str_of(user), err);
}

/* Recommendation carries everything: a photo that may not be used for it is not kept at all. What improves the model reads
 * no photo unless its consent stands, so nothing is left to remove there. */
static enum rc consent_withdrawn(struct app *app, const char *user, const char *photo, const char *purpose,
                                 struct err *err)
{
    enum rc rc = RC_OK;
    if (strcmp(purpose, consent_names[CONSENT_RECOMMENDATION]) == 0)
        rc = wardrobe_remove(app, str_of(user), str_of(photo), err);
    else if (strcmp(purpose, consent_names[CONSENT_TRYON]) == 0)
        rc = wardrobe_remove_tryon(app, str_of(user), str_of(photo), err);
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* done already */
}

static enum rc purge(struct app *app, const struct module_retention *r, struct jout *report, struct err *err)
{
    int64_t n = 0;
    enum rc rc = activity_aggregate(app, r->activity_before_ms, r->dry_run, &n, err);
    if (!rc) jout_ki64(report, "events_aggregated", n);
    return rc;
}

/* ---- serving ---- */

static struct faces *detector;

struct faces *wardrobe_faces(void) { return detector; }
bool wardrobe_keeps_faces(const struct app *app) { return config_bool(app->config, "wardrobe_without_faces"); }

static enum rc start(struct app *app, struct err *err)
{
    size_t swept = 0;
    struct err why;
    enum rc rc = wardrobe_sweep(app, &swept, err);
    if (rc) return rc;
    if (swept) log_info("wardrobe", "removed %zu unfinished files of an earlier run", swept);
    rc = faces_open(config_string(app->config, "faces_dir"), queue_workers(app->heavy), &detector, &why);
    if (!rc) return RC_OK;
    if (rc != RC_NOT_FOUND) return err_set(err, rc, "%s", why.message); /* installed, and not as published */
    log_warn("wardrobe", "%s; photos are %s", why.message,
             wardrobe_keeps_faces(app) ? "kept with recognisable faces (wardrobe_without_faces)" : "not taken");
    return RC_OK;
}

static void stop(struct app *app)
{
    (void)app;
    faces_close(detector);
    detector = NULL;
}

const struct module wardrobe_module = {.name = "wardrobe",
                                       .config = config,
                                       .migrations = migrations,
                                       .metrics = metrics,
                                       .routes = wardrobe_routes,
                                       .schemas = wardrobe_schemas,
                                       .personal_tables = personal_tables,
                                       .data = data,
                                       .export_user = export_user,
                                       .erase_user = erase_user,
                                       .export_files = export_files,
                                       .consent_withdrawn = consent_withdrawn,
                                       .purge = purge,
                                       .start = start,
                                       .stop = stop};
