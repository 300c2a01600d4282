/*
 * Between the files of this folder. Tables of the store "register":
 *
 *   privacy_consent     one row for each consent given or withdrawn, never changed until an erasure puts a random name in
 *                       the place of the person's pseudonym. `mac` chains the rows of a person.
 *   privacy_audit       the access log (audit.h). n counts from 1 without gaps.
 *   privacy_anchor      number and MAC of the last line that retention removed from the log
 *   privacy_alert       abnormal access, until the webhook has it
 *   privacy_intent      erasures and withdrawals that have begun and not ended; the person sealed
 *   privacy_receipt     receipts of erasures
 *   privacy_archive     archives that persons asked for; the bytes lie in DATA/archives, sealed with the person's key
 *   privacy_objection   who objected to profiling
 *   privacy_warning     who was told that their account will be erased
 *   privacy_report      what each day's purge did
 *   privacy_key         the key that signs receipts, sealed
 *
 * A person is vault_pseudonym("register") everywhere but in the log, where it is vault_pseudonym("audit").
 */
#ifndef PRIVACY_INTERNAL_H
#define PRIVACY_INTERNAL_H

#include "base/app.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/jout.h"
#include "base/module.h"
#include "http/http.h"
#include "job/job.h"
#include "metric/metric.h"
#include "privacy/audit.h"
#include "privacy/consent.h"
#include "privacy/privacy.h"
#include "store/store.h"
#include "vault/vault.h"

enum { MINUTE_MS = 60 * 1000 };

extern const struct migration privacy_migrations[];
extern const struct config_key privacy_config[];
extern const struct http_route privacy_routes[];
extern const struct http_schema privacy_schemas[];
extern struct metric privacy_alerts, privacy_audit_lines, privacy_erasures;

/* privacy.c */
void privacy_id(char out[static PRIVACY_ID_CHARS + 1]); /* a new random one */
/* "register": the pseudonym of a person (or of a photo) in this store. */
void privacy_name(struct app *app, struct str id, char out[static VAULT_PSEUDONYM_CHARS + 1]);
enum rc privacy_get(struct app *app, const char *sql, const struct store_value *args, size_t n, int64_t *out,
                    bool *found, struct err *err) MUST_USE;
/* The same day `months` calendar months earlier. */
int64_t privacy_months_before(int64_t ms, int64_t months);

/* audit.c */
struct audit_line {
    int64_t n, at_ms, roles;
    struct str who, what, object, result, request_id, mac;
};
void audit_mac(struct app *app, struct str before, const struct audit_line *l,
               char out[static VAULT_PSEUDONYM_CHARS + 1]);
/* What the line before the first one of the log was: the anchor, or (0, ""). */
enum rc audit_anchor(struct app *app, struct store_tx *tx, int64_t *n,
                     char mac[static VAULT_PSEUDONYM_CHARS + 1], struct err *err) MUST_USE;
enum rc audit_trim(struct app *app, int64_t before_ms, bool dry_run, int64_t *lines, struct err *err) MUST_USE;

/* audit_head.c: the last line, kept beside the vault. */
struct audit_head {
    int64_t n; /* 0: none */
    char mac[VAULT_PSEUDONYM_CHARS + 1];
};
enum rc audit_head_read(struct app *app, struct audit_head *out, struct err *err) MUST_USE;
enum rc audit_head_write(struct app *app, const struct audit_head *head, struct err *err) MUST_USE;

/* alert.c */
/* Looks whether this line, just written, makes one count too many; within the transaction that wrote it. */
enum rc alert_check(struct app *app, struct store_tx *tx, const struct audit_line *l, struct err *err) MUST_USE;
enum rc alert_raise(struct app *app, struct store_tx *tx, const char *rule, struct str who, int64_t count,
                    int64_t window_ms, int64_t at_ms, struct err *err) MUST_USE;
enum rc alert_dispatch(struct app *app,
                       struct err *err) MUST_USE; /* new ones to the log, the metric and the queue */
extern const struct job_kind alert_job;

/* consent.c */
enum rc consent_export(struct app *app, const char *user, struct jout *out, struct err *err) MUST_USE;
/* Lets the facts live on under a random name, without photos; in the caller's transaction. */
enum rc consent_forget(struct app *app, struct store_tx *tx, struct str name, const char *random_name,
                       struct err *err) MUST_USE;
/* Whether there is a consent to anything that was not withdrawn. */
enum rc consent_any(struct app *app, struct str person, bool *any, struct err *err) MUST_USE;
/* The second half of a withdrawal: tells the modules. */
enum rc consent_walk(struct app *app, const char *person, const char *photo, const char *purpose,
                     struct err *err) MUST_USE;
/* A page of the register for the officer, after row `after_n` of `after`; `next` gets "PERSON:N" or "". */
enum rc consent_register(struct app *app, struct str after, int64_t after_n, int64_t most, struct jout *out,
                         char next[static 64], struct err *err) MUST_USE;
/* consent_text.c */
struct consent_text {
    const char *version;
    enum consent_purpose purpose;
    const char *language, *text;
};
extern const struct consent_text consent_texts[]; /* the newest version first; ends with a NULL version */
const struct consent_text *consent_text_find(struct str version, enum consent_purpose purpose,
                                             struct str language);
bool consent_purpose_of(struct str name, enum consent_purpose *out);

/* intent.c */
struct intent {
    char id[PRIVACY_ID_CHARS + 1];
    char kind[16]; /* "erase", "withdraw" */
    struct jval *what;
    int64_t at_ms;
};
enum rc intent_add(struct app *app, struct store_tx *tx, const char *kind, struct str what,
                   char id[static PRIVACY_ID_CHARS + 1], struct err *err) MUST_USE;
enum rc intent_end(struct store_tx *tx, const char *id, struct err *err) MUST_USE;
/* The oldest one after `after` ("": from the start); *found false: none. Release with intent_release(). */
enum rc intent_next(struct app *app, const char *after, struct intent *out, bool *found,
                    struct err *err) MUST_USE;
void intent_release(struct intent *i);

/* erase.c */
enum rc erase_carry_out(struct app *app, const struct intent *i, struct buf *receipt, struct err *err) MUST_USE;

/* archive.c */
enum { ARCHIVE_ID_CHARS = 32 }; /* 16 random bytes, hexadecimal: also the name of the blobs */
extern const struct job_kind archive_job;
/* The id of a new one, or of the one that is being made. */
enum rc archive_ask(struct app *app, struct str person, char id[static ARCHIVE_ID_CHARS + 1],
                    struct err *err) MUST_USE;
/* Schema "Archive". RC_NOT_FOUND also when it is another person's. */
enum rc archive_state(struct app *app, struct str person, struct str id, struct jout *out,
                      struct err *err) MUST_USE;
/* The zip. RC_CONFLICT: not ready. */
enum rc archive_read(struct app *app, struct str person, struct str id, struct buf *out,
                     struct err *err) MUST_USE;
enum rc archive_list(struct app *app, struct str person, struct jout *out, struct err *err) MUST_USE;
enum rc archive_forget(struct app *app, struct str person, struct err *err) MUST_USE;
enum rc archive_expire(struct app *app, int64_t now_ms, bool dry_run, int64_t *n, struct err *err) MUST_USE;

/* zip.c: a zip written as a stream. */
struct zip;
typedef enum rc (*zip_sink)(void *ctx, struct str bytes, struct err *err);
enum rc zip_create(zip_sink sink, void *ctx, struct zip **out, struct err *err) MUST_USE;
/* `packed`: compressed; pictures are not worth it. */
enum rc zip_add(struct zip *z, const char *name, struct str bytes, bool packed, struct err *err) MUST_USE;
enum rc zip_end(struct zip *z, struct err *err) MUST_USE; /* writes the directory; zip_destroy() all the same */
void zip_destroy(struct zip *z);

/* retention.c */
extern const struct job_kind purge_job;
/* Enqueues today's purge when its hour has come and it has not been. */
enum rc retention_due(struct app *app, struct err *err) MUST_USE;

#endif
