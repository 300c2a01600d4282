/* A client of our own for one question, asked by `penderie serve --check`: is the server on this machine ready? */
#include "http/internal.h"

#include "base/clock.h"
#include "base/jval.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 << 10 };

struct asking {
    int fd;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
    int64_t until_us;
    struct buf answer;
};

/* Whoever listens on all addresses listens on this machine's own. */
static enum rc connect_here(struct asking *a, const char *address, int port, int64_t timeout_ms,
                            struct err *err)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct timeval patience = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    bool v6 = strchr(address, ':') != NULL;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, address, v6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1)
        return err_set(err, RC_INVALID, "http_address: \"%s\" is not an IPv4 or IPv6 address", address);
    if (v6 && IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr)) six.sin6_addr = in6addr_loopback;
    if (!v6 && four.sin_addr.s_addr == htonl(INADDR_ANY)) four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a->fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->fd < 0) return err_errno(err, "cannot make a socket");
    setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    int failed = v6 ? connect(a->fd, (struct sockaddr *)&six, sizeof six)
                    : connect(a->fd, (struct sockaddr *)&four, sizeof four);
    return failed ? err_errno(err, "nothing answers on port %d", port) : RC_OK;
}

/* The certificate is not verified: nothing secret goes either way, on a connection that does not leave this machine,
 * and a certificate that was renewed a moment ago must not make a server that serves look dead. */
static enum rc shake_hands(struct asking *a, struct err *err)
{
    int e = gnutls_init(&a->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    if (!e) e = gnutls_certificate_allocate_credentials(&a->credentials);
    if (!e) e = gnutls_credentials_set(a->tls, GNUTLS_CRD_CERTIFICATE, a->credentials);
    if (!e) e = gnutls_set_default_priority(a->tls);
    if (e) return err_set(err, RC_INTERNAL, "TLS does not start: %s", gnutls_strerror(e));
    gnutls_transport_set_int(a->tls, a->fd);
    do
        e = gnutls_handshake(a->tls);
    while (e == GNUTLS_E_INTERRUPTED ||
           (e == GNUTLS_E_WARNING_ALERT_RECEIVED && clock_mono_us() < a->until_us));
    return e ? err_set(err, RC_IO, "no TLS handshake: %s", gnutls_strerror(e)) : RC_OK;
}

static enum rc exchange(struct asking *a, struct err *err)
{
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char chunk[4096];
    ssize_t got =
        gnutls_record_send(a->tls, request, sizeof request - 1); /* one record: all of it or nothing */
    while (got > 0 || got == GNUTLS_E_INTERRUPTED) {
        if (clock_mono_us() > a->until_us) return err_set(err, RC_TIMEOUT, "no whole answer in time");
        got = gnutls_record_recv(a->tls, chunk, sizeof chunk);
        if (got > 0) buf_add_bytes(&a->answer, chunk, (size_t)got);
    }
    enum rc rc = buf_check(&a->answer, "the answer", err);
    if (rc) return rc;
    return a->answer.n ? RC_OK : err_set(err, RC_IO, "no answer: %s", gnutls_strerror((int)got));
}

static void name_failures(const struct jval *checks, char *out, size_t cap)
{
    const struct jval *state;
    const char *name;
    size_t n = 0;
    *out = 0;
    for (size_t i = 0; (name = jval_member(checks, i, &state)) && n < cap; i++)
        if (!str_eqz(jval_str(state), "ok"))
            n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "", name);
}

static enum rc judge(struct str answer, struct err *err)
{
    struct jval *doc = NULL;
    char failures[200];
    bool ready = false;
    struct str line = answer;
    size_t head = str_find(answer, STR("\r\n\r\n"));
    line = str_split(&line, '\r');
    if (head == SIZE_MAX || !str_starts(line, STR("HTTP/1.1 ")))
        return err_set(err, RC_IO, "what answers on this port is no Penderie");
    if (jval_parse(str_sub(answer, head + 4, answer.n), ANSWER_MAX, &doc, NULL))
        return err_set(err, RC_IO, "not ready: %.*s", STR_ARG(line));
    jval_bool(jval_get(doc, "ready"), &ready);
    name_failures(jval_get(doc, "checks"), failures, sizeof failures);
    jval_destroy(doc);
    if (ready && str_starts(line, STR("HTTP/1.1 200"))) return RC_OK;
    return err_set(err, RC_BUSY, "not ready: %.*s%s%s", STR_ARG(str_sub(line, 9, line.n)),
                   *failures ? ": " : "", failures);
}

enum rc http_check(const struct config *config, int64_t timeout_ms, struct err *err)
{
    struct asking a = {
        .fd = -1, .until_us = clock_mono_us() + timeout_ms * 1000, .answer = BUF_INIT(ANSWER_MAX)};
    int port = (int)config_int(config, "http_port");
    enum rc rc = port ? connect_here(&a, config_string(config, "http_address"), port, timeout_ms, err)
                      : err_set(err, RC_INVALID, "http_port is 0: which port does the server listen on?");
    if (!rc) rc = shake_hands(&a, err);
    if (!rc) rc = exchange(&a, err);
    if (!rc) rc = judge(buf_str(&a.answer), err);
    if (a.tls) gnutls_deinit(a.tls);
    if (a.credentials) gnutls_certificate_free_credentials(a.credentials);
    if (a.fd >= 0) close(a.fd);
    buf_release(&a.answer);
    return rc;
}
