/* The vault's settings, and the daily care for its copies. Its tables are its own: vault_open() brings them up
 * to date, not the walk over modules; and a person's key is destroyed by name at the end of an erasure, as the
 * other modules may need it to find what they erase. */
#include "vault/vault.h"

#include "base/app.h"
#include "base/jout.h"
#include "base/module.h"

const struct config_key vault_config[] = {
    {"vault_master", CONFIG_STRING, "file", 0, 0,
     "Where the master key is, which wraps the keys of all persons: file, passphrase or azure (Azure Key "
     "Vault). After a "
     "change: penderie keys rotate."},
    {"vault_key_file", CONFIG_STRING, "", 0, 0,
     "The file with the master key; best on another disk than the data. Made at first start. Empty: "
     "DATA/vault/master.key."},
    {"vault_passphrase_file", CONFIG_STRING, "", 0, 0,
     "With vault_master = passphrase: the file that holds it, readable by its owner alone."},
    {"vault_passphrase_old_file", CONFIG_STRING, "", 0, 0,
     "To change the passphrase: the file with the one before, until penderie keys rotate has ended."},
    {"vault_passphrase_memory", CONFIG_BYTES, "256m", 8 << 20, 4294967296.0,
     "Memory that argon2id takes to turn a new passphrase into a key."},
    {"vault_passphrase_passes", CONFIG_INT, "3", 1, 1000, "How often argon2id goes over that memory."},
    {"vault_azure_url", CONFIG_STRING, "", 0, 0, "Azure Key Vault: https://NAME.vault.azure.net"},
    {"vault_azure_key", CONFIG_STRING, "", 0, 0, "The name of the RSA key in it."},
    {"vault_azure_key_version", CONFIG_STRING, "", 0, 0, "The version to wrap with. Empty: the newest."},
    {"vault_azure_tenant", CONFIG_STRING, "", 0, 0, "The tenant of Microsoft Entra ID."},
    {"vault_azure_client_id", CONFIG_STRING, "", 0, 0, "The application that may wrap and unwrap."},
    {"vault_azure_client_secret_file", CONFIG_STRING, "", 0, 0,
     "The file with its client secret, readable by its owner alone."},
    {"vault_azure_authority", CONFIG_STRING, "https://login.microsoftonline.com", 0, 0,
     "Where tokens come from; other in sovereign clouds."},
    {"vault_azure_scope", CONFIG_STRING, "https://vault.azure.net/.default", 0, 0,
     "What the token is for; other in sovereign clouds."},
    {"vault_azure_ca_file", CONFIG_STRING, "", 0, 0,
     "Certificates of authorities to trust, as PEM. Empty: those of the system."},
    {"vault_azure_timeout", CONFIG_DURATION_MS, "10s", 100, 120000, "How long one call to Azure may take."},
    {"vault_cache", CONFIG_DURATION_MS, "30s", 0, 3600000,
     "How long a person's key may stay in memory after it was unwrapped. 0s: not at all."},
    {"vault_copies_dir", CONFIG_STRING, "", 0, 0,
     "Where the vault's own copies are; best on another disk. It must be part of no other backup, or destroyed "
     "keys live on "
     "there. Empty: DATA/vault/copies."},
    {"vault_copies_days", CONFIG_INT, "30", 1, 3650,
     "After how many days a copy is removed: only then is a key that was destroyed gone everywhere."},
    {"vault_copies_every", CONFIG_DURATION_MS, "1d", 0, 31536000000.0,
     "How often the daily purge makes a copy. 0s: only penderie keys backup does."},
    {0}};

static enum rc purge(struct app *app, const struct module_retention *r, struct jout *report, struct err *err)
{
    bool made = false;
    int64_t removed = 0;
    if (!app->vault) return RC_OK;
    enum rc rc = vault_keep_copies(app->vault, r->now_ms, r->dry_run, &made, &removed, err);
    if (rc) return rc;
    jout_ki64(report, "vault_copies_made", made);
    jout_ki64(report, "vault_copies_expired", removed);
    return RC_OK;
}

const struct module vault_module = {.name = "vault", .config = vault_config, .purge = purge};
