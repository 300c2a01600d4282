/*
 * Between the files of the vault. Its database DATA/vault/vault.db (store "vault"):
 *
 *   generation  the keys that wrap the others, each wrapped itself by the master key: which provider, which of
 *               its keys (`reference`). One in the quiet state; two while a rotation is under way. The highest
 *               is current.
 *   person_key  person -> their key, wrapped by a generation's. `person` is the account id's HMAC under the
 *               vault's root key, 32 hexadecimal characters: the database alone does not name accounts.
 *   house_key   name -> a key that belongs to nobody, the same way. "root" is the one that pseudonyms come from.
 *
 * What is wrapped is sealed by crypt_seal() with an aad that says what it is: "penderie vault 1/person/PERSON",
 * "penderie vault 1/house/NAME", "penderie vault 1/generation/NUMBER". Days are kept, not times: when a person
 * came is not to be matched with other stores.
 *
 * Threading: `lock` guards the cache and the list of generations; nothing else in struct vault changes after
 * vault_open(). No call to the database or to a provider is made while it is held.
 */
#ifndef VAULT_VAULT_INTERNAL_H
#define VAULT_VAULT_INTERNAL_H

#include "base/config.h"
#include "crypt/crypt.h"
#include "store/store.h"
#include "vault/master.h"
#include "vault/vault.h"

#include <pthread.h>

enum {
    VAULT_PATH_BYTES = 4096,
    VAULT_CACHED_KEYS = 256,
    VAULT_GENERATIONS = 4,
    VAULT_WRAPPED_BYTES = CRYPT_KEY_BYTES + CRYPT_SEAL_OVERHEAD,
    VAULT_AAD_BYTES = 256,
    VAULT_FORMAT = 1 /* the first byte of what vault_seal() makes */
};
#define VAULT_ROOT "root"

/* A key in memory. Persons' have their row's name, the house's a '#' in front of theirs. */
struct vault_cached {
    char name[VAULT_PSEUDONYM_CHARS + 1];
    uint8_t key[CRYPT_KEY_BYTES];
    int64_t until_us; /* 0: empty */
};

struct vault_kek {  /* a generation's key */
    int64_t number; /* 0: empty */
    uint8_t key[CRYPT_KEY_BYTES];
};

/* Everything secret, in one piece of locked memory. */
struct vault_secrets {
    uint8_t root[CRYPT_KEY_BYTES];
    struct vault_kek kek[VAULT_GENERATIONS];
    struct vault_cached cached[VAULT_CACHED_KEYS];
};

struct vault {
    struct store *store;
    struct master *master;
    char dir[VAULT_PATH_BYTES];
    char copies_dir[VAULT_PATH_BYTES];
    int64_t cache_us, copies_days, copies_every_ms;
    pthread_mutex_t lock;
    struct vault_secrets *secrets;
    int64_t seen; /* the store's version that `cached` and `kek` belong to */
};

/* vault_keys.c. A key goes out as a copy that the caller wipes. */

/* Drops what is in memory if anyone has changed the database; *version is what vault_remember() asks for. */
enum rc vault_look(struct vault *v, int64_t *version, struct err *err) MUST_USE;
/* The current generation's number and key, as the transaction sees it; made when there is none yet and `tx` may
 * write. */
enum rc vault_current(struct vault *v, struct store_tx *tx, int64_t *number,
                      uint8_t key[static CRYPT_KEY_BYTES], struct err *err) MUST_USE;
enum rc vault_generation_key(struct vault *v, struct store_tx *tx, int64_t number,
                             uint8_t key[static CRYPT_KEY_BYTES], struct err *err) MUST_USE;
/* A new generation under a key of the provider that the settings name, and its row. */
struct vault_new_generation {
    int64_t number;
    struct master_wrapped wrapped;
};
enum rc vault_make_generation(struct vault *v, int64_t number, bool fresh, uint8_t key[static CRYPT_KEY_BYTES],
                              struct vault_new_generation *out, struct err *err) MUST_USE;
enum rc vault_insert_generation(struct store_tx *tx, const struct vault_new_generation *new,
                                struct err *err) MUST_USE;
enum rc vault_read_generation(struct store_tx *tx, int64_t number, struct master_wrapped *out,
                              struct err *err) MUST_USE;
/* Sees to it that the newest generation's key is in memory, so that no transaction waits for a provider far
 * away. */
enum rc vault_be_ready(struct vault *v, struct err *err) MUST_USE;
enum vault_kind { VAULT_PERSON, VAULT_HOUSE };
/* wrapped: VAULT_WRAPPED_BYTES. */
enum rc vault_wrap(enum vault_kind kind, const char *name, const uint8_t kek[static CRYPT_KEY_BYTES],
                   const uint8_t key[static CRYPT_KEY_BYTES], uint8_t *wrapped, struct err *err) MUST_USE;
enum rc vault_unwrap(enum vault_kind kind, const char *name, const uint8_t kek[static CRYPT_KEY_BYTES],
                     struct str wrapped, uint8_t key[static CRYPT_KEY_BYTES], struct err *err) MUST_USE;
/* The key of a person (`name`: of the row) or of the house, from memory or the database. RC_NOT_FOUND. */
enum rc vault_key(struct vault *v, enum vault_kind kind, const char *name, uint8_t key[static CRYPT_KEY_BYTES],
                  struct err *err) MUST_USE;
/* The house's key, made at first use. */
enum rc vault_house_key(struct vault *v, const char *name, uint8_t key[static CRYPT_KEY_BYTES],
                        struct err *err) MUST_USE;
void vault_drop(struct vault *v, enum vault_kind kind, const char *name);
void vault_row_name(struct vault *v, struct str person, char out[static VAULT_PSEUDONYM_CHARS + 1]);
/* vault_copies.c */
enum rc vault_note_destroyed(struct vault *v, const char *name, struct err *err) MUST_USE;
enum rc vault_look_at_copies(struct vault *v, int64_t *n, int64_t *oldest_ms, int64_t *newest_ms,
                             struct err *err) MUST_USE;
/* DATA/vault, and where its copies are. */
enum rc vault_folders(const char *data_dir, const struct config *config, char dir[static VAULT_PATH_BYTES],
                      char copies[static VAULT_PATH_BYTES], struct err *err) MUST_USE;

extern const struct migration vault_migrations[];

#endif
