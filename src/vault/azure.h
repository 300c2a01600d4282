/*
 * What the vault asks of Azure over HTTPS: a token (Microsoft Entra ID, client credentials), and the REST calls
 * of Azure Key Vault (api-version 7.4). One call at a time; the caller sees to that.
 */
#ifndef VAULT_AZURE_H
#define VAULT_AZURE_H

#include "base/config.h"
#include "base/err.h"
#include "base/jval.h"
#include "base/str.h"

struct azure;

/* Reads the vault_azure_* settings; makes no call yet. `config` is borrowed until azure_close(). */
enum rc azure_open(const struct config *config, struct azure **out, struct err *err) MUST_USE;
void azure_close(struct azure *a); /* NULL is fine */

/* GET (body NULL) or POST of JSON to `path` ("/keys/NAME/wrapkey", behind vault_azure_url). Gets a token when
 * there is none that is valid for a while, and once more when it is refused; tries again, with growing pauses,
 * what may pass: a connection that fails, 408, 429, 5xx. RC_FORBIDDEN, RC_NOT_FOUND, RC_IO, RC_TIMEOUT with
 * Azure's own words. */
enum rc azure_call(struct azure *a, const char *path, struct str body, struct jval **answer,
                   struct err *err) MUST_USE;
const char *azure_url(const struct azure *a);

#endif
