// Between float and integers (ONNX QuantizeLinear and DequantizeLinear), and table lookup.

CK_FUNCTION void quantize(
    ptrdiff_t count, const float *input, float scale, int32_t zero_point, uint8_t *output) {
    ck_target target = {zero_point, 0, 255};
    for (ptrdiff_t i = 0; i < count; i++) output[i] = to_byte(input[i] / scale, target);
}

CK_FUNCTION void dequantize(
    ptrdiff_t count, const uint8_t *input, float scale, int32_t zero_point, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = (float)(input[i] - zero_point) * scale;
}

CK_FUNCTION void lookup(
    ptrdiff_t count, const uint8_t *input, const uint8_t *table, uint8_t *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = table[input[i]];
}

CK_FUNCTION void dequantize_accumulators(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, const int32_t *bias,
    const float *scales, float *output) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        for (ptrdiff_t c = 0; c < channels; c++) {
            output[c] = (float)wrapping_add(accumulators[c], bias[c]) * scales[c];
        }
        accumulators += channels;
        output += channels;
    }
}
