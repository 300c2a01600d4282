/* penderie keys: the state of the vault, a new master key, copies of the vault and what they are for. */
#include "app/app.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/jout.h"
#include "cli/cli.h"
#include "crypt/crypt.h"
#include "vault/vault.h"

#include <stdio.h>
#include <string.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_keys = {
    .name = "keys",
    .summary = "the vault: its state, a new master key, its copies",
    .usage = "status | rotate | backup | restore FILE",
    .details =
        "status   what wraps the persons' keys, since when, how many there are, and which copies\n"
        "rotate   wraps every person's key by a new master key, while a server goes on; killed, the next call\n"
        "         goes on. Also moves the keys to another vault_master. With a key file: keep a safe copy of\n"
        "         the new one, the old one is of no more use, and neither are older copies of the vault.\n"
        "backup   a copy of the vault's database, removed after vault_copies_days\n"
        "restore  puts a copy in the place of a lost database; keys destroyed since do not come back",
    .run = run,
};

struct keys {
    const char *data;
    bool json;
    struct config *config;
    struct vault *vault;
};

static void day(int64_t ms, char out[static 25])
{
    clock_rfc3339(ms, out);
    out[10] = 0;
}

static enum rc print_json(struct buf *text, struct err *err)
{
    enum rc rc = buf_check(text, "the answer", err);
    if (!rc) printf("%s\n", text->p);
    buf_release(text);
    return rc;
}

static enum rc status_json(const struct vault_status *s, struct err *err)
{
    struct buf text = BUF_INIT(1 << 16);
    struct jout o = JOUT_INIT(&text);
    char made[25], oldest[25], newest[25], oldest_copy[25], newest_copy[25];
    day(s->master_ms, made);
    day(s->oldest_person_ms, oldest);
    day(s->newest_person_ms, newest);
    clock_rfc3339(s->oldest_copy_ms, oldest_copy);
    clock_rfc3339(s->newest_copy_ms, newest_copy);
    jout_object(&o);
    jout_kz(&o, "provider", s->provider);
    jout_kz(&o, "configured", s->configured);
    jout_kz(&o, "reference", s->reference);
    jout_ki64(&o, "generation", s->generation);
    jout_kz(&o, "since", made);
    jout_ki64(&o, "age_days", (clock_now_ms() - s->master_ms) / 86400000);
    jout_kbool(&o, "rotating", s->rotating);
    jout_ki64(&o, "left", s->left);
    jout_ki64(&o, "persons", s->persons);
    jout_ki64(&o, "house", s->house);
    jout_kz(&o, "oldest_person", s->persons ? oldest : NULL);
    jout_kz(&o, "newest_person", s->persons ? newest : NULL);
    jout_ki64(&o, "copies", s->copies);
    jout_kz(&o, "oldest_copy", s->copies ? oldest_copy : NULL);
    jout_kz(&o, "newest_copy", s->copies ? newest_copy : NULL);
    jout_ki64(&o, "copies_days", s->copies_days);
    jout_end(&o);
    return print_json(&text, err);
}

static void status_text(const struct vault_status *s)
{
    char a[25], b[25];
    day(s->master_ms, a);
    printf("master key    %s, %s\n", s->provider, s->reference);
    printf("              generation %lld, since %s (%lld days)\n", (long long)s->generation, a,
           (long long)((clock_now_ms() - s->master_ms) / 86400000));
    if (strcmp(s->provider, s->configured) != 0)
        printf("              the settings say %s: `penderie keys rotate` moves the keys there\n",
               s->configured);
    if (s->rotating)
        printf("rotation      has not ended, %lld keys to go: `penderie keys rotate` goes on\n",
               (long long)s->left);
    day(s->oldest_person_ms, a);
    day(s->newest_person_ms, b);
    if (s->persons)
        printf("persons       %lld keys, made %s to %s\n", (long long)s->persons, a, b);
    else
        printf("persons       no keys yet\n");
    printf("house         %lld keys\n", (long long)s->house);
    clock_rfc3339(s->oldest_copy_ms, a);
    clock_rfc3339(s->newest_copy_ms, b);
    if (s->copies)
        printf("copies        %lld, of %s to %s; each is removed after %lld days\n", (long long)s->copies, a, b,
               (long long)s->copies_days);
    else
        printf("copies        none: `penderie keys backup` makes one\n");
}

static enum rc status(struct keys *k, struct err *err)
{
    struct vault_status s;
    enum rc rc = vault_get_status(k->vault, &s, err);
    if (rc) return rc;
    if (k->json) return status_json(&s, err);
    status_text(&s);
    return RC_OK;
}

static void show(void *ctx, int64_t done, int64_t total)
{
    struct cli_progress *bar = ctx;
    if (!bar->on) cli_progress_start(bar, "keys", total);
    cli_progress_set(bar, done);
}

/* Copies from before a rotation may be of no more use: a new one belongs to it. */
static enum rc rotate(struct keys *k, struct err *err)
{
    struct cli_progress bar = {0};
    struct vault_status s;
    char copy[VAULT_COPY_PATH_BYTES];
    enum rc rc = vault_rotate(k->vault, show, &bar, err);
    if (bar.on) cli_progress_end(&bar);
    if (!rc) rc = vault_get_status(k->vault, &s, err);
    if (!rc) rc = vault_backup(k->vault, copy, err);
    if (rc) return rc;
    if (k->json) return status_json(&s, err);
    printf("%lld persons' keys are wrapped by %s, %s\n", (long long)s.persons, s.provider, s.reference);
    printf("copy of the vault: %s\n", copy);
    return RC_OK;
}

static enum rc backup(struct keys *k, struct err *err)
{
    char path[VAULT_COPY_PATH_BYTES];
    int64_t removed = 0;
    enum rc rc = vault_backup(k->vault, path, err);
    if (!rc) rc = vault_expire_copies(k->vault, clock_now_ms(), false, &removed, err);
    if (rc) return rc;
    if (k->json) {
        struct buf text = BUF_INIT(1 << 16);
        struct jout o = JOUT_INIT(&text);
        jout_object(&o);
        jout_kz(&o, "copy", path);
        jout_ki64(&o, "expired", removed);
        jout_end(&o);
        return print_json(&text, err);
    }
    printf("copy of the vault: %s\n", path);
    if (removed) printf("%lld older copies were removed\n", (long long)removed);
    return RC_OK;
}

static enum rc restore(struct keys *k, const char *file, struct err *err)
{
    int64_t gone = 0;
    enum rc rc = vault_restore(k->data, k->config, file, &gone, err);
    if (rc) return rc;
    if (k->json)
        printf("{\"restored\":true,\"destroyed_since\":%lld}\n", (long long)gone);
    else
        printf("the vault is back; %lld keys that were destroyed since the copy are not\n", (long long)gone);
    return RC_OK;
}

/* A vault is made by the server and by commands that keep something in it, not by looking. */
static enum rc open_vault(struct keys *k, struct err *err)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/vault/vault.db", k->data);
    if (n < 0 || n >= (int)sizeof path) return err_set(err, RC_INVALID, "data folder: path too long");
    if (!fs_exists(path)) return err_set(err, RC_NOT_FOUND, "there is no vault in %s yet", k->data);
    return vault_open(k->data, k->config, &k->vault, err);
}

static enum rc go(struct keys *k, char **operands, int n, struct err *err)
{
    static const struct {
        const char *name;
        enum rc (*run)(struct keys *k, struct err *err);
    } with_vault[] = {{"status", status}, {"rotate", rotate}, {"backup", backup}};
    if (!k->data || !*k->data) k->data = config_string(k->config, "data_dir");
    if (!*k->data)
        return err_set(err, RC_INVALID, "which data folder? Give --data DIR, or the setting data_dir");
    if (n == 2 && strcmp(operands[0], "restore") == 0) return restore(k, operands[1], err);
    for (size_t i = 0; n == 1 && i < sizeof with_vault / sizeof *with_vault; i++) {
        if (strcmp(operands[0], with_vault[i].name) != 0) continue;
        enum rc rc = open_vault(k, err);
        return rc ? rc : with_vault[i].run(k, err);
    }
    return err_set(err, RC_INVALID, "keys: one of status, rotate, backup, restore FILE");
}

static enum rc run(int argc, char **argv, struct err *err)
{
    struct keys k = {0};
    const char *file = NULL;
    struct cli_list sets = {0};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder", &k.data, false},
        {"json", CLI_FLAG, NULL, "print JSON", &k.json, false},
        {"config", CLI_STRING, "FILE", "settings", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "one setting", &sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    enum rc rc = cli_parse(&cli_keys, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    cli_forbid_dumps();
    rc = cli_config(file, &sets, &k.config, err);
    if (!rc) rc = app_configure_log(k.config, err);
    if (!rc) rc = crypt_startup(err);
    if (!rc) rc = go(&k, operands, n, err);
    vault_close(k.vault);
    config_destroy(k.config);
    return rc;
}
