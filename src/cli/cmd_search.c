/* penderie search: products by words, by a picture, or by both. */
#include "app/app.h"
#include "base/fs.h"
#include "cli/answer.h"
#include "cli/fan.h"

#include <stdlib.h>
#include <string.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_search = {
    .name = "search",
    .summary = "find products by words (French or English), by a picture, or by both",
    .usage = "[WORDS...]",
    .details =
        "All WORDS are one query; --queries FILE holds one query a line. With --json, one object a line in\n"
        "the order of the queries.",
    .run = run,
};

enum { MAX_QUERIES_BYTES = 256 << 20, MAX_QUERY_BYTES = 8192 };

struct search {
    struct app app;
    struct answer_options options;
    const char **queries;
    size_t n, cap;
    struct infer_reading reading; /* of --picture */
    bool with_picture;
};

static const char *name_of(void *ctx, size_t index)
{
    const struct search *s = ctx;
    return s->queries[index];
}

static enum rc search_one(void *ctx, size_t index, unsigned worker, struct buf *line, struct err *err)
{
    struct search *s = ctx;
    struct arena arena = ARENA_INIT((size_t)1 << 30);
    struct rank_query q = {.text = str_of(s->queries[index]), .worker = s->app.job_worker + worker};
    struct rank_seen seen;
    struct rank_answer answer = {.n = 0};
    enum rc rc = answer_query(&s->options, &q, err);
    if (s->with_picture) {
        rank_see(&s->reading, &seen);
        q.picture = s->reading.embedding;
        q.seen = &seen;
    }
    /* A line without a word gets an empty answer, so that answers stay beside their queries. */
    bool asks = s->with_picture || str_trim(q.text).n > 0;
    if (!rc && asks) rc = rank_search(s->app.rank, &q, &arena, &answer, err);
    if (!rc) answer_write(&s->options, "query", s->queries[index], &answer, line);
    if (!rc) rc = buf_check(line, "an answer", err);
    arena_release(&arena);
    return rc;
}

static enum rc add_query(struct search *s, const char *text, struct err *err)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        const char **p = realloc(s->queries, cap * sizeof *p);
        if (!p) return err_set(err, RC_NOMEM, "out of memory");
        s->queries = p;
        s->cap = cap;
    }
    s->queries[s->n++] = text;
    return RC_OK;
}

/* Cuts the text into lines in place. */
static enum rc add_lines(struct search *s, char *text, size_t n, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t at = 0; at < n && !rc;) {
        char *line = text + at, *end = memchr(line, '\n', n - at);
        size_t len = end ? (size_t)(end - line) : n - at;
        at += len + 1;
        line[len] = '\0';
        if (len && line[len - 1] == '\r') line[--len] = '\0';
        if (len > MAX_QUERY_BYTES)
            return err_set(err, RC_INVALID, "query %zu is longer than %d bytes", s->n + 1, MAX_QUERY_BYTES);
        if (!str_utf8_valid((struct str){line, len}))
            return err_set(err, RC_INVALID, "query %zu is not UTF-8", s->n + 1);
        rc = add_query(s, line, err);
    }
    return rc;
}

static enum rc search_all(struct search *s, const char *picture, struct err *err)
{
    enum rc rc = RC_OK;
    if (picture) {
        rc = answer_read_picture(s->app.model, s->app.job_worker, picture, &s->reading, err);
        if (rc) {
            err_prefix(err, "%s: ", picture);
            return rc;
        }
        s->with_picture = true;
    }
    size_t most = s->n < s->app.job_workers ? s->n : s->app.job_workers;
    const struct cli_fan fan = {"search", name_of, search_one, s, s->n, most ? (unsigned)most : 1};
    rc = cli_fan_run(&fan, err);
    if (s->with_picture) infer_reading_release(&s->reading);
    return rc;
}

static enum rc join_words(char **operands, int n, char **out, struct err *err)
{
    struct buf words = BUF_INIT(MAX_QUERY_BYTES);
    for (int i = 0; i < n; i++) {
        if (i) buf_addc(&words, ' ');
        buf_addz(&words, operands[i]);
    }
    enum rc rc = buf_check(&words, "the query", err);
    size_t len;
    if (!rc && !(*out = buf_take(&words, &len))) rc = err_set(err, RC_NOMEM, "out of memory");
    buf_release(&words);
    return rc;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    const char *data = NULL, *file = NULL, *queries = NULL, *picture = NULL;
    struct cli_list sets = {0};
    struct search s = {.options = {.limit = 10}};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder of this house (or the setting data_dir)", &data, false},
        {"queries", CLI_STRING, "FILE", "queries, one a line", &queries, false},
        {"picture", CLI_STRING, "FILE", "what it should look like", &picture, false},
        ANSWER_OPTIONS(s.options),
        {"config", CLI_STRING, "FILE", "read settings from FILE", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "change one setting", &sets, false},
        {0},
    };
    char **operands, *text = NULL;
    int n;
    bool help;
    struct config *config = NULL;
    size_t bytes = 0;
    struct rank_query probe = {.text = STR_NONE};
    enum rc rc = cli_parse(&cli_search, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    if (!n && !queries && !picture) return err_set(err, RC_INVALID, "what to search for? --help says more");
    if (n && queries) return err_set(err, RC_INVALID, "either words or --queries, not both");
    rc = answer_query(&s.options, &probe, err); /* a wrong option is reported once, before the work */
    if (!rc && queries) rc = fs_read(queries, MAX_QUERIES_BYTES, &text, &bytes, err);
    if (!rc && queries) rc = add_lines(&s, text, bytes, err);
    if (!rc && !queries) rc = join_words(operands, n, &text, err);
    if (!rc && !queries) rc = add_query(&s, text, err);
    cli_catch_signals();
    if (!rc) rc = cli_config(file, &sets, &config, err);
    if (!rc) rc = image_startup("penderie", err);
    if (!rc)
        rc = app_open(&s.app, config, cli_modules, data, APP_CATALOG | APP_MODEL | APP_RANK | APP_READ_ONLY,
                      err);
    if (!rc) {
        rc = search_all(&s, picture, err);
        app_close(&s.app);
    }
    config_destroy(config);
    free(s.queries);
    free(text);
    return rc;
}
