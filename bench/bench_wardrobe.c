/*
 * What sealing and the access log add to keeping a photo, side by side: the same photos are prepared (decoded, faces hidden,
 * encoded, read) and then written twice, in turns - as plain bytes in a file and a row in a table, and as the wardrobe
 * keeps them (consent looked up, photo and record sealed, access log).
 *   bench_wardrobe PHOTO [HOW-MANY]
 * Both writes are durable. Medians; the part that protects must stay under a tenth of the whole.
 */
#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/module.h"
#include "blob/blob.h"
#include "crypt/crypt.h"
#include "infer/faces.h"
#include "privacy/audit.h"
#include "privacy/consent.h"
#include "privacy/privacy_internal.h"
#include "vault/vault.h"
#include "wardrobe/wardrobe_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct err err;
static struct app app;
static const struct module *const modules[] = {&privacy_module, &wardrobe_module, NULL};
#define WHO STR("benchbenchbenchbenchbe")

static void must(enum rc rc)
{
    if (!rc) return;
    fprintf(stderr, "%s\n", err.message);
    exit(1);
}

static struct store *open_one(const char *dir, const char *name, bool persons)
{
    char url[600];
    struct store *s = NULL;
    struct store_options options = {.name = name, .overwrite = persons};
    snprintf(url, sizeof url, "sqlite:%s/%s.db", dir, name);
    must(store_open(url, &options, &s, &err));
    for (size_t i = 0; modules[i]; i++)
        if (modules[i]->migrations) must(store_migrate(s, modules[i]->name, modules[i]->migrations, &err));
    return s;
}

static void open_all(const char *dir, struct faces **faces, struct store **plain, struct blob **files)
{
    static const struct config_key *tables[4];
    static const struct migration rows[] = {
        {"plain", 1, "CREATE TABLE kept (id TEXT PRIMARY KEY NOT NULL, record TEXT NOT NULL)"}, {0}};
    char url[600], model[4096];
    tables[0] = vault_config;
    tables[1] = privacy_module.config;
    tables[2] = wardrobe_module.config;
    app = (struct app){.data_dir = dir, .modules = modules};
    must(config_create(tables, &app.config, &err));
    must(vault_open(dir, app.config, &app.vault, &err));
    app.wardrobe = open_one(dir, "wardrobe", true);
    app.activity = open_one(dir, "activity", true);
    app.reg = open_one(dir, "register", true);
    *plain = open_one(dir, "plain", false);
    must(store_migrate(*plain, "plain", rows, &err));
    snprintf(url, sizeof url, "file:%s/wardrobe", dir);
    must(blob_open(url, &app.photos, &err));
    snprintf(url, sizeof url, "file:%s/plain", dir);
    must(blob_open(url, files, &err));
    must(infer_default_dir(model, sizeof model, &err));
    must(infer_open(model, &(struct infer_options){.no_text = true}, &app.model, &err));
    must(faces_open(NULL, 1, faces, &err));
    must(config_set(app.config, STR("wardrobe_max_photos"), STR("100000"), &err));
    must(vault_add_person(app.vault, WHO, &err));
    const struct consent_given c = {.person = WHO,
                                    .purpose = CONSENT_RECOMMENDATION,
                                    .language = STR("fr"),
                                    .how = "api",
                                    .text_version = str_of(consent_texts[0].version)};
    must(consent_give(&app, &c, &err));
}

static void keep_plain(struct store *plain, struct blob *files, const struct wardrobe_prepared *p)
{
    struct buf record = BUF_INIT(1 << 20);
    struct store_tx *tx = NULL;
    char key[80];
    snprintf(key, sizeof key, "%.*s", STR_ARG(p->photo.id));
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32); /* as blob.h wants them */
    wardrobe_record_write(&p->photo, &record);
    must(blob_put(files, key, buf_str(&p->jpeg), false, &err));
    must(store_begin(plain, STORE_WRITE, &tx, &err));
    must(store_exec(tx, "INSERT INTO kept (id, record) VALUES (?1, ?2)",
                    STORE_ARGS(STORE_S(p->photo.id), STORE_S(buf_str(&record))), NULL, &err));
    must(store_commit(tx, &err));
    buf_release(&record);
}

static void keep_sealed(struct wardrobe_prepared *p)
{
    const struct audit_event e = {.who = WHO, .what = "photo.create", .object = p->photo.id, .result = "ok"};
    must(consent_require(&app, WHO, p->photo.id, CONSENT_RECOMMENDATION, &err));
    must(wardrobe_keep(&app, WHO, &p->photo, buf_str(&p->jpeg), STR_NONE, &err));
    must(audit_append(&app, &e, &err));
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    enum { MOST = 1000 };
    static int64_t us[3][MOST];
    char dir[] = "/tmp/penderie-bench-XXXXXX", *bytes = NULL, id[WARDROBE_ID_CHARS + 1];
    size_t n = 0;
    struct faces *faces = NULL;
    struct store *plain = NULL;
    struct blob *files = NULL;
    if (argc < 2) return fprintf(stderr, "bench_wardrobe PHOTO [HOW-MANY]\n"), 2;
    int many = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 50;
    if (many < 1 || many > MOST || !mkdtemp(dir)) return 2;
    log_configure(LOG_WARN, false);
    must(image_startup(argv[0], &err));
    must(crypt_startup(&err));
    must(fs_read(argv[1], 32 << 20, &bytes, &n, &err));
    open_all(dir, &faces, &plain, &files);
    for (int i = 0; i < many; i++) {
        struct arena arena = ARENA_INIT(16 << 20);
        struct wardrobe_prepared p;
        int64_t t0 = clock_mono_us();
        must(wardrobe_prepare(&app, faces, 0, (struct str){bytes, n}, false, &arena, &p, &err));
        us[0][i] = clock_mono_us() - t0;
        for (int k = 0; k < 2; k++) {
            wardrobe_id(id);
            p.photo.id = str_of(id);
            t0 = clock_mono_us();
            if ((i + k) % 2)
                keep_sealed(&p);
            else
                keep_plain(plain, files, &p);
            us[(i + k) % 2 ? 2 : 1][i] = clock_mono_us() - t0;
        }
        wardrobe_prepared_release(&p);
        arena_release(&arena);
    }
    for (int k = 0; k < 3; k++)
        qsort(us[k], (size_t)many, sizeof us[k][0], by_size);
    double prepare = (double)us[0][many / 2] / 1000, in_clear = (double)us[1][many / 2] / 1000,
           sealed = (double)us[2][many / 2] / 1000;
    printf("medians of %d, ms: prepare %.1f, then in clear %.2f or sealed and logged %.2f: %+.1f %% of the "
           "request\n",
           many, prepare, in_clear, sealed, 100 * (sealed - in_clear) / (prepare + in_clear));
    faces_close(faces);
    infer_close(app.model);
    blob_close(app.photos);
    blob_close(files);
    store_close(plain);
    store_close(app.reg);
    store_close(app.activity);
    store_close(app.wardrobe);
    vault_close(app.vault);
    config_destroy(app.config);
    free(bytes);
    return fs_remove_tree(dir, NULL) ? 1 : 0;
}
