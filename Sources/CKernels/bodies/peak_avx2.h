// SPDX-License-Identifier: Apache-2.0

// Peak of the AVX2 kernels' arithmetic: vfmadd; vpmaddubsw, vpmaddwd and vpaddd. Contract: peak.h.

/// Chains: more than the four cycles of a sum times two units.
#define CK_PEAK_CHAINS 12

CK_FUNCTION double float_peak(ptrdiff_t rounds, float *rest) {
    __m256 sums[CK_PEAK_CHAINS], half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1.0f);
    CK_UNROLL_WHOLE
    for (int i = 0; i < CK_PEAK_CHAINS; i++) sums[i] = _mm256_set1_ps((float)i);
    for (ptrdiff_t round = 0; round < rounds; round++) {
        CK_UNROLL_WHOLE
        for (int i = 0; i < CK_PEAK_CHAINS; i++) sums[i] = _mm256_fmadd_ps(sums[i], half, one);
    }
    __m256 total = _mm256_setzero_ps();
    CK_UNROLL_WHOLE
    for (int i = 0; i < CK_PEAK_CHAINS; i++) total = _mm256_add_ps(total, sums[i]);
    *rest = _mm256_cvtss_f32(total);
    return 2.0 * 8 * CK_PEAK_CHAINS * (double)rounds;
}

CK_FUNCTION double integer_peak(ptrdiff_t rounds, int32_t *rest) {
    __m256i sums[CK_PEAK_CHAINS], quads = _mm256_set1_epi8(3), weights = _mm256_set1_epi8(5);
    __m256i ones = _mm256_set1_epi16(1);
    CK_UNROLL_WHOLE
    for (int i = 0; i < CK_PEAK_CHAINS; i++) sums[i] = _mm256_set1_epi32(i);
    for (ptrdiff_t round = 0; round < rounds; round++) {
        CK_UNROLL_WHOLE
        for (int i = 0; i < CK_PEAK_CHAINS; i++) {
            // Else the products would be computed once.
            __asm__("" : "+x"(quads));
            __m256i pairs = _mm256_maddubs_epi16(quads, weights);
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
        }
    }
    __m256i total = _mm256_setzero_si256();
    CK_UNROLL_WHOLE
    for (int i = 0; i < CK_PEAK_CHAINS; i++) total = _mm256_add_epi32(total, sums[i]);
    *rest = _mm256_extract_epi32(total, 0);
    return 2.0 * 32 * CK_PEAK_CHAINS * (double)rounds;
}

#undef CK_PEAK_CHAINS
