/* The socket to listen on, and how many connections the process can hold. */
#include "http/internal.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Files besides connections: stores (three for each of their readers), pictures being read, libraries. */
enum { FILES_BESIDES = 256, FEWEST_CONNECTIONS = 16 };

enum rc listen_connections(const struct config *config, unsigned *out, struct err *err)
{
    struct rlimit files;
    rlim_t wanted = (rlim_t)config_int(config, "http_connections");
    if (getrlimit(RLIMIT_NOFILE, &files)) return err_errno(err, "cannot tell how many files may be open");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) && getrlimit(RLIMIT_NOFILE, &files))
        return err_errno(err, "cannot tell how many files may be open");
    *out = (unsigned)wanted;
    if (files.rlim_cur == RLIM_INFINITY || files.rlim_cur >= wanted + FILES_BESIDES) return RC_OK;
    if (files.rlim_cur < FEWEST_CONNECTIONS + FILES_BESIDES)
        return err_set(
            err, RC_INVALID,
            "this process may have only %llu files open, which is too few to serve: give it %llu (ulimit "
            "-n, LimitNOFILE= of systemd, --ulimit nofile= of a container)",
            (unsigned long long)files.rlim_cur, (unsigned long long)wanted + FILES_BESIDES);
    *out = (unsigned)(files.rlim_cur - FILES_BESIDES);
    log_warn(
        "http",
        "http_connections is %llu, but with %llu open files only %u connections can be held: give %llu (ulimit "
        "-n, LimitNOFILE= of systemd, --ulimit nofile= of a container)",
        (unsigned long long)wanted, (unsigned long long)files.rlim_cur, *out,
        (unsigned long long)wanted + FILES_BESIDES);
    return RC_OK;
}

/* Made here and not by libmicrohttpd: the error says what is wrong, and :: takes IPv4 as well. */
enum rc listen_open(const struct config *config, int *out, struct err *err)
{
    const char *address = config_string(config, "http_address");
    int port = (int)config_int(config, "http_port"), on = 1, off = 0;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool v6 = strchr(address, ':') != NULL;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, address, v6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1)
        return err_set(err, RC_INVALID, "http_address: \"%s\" is not an IPv4 or IPv6 address", address);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return err_errno(err, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    int failed =
        v6 ? bind(fd, (struct sockaddr *)&six, sizeof six) : bind(fd, (struct sockaddr *)&four, sizeof four);
    if (!failed) failed = listen(fd, 1024);
    if (!failed) {
        *out = fd;
        return RC_OK;
    }
    enum rc rc = errno == EADDRINUSE
                     ? err_set(err, RC_IO, "port %d of %s is in use; set another with --port", port, address)
                     : err_errno(err, "cannot listen on %s port %d", address, port);
    close(fd);
    return rc;
}
