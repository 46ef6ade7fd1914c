// SPDX-License-Identifier: Apache-2.0

// Between float and integers (ONNX QuantizeLinear and DequantizeLinear), and table lookup.

CK_FUNCTION void requantize(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, const int32_t *bias,
    const float *multipliers, ck_target target, uint8_t *output) {
    requantize_rows(
        pixels, channels, accumulators, channels, bias, multipliers, target, output, channels);
}

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

/// Where the gradient passes a quantizer of float values.
CK_FUNCTION void quantize_mask(
    ptrdiff_t pixels, ptrdiff_t channels, const float *input, float scale, int32_t zero_point,
    ck_clamp clamp, uint8_t *mask) {
    float lower = (float)-zero_point, upper = (float)(255 - zero_point);
    ck_open_range range = open_range(clamp);
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, input += channels) {
        for (ptrdiff_t first = 0; first < channels; first += 8) {
            ptrdiff_t left = channels - first, width = left < 8 ? left : 8;
            uint8_t pass[8] = {0};
            for (ptrdiff_t c = 0; c < width; c++) {
                float value = input[first + c], steps = rintf(value / scale);
                pass[c] = (steps >= lower) & (steps <= upper) & is_inside(value, range);
            }
            *mask++ = pack_bits(pass);
        }
    }
}
