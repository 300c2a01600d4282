/*
 * `penderie privacy check`: every measure, attempted on a running installation. A line passes when the attempt ends as the
 * measure promises; whatever cannot be attempted fails, with the reason.
 *
 * privacy_check.c has the lines about what lies on the disk, privacy_check_live.c those about the server, and
 * check_client.c how they talk to it.
 */
#ifndef CLI_PRIVACY_CHECK_H
#define CLI_PRIVACY_CHECK_H

#include "base/app.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "ident/ident.h"

struct privacy_check_options {
    const char *data, *url; /* NULL: the settings */
    bool json;
};
/* Prints the table. RC_UNPROCESSABLE when a line fails. */
enum rc privacy_check(struct config *config, const struct privacy_check_options *o, struct err *err) MUST_USE;

enum check_tls { CHECK_TLS_CURRENT, CHECK_TLS_1_2 };
struct check_client;
struct check_request {
    const char *method, *path;
    const char *token; /* NULL: none */
    const char *type;  /* of the body; NULL: no body */
    struct str body;
    enum check_tls tls;
};
struct check_answer {
    long status; /* 0: no HTTP answer */
    bool refused_tls;
    struct buf headers, body;
};
enum rc check_client_open(const char *url, const char *data_dir, struct check_client **out,
                          struct err *err) MUST_USE;
void check_client_close(struct check_client *c);
/* RC_IO when no answer came. Release with check_answer_release() in any case. */
enum rc check_call(struct check_client *c, const struct check_request *rq, struct check_answer *a,
                   struct err *err) MUST_USE;
void check_answer_release(struct check_answer *a);
/* The value of a header of the last answer, case ignored; STR_NONE if absent. */
struct str check_header(const struct check_answer *a, const char *name);

struct check {
    struct config *config;
    const char *data;
    struct app app;
    bool opened; /* stores and vault */
    char why_not[512];
    struct check_client *client;
    /* the person made for the check */
    char email[80], password[64], id[IDENT_ID_CHARS + 1];
    char *token; /* NULL: not signed in */
    bool made;
    int64_t first_line; /* of the access log, when the check began */
    int refused;        /* calls that were refused to it */
};

struct check_verdict {
    bool pass;
    char why[200];
};
void check_pass(struct check_verdict *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
void check_fail(struct check_verdict *v, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct check_line {
    const char *name, *what; /* what the attempt is */
    bool stores, server;     /* needs them */
    void (*attempt)(struct check *k, struct check_verdict *v);
};
extern const struct check_line check_live_lines[]; /* ends with a NULL name */

/* Looks for these bytes in every file of the data folder; `where` gets the first that has them, or "". RC_IO. */
enum rc check_search(const char *data, struct str what, char where[static 160], struct err *err) MUST_USE;
#endif
