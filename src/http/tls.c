#include "http/tls.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "crypt/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A reload makes a new generation; older ones stay until tls_close(), because connections may still use them and
 * reloads are rare. `current` is the only field that changes while connections are made. */
struct generation {
    gnutls_certificate_credentials_t credentials;
    struct generation *older;
};

struct tls {
    char data_dir[PATH_MAX];
    _Atomic bool self_signed;
    char *cert_pem, *key_pem;
    size_t key_n;
    _Atomic(struct generation *) current;
};

enum { DEV_DAYS = 397, DEV_RENEW_DAYS = 7, PEM_MAX = 1 << 20 };

static enum rc failed(struct err *err, const char *what, int code)
{
    return err_set(err, RC_INVALID, "%s: %s", what, gnutls_strerror(code));
}

static int fill_certificate(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    static const unsigned char v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    time_t now = (time_t)(clock_now_ms() / 1000);
    uint8_t serial[16];
    unsigned char key_id[32];
    size_t key_id_n = sizeof key_id;
    crypt_random(serial, sizeof serial);
    serial[0] &= 0x7f; /* positive */
    int e = gnutls_x509_crt_set_version(crt, 3);
    if (!e) e = gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
    if (!e) e = gnutls_x509_crt_set_activation_time(crt, now - 3600);
    if (!e) e = gnutls_x509_crt_set_expiration_time(crt, now + DEV_DAYS * 86400L);
    if (!e) e = gnutls_x509_crt_set_dn(crt, "CN=localhost,O=Penderie development", NULL);
    if (!e) e = gnutls_x509_crt_set_key(crt, key);
    if (!e) e = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET);
    if (!e)
        e = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, v4, sizeof v4, GNUTLS_FSAN_APPEND);
    if (!e)
        e = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, v6, sizeof v6, GNUTLS_FSAN_APPEND);
    /* Its own authority: so that it can be put into a trust store as it is. */
    if (!e) e = gnutls_x509_crt_set_basic_constraints(crt, 1, 0);
    if (!e) e = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_CERT_SIGN);
    if (!e) e = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (!e) e = gnutls_x509_crt_get_key_id(crt, 0, key_id, &key_id_n);
    if (!e) e = gnutls_x509_crt_set_subject_key_id(crt, key_id, key_id_n);
    if (!e) e = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
    return e;
}

static enum rc write_pem(const char *path, const gnutls_datum_t *pem, unsigned mode, struct err *err)
{
    return fs_write_atomic(path, pem->data, pem->size, mode, err);
}

static enum rc make_development(const char *cert_path, const char *key_path, struct err *err)
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_x509_privkey_t key = NULL;
    gnutls_datum_t crt_pem = {NULL, 0}, key_pem = {NULL, 0};
    int e = gnutls_x509_crt_init(&crt);
    if (!e) e = gnutls_x509_privkey_init(&key);
    if (!e)
        e = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                         0);
    if (!e) e = fill_certificate(crt, key);
    if (!e) e = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &crt_pem);
    if (!e) e = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem);
    enum rc rc = e ? failed(err, "cannot make a development certificate", e) : RC_OK;
    if (!rc) rc = write_pem(key_path, &key_pem, 0600, err);
    if (!rc) rc = write_pem(cert_path, &crt_pem, 0644, err);
    if (!rc) log_info("http", "made a self-signed certificate for localhost");
    if (key_pem.data) crypt_wipe(key_pem.data, key_pem.size);
    gnutls_free(crt_pem.data);
    gnutls_free(key_pem.data);
    if (crt) gnutls_x509_crt_deinit(crt);
    if (key) gnutls_x509_privkey_deinit(key);
    return rc;
}

/* True when the file is a certificate with more than a week to go. */
static bool still_good(const char *path)
{
    char *pem = NULL;
    size_t n;
    bool good = false;
    gnutls_x509_crt_t crt = NULL;
    if (fs_read(path, PEM_MAX, &pem, &n, NULL)) return false;
    gnutls_datum_t datum = {(unsigned char *)pem, (unsigned)n};
    if (gnutls_x509_crt_init(&crt) == 0 && gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_PEM) == 0)
        good =
            (int64_t)gnutls_x509_crt_get_expiration_time(crt) > clock_now_ms() / 1000 + DEV_RENEW_DAYS * 86400L;
    if (crt) gnutls_x509_crt_deinit(crt);
    free(pem);
    return good;
}

/* Keeps other processes that start at the same time from making a certificate too: the pair are two files, and one's
 * key with another's certificate would serve nobody. close() lets go. */
static enum rc lock_folder(const char *folder, int *out, struct err *err)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/lock", folder);
    if (n < 0 || n >= PATH_MAX) return err_set(err, RC_INVALID, "the data folder's path is too long");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return err_errno(err, "cannot make %s", path);
    while (flock(fd, LOCK_EX)) {
        if (errno == EINTR) continue;
        enum rc rc = err_errno(err, "cannot lock %s", path);
        close(fd);
        return rc;
    }
    *out = fd;
    return RC_OK;
}

static enum rc ensure_development(const char *folder, const char *cert_path, const char *key_path,
                                  struct err *err)
{
    int lock = -1;
    if (still_good(cert_path) && fs_exists(key_path)) return RC_OK;
    enum rc rc = lock_folder(folder, &lock, err);
    if (rc) return rc;
    if (!still_good(cert_path) || !fs_exists(key_path)) rc = make_development(cert_path, key_path, err);
    close(lock);
    return rc;
}

/* The files to use: those of the settings, or ours, made if need be. */
static enum rc choose(const struct tls *t, const char **certificate, const char **key,
                      char cert_path[static PATH_MAX], char key_path[static PATH_MAX], struct err *err)
{
    if (!**certificate != !**key)
        return err_set(err, RC_INVALID, "tls_certificate and tls_key: set both, or none");
    if (**certificate) return RC_OK;
    char folder[PATH_MAX];
    int f = snprintf(folder, sizeof folder, "%s/tls", t->data_dir);
    int n = snprintf(cert_path, PATH_MAX, "%s/tls/cert.pem", t->data_dir);
    int m = snprintf(key_path, PATH_MAX, "%s/tls/key.pem", t->data_dir);
    if (f < 0 || n < 0 || m < 0 || n >= PATH_MAX || m >= PATH_MAX)
        return err_set(err, RC_INVALID, "the data folder's path is too long");
    enum rc rc = fs_mkdirs(folder, 0700, err);
    if (!rc) rc = ensure_development(folder, cert_path, key_path, err);
    *certificate = cert_path;
    *key = key_path;
    return rc;
}

static enum rc new_generation(struct tls *t, gnutls_datum_t crt, gnutls_datum_t key, const char *name,
                              struct err *err)
{
    struct generation *g = calloc(1, sizeof *g);
    if (!g) return err_set(err, RC_NOMEM, "out of memory");
    int e = gnutls_certificate_allocate_credentials(&g->credentials);
    if (!e) e = gnutls_certificate_set_x509_key_mem2(g->credentials, &crt, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (e < 0) { /* otherwise the index of the pair */
        if (g->credentials) gnutls_certificate_free_credentials(g->credentials);
        free(g);
        return failed(err, name, e);
    }
    g->older = atomic_load(&t->current);
    atomic_store(&t->current, g);
    return RC_OK;
}

static enum rc load(struct tls *t, const char *certificate, const char *key, struct err *err)
{
    char cert_path[PATH_MAX], key_path[PATH_MAX], *crt_pem = NULL, *key_pem = NULL;
    size_t crt_n = 0, key_n = 0;
    struct stat st;
    bool self_signed = !*certificate;
    enum rc rc = choose(t, &certificate, &key, cert_path, key_path, err);
    if (!rc && stat(key, &st) == 0 && (st.st_mode & 007))
        rc = err_set(err, RC_FORBIDDEN, "%s: everybody can read this key; chmod 600 it", key);
    if (!rc) rc = fs_read(certificate, PEM_MAX, &crt_pem, &crt_n, err);
    if (!rc) rc = fs_read(key, PEM_MAX, &key_pem, &key_n, err);
    if (!rc)
        rc = new_generation(t, (gnutls_datum_t){(unsigned char *)crt_pem, (unsigned)crt_n},
                            (gnutls_datum_t){(unsigned char *)key_pem, (unsigned)key_n}, certificate, err);
    if (!rc) atomic_store(&t->self_signed, self_signed);
    if (!rc && !t->cert_pem) {
        t->cert_pem = crt_pem;
        t->key_pem = key_pem;
        t->key_n = key_n;
        return RC_OK;
    }
    if (key_pem) crypt_wipe(key_pem, key_n);
    free(crt_pem);
    free(key_pem);
    return rc;
}

enum rc tls_open(const char *certificate, const char *key, const char *data_dir, struct tls **out,
                 struct err *err)
{
    struct tls *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return err_set(err, RC_NOMEM, "out of memory");
    snprintf(t->data_dir, sizeof t->data_dir, "%s", data_dir ? data_dir : ".");
    enum rc rc = load(t, certificate, key, err);
    if (rc)
        tls_close(t);
    else
        *out = t;
    return rc;
}

enum rc tls_reload(struct tls *t, const char *certificate, const char *key, struct err *err)
{
    return load(t, certificate, key, err);
}

void tls_close(struct tls *t)
{
    if (!t) return;
    for (struct generation *g = atomic_load(&t->current), *older; g; g = older) {
        older = g->older;
        gnutls_certificate_free_credentials(g->credentials);
        free(g);
    }
    if (t->key_pem) crypt_wipe(t->key_pem, t->key_n);
    free(t->key_pem);
    free(t->cert_pem);
    free(t);
}

bool tls_self_signed(const struct tls *t) { return atomic_load(&t->self_signed); }
const char *tls_cert_pem(const struct tls *t) { return t->cert_pem; }
const char *tls_key_pem(const struct tls *t) { return t->key_pem; }

void tls_attach(struct tls *t, gnutls_session_t session)
{
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, atomic_load(&t->current)->credentials);
}
