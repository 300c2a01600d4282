/*
 * Which kernel runs. Chosen once from what the processor says, fastest first; tests and benchmarks put
 * another in place. The pointer is atomic because searches read it from many threads.
 */
#include "vindex/vindex_impl.h"

#include <stdatomic.h>

static const struct vindex_kernel *const kernels[] = {
#if defined(__x86_64__)
    &vindex_kernel_avx512vnni,
    &vindex_kernel_avx2,
#elif defined(__aarch64__)
    &vindex_kernel_neondot,
    &vindex_kernel_neon,
#endif
    &vindex_kernel_portable,
};

static _Atomic(const struct vindex_kernel *) chosen;

const struct vindex_kernel *vindex_kernel_now(void)
{
    const struct vindex_kernel *k = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (k) return k;
    for (size_t i = 0; !k; i++) /* the portable one, last, is always usable */
        if (kernels[i]->usable()) k = kernels[i];
    atomic_store_explicit(&chosen, k, memory_order_relaxed);
    return k;
}

const char *vindex_kernel(void) { return vindex_kernel_now()->name; }

bool vindex_use_kernel(const char *name)
{
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        if (strcmp(kernels[i]->name, name) == 0 && kernels[i]->usable()) {
            atomic_store_explicit(&chosen, kernels[i], memory_order_relaxed);
            return true;
        }
    }
    return false;
}
