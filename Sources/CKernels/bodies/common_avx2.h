// SPDX-License-Identifier: Apache-2.0

// What the AVX2 bodies share.
#include <immintrin.h>

/// Lanes below `count` set: for the last, partly used vector of a row.
CK_INLINE __m256i lane_mask(ptrdiff_t count) {
    __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)(count < 8 ? count : 8)), lanes);
}

/// `clamp_value` of eight lanes; operand order decides NaN and the sign of zero.
CK_INLINE __m256 clamp_lanes(__m256 value, ck_clamp clamp) {
    if (clamp.has_lower) value = _mm256_max_ps(value, _mm256_set1_ps(clamp.lower));
    if (clamp.has_upper) value = _mm256_min_ps(value, _mm256_set1_ps(clamp.upper));
    return value;
}
