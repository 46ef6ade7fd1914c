// SPDX-License-Identifier: Apache-2.0

// Peak of the AVX-512 kernels' arithmetic: vfmadd and vpdpbusd. Contract: peak.h.

/// Chains: more than the five cycles of a sum times two units.
#define CK_PEAK_CHAINS 16

CK_FUNCTION double float_peak(ptrdiff_t rounds, float *rest) {
    __m512 sums[CK_PEAK_CHAINS], half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1.0f);
    CK_UNROLL_ALL
    for (int i = 0; i < CK_PEAK_CHAINS; i++) sums[i] = _mm512_set1_ps((float)i);
    for (ptrdiff_t round = 0; round < rounds; round++) {
        CK_UNROLL_ALL
        for (int i = 0; i < CK_PEAK_CHAINS; i++) sums[i] = _mm512_fmadd_ps(sums[i], half, one);
    }
    __m512 total = _mm512_setzero_ps();
    CK_UNROLL_ALL
    for (int i = 0; i < CK_PEAK_CHAINS; i++) total = _mm512_add_ps(total, sums[i]);
    *rest = _mm512_reduce_add_ps(total);
    return 2.0 * 16 * CK_PEAK_CHAINS * (double)rounds;
}

CK_FUNCTION double integer_peak(ptrdiff_t rounds, int32_t *rest) {
    __m512i sums[CK_PEAK_CHAINS], quads = _mm512_set1_epi8(3), weights = _mm512_set1_epi8(5);
    CK_UNROLL_ALL
    for (int i = 0; i < CK_PEAK_CHAINS; i++) sums[i] = _mm512_set1_epi32(i);
    for (ptrdiff_t round = 0; round < rounds; round++) {
        CK_UNROLL_ALL
        for (int i = 0; i < CK_PEAK_CHAINS; i++) {
            sums[i] = _mm512_dpbusd_epi32(sums[i], quads, weights);
        }
    }
    __m512i total = _mm512_setzero_si512();
    CK_UNROLL_ALL
    for (int i = 0; i < CK_PEAK_CHAINS; i++) total = _mm512_add_epi32(total, sums[i]);
    *rest = _mm512_reduce_add_epi32(total);
    return 2.0 * 64 * CK_PEAK_CHAINS * (double)rounds;
}

#undef CK_PEAK_CHAINS
