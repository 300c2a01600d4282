/* The vault: sealing, persons, the master key's file. */
#include "test.h"

#include "base/buf.h"
#include "base/config.h"
#include "base/str.h"
#include "crypt/crypt.h"
#include "vault/vault.h"

static struct err err;
static char *base;
static unsigned counter;

static struct config *settings(void)
{
    const struct config_key *const tables[] = {vault_config, NULL};
    static struct config *kept[64]; /* borrowed by vaults: to the end */
    static size_t n;
    struct config *c = NULL;
    assert_ok(config_create(tables, &c, &err));
    kept[n++ % 64] = c; /* borrowed by vaults; a handful, kept to the end */
    return c;
}

static void fresh_dir(char out[static 600]) { snprintf(out, 600, "%s/data%u", base, counter++); }

static struct vault *open_at(const char *dir)
{
    struct vault *v = NULL;
    assert_ok(fs_mkdirs(dir, 0700, &err));
    assert_ok(vault_open(dir, settings(), &v, &err));
    return v;
}

static void test_round_trip(void **state)
{
    (void)state;
    char dir[600];
    fresh_dir(dir);
    struct vault *v = open_at(dir);
    struct buf sealed = BUF_INIT(1 << 20), plain = BUF_INIT(1 << 20);
    assert_ok(vault_add_person(v, STR("anna"), &err));
    assert_rc(vault_add_person(v, STR("anna"), &err), RC_CONFLICT);
    assert_ok(vault_seal(v, STR("anna"), STR("wardrobe.photo/1"), STR("a secret"), &sealed, &err));
    assert_int_equal(sealed.n, 8 + 41);
    assert_ok(vault_unseal(v, STR("anna"), STR("wardrobe.photo/1"), buf_str(&sealed), &plain, &err));
    assert_true(str_eqz(buf_str(&plain), "a secret"));
    vault_close(v);
    v = open_at(dir);
    buf_reset(&plain);
    assert_ok(vault_unseal(v, STR("anna"), STR("wardrobe.photo/1"), buf_str(&sealed), &plain, &err));
    assert_true(str_eqz(buf_str(&plain), "a secret"));
    assert_ok(vault_destroy_person(v, STR("anna"), &err));
    assert_ok(vault_destroy_person(v, STR("anna"), &err));
    assert_rc(vault_unseal(v, STR("anna"), STR("wardrobe.photo/1"), buf_str(&sealed), &plain, &err), RC_NOT_FOUND);
    vault_close(v);
    buf_release(&sealed);
    buf_release(&plain);
}

static int setup(void **state)
{
    int rc = temp_dir_make(state);
    base = *state;
    return rc || crypt_startup(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, setup, temp_dir_remove);
}
