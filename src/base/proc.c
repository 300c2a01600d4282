#include "base/proc.h"

#include "base/fs.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void proc_world(char out[static PROC_WORLD_BYTES])
{
    char *text = NULL;
    size_t n;
    struct stat ns;
    out[0] = 0;
    if (stat("/proc/self/ns/pid", &ns)) return;
    if (fs_read("/proc/sys/kernel/random/boot_id", 256, &text, &n, NULL)) return;
    struct str id = str_trim((struct str){text, n});
    snprintf(out, PROC_WORLD_BYTES, "%.*s.%llu", (int)(id.n < 36 ? id.n : 36), id.p,
             (unsigned long long)ns.st_ino);
    free(text);
}

unsigned long long proc_started(long pid)
{
    char path[64], line[1024];
    unsigned long long start = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    const char *p = strrchr(line, ')'); /* the name may hold anything */
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (p && sscanf(p, "%llu", &start) != 1) start = 0;
    return start;
}

void proc_owner(char out[static PROC_OWNER_BYTES])
{
    char world[PROC_WORLD_BYTES];
    proc_world(world);
    snprintf(out, PROC_OWNER_BYTES, "%s:%ld:%llu", world, (long)getpid(), proc_started((long)getpid()));
}

bool proc_owner_gone(struct str owner)
{
    char here[PROC_WORLD_BYTES];
    struct str world = str_split(&owner, ':'), pid_text = str_split(&owner, ':');
    int64_t pid;
    uint64_t start;
    proc_world(here);
    if (!world.n || !str_eqz(world, here) || !str_to_i64(pid_text, &pid) || pid <= 0 || pid > INT32_MAX)
        return false;
    unsigned long long began = proc_started((long)pid);
    return !began || !str_to_u64(owner, &start) || start != began;
}

unsigned proc_processors(void)
{
    cpu_set_t cpus;
    int n = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return n < 1 ? 1 : (unsigned)n;
}

bool proc_forbid_dumps(void)
{
    struct rlimit none = {0, 0}, now = {RLIM_INFINITY, RLIM_INFINITY};
    bool closed = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    /* A service manager may forbid the call, and have set the limit itself. */
    bool limited = setrlimit(RLIMIT_CORE, &none) == 0 || (!getrlimit(RLIMIT_CORE, &now) && now.rlim_cur == 0);
    return closed && limited;
}
