/* penderie recommend: products that go by a photo. */
#include "app/app.h"
#include "base/fs.h"
#include "cli/answer.h"
#include "cli/fan.h"

#include <stdlib.h>
#include <string.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_recommend = {
    .name = "recommend",
    .summary = "find products like what photos show",
    .usage = "PATH...",
    .details =
        "A PATH is a picture or a folder of them. A picture that cannot be read gets a message, the others\n"
        "go on, and the exit status is 1. With --json, one object a line in the order of the paths.",
    .run = run,
};

enum { MAX_PATH_BYTES = 1 << 28 };

struct recommend {
    struct app app;
    struct answer_options options;
    struct buf paths; /* each ends in NUL */
    const char **path;
    size_t n;
};

static const char *name_of(void *ctx, size_t index)
{
    const struct recommend *r = ctx;
    return r->path[index];
}

static enum rc recommend_one(void *ctx, size_t index, unsigned worker, struct buf *line, struct err *err)
{
    struct recommend *r = ctx;
    struct arena arena = ARENA_INIT((size_t)1 << 30);
    struct infer_reading reading = {0};
    struct rank_seen seen;
    struct rank_answer answer;
    struct rank_query q = {.worker = r->app.job_worker + worker, .distinct = true};
    enum rc rc = answer_query(&r->options, &q, err);
    if (!rc) rc = answer_read_picture(r->app.model, q.worker, r->path[index], &reading, err);
    if (rc) return rc;
    rank_see(&reading, &seen);
    q.picture = reading.embedding;
    q.seen = &seen;
    rc = rank_search(r->app.rank, &q, &arena, &answer, err);
    if (!rc) answer_write(&r->options, "path", r->path[index], &answer, line);
    if (!rc) rc = buf_check(line, "an answer", err);
    infer_reading_release(&reading);
    arena_release(&arena);
    return rc;
}

static enum rc collect(const char *path, void *ctx, struct err *err)
{
    struct recommend *r = ctx;
    const char *slash = strrchr(path, '/');
    if (slash && slash[1] == '.') return RC_OK; /* .DS_Store and the like */
    buf_add_bytes(&r->paths, path, strlen(path) + 1);
    r->n++;
    return buf_check(&r->paths, "the list of pictures", err);
}

static enum rc collect_all(struct recommend *r, char **operands, int n, struct err *err)
{
    enum rc rc = RC_OK;
    for (int i = 0; i < n && !rc; i++) {
        if (fs_is_dir(operands[i])) {
            rc = fs_walk(operands[i], collect, r, err);
        } else { /* a path that does not exist is reported in its place */
            buf_add_bytes(&r->paths, operands[i], strlen(operands[i]) + 1);
            r->n++;
            rc = buf_check(&r->paths, "the list of pictures", err);
        }
    }
    if (rc) return rc;
    if (r->n == 0) return err_set(err, RC_INVALID, "there are no files in the folders named");
    r->path = calloc(r->n, sizeof *r->path);
    if (!r->path) return err_set(err, RC_NOMEM, "out of memory");
    const char *p = r->paths.p;
    for (size_t i = 0; i < r->n; i++, p += strlen(p) + 1)
        r->path[i] = p;
    return RC_OK;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    const char *data = NULL, *file = NULL;
    struct cli_list sets = {0};
    struct recommend r = {.options = {.limit = 10}, .paths = BUF_INIT(MAX_PATH_BYTES)};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder of this house (or the setting data_dir)", &data, false},
        ANSWER_OPTIONS(r.options),
        {"config", CLI_STRING, "FILE", "read settings from FILE", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "change one setting", &sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    struct config *config = NULL;
    struct rank_query probe = {.text = STR_NONE};
    enum rc rc = cli_parse(&cli_recommend, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    if (n == 0) return err_set(err, RC_INVALID, "name pictures or folders; --help says more");
    rc = answer_query(&r.options, &probe, err); /* a wrong option is reported once, before the work */
    if (!rc) rc = collect_all(&r, operands, n, err);
    cli_catch_signals();
    if (!rc) rc = cli_config(file, &sets, &config, err);
    if (!rc) rc = image_startup("penderie", err);
    if (!rc)
        rc = app_open(&r.app, config, cli_modules, data, APP_CATALOG | APP_MODEL | APP_RANK | APP_READ_ONLY,
                      err);
    if (!rc) {
        size_t most = r.n < r.app.job_workers ? r.n : r.app.job_workers;
        const struct cli_fan fan = {"recommend", name_of, recommend_one, &r, r.n, most ? (unsigned)most : 1};
        rc = cli_fan_run(&fan, err);
        app_close(&r.app);
    }
    config_destroy(config);
    free(r.path);
    buf_release(&r.paths);
    return rc;
}
