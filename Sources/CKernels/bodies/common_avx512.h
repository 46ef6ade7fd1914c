// SPDX-License-Identifier: Apache-2.0

// What the AVX-512 bodies share.

/// Before a loop over registers: one left rolled would keep its array in memory.
#if defined(__clang__)
#define CK_UNROLL_ALL _Pragma("clang loop unroll(full)")
#else
#define CK_UNROLL_ALL _Pragma("GCC unroll 32")
#endif

/// Lanes below `count` set: for the last, partly used vector of a row.
CK_INLINE __mmask16 lane_mask16(ptrdiff_t count) {
    return (__mmask16)(count >= 16 ? 0xFFFF : count <= 0 ? 0 : (1u << count) - 1);
}

/// `clamp_value` of sixteen lanes; operand order decides NaN and the sign of zero.
CK_INLINE __m512 clamp_lanes16(__m512 value, ck_clamp clamp) {
    if (clamp.has_lower) value = _mm512_max_ps(value, _mm512_set1_ps(clamp.lower));
    if (clamp.has_upper) value = _mm512_min_ps(value, _mm512_set1_ps(clamp.upper));
    return value;
}
