// SPDX-License-Identifier: Apache-2.0

// From accumulators to 8 bits, 16 channels at a time.

CK_INLINE __m256i requantize_lanes(
    __m256i sum, __m256 multipliers, __m256 lower, __m256 upper) {
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), multipliers);
    value = _mm256_min_ps(_mm256_max_ps(value, lower), upper);
    return _mm256_cvtps_epi32(value);
}

/// One bit per lane: low <= sum <= high.
CK_INLINE int pass_lanes(__m256i sum, __m256i low, __m256i high) {
    __m256i outside =
        _mm256_or_si256(_mm256_cmpgt_epi32(low, sum), _mm256_cmpgt_epi32(sum, high));
    return ~_mm256_movemask_ps(_mm256_castsi256_ps(outside)) & 0xFF;
}

/// 16 channels of all pixels; `mask` NULL: no bits.
CK_INLINE void requantize_columns(
    ptrdiff_t pixels, const int32_t *accumulators, ptrdiff_t accumulator_stride,
    const int32_t *bias, const float *multipliers, ck_target target, uint8_t *output,
    ptrdiff_t output_stride, const int32_t *low, const int32_t *high, uint8_t *mask,
    ptrdiff_t mask_stride) {
    __m256i low0, low1, high0, high1;
    if (mask) {
        low0 = _mm256_loadu_si256((const __m256i *)low);
        low1 = _mm256_loadu_si256((const __m256i *)(low + 8));
        high0 = _mm256_loadu_si256((const __m256i *)high);
        high1 = _mm256_loadu_si256((const __m256i *)(high + 8));
    }
    __m256i bias0 = _mm256_loadu_si256((const __m256i *)bias);
    __m256i bias1 = _mm256_loadu_si256((const __m256i *)(bias + 8));
    __m256 multipliers0 = _mm256_loadu_ps(multipliers);
    __m256 multipliers1 = _mm256_loadu_ps(multipliers + 8);
    __m256 lower = _mm256_set1_ps((float)(target.lower - target.zero_point));
    __m256 upper = _mm256_set1_ps((float)(target.upper - target.zero_point));
    __m128i zero_point = _mm_set1_epi16((int16_t)target.zero_point);
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        const __m256i *sums = (const __m256i *)(accumulators + pixel * accumulator_stride);
        // Two blocks of channels ahead: their pixels lie whole rows apart, which the processor does
        // not foresee.
        _mm_prefetch((const char *)(sums + 4), _MM_HINT_T0);
        __m256i sum0 = _mm256_add_epi32(_mm256_loadu_si256(sums), bias0);
        __m256i sum1 = _mm256_add_epi32(_mm256_loadu_si256(sums + 1), bias1);
        __m256i a = requantize_lanes(sum0, multipliers0, lower, upper);
        __m256i b = requantize_lanes(sum1, multipliers1, lower, upper);
        __m128i first = _mm_packs_epi32(
            _mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
        __m128i second = _mm_packs_epi32(
            _mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
        __m128i bytes = _mm_packus_epi16(
            _mm_add_epi16(first, zero_point), _mm_add_epi16(second, zero_point));
        _mm_storeu_si128((__m128i *)(output + pixel * output_stride), bytes);
        if (mask) {
            mask[pixel * mask_stride] = (uint8_t)pass_lanes(sum0, low0, high0);
            mask[pixel * mask_stride + 1] = (uint8_t)pass_lanes(sum1, low1, high1);
        }
    }
}

/// Pixels whose channels are requantized before the next ones': few enough that what is asked for
/// ahead stays cached.
#define CK_REQUANTIZE_RUN 16

CK_FUNCTION void requantize_rows(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    ptrdiff_t accumulator_stride, const int32_t *bias, const float *multipliers, ck_target target,
    uint8_t *output, ptrdiff_t output_stride) {
    ptrdiff_t whole = channels / 16 * 16;
    // A single block of channels has no next one.
    ptrdiff_t most = whole > 16 ? CK_REQUANTIZE_RUN : pixels;
    for (ptrdiff_t start = 0; start < pixels; start += most) {
        ptrdiff_t left = pixels - start, run = left < most ? left : most;
        const int32_t *sums = accumulators + start * accumulator_stride;
        uint8_t *bytes = output + start * output_stride;
        for (ptrdiff_t c = 0; c < whole; c += 16) {
            requantize_columns(
                run, sums + c, accumulator_stride, bias + c, multipliers + c, target, bytes + c,
                output_stride, NULL, NULL, NULL, 0);
        }
    }
    if (whole == channels) return;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t *sums = accumulators + pixel * accumulator_stride;
        uint8_t *bytes = output + pixel * output_stride;
        for (ptrdiff_t c = whole; c < channels; c++) {
            bytes[c] = to_byte((float)wrapping_add(sums[c], bias[c]) * multipliers[c], target);
        }
    }
}

/// The same, and a bit per element: `low <= sum + bias <= high`. Channel 0 is bit `first_bit` of a
/// pixel's mask; the bits are 0 before.
CK_FUNCTION void requantize_masked(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    ptrdiff_t accumulator_stride, const int32_t *bias, const float *multipliers, ck_target target,
    uint8_t *output, ptrdiff_t output_stride, const int32_t *low, const int32_t *high,
    uint8_t *mask, ptrdiff_t mask_stride, ptrdiff_t first_bit) {
    ptrdiff_t first = 0;
    if (first_bit % 8 == 0) {
        for (; first + 16 <= channels; first += 16) {
            requantize_columns(
                pixels, accumulators + first, accumulator_stride, bias + first,
                multipliers + first, target, output + first, output_stride, low + first,
                high + first, mask + (first_bit + first) / 8, mask_stride);
        }
    }
    if (first == channels) return;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t *sums = accumulators + pixel * accumulator_stride;
        uint8_t *bytes = output + pixel * output_stride, *bits = mask + pixel * mask_stride;
        for (ptrdiff_t c = first; c < channels; c++) {
            int32_t sum = wrapping_add(sums[c], bias[c]);
            bytes[c] = to_byte((float)sum * multipliers[c], target);
            set_bit(bits, first_bit + c, sum >= low[c] && sum <= high[c]);
        }
    }
}
