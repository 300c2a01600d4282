/* Any bytes as a zip file: whatever it claims, nothing outside of it is read and every entry is bounded. */
#include "catalog/zip.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {"a", "a.jpg", "b", "x/a"};
    char path[64];
    struct catalog_zip *z = NULL;
    int fd = memfd_create("zip", 0);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (catalog_zip_open(path, &z, NULL) == RC_OK) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            struct catalog_zip_entry e;
            char *p = NULL;
            size_t size = 0;
            if (!catalog_zip_find(z, str_of(names[i]), &e)) continue;
            if (catalog_zip_read(z, &e, 1 << 20, &p, &size, NULL) == RC_OK) {
                ASSERT(size <= 1 << 20 && p[size] == 0);
                free(p);
            }
        }
        catalog_zip_close(z);
    }
    close(fd);
    return 0;
}
