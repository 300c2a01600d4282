/*
 * penderie label: what is in pictures. Workers read, decode and label; the main thread hands out paths and
 * prints answers in their order, at most WINDOW of them ahead, so that a folder of any size needs little memory.
 */
#include "app/app.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/jout.h"
#include "base/queue.h"
#include "cli/cli.h"
#include "crypt/crypt.h"
#include "infer/vision.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 64, MAX_FILE_BYTES = 100 << 20, MAX_LINE_BYTES = 1 << 20, MAX_PATH_BYTES = 1 << 28 };

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_label = {
    .name = "label",
    .summary = "say what is in pictures: category, colours, gender, season, style, pieces",
    .usage = "PATH...",
    .details =
        "A PATH is a picture (JPEG, PNG, WebP, HEIC, AVIF, GIF) or a folder of them. A picture that cannot\n"
        "be read gets a message, the others go on, and the exit status is 1. A category followed by \"?\"\n"
        "is a guess. With --json, one object a line in the order of the paths.",
    .run = run,
};

struct labels;

struct task {
    struct labels *all;
    const char *path;
    struct buf line;
    struct err err;
    bool done;
};

struct labels {
    struct infer *model;
    const char *styles; /* file; NULL: the one beside the program, if it is there */
    bool json;
    struct buf paths; /* each ends in NUL */
    size_t n_paths, failed;
    pthread_mutex_t lock; /* for task.done */
    pthread_cond_t finished;
    struct task tasks[WINDOW];
};

static enum rc collect(const char *path, void *ctx, struct err *err)
{
    struct labels *l = ctx;
    const char *slash = strrchr(path, '/');
    if (slash && slash[1] == '.') return RC_OK; /* .DS_Store and the like */
    buf_add_bytes(&l->paths, path, strlen(path) + 1);
    l->n_paths++;
    return buf_check(&l->paths, "the list of pictures", err);
}

/* All files below the operands; a path that does not exist is kept, and reported in its place. */
static enum rc collect_all(struct labels *l, char **operands, int n, struct err *err)
{
    for (int i = 0; i < n; i++) {
        enum rc rc;
        if (fs_is_dir(operands[i])) {
            rc = fs_walk(operands[i], collect, l, err);
        } else {
            buf_add_bytes(&l->paths, operands[i], strlen(operands[i]) + 1);
            l->n_paths++;
            rc = buf_check(&l->paths, "the list of pictures", err);
        }
        if (rc) return rc;
    }
    return RC_OK;
}

static void write_table_line(const struct infer_reading *r, const char *path, struct buf *out)
{
    char category[40], colours[64];
    int n = 0;
    snprintf(category, sizeof category, "%s%s", r->top[0].name ? r->top[0].name : "-", r->sure ? "" : "?");
    colours[0] = 0;
    for (size_t i = 0; i < r->n_colours && i < 3 && n >= 0 && (size_t)n < sizeof colours; i++)
        n += snprintf(colours + n, sizeof colours - (size_t)n, "%s%s %d%%", i ? ", " : "", r->colours[i].name,
                      (int)(r->colours[i].share * 100 + .5f));
    buf_addf(out, "%-16s %3d%%  %-14s %-7s %-7s %-13s %6zu  %-40s  ", category, (int)(r->top[0].p * 100 + .5f),
             r->colour.name ? r->colour.name : "-", r->gender.name ? r->gender.name : "-",
             r->season.name ? r->season.name : "-", r->style.name ? r->style.name : "-", r->n_pieces, colours);
    cli_plain(out, str_of(path));
    buf_addc(out, '\n');
}

static enum rc label(struct task *t, unsigned worker)
{
    const struct image_limits limits = {.max_bytes = MAX_FILE_BYTES, .longest_px = INFER_PICTURE_PX};
    struct image im = {0};
    struct infer_reading r = {0};
    char *bytes = NULL;
    size_t n;
    enum rc rc = fs_read(t->path, MAX_FILE_BYTES, &bytes, &n, &t->err);
    if (rc) return rc;
    rc = image_decode((struct str){bytes, n}, &limits, &im, NULL, &t->err);
    free(bytes);
    if (rc) return rc;
    rc = infer_read(t->all->model, worker, &im, INFER_READ_PIECES, &r, &t->err);
    image_release(&im);
    if (rc) return rc;
    if (t->all->json) {
        struct jout out = JOUT_INIT(&t->line);
        jout_object(&out);
        jout_kz(&out, "path", t->path);
        infer_reading_write(t->all->model, &r, &out);
        jout_kdec(&out, "plain", r.plain, 3);
        jout_end(&out);
        buf_addc(&t->line, '\n');
    } else {
        write_table_line(&r, t->path, &t->line);
    }
    infer_reading_release(&r);
    return buf_check(&t->line, "an answer", &t->err);
}

static void work(void *task, unsigned worker)
{
    struct task *t = task;
    enum rc rc = label(t, worker);
    if (rc && t->all->json) {
        struct jout out = JOUT_INIT(&t->line);
        buf_reset(&t->line);
        jout_object(&out);
        jout_kz(&out, "path", t->path);
        jout_kz(&out, "error", t->err.message);
        jout_end(&out);
        buf_addc(&t->line, '\n');
    }
    pthread_mutex_lock(&t->all->lock);
    t->done = true;
    pthread_cond_broadcast(&t->all->finished);
    pthread_mutex_unlock(&t->all->lock);
}

static void print_when_done(struct labels *l, struct task *t)
{
    pthread_mutex_lock(&l->lock);
    while (!t->done)
        pthread_cond_wait(&l->finished, &l->lock);
    pthread_mutex_unlock(&l->lock);
    if (t->err.code) {
        l->failed++;
        cli_complain("label", t->path, t->err.message);
    }
    fwrite(t->line.p, 1, t->line.n, stdout);
}

static enum rc label_all(struct labels *l, struct queue *workers, struct err *err)
{
    struct cli_progress progress = {0};
    const char *path = l->paths.p;
    size_t pushed = 0, printed = 0;
    enum rc rc = RC_OK;
    if (!isatty(STDOUT_FILENO)) cli_progress_start(&progress, "labelling", (int64_t)l->n_paths);
    while (printed < pushed || (!rc && pushed < l->n_paths && !cli_interrupted())) {
        while (!rc && pushed < l->n_paths && pushed - printed < WINDOW && !cli_interrupted()) {
            struct task *t = &l->tasks[pushed % WINDOW];
            buf_reset(&t->line);
            t->path = path;
            t->err = (struct err){0};
            t->done = false;
            rc = queue_push_wait(workers, work, t, err);
            if (rc) break;
            path += strlen(path) + 1;
            pushed++;
        }
        if (printed == pushed) break;
        print_when_done(l, &l->tasks[printed % WINDOW]);
        cli_progress_set(&progress, (int64_t)++printed);
    }
    cli_progress_end(&progress);
    if (!rc && fflush(stdout)) rc = err_errno(err, "the answers cannot be written");
    if (!rc && cli_interrupted()) rc = err_set(err, RC_STOPPED, "interrupted after %zu pictures", printed);
    if (!rc && l->failed)
        rc = err_set(err, RC_UNPROCESSABLE, "%zu of %zu pictures could not be read", l->failed, l->n_paths);
    return rc;
}

static enum rc open_model(struct labels *l, const char *dir, const struct config *config, unsigned workers,
                          struct err *err)
{
    char found[PATH_MAX], styles[PATH_MAX];
    struct infer_options options = {.workers = workers, .no_text = true, .styles = l->styles};
    if (!dir) dir = config_string(config, "model_dir");
    enum rc rc = *dir ? RC_OK : infer_default_dir(found, sizeof found, err);
    if (!options.styles && !styles_default_path(styles, sizeof styles, NULL)) options.styles = styles;
    if (!rc) rc = crypt_startup(err);
    if (!rc) rc = image_startup("penderie", err);
    return rc ? rc : infer_open(*dir ? dir : found, &options, &l->model, err);
}

static enum rc label_paths(struct labels *l, const char *dir, struct config *config, char **operands, int n,
                           struct err *err)
{
    struct queue *workers = NULL;
    enum rc rc = collect_all(l, operands, n, err);
    if (rc) return rc;
    if (l->n_paths == 0) return err_set(err, RC_INVALID, "there are no files in the folders named");
    unsigned threads = app_workers(config);
    if (threads > l->n_paths) threads = (unsigned)l->n_paths;
    rc = open_model(l, dir, config, threads, err);
    if (!rc) rc = queue_create("label", threads, WINDOW, &workers, err);
    if (rc) return rc;
    if (!l->json)
        printf("%-16s %4s  %-14s %-7s %-7s %-13s %6s  %-40s  %s\n", "CATEGORY", "", "COLOUR", "GENDER",
               "SEASON", "STYLE", "PIECES", "COLOURS", "PATH");
    rc = label_all(l, workers, err);
    queue_destroy(workers);
    return rc;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    const char *model = NULL, *file = NULL, *styles = NULL;
    struct cli_list sets = {0};
    bool help, json = false;
    const struct cli_option options[] = {
        {"json", CLI_FLAG, NULL, "one JSON object a line", &json, false},
        {"model", CLI_STRING, "DIR", "the model package (or the setting model_dir)", &model, false},
        {"styles", CLI_STRING, "FILE", "the main styles, by words and pictures", &styles, false},
        {"config", CLI_STRING, "FILE", "read settings from FILE", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "change one setting", &sets, false},
        {0},
    };
    char **operands;
    int n;
    struct config *config = NULL;
    enum rc rc = cli_parse(&cli_label, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    if (n == 0) return err_set(err, RC_INVALID, "name pictures or folders; --help says more");
    struct labels *l = calloc(1, sizeof *l);
    if (!l) return err_set(err, RC_NOMEM, "out of memory");
    l->json = json;
    l->styles = styles;
    l->paths = BUF_INIT(MAX_PATH_BYTES);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->finished, NULL);
    for (size_t i = 0; i < WINDOW; i++)
        l->tasks[i] = (struct task){.all = l, .line = BUF_INIT(MAX_LINE_BYTES)};
    cli_catch_signals();
    rc = cli_config(file, &sets, &config, err);
    if (!rc) rc = label_paths(l, model, config, operands, n, err);
    for (size_t i = 0; i < WINDOW; i++)
        buf_release(&l->tasks[i].line);
    buf_release(&l->paths);
    infer_close(l->model);
    pthread_cond_destroy(&l->finished);
    pthread_mutex_destroy(&l->lock);
    config_destroy(config);
    free(l);
    return rc;
}
