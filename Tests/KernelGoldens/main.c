// SPDX-License-Identifier: Apache-2.0

// Compares every kernel with the golden digests on every instruction set this machine runs. With
// --print, prints the digests of the portable kernels instead, as the contents of digests.h. With
// --best NAME, also fails unless NAME is the instruction set chosen here.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "KernelGoldens.h"

static int check(const ck_isa *isa) {
    int failures = 0;
    for (ptrdiff_t i = 0; i < kg_count(); i++) {
        uint64_t digest = kg_digest(isa, i);
        if (digest == kg_expected(i)) continue;
        failures++;
        printf(
            "%s: %s, %s: digest %016" PRIx64 ", expected %016" PRIx64 "\n",
            ck_isa_name(isa), kg_family(i), kg_name(i), digest, kg_expected(i));
    }
    printf("%s: %td cases, %d mismatches\n", ck_isa_name(isa), kg_count(), failures);
    return failures;
}

int main(int argc, char **argv) {
    const ck_isa *portable = ck_isa_portable();
    if (argc > 1 && !strcmp(argv[1], "--print")) {
        printf("// SPDX-License-Identifier: Apache-2.0\n\n");
        printf("// Written by scripts/checks/check-kernels --record: family, name, digest.\n");
        for (ptrdiff_t i = 0; i < kg_count(); i++) {
            printf(
                "{\"%s\", \"%s\", 0x%016" PRIx64 "},\n", kg_family(i), kg_name(i),
                kg_digest(portable, i));
        }
        return 0;
    }
    int failures = 0;
    if (kg_recorded() != kg_count()) {
        printf("%td digests are recorded of %td cases\n", kg_recorded(), kg_count());
        failures++;
    }
    const char *best = ck_isa_name(ck_isa_best());
    if (argc > 2 && !strcmp(argv[1], "--best") && strcmp(argv[2], best)) {
        printf("chosen here: %s, expected %s\n", best, argv[2]);
        failures++;
    }
    const ck_isa *isa;
    for (int index = 0; (isa = ck_isa_available(index)); index++) failures += check(isa);
    return failures != 0;
}
