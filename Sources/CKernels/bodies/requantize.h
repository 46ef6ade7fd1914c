// SPDX-License-Identifier: Apache-2.0

// From accumulators to 8 bits; strides in elements.

CK_FUNCTION void requantize_rows(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    ptrdiff_t accumulator_stride, const int32_t *bias, const float *multipliers, ck_target target,
    uint8_t *output, ptrdiff_t output_stride) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t *sums = accumulators + pixel * accumulator_stride;
        uint8_t *bytes = output + pixel * output_stride;
        for (ptrdiff_t c = 0; c < channels; c++) {
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
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t *sums = accumulators + pixel * accumulator_stride;
        uint8_t *bytes = output + pixel * output_stride, *bits = mask + pixel * mask_stride;
        for (ptrdiff_t c = 0; c < channels; c++) {
            int32_t sum = wrapping_add(sums[c], bias[c]);
            bytes[c] = to_byte((float)sum * multipliers[c], target);
            set_bit(bits, first_bit + c, sum >= low[c] && sum <= high[c]);
        }
    }
}
