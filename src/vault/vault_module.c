/* The vault's settings. Its tables are its own: vault_open() brings them up to date, the walk over modules does not. */
#include "vault/vault.h"

#include "base/config.h"
#include "base/module.h"

const struct config_key vault_config[] = {
    {"vault_master", CONFIG_STRING, "file", 0, 0,
     "Where the master key is, which wraps the keys of all persons: file, passphrase or azure (Azure Key Vault)."},
    {"vault_key_file", CONFIG_STRING, "", 0, 0,
     "The file with the master key; best on another disk than the data. Made at first start. Empty: "
     "DATA/vault/master.key."},
    {"vault_cache", CONFIG_DURATION_MS, "30s", 0, 3600000,
     "How long a person's key may stay in memory after it was unwrapped. 0s: not at all."},
    {0}};

const struct module vault_module = {.name = "vault", .config = vault_config};
