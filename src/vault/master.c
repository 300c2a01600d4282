/*
 * The providers of the master key, behind one door.
 *
 * Threading: `lock` is held during a provider's calls, network included: they happen at start, at a rotation,
 * and when another process has rotated, never for a request.
 */
#include "vault/master.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct master_ops *const providers[] = {&master_file, &master_passphrase, &master_azure};
enum { PROVIDERS = sizeof providers / sizeof *providers };

struct master {
    const struct config *config;
    char *vault_dir;
    size_t chosen;
    pthread_mutex_t lock;
    void *self[PROVIDERS]; /* NULL: not needed so far */
};

static bool find_provider(const char *name, size_t *out)
{
    for (*out = 0; *out < PROVIDERS; (*out)++)
        if (strcmp(providers[*out]->name, name) == 0) return true;
    return false;
}

static enum rc make_ready(struct master *m, size_t i, struct err *err)
{
    return m->self[i] ? RC_OK : providers[i]->create(m->vault_dir, m->config, &m->self[i], err);
}

enum rc master_open(const char *vault_dir, const struct config *config, struct master **out, struct err *err)
{
    const char *name = config_string(config, "vault_master");
    size_t chosen;
    *out = NULL;
    if (!find_provider(name, &chosen))
        return err_set(err, RC_INVALID, "vault_master: \"%s\" is not file, passphrase or azure", name);
    struct master *m = calloc(1, sizeof *m);
    if (m) m->vault_dir = strdup(vault_dir);
    if (!m || !m->vault_dir) {
        free(m);
        return err_set(err, RC_NOMEM, "out of memory");
    }
    m->config = config;
    m->chosen = chosen;
    pthread_mutex_init(&m->lock, NULL);
    enum rc rc = make_ready(m, chosen, err);
    if (rc) {
        master_close(m);
        return rc;
    }
    *out = m;
    return RC_OK;
}

void master_close(struct master *m)
{
    if (!m) return;
    for (size_t i = 0; i < PROVIDERS; i++)
        if (m->self[i]) providers[i]->destroy(m->self[i]);
    pthread_mutex_destroy(&m->lock);
    free(m->vault_dir);
    free(m);
}

const char *master_name(const struct master *m) { return providers[m->chosen]->name; }

enum rc master_wrap(struct master *m, bool fresh, const char *what, const uint8_t key[static CRYPT_KEY_BYTES],
                    struct master_wrapped *out, struct err *err)
{
    ASSERT(strlen(what) < MASTER_AAD_BYTES);
    *out = (struct master_wrapped){0};
    memcpy(out->provider, providers[m->chosen]->name, strlen(providers[m->chosen]->name));
    pthread_mutex_lock(&m->lock);
    enum rc rc = providers[m->chosen]->wrap(m->self[m->chosen], fresh, what, key, out, err);
    pthread_mutex_unlock(&m->lock);
    return rc;
}

enum rc master_unwrap(struct master *m, const char *what, const struct master_wrapped *wrapped,
                      uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    size_t i;
    if (!find_provider(wrapped->provider, &i))
        return err_set(err, RC_CORRUPT,
                       "the vault's keys are wrapped by \"%s\", which this program does not know",
                       wrapped->provider);
    pthread_mutex_lock(&m->lock);
    enum rc rc = make_ready(m, i, err);
    if (!rc) rc = providers[i]->unwrap(m->self[i], what, wrapped, key, err);
    pthread_mutex_unlock(&m->lock);
    /* "Not found" is for persons whose key was destroyed: a master key that is missing must not be taken for
     * that. */
    if (rc == RC_NOT_FOUND && err) err->code = RC_IO;
    return rc == RC_NOT_FOUND ? RC_IO : rc;
}

enum rc master_keep_only(struct master *m, const struct master_wrapped *wrapped, struct err *err)
{
    enum rc rc = RC_OK;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; !rc && i < PROVIDERS; i++) {
        if (!providers[i]->keep_only) continue;
        bool kept = strcmp(providers[i]->name, wrapped->provider) == 0;
        rc = make_ready(m, i, err);
        if (!rc) rc = providers[i]->keep_only(m->self[i], kept ? wrapped->reference : "", err);
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}
