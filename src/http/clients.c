/*
 * The open connections: how many a client holds, and which are too slow.
 *
 * How many: libmicrohttpd has a limit for each address, but counts IPv6 addresses one by one, and knows no
 * exemption. Ours counts what clients_notify() has listed; connections accepted by two threads in the same instant
 * may therefore go over it by one each.
 *
 * Slow clients: libmicrohttpd closes connections that are silent for a while; one that trickles is found by the
 * timer, which walks the table once a second and shuts the sockets of those whose phase lasts too long.
 *
 * Threading: the table is guarded by its lock. A socket in it is open, because libmicrohttpd tells us before it
 * closes one.
 */
#include "http/internal.h"

#include "base/clock.h"
#include "http/tls.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { BODY_BYTES_A_SECOND = 16 << 10 };

void client_enter(struct client *client, enum client_phase p)
{
    atomic_store(&client->since_us, clock_mono_us());
    atomic_store(&client->received, 0);
    atomic_store(&client->phase, (int)p);
}

static struct client **bucket_of(struct clients *all, const struct address *client)
{
    return &all->buckets[str_hash((struct str){(const char *)client->b, sizeof client->b}) % CLIENT_BUCKETS];
}

enum MHD_Result clients_accept(void *server, const struct sockaddr *from, socklen_t n)
{
    (void)n;
    struct http_server *s = server;
    const struct http_settings *set = atomic_load(&s->settings);
    struct address peer = address_of(from), client = address_client(&peer);
    int64_t held = 0;
    if (!set->connections_per_client || address_listed(&set->trusted_proxies, &peer)) return MHD_YES;
    pthread_mutex_lock(&s->clients.lock);
    for (struct client *c = *bucket_of(&s->clients, &client); c; c = c->next) {
        struct address other = address_client(&c->peer);
        held += address_equal(&other, &client);
    }
    pthread_mutex_unlock(&s->clients.lock);
    if (held < set->connections_per_client) return MHD_YES;
    metric_add(&http_refused, NULL, 1);
    return MHD_NO;
}

static void client_started(struct http_server *s, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *tls = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *from = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (tls && tls->tls_session) tls_attach(s->tls, (gnutls_session_t)tls->tls_session);
    struct client *client = calloc(1, sizeof *client);
    *context = client;
    if (!client) return; /* its requests are refused */
    client->fd = fd ? fd->connect_fd : -1;
    if (from && from->client_addr) client->peer = address_of(from->client_addr);
    client_enter(client, CLIENT_HEADERS); /* the handshake counts as well */
    struct address shared = address_client(&client->peer);
    pthread_mutex_lock(&s->clients.lock);
    client->link = bucket_of(&s->clients, &shared);
    client->next = *client->link;
    if (client->next) client->next->link = &client->next;
    *client->link = client;
    pthread_mutex_unlock(&s->clients.lock);
}

static void client_ended(struct http_server *s, struct client *client)
{
    if (!client) return;
    pthread_mutex_lock(&s->clients.lock);
    *client->link = client->next;
    if (client->next) client->next->link = client->link;
    pthread_mutex_unlock(&s->clients.lock);
    free(client);
}

void clients_notify(void *server, struct MHD_Connection *mhd, void **context,
                    enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        client_started(server, mhd, context);
    else
        client_ended(server, *context);
}

struct client *client_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

/* How long the phase may last, in microseconds. */
static int64_t allowed_us(const struct http_settings *set, enum client_phase p, int64_t received)
{
    switch (p) {
    case CLIENT_IDLE:
        return (set->idle_timeout_ms + set->header_timeout_ms) * 1000;
    case CLIENT_HEADERS:
        return set->header_timeout_ms * 1000;
    case CLIENT_BODY:
        return (set->body_timeout_ms + received * 1000 / BODY_BYTES_A_SECOND) * 1000;
    case CLIENT_WORKING:
        break;
    }
    return INT64_MAX;
}

static bool is_slow(const struct http_settings *set, struct client *c, int64_t now_us)
{
    enum client_phase p = (enum client_phase)atomic_load(&c->phase);
    return now_us - atomic_load(&c->since_us) > allowed_us(set, p, atomic_load(&c->received));
}

void clients_shut_slow(struct http_server *s, int *open, int *slow)
{
    int64_t now_us = clock_mono_us();
    const struct http_settings *set = atomic_load(&s->settings);
    *open = *slow = 0;
    pthread_mutex_lock(&s->clients.lock);
    for (size_t b = 0; b < CLIENT_BUCKETS; b++)
        for (struct client *c = s->clients.buckets[b]; c; c = c->next) {
            ++*open;
            if (!is_slow(set, c, now_us)) continue;
            shutdown(c->fd, SHUT_RDWR);
            ++*slow;
        }
    pthread_mutex_unlock(&s->clients.lock);
}
