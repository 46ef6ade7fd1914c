// SPDX-License-Identifier: Apache-2.0

// Run-time choice of the instruction set, and the public entry points that go through its table.
#include "isa.h"

/// Most tables one architecture has.
#define CK_ISA_LIMIT 3

/// What this processor runs, fastest first; the portable table is always the last.
static int available(const ck_isa *tables[CK_ISA_LIMIT]) {
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vnni")) {
        tables[count++] = &ck_table_avx512;
    }
    if (has_avx2) tables[count++] = &ck_table_avx2;
#elif defined(__AARCH64EL__)
    tables[count++] = &ck_table_neon;
#endif
    tables[count++] = &ck_table_portable;
    return count;
}

const ck_isa *ck_isa_available(int index) {
    const ck_isa *tables[CK_ISA_LIMIT];
    int count = available(tables);
    return index >= 0 && index < count ? tables[index] : NULL;
}

const ck_isa *ck_isa_portable(void) { return &ck_table_portable; }

const ck_isa *ck_isa_best(void) { return ck_isa_available(0); }

const char *ck_isa_name(const ck_isa *isa) { return isa->name; }

#define CK_ENTRY(...) (const ck_isa *isa, __VA_ARGS__)
#define CK_KERNEL(result, kernel, parameters, arguments) \
    result ck_##kernel CK_ENTRY parameters { return isa->kernel arguments; }
#define CK_PACKED_KERNEL(result, kernel, parameters, arguments) \
    result ck_##kernel parameters { return convolution->isa->kernel arguments; }
#include "include/kernel_list.h"
