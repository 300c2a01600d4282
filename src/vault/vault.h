/*
 * The vault: the only place where keys live, and the only thing that can tie together what the separate stores
 * know about one person. A data key for each person, made at sign-up, wrapped by the master key, in a database
 * of its own (DATA/vault/vault.db), which never goes into the backups of data: once a person's key is
 * destroyed, older backups of their data cannot be read by anyone.
 *
 * Records are sealed with AES-256-GCM under a key derived for each record from the person's key and 12 random
 * bytes, with 12 more as nonce (XAES-256-GCM, C2SP): 192 random bits, so that nonces do not repeat in practice.
 * `place` says whose and which record it is ("wardrobe.photo/ID"); it is authenticated (associated data), not
 * stored, so that a ciphertext copied to another row or person does not open.
 *
 * `person` is an account id (ident.h) everywhere. It never stands in a row outside identity: other stores keep
 * vault_pseudonym() of their own domain.
 *
 * What an attacker with which files can read: docs/decisions/vault.md.
 *
 * Threading: any thread. Unwrapped keys are kept for a short time in locked, wiped memory; a destruction or
 * rotation by another process is noticed before the next use.
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/str.h"

struct vault;
struct module;

enum { VAULT_PSEUDONYM_CHARS = 32 }; /* hexadecimal, half an HMAC-SHA-256; buffers take one more for the NUL */

/* Opens DATA/vault, makes it at first use. Setting vault_master says where the master key is: "file"
 * (DATA/vault/master.key, 0600, refused with RC_FORBIDDEN when others can read it), "passphrase" (argon2id of
 * what vault_passphrase_file holds), "azure" (vault_azure_*: wrapKey / unwrapKey of Azure Key Vault).
 * `config` is borrowed until vault_close(). */
enum rc vault_open(const char *data_dir, const struct config *config, struct vault **out,
                   struct err *err) MUST_USE;
void vault_close(struct vault *v); /* wipes; NULL is fine */

/* RC_CONFLICT when the person has a key already. */
enum rc vault_add_person(struct vault *v, struct str person, struct err *err) MUST_USE;
/* The key is gone for good, everywhere but in the vault's own expiring copies. RC_OK when there was none. */
enum rc vault_destroy_person(struct vault *v, struct str person, struct err *err) MUST_USE;

/* Appends the sealed bytes to `out`: 1 format byte, 24 of nonce, ciphertext, 16 of tag. RC_NOT_FOUND: no
 * key. */
enum rc vault_seal(struct vault *v, struct str person, struct str place, struct str plain, struct buf *out,
                   struct err *err) MUST_USE;
/* RC_NOT_FOUND: the key was destroyed; RC_CORRUPT: altered, or of another person or place. */
enum rc vault_unseal(struct vault *v, struct str person, struct str place, struct str sealed, struct buf *out,
                     struct err *err) MUST_USE;
/* The same under a key of the house's own, by name: secrets that belong to nobody (signing keys, webhooks). */
enum rc vault_seal_house(struct vault *v, const char *name, struct str place, struct str plain, struct buf *out,
                         struct err *err) MUST_USE;
enum rc vault_unseal_house(struct vault *v, const char *name, struct str place, struct str sealed,
                           struct buf *out, struct err *err) MUST_USE;

/* HMAC-SHA-256 of `value` under the key of this domain, as hexadecimal: "identity", "wardrobe", "activity",
 * "register", "audit", "email", ... Domains have independent keys, so equal values cannot be matched between
 * stores. */
void vault_pseudonym(struct vault *v, const char *domain, struct str value,
                     char out[static VAULT_PSEUDONYM_CHARS + 1]);

extern const struct config_key vault_config[];
extern const struct module vault_module; /* these settings, and the daily care for the copies */

/* Re-wraps every person's key under a new master key, while others go on; killed at any point, the next call
 * goes on. `progress` may be NULL. RC_BUSY while another process rotates. */
typedef void (*vault_progress)(void *ctx, int64_t done, int64_t total);
enum rc vault_rotate(struct vault *v, vault_progress progress, void *ctx, struct err *err) MUST_USE;

struct vault_status {
    char provider[16],
        configured[16];            /* that wraps now; that the settings name: they differ until a rotation */
    char reference[512];           /* which of the provider's keys; nothing secret */
    int64_t generation, master_ms; /* how many rotations there were, and one; the day of the last */
    bool rotating;                 /* a rotation is under way, or was killed */
    int64_t left;                  /* keys that it has still to wrap again */
    int64_t persons, house;        /* keys */
    int64_t oldest_person_ms, newest_person_ms; /* days; 0: none */
    int64_t copies, oldest_copy_ms, newest_copy_ms, copies_days;
};
enum rc vault_get_status(struct vault *v, struct vault_status *out, struct err *err) MUST_USE;

/* The vault's own copies (vault_copies.c): the only ones that its keys may be in, kept vault_copies_days. */
enum { VAULT_COPY_PATH_BYTES = 4200 };
enum rc vault_backup(struct vault *v, char path[static VAULT_COPY_PATH_BYTES], struct err *err) MUST_USE;
enum rc vault_expire_copies(struct vault *v, int64_t now_ms, bool dry_run, int64_t *removed,
                            struct err *err) MUST_USE;
/* A copy when the last is older than vault_copies_every, then the expiry. */
enum rc vault_keep_copies(struct vault *v, int64_t now_ms, bool dry_run, bool *made, int64_t *removed,
                          struct err *err) MUST_USE;
/* Puts a copy in the place of a lost database, without the keys that were destroyed since (*gone: how many).
 * RC_FORBIDDEN: too old; RC_CONFLICT: the database is there. */
enum rc vault_restore(const char *data_dir, const struct config *config, const char *copy, int64_t *gone,
                      struct err *err) MUST_USE;

#endif
