// SPDX-License-Identifier: Apache-2.0

// Part of mask_gradient, 8 channels with their sums in two registers. Contract:
// mask_gradient_1x8.h.

CK_INLINE void mask_gradient_block(
    const int lanes, const int run, ptrdiff_t stride, const uint8_t *mask, ptrdiff_t mask_stride,
    float *gradient, double *sums) {
    __m256i used = lane_mask(lanes), bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    double totals[8] = {0};
    if (sums) memcpy(totals, sums, (size_t)lanes * sizeof *sums);
    __m256d low = _mm256_loadu_pd(totals), high = _mm256_loadu_pd(totals + 4);
    for (int pixel = 0; pixel < run; pixel++, gradient += stride) {
        __m256 values =
            lanes == 8 ? _mm256_loadu_ps(gradient) : _mm256_maskload_ps(gradient, used);
        if (mask) {
            __m256i set = _mm256_and_si256(_mm256_set1_epi32(mask[pixel * mask_stride]), bits);
            values = _mm256_and_ps(values, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, bits)));
            if (lanes == 8) {
                _mm256_storeu_ps(gradient, values);
            } else {
                _mm256_maskstore_ps(gradient, used, values);
            }
        }
        low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(values)));
        high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(values, 1)));
    }
    if (!sums) return;
    _mm256_storeu_pd(totals, low);
    _mm256_storeu_pd(totals + 4, high);
    memcpy(sums, totals, (size_t)lanes * sizeof *sums);
}
