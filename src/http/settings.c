#include "http/internal.h"

#include "base/config.h"

#include <stdlib.h>

const struct config_key http_settings_keys[] = {
    {"http_address", CONFIG_STRING, "127.0.0.1", 0, 0,
     "The address to listen on. 127.0.0.1: this machine only; 0.0.0.0 or :: (IPv4 and IPv6): all."},
    {"http_port", CONFIG_INT, "8443", 0, 65535, "The port to listen on. 0: any that is free."},
    {"http_threads", CONFIG_INT, "0", 0, 64, "Threads that own the sockets. 0: one for each processor."},
    {"http_connections", CONFIG_INT, "4000", 1, 100000,
     "How many connections may be open at once. Each needs an open file (ulimit -n)."},
    {"http_connections_per_client", CONFIG_INT, "256", 0, 100000,
     "How many of them one client may have, an IPv4 address or an IPv6 network of 64 bits; more are closed at "
     "once. "
     "Trusted proxies are exempt. 0: no limit. SIGHUP."},
    {"tls_certificate", CONFIG_STRING, "", 0, 0,
     "PEM file with the certificate and its chain. Empty: a self-signed one for localhost is made in DATA/tls. "
     "Read again on SIGHUP."},
    {"tls_key", CONFIG_STRING, "", 0, 0, "PEM file with its private key. Read again on SIGHUP."},
    {"http_max_body", CONFIG_BYTES, "32m", 1024, 1073741824, "The largest body of a request. SIGHUP."},
    {"http_max_json", CONFIG_BYTES, "1m", 1024, 67108864, "The largest JSON body. SIGHUP."},
    {"http_upload_memory", CONFIG_BYTES, "512m", 1048576, 1099511627776,
     "Memory for all bodies together; what would go beyond is answered 503. SIGHUP."},
    {"http_deadline", CONFIG_DURATION_MS, "30s", 100, 3600000,
     "A request that has waited this long for a worker is answered 503. SIGHUP."},
    {"http_header_timeout", CONFIG_DURATION_MS, "10s", 100, 600000,
     "A client must have sent its headers (and have finished the handshake) within this. SIGHUP."},
    {"http_body_timeout", CONFIG_DURATION_MS, "20s", 100, 3600000,
     "A body must arrive within this plus one second for each 16 KiB. SIGHUP."},
    {"http_idle_timeout", CONFIG_DURATION_MS, "30s", 1000, 3600000,
     "A kept-alive connection without a request is closed after this."},
    {"http_grace", CONFIG_DURATION_MS, "20s", 0, 600000,
     "How long running requests may take to end at shutdown."},
    {"http_limit_light", CONFIG_INT, "12000", 0, 1000000000,
     "Requests a minute for one client, without pictures. 0: no limit. SIGHUP."},
    {"http_limit_heavy", CONFIG_INT, "1200", 0, 1000000000,
     "Requests a minute for one client, with pictures. 0: no limit. SIGHUP."},
    {"http_cors_origins", CONFIG_STRING, "", 0, 0,
     "Web sites whose pages may call this API from a browser, comma-separated: https://shop.example. SIGHUP."},
    {"http_trusted_proxies", CONFIG_STRING, "", 0, 0,
     "Reverse proxies, comma-separated addresses or networks (10.0.0.1, 10.1.0.0/16, 2001:db8::/48): the last "
     "address in their X-Forwarded-For that is no such proxy is the client's. SIGHUP."},
    {"http_access_log", CONFIG_BOOL, "yes", 0, 0,
     "One line for each request, without anything personal. SIGHUP."},
    {"http_check_answers", CONFIG_BOOL, "no", 0, 0,
     "Check every JSON answer against the schema that the API documents, and answer 500 when it does not fit. "
     "For "
     "tests. SIGHUP."},
    {"http_admin_token_file", CONFIG_STRING, "", 0, 0,
     "Holds the bearer token of the staff. Empty: DATA/keys/admin.token, made at first start. Read again on "
     "SIGHUP."},
    {"metrics_open", CONFIG_BOOL, "yes", 0, 0,
     "GET /metrics needs no token from this machine itself, unless it comes through a proxy. SIGHUP."},
    {"web_dir", CONFIG_STRING, "", 0, 0,
     "The folder of the web pages. Empty: those that came with the program."},
    {0}};

enum rc settings_create(const struct config *c, const char *data_dir, struct http_settings **out,
                        struct err *err)
{
    struct http_settings *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return err_set(err, RC_NOMEM, "out of memory");
    s->max_body_bytes = config_bytes(c, "http_max_body");
    s->max_json_bytes = config_bytes(c, "http_max_json");
    s->upload_memory_bytes = config_bytes(c, "http_upload_memory");
    s->deadline_ms = config_duration_ms(c, "http_deadline");
    s->header_timeout_ms = config_duration_ms(c, "http_header_timeout");
    s->body_timeout_ms = config_duration_ms(c, "http_body_timeout");
    s->idle_timeout_ms = config_duration_ms(c, "http_idle_timeout");
    s->limit_light = config_int(c, "http_limit_light");
    s->limit_heavy = config_int(c, "http_limit_heavy");
    s->connections_per_client = config_int(c, "http_connections_per_client");
    s->metrics_open = config_bool(c, "metrics_open");
    s->check_answers = config_bool(c, "http_check_answers");
    s->access_log = config_bool(c, "http_access_log");
    /* A browser that was told to insist on HTTPS refuses the click through a self-signed certificate. */
    s->hsts = *config_string(c, "tls_certificate") != 0;
    s->cors_origins = strdup(config_string(c, "http_cors_origins"));
    enum rc rc = s->cors_origins ? RC_OK : err_set(err, RC_NOMEM, "out of memory");
    if (!rc) {
        rc = address_list_parse(config_string(c, "http_trusted_proxies"), &s->trusted_proxies, err);
        if (rc) err_prefix(err, "http_trusted_proxies: ");
    }
    if (!rc) rc = auth_read_token(s, data_dir, config_string(c, "http_admin_token_file"), err);
    if (rc)
        settings_destroy(s);
    else
        *out = s;
    return rc;
}

void settings_destroy(struct http_settings *s)
{
    while (s) {
        struct http_settings *older = s->older;
        free(s->cors_origins);
        free(s);
        s = older;
    }
}

bool settings_listed(const char *list, struct str item)
{
    struct str rest = str_of(list), is;
    while ((is = str_split(&rest, ',')).p)
        if (item.n && str_eq(str_trim(is), item)) return true;
    return false;
}
