// SPDX-License-Identifier: Apache-2.0

// From accumulators to 8 bits, 16 channels at a time.

/// 16 sums as bytes. fmaxnm and fminnm take the bound for NaN, as `to_byte` does.
CK_INLINE uint8x16_t requantize_lanes(
    const int32x4_t sums[4], const float32x4_t multipliers[4], ck_target target) {
    float32x4_t lower = vdupq_n_f32((float)(target.lower - target.zero_point));
    float32x4_t upper = vdupq_n_f32((float)(target.upper - target.zero_point));
    int16x8_t zero_point = vdupq_n_s16((int16_t)target.zero_point);
    int32x4_t steps[4];
    CK_UNROLL_ALL
    for (int v = 0; v < 4; v++) {
        float32x4_t value = vmulq_f32(vcvtq_f32_s32(sums[v]), multipliers[v]);
        steps[v] = vcvtnq_s32_f32(vminnmq_f32(vmaxnmq_f32(value, lower), upper));
    }
    int16x8_t low = vcombine_s16(vmovn_s32(steps[0]), vmovn_s32(steps[1]));
    int16x8_t high = vcombine_s16(vmovn_s32(steps[2]), vmovn_s32(steps[3]));
    return vcombine_u8(
        vqmovun_s16(vaddq_s16(low, zero_point)), vqmovun_s16(vaddq_s16(high, zero_point)));
}

/// 16 channels of all pixels.
CK_INLINE void requantize_columns(
    ptrdiff_t pixels, const int32_t *accumulators, ptrdiff_t accumulator_stride,
    const int32_t *bias, const float *multipliers, ck_target target, uint8_t *output,
    ptrdiff_t output_stride) {
    int32x4_t biases[4];
    float32x4_t factors[4];
    CK_UNROLL_ALL
    for (int v = 0; v < 4; v++) {
        biases[v] = vld1q_s32(bias + 4 * v);
        factors[v] = vld1q_f32(multipliers + 4 * v);
    }
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        int32x4_t sums[4];
        CK_UNROLL_ALL
        for (int v = 0; v < 4; v++) {
            sums[v] =
                vaddq_s32(vld1q_s32(accumulators + pixel * accumulator_stride + 4 * v), biases[v]);
        }
        vst1q_u8(output + pixel * output_stride, requantize_lanes(sums, factors, target));
    }
}

CK_FUNCTION void requantize_rows(
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

/// The same, and a bit per element: `low <= sum + bias <= high`. Channel 0 is bit `first_bit` of a
/// pixel's mask; the bits are 0 before.
CK_FUNCTION void requantize_masked(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    ptrdiff_t accumulator_stride, const int32_t *bias, const float *multipliers, ck_target target,
    uint8_t *output, ptrdiff_t output_stride, const int32_t *low, const int32_t *high,
    uint8_t *mask, ptrdiff_t mask_stride, ptrdiff_t first_bit) {
    requantize_rows(
        pixels, channels, accumulators, accumulator_stride, bias, multipliers, target, output,
        output_stride);
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t *sums = accumulators + pixel * accumulator_stride;
        uint8_t *bits = mask + pixel * mask_stride;
        for (ptrdiff_t c = 0; c < channels; c++) {
            int32_t sum = wrapping_add(sums[c], bias[c]);
            set_bit(bits, first_bit + c, sum >= low[c] && sum <= high[c]);
        }
    }
}
