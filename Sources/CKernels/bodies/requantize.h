// From accumulators to 8 bits; strides in elements.

CK_FUNCTION void requantize(
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
