/* penderie openapi: the description of the HTTP API, without a server. */
#include "base/buf.h"
#include "cli/cli.h"
#include "http/http.h"

#include <stdio.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_openapi = {
    .name = "openapi",
    .summary = "print the OpenAPI 3.1 document of the HTTP API",
    .usage = "",
    .run = run,
};

static enum rc run(int argc, char **argv, struct err *err)
{
    const struct cli_option options[] = {{0}};
    char **operands;
    int n;
    bool help;
    enum rc rc = cli_parse(&cli_openapi, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    struct buf text = BUF_INIT(8 << 20);
    rc = http_openapi(cli_modules, &text, err);
    if (!rc && (fwrite(text.p, 1, text.n, stdout) != text.n || putchar('\n') == EOF || fflush(stdout)))
        rc = err_set(err, RC_IO, "cannot write to standard output");
    buf_release(&text);
    return rc;
}
