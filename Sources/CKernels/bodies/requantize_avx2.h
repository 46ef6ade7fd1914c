// From accumulators to 8 bits, 16 channels at a time.

CK_INLINE __m256i requantize_lanes(
    const int32_t *sums, __m256i bias, __m256 multipliers, __m256 lower, __m256 upper) {
    __m256i sum = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)sums), bias);
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), multipliers);
    value = _mm256_min_ps(_mm256_max_ps(value, lower), upper);
    return _mm256_cvtps_epi32(value);
}

/// 16 channels of all pixels.
CK_INLINE void requantize_columns(
    ptrdiff_t pixels, const int32_t *accumulators, ptrdiff_t accumulator_stride,
    const int32_t *bias, const float *multipliers, ck_target target, uint8_t *output,
    ptrdiff_t output_stride) {
    __m256i bias0 = _mm256_loadu_si256((const __m256i *)bias);
    __m256i bias1 = _mm256_loadu_si256((const __m256i *)(bias + 8));
    __m256 multipliers0 = _mm256_loadu_ps(multipliers);
    __m256 multipliers1 = _mm256_loadu_ps(multipliers + 8);
    __m256 lower = _mm256_set1_ps((float)(target.lower - target.zero_point));
    __m256 upper = _mm256_set1_ps((float)(target.upper - target.zero_point));
    __m128i zero_point = _mm_set1_epi16((int16_t)target.zero_point);
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t *sums = accumulators + pixel * accumulator_stride;
        __m256i a = requantize_lanes(sums, bias0, multipliers0, lower, upper);
        __m256i b = requantize_lanes(sums + 8, bias1, multipliers1, lower, upper);
        __m128i first = _mm_packs_epi32(
            _mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
        __m128i second = _mm_packs_epi32(
            _mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
        __m128i bytes = _mm_packus_epi16(
            _mm_add_epi16(first, zero_point), _mm_add_epi16(second, zero_point));
        _mm_storeu_si128((__m128i *)(output + pixel * output_stride), bytes);
    }
}

CK_FUNCTION void requantize(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    ptrdiff_t accumulator_stride, const int32_t *bias, const float *multipliers, ck_target target,
    uint8_t *output, ptrdiff_t output_stride) {
    ptrdiff_t first = 0;
    for (; first + 16 <= channels; first += 16) {
        requantize_columns(
            pixels, accumulators + first, accumulator_stride, bias + first, multipliers + first,
            target, output + first, output_stride);
    }
    if (first == channels) return;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t *sums = accumulators + pixel * accumulator_stride;
        uint8_t *bytes = output + pixel * output_stride;
        for (ptrdiff_t c = first; c < channels; c++) {
            bytes[c] = to_byte((float)wrapping_add(sums[c], bias[c]) * multipliers[c], target);
        }
    }
}
