// Between float and 8 bits (ONNX QuantizeLinear and DequantizeLinear), and table lookup.

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
