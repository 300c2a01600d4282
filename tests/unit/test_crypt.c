#include "crypt/crypt.h"

#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/penderie-crypt-XXXXXX";

static void assert_hex(const uint8_t *p, size_t n, const char *expected)
{
    char hex[2 * 64 + 1];
    crypt_hex(p, n, hex);
    assert_string_equal(hex, expected);
}

/* FIPS 180-4 examples, and RFC 6234's million letters 'a'. */
static void test_sha256_vectors(void **state)
{
    (void)state;
    uint8_t out[CRYPT_SHA256_BYTES];
    crypt_sha256(STR(""), out);
    assert_hex(out, sizeof out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypt_sha256(STR_NONE, out);
    assert_hex(out, sizeof out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypt_sha256(STR("abc"), out);
    assert_hex(out, sizeof out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypt_sha256(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
    assert_hex(out, sizeof out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");

    struct crypt_sha256 h;
    char a[1000];
    memset(a, 'a', sizeof a);
    crypt_sha256_init(&h);
    for (int i = 0; i < 1000; i++)
        crypt_sha256_add(&h, a, sizeof a);
    crypt_sha256_end(&h, out);
    assert_hex(out, sizeof out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_sha256_file(void **state)
{
    (void)state;
    struct err err;
    char path[128], hex[CRYPT_HEX_BYTES], expected[CRYPT_HEX_BYTES];
    size_t n = 100003; /* over several reads, not a multiple of any */
    char *bytes = malloc(n);
    uint8_t out[CRYPT_SHA256_BYTES];
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 7);
    snprintf(path, sizeof path, "%s/file", dir);
    assert_int_equal(fs_write_atomic(path, bytes, n, 0644, &err), RC_OK);
    assert_int_equal(crypt_sha256_file(path, hex, &err), RC_OK);
    crypt_sha256((struct str){bytes, n}, out);
    crypt_hex(out, sizeof out, expected);
    assert_string_equal(hex, expected);
    free(bytes);
    snprintf(path, sizeof path, "%s/none", dir);
    assert_int_equal(crypt_sha256_file(path, hex, &err), RC_NOT_FOUND);
    assert_int_equal(crypt_sha256_file(dir, hex, &err), RC_IO);
}

/* RFC 4231 cases whose key fits 32 bytes: RFC 2104 pads a shorter key with zeros up to the block, so a
 * key of 20 bytes and the same followed by zeros give the same MAC. */
static void test_mac_vectors(void **state)
{
    (void)state;
    uint8_t key[CRYPT_KEY_BYTES] = {0}, out[CRYPT_MAC_BYTES];
    memset(key, 0x0b, 20);
    crypt_mac(key, STR("Hi There"), out);
    assert_hex(out, sizeof out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    memset(key, 0, sizeof key);
    memcpy(key, "Jefe", 4);
    crypt_mac(key, STR("what do ya want for nothing?"), out);
    assert_hex(out, sizeof out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0, sizeof key);
    memset(key, 0xaa, 20);
    char data[50];
    memset(data, 0xdd, sizeof data);
    crypt_mac(key, (struct str){data, sizeof data}, out);
    assert_hex(out, sizeof out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (int i = 0; i < 25; i++)
        key[i] = (uint8_t)(i + 1);
    memset(key + 25, 0, 7);
    memset(data, 0xcd, sizeof data);
    crypt_mac(key, (struct str){data, sizeof data}, out);
    assert_hex(out, sizeof out, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");

    uint8_t empty[CRYPT_MAC_BYTES];
    crypt_mac(key, STR_NONE, out);
    crypt_mac(key, STR(""), empty);
    assert_true(crypt_equal(out, empty, sizeof out));
}

/* RFC 4648, 10, without padding; and what tells the URL-safe alphabet apart. */
static void test_base64url(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
    uint8_t out[64];
    char text[64];
    size_t n;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        crypt_base64url(pairs[i][0], strlen(pairs[i][0]), text);
        assert_string_equal(text, pairs[i][1]);
        assert_true(crypt_base64url_decode(str_of(pairs[i][1]), out, sizeof out, &n));
        assert_int_equal(n, strlen(pairs[i][0]));
        assert_memory_equal(out, pairs[i][0], n);
    }
    static const char *const bad[] = {"Zg==", "Zm9v\n", "Zm+v", "Zm/v", "Z", "Zh", "Zm9", " Zm9v", "Zm9v Zg"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(crypt_base64url_decode(str_of(bad[i]), out, sizeof out, &n));
    assert_false(crypt_base64url_decode(STR("Zm9vYmFy"), out, 5, &n)); /* does not fit */
    assert_true(crypt_base64url_decode(STR("Zm9vYmFy"), out, 6, &n));
    assert_true(crypt_base64url_decode(STR_NONE, out, sizeof out, &n));
    assert_int_equal(n, 0);
}

static void test_equal_random_wipe(void **state)
{
    (void)state;
    uint8_t a[32], b[32], zero[32] = {0};
    crypt_random(a, sizeof a);
    crypt_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_false(crypt_equal(a, b, sizeof a));
    memcpy(b, a, sizeof b);
    assert_true(crypt_equal(a, b, sizeof a));
    b[31] ^= 1;
    assert_false(crypt_equal(a, b, sizeof a));
    crypt_wipe(a, sizeof a);
    assert_memory_equal(a, zero, sizeof a);
}

static void test_key_file(void **state)
{
    (void)state;
    struct err err;
    uint8_t key[CRYPT_KEY_BYTES], again[CRYPT_KEY_BYTES], other[CRYPT_KEY_BYTES];
    char path[128];
    struct stat st;
    assert_int_equal(crypt_key_file(dir, "limits", key, &err), RC_OK);
    assert_int_equal(crypt_key_file(dir, "limits", again, &err), RC_OK);
    assert_memory_equal(key, again, sizeof key);
    assert_int_equal(crypt_key_file(dir, "tokens", other, &err), RC_OK);
    assert_memory_not_equal(key, other, sizeof key);

    snprintf(path, sizeof path, "%s/keys", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/keys/limits.key", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, CRYPT_KEY_BYTES);
    assert_int_equal(st.st_nlink, 1); /* the temporary name is gone */

    static const mode_t shared[] = {0640, 0604, 0660, 0601};
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        assert_int_equal(chmod(path, shared[i]), 0);
        assert_int_equal(crypt_key_file(dir, "limits", again, &err), RC_FORBIDDEN);
        assert_non_null(strstr(err.message, "chmod 600"));
    }
    assert_int_equal(chmod(path, 0400), 0); /* stricter is fine */
    assert_int_equal(crypt_key_file(dir, "limits", again, &err), RC_OK);
    assert_memory_equal(key, again, sizeof key);

    assert_int_equal(fs_write_atomic(path, "short", 5, 0600, &err), RC_OK);
    assert_int_equal(crypt_key_file(dir, "limits", again, &err), RC_CORRUPT);
    assert_int_equal(fs_write_atomic(path, "0123456789012345678901234567890123", 33, 0600, &err), RC_OK);
    assert_int_equal(crypt_key_file(dir, "limits", again, &err), RC_CORRUPT);
}

/* Processes that all start on an empty folder must end up with one key. */
static void test_key_race(void **state)
{
    (void)state;
    enum { PROCESSES = 6, ROUNDS = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        int go[2], answer[2];
        char name[16];
        snprintf(name, sizeof name, "race%d", round);
        assert_int_equal(pipe(go), 0);
        assert_int_equal(pipe(answer), 0);
        for (int i = 0; i < PROCESSES; i++) {
            pid_t pid = fork();
            assert_true(pid >= 0);
            if (pid == 0) {
                uint8_t key[CRYPT_KEY_BYTES];
                char c;
                close(go[1]);
                bool fine = read(go[0], &c, 1) == 0; /* until the parent closes it */
                fine = fine && crypt_key_file(dir, name, key, NULL) == RC_OK;
                fine = fine && write(answer[1], key, sizeof key) == (ssize_t)sizeof key;
                _exit(fine ? 0 : 1);
            }
        }
        close(go[0]);
        close(go[1]);
        close(answer[1]);
        uint8_t first[CRYPT_KEY_BYTES], key[CRYPT_KEY_BYTES];
        assert_int_equal(read(answer[0], first, sizeof first), sizeof first);
        for (int i = 1; i < PROCESSES; i++) {
            assert_int_equal(read(answer[0], key, sizeof key), sizeof key);
            assert_memory_equal(first, key, sizeof key);
        }
        close(answer[0]);
        for (int i = 0; i < PROCESSES; i++) {
            int status;
            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    return crypt_startup(NULL) || !mkdtemp(dir);
}

static int tear_down(void **state)
{
    (void)state;
    return fs_remove_tree(dir, NULL) != RC_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_vectors),    cmocka_unit_test(test_sha256_file),
        cmocka_unit_test(test_mac_vectors),       cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_equal_random_wipe), cmocka_unit_test(test_key_file),
        cmocka_unit_test(test_key_race),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
