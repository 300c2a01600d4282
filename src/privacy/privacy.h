/*
 * The rights of persons (GDPR, articles 15 to 21), retention, and the module they hang on. Consent is in consent.h, the
 * access log in audit.h.
 *
 * What must not be lost half way - an erasure, a withdrawal - begins with an intent: a row of the store "register"
 * that names the person, sealed. A process that dies leaves it, and privacy_resume() (when the module starts, and now and
 * then) carries it to its end. So a person is never half erased for longer than a restart takes.
 *
 * Threading: any thread that may wait for the stores.
 */
#ifndef PRIVACY_PRIVACY_H
#define PRIVACY_PRIVACY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/jout.h"
#include "base/str.h"

struct app;
struct module;

extern const struct module privacy_module;

enum { PRIVACY_ID_CHARS = 22 }; /* 16 random bytes in base64url; buffers take one more for the NUL */

/* Article 21: *allowed false when the person objected to being profiled: recommend without profile and history. */
enum rc privacy_profiling_allowed(struct app *app, struct str person, bool *allowed, struct err *err) MUST_USE;
enum rc privacy_object(struct app *app, struct str person, bool objects, struct err *err) MUST_USE;

/* Article 17. Walks every module's erase_user, destroys the person's key, forgets the account, and appends the signed
 * receipt (a JWS, RFC 7515, in compact form; see receipt.h) to `receipt`. `reason`: "request" or "inactive". When it
 * fails or the process dies in the middle, privacy_resume() goes on. */
enum rc privacy_erase(struct app *app, struct str person, const char *reason, struct buf *receipt,
                      struct err *err) MUST_USE;
/* Carries out what was begun more than age_ms ago (0: all) and not ended; one that fails does not stop the others. */
enum rc privacy_resume(struct app *app, int64_t age_ms, int64_t *resumed, struct err *err) MUST_USE;

/* Article 15 and 20: everything all modules hold about the person, as one JSON object. */
enum rc privacy_collect(struct app *app, struct str person, struct jout *out, struct err *err) MUST_USE;

/* Retention, article 5(1)(e): warns and erases inactive persons, lets consents to photos lapse, aggregates old events,
 * drops expired archives and old lines of the access log. A dry run changes nothing. The report (numbers, no person)
 * is kept as that day's, and appended to `report` as JSON. */
enum rc privacy_purge(struct app *app, bool dry_run, struct buf *report, struct err *err) MUST_USE;

/* Settings, how many are warned, and the reports of the last 31 days: schema "Retention". */
enum rc privacy_report(struct app *app, struct jout *out, struct err *err) MUST_USE;

/* The data map (docs/privacy/data-map.md), written from the `data` of all modules. */
enum rc privacy_map(const struct module *const *modules, struct buf *out, struct err *err) MUST_USE;

#endif
