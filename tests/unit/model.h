/* The tests that read pictures or texts with a model: the repository's package, or what PENDERIE_TEST_MODEL names; without
 * either, the tests that need one are skipped. */
#ifndef TESTS_UNIT_MODEL_H
#define TESTS_UNIT_MODEL_H

#include "test.h"

#include "crypt/crypt.h"
#include "image/image.h"
#include "infer/infer.h"

static const char *package; /* its folder; NULL: there is none */
static struct infer *model; /* shared by tests that only ask */

static inline void need_model(void)
{
    if (model) return;
    print_message("skipped: there is no model package (models/penderie-fashion or PENDERIE_TEST_MODEL)\n");
    skip();
}

/* For the group's setup: 0, or -1 and the reason printed. */
static inline int model_open(const char *name, const struct infer_options *options)
{
    struct err err = {0};
    const char *set = getenv("PENDERIE_TEST_MODEL"), *own = "models/penderie-fashion";
    if (image_startup(name, &err) || crypt_startup(&err)) return -1;
    package = set ? set : fs_is_dir(own) ? own : NULL;
    if (package && infer_open(package, options, &model, &err)) {
        print_error("%s\n", err.message);
        return -1;
    }
    return 0;
}
#endif
