/*
 * Rows and sealed files of the wardrobe. Tables (store "wardrobe"):
 *
 *   wardrobe_photo        id, person (pseudonym), day_ms, blob, blob_tryon (names of files), record (sealed)
 *   wardrobe_preferences  person, record (sealed)
 *   wardrobe_blob         names of files that may exist without a row: an upload or a removal is under way. `owner` is
 *                         the process that does it; when it has ended, wardrobe_sweep() removes file and name.
 *
 * What is sealed is bound to its place: "wardrobe.photo/ID" and "wardrobe.tryon/ID" the files, "wardrobe.record/ID" the
 * record, "wardrobe.preferences/" the preferences; and to the person by their key. So rows or files that were exchanged
 * do not open.
 */
#include "wardrobe/wardrobe_internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/proc.h"
#include "blob/blob.h"
#include "crypt/crypt.h"
#include "privacy/consent.h"
#include "vault/vault.h"

#include <stdlib.h>
#include <string.h>

void wardrobe_id(char out[static WARDROBE_ID_CHARS + 1])
{
    uint8_t raw[16];
    crypt_random(raw, sizeof raw);
    crypt_base64url(raw, sizeof raw, out);
}

/* Names of files are lower case hexadecimal, as blob.h wants them; they say nothing and stand in one row. */
static void blob_name(char out[static 33])
{
    uint8_t raw[16];
    crypt_random(raw, sizeof raw);
    crypt_hex(raw, sizeof raw, out);
}

const char *wardrobe_place(char out[static WARDROBE_PLACE_BYTES], const char *kind, struct str id)
{
    snprintf(out, WARDROBE_PLACE_BYTES, "wardrobe.%s/%.*s", kind, STR_ARG(id));
    return out;
}

static struct str pseudonym(struct app *app, struct str person, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    vault_pseudonym(app->vault, "wardrobe", person, out);
    return (struct str){out, VAULT_PSEUDONYM_CHARS};
}

/* ---- files and their names ---- */

/* From here on the sweep knows of these files, until release_names(). */
static enum rc claim_names(struct store_tx *tx, const struct str *names, size_t n, struct err *err)
{
    char owner[PROC_OWNER_BYTES];
    enum rc rc = RC_OK;
    proc_owner(owner);
    for (size_t i = 0; i < n && !rc; i++)
        rc = store_exec(tx, "INSERT INTO wardrobe_blob (name, owner, day_ms) VALUES (?1, ?2, ?3)",
                        STORE_ARGS(STORE_S(names[i]), STORE_Z(owner), STORE_I(clock_today_ms())), NULL, err);
    return rc;
}

static enum rc release_names(struct store_tx *tx, const struct str *names, size_t n, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = store_exec(tx, "DELETE FROM wardrobe_blob WHERE name = ?1", STORE_ARGS(STORE_S(names[i])), NULL,
                        err);
    return rc;
}

static enum rc delete_file(struct app *app, struct str name, struct err *err)
{
    char key[64];
    snprintf(key, sizeof key, "%.*s", STR_ARG(name));
    return blob_delete(app->photos, key, err);
}

/* Files whose rows are gone (or never came): deletes them, then their names. */
static enum rc drop_files(struct app *app, const struct str *names, size_t n, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = delete_file(app, names[i], err);
    if (!rc && n) rc = store_begin(app->wardrobe, STORE_WRITE, &tx, err);
    if (!rc && n) rc = release_names(tx, names, n, err);
    return store_end(tx, rc, err);
}

enum rc wardrobe_sweep(struct app *app, size_t *removed, struct err *err)
{
    struct arena arena = ARENA_INIT(16 << 20);
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct str *names = NULL;
    size_t n = 0, cap = 0;
    bool more = false;
    *removed = 0;
    enum rc rc = store_begin(app->wardrobe, STORE_READ, &tx, err);
    if (!rc) rc = store_query(tx, "SELECT name, owner, day_ms FROM wardrobe_blob", STORE_NO_ARGS, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        /* Of a process that cannot be seen from here, another container's say: when it is a day old. */
        if (!proc_owner_gone(store_text(rows, 1)) && store_i64(rows, 2) > clock_today_ms() - 2 * CLOCK_DAY_MS)
            continue;
        if (n == cap) {
            struct str *larger = realloc(names, (cap = cap ? 2 * cap : 64) * sizeof *names);
            if (!larger) {
                rc = err_set(err, RC_NOMEM, "out of memory");
                break;
            }
            names = larger;
        }
        names[n] = arena_str(&arena, store_text(rows, 0));
        if (!names[n++].p) rc = err_set(err, RC_NOMEM, "out of memory");
    }
    store_rows_close(rows);
    store_rollback(tx);
    if (!rc) rc = drop_files(app, names, n, err);
    if (!rc) *removed = n;
    free(names);
    arena_release(&arena);
    return rc;
}

/* ---- keeping ---- */

static enum rc seal_record(struct app *app, struct str person, const struct wardrobe_photo *photo,
                           struct buf *out, struct err *err)
{
    char place[WARDROBE_PLACE_BYTES];
    struct buf json = BUF_INIT(WARDROBE_RECORD_BYTES);
    wardrobe_record_write(photo, &json);
    enum rc rc = buf_check(&json, "a photo's record", err);
    if (!rc)
        rc = vault_seal(app->vault, person, str_of(wardrobe_place(place, "record", photo->id)), buf_str(&json),
                        out, err);
    if (json.n) crypt_wipe(json.p, json.n);
    buf_release(&json);
    return rc;
}

static enum rc put_sealed(struct app *app, struct str person, const char *kind, struct str id, struct str name,
                          struct str jpeg, struct err *err)
{
    char place[WARDROBE_PLACE_BYTES], key[64];
    struct buf sealed = BUF_INIT(WARDROBE_MAX_PHOTO_BYTES + 4096);
    snprintf(key, sizeof key, "%.*s", STR_ARG(name));
    enum rc rc = vault_seal(app->vault, person, str_of(wardrobe_place(place, kind, id)), jpeg, &sealed, err);
    if (!rc) rc = blob_put(app->photos, key, buf_str(&sealed), false, err);
    buf_release(&sealed);
    return rc;
}

/* In the transaction that writes the row: whoever withdraws now waits, and then finds the row. */
static enum rc still_consented(struct app *app, struct str person, const struct wardrobe_photo *photo,
                               struct err *err)
{
    enum rc rc = consent_require(app, person, photo->id, CONSENT_RECOMMENDATION, err);
    if (!rc && photo->tryon) rc = consent_require(app, person, photo->id, CONSENT_TRYON, err);
    return rc;
}

static enum rc insert_photo(struct app *app, struct store_tx *tx, struct str person,
                            const struct wardrobe_photo *p, struct str record, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    int64_t have = 0, most = config_int(app->config, "wardrobe_max_photos");
    struct str owner = pseudonym(app, person, who);
    enum rc rc = store_get_i64(tx, "SELECT count(*) FROM wardrobe_photo WHERE person = ?1",
                               STORE_ARGS(STORE_S(owner)), &have, NULL, err);
    if (!rc && have >= most)
        rc = err_set(err, RC_CONFLICT, "this wardrobe holds %lld photos, as many as it may: delete some first",
                     (long long)have);
    if (!rc) rc = still_consented(app, person, p, err);
    if (!rc)
        rc = store_exec(tx,
                        "INSERT INTO wardrobe_photo (id, person, day_ms, blob, blob_tryon, record)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        STORE_ARGS(STORE_S(p->id), STORE_S(owner), STORE_I(p->day_ms), STORE_S(p->blob),
                                   STORE_S(p->blob_tryon), STORE_B(record.p, record.n)),
                        NULL, err);
    return rc;
}

enum rc wardrobe_keep(struct app *app, struct str person, struct wardrobe_photo *photo, struct str jpeg,
                      struct str tryon, struct err *err)
{
    static _Thread_local char names[2][33];
    struct buf record = BUF_INIT(WARDROBE_RECORD_BYTES + 4096);
    struct store_tx *tx = NULL;
    struct str files[2];
    size_t n = photo->tryon ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        blob_name(names[i]);
        files[i] = str_of(names[i]);
    }
    photo->day_ms = clock_today_ms();
    photo->blob = files[0];
    photo->blob_tryon = photo->tryon ? files[1] : STR_NONE;
    enum rc rc = seal_record(app, person, photo, &record, err);
    if (!rc) rc = store_begin(app->wardrobe, STORE_WRITE, &tx, err);
    if (!rc) rc = store_end(tx, claim_names(tx, files, n, err), err);
    if (rc) goto out;
    rc = put_sealed(app, person, "photo", photo->id, files[0], jpeg, err);
    if (!rc && photo->tryon) rc = put_sealed(app, person, "tryon", photo->id, files[1], tryon, err);
    tx = NULL;
    if (!rc) rc = store_begin(app->wardrobe, STORE_WRITE, &tx, err);
    if (!rc) {
        rc = insert_photo(app, tx, person, photo, buf_str(&record), err);
        if (!rc) rc = release_names(tx, files, n, err);
        rc = store_end(tx, rc, err);
    }
    if (rc && drop_files(app, files, n, NULL))
        log_warn("wardrobe", "an unfinished upload is left to the next sweep");
out:
    photo->blob = photo->blob_tryon = STR_NONE;
    buf_release(&record);
    return rc;
}

/* ---- loading ---- */

#define COLUMNS "id, day_ms, blob, blob_tryon, record"

static enum rc keep_text(struct arena *arena, struct str from, struct str *to, struct err *err)
{
    if (!from.p) return RC_OK;
    *to = arena_str(arena, from);
    return to->p ? RC_OK : err_set(err, RC_NOMEM, "out of memory for a photo's record");
}

static enum rc read_row(struct app *app, struct str person, const struct store_rows *rows, struct arena *arena,
                        struct wardrobe_photo *out, struct err *err)
{
    char place[WARDROBE_PLACE_BYTES];
    struct buf json = BUF_INIT(WARDROBE_RECORD_BYTES + 4096);
    *out = (struct wardrobe_photo){.day_ms = store_i64(rows, 1)};
    enum rc rc = keep_text(arena, store_text(rows, 0), &out->id, err);
    if (!rc) rc = keep_text(arena, store_text(rows, 2), &out->blob, err);
    if (!rc && !store_is_null(rows, 3)) rc = keep_text(arena, store_text(rows, 3), &out->blob_tryon, err);
    out->tryon = out->blob_tryon.n > 0;
    if (!rc)
        rc = vault_unseal(app->vault, person, str_of(wardrobe_place(place, "record", out->id)),
                          store_blob(rows, 4), &json, err);
    if (!rc) rc = wardrobe_record_read(buf_str(&json), arena, out, err);
    if (json.n) crypt_wipe(json.p, json.n);
    buf_release(&json);
    return rc;
}

static enum rc load_in(struct app *app, struct store_tx *tx, struct str person, struct str photo,
                       struct arena *arena, struct wardrobe_photo *out, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_query(tx, "SELECT " COLUMNS " FROM wardrobe_photo WHERE id = ?1 AND person = ?2",
                             STORE_ARGS(STORE_S(photo), STORE_S(pseudonym(app, person, who))), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && !more) rc = err_set(err, RC_NOT_FOUND, "there is no such photo in your wardrobe");
    if (!rc) rc = read_row(app, person, rows, arena, out, err);
    store_rows_close(rows);
    return rc;
}

enum rc wardrobe_load(struct app *app, struct str person, struct str photo, struct arena *arena,
                      struct wardrobe_photo *out, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(app->wardrobe, STORE_READ, &tx, err);
    if (!rc) rc = load_in(app, tx, person, photo, arena, out, err);
    store_rollback(tx);
    return rc;
}

enum rc wardrobe_all(struct app *app, struct str person, struct arena *arena, struct wardrobe_photo **out,
                     size_t *n, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    struct str owner = pseudonym(app, person, who);
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    int64_t count = 0;
    *n = 0;
    *out = NULL;
    enum rc rc = store_begin(app->wardrobe, STORE_READ, &tx, err);
    if (!rc)
        rc = store_get_i64(tx, "SELECT count(*) FROM wardrobe_photo WHERE person = ?1",
                           STORE_ARGS(STORE_S(owner)), &count, NULL, err);
    if (!rc && !(*out = arena_array(arena, (size_t)count + 1, sizeof **out)))
        rc = err_set(err, RC_NOMEM, "out of memory for a wardrobe");
    if (!rc)
        rc =
            store_query(tx, "SELECT " COLUMNS " FROM wardrobe_photo WHERE person = ?1 ORDER BY day_ms DESC, id",
                        STORE_ARGS(STORE_S(owner)), &rows, err);
    while (!rc && *n < (size_t)count && !(rc = store_next(rows, &more, err)) && more) {
        rc = read_row(app, person, rows, arena, &(*out)[*n], err);
        (*n)++;
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

enum rc wardrobe_image(struct app *app, struct str person, const struct wardrobe_photo *photo, bool tryon,
                       struct buf *out, struct err *err)
{
    char place[WARDROBE_PLACE_BYTES], key[64], *p = NULL;
    size_t n = 0;
    struct str name = tryon ? photo->blob_tryon : photo->blob;
    if (!name.n) return err_set(err, RC_NOT_FOUND, "this photo is not kept for try-on");
    snprintf(key, sizeof key, "%.*s", STR_ARG(name));
    enum rc rc = blob_get(app->photos, key, WARDROBE_MAX_PHOTO_BYTES + 4096, &p, &n, err);
    if (!rc)
        rc = vault_unseal(app->vault, person,
                          str_of(wardrobe_place(place, tryon ? "tryon" : "photo", photo->id)),
                          (struct str){p, n}, out, err);
    free(p);
    return rc;
}

enum rc wardrobe_update(struct app *app, struct str person, const struct wardrobe_photo *photo, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    struct buf record = BUF_INIT(WARDROBE_RECORD_BYTES + 4096);
    struct store_tx *tx = NULL;
    int64_t changed = 0;
    enum rc rc = seal_record(app, person, photo, &record, err);
    if (!rc) rc = store_begin(app->wardrobe, STORE_WRITE, &tx, err);
    if (!rc) {
        rc = store_exec(
            tx, "UPDATE wardrobe_photo SET record = ?1 WHERE id = ?2 AND person = ?3",
            STORE_ARGS(STORE_B(record.p, record.n), STORE_S(photo->id), STORE_S(pseudonym(app, person, who))),
            &changed, err);
        if (!rc && !changed) rc = err_set(err, RC_NOT_FOUND, "there is no such photo in your wardrobe");
        rc = store_end(tx, rc, err);
    }
    buf_release(&record);
    return rc;
}

/* ---- removing ---- */

/* The names of files that the statement returns (one or two columns), claimed. */
static enum rc take_names(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n_args,
                          struct arena *arena, struct str **names, size_t *n, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    int64_t most = 0;
    *n = 0;
    enum rc rc =
        store_get_i64(tx, "SELECT count(*) FROM wardrobe_photo WHERE person = ?1", args, 1, &most, NULL, err);
    if (!rc && !(*names = arena_array(arena, 2 * (size_t)most + 1, sizeof **names)))
        rc = err_set(err, RC_NOMEM, "out of memory for a wardrobe");
    if (!rc) rc = store_query(tx, sql, args, n_args, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more)
        for (int c = 0; c < 2 && !rc && *n < 2 * (size_t)most; c++)
            if (!store_is_null(rows, c)) rc = keep_text(arena, store_text(rows, c), &(*names)[(*n)++], err);
    store_rows_close(rows);
    return rc ? rc : claim_names(tx, *names, *n, err);
}

static enum rc remove_by(struct app *app, struct str person, struct str photo, const char *select,
                         const char *change, size_t *files, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    struct arena arena = ARENA_INIT(16 << 20);
    struct store_tx *tx = NULL;
    struct str *names = NULL;
    size_t n = 0;
    const struct store_value args[] = {STORE_S(pseudonym(app, person, who)), STORE_S(photo)};
    enum rc rc = store_begin(app->wardrobe, STORE_WRITE, &tx, err);
    if (!rc) {
        rc = take_names(tx, select, args, 2, &arena, &names, &n, err);
        if (!rc) rc = store_exec(tx, change, args, 2, NULL, err);
        rc = store_end(tx, rc, err);
    }
    if (!rc) rc = drop_files(app, names, n, err);
    *files = n;
    arena_release(&arena);
    return rc;
}

#define THESE "WHERE person = ?1 AND (CAST(?2 AS TEXT) IS NULL OR id = ?2)"

enum rc wardrobe_remove(struct app *app, struct str person, struct str photo, struct err *err)
{
    size_t files = 0;
    enum rc rc = remove_by(app, person, photo, "SELECT blob, blob_tryon FROM wardrobe_photo " THESE,
                           "DELETE FROM wardrobe_photo " THESE, &files, err);
    if (!rc && photo.p && !files) rc = err_set(err, RC_NOT_FOUND, "there is no such photo in your wardrobe");
    return rc;
}

enum rc wardrobe_remove_tryon(struct app *app, struct str person, struct str photo, struct err *err)
{
    size_t files = 0;
    return remove_by(app, person, photo, "SELECT blob_tryon, NULL FROM wardrobe_photo " THESE,
                     "UPDATE wardrobe_photo SET blob_tryon = NULL " THESE, &files, err);
}

/* ---- preferences ---- */

enum rc wardrobe_preferences(struct app *app, struct str person, struct buf *out, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_begin(app->wardrobe, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx, "SELECT record FROM wardrobe_preferences WHERE person = ?1",
                         STORE_ARGS(STORE_S(pseudonym(app, person, who))), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more)
        rc = vault_unseal(app->vault, person, STR("wardrobe.preferences/"), store_blob(rows, 0), out, err);
    if (!rc && !more) buf_addz(out, "{}");
    store_rows_close(rows);
    store_rollback(tx);
    return rc ? rc : buf_check(out, "preferences", err);
}

enum rc wardrobe_set_preferences(struct app *app, struct str person, struct str json, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    struct buf sealed = BUF_INIT(WARDROBE_RECORD_BYTES);
    struct store_tx *tx = NULL;
    enum rc rc = vault_seal(app->vault, person, STR("wardrobe.preferences/"), json, &sealed, err);
    if (!rc) rc = store_begin(app->wardrobe, STORE_WRITE, &tx, err);
    if (!rc) {
        rc = store_exec(tx,
                        "INSERT INTO wardrobe_preferences (person, record) VALUES (?1, ?2)"
                        " ON CONFLICT (person) DO UPDATE SET record = excluded.record",
                        STORE_ARGS(STORE_S(pseudonym(app, person, who)), STORE_B(sealed.p, sealed.n)), NULL,
                        err);
        rc = store_end(tx, rc, err);
    }
    buf_release(&sealed);
    return rc;
}

enum rc wardrobe_forget_preferences(struct app *app, struct str person, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(app->wardrobe, STORE_WRITE, &tx, err);
    if (!rc)
        rc = store_end(tx,
                       store_exec(tx, "DELETE FROM wardrobe_preferences WHERE person = ?1",
                                  STORE_ARGS(STORE_S(pseudonym(app, person, who))), NULL, err),
                       err);
    return rc;
}
