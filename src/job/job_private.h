/* Between the files of this folder. */
#ifndef JOB_JOB_PRIVATE_H
#define JOB_JOB_PRIVATE_H

#include "job/job.h"

struct http_route;
struct http_schema;
struct jout;

extern const struct http_route job_routes[];
extern const struct http_schema job_schemas[];

/* The columns that job_write_row() reads, in its order. */
#define JOB_COLUMNS                                                                                \
    "id, kind, state, cancel, priority, attempts, progress, result, error, created_ms, started_ms, ended_ms"
/* The current row as an object of schema "Job". */
void job_write_row(const struct store_rows *rows, struct jout *out);

#endif
