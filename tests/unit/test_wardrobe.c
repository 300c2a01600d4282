/* The wardrobe over stores, vault and register of its own: photos and their files, rights, history, and kill -9. */
#include "test.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/module.h"
#include "blob/blob.h"
#include "crypt/crypt.h"
#include "privacy/consent.h"
#include "privacy/privacy.h"
#include "privacy/privacy_internal.h"
#include "vault/vault.h"
#include "wardrobe/wardrobe_internal.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err err;
static struct app app;
static char dir[512];
static const struct module *const modules[] = {&privacy_module, &wardrobe_module, NULL};

enum { JPEG_BYTES = 120000, DIM = 8, KILL_PHOTO_BYTES = 700000 };
static char jpeg[KILL_PHOTO_BYTES]; /* stands for a photo: the store does not look into it */

static enum rc open_store(const char *name, struct store **out)
{
    char url[600];
    struct store_options options = {.name = name, .overwrite = true};
    snprintf(url, sizeof url, "sqlite:%s/%s.db", dir, name);
    enum rc rc = store_open(url, &options, out, &err);
    for (size_t i = 0; !rc && modules[i]; i++)
        if (modules[i]->migrations) rc = store_migrate(*out, modules[i]->name, modules[i]->migrations, &err);
    return rc;
}

static enum rc house_open(void)
{
    static const struct config_key *tables[4];
    char url[600];
    tables[0] = vault_config;
    tables[1] = privacy_module.config;
    tables[2] = wardrobe_module.config;
    app = (struct app){.data_dir = dir, .modules = modules};
    snprintf(url, sizeof url, "file:%s/wardrobe", dir);
    enum rc rc = crypt_startup(&err);
    if (!rc) rc = config_create(tables, &app.config, &err);
    if (!rc) rc = vault_open(dir, app.config, &app.vault, &err);
    if (!rc) rc = open_store("wardrobe", &app.wardrobe);
    if (!rc) rc = open_store("activity", &app.activity);
    if (!rc) rc = open_store("register", &app.reg);
    if (!rc) rc = blob_open(url, &app.photos, &err);
    return rc;
}

static void house_close(void)
{
    blob_close(app.photos);
    store_close(app.reg);
    store_close(app.activity);
    store_close(app.wardrobe);
    vault_close(app.vault);
    config_destroy(app.config);
    app = (struct app){0};
}

static int setup(void **state)
{
    void *path;
    (void)state;
    if (temp_dir_make(&path)) return -1;
    snprintf(dir, sizeof dir, "%s", (char *)path);
    free(path);
    for (size_t i = 0; i < sizeof jpeg; i++)
        jpeg[i] = (char)(i * 31 + i / 251);
    memcpy(jpeg, "a photo of clothes", 18);
    if (!house_open()) return 0;
    fprintf(stderr, "%s\n", err.message);
    return -1;
}

static int teardown(void **state)
{
    (void)state;
    clock_freeze(-1);
    house_close();
    return fs_remove_tree(dir, NULL) ? -1 : 0;
}

static int64_t number(struct store *s, const char *sql)
{
    struct store_tx *tx = NULL;
    int64_t n = -1;
    assert_ok(store_begin(s, STORE_READ, &tx, &err));
    assert_ok(store_get_i64(tx, sql, STORE_NO_ARGS, &n, NULL, &err));
    store_rollback(tx);
    return n;
}

static enum rc change(struct store *s, const char *sql)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(s, STORE_WRITE, &tx, &err);
    if (!rc) rc = store_exec(tx, sql, STORE_NO_ARGS, NULL, &err);
    if (!rc) return store_commit(tx, &err);
    store_rollback(tx);
    return rc;
}

static enum rc count_file(const char *path, void *ctx, struct err *e)
{
    (void)e;
    (void)path;
    ++*(int *)ctx;
    return RC_OK;
}

static int files(void)
{
    char root[600];
    int n = 0;
    snprintf(root, sizeof root, "%s/wardrobe", dir);
    assert_ok(fs_walk(root, count_file, &n, &err));
    return n;
}

static void person(const char *id) { assert_ok(vault_add_person(app.vault, str_of(id), &err)); }

static enum rc agree(const char *who, const char *photo, enum consent_purpose purpose)
{
    const struct consent_given c = {str_of(who), str_of(photo), purpose, str_of(consent_texts[0].version),
                                    STR("fr"),   "web"};
    return consent_give(&app, &c, &err);
}

static float embedding[DIM] = {1, 0, 0, 0, 0, 0, 0, 0};

static struct wardrobe_photo a_photo(const char *id, bool tryon)
{
    struct wardrobe_photo p = {.id = str_of(id),
                               .width = 900,
                               .height = 1200,
                               .faces = 1,
                               .tryon = tryon,
                               .model = STR("test 1"),
                               .dim = DIM,
                               .n = 2};
    for (size_t i = 0; i < 2; i++)
        p.pieces[i] =
            (struct wardrobe_piece){.id = i ? STR("BBBBBBBBBBBBBBBBBBBBBB") : STR("AAAAAAAAAAAAAAAAAAAAAA"),
                                    .box = {.1f, .2f, .3f, .4f},
                                    .label = {i ? STR("jeans") : STR("t-shirt"), i ? STR("Blue") : STR("Red"),
                                              STR("Women"), STR_NONE, STR("Casual")},
                                    .probability = .75f,
                                    .sure = true,
                                    .colours = {{STR("Red"), {200, 10, 20}, .9f}},
                                    .n_colours = 1,
                                    .embedding = embedding};
    return p;
}

static enum rc put(const char *who, const char *id, bool tryon)
{
    struct wardrobe_photo p = a_photo(id, tryon);
    struct str bytes = {jpeg, JPEG_BYTES};
    return wardrobe_keep(&app, str_of(who), &p, bytes, tryon ? (struct str){jpeg + 1, JPEG_BYTES} : STR_NONE,
                         &err);
}

#define ANNA "annaaaaaaaaaaaaaaaaaaa"
#define BERTA "bertaaaaaaaaaaaaaaaaaa"
#define P1 "photo11111111111111111"
#define P2 "photo22222222222222222"

/* ---- keeping ---- */

static void test_no_photo_without_consent(void **state)
{
    (void)state;
    person(ANNA);
    assert_rc(put(ANNA, P1, false), RC_FORBIDDEN);
    assert_int_equal(files(), 0);
    assert_int_equal(number(app.wardrobe, "SELECT count(*) FROM wardrobe_photo"), 0);
    assert_int_equal(number(app.wardrobe, "SELECT count(*) FROM wardrobe_blob"), 0);
    assert_ok(agree(ANNA, P1, CONSENT_RECOMMENDATION));
    assert_rc(put(ANNA, P1, true), RC_FORBIDDEN); /* with its faces: needs try-on */
    assert_int_equal(files(), 0);
    assert_ok(put(ANNA, P1, false));
    assert_rc(put(ANNA, P2, false), RC_FORBIDDEN); /* the consent was for the other */
    assert_int_equal(files(), 1);
    assert_int_equal(number(app.wardrobe, "SELECT count(*) FROM wardrobe_blob"), 0);
}

static void test_what_was_kept_comes_back(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT(1 << 20);
    struct wardrobe_photo p, *all = NULL;
    struct buf out = BUF_INIT(1 << 20);
    size_t n = 0;
    clock_freeze(INT64_C(1764000000000) + 12345678);
    person(ANNA);
    person(BERTA);
    assert_ok(agree(ANNA, NULL, CONSENT_RECOMMENDATION));
    assert_ok(agree(ANNA, P2, CONSENT_TRYON));
    assert_ok(put(ANNA, P1, false));
    assert_ok(put(ANNA, P2, true));
    assert_ok(wardrobe_load(&app, STR(ANNA), STR(P2), &arena, &p, &err));
    assert_int_equal(p.day_ms % 86400000, 0);
    assert_int_equal(p.width, 900);
    assert_int_equal(p.faces, 1);
    assert_true(p.tryon);
    assert_int_equal(p.n, 2);
    assert_true(str_eqz(p.pieces[1].label[WARDROBE_CATEGORY], "jeans"));
    assert_null(p.pieces[1].label[WARDROBE_SEASON].p);
    assert_true(p.pieces[0].probability > .749f && p.pieces[0].probability < .751f);
    assert_int_equal(p.pieces[0].colours[0].rgb[0], 200);
    assert_memory_equal(p.pieces[0].embedding, embedding, sizeof embedding);
    assert_ok(wardrobe_image(&app, STR(ANNA), &p, false, &out, &err));
    assert_int_equal(out.n, JPEG_BYTES);
    assert_memory_equal(out.p, jpeg, JPEG_BYTES);
    buf_reset(&out);
    assert_ok(wardrobe_image(&app, STR(ANNA), &p, true, &out, &err));
    assert_memory_equal(out.p, jpeg + 1, JPEG_BYTES);
    assert_ok(wardrobe_all(&app, STR(ANNA), &arena, &all, &n, &err));
    assert_int_equal(n, 2);
    assert_rc(wardrobe_load(&app, STR(BERTA), STR(P2), &arena, &p, &err), RC_NOT_FOUND);
    assert_rc(wardrobe_remove(&app, STR(BERTA), STR(P2), &err), RC_NOT_FOUND);
    buf_release(&out);
    arena_release(&arena);
}

static void test_exchanged_rows_and_files_do_not_open(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT(1 << 20);
    struct wardrobe_photo p;
    struct buf out = BUF_INIT(1 << 20);
    person(ANNA);
    assert_ok(agree(ANNA, NULL, CONSENT_RECOMMENDATION));
    assert_ok(put(ANNA, P1, false));
    assert_ok(put(ANNA, P2, false));
    assert_ok(change(app.wardrobe,
                     "UPDATE wardrobe_photo SET blob = (SELECT blob FROM wardrobe_photo WHERE id = '" P2
                     "') WHERE id = '" P1 "'"));
    assert_ok(wardrobe_load(&app, STR(ANNA), STR(P1), &arena, &p, &err));
    assert_rc(wardrobe_image(&app, STR(ANNA), &p, false, &out, &err), RC_CORRUPT);
    assert_ok(change(app.wardrobe,
                     "UPDATE wardrobe_photo SET record = (SELECT record FROM wardrobe_photo WHERE id = '" P2
                     "') WHERE id = '" P1 "'"));
    assert_rc(wardrobe_load(&app, STR(ANNA), STR(P1), &arena, &p, &err), RC_CORRUPT);
    buf_release(&out);
    arena_release(&arena);
}

static void test_a_limit_for_each_person(void **state)
{
    (void)state;
    person(ANNA);
    assert_ok(agree(ANNA, NULL, CONSENT_RECOMMENDATION));
    assert_ok(config_set(app.config, STR("wardrobe_max_photos"), STR("1"), &err));
    assert_ok(put(ANNA, P1, false));
    assert_rc(put(ANNA, P2, false), RC_CONFLICT);
    assert_int_equal(files(), 1);
}

static void test_corrections_stay(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT(1 << 20);
    struct wardrobe_photo p;
    person(ANNA);
    assert_ok(agree(ANNA, NULL, CONSENT_RECOMMENDATION));
    assert_ok(put(ANNA, P1, false));
    assert_ok(wardrobe_load(&app, STR(ANNA), STR(P1), &arena, &p, &err));
    p.pieces[0].label[WARDROBE_COLOUR] = STR("Green");
    p.pieces[0].corrected[WARDROBE_COLOUR] = true;
    assert_ok(wardrobe_update(&app, STR(ANNA), &p, &err));
    assert_ok(wardrobe_load(&app, STR(ANNA), STR(P1), &arena, &p, &err));
    assert_true(str_eqz(p.pieces[0].label[WARDROBE_COLOUR], "Green"));
    assert_true(p.pieces[0].corrected[WARDROBE_COLOUR] && !p.pieces[0].corrected[WARDROBE_CATEGORY]);
    assert_memory_equal(p.pieces[0].embedding, embedding, sizeof embedding);
    arena_release(&arena);
}

/* ---- removing ---- */

static void test_withdrawal_removes_what_rested_on_it(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT(1 << 20);
    struct wardrobe_photo p;
    person(ANNA);
    assert_ok(agree(ANNA, NULL, CONSENT_RECOMMENDATION));
    assert_ok(agree(ANNA, NULL, CONSENT_TRYON));
    assert_ok(put(ANNA, P1, true));
    assert_ok(put(ANNA, P2, true));
    assert_int_equal(files(), 4);
    assert_ok(consent_withdraw(&app, STR(ANNA), STR(P1), CONSENT_TRYON, "web", &err));
    assert_int_equal(files(), 3);
    assert_ok(wardrobe_load(&app, STR(ANNA), STR(P1), &arena, &p, &err));
    assert_false(p.tryon);
    assert_ok(consent_withdraw(&app, STR(ANNA), STR(P1), CONSENT_IMPROVEMENT, "web", &err));
    assert_int_equal(files(), 3);
    assert_ok(consent_withdraw(&app, STR(ANNA), STR(P1), CONSENT_RECOMMENDATION, "web", &err));
    assert_rc(wardrobe_load(&app, STR(ANNA), STR(P1), &arena, &p, &err), RC_NOT_FOUND);
    assert_int_equal(files(), 2);
    assert_ok(consent_withdraw(&app, STR(ANNA), STR_NONE, CONSENT_RECOMMENDATION, "web", &err));
    assert_int_equal(files(), 0);
    assert_int_equal(number(app.wardrobe, "SELECT count(*) FROM wardrobe_photo"), 0);
    assert_int_equal(number(app.wardrobe, "SELECT count(*) FROM wardrobe_blob"), 0);
    arena_release(&arena);
}

static void test_erasure_and_export(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(1 << 20);
    struct jout json = JOUT_INIT(&text);
    struct jval *doc = NULL;
    person(ANNA);
    assert_ok(agree(ANNA, NULL, CONSENT_RECOMMENDATION));
    assert_ok(put(ANNA, P1, false));
    assert_ok(wardrobe_set_preferences(&app, STR(ANNA), STR("{\"styles\":[\"Casual\"]}"), &err));
    assert_ok(activity_note(&app, STR(ANNA), ACTIVITY_LIKE, STR("product-7"), &err));
    jout_object(&json);
    assert_ok(wardrobe_module.export_user(&app, ANNA, &json, &err));
    jout_end(&json);
    assert_ok(jval_parse(buf_str(&text), 1 << 20, &doc, &err));
    const struct jval *photos = jval_get(doc, "photos"), *events = jval_get(doc, "activity");
    assert_int_equal(jval_len(photos), 1);
    assert_int_equal(jval_len(jval_get(jval_at(photos, 0), "pieces")), 2);
    assert_true(jval_str(jval_get(jval_at(jval_get(jval_at(photos, 0), "pieces"), 0), "embedding")).n > 0);
    assert_true(str_eqz(jval_str(jval_get(jval_at(events, 0), "product")), "product-7"));
    assert_true(str_eqz(jval_str(jval_at(jval_get(jval_get(doc, "preferences"), "styles"), 0)), "Casual"));
    for (int again = 0; again < 2; again++) {
        assert_ok(wardrobe_module.erase_user(&app, ANNA, &err));
        assert_int_equal(files(), 0);
        assert_int_equal(number(app.wardrobe, "SELECT count(*) FROM wardrobe_photo"), 0);
        assert_int_equal(number(app.wardrobe, "SELECT count(*) FROM wardrobe_preferences"), 0);
        assert_int_equal(number(app.activity, "SELECT count(*) FROM activity_event"), 0);
    }
    jval_destroy(doc);
    buf_release(&text);
}

/* ---- history ---- */

static void test_history(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT(1 << 20);
    struct activity_event *events = NULL;
    size_t n = 0;
    int64_t counted = 0, t0 = INT64_C(1764000000000);
    person(ANNA);
    clock_freeze(t0 + 1234567);
    assert_ok(activity_note(&app, STR(ANNA), ACTIVITY_VIEW, STR("old"), &err));
    clock_freeze(t0 + 40 * INT64_C(86400000));
    assert_ok(activity_note(&app, STR(ANNA), ACTIVITY_BUY, STR("new"), &err));
    assert_ok(activity_all(&app, STR(ANNA), &arena, &events, &n, &err));
    assert_int_equal(n, 2);
    assert_true(str_eqz(events[0].product, "new") && events[0].kind == ACTIVITY_BUY);
    assert_int_equal(events[1].hour_ms % 3600000, 0);
    assert_ok(activity_aggregate(&app, t0 + 2 * INT64_C(86400000), true, &counted, &err));
    assert_int_equal(counted, 1);
    assert_int_equal(number(app.activity, "SELECT count(*) FROM activity_event"), 2);
    assert_ok(activity_aggregate(&app, t0 + 2 * INT64_C(86400000), false, &counted, &err));
    assert_int_equal(number(app.activity, "SELECT count(*) FROM activity_event"), 1);
    assert_int_equal(number(app.activity, "SELECT sum(n) FROM activity_total WHERE kind = 'view'"), 1);
    assert_ok(activity_aggregate(&app, t0 + 2 * INT64_C(86400000), false, &counted, &err));
    assert_int_equal(counted, 0);
    arena_release(&arena);
}

/* Nothing of a person can be read in the files without the vault. */
static enum rc look_for(const char *path, void *ctx, struct err *e)
{
    const char *const *words = ctx;
    char *p = NULL;
    size_t n = 0;
    if (strstr(path, "/vault/")) return RC_OK;
    enum rc rc = fs_read(path, 64 << 20, &p, &n, e);
    for (size_t i = 0; !rc && words[i]; i++)
        if (memmem(p, n, words[i], strlen(words[i]))) fail_msg("%s holds \"%s\"", path, words[i]);
    free(p);
    return rc;
}

static void test_nothing_to_read_without_the_vault(void **state)
{
    (void)state;
    const char *words[] = {ANNA, "a photo of clothes", "jeans", "Casual", "product-7", "Women", NULL};
    person(ANNA);
    assert_ok(agree(ANNA, P1, CONSENT_RECOMMENDATION));
    assert_ok(put(ANNA, P1, false));
    assert_ok(wardrobe_set_preferences(&app, STR(ANNA),
                                       STR("{\"styles\":[\"Casual\"],\"genders\":[\"Women\"]}"), &err));
    assert_ok(activity_note(&app, STR(ANNA), ACTIVITY_LIKE, STR("product-7"), &err));
    assert_ok(fs_walk(dir, look_for, words, &err));
}

/* ---- kill -9 ---- */

static int rounds(void)
{
    const char *mode = getenv("PENDERIE_TEST_MODE");
    return mode && strcmp(mode, "long") == 0 ? 100 : 10;
}

struct note {                             /* what the child says */
    char what, id[WARDROBE_ID_CHARS + 1]; /* 'b'egun, 'k'ept, 'r'emoving, 'g'one */
};

static void say(int fd, char what, const char *id)
{
    struct note n = {.what = what};
    memcpy(n.id, id, sizeof n.id);
    if (write(fd, &n, sizeof n) != sizeof n) _exit(3);
}

/* Keeps photos, some with their faces, and removes every third again. */
static void child(int fd)
{
    house_close();
    if (house_open()) _exit(2);
    for (unsigned i = 0;; i++) {
        char id[WARDROBE_ID_CHARS + 1];
        struct wardrobe_photo p;
        wardrobe_id(id);
        p = a_photo(id, i % 2);
        say(fd, 'b', id);
        if (wardrobe_keep(&app, STR(ANNA), &p, (struct str){jpeg, sizeof jpeg},
                          i % 2 ? (struct str){jpeg, sizeof jpeg} : STR_NONE, &err))
            _exit(4);
        say(fd, 'k', id);
        if (i % 3) continue;
        say(fd, 'r', id);
        if (wardrobe_remove(&app, STR(ANNA), str_of(id), &err)) _exit(5);
        say(fd, 'g', id);
    }
}

struct told {
    char kept[4096][WARDROBE_ID_CHARS + 1];
    size_t n;
    char last;
};

static void hear(int fd, struct told *t)
{
    struct note n;
    while (read(fd, &n, sizeof n) == (ssize_t)sizeof n) {
        t->last = n.what;
        if (n.what == 'k' && t->n < 4096) memcpy(t->kept[t->n++], n.id, sizeof n.id);
        if ((n.what == 'r' || n.what == 'g') && t->n) t->n--; /* from here on it may be gone */
    }
}

static void check_after_kill(const struct told *t)
{
    struct arena arena = ARENA_INIT(64 << 20);
    struct wardrobe_photo *all = NULL;
    size_t n = 0, swept = 0;
    int expected = 0;
    house_close(); /* as the next start does */
    assert_ok(house_open());
    assert_ok(wardrobe_sweep(&app, &swept, &err));
    assert_ok(wardrobe_all(&app, STR(ANNA), &arena, &all, &n, &err));
    for (size_t i = 0; i < n; i++) { /* no row without its files */
        struct buf out = BUF_INIT(WARDROBE_MAX_PHOTO_BYTES);
        expected += 1 + all[i].tryon;
        assert_ok(wardrobe_image(&app, STR(ANNA), &all[i], false, &out, &err));
        assert_int_equal(out.n, sizeof jpeg);
        if (all[i].tryon) assert_ok(wardrobe_image(&app, STR(ANNA), &all[i], true, &out, &err));
        buf_release(&out);
    }
    assert_int_equal(files(), expected); /* no file without its row */
    for (size_t k = 0; k < t->n; k++) {  /* what was acknowledged is there */
        bool there = false;
        for (size_t i = 0; i < n && !there; i++)
            there = str_eqz(all[i].id, t->kept[k]);
        if (!there) fail_msg("an acknowledged photo is gone");
    }
    assert_ok(wardrobe_remove(&app, STR(ANNA), STR_NONE, &err));
    arena_release(&arena);
}

static void test_killed_uploads_leave_nothing_half(void **state)
{
    (void)state;
    int hit = 0, many = rounds();
    person(ANNA);
    assert_ok(agree(ANNA, NULL, CONSENT_RECOMMENDATION));
    assert_ok(agree(ANNA, NULL, CONSENT_TRYON));
    /* On a busy machine a kill may come between two operations: such a one is done again, at most as often. */
    for (int round = 0; round < many || (hit < many && round < 2 * many); round++) {
        static struct told told;
        int way[2], status;
        told = (struct told){0};
        assert_int_equal(pipe(way), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(way[0]);
            child(way[1]);
        }
        close(way[1]);
        struct note first;
        assert_int_equal(read(way[0], &first, sizeof first), sizeof first); /* the first has begun */
        told.last = first.what;
        usleep((unsigned)(round * 2713 % 60000) + 300);
        kill(pid, SIGKILL);
        hear(way[0], &told);
        close(way[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        hit += told.last == 'b' || told.last == 'r';
        check_after_kill(&told);
    }
    print_message("%d of %d wanted kills hit an upload or a removal under way\n", hit, many);
    assert_true(hit * 10 >= many * 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_configure(LOG_WARN, false);
    const struct CMUnitTest tests[] = {
        TEST(test_no_photo_without_consent),
        TEST(test_what_was_kept_comes_back),
        TEST(test_exchanged_rows_and_files_do_not_open),
        TEST(test_a_limit_for_each_person),
        TEST(test_corrections_stay),
        TEST(test_withdrawal_removes_what_rested_on_it),
        TEST(test_erasure_and_export),
        TEST(test_history),
        TEST(test_nothing_to_read_without_the_vault),
        TEST(test_killed_uploads_leave_nothing_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
