/*
 * The consent register: append-only, in the store "register", under a pseudonym of its own. One consent for each purpose
 * and, where the purpose is about a photo, for each photo. Withdrawal is one more row and takes effect at once: every
 * module's `consent_withdrawn` is called before the answer.
 *
 * For a photo, the newest row that speaks of this photo or of all photos decides. So a withdrawal for all undoes every
 * consent before it, and one for a photo leaves the others be.
 *
 * The words that people agree to are kept in the program, in French and English, by version (consent_text.c): an older
 * version stays there for as long as somebody may have agreed to it.
 *
 * Threading: any thread that may wait for the store.
 */
#ifndef PRIVACY_CONSENT_H
#define PRIVACY_CONSENT_H

#include "base/err.h"
#include "base/str.h"

struct app;

enum consent_purpose {
    CONSENT_RECOMMENDATION, /* keeping a photo, reading it, recommending from it */
    CONSENT_TRYON,          /* using it for virtual try-on */
    CONSENT_IMPROVEMENT,    /* improving the model with it */
    CONSENT_PURPOSES
};
extern const char *const consent_names[CONSENT_PURPOSES]; /* "recommendation", "tryon", "improvement" */

struct consent_given {
    struct str person; /* account id */
    struct str photo;  /* photo id, or STR_NONE: for all that comes until withdrawn */
    enum consent_purpose purpose;
    struct str text_version, language; /* which words the person agreed to: "2026-11", "fr" */
    const char *how;                   /* "web", "api", "app" */
};
/* RC_UNPROCESSABLE: these words are not the current ones. */
enum rc consent_give(struct app *app, const struct consent_given *c, struct err *err) MUST_USE;
/* RC_OK when there is a valid one for this photo or for all; else RC_FORBIDDEN with a message that names what is missing. */
enum rc consent_require(struct app *app, struct str person, struct str photo, enum consent_purpose purpose,
                        struct err *err) MUST_USE;
/* Appends the withdrawal, then removes everywhere what depended on it; photo STR_NONE: all photos. Carried to its end
 * after a crash (privacy_resume). */
enum rc consent_withdraw(struct app *app, struct str person, struct str photo, enum consent_purpose purpose,
                         const char *how, struct err *err) MUST_USE;
/* Whether each row of the register follows from the one before it. *bad: how many do not. */
enum rc consent_verify(struct app *app, int64_t *rows, int64_t *bad, struct err *err) MUST_USE;
#endif
