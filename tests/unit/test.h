/* What every unit test needs: cmocka with its includes, a temporary folder, and a check that shows the message. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"

/* A call that must succeed: its message is printed when it does not. Uses a local `struct err err`. */
#define assert_ok(call)                                                          \
    do {                                                                         \
        enum rc ok_rc_ = (call);                                                 \
        if (ok_rc_) fail_msg("%s: %s: %s", #call, rc_name(ok_rc_), err.message); \
    } while (0)

/* The same with a message of its own, which the call names: fine(image_probe(s, NULL, &info, ERR)). */
#define fine(call)                                        \
    do {                                                  \
        struct err err_ = {0};                            \
        enum rc rc_ = (call);                             \
        if (rc_) fail_msg("%s: %s", #call, err_.message); \
    } while (0)
#define ERR (&err_)

/* A call that must fail with this code, and say something about it. */
#define assert_rc(call, want)                                                                       \
    do {                                                                                            \
        err.message[0] = 0;                                                                         \
        enum rc rc_ = (call);                                                                       \
        if (rc_ != (want))                                                                          \
            fail_msg("%s: %s instead of %s (%s)", #call, rc_name(rc_), rc_name(want), err.message); \
        if (!err.message[0]) fail_msg("%s: no message", #call);                                     \
    } while (0)

/* setup and teardown of a group: *state is the path of a fresh folder. */
static inline int temp_dir_make(void **state)
{
    const char *base = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/penderie-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(path)) return -1;
    *state = strdup(path);
    return 0;
}

static inline int temp_dir_remove(void **state)
{
    enum rc rc = fs_remove_tree(*state, NULL);
    free(*state);
    return rc ? -1 : 0;
}

#endif
