/* RFC 9457: what went wrong, for clients. */
#include "http/internal.h"

const struct problem http_problems[] = {
    {"invalid", "The request is malformed",
     "A parameter, a header or the body does not have the form that the "
     "API describes. `errors` names each place with a JSON pointer.",
     400},
    {"unauthenticated", "Who you are is needed here", "Send a valid token: Authorization: Bearer TOKEN.", 401},
    {"forbidden", "Not allowed", "Your role does not include this operation.", 403},
    {"not-found", "Not found", "There is nothing at this address, or no longer.", 404},
    {"method-not-allowed", "Method not allowed", "The header Allow lists the methods of this address.", 405},
    {"timeout", "The request took too long to arrive", "Send it again, over a better connection.", 408},
    {"conflict", "In conflict with what is there", "Another request has changed it, or runs right now.", 409},
    {"precondition-failed", "A condition of the request does not hold", "Read the current state and try again.",
     412},
    {"too-large", "Too large", "The body, the address or a header is larger than this server takes.", 413},
    {"unsupported-type", "This type of content is not handled",
     "The API describes the types of each operation.", 415},
    {"unprocessable", "Well-formed, and yet not usable", "`detail` says what is in the way.", 422},
    {"rate-limited", "Too many requests",
     "Wait as long as Retry-After says. The headers RateLimit-Policy and "
     "RateLimit tell what is allowed and what is left.",
     429},
    {"internal", "Something went wrong on our side",
     "It is recorded under the request id. Trying again may help.", 500},
    {"busy", "Busy", "More work is waiting than can be done soon. Try again when Retry-After says.", 503},
    {0}};

const struct problem *problem_of(enum rc rc)
{
    static const char *const names[RC_COUNT] = {
        [RC_INVALID] = "invalid",
        [RC_UNAUTHENTICATED] = "unauthenticated",
        [RC_FORBIDDEN] = "forbidden",
        [RC_NOT_FOUND] = "not-found",
        [RC_METHOD] = "method-not-allowed",
        [RC_TIMEOUT] = "timeout",
        [RC_CONFLICT] = "conflict",
        [RC_PRECONDITION] = "precondition-failed",
        [RC_TOO_LARGE] = "too-large",
        [RC_UNSUPPORTED] = "unsupported-type",
        [RC_UNPROCESSABLE] = "unprocessable",
        [RC_LIMIT] = "rate-limited",
        [RC_BUSY] = "busy",
        [RC_STOPPED] = "busy",
    };
    const char *name = rc < RC_COUNT && names[rc] ? names[rc] : "internal";
    for (const struct problem *p = http_problems; p->name; p++)
        if (str_eqz(str_of(name), p->name)) return p;
    ASSERT(false);
    return NULL;
}

void problem_write(struct jout *out, enum rc rc, const struct err *err, const struct schema_faults *faults,
                   const char *request_id, struct str instance)
{
    const struct problem *p = problem_of(rc);
    char type[64];
    snprintf(type, sizeof type, "/problems/%s", p->name);
    jout_object(out);
    jout_kz(out, "type", type);
    jout_kz(out, "title", p->title);
    jout_ki64(out, "status", p->status);
    /* A message about a failure of ours is for the log alone. */
    jout_kz(out, "detail", p->status < 500 && err->message[0] ? err->message : p->help);
    jout_kstr(out, "instance", instance);
    jout_kz(out, "request_id", request_id);
    if (faults && faults->n) {
        jout_key(out, "errors");
        jout_array(out);
        for (size_t i = 0; i < faults->n; i++) {
            jout_object(out);
            jout_kz(out, "pointer", faults->v[i].pointer);
            jout_kz(out, "detail", faults->v[i].detail);
            jout_end(out);
        }
        jout_end(out);
    }
    jout_end(out);
}
