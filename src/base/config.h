/*
 * Settings. Every module has a table of keys; the tables together are the parser, the defaults, the
 * text of `penderie serve --help` and the annotated penderie.conf. A file holds lines `key = value`
 * ('#' starts a comment line); the environment (PENDERIE_HTTP_PORT for http_port) comes over the file,
 * `--set key=value` over both. An unknown key or a value out of range is an error naming file and line.
 * Read-only after config_load*(), hence safe from any thread; reload makes a new struct config.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/err.h"
#include "base/str.h"

enum config_type { CONFIG_STRING, CONFIG_INT, CONFIG_FLOAT, CONFIG_BOOL, CONFIG_DURATION_MS, CONFIG_BYTES };

struct config_key {
    const char *name; /* "http_port"; NULL ends a table */
    enum config_type type;
    const char *fallback; /* the default, as it would be written in the file */
    double least, most;   /* for numbers; both 0: no limit. Durations in ms, sizes in bytes */
    const char *help;     /* one or more sentences for the annotated file */
};

struct config;

/* `tables`: NULL-ended list of tables, borrowed for the life of the config. All defaults. */
enum rc config_create(const struct config_key *const *tables, struct config **out, struct err *err) MUST_USE;
void config_destroy(struct config *c);
enum rc config_load_file(struct config *c, const char *path, struct err *err) MUST_USE;
enum rc config_load_env(struct config *c, struct err *err) MUST_USE;
enum rc config_set(struct config *c, struct str key, struct str value, struct err *err) MUST_USE;

/* The key must exist with that type: anything else is a mistake of ours and asserts. */
const char *config_string(const struct config *c, const char *key); /* borrowed */
int64_t config_int(const struct config *c, const char *key);
double config_float(const struct config *c, const char *key);
bool config_bool(const struct config *c, const char *key);
int64_t config_duration_ms(const struct config *c, const char *key); /* "250ms", "3s", "5m", "2h", "30d" */
int64_t config_bytes(const struct config *c, const char *key);       /* "4096", "64k", "20m", "2g" */

/* The annotated file: every key with its help, default commented out. */
struct buf;
void config_annotate(const struct config *c, struct buf *out);
#endif
