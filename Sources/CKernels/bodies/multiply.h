// SPDX-License-Identifier: Apache-2.0

// Products of two tensors. The second operand moves on by `step_b` elements per pixel: by the
// channels, or by none where one pixel serves all.

CK_FUNCTION void float_multiply(
    ptrdiff_t pixels, ptrdiff_t channels, const float *a, const float *b, ptrdiff_t step_b,
    ck_clamp clamp, float *output) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        CK_WITH_BOUNDS(
            clamp, for (ptrdiff_t c = 0; c < channels; c++) {
                output[c] = clamp_value(a[c] * b[c], bounds);
            })
        a += channels, b += step_b, output += channels;
    }
}

/// Eight channels of one pixel; returns where the gradient passes.
CK_INLINE uint8_t integer_multiply_eight(
    const uint8_t *a, int32_t zero_point_a, const uint8_t *b,
    int32_t zero_point_b, float ratio, float step, float zero_point, ck_target target,
    ck_open_range range, uint8_t *output) {
    uint8_t pass[8];
    CK_UNROLL_WHOLE
    for (int i = 0; i < 8; i++) {
        float product = (float)((a[i] - zero_point_a) * (b[i] - zero_point_b));
        float value = product * ratio + zero_point;
        output[i] = to_byte(value, target);
        pass[i] = is_representable(value) & is_inside(product * step, range);
    }
    return pack_bits(pass);
}

/// ONNX Runtime's QLinearMul on x86-64, bit for bit: the integer product is exact, its multiple and
/// the zero point are rounded apart, and the zero point takes part in the last rounding. `mask` may
/// be NULL.
CK_FUNCTION void integer_multiply_masked(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a, int32_t zero_point_a,
    const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b, float scale,
    ck_target target, ck_clamp clamp, uint8_t *output, uint8_t *mask) {
    float step = scale_a * scale_b, ratio = step / scale, zero_point = (float)target.zero_point;
    ck_target shifted = {0, target.lower, target.upper};
    ck_open_range range = open_range(clamp);
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, b += step_b) {
        ptrdiff_t c = 0;
        if (!mask) {
            for (; c < channels; c++) {
                float product = (float)((a[c] - zero_point_a) * (b[c] - zero_point_b));
                output[c] = to_byte(product * ratio + zero_point, shifted);
            }
        }
        for (; c + 8 <= channels; c += 8) {
            *mask++ = integer_multiply_eight(
                a + c, zero_point_a, b + c, zero_point_b, ratio, step, zero_point, shifted, range,
                output + c);
        }
        if (c < channels) {
            size_t left = (size_t)(channels - c);
            uint8_t rest_a[8] = {0}, rest_b[8] = {0}, bytes[8];
            memcpy(rest_a, a + c, left), memcpy(rest_b, b + c, left);
            uint8_t bits = integer_multiply_eight(
                rest_a, zero_point_a, rest_b, zero_point_b, ratio, step, zero_point, shifted,
                range, bytes);
            memcpy(output + c, bytes, left);
            *mask++ = low_bits(bits, channels - c);
        }
        a += channels, output += channels;
    }
}

CK_FUNCTION void integer_multiply(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a, int32_t zero_point_a,
    const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b, float scale,
    ck_target target, uint8_t *output) {
    integer_multiply_masked(
        pixels, channels, a, scale_a, zero_point_a, b, scale_b, zero_point_b, step_b, scale,
        target, (ck_clamp){0}, output, NULL);
}

CK_FUNCTION void multiply_gradient(
    ptrdiff_t pixels, ptrdiff_t channels, const float *gradient, const uint8_t *b, float scale_b,
    int32_t zero_point_b, ptrdiff_t step_b, float *input_gradient) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        for (ptrdiff_t c = 0; c < channels; c++) {
            input_gradient[c] = gradient[c] * ((float)(b[c] - zero_point_b) * scale_b);
        }
        gradient += channels, b += step_b, input_gradient += channels;
    }
}

CK_FUNCTION void multiply_gradient_sum(
    ptrdiff_t pixels, ptrdiff_t channels, const float *restrict gradient,
    const uint8_t *restrict a, float scale_a, int32_t zero_point_a,
    float *restrict input_gradient) {
    for (ptrdiff_t c = 0; c < channels; c++) input_gradient[c] = 0.0f;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, gradient += channels, a += channels) {
        for (ptrdiff_t c = 0; c < channels; c++) {
            float value = (float)(a[c] - zero_point_a) * scale_a;
            input_gradient[c] = fmaf(gradient[c], value, input_gradient[c]);
        }
    }
}
