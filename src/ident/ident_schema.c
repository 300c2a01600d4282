/* Tables and settings. What a table is for stands in `data`, which the data map of docs/privacy is made from. */
#include "ident/ident_internal.h"

#include "base/module.h"

/*
 * Times are midnight UTC or the full hour: finer ones could be matched with other stores'.
 *
 * ident_account   e-mail, password (its hash) and totp are sealed with the person's key; email_mac finds the e-mail
 * ident_session   a family of refresh tokens: SHA-256 of what names it and of its one good token
 * ident_revoked   access tokens refused before their ten minutes are over: those of a session, older than an epoch
 * ident_link      SHA-256 of the tokens in mailed links
 * ident_recovery  SHA-256 of recovery codes (80 random bits each)
 * ident_attempt   counts against guessing: the key is a MAC, the slot a quarter of an hour
 * ident_subject   who at an issuer (MAC of issuer and subject) is which account
 * ident_api_key   SHA-256 of the keys of other servers
 * ident_signing   keys of access tokens, sealed with the house's key
 * ident_pending   accounts being made: whose key in the vault must go if they never were
 * ident_change    counts changes that processes keep in memory
 */
const struct migration ident_migrations[] = {
    {"identity", 1,
     "CREATE TABLE ident_account (id TEXT NOT NULL PRIMARY KEY, email_mac TEXT UNIQUE, email BLOB, password "
     "BLOB,"
     " roles INTEGER NOT NULL, of_age INTEGER NOT NULL, confirmed INTEGER NOT NULL, epoch INTEGER NOT NULL,"
     " totp BLOB, totp_state INTEGER NOT NULL, totp_used TEXT NOT NULL,"
     " made_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL) /* no row order */;"
     "CREATE INDEX ident_account_seen ON ident_account (seen_ms);"
     "CREATE TABLE ident_session (id TEXT NOT NULL PRIMARY KEY, family BLOB NOT NULL UNIQUE, token BLOB NOT "
     "NULL,"
     " account TEXT NOT NULL, web INTEGER NOT NULL, made_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL)"
     " /* no row order */;"
     "CREATE INDEX ident_session_account ON ident_session (account);"
     "CREATE INDEX ident_session_ends ON ident_session (ends_ms);"
     "CREATE TABLE ident_revoked (session TEXT NOT NULL PRIMARY KEY, least_epoch INTEGER NOT NULL,"
     " until_ms INTEGER NOT NULL) /* no row order */;"
     "CREATE TABLE ident_link (hash BLOB NOT NULL PRIMARY KEY, account TEXT NOT NULL, purpose TEXT NOT NULL,"
     " until_ms INTEGER NOT NULL) /* no row order */;"
     "CREATE INDEX ident_link_account ON ident_link (account);"
     "CREATE TABLE ident_recovery (hash BLOB NOT NULL PRIMARY KEY, account TEXT NOT NULL) /* no row order */;"
     "CREATE INDEX ident_recovery_account ON ident_recovery (account);"
     "CREATE TABLE ident_attempt (who TEXT NOT NULL, slot INTEGER NOT NULL, used INTEGER NOT NULL,"
     " PRIMARY KEY (who, slot)) /* no row order */;"
     "CREATE TABLE ident_subject (mac TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL) /* no row order */;"
     "CREATE INDEX ident_subject_account ON ident_subject (account);"
     "CREATE TABLE ident_api_key (id TEXT NOT NULL PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL,"
     " roles INTEGER NOT NULL, operations TEXT NOT NULL, made_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL,"
     " used_ms INTEGER NOT NULL) /* no row order */;"
     "CREATE TABLE ident_signing (id TEXT NOT NULL PRIMARY KEY, sealed BLOB NOT NULL, made_ms INTEGER NOT NULL)"
     " /* no row order */;"
     "CREATE TABLE ident_pending (account TEXT NOT NULL PRIMARY KEY, made_ms INTEGER NOT NULL) /* no row order "
     "*/;"
     "CREATE TABLE ident_change (what TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL) /* no row order */"},
    {0}};

const char *const ident_personal[] = {
    "identity.ident_account", "identity.ident_session",  "identity.ident_revoked",
    "identity.ident_link",    "identity.ident_recovery", "identity.ident_attempt",
    "identity.ident_subject", "identity.ident_pending",  NULL};

const struct module_data ident_data[] = {
    {"identity.ident_account", "e-mail, password, roles, second factor, days of joining and of the last visit",
     "e-mail, password (as argon2id) and second factor sealed with the person's key; the e-mail is found by "
     "its MAC",
     "the account; contract", "erasure, or inactivity"},
    {"identity.ident_session", "open sessions: that there is one, since which day, in a browser or not",
     "tokens as SHA-256; days instead of times; no address, no device", "staying signed in; contract",
     "sign-out, or ident_session_lifetime"},
    {"identity.ident_revoked", "sessions that have ended", "a random number", "security; legitimate interest",
     "an hour"},
    {"identity.ident_link", "links mailed for a new password or to confirm an e-mail", "token as SHA-256",
     "the account; contract", "use, or two hours"},
    {"identity.ident_recovery", "codes in place of the second factor", "SHA-256", "the account; contract",
     "use, removal of the second factor, or erasure"},
    {"identity.ident_attempt", "how often a password was guessed for an e-mail, or from an address",
     "counts under a MAC of the e-mail or of the address's daily pseudonym", "security; legitimate interest",
     "half an hour"},
    {"identity.ident_subject", "which account is which person of an OpenID provider",
     "MAC of issuer and subject", "sign-in elsewhere; contract", "erasure"},
    {"identity.ident_pending", "accounts being made", "a random number", "the account; contract",
     "moments; two hours after a crash"},
    {0}};

const struct config_key ident_config[] = {
    {"ident_access_lifetime", CONFIG_DURATION_MS, "10m", 1000, 600000,
     "How long an access token lasts. Roles and revocations bite within two seconds all the same."},
    {"ident_session_lifetime", CONFIG_DURATION_MS, "30d", 86400000, 34560000000,
     "How long a person stays signed in, counted from the sign-in, in whole days."},
    {"ident_signing_age", CONFIG_DURATION_MS, "1d", 5000, 2592000000,
     "After this a new key signs access tokens; the old one checks them until they have ended."},
    {"ident_password_memory", CONFIG_BYTES, "64m", 19922944, 4294967296,
     "Memory of one argon2id hash. Passwords are hashed afresh when their person signs in."},
    {"ident_password_passes", CONFIG_INT, "2", 1, 20, "Passes of argon2id."},
    {"ident_password_parallel", CONFIG_INT, "4", 1, 64,
     "How many passwords are hashed at once; whoever comes then is told to come back."},
    {"ident_limit_account", CONFIG_INT, "10", 0, 1000000,
     "Failed sign-ins for one e-mail in a quarter of an hour, whether it has an account or not. 0: no limit."},
    {"ident_limit_client", CONFIG_INT, "50", 0, 1000000,
     "Sign-ups, failed sign-ins and asked-for links from one address in a quarter of an hour. 0: no limit."},
    {"ident_confirm_email", CONFIG_BOOL, "no", 0, 0,
     "A new account works only after the link mailed to it was followed. Needs ident_mail. With it nobody can "
     "find out, "
     "by signing up, whether an e-mail has an account."},
    {"ident_staff_second_factor", CONFIG_BOOL, "no", 0, 0,
     "Roles of staff work only for accounts with a second factor."},
    {"ident_public_url", CONFIG_STRING, "", 0, 0,
     "Where people reach this service, for links in mails and for sign-in elsewhere: https://penderie.example. "
     "Empty: "
     "https://localhost and the port."},
    {"ident_mail", CONFIG_STRING, "", 0, 0,
     "How mails leave: smtp://host:port (with STARTTLS, but for localhost), smtps://host:port, or spool: files "
     "in "
     "DATA/mail, for trying things out. Empty: none are sent."},
    {"ident_mail_from", CONFIG_STRING, "penderie@localhost", 0, 0, "Sender of mails."},
    {"ident_mail_user", CONFIG_STRING, "", 0, 0, "User at the mail server. Empty: none."},
    {"ident_mail_password_file", CONFIG_STRING, "", 0, 0,
     "File with that user's password, readable by us alone."},
    {"ident_issuers_file", CONFIG_STRING, "", 0, 0,
     "JSON file with the OpenID providers whose tokens count here (docs/identity.md). Empty: none."},
    {0}};
