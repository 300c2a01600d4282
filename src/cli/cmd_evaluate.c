/*
 * penderie evaluate: how often the model is right on pictures whose labels are known, so that a house can measure it
 * on its own photos. The figures are those of training/ (evaluate.py): the same words mean the same.
 */
#include "app/app.h"
#include "base/arena.h"
#include "base/fs.h"
#include "base/jout.h"
#include "catalog/feed.h"
#include "cli/answer.h"
#include "cli/fan.h"
#include "demo/chart.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_evaluate = {
    .name = "evaluate",
    .summary = "measure the model on pictures of your own whose labels are known",
    .usage = "",
    .details =
        "The labels are delimited text with a header. Columns: image (a path in the folder of photos, with or\n"
        "without .jpg), category (a name of the model's, or several that are right: \"top|t-shirt\"); if\n"
        "wanted also gender, colour, season, style, label (what the figures by class go by; else the first\n"
        "category) and products (with --data: categories of products that answer the photo;\n"
        "else those of category).\n\n"
        "The criterion is met when the accuracy of the category reaches --least (0.85). It is certain when\n"
        "the lower end of its 95 % interval does. With --json, one object.",
    .run = run,
};

enum { FIELDS = 4, BINS = 10, NEAREST = 10, MAX_CLASSES = 100, MAX_PNG_BYTES = 64 << 20 };
static const char *const field_names[FIELDS] = {"gender", "colour", "season", "style"};
static const enum catalog_field field_columns[FIELDS] = {CATALOG_GENDER, CATALOG_COLOR, CATALOG_SEASON,
                                                         CATALOG_STYLE};
static const double z95 = 1.96;

struct example {
    const char *path;
    int64_t line;
    struct str category, products, label, fields[FIELDS]; /* in the arena; p NULL: not known */
    /* The answer: */
    bool done, right, sure, refused;
    struct str guess;
    float p;
    int field_right[FIELDS]; /* 1, 0; -1: not judged */
    double products_right;   /* part of the nearest products; < 0: not judged */
};

struct evaluate {
    const char *photos, *labels;
    struct arena arena;
    struct app app;
    struct example *examples;
    size_t n, cap, missing;
    bool skip_missing, open;
};

/* ---- labels ---- */

/* Whether `name` stands in "a|b|c". */
static bool among(struct str list, struct str name)
{
    struct str one;
    while ((one = str_split(&list, '|')).p)
        if (name.n && str_eq(str_trim(one), name)) return true;
    return false;
}

static enum rc find_picture(struct evaluate *e, struct str image, const char **out, struct err *err)
{
    static const char *const endings[] = {"", ".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif"};
    *out = NULL;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *path = arena_printf(&e->arena, "%s/%.*s%s", e->photos, STR_ARG(image), endings[i]);
        if (!path) return err_set(err, RC_NOMEM, "out of memory for the labels");
        if (!fs_exists(path) || fs_is_dir(path)) continue;
        *out = path;
        return RC_OK;
    }
    return RC_OK;
}

/* Each name of a|b|c must be one of the model's: a misspelt label would count as a mistake of the model. */
static enum rc check_names(struct evaluate *e, int64_t line, const char *field, struct str list,
                           struct err *err)
{
    const struct infer_head *head = infer_head(e->app.model, field);
    struct str one;
    if (!head) return RC_OK;
    while ((one = str_trim(str_split(&list, '|'))).p) {
        bool known = one.n == 0;
        for (size_t i = 0; i < head->n && !known; i++)
            known = str_eqz(one, head->labels[i]);
        if (known) continue;
        struct buf names = BUF_INIT(1 << 16);
        for (size_t i = 0; i < head->n; i++)
            buf_addf(&names, "%s%s", i ? ", " : "", head->labels[i]);
        enum rc rc = err_set(err, RC_INVALID, "%s, line %lld: the model knows no %s \"%.*s\"; it knows: %.*s",
                             e->labels, (long long)line, field, STR_ARG(one), STR_ARG(buf_str(&names)));
        buf_release(&names);
        return rc;
    }
    return RC_OK;
}

static enum rc keep(struct evaluate *e, struct str s, struct str *out, struct err *err)
{
    *out = s.n ? arena_str(&e->arena, s) : STR_NONE;
    return s.n && !out->p ? err_set(err, RC_NOMEM, "out of memory for the labels") : RC_OK;
}

static struct str extra(const struct catalog_feed_row *row, const char *name)
{
    for (size_t i = 0; i < row->n_extra; i++)
        if (str_ieqz(row->extra_names[i], name)) return row->extra_values[i];
    return STR_NONE;
}

static enum rc add_row(struct evaluate *e, const struct catalog_feed_row *row, struct err *err)
{
    struct example x = {.line = row->line, .products_right = -1};
    struct str image = row->value[CATALOG_ID];
    enum rc rc = find_picture(e, image, &x.path, err);
    if (rc) return rc;
    if (!x.path) {
        e->missing++;
        if (e->skip_missing) return RC_OK;
        return err_set(err, RC_NOT_FOUND,
                       "%s, line %lld: there is no picture %.*s in %s (--skip-missing passes over such rows)",
                       e->labels, (long long)row->line, STR_ARG(image), e->photos);
    }
    rc = keep(e, row->value[CATALOG_TITLE], &x.category, err);
    if (!rc) rc = keep(e, extra(row, "label"), &x.label, err);
    if (!rc) rc = keep(e, extra(row, "products"), &x.products, err);
    if (!rc) rc = check_names(e, x.line, "category", x.category, err);
    for (size_t f = 0; !rc && f < FIELDS; f++) {
        rc = keep(e, row->value[field_columns[f]], &x.fields[f], err);
        if (!rc) rc = check_names(e, x.line, field_names[f], x.fields[f], err);
    }
    if (rc) return rc;
    if (e->n == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 256;
        struct example *more = realloc(e->examples, cap * sizeof *more);
        if (!more) return err_set(err, RC_NOMEM, "out of memory for the labels");
        e->examples = more;
        e->cap = cap;
    }
    e->examples[e->n++] = x;
    return RC_OK;
}

struct first_problem {
    int64_t line;
    char reason[160];
};

static void problem(void *ctx, int64_t line, struct str id, const char *field, const char *reason,
                    struct str value)
{
    struct first_problem *p = ctx;
    (void)id, (void)field, (void)value;
    if (p->line) return;
    p->line = line;
    snprintf(p->reason, sizeof p->reason, "%s", reason);
}

static enum rc read_labels(struct evaluate *e, struct err *err)
{
    struct first_problem first = {0};
    const struct catalog_feed_options options = {.kind = CATALOG_FEED_PRODUCTS,
                                                 .columns = "id=image,title=category",
                                                 .problem = problem,
                                                 .problem_ctx = &first};
    struct catalog_feed *feed = NULL;
    struct catalog_feed_row row;
    bool more = true;
    enum rc rc = catalog_feed_open(e->labels, &options, &feed, err);
    if (rc == RC_INVALID)
        return err_set(err, rc,
                       "%s needs a header with the columns image and category (and, if wanted, gender, colour, "
                       "season, style, label, products)",
                       e->labels);
    while (!rc && more) {
        rc = catalog_feed_next(feed, &row, &more, err);
        if (!rc && more) rc = add_row(e, &row, err);
    }
    catalog_feed_close(feed);
    if (!rc && first.line)
        rc = err_set(err, RC_INVALID, "%s, line %lld: %s", e->labels, (long long)first.line, first.reason);
    if (!rc && e->n == 0)
        rc = err_set(err, RC_INVALID, "%s labels no picture that is in %s", e->labels, e->photos);
    return rc;
}

/* ---- asking the model ---- */

static const char *name_of(void *ctx, size_t index)
{
    const struct evaluate *e = ctx;
    return e->examples[index].path;
}

/* Of the products that `recommend` answers the photo with, how many are of a kind that answers it. */
static enum rc judge_products(struct evaluate *e, struct example *x, const struct infer_reading *reading,
                              unsigned worker, struct err *err)
{
    struct arena arena = ARENA_INIT((size_t)1 << 30);
    struct str accepted = x->products.n ? x->products : x->category;
    struct rank_seen seen;
    struct rank_answer answer;
    struct rank_query q = {.worker = worker,
                           .distinct = true,
                           .limit = NEAREST,
                           .lang = "fr",
                           .filter = RANK_FILTER_NONE,
                           .picture = reading->embedding,
                           .seen = &seen};
    size_t right = 0;
    rank_see(reading, &seen);
    enum rc rc = rank_search(e->app.rank, &q, &arena, &answer, err);
    for (size_t i = 0; !rc && i < answer.n; i++)
        right += among(accepted, answer.items[i].category);
    if (!rc) x->products_right = (double)right / NEAREST;
    arena_release(&arena);
    return rc;
}

static enum rc judge(void *ctx, size_t index, unsigned worker, struct buf *line, struct err *err)
{
    struct evaluate *e = ctx;
    struct example *x = &e->examples[index];
    struct infer_reading r = {0};
    (void)line;
    worker += e->app.job_worker;
    enum rc rc = answer_read_picture(e->app.model, worker, x->path, &r, err);
    if (!rc && e->app.rank) rc = judge_products(e, x, &r, worker, err);
    if (!rc) {
        const struct infer_head *garment = infer_head(e->app.model, "garment");
        const struct infer_label found[FIELDS] = {r.gender, r.colour, r.season, r.style};
        x->guess = str_of(r.top[0].name);
        x->p = r.top[0].p;
        x->right = among(x->category, x->guess);
        x->sure = r.sure;
        x->refused = garment && r.garment < garment->sure_threshold;
        for (size_t f = 0; f < FIELDS; f++)
            x->field_right[f] =
                x->fields[f].n && found[f].name ? among(x->fields[f], str_of(found[f].name)) : -1;
        x->done = true;
    }
    infer_reading_release(&r);
    return rc;
}

/* ---- figures ---- */

struct share {
    double hits;
    size_t n;
};

static void count(struct share *s, double hit)
{
    s->hits += hit;
    s->n++;
}

static double part(struct share s) { return s.n ? s.hits / (double)s.n : 0; }

/* 95 % interval (Wilson 1927). */
static void interval(struct share s, double *low, double *high)
{
    double n = (double)s.n, p = part(s), z2 = z95 * z95;
    if (!s.n) {
        *low = 0, *high = 1;
        return;
    }
    double centre = p + z2 / (2 * n), half = z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    *low = fmax(0, (centre - half) / (1 + z2 / n));
    *high = (centre + half) / (1 + z2 / n);
}

struct class_figures {
    struct str name;
    struct share right;
};

struct figures {
    struct share category, sure, sure_right, refused, products, fields[FIELDS];
    double calibration_error;
    struct class_figures classes[MAX_CLASSES];
    size_t n_classes, beyond; /* examples of further classes */
};

static struct str first_of(struct str list) { return str_trim(str_split(&list, '|')); }

static void count_class(struct figures *g, const struct example *x)
{
    struct str name = x->label.n ? x->label : first_of(x->category);
    size_t i = 0;
    while (i < g->n_classes && !str_eq(g->classes[i].name, name))
        i++;
    if (i == MAX_CLASSES) {
        g->beyond++;
        return;
    }
    if (i == g->n_classes) g->classes[g->n_classes++] = (struct class_figures){.name = name};
    count(&g->classes[i].right, x->right);
}

/* Expected calibration error: in tenths of the probability, how far it is from how often it was right. */
static double calibration_error(const struct evaluate *e, size_t judged)
{
    double sum_p[BINS] = {0}, sum_right[BINS] = {0}, error = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct example *x = &e->examples[i];
        if (!x->done) continue;
        int bin = (int)(x->p * BINS);
        if (bin > BINS - 1) bin = BINS - 1;
        sum_p[bin] += x->p;
        sum_right[bin] += x->right;
    }
    for (int b = 0; b < BINS; b++)
        error += fabs(sum_p[b] - sum_right[b]);
    return judged ? error / (double)judged : 0;
}

static int by_name(const void *a, const void *b)
{
    const struct class_figures *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

static void add_up(const struct evaluate *e, struct figures *g)
{
    *g = (struct figures){0};
    for (size_t i = 0; i < e->n; i++) {
        const struct example *x = &e->examples[i];
        if (!x->done) continue;
        count(&g->category, x->right);
        count(&g->sure, x->sure);
        if (x->sure) count(&g->sure_right, x->right);
        count(&g->refused, x->refused);
        if (x->products_right >= 0) count(&g->products, x->products_right);
        for (size_t f = 0; f < FIELDS; f++)
            if (x->field_right[f] >= 0) count(&g->fields[f], x->field_right[f]);
        count_class(g, x);
    }
    g->calibration_error = calibration_error(e, g->category.n);
    qsort(g->classes, g->n_classes, sizeof *g->classes, by_name);
}

/* ---- telling ---- */

static void write_share(struct jout *out, const char *name, struct share s)
{
    double low, high;
    if (!s.n) return;
    interval(s, &low, &high);
    jout_key(out, name);
    jout_object(out);
    jout_kdec(out, "value", part(s), 4);
    jout_ki64(out, "n", (int64_t)s.n);
    jout_key(out, "interval");
    jout_array(out);
    jout_dec(out, low, 4);
    jout_dec(out, high, 4);
    jout_end(out);
    jout_end(out);
}

static void write_json(const struct evaluate *e, const struct figures *g, double least, struct buf *text)
{
    struct jout out = JOUT_INIT(text);
    double low, high;
    interval(g->category, &low, &high);
    jout_object(&out);
    jout_kz(&out, "model", infer_version(e->app.model));
    jout_ki64(&out, "pictures", (int64_t)g->category.n);
    jout_ki64(&out, "missing", (int64_t)e->missing);
    jout_key(&out, "criterion");
    jout_object(&out);
    jout_kdec(&out, "least", least, 4);
    jout_kbool(&out, "met", part(g->category) >= least);
    jout_kbool(&out, "certain", low >= least);
    jout_end(&out);
    jout_key(&out, "figures");
    jout_object(&out);
    write_share(&out, "category_accuracy", g->category);
    write_share(&out, "sure_share", g->sure);
    write_share(&out, "sure_accuracy", g->sure_right);
    write_share(&out, "refused_as_no_garment", g->refused);
    for (size_t f = 0; f < FIELDS; f++) {
        char name[32];
        snprintf(name, sizeof name, "%s_accuracy", field_names[f]);
        write_share(&out, name, g->fields[f]);
    }
    write_share(&out, "photo_to_product_p10", g->products);
    jout_key(&out, "category_calibration_error");
    jout_object(&out);
    jout_kdec(&out, "value", g->calibration_error, 4);
    jout_ki64(&out, "n", (int64_t)g->category.n);
    jout_end(&out);
    jout_end(&out);
    jout_key(&out, "classes");
    jout_object(&out);
    for (size_t i = 0; i < g->n_classes; i++) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", STR_ARG(g->classes[i].name));
        write_share(&out, name, g->classes[i].right);
    }
    jout_end(&out);
    jout_end(&out);
    buf_addc(text, '\n');
}

static void print_share(const char *name, size_t n_name, struct share s)
{
    double low, high;
    if (!s.n) return;
    struct buf plain = BUF_INIT(4096);
    cli_plain(&plain, (struct str){name, n_name});
    interval(s, &low, &high);
    printf("  %-28.*s %6.1f %%   %5.1f to %5.1f   %6zu\n", STR_ARG(buf_str(&plain)), 100 * part(s), 100 * low,
           100 * high, s.n);
    buf_release(&plain);
}

static void print_table(const struct evaluate *e, const struct figures *g, double least)
{
    double low, high;
    interval(g->category, &low, &high);
    printf("%s, %zu pictures", infer_version(e->app.model), g->category.n);
    if (e->missing) printf(" (%zu more are labelled and not there)", e->missing);
    printf("\n\n  %-28s %8s   %14s   %6s\n", "", "right", "95 % interval", "n");
    print_share("category", 8, g->category);
    print_share("answers that are sure", 21, g->sure);
    print_share("  right of them", 15, g->sure_right);
    print_share("refused as no garment", 21, g->refused);
    for (size_t f = 0; f < FIELDS; f++)
        print_share(field_names[f], strlen(field_names[f]), g->fields[f]);
    print_share("products that answer, of 10", 27, g->products);
    printf("  %-28s %8.3f\n\nBy class\n", "calibration error", g->calibration_error);
    for (size_t i = 0; i < g->n_classes; i++)
        print_share(g->classes[i].name.p, g->classes[i].name.n, g->classes[i].right);
    if (g->beyond) printf("  (%zu pictures of further classes are not listed)\n", g->beyond);
    printf("\nThe criterion, %.0f %% of categories right, is %s.\n", 100 * least,
           low >= least                 ? "met, and the interval lies above it"
           : part(g->category) >= least ? "met; the interval reaches below it: more pictures would tell"
           : high >= least              ? "not met; the interval reaches above it: more pictures would tell"
                                        : "not met");
}

/* ---- the matrix ---- */

/* Rows by the first category; an answer that also counts as right stands in the row of the truth's own column. */
static enum rc write_matrix(const struct evaluate *e, const char *path, struct err *err)
{
    const struct infer_head *head = infer_head(e->app.model, "category");
    struct buf png = BUF_INIT(MAX_PNG_BYTES);
    struct image im = {0};
    char title[200];
    if (!head || head->n > 100)
        return err_set(err, RC_UNSUPPORTED, "a matrix is drawn for 1 to 100 categories");
    unsigned *all = calloc(2 * head->n * head->n, sizeof *all), *counts = all ? all + head->n * head->n : NULL;
    const char **names = calloc(head->n, sizeof *names);
    size_t *used = calloc(head->n, sizeof *used), n = 0, right = 0, judged = 0;
    enum rc rc = all && names && used ? RC_OK : err_set(err, RC_NOMEM, "out of memory for the matrix");
    for (size_t k = 0; !rc && k < e->n; k++) {
        const struct example *x = &e->examples[k];
        size_t i = 0, j = 0;
        while (i < head->n && !str_eqz(first_of(x->category), head->labels[i]))
            i++;
        while (j < head->n && !str_eqz(x->guess, head->labels[j]))
            j++;
        if (!x->done || i == head->n || j == head->n) continue;
        all[i * head->n + (x->right ? i : j)]++;
        used[i] = used[x->right ? i : j] = 1;
        right += x->right;
        judged++;
    }
    for (size_t i = 0; !rc && i < head->n; i++) /* only categories that occur */
        if (used[i]) {
            names[n] = head->labels[i];
            used[n++] = i;
        }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            counts[i * n + j] = all[used[i] * head->n + used[j]];
    snprintf(title, sizeof title, "%s: %zu of %zu right. Rows: what it is; columns: what it was taken for",
             infer_version(e->app.model), right, judged);
    if (!rc && n) rc = chart_confusion(&(struct chart_confusion){title, names, counts, n}, &im, err);
    if (!rc && n) rc = image_encode(&im, IMAGE_PNG, 90, &png, err);
    if (!rc && n) rc = fs_write_atomic(path, png.p, png.n, 0644, err);
    image_release(&im);
    buf_release(&png);
    free(all);
    free(names);
    free(used);
    return rc;
}

/* ---- the command ---- */

static enum rc tell(const struct evaluate *e, double least, bool json, const char *matrix, struct err *err)
{
    struct figures *g = malloc(sizeof *g);
    if (!g) return err_set(err, RC_NOMEM, "out of memory for the figures");
    add_up(e, g);
    enum rc rc = RC_OK;
    if (json) {
        struct buf text = BUF_INIT(4 << 20);
        write_json(e, g, least, &text);
        rc = buf_check(&text, "the figures", err);
        if (!rc) fwrite(text.p, 1, text.n, stdout);
        buf_release(&text);
    } else {
        print_table(e, g, least);
    }
    free(g);
    if (!rc && matrix) rc = write_matrix(e, matrix, err);
    return rc;
}

static enum rc evaluate(struct evaluate *e, struct config *config, const char *data, struct err *err)
{
    unsigned parts = APP_MODEL | (data ? APP_CATALOG | APP_RANK | APP_READ_ONLY : 0);
    enum rc rc = image_startup("penderie", err);
    if (!rc) rc = app_open(&e->app, config, cli_modules, data, parts, err);
    if (rc) return rc;
    e->open = true;
    rc = read_labels(e, err);
    if (rc) return rc;
    size_t most = e->n < e->app.job_workers ? e->n : e->app.job_workers;
    const struct cli_fan fan = {"evaluate", name_of, judge, e, e->n, most ? (unsigned)most : 1};
    return cli_fan_run(&fan, err);
}

static enum rc check_options(const struct evaluate *e, const char *least, const char *matrix, double *out,
                             struct err *err)
{
    if (!fs_is_dir(e->photos)) return err_set(err, RC_NOT_FOUND, "there is no folder %s", e->photos);
    if (!str_to_f64(str_of(least), out) || !(*out > 0 && *out <= 1))
        return err_set(err, RC_INVALID, "--least takes a number above 0 and up to 1, as in 0.85");
    if (matrix && !str_ends(str_of(matrix), STR(".png")))
        return err_set(err, RC_INVALID, "--confusion writes a PNG: name a file that ends in .png");
    return RC_OK;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    const char *data = NULL, *file = NULL, *model = NULL, *matrix = NULL, *least_text = "0.85";
    struct cli_list sets = {0};
    bool help, json = false;
    double least = 0;
    struct evaluate e = {.arena = ARENA_INIT((size_t)1 << 30)};
    const struct cli_option options[] = {
        {"photos", CLI_STRING, "DIR", "the folder of pictures", &e.photos, true},
        {"labels", CLI_STRING, "FILE", "what they show", &e.labels, true},
        {"data", CLI_STRING, "DIR", "a data folder: measure which of its products are found too", &data, false},
        {"confusion", CLI_STRING, "FILE.png", "draw what was taken for what", &matrix, false},
        {"least", CLI_STRING, "P", "the accuracy that is wanted (default 0.85)", &least_text, false},
        {"skip-missing", CLI_FLAG, NULL, "pass over labels without a picture", &e.skip_missing, false},
        {"json", CLI_FLAG, NULL, "one JSON object", &json, false},
        {"model", CLI_STRING, "DIR", "the model package (or the setting model_dir)", &model, false},
        {"config", CLI_STRING, "FILE", "read settings from FILE", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "change one setting", &sets, false},
        {0},
    };
    char **operands;
    int n;
    struct config *config = NULL;
    enum rc rc = cli_parse(&cli_evaluate, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    if (n) return err_set(err, RC_INVALID, "it takes no %s; --help says more", operands[0]);
    rc = check_options(&e, least_text, matrix, &least, err);
    cli_catch_signals();
    if (!rc) rc = cli_config(file, &sets, &config, err);
    if (!rc && model) rc = cli_config_set(config, "model_dir", model, err);
    if (!rc) {
        rc = evaluate(&e, config, data, err);
        if (e.n && (!rc || rc == RC_UNPROCESSABLE)) { /* pictures that cannot be read: the others count */
            enum rc told = tell(&e, least, json, matrix, rc ? &(struct err){0} : err);
            if (!rc) rc = told;
        }
        if (e.open) app_close(&e.app);
    }
    config_destroy(config);
    free(e.examples);
    arena_release(&e.arena);
    return rc;
}
