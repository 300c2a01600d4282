/*
 * The master key: what wraps the keys that wrap the others. A provider holds it, and never gives it out: a
 * file, a passphrase, Azure Key Vault. `reference` says which of the provider's keys was used; it is kept
 * beside what was wrapped, so that a change of provider or key needs no flag day.
 */
#ifndef VAULT_MASTER_H
#define VAULT_MASTER_H

#include "base/buf.h"
#include "base/config.h"
#include "crypt/crypt.h"

enum {
    MASTER_NAME_BYTES = 16,
    MASTER_REFERENCE_BYTES = 512,
    MASTER_WRAPPED_BYTES = 1024,
    MASTER_AAD_BYTES = 64
};

struct master;

struct master_wrapped {
    char provider[MASTER_NAME_BYTES];
    char reference[MASTER_REFERENCE_BYTES];
    uint8_t bytes[MASTER_WRAPPED_BYTES];
    size_t n;
};

/* A provider. `self` is what create() made; it is used from one thread at a time (master.c). */
struct master_ops {
    const char *name;
    enum rc (*create)(const char *vault_dir, const struct config *config, void **self, struct err *err);
    void (*destroy)(void *self);
    /* Under the newest key, or, `fresh`, under one that was not used before (made here where the provider can).
     * `what` is bound to it where the provider can bind. */
    enum rc (*wrap)(void *self, bool fresh, const char *what, const uint8_t key[static CRYPT_KEY_BYTES],
                    struct master_wrapped *out, struct err *err);
    enum rc (*unwrap)(void *self, const char *what, const struct master_wrapped *wrapped,
                      uint8_t key[static CRYPT_KEY_BYTES], struct err *err);
    /* Nothing is wrapped by another key any more: the provider drops those. NULL: it keeps none. */
    enum rc (*keep_only)(void *self, const char *reference, struct err *err);
};
extern const struct master_ops master_file, master_passphrase, master_azure;

/* `config` is borrowed for the call. The provider of the settings is made ready, others when something needs
 * them. */
enum rc master_open(const char *vault_dir, const struct config *config, struct master **out,
                    struct err *err) MUST_USE;
void master_close(struct master *m);             /* NULL is fine */
const char *master_name(const struct master *m); /* of the provider that the settings name */

/* Any thread; calls wait for one another. `what`: at most MASTER_AAD_BYTES - 1 characters. */
enum rc master_wrap(struct master *m, bool fresh, const char *what, const uint8_t key[static CRYPT_KEY_BYTES],
                    struct master_wrapped *out, struct err *err) MUST_USE;
enum rc master_unwrap(struct master *m, const char *what, const struct master_wrapped *wrapped,
                      uint8_t key[static CRYPT_KEY_BYTES], struct err *err) MUST_USE;
enum rc master_keep_only(struct master *m, const struct master_wrapped *wrapped, struct err *err) MUST_USE;

#endif
