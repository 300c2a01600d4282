/* The data map: what is kept of persons, where, how, why, and for how long, as the modules say it themselves. */
#include "privacy/privacy_internal.h"

#include <stdio.h>
#include <string.h>

static void cell(struct buf *out, const char *text)
{
    buf_addz(out, "| ");
    for (; *text; text++) {
        if (*text == '|') buf_addc(out, '\\');
        buf_addc(out, *text);
    }
    buf_addc(out, ' ');
}

static const struct module_data *describe(const struct module *m, const char *table)
{
    for (const struct module_data *d = m->data; d && d->table; d++)
        if (strcmp(d->table, table) == 0) return d;
    return NULL;
}

enum rc privacy_map(const struct module *const *modules, struct buf *out, struct err *err)
{
    buf_addz(out,
             "# Data map\n\n"
             "Written by `penderie privacy map` from the table of modules; a test compares the two. Every "
             "table that\n"
             "concerns a person is here, with what walks it for access and erasure. The stores are told in\n"
             "[README.md](README.md).\n\n"
             "| Table | What it holds | How it is protected | Why | Until when | Exported, erased by |\n"
             "|---|---|---|---|---|---|\n");
    for (size_t i = 0; modules[i]; i++)
        for (const char *const *t = modules[i]->personal_tables; t && *t; t++) {
            const struct module_data *d = describe(modules[i], *t);
            if (!d)
                return err_set(err, RC_INTERNAL, "module %s does not describe its table %s", modules[i]->name,
                               *t);
            if (!modules[i]->export_user || !modules[i]->erase_user)
                return err_set(err, RC_INTERNAL, "module %s neither exports nor erases", modules[i]->name);
            cell(out, d->table);
            cell(out, d->what);
            cell(out, d->form);
            cell(out, d->why);
            cell(out, d->kept);
            cell(out, modules[i]->name);
            buf_addz(out, "|\n");
        }
    return buf_check(out, "the data map", err);
}
