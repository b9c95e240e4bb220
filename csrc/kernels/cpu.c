/* cpu.c -- which table of kernels this machine runs. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

const Kernels *rl_kernels = &rl_kernels_base;

static const Kernels *table_for(const char *name) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
    if (avx512 && (!name || !strcmp(name, "avx512"))) return &rl_kernels_avx512;
    if (avx2 && (!name || !strcmp(name, "avx2"))) return &rl_kernels_avx2;
#endif
    return !name || !strcmp(name, "base") ? &rl_kernels_base : NULL;
}

bool rl_kernels_select(const char *name) {
    const Kernels *k = table_for(name);
    if (k) rl_kernels = k;
    return k != NULL;
}

/* An unknown or impossible RUSHLIGHT_ISA is ignored. */
__attribute__((constructor)) void rl_kernels_start(void) {
    static bool started;
    if (started) return;
    started = true;
    const char *wanted = getenv("RUSHLIGHT_ISA");
    if (!wanted || !rl_kernels_select(wanted)) rl_kernels = table_for(NULL);
}
