/* Addresses: every spelling is the same address, whatever proxies write, and networks have exact borders. */
#include "test.h"

#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct err err;

static struct address parsed(const char *text)
{
    struct address a;
    if (!address_parse(str_of(text), &a)) fail_msg("\"%s\" is an address", text);
    return a;
}

static bool same(const char *a, const char *b)
{
    struct address x = parsed(a), y = parsed(b);
    return address_equal(&x, &y);
}

static void spellings(void **state)
{
    (void)state;
    assert_true(same("203.0.113.9", "203.0.113.9:443"));
    assert_true(same("203.0.113.9", "::ffff:203.0.113.9"));
    assert_true(same("2001:db8::1", "2001:0DB8:0:0:0:0:0:1"));
    assert_true(same("2001:db8::1", "[2001:db8::1]"));
    assert_true(same("2001:db8::1", "[2001:db8::1]:65535"));
    assert_false(same("2001:db8::1", "2001:db8::2"));
    static const char *const none[] = {"",
                                       "unknown",
                                       "_hidden",
                                       "203.0.113",
                                       "203.0.113.256",
                                       "203.0.113.9:",
                                       "203.0.113.9:x",
                                       "203.0.113.9:65536",
                                       " 203.0.113.9",
                                       "[203.0.113.9]",
                                       "[2001:db8::1",
                                       "[2001:db8::1]x",
                                       "[2001:db8::1]:",
                                       "[]",
                                       "2001:db8::1%eth0",
                                       "2001:db8:::1",
                                       "2001:db8::1/64",
                                       "a very long text that is certainly no address of any kind"};
    struct address a;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (address_parse(str_of(none[i]), &a)) fail_msg("\"%s\" is no address", none[i]);
    assert_false(address_parse(STR("203.0.113.9\0.1"), &a));
}

static void sockets(void **state)
{
    (void)state;
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    inet_pton(AF_INET, "203.0.113.9", &four.sin_addr);
    inet_pton(AF_INET6, "::ffff:203.0.113.9", &six.sin6_addr);
    struct address a = address_of((struct sockaddr *)&four), b = address_of((struct sockaddr *)&six);
    assert_true(address_equal(&a, &b));
    static const char *const here[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"};
    static const char *const there[] = {"128.0.0.1", "::2", "203.0.113.9", "::"};
    for (size_t i = 0; i < 4; i++) {
        a = parsed(here[i]);
        b = parsed(there[i]);
        assert_true(address_is_loopback(&a));
        assert_false(address_is_loopback(&b));
    }
}

static void a_client_is_a_network(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"2001:db8:0:7:1:2:3:4", "2001:db8:0:7::"}, {"203.0.113.9", "203.0.113.9"}, {"::1", "::1"}};
    for (size_t i = 0; i < 3; i++) {
        struct address a = parsed(pairs[i][0]), want = parsed(pairs[i][1]), client = address_client(&a);
        assert_true(address_equal(&client, &want));
    }
}

static bool listed(const struct address_list *list, const char *text)
{
    struct address a = parsed(text);
    return address_listed(list, &a);
}

static void networks(void **state)
{
    (void)state;
    struct address_list l;
    assert_ok(address_list_parse("10.0.0.1, 10.1.16.0/20 ,2001:db8::5,fd00::/9,", &l, &err));
    assert_int_equal(l.n, 4);
    static const char *const in[] = {"10.0.0.1",    "10.1.16.0",       "10.1.31.255",
                                     "2001:db8::5", "::ffff:10.0.0.1", "fd7f:ffff::1"};
    static const char *const out[] = {"10.0.0.2",   "10.1.15.255", "10.1.32.0", "2001:db8::6",
                                      "2001:db8::", "fd80::1",     "fc80::",    "::a00:1"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        if (!listed(&l, in[i])) fail_msg("%s is listed", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (listed(&l, out[i])) fail_msg("%s is not listed", out[i]);
    assert_ok(address_list_parse("", &l, &err));
    assert_false(listed(&l, "127.0.0.1"));
    assert_ok(address_list_parse("0.0.0.0/0", &l, &err));
    assert_true(listed(&l, "203.0.113.9"));
    assert_false(listed(&l, "2001:db8::1"));
    assert_ok(address_list_parse("::/0", &l, &err));
    assert_true(listed(&l, "203.0.113.9") && listed(&l, "2001:db8::1"));
    static const char *const bad[] = {"proxy.example", "10.0.0.0/33",       "::/129",     "10.0.0.1/",
                                      "10.0.0.1/x",    "10.0.0.1 10.0.0.2", "10.0.0.1:80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_rc(address_list_parse(bad[i], &l, &err), RC_INVALID);
}

static void expect_from(const struct address_list *trusted, const char *peer, const char *forwarded,
                        const char *want)
{
    struct address p = parsed(peer), w = parsed(want);
    struct address is = address_forwarded(trusted, &p, str_of(forwarded));
    if (!address_equal(&is, &w)) fail_msg("%s through %s is not %s", forwarded, peer, want);
}

static void proxies_speak_for_clients(void **state)
{
    (void)state;
    struct address_list l;
    assert_ok(address_list_parse("10.0.0.1, 2001:db8:9:9:1:2:3:4", &l, &err));
    expect_from(&l, "203.0.113.9", "1.2.3.4", "203.0.113.9"); /* not a proxy of ours: made up */
    expect_from(&l, "10.0.0.1", NULL, "10.0.0.1");
    expect_from(&l, "10.0.0.1", "198.51.100.7", "198.51.100.7");
    expect_from(&l, "10.0.0.1", "1.2.3.4, 198.51.100.7", "198.51.100.7");
    expect_from(&l, "10.0.0.1", "1.2.3.4,[2001:db8::1]:4711", "2001:db8::1");
    /* all 128 bits of a proxy count: a neighbour in its network is none */
    expect_from(&l, "2001:db8:9:9:1:2:3:4", "198.51.100.7", "198.51.100.7");
    expect_from(&l, "2001:db8:9:9:1:2:3:5", "198.51.100.7", "2001:db8:9:9:1:2:3:5");
    /* a chain of our own proxies */
    expect_from(&l, "10.0.0.1", "1.2.3.4, 198.51.100.7, 2001:db8:9:9:1:2:3:4", "198.51.100.7");
    expect_from(&l, "10.0.0.1", "10.0.0.1, 10.0.0.1", "10.0.0.1");
    /* what cannot be understood counts against the one who said it */
    expect_from(&l, "10.0.0.1", "1.2.3.4, unknown", "10.0.0.1");
    expect_from(&l, "10.0.0.1", "1.2.3.4,", "10.0.0.1");
    expect_from(&l, "10.0.0.1", " , ", "10.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings),
        cmocka_unit_test(sockets),
        cmocka_unit_test(a_client_is_a_network),
        cmocka_unit_test(networks),
        cmocka_unit_test(proxies_speak_for_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
