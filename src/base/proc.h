/* Which process world this is: for leases that must tell a dead owner from one that cannot be seen. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>

#include "base/str.h"

enum { PROC_WORLD_BYTES = 64 };

/* The boot of this machine and the namespace of process numbers (containers have their own): the same text means
 * that a process number means the same process. Empty if it cannot be read: then nothing may be concluded. */
void proc_world(char out[static PROC_WORLD_BYTES]);

/* When process `pid` of this world began, in clock ticks since the boot (proc(5), stat, field 22); 0: there is none. */
unsigned long long proc_started(long pid);

/* Processors this process may use, at least 1. */
unsigned proc_processors(void);

/* Keys and photos are in memory: no core file may write them to the disk, no other process of this user may look in
 * (ptrace, /proc/PID/mem, /proc/PID/environ). False when the system refused. */
bool proc_forbid_dumps(void);

/* This process as text, "WORLD:PID:START": to be written beside what only this process will finish. */
enum { PROC_OWNER_BYTES = PROC_WORLD_BYTES + 48 };
void proc_owner(char out[static PROC_OWNER_BYTES]);
/* True when the process that wrote `owner` is known to have ended; false when it runs, or cannot be seen from here. */
bool proc_owner_gone(struct str owner);

#endif
