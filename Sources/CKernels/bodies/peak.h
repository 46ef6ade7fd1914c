// SPDX-License-Identifier: Apache-2.0

// What a processor can do at most: independent chains of the arithmetic of the kernels, in
// registers alone.
//
// Shared contract of the peak bodies: `rounds` steps of every chain; returns the operations done,
// two per multiplication and addition, and leaves in `*rest` what depends on all of them.

CK_FUNCTION double float_peak(ptrdiff_t rounds, float *rest) {
    enum { chains = 64 };
    float sums[chains];
    for (int i = 0; i < chains; i++) sums[i] = (float)i;
    for (ptrdiff_t round = 0; round < rounds; round++) {
        for (int i = 0; i < chains; i++) sums[i] = fmaf(sums[i], 0.5f, 1.0f);
    }
    *rest = 0.0f;
    for (int i = 0; i < chains; i++) *rest += sums[i];
    return 2.0 * chains * (double)rounds;
}

CK_FUNCTION double integer_peak(ptrdiff_t rounds, int32_t *rest) {
    enum { chains = 32 };
    uint32_t sums[chains];
    for (int i = 0; i < chains; i++) sums[i] = (uint32_t)i;
    for (ptrdiff_t round = 0; round < rounds; round++) {
        for (int i = 0; i < chains; i++) sums[i] = sums[i] * 3u + 1u;
    }
    uint32_t total = 0;
    for (int i = 0; i < chains; i++) total += sums[i];
    *rest = (int32_t)total;
    return 2.0 * chains * (double)rounds;
}
