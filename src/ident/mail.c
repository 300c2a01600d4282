/*
 * Mails with one-time links, sent by the thread "ident-net": by SMTP (RFC 5321, through libcurl), or as files of
 * DATA/mail for trying things out. What waits to be sent is in memory alone: an address never lies on the disk in
 * clear unless the operator chose the spool, and there it goes with the link's end or the account.
 */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WAITING = 1000, MOST_TRIES = 4, MAIL_BYTES = 16 << 10, SEND_S = 30 };

struct words {
    const char *subject, *text; /* subject in ASCII: it stands in a header */
};
static const struct words french[] = {
    [MAIL_RESET] = {"Penderie : un nouveau mot de passe",
                    "Bonjour,\r\n\r\nPour choisir un nouveau mot de passe, ouvrez cette page dans l'heure "
                    ":\r\n\r\n%s\r\n\r\n"
                    "Si vous n'avez rien demandé, ne faites rien : votre mot de passe reste le même.\r\n"},
    [MAIL_CONFIRM] =
        {"Penderie : confirmez votre adresse",
         "Bonjour,\r\n\r\nPour ouvrir votre compte, confirmez votre adresse dans l'heure :\r\n\r\n%s\r\n\r\n"
         "Si vous n'avez rien demandé, ne faites rien : le compte restera fermé.\r\n"},
    [MAIL_EXISTS] = {
        "Penderie : vous avez un compte",
        "Bonjour,\r\n\r\nQuelqu'un, vous peut-être, a voulu ouvrir un compte avec cette adresse, qui en a "
        "un.\r\nMot de passe oublié ? Demandez-en un nouveau sur la page :\r\n\r\n%s\r\n"}};
static const struct words english[] = {
    [MAIL_RESET] = {"Penderie: a new password",
                    "Hello,\r\n\r\nTo choose a new password, open this page within the hour:\r\n\r\n%s\r\n\r\n"
                    "If you did not ask for it, do nothing: your password stays as it is.\r\n"},
    [MAIL_CONFIRM] =
        {"Penderie: confirm your address",
         "Hello,\r\n\r\nTo open your account, confirm your address within the hour:\r\n\r\n%s\r\n\r\n"
         "If you did not ask for it, do nothing: the account stays closed.\r\n"},
    [MAIL_EXISTS] = {
        "Penderie: you have an account",
        "Hello,\r\n\r\nSomebody, perhaps you, tried to open an account with this address, which has "
        "one.\r\nForgot the password? Ask for a new one on the page:\r\n\r\n%s\r\n"}};

void mail_post(struct app *app, enum mail_kind kind, const char *account, const char *to, const char *lang,
               const char *token)
{
    struct ident *t = app->ident;
    struct mail *m = t ? calloc(1, sizeof *m) : NULL;
    if (!m) return;
    m->kind = kind;
    snprintf(m->account, sizeof m->account, "%s", account);
    snprintf(m->to, sizeof m->to, "%s", to);
    snprintf(m->lang, sizeof m->lang, "%s", lang);
    snprintf(m->token, sizeof m->token, "%s", token);
    pthread_mutex_lock(&t->wake_lock);
    bool room = t->n_mails < MOST_WAITING;
    if (room) {
        struct mail **end = &t->mails;
        while (*end)
            end = &(*end)->next;
        *end = m;
        t->n_mails++;
        t->net_due = true;
        pthread_cond_broadcast(&t->wake);
    }
    pthread_mutex_unlock(&t->wake_lock);
    if (room) return;
    crypt_wipe(m, sizeof *m);
    free(m);
    log_warn("ident", "a mail was dropped: %d wait already", MOST_WAITING);
}

static void mail_date(char out[static 40])
{
    char http[30];
    clock_http_date(clock_now_ms(), http);  /* "Sun, 22 Nov 2026 18:05:09 GMT" */
    snprintf(out, 40, "%.25s +0000", http); /* RFC 5322, 3.3 */
}

enum rc mail_write(const struct app *app, const struct mail *m, struct buf *out, struct err *err)
{
    static const char *const purposes[] = {
        [MAIL_RESET] = "reset", [MAIL_CONFIRM] = "confirm", [MAIL_EXISTS] = "account"};
    const struct words *w = strcmp(m->lang, "en") == 0 ? &english[m->kind] : &french[m->kind];
    const char *from = config_string(app->config, "ident_mail_from"), *host = strchr(from, '@');
    char date[40], id[IDENT_ID_CHARS + 1];
    struct buf link = BUF_INIT(4096);
    enum rc rc = link_url(app, purposes[m->kind], m->token, &link, err);
    if (rc) goto out;
    mail_date(date);
    ident_new_id(id);
    buf_addf(out, "From: Penderie <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n", from,
             m->to, w->subject, date, id, host ? host + 1 : "localhost");
    buf_addz(
        out,
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        "Auto-Submitted: auto-generated\r\n\r\n");
    struct str text = str_of(w->text);
    size_t at = str_find(text, STR("%s"));
    buf_add(out, str_sub(text, 0, at));
    buf_add(out, buf_str(&link));
    buf_add(out, str_sub(text, at + 2, text.n));
    rc = buf_check(out, "the mail", err);
out:
    buf_release(&link);
    return rc;
}

/* ---- the spool ---- */

static enum rc spool_dir(const struct app *app, char out[static PATH_MAX], struct err *err)
{
    int n = snprintf(out, PATH_MAX, "%s/mail", app->data_dir);
    return n < 0 || n >= PATH_MAX - 80 ? err_set(err, RC_INVALID, "data folder: path too long") : RC_OK;
}

/* The file's name begins with a pseudonym of the account's, so that an erasure finds it. */
static enum rc spool(const struct app *app, const struct mail *m, struct str text, struct err *err)
{
    char path[PATH_MAX], name[VAULT_PSEUDONYM_CHARS + 1], id[IDENT_ID_CHARS + 1];
    vault_pseudonym(app->vault, "mail", str_of(m->account), name);
    ident_new_id(id);
    enum rc rc = spool_dir(app, path, err);
    if (!rc) rc = fs_mkdirs(path, 0700, err);
    if (rc) return rc;
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "/%s-%s.eml", name, id);
    return fs_write_atomic(path, text.p, text.n, 0600, err);
}

struct sweep {
    char prefix[VAULT_PSEUDONYM_CHARS + 2]; /* "": all that are old */
    int64_t before_s;
};

static enum rc drop(const char *path, void *ctx, struct err *err)
{
    const struct sweep *s = ctx;
    const char *slash = strrchr(path, '/');
    struct stat st;
    bool ours = *s->prefix ? slash && str_starts(str_of(slash + 1), str_of(s->prefix))
                           : !stat(path, &st) && st.st_mtime < s->before_s;
    return ours && unlink(path) ? err_errno(err, "cannot remove a spooled mail") : RC_OK;
}

static enum rc sweep_spool(const struct app *app, struct sweep *s, struct err *err)
{
    char dir[PATH_MAX];
    enum rc rc = app->data_dir ? spool_dir(app, dir, err) : RC_OK;
    return rc || !app->data_dir || !fs_is_dir(dir) ? rc : fs_walk(dir, drop, s, err);
}

enum rc mail_forget(const struct app *app, struct str account, struct err *err)
{
    struct sweep s = {{0}, 0};
    vault_pseudonym(app->vault, "mail", account, s.prefix);
    s.prefix[VAULT_PSEUDONYM_CHARS] = '-';
    struct ident *t = app->ident;
    if (t) { /* what waits is not sent any more */
        pthread_mutex_lock(&t->wake_lock);
        for (struct mail *m = t->mails; m; m = m->next)
            if (str_eqz(account, m->account)) m->tries = MOST_TRIES;
        pthread_mutex_unlock(&t->wake_lock);
    }
    return sweep_spool(app, &s, err);
}

void mail_sweep(const struct app *app)
{
    struct sweep s = {{0}, time(NULL) - 2 * 3600};
    struct err err;
    if (sweep_spool(app, &s, &err)) log_warn("ident", "%s", err.message);
}

/* ---- SMTP ---- */

struct upload {
    struct str rest;
};

static size_t on_read(char *out, size_t size, size_t n, void *ctx)
{
    struct upload *u = ctx;
    size_t most = size * n < u->rest.n ? size * n : u->rest.n;
    if (most) memcpy(out, u->rest.p, most);
    u->rest = str_sub(u->rest, most, u->rest.n);
    return most;
}

static bool is_local(const char *url)
{
    struct str s = str_of(url);
    return str_starts(s, STR("smtp://localhost:")) || str_starts(s, STR("smtp://127.0.0.1:")) ||
           str_starts(s, STR("smtp://[::1]:"));
}

static enum rc smtp(const struct app *app, const char *url, const struct mail *m, struct str text,
                    struct err *err)
{
    const char *user = config_string(app->config, "ident_mail_user");
    const char *file = config_string(app->config, "ident_mail_password_file");
    char to[IDENT_EMAIL_MAX + 3], *password = NULL;
    struct upload upload = {text};
    enum rc rc = *file ? ident_read_secret(file, &password, err) : RC_OK;
    if (rc) return rc;
    snprintf(to, sizeof to, "<%s>", m->to);
    struct curl_slist *recipients = curl_slist_append(NULL, to);
    CURL *e = curl_easy_init();
    if (!e || !recipients) {
        rc = err_set(err, RC_NOMEM, "out of memory");
        goto out;
    }
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(e, CURLOPT_USE_SSL, (long)(is_local(url) ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    curl_easy_setopt(e, CURLOPT_MAIL_FROM, config_string(app->config, "ident_mail_from"));
    curl_easy_setopt(e, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(e, CURLOPT_READDATA, &upload);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)SEND_S);
    if (*user) curl_easy_setopt(e, CURLOPT_USERNAME, user);
    if (password) curl_easy_setopt(e, CURLOPT_PASSWORD, password);
    CURLcode code = curl_easy_perform(e);
    /* curl's own words may repeat what the server said, and with it the address: only the kind of failure is told. */
    if (code) rc = err_set(err, RC_IO, "the mail server: %s", curl_easy_strerror(code));
out:
    curl_easy_cleanup(e);
    curl_slist_free_all(recipients);
    if (password) crypt_wipe(password, strlen(password));
    free(password);
    return rc;
}

static enum rc send_one(const struct app *app, const struct mail *m, struct err *err)
{
    const char *how = config_string(app->config, "ident_mail");
    struct buf text = BUF_INIT(MAIL_BYTES);
    enum rc rc = mail_write(app, m, &text, err);
    if (rc)
        ;
    else if (!*how)
        log_warn("ident", "a mail was asked for, but ident_mail is not set");
    else if (strcmp(how, "spool") == 0)
        rc = spool(app, m, buf_str(&text), err);
    else
        rc = smtp(app, how, m, buf_str(&text), err);
    if (text.n) crypt_wipe(text.p, text.n);
    buf_release(&text);
    return rc;
}

static void put_back(struct ident *t, struct mail *m)
{
    pthread_mutex_lock(&t->wake_lock);
    m->next = t->mails;
    t->mails = m;
    t->n_mails++;
    pthread_mutex_unlock(&t->wake_lock);
}

/* The first mail that is due, taken off the list; NULL: none. */
static struct mail *take_due(struct ident *t)
{
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&t->wake_lock);
    struct mail **at = &t->mails, *m;
    while (*at && (*at)->due_us > now)
        at = &(*at)->next;
    m = *at;
    if (m) {
        *at = m->next;
        m->next = NULL;
        t->n_mails--;
    }
    pthread_mutex_unlock(&t->wake_lock);
    return m;
}

void mail_work(struct ident *t)
{
    struct mail *m;
    while ((m = take_due(t))) {
        struct err err;
        enum rc rc = m->tries < MOST_TRIES ? send_one(t->app, m, &err) : RC_OK;
        if (rc) log_warn("ident", "a mail did not leave: %s", err.message);
        if (rc && ++m->tries < MOST_TRIES) {
            m->due_us = clock_mono_us() + INT64_C(5000000) * m->tries * m->tries;
            put_back(t, m);
            continue;
        }
        crypt_wipe(m, sizeof *m);
        free(m);
    }
}
