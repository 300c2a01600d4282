/*
 * The certificate: from the settings, or a self-signed one for development, made at first start. Swapped by
 * reload: a connection keeps the one it began with.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/err.h"

#include <gnutls/gnutls.h>

struct tls;

/* certificate, key: PEM files, both or none; none: DATA/tls/cert.pem and key.pem, made (localhost, 127.0.0.1,
 * ::1; ECDSA P-256; 397 days) when missing or about to expire. */
enum rc tls_open(const char *certificate, const char *key, const char *data_dir, struct tls **out,
                 struct err *err) MUST_USE;
/* Reads the files again; on failure the old certificate stays. */
enum rc tls_reload(struct tls *t, const char *certificate, const char *key, struct err *err) MUST_USE;
void tls_close(struct tls *t); /* after the last connection has ended */
bool tls_self_signed(const struct tls *t);
/* For a connection that is about to begin its handshake; any thread. */
void tls_attach(struct tls *t, gnutls_session_t session);
const char *tls_cert_pem(const struct tls *t); /* of the start: libmicrohttpd wants one pair */
const char *tls_key_pem(const struct tls *t);
#endif
