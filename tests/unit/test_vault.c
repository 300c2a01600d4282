/*
 * The vault: sealing, persons, master keys, rotation, copies. Other processes are this program again, started
 * with "child": a forked SQLite must not go on with the parent's files.
 */
#include "test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/str.h"
#include "crypt/crypt.h"
#include "store/store.h"
#include "vault/vault.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DIR_BYTES = 600 };

static struct err err;
static const char *base;
static unsigned counter;

/* Settings of all vaults here live to the end: vaults borrow them. */
static struct config *settings(const char *const *pairs)
{
    static const struct config_key *const tables[] = {vault_config, NULL};
    static struct config *kept[256];
    static size_t n;
    struct config *c = NULL;
    assert_ok(config_create(tables, &c, &err));
    assert_ok(config_set(c, STR("vault_passphrase_memory"), STR("8m"), &err));
    assert_ok(config_set(c, STR("vault_passphrase_passes"), STR("1"), &err));
    for (; pairs && *pairs; pairs += 2)
        assert_ok(config_set(c, str_of(pairs[0]), str_of(pairs[1]), &err));
    assert_true(n < 256);
    kept[n++] = c;
    assert_ptr_equal(kept[n - 1], c);
    return c;
}
#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

static void fresh_dir(char out[static DIR_BYTES])
{
    snprintf(out, DIR_BYTES, "%s/data%u", base, counter++);
    assert_ok(fs_mkdirs(out, 0700, &err));
}

static struct vault *open_with(const char *dir, const char *const *pairs)
{
    struct vault *v = NULL;
    assert_ok(vault_open(dir, settings(pairs), &v, &err));
    return v;
}
static struct vault *open_at(const char *dir) { return open_with(dir, NULL); }

static struct vault *fresh_vault(char dir[static DIR_BYTES])
{
    fresh_dir(dir);
    return open_at(dir);
}

static void seal(struct vault *v, const char *person, const char *place, const char *text, struct buf *out)
{
    buf_reset(out);
    assert_ok(vault_seal(v, str_of(person), str_of(place), str_of(text), out, &err));
}

static enum rc unseal(struct vault *v, const char *person, const char *place, struct str sealed,
                      const char *expected)
{
    struct buf plain = BUF_INIT(1 << 20);
    enum rc rc = vault_unseal(v, str_of(person), str_of(place), sealed, &plain, &err);
    if (!rc) assert_true(str_eqz(buf_str(&plain), expected));
    if (rc) assert_int_equal(plain.n, 0);
    buf_release(&plain);
    return rc;
}

/* ---------------------------------------------------------------------------------------- sealing */

static void test_round_trip(void **state)
{
    (void)state;
    char dir[DIR_BYTES];
    struct vault *v = fresh_vault(dir);
    struct buf sealed = BUF_INIT(1 << 23), plain = BUF_INIT(1 << 23), big = BUF_INIT(1 << 23);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    assert_rc(vault_add_person(v, STR("anna"), &err), RC_CONFLICT);
    assert_rc(vault_add_person(v, STR(""), &err), RC_INVALID);
    assert_rc(vault_seal(v, STR("bert"), STR("a/1"), STR("x"), &sealed, &err), RC_NOT_FOUND);
    seal(v, "anna", "wardrobe.photo/1", "a secret", &sealed);
    assert_int_equal(sealed.n, 8 + 1 + CRYPT_SEAL_OVERHEAD);
    assert_null(memmem(sealed.p, sealed.n, "secret", 6));
    assert_int_equal(unseal(v, "anna", "wardrobe.photo/1", buf_str(&sealed), "a secret"), RC_OK);
    seal(v, "anna", "", "", &plain);
    assert_int_equal(unseal(v, "anna", "", buf_str(&plain), ""), RC_OK);

    /* Output is appended; large ones too. */
    buf_reset(&plain);
    buf_addz(&plain, "before");
    for (int i = 0; i < 1 << 19; i++)
        buf_addf(&big, "%07d,", i);
    assert_ok(vault_seal(v, STR("anna"), STR("big"), buf_str(&big), &plain, &err));
    assert_int_equal(plain.n, 6 + big.n + 1 + CRYPT_SEAL_OVERHEAD);
    struct str sealed_big = str_sub(buf_str(&plain), 6, plain.n);
    struct buf back = BUF_INIT(1 << 23);
    buf_addz(&back, "x");
    assert_ok(vault_unseal(v, STR("anna"), STR("big"), sealed_big, &back, &err));
    assert_true(str_eq(str_sub(buf_str(&back), 1, back.n), buf_str(&big)));

    vault_close(v);
    v = open_at(dir);
    assert_int_equal(unseal(v, "anna", "wardrobe.photo/1", buf_str(&sealed), "a secret"), RC_OK);
    assert_ok(vault_destroy_person(v, STR("anna"), &err));
    assert_ok(vault_destroy_person(v, STR("anna"), &err));
    assert_rc(unseal(v, "anna", "wardrobe.photo/1", buf_str(&sealed), ""), RC_NOT_FOUND);
    /* The same account may come again, with another key. */
    assert_ok(vault_add_person(v, STR("anna"), &err));
    assert_rc(unseal(v, "anna", "wardrobe.photo/1", buf_str(&sealed), ""), RC_CORRUPT);
    vault_close(v);
    buf_release(&sealed);
    buf_release(&plain);
    buf_release(&big);
    buf_release(&back);
}

static void test_house(void **state)
{
    (void)state;
    char dir[DIR_BYTES];
    struct vault *v = fresh_vault(dir);
    struct buf sealed = BUF_INIT(1 << 16), plain = BUF_INIT(1 << 16);
    assert_rc(vault_unseal_house(v, "tokens", STR("key/1"), STR("x"), &plain, &err), RC_NOT_FOUND);
    assert_ok(vault_seal_house(v, "tokens", STR("key/1"), STR("signing key"), &sealed, &err));
    assert_ok(vault_seal_house(v, "hooks", STR("key/1"), STR("x"), &plain, &err));
    buf_reset(&plain);
    vault_close(v);
    v = open_at(dir);
    assert_rc(vault_unseal_house(v, "hooks", STR("key/1"), buf_str(&sealed), &plain, &err), RC_CORRUPT);
    assert_rc(vault_unseal_house(v, "tokens", STR("key/2"), buf_str(&sealed), &plain, &err), RC_CORRUPT);
    assert_ok(vault_unseal_house(v, "tokens", STR("key/1"), buf_str(&sealed), &plain, &err));
    assert_true(str_eqz(buf_str(&plain), "signing key"));
    /* A person of the same name is someone else. */
    assert_ok(vault_add_person(v, STR("tokens"), &err));
    assert_rc(unseal(v, "tokens", "key/1", buf_str(&sealed), ""), RC_CORRUPT);
    vault_close(v);
    buf_release(&sealed);
    buf_release(&plain);
}

/* Two records of one person, or of two, put in each other's place; every byte altered; every length cut. */
static void test_tampering(void **state)
{
    (void)state;
    char dir[DIR_BYTES];
    struct vault *v = fresh_vault(dir);
    struct buf a = BUF_INIT(1 << 16), b = BUF_INIT(1 << 16), c = BUF_INIT(1 << 16);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    assert_ok(vault_add_person(v, STR("bert"), &err));
    seal(v, "anna", "wardrobe.photo/1", "one", &a);
    seal(v, "anna", "wardrobe.photo/2", "two", &b);
    seal(v, "bert", "wardrobe.photo/1", "his", &c);
    assert_rc(unseal(v, "anna", "wardrobe.photo/1", buf_str(&b), ""), RC_CORRUPT);
    assert_rc(unseal(v, "anna", "wardrobe.photo/2", buf_str(&a), ""), RC_CORRUPT);
    assert_rc(unseal(v, "anna", "wardrobe.photo/1", buf_str(&c), ""), RC_CORRUPT);
    assert_rc(unseal(v, "bert", "wardrobe.photo/1", buf_str(&a), ""), RC_CORRUPT);
    assert_rc(unseal(v, "anna", "wardrobe.photo/11", buf_str(&a), ""), RC_CORRUPT);
    assert_rc(unseal(v, "anna", "", buf_str(&a), ""), RC_CORRUPT);
    for (size_t i = 0; i < a.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            a.p[i] = (char)(a.p[i] ^ 1 << bit);
            assert_rc(unseal(v, "anna", "wardrobe.photo/1", buf_str(&a), ""), RC_CORRUPT);
            a.p[i] = (char)(a.p[i] ^ 1 << bit);
        }
        assert_rc(unseal(v, "anna", "wardrobe.photo/1", str_sub(buf_str(&a), 0, i), ""), RC_CORRUPT);
    }
    buf_addc(&a, 0);
    assert_rc(unseal(v, "anna", "wardrobe.photo/1", buf_str(&a), ""), RC_CORRUPT);
    assert_int_equal(unseal(v, "anna", "wardrobe.photo/1", str_sub(buf_str(&a), 0, a.n - 1), "one"), RC_OK);
    vault_close(v);
    buf_release(&a);
    buf_release(&b);
    buf_release(&c);
}

static int compare_nonces(const void *a, const void *b) { return memcmp(a, b, CRYPT_NONCE_BYTES); }

static void test_nonces_differ(void **state)
{
    (void)state;
    enum { SEALS = 100000 };
    char dir[DIR_BYTES];
    struct vault *v = fresh_vault(dir);
    struct buf sealed = BUF_INIT(1 << 16);
    char *nonces = malloc((size_t)SEALS * CRYPT_NONCE_BYTES);
    assert_non_null(nonces);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    for (int i = 0; i < SEALS; i++) {
        seal(v, "anna", "x", "y", &sealed);
        memcpy(nonces + (size_t)i * CRYPT_NONCE_BYTES, sealed.p + 1, CRYPT_NONCE_BYTES);
    }
    qsort(nonces, SEALS, CRYPT_NONCE_BYTES, compare_nonces);
    for (int i = 1; i < SEALS; i++)
        assert_true(compare_nonces(nonces + (size_t)(i - 1) * CRYPT_NONCE_BYTES,
                                   nonces + (size_t)i * CRYPT_NONCE_BYTES) != 0);
    free(nonces);
    vault_close(v);
    buf_release(&sealed);
}

static void test_pseudonyms(void **state)
{
    (void)state;
    static const char *const domains[] = {"identity", "wardrobe", "activity", "register",
                                          "audit",    "email",    "vault"};
    enum { N = sizeof domains / sizeof *domains };
    char dir[DIR_BYTES], all[N][VAULT_PSEUDONYM_CHARS + 1], again[VAULT_PSEUDONYM_CHARS + 1];
    struct vault *v = fresh_vault(dir);
    for (int i = 0; i < N; i++) {
        vault_pseudonym(v, domains[i], STR("anna"), all[i]);
        assert_int_equal(strlen(all[i]), VAULT_PSEUDONYM_CHARS);
        assert_int_equal(strspn(all[i], "0123456789abcdef"), VAULT_PSEUDONYM_CHARS);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(all[i], all[j]);
    }
    vault_pseudonym(v, "wardrobe", STR("anna2"), again);
    assert_string_not_equal(again, all[1]);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    assert_ok(vault_rotate(v, NULL, NULL, &err)); /* they outlive a rotation */
    vault_close(v);
    v = open_at(dir);
    vault_pseudonym(v, "wardrobe", STR("anna"), again);
    assert_string_equal(again, all[1]);
    vault_close(v);
    v = fresh_vault(dir); /* another house has others */
    vault_pseudonym(v, "wardrobe", STR("anna"), again);
    assert_string_not_equal(again, all[1]);
    vault_close(v);
}

/* ------------------------------------------------------------------------------- other processes */

/* This program again: child COMMAND DIR [ARGUMENT]. Its standard output goes to *out (may be NULL). */
static pid_t start_child(const char *command, const char *dir, const char *argument, int *out)
{
    int ends[2] = {-1, -1};
    if (out) assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (out) dup2(ends[1], 1);
        execl("/proc/self/exe", "test_vault", "child", command, dir, argument, (char *)NULL);
        _exit(99);
    }
    assert_true(pid > 0);
    if (out) {
        close(ends[1]);
        *out = ends[0];
    }
    return pid;
}

static int wait_child(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void say(void *ctx, int64_t done, int64_t total)
{
    (void)ctx;
    (void)total;
    if (done == 0 && write(1, ".", 1) != 1) _exit(3);
}

static int child(int argc, char **argv)
{
    struct vault *v = NULL;
    enum rc rc = argc < 4 ? RC_INVALID : crypt_startup(&err);
    log_configure(LOG_ERROR, false);
    if (!rc) rc = vault_open(argv[3], settings(NULL), &v, &err);
    if (!rc && strcmp(argv[2], "destroy") == 0) rc = vault_destroy_person(v, str_of(argv[4]), &err);
    if (!rc && strcmp(argv[2], "add") == 0) rc = vault_add_person(v, str_of(argv[4]), &err);
    if (!rc && strcmp(argv[2], "rotate") == 0) rc = vault_rotate(v, NULL, NULL, &err);
    /* Again and again, until it is killed: a dot for each beginning. */
    while (!rc && strcmp(argv[2], "rotate-forever") == 0)
        rc = vault_rotate(v, say, NULL, &err);
    vault_close(v);
    if (rc) fprintf(stderr, "child: %s\n", err.message);
    return (int)rc;
}

/* A key that is in memory here, and destroyed there, is not used any more. */
static void test_destroyed_elsewhere(void **state)
{
    (void)state;
    char dir[DIR_BYTES];
    struct vault *v = fresh_vault(dir);
    struct buf sealed = BUF_INIT(1 << 16);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    seal(v, "anna", "x", "y", &sealed);
    assert_int_equal(unseal(v, "anna", "x", buf_str(&sealed), "y"), RC_OK); /* now it is in memory */
    assert_int_equal(wait_child(start_child("destroy", dir, "anna", NULL)), RC_OK);
    assert_rc(unseal(v, "anna", "x", buf_str(&sealed), ""), RC_NOT_FOUND);
    assert_rc(vault_seal(v, STR("anna"), STR("x"), STR("y"), &sealed, &err), RC_NOT_FOUND);
    /* A person added there, a rotation there: both are known here at once. */
    assert_int_equal(wait_child(start_child("add", dir, "bert", NULL)), RC_OK);
    seal(v, "bert", "x", "y", &sealed);
    assert_int_equal(wait_child(start_child("rotate", dir, NULL, NULL)), RC_OK);
    assert_int_equal(unseal(v, "bert", "x", buf_str(&sealed), "y"), RC_OK);
    assert_ok(vault_add_person(v, STR("carl"), &err));
    seal(v, "carl", "x", "z", &sealed);
    vault_close(v);
    v = open_at(dir);
    assert_int_equal(unseal(v, "carl", "x", buf_str(&sealed), "z"), RC_OK);
    vault_close(v);
    buf_release(&sealed);
}

/* -------------------------------------------------------------------------------- the master key */

static void key_file_of(const char *dir, char out[static DIR_BYTES + 32])
{
    snprintf(out, DIR_BYTES + 32, "%s/vault/master.key", dir);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    assert_ok(fs_write_atomic(path, text, strlen(text), mode, &err));
}

static void read_file(const char *path, char **p, size_t *n) { assert_ok(fs_read(path, 1 << 26, p, n, &err)); }

static enum rc try_open(const char *dir, const char *const *pairs)
{
    struct vault *v = NULL;
    err.message[0] = 0;
    enum rc rc = vault_open(dir, settings(pairs), &v, &err);
    vault_close(v);
    return rc;
}

static void assert_says(const char *words)
{
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void test_key_file(void **state)
{
    (void)state;
    char dir[DIR_BYTES], path[DIR_BYTES + 32], *kept, *text;
    size_t n, m;
    struct stat st;
    vault_close(fresh_vault(dir));
    key_file_of(dir, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    read_file(path, &kept, &n);
    for (mode_t mode = 0604; mode <= 0640; mode += 034) { /* others, then the group */
        assert_int_equal(chmod(path, mode), 0);
        assert_rc(try_open(dir, NULL), RC_FORBIDDEN);
        assert_says("can be read by others");
        assert_says("chmod 600");
    }
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(try_open(dir, NULL), RC_OK);
    /* Missing: an error that is no "not found", and never a new key in its place. */
    assert_int_equal(unlink(path), 0);
    assert_rc(try_open(dir, NULL), RC_IO);
    assert_says("is missing");
    assert_false(fs_exists(path));
    /* Every byte altered: refused, or harmless (the order of nothing). */
    for (size_t i = 0; i < n; i++) {
        text = malloc(n + 1);
        memcpy(text, kept, n + 1);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        write_file(path, text, 0600);
        assert_true(try_open(dir, NULL) != RC_OK);
        assert_null(strstr(err.message, "\n"));
        free(text);
    }
    write_file(path, "", 0600);
    assert_rc(try_open(dir, NULL), RC_CORRUPT);
    /* The key of another house. */
    char other[DIR_BYTES], other_path[DIR_BYTES + 32];
    vault_close(fresh_vault(other));
    key_file_of(other, other_path);
    read_file(other_path, &text, &m);
    write_file(path, text, 0600);
    assert_rc(try_open(dir, NULL), RC_IO);
    assert_says("does not hold the master key");
    write_file(path, kept, 0600);
    assert_int_equal(try_open(dir, NULL), RC_OK);
    /* Elsewhere. */
    char elsewhere[DIR_BYTES + 32];
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere.key", base);
    write_file(elsewhere, kept, 0600);
    unlink(path);
    assert_int_equal(try_open(dir, SET("vault_key_file", elsewhere)), RC_OK);
    assert_rc(try_open(dir, SET("vault_master", "paper")), RC_INVALID);
    free(kept);
    free(text);
}

static void test_passphrase(void **state)
{
    (void)state;
    char dir[DIR_BYTES], file[DIR_BYTES + 32], old[DIR_BYTES + 32];
    struct buf sealed = BUF_INIT(1 << 16);
    struct vault_status status;
    fresh_dir(dir);
    snprintf(file, sizeof file, "%s/passphrase", dir);
    snprintf(old, sizeof old, "%s/passphrase.old", dir);
    const char *const *set = SET("vault_master", "passphrase", "vault_passphrase_file", file);
    assert_rc(try_open(dir, SET("vault_master", "passphrase")), RC_INVALID);
    assert_says("vault_passphrase_file");
    assert_true(try_open(dir, set) == RC_NOT_FOUND);
    write_file(file, "short\n", 0600);
    assert_rc(try_open(dir, set), RC_INVALID);
    assert_says("too short");
    write_file(file, "correct horse battery staple\n", 0644);
    assert_rc(try_open(dir, set), RC_FORBIDDEN);
    assert_int_equal(chmod(file, 0600), 0);
    struct vault *v = open_with(dir, set);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    seal(v, "anna", "x", "y", &sealed);
    assert_ok(vault_get_status(v, &status, &err));
    assert_string_equal(status.provider, "passphrase");
    assert_non_null(strstr(status.reference, "argon2id13 t=1 m=8388608 "));
    vault_close(v);
    char key_path[DIR_BYTES + 32];
    key_file_of(dir, key_path);
    assert_false(fs_exists(key_path)); /* nothing on the disk opens it */

    write_file(file, "correct horse battery stable\n", 0600);
    assert_rc(try_open(dir, set), RC_FORBIDDEN);
    assert_says("does not open the vault");
    assert_null(strstr(err.message, "horse"));
    /* Other costs in the settings: what was made at the old ones still opens. */
    write_file(file, "correct horse battery staple", 0600); /* without the newline it is the same */
    const char *const *dear =
        SET("vault_master", "passphrase", "vault_passphrase_file", file, "vault_passphrase_passes", "2");
    assert_int_equal(try_open(dir, dear), RC_OK);
    /* A new passphrase: the old one opens, the new one wraps. */
    write_file(old, "correct horse battery staple\n", 0600);
    write_file(file, "five other words, and longer\n", 0600);
    v = open_with(dir, SET("vault_master", "passphrase", "vault_passphrase_file", file,
                           "vault_passphrase_old_file", old));
    assert_ok(vault_rotate(v, NULL, NULL, &err));
    vault_close(v);
    v = open_with(dir, set);
    assert_int_equal(unseal(v, "anna", "x", buf_str(&sealed), "y"), RC_OK);
    vault_close(v);
    write_file(file, "correct horse battery staple\n", 0600);
    assert_rc(try_open(dir, set), RC_FORBIDDEN);
    buf_release(&sealed);
}

/* Settings of Azure that cannot work are told at once; the calls themselves are tested in
 * tests/api/test_vault.py. */
static void test_azure_settings(void **state)
{
    (void)state;
    char dir[DIR_BYTES], secret[DIR_BYTES + 32];
    fresh_dir(dir);
    snprintf(secret, sizeof secret, "%s/secret", dir);
    write_file(secret, "s3cret", 0600);
    assert_rc(try_open(dir, SET("vault_master", "azure")), RC_INVALID);
    assert_says("vault_azure_url");
#define AZURE(url, key)                                                                                     \
    SET("vault_master", "azure", "vault_azure_url", url, "vault_azure_key", key, "vault_azure_tenant", "t", \
        "vault_azure_client_id", "c", "vault_azure_client_secret_file", secret, "vault_azure_timeout",      \
        "200ms")
    assert_rc(try_open(dir, AZURE("http://house.vault.azure.net", "k")), RC_INVALID);
    assert_rc(try_open(dir, AZURE("https://u:p@house.vault.azure.net", "k")), RC_INVALID);
    assert_rc(try_open(dir, AZURE("https://house.vault.azure.net", "../k")), RC_INVALID);
#undef AZURE
}

/* -------------------------------------------------------------------------------------- rotation */

enum { MANY = 300 }; /* more than a transaction of the rotation takes */

static void person_name(int i, char out[static 16]) { snprintf(out, 16, "person%d", i); }

static void add_many(struct vault *v, struct buf *sealed /* MANY */)
{
    char name[16];
    for (int i = 0; i < MANY; i++) {
        person_name(i, name);
        assert_ok(vault_add_person(v, str_of(name), &err));
        sealed[i] = BUF_INIT(1 << 16);
        seal(v, name, "x", name, &sealed[i]);
    }
}

static void check_many(struct vault *v, const struct buf *sealed)
{
    char name[16];
    for (int i = 0; i < MANY; i++) {
        person_name(i, name);
        enum rc rc = unseal(v, name, "x", buf_str(&sealed[i]), name);
        if (rc) fail_msg("%s: %s: %s", name, rc_name(rc), err.message);
    }
}

struct seen {
    int64_t last, total;
    int calls;
};

static void watch(void *ctx, int64_t done, int64_t total)
{
    struct seen *s = ctx;
    assert_true(done >= s->last && done <= total);
    *s = (struct seen){done, total, s->calls + 1};
}

static void test_rotation(void **state)
{
    (void)state;
    static struct buf sealed[MANY];
    char dir[DIR_BYTES], path[DIR_BYTES + 32], *before, *after;
    size_t n, m;
    struct seen seen = {0};
    struct vault_status status;
    struct vault *v = fresh_vault(dir);
    add_many(v, sealed);
    key_file_of(dir, path);
    read_file(path, &before, &n);
    assert_ok(vault_rotate(v, watch, &seen, &err));
    assert_true(seen.calls >= 3 && seen.last == seen.total &&
                seen.total == MANY + 1); /* persons, and the root */
    read_file(path, &after, &m);
    assert_int_equal(n, m); /* the old key is gone from it */
    assert_string_not_equal(before, after);
    assert_ok(vault_get_status(v, &status, &err));
    assert_int_equal(status.generation, 2);
    assert_int_equal(status.persons, MANY);
    assert_int_equal(status.left, 0);
    assert_false(status.rotating);
    assert_string_equal(status.provider, "file");
    assert_string_equal(status.configured, "file");
    check_many(v, sealed);
    vault_close(v);
    v = open_at(dir);
    check_many(v, sealed);
    vault_close(v);
    /* The old master key opens nothing any more. */
    write_file(path, before, 0600);
    assert_rc(try_open(dir, NULL), RC_IO);
    write_file(path, after, 0600);

    /* To a passphrase: the file with the key goes. And back. */
    char pass[DIR_BYTES + 32];
    snprintf(pass, sizeof pass, "%s/passphrase", dir);
    write_file(pass, "correct horse battery staple\n", 0600);
    const char *const *set = SET("vault_master", "passphrase", "vault_passphrase_file", pass);
    v = open_with(dir, set);
    assert_ok(vault_get_status(v, &status, &err));
    assert_string_equal(status.provider, "file");
    assert_string_equal(status.configured, "passphrase");
    assert_ok(vault_rotate(v, NULL, NULL, &err));
    check_many(v, sealed);
    assert_false(fs_exists(path));
    vault_close(v);
    v = open_with(dir, set);
    check_many(v, sealed);
    vault_close(v);
    v = open_with(dir, SET("vault_master", "file", "vault_passphrase_file", pass));
    assert_ok(vault_rotate(v, NULL, NULL, &err));
    vault_close(v);
    v = open_at(dir);
    check_many(v, sealed);
    vault_close(v);
    for (int i = 0; i < MANY; i++)
        buf_release(&sealed[i]);
    free(before);
    free(after);
}

/* A process that rotates on and on is killed at some moment, many times: nothing is lost, and the next one goes
 * on. Meanwhile this process seals and opens, as a server would. */
static void test_killed_rotation(void **state)
{
    (void)state;
    static struct buf sealed[MANY];
    const char *mode = getenv("PENDERIE_TEST_MODE");
    int kills = mode && strcmp(mode, "long") == 0 ? 100 : 10, under_way = 0;
    char dir[DIR_BYTES], path[DIR_BYTES + 32], *text;
    size_t n;
    struct vault_status status;
    struct vault *v = fresh_vault(dir), *server = open_at(dir);
    add_many(v, sealed);
    for (int i = 0; i < kills; i++) {
        char dot, name[16];
        uint32_t random;
        int out;
        pid_t pid = start_child("rotate-forever", dir, NULL, &out);
        assert_int_equal(read(out, &dot, 1), 1); /* it has begun */
        crypt_random(&random, sizeof random);
        for (int64_t until = clock_mono_us() + random % 60000; clock_mono_us() < until;) {
            person_name((int)(random++ % MANY), name);
            assert_int_equal(unseal(server, name, "x", buf_str(&sealed[(random - 1) % MANY]), name), RC_OK);
        }
        kill(pid, SIGKILL);
        assert_int_equal(wait_child(pid), 128 + SIGKILL);
        close(out);
        assert_ok(vault_get_status(server, &status, &err));
        under_way += status.rotating;
        check_many(server, sealed);
        struct vault *other = open_at(dir); /* as after a restart, with what is on the disk alone */
        check_many(other, sealed);
        vault_close(other);
    }
    print_message("%d of %d kills left a rotation half done\n", under_way, kills);
    assert_ok(vault_rotate(v, NULL, NULL, &err)); /* goes on with the last */
    assert_ok(vault_rotate(v, NULL, NULL, &err)); /* and drops what a killed one left in the file */
    assert_ok(vault_get_status(v, &status, &err));
    assert_false(status.rotating);
    assert_int_equal(status.left, 0);
    assert_int_equal(status.persons, MANY);
    check_many(server, sealed);
    key_file_of(dir, path);
    read_file(path, &text, &n);
    int lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, 2); /* the head, and one key */
    free(text);
    vault_close(v);
    vault_close(server);
    for (int i = 0; i < MANY; i++)
        buf_release(&sealed[i]);
}

/* --------------------------------------------------------------------------------------- threads */

struct crowd {
    struct vault *v;
    atomic_bool stop;
    atomic_int sealed, gone, wrong;
};

static void *work(void *arg)
{
    struct crowd *c = arg;
    struct buf sealed = BUF_INIT(1 << 16), plain = BUF_INIT(1 << 16);
    struct err e;
    for (unsigned i = 0; !atomic_load(&c->stop); i++) {
        char name[16], pseudonym[VAULT_PSEUDONYM_CHARS + 1];
        snprintf(name, sizeof name, "p%u", i % 5);
        buf_reset(&sealed);
        buf_reset(&plain);
        vault_pseudonym(c->v, "wardrobe", str_of(name), pseudonym);
        enum rc rc = vault_seal(c->v, str_of(name), STR("x"), str_of(name), &sealed, &e);
        if (!rc) rc = vault_unseal(c->v, str_of(name), STR("x"), buf_str(&sealed), &plain, &e);
        if (!rc && str_eqz(buf_str(&plain), name))
            atomic_fetch_add(&c->sealed, 1);
        else if (rc == RC_NOT_FOUND || rc == RC_CORRUPT) /* destroyed; destroyed and added again */
            atomic_fetch_add(&c->gone, 1);
        else
            atomic_fetch_add(&c->wrong, 1);
    }
    buf_release(&sealed);
    buf_release(&plain);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    char dir[DIR_BYTES], name[16];
    struct crowd c = {.v = fresh_vault(dir)};
    pthread_t threads[4];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_ok(vault_add_person(c.v, str_of(name), &err));
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &c), 0);
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "p%d", i % 5);
        assert_ok(vault_destroy_person(c.v, str_of(name), &err));
        assert_ok(vault_add_person(c.v, str_of(name), &err));
        if (i % 10 == 9) assert_ok(vault_rotate(c.v, NULL, NULL, &err));
    }
    atomic_store(&c.stop, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    print_message("%d sealed and opened, %d met a destroyed key\n", c.sealed, c.gone);
    assert_true(c.sealed > 0);
    assert_int_equal(c.wrong, 0);
    vault_close(c.v);
}

/* ------------------------------------------------------------------------- destruction and copies */

/* The row of the only person in a vault's database. */
static size_t wrapped_key(const char *database, uint8_t out[static 256])
{
    char url[DIR_BYTES + 64];
    struct store *s = NULL;
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    size_t n = 0;
    const struct store_options options = {.name = "vault", .read_only = true};
    snprintf(url, sizeof url, "sqlite:%s", database);
    assert_ok(store_open(url, &options, &s, &err));
    assert_ok(store_begin(s, STORE_READ, &tx, &err));
    assert_ok(store_query(tx, "SELECT wrapped FROM person_key", STORE_NO_ARGS, &rows, &err));
    assert_ok(store_next(rows, &more, &err));
    if (more) {
        n = store_blob(rows, 0).n;
        assert_true(n && n <= 256);
        memcpy(out, store_blob(rows, 0).p, n);
    }
    store_rows_close(rows);
    store_rollback(tx);
    store_close(s);
    return n;
}

struct search {
    const uint8_t *needle;
    size_t n;
    int files, found;
};

static enum rc search_file(const char *path, void *ctx, struct err *e)
{
    struct search *s = ctx;
    char *p = NULL;
    size_t n = 0;
    enum rc rc = fs_read(path, 1 << 26, &p, &n, e);
    if (rc) return rc;
    s->files++;
    s->found += memmem(p, n, s->needle, s->n) != NULL;
    free(p);
    return RC_OK;
}

static int files_with(const char *dir, const uint8_t *needle, size_t n)
{
    struct search s = {.needle = needle, .n = n};
    assert_ok(fs_walk(dir, search_file, &s, &err));
    assert_true(s.files > 0);
    return s.found;
}

/* After a destruction no byte of the wrapped key is in any file of the vault, while a server has it open. */
static void test_no_trace(void **state)
{
    (void)state;
    char dir[DIR_BYTES], database[DIR_BYTES + 32];
    uint8_t key[256];
    struct vault *v = fresh_vault(dir), *server = open_at(dir);
    struct buf sealed = BUF_INIT(1 << 16);
    snprintf(database, sizeof database, "%s/vault/vault.db", dir);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    seal(server, "anna", "x", "y", &sealed);
    size_t n = wrapped_key(database, key);
    assert_true(n > 0 && files_with(dir, key + 1, n - 1) > 0);
    assert_ok(vault_destroy_person(v, STR("anna"), &err));
    assert_int_equal(files_with(dir, key + 1, n - 1), 0);
    /* Rotation too: what was wrapped by the old master key is gone. */
    assert_ok(vault_add_person(v, STR("bert"), &err));
    n = wrapped_key(database, key);
    assert_ok(vault_rotate(v, NULL, NULL, &err));
    assert_int_equal(files_with(dir, key + 1, n - 1), 0);
    vault_close(v);
    vault_close(server);
    buf_release(&sealed);
}

static void copy_over(const char *from, const char *to)
{
    char *p;
    size_t n;
    read_file(from, &p, &n);
    assert_ok(fs_write_atomic(to, p, n, 0600, &err));
    free(p);
}

static int64_t count_copies(struct vault *v)
{
    struct vault_status s;
    assert_ok(vault_get_status(v, &s, &err));
    return s.copies;
}

/*
 * A backup of data from before an erasure cannot be read after it: not by the program, not with the vault as it
 * is, not with a copy of the vault that was restored as it must be; and once the copies have expired, with
 * nothing.
 */
static void test_erasure_and_backups(void **state)
{
    (void)state;
    static const int64_t start = 1795000000000;
    char dir[DIR_BYTES], database[DIR_BYTES + 32], kept[DIR_BYTES + 32], side[DIR_BYTES + 48];
    char copy[VAULT_COPY_PATH_BYTES];
    int64_t removed, gone;
    struct buf anna = BUF_INIT(1 << 16), bert = BUF_INIT(1 << 16);
    clock_freeze(start);
    struct vault *v = fresh_vault(dir);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    assert_ok(vault_add_person(v, STR("bert"), &err));
    seal(v, "anna", "photo/1", "hers", &anna); /* these two are the backup of data */
    seal(v, "bert", "photo/2", "his", &bert);
    assert_ok(vault_backup(v, copy, &err));
    assert_int_equal(count_copies(v), 1);
    clock_freeze(start + CLOCK_DAY_MS);
    assert_ok(vault_destroy_person(v, STR("anna"), &err)); /* the erasure */
    assert_rc(unseal(v, "anna", "photo/1", buf_str(&anna), ""), RC_NOT_FOUND);
    assert_int_equal(unseal(v, "bert", "photo/2", buf_str(&bert), "his"), RC_OK);
    vault_close(v);

    /* The vault is lost, and restored as it must be: the destroyed key does not come back. */
    snprintf(database, sizeof database, "%s/vault/vault.db", dir);
    snprintf(kept, sizeof kept, "%s/kept.db", dir);
    assert_rc(vault_restore(dir, settings(NULL), copy, &gone, &err), RC_CONFLICT);
    copy_over(database, kept);
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(side, sizeof side, "%s%s", database, tails[i]);
        unlink(side);
    }
    assert_rc(vault_restore(dir, settings(NULL), "/tmp/some.db", &gone, &err), RC_INVALID);
    assert_ok(vault_restore(dir, settings(NULL), copy, &gone, &err));
    assert_int_equal(gone, 1);
    v = open_at(dir);
    assert_rc(unseal(v, "anna", "photo/1", buf_str(&anna), ""), RC_NOT_FOUND);
    assert_int_equal(unseal(v, "bert", "photo/2", buf_str(&bert), "his"), RC_OK);

    /* Until they expire, copies are what could bring it back: that is why they expire. */
    assert_ok(vault_expire_copies(v, start + 30 * CLOCK_DAY_MS - 1000, false, &removed, &err));
    assert_int_equal(removed, 0);
    assert_int_equal(count_copies(v), 1);
    assert_ok(vault_expire_copies(v, start + 31 * CLOCK_DAY_MS, true, &removed, &err));
    assert_int_equal(removed, 1);
    assert_int_equal(count_copies(v), 1); /* a dry run */
    uint8_t key[256];
    size_t n;
    {
        /* The copy as an attacker would take it: it does hold a key more than the vault. */
        char loot[DIR_BYTES + 32];
        snprintf(loot, sizeof loot, "%s/loot.db", dir);
        copy_over(copy, loot);
        n = wrapped_key(loot, key);
        assert_true(n > 0);
        for (int i = 0; i < 3; i++) {
            snprintf(side, sizeof side, "%s%s", loot, tails[i]);
            unlink(side);
        }
    }
    clock_freeze(start + 31 * CLOCK_DAY_MS);
    assert_rc(vault_restore(dir, settings(NULL), copy, &gone, &err), RC_FORBIDDEN);
    assert_says("older than 30 days");
    assert_ok(vault_expire_copies(v, clock_now_ms(), false, &removed, &err));
    assert_int_equal(removed, 1);
    assert_false(fs_exists(copy));
    assert_int_equal(count_copies(v), 0);
    /* The daily care makes one, once a day. */
    bool made;
    assert_ok(vault_keep_copies(v, clock_now_ms(), true, &made, &removed, &err));
    assert_true(made);
    assert_int_equal(count_copies(v), 0); /* a dry run */
    assert_ok(vault_keep_copies(v, clock_now_ms(), false, &made, &removed, &err));
    assert_true(made);
    assert_ok(vault_keep_copies(v, clock_now_ms() + 1000, false, &made, &removed, &err));
    assert_false(made);
    assert_int_equal(count_copies(v), 1);
    vault_close(v);
    clock_freeze(-1);
    buf_release(&anna);
    buf_release(&bert);
}

/* Keys are in locked memory while a vault is open. */
static long locked_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "VmLck:", 6) == 0) kb = strtol(line + 6, NULL, 10);
    fclose(f);
    return kb;
}

static void test_locked_memory(void **state)
{
    (void)state;
    char dir[DIR_BYTES];
    long before = locked_kb();
    struct vault *v = fresh_vault(dir);
    long open = locked_kb();
    vault_close(v);
    if (open == before) { /* a limit of zero, or a sandbox: nothing to see */
        print_message("[  SKIPPED ] this system locks no memory for us\n");
        skip();
    }
    assert_true(open >= before + 20);
    assert_int_equal(locked_kb(), before);
}

static int setup(void **state)
{
    int rc = temp_dir_make(state);
    base = *state;
    log_configure(LOG_ERROR, false);
    return rc || crypt_startup(&err);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0) return child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_house),
        cmocka_unit_test(test_tampering),       cmocka_unit_test(test_nonces_differ),
        cmocka_unit_test(test_pseudonyms),      cmocka_unit_test(test_destroyed_elsewhere),
        cmocka_unit_test(test_key_file),        cmocka_unit_test(test_passphrase),
        cmocka_unit_test(test_azure_settings),  cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_killed_rotation), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_trace),        cmocka_unit_test(test_erasure_and_backups),
        cmocka_unit_test(test_locked_memory),
    };
    return cmocka_run_group_tests(tests, setup, temp_dir_remove);
}
