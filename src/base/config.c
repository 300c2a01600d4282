#include "base/config.h"

#include "base/buf.h"
#include "base/fs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct setting {
    const struct config_key *key;
    char *text;
    double number;
};

struct config {
    struct setting *settings;
    size_t n;
};

static const struct unit {
    const char *name;
    double factor;
} durations[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}, {NULL, 0}},
  sizes[] = {{"", 1}, {"k", 1024}, {"m", 1048576}, {"g", 1073741824}, {NULL, 0}},
  plain[] = {{"", 1}, {NULL, 0}};

static bool with_unit(struct str s, const struct unit *units, double *out)
{
    size_t digits = 0;
    while (digits < s.n && (isdigit((unsigned char)s.p[digits]) || strchr(".-", s.p[digits])))
        digits++;
    struct str tail = str_sub(s, digits, s.n);
    for (; units->name; units++)
        if (str_ieqz(tail, units->name)) {
            if (!str_to_f64(str_sub(s, 0, digits), out)) return false;
            *out *= units->factor;
            return true;
        }
    return false;
}

static bool parse_number(const struct config_key *key, struct str value, double *out)
{
    int64_t whole;
    switch (key->type) {
    case CONFIG_STRING:
        return true;
    case CONFIG_INT:
        if (!str_to_i64(value, &whole)) return false;
        *out = (double)whole;
        return true;
    case CONFIG_FLOAT:
        return with_unit(value, plain, out);
    case CONFIG_DURATION_MS:
        return with_unit(value, durations, out);
    case CONFIG_BYTES:
        return with_unit(value, sizes, out);
    case CONFIG_BOOL:
        *out = str_ieqz(value, "yes") || str_ieqz(value, "true") || str_ieqz(value, "on");
        return *out != 0 || str_ieqz(value, "no") || str_ieqz(value, "false") || str_ieqz(value, "off");
    }
    return false;
}

static const char *expects(enum config_type type)
{
    switch (type) {
    case CONFIG_INT:
        return "a whole number";
    case CONFIG_FLOAT:
        return "a number";
    case CONFIG_BOOL:
        return "yes or no";
    case CONFIG_DURATION_MS:
        return "a duration such as 250ms, 3s, 5m, 2h or 30d";
    case CONFIG_BYTES:
        return "a size such as 4096, 64k, 20m or 2g";
    case CONFIG_STRING:
        break;
    }
    return "text";
}

static enum rc assign(struct setting *s, struct str value, struct err *err)
{
    double number = 0;
    if (!parse_number(s->key, value, &number))
        return err_set(err, RC_INVALID, "%s: \"%.*s\" is not %s", s->key->name, STR_ARG(value),
                       expects(s->key->type));
    bool limited = s->key->type != CONFIG_STRING && (s->key->least != 0 || s->key->most != 0);
    if (limited && (number < s->key->least || number > s->key->most))
        return err_set(err, RC_INVALID, "%s: \"%.*s\" is out of range (%.0f to %.0f)", s->key->name,
                       STR_ARG(value), s->key->least, s->key->most);
    char *text = strndup(value.p ? value.p : "", value.n);
    if (!text) return err_set(err, RC_NOMEM, "out of memory");
    free(s->text);
    s->text = text;
    s->number = number;
    return RC_OK;
}

enum rc config_create(const struct config_key *const *tables, struct config **out, struct err *err)
{
    size_t n = 0;
    *out = NULL;
    for (size_t t = 0; tables[t]; t++)
        for (const struct config_key *k = tables[t]; k->name; k++)
            n++;
    struct config *c = calloc(1, sizeof *c);
    if (c) c->settings = calloc(n + 1, sizeof *c->settings);
    if (!c || !c->settings) {
        free(c);
        return err_set(err, RC_NOMEM, "out of memory");
    }
    for (size_t t = 0; tables[t]; t++)
        for (const struct config_key *k = tables[t]; k->name; k++) {
            struct setting *s = &c->settings[c->n++];
            s->key = k;
            enum rc rc = assign(s, str_of(k->fallback), err);
            if (rc) {
                config_destroy(c);
                return rc;
            }
        }
    *out = c;
    return RC_OK;
}

void config_destroy(struct config *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n; i++)
        free(c->settings[i].text);
    free(c->settings);
    free(c);
}

static struct setting *find(const struct config *c, struct str key)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_eqz(key, c->settings[i].key->name)) return &c->settings[i];
    return NULL;
}

enum rc config_set(struct config *c, struct str key, struct str value, struct err *err)
{
    struct setting *s = find(c, str_trim(key));
    if (!s)
        return err_set(err, RC_INVALID, "there is no setting \"%.*s\" (penderie config prints them all)",
                       STR_ARG(key));
    return assign(s, str_trim(value), err);
}

enum rc config_load_file(struct config *c, const char *path, struct err *err)
{
    char *text = NULL;
    size_t n = 0;
    enum rc rc = fs_read(path, 1 << 20, &text, &n, err);
    struct str rest = {text, n};
    for (int line_no = 1; !rc && rest.p; line_no++) {
        struct str value = str_trim(str_split(&rest, '\n'));
        if (value.n == 0 || value.p[0] == '#') continue;
        struct str key = str_split(&value, '=');
        if (!value.p)
            rc = err_set(err, RC_INVALID, "expected \"key = value\"");
        else
            rc = config_set(c, key, value, err);
        if (rc) err_prefix(err, "%s, line %d: ", path, line_no);
    }
    free(text);
    return rc;
}

enum rc config_load_env(struct config *c, struct err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        char name[128];
        snprintf(name, sizeof name, "PENDERIE_%s", c->settings[i].key->name);
        for (char *p = name; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        const char *value = getenv(name);
        if (!value) continue;
        enum rc rc = assign(&c->settings[i], str_of(value), err);
        if (rc) {
            err_prefix(err, "environment variable %s: ", name);
            return rc;
        }
    }
    return RC_OK;
}

static const struct setting *get(const struct config *c, const char *key, enum config_type type)
{
    const struct setting *s = find(c, str_of(key));
    ASSERT(s && s->key->type == type);
    return s;
}

const char *config_string(const struct config *c, const char *key) { return get(c, key, CONFIG_STRING)->text; }
int64_t config_int(const struct config *c, const char *key) { return (int64_t)get(c, key, CONFIG_INT)->number; }
double config_float(const struct config *c, const char *key) { return get(c, key, CONFIG_FLOAT)->number; }
bool config_bool(const struct config *c, const char *key) { return get(c, key, CONFIG_BOOL)->number != 0; }

int64_t config_duration_ms(const struct config *c, const char *key)
{
    return (int64_t)get(c, key, CONFIG_DURATION_MS)->number;
}

int64_t config_bytes(const struct config *c, const char *key)
{
    return (int64_t)get(c, key, CONFIG_BYTES)->number;
}

void config_annotate(const struct config *c, struct buf *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct config_key *k = c->settings[i].key;
        struct str help = str_of(k->help);
        while (help.n) { /* wrapped at 96 columns */
            struct str line = str_utf8_cut(help, 96);
            if (line.n < help.n) {
                size_t cut = line.n;
                while (cut && line.p[cut - 1] != ' ')
                    cut--;
                if (cut) line.n = cut;
            }
            help = str_sub(help, line.n, help.n);
            buf_addf(out, "# %.*s\n", STR_ARG(str_trim(line)));
        }
        buf_addf(out, "#%s = %s\n\n", k->name, k->fallback);
    }
}
