/*
 * The head of the access log: number and MAC of its last line, in DATA/vault/audit.head. Without it nobody could tell a
 * log whose last lines were cut off from one that was never longer.
 *
 * The file has two slots of SLOT_BYTES, line n in slot n % 2, so that a write that is torn leaves the slot before it: text
 * "n mac seal", padded with blanks and ended by a newline; seal is a MAC of "n:mac" under a key of its own. Written after
 * the line is durable and, but for the first time, not synced itself: after a power failure it may be some lines behind,
 * never ahead and never missing.
 */
#include "privacy/privacy_internal.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { SLOT_BYTES = 128 };

static void seal(struct app *app, int64_t n, const char *mac, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    char text[VAULT_PSEUDONYM_CHARS + 32];
    snprintf(text, sizeof text, "%lld:%s", (long long)n, mac);
    vault_pseudonym(app->vault, "audit-head", str_of(text), out);
}

static void parse(struct app *app, struct str slot, struct audit_head *out)
{
    char want[VAULT_PSEUDONYM_CHARS + 1];
    struct audit_head is = {0};
    struct str rest = str_trim(slot), n = str_split(&rest, ' '), mac = str_split(&rest, ' ');
    if (!str_to_i64(n, &is.n) || is.n <= out->n || mac.n != VAULT_PSEUDONYM_CHARS) return;
    memcpy(is.mac, mac.p, mac.n);
    seal(app, is.n, is.mac, want);
    if (str_eqz(rest, want)) *out = is;
}

static enum rc open_head(struct app *app, int flags, int *fd, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/vault/audit.head", app->data_dir);
    *fd = open(path, flags | O_CLOEXEC, 0600);
    return *fd < 0 ? err_errno(err, "%s", path) : RC_OK;
}

static void read_slots(struct app *app, int fd, struct audit_head *out)
{
    char slots[2 * SLOT_BYTES];
    ssize_t got = pread(fd, slots, sizeof slots, 0);
    *out = (struct audit_head){0};
    for (ssize_t at = 0; at + SLOT_BYTES <= got; at += SLOT_BYTES)
        parse(app, (struct str){slots + at, SLOT_BYTES}, out);
}

enum rc audit_head_read(struct app *app, struct audit_head *out, struct err *err)
{
    int fd = -1;
    struct err missing;
    *out = (struct audit_head){0};
    enum rc rc = open_head(app, O_RDONLY, &fd, &missing);
    if (rc == RC_NOT_FOUND) return RC_OK;
    if (rc) return err_set(err, rc, "%s", missing.message);
    read_slots(app, fd, out);
    close(fd);
    return RC_OK;
}

static enum rc sync_first(struct app *app, int fd, struct err *err)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s/vault", app->data_dir);
    return fsync(fd) ? err_errno(err, "the head of the access log") : fs_sync_dir(dir, err);
}

enum rc audit_head_write(struct app *app, const struct audit_head *head, struct err *err)
{
    char text[SLOT_BYTES + 1], sealed[VAULT_PSEUDONYM_CHARS + 1];
    struct audit_head there;
    int fd = -1;
    enum rc rc = open_head(app, O_RDWR | O_CREAT, &fd, err);
    if (rc) return rc;
    if (flock(fd, LOCK_EX)) rc = err_errno(err, "the head of the access log");
    if (!rc) {
        read_slots(app, fd, &there);
        seal(app, head->n, head->mac, sealed);
        snprintf(text, sizeof text, "%lld %s %s%*s", (long long)head->n, head->mac, sealed, SLOT_BYTES, "");
        text[SLOT_BYTES - 1] = '\n';
        off_t at = head->n % 2 * SLOT_BYTES;
        /* Another process may have written a later line by now. */
        if (head->n > there.n && pwrite(fd, text, SLOT_BYTES, at) != SLOT_BYTES)
            rc = err_errno(err, "the head of the access log");
        if (!rc && !there.n) rc = sync_first(app, fd, err);
    }
    close(fd);
    return rc;
}
