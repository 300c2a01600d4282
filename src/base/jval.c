#include "base/jval.h"

#include "base/fs.h"

#include <jansson.h>
#include <stdlib.h>

static const json_t *in(const struct jval *v) { return (const json_t *)(const void *)v; }
static const struct jval *out_of(const json_t *v) { return (const struct jval *)(const void *)v; }

enum rc jval_parse(struct str text, size_t max_bytes, struct jval **out, struct err *err)
{
    *out = NULL;
    if (text.n > max_bytes) return err_set(err, RC_TOO_LARGE, "JSON of more than %zu bytes", max_bytes);
    json_error_t e;
    json_t *v = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!v) {
        if (json_error_code(&e) == json_error_out_of_memory)
            return err_set(err, RC_NOMEM, "out of memory reading JSON");
        return err_set(err, RC_INVALID, "not valid JSON: line %d, column %d: %s", e.line, e.column, e.text);
    }
    *out = (struct jval *)(void *)v;
    return RC_OK;
}

enum rc jval_parse_file(const char *path, size_t max_bytes, struct jval **out, struct err *err)
{
    char *p = NULL;
    size_t n = 0;
    *out = NULL;
    enum rc rc = fs_read(path, max_bytes, &p, &n, err);
    if (rc) return rc;
    rc = jval_parse((struct str){p, n}, max_bytes, out, err);
    if (rc) err_prefix(err, "%s: ", path);
    free(p);
    return rc;
}

void jval_destroy(struct jval *doc) { json_decref((json_t *)(void *)doc); }

bool jval_is_object(const struct jval *v) { return json_is_object(in(v)); }
bool jval_is_array(const struct jval *v) { return json_is_array(in(v)); }
bool jval_is_string(const struct jval *v) { return json_is_string(in(v)); }
bool jval_is_number(const struct jval *v) { return json_is_number(in(v)); }
bool jval_is_null(const struct jval *v) { return json_is_null(in(v)); }

const struct jval *jval_get(const struct jval *o, const char *key)
{
    return out_of(json_object_get(in(o), key));
}

size_t jval_len(const struct jval *v)
{
    return json_is_array(in(v)) ? json_array_size(in(v)) : json_object_size(in(v));
}

const struct jval *jval_at(const struct jval *a, size_t i) { return out_of(json_array_get(in(a), i)); }

const char *jval_member(const struct jval *object, size_t i, const struct jval **value)
{
    json_t *o = (json_t *)(void *)in(object);
    void *it = json_object_iter(o);
    while (it && i--)
        it = json_object_iter_next(o, it);
    if (!it) return NULL;
    *value = out_of(json_object_iter_value(it));
    return json_object_iter_key(it);
}

struct str jval_str(const struct jval *v)
{
    if (!json_is_string(in(v))) return STR_NONE;
    return (struct str){json_string_value(in(v)), json_string_length(in(v))};
}

bool jval_i64(const struct jval *v, int64_t *out)
{
    if (!json_is_integer(in(v))) return false;
    *out = json_integer_value(in(v));
    return true;
}

bool jval_f64(const struct jval *v, double *out)
{
    if (!json_is_number(in(v))) return false;
    *out = json_number_value(in(v));
    return true;
}

bool jval_bool(const struct jval *v, bool *out)
{
    if (!json_is_boolean(in(v))) return false;
    *out = json_is_true(in(v));
    return true;
}
