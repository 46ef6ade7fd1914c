// SPDX-License-Identifier: Apache-2.0

// Sums of two tensors, and the clamp that no producer could take in.

CK_FUNCTION void float_add(
    ptrdiff_t count, const float *a, const float *b, ck_clamp clamp, float *output) {
    CK_WITH_BOUNDS(
        clamp, for (ptrdiff_t i = 0; i < count; i++) output[i] = clamp_value(a[i] + b[i], bounds);)
}

CK_FUNCTION void float_clamp(ptrdiff_t count, const float *input, ck_clamp clamp, float *output) {
    CK_WITH_BOUNDS(
        clamp, for (ptrdiff_t i = 0; i < count; i++) output[i] = clamp_value(input[i], bounds);)
}

/// ONNX Runtime's QLinearAdd on x86-64, bit for bit: the zero points are folded into one constant,
/// the products are fused, and the constant takes part in the rounding (it decides ties).
CK_FUNCTION void integer_add(
    ptrdiff_t count, const uint8_t *a, float scale_a, int32_t zero_point_a, const uint8_t *b,
    float scale_b, int32_t zero_point_b, float scale, ck_target target, uint8_t *output) {
    float ratio_a = scale_a / scale, ratio_b = scale_b / scale;
    float offset = fmaf(ratio_a, (float)zero_point_a, ratio_b * (float)zero_point_b);
    float constant = (float)target.zero_point - offset;
    ck_target shifted = {0, target.lower, target.upper};
    for (ptrdiff_t i = 0; i < count; i++) {
        float value = fmaf((float)a[i], ratio_a, fmaf((float)b[i], ratio_b, constant));
        output[i] = to_byte(value, shifted);
    }
}

/// Eight channels of one pixel.
CK_INLINE uint8_t integer_add_eight(
    const uint8_t *a, float scale_a, int32_t zero_point_a, const uint8_t *b,
    float scale_b, int32_t zero_point_b, float ratio_a, float ratio_b, float constant,
    ck_target target, ck_open_range range, uint8_t *output) {
    uint8_t pass[8];
    CK_UNROLL_WHOLE
    for (int i = 0; i < 8; i++) {
        float value = fmaf((float)a[i], ratio_a, fmaf((float)b[i], ratio_b, constant));
        float real =
            (float)(a[i] - zero_point_a) * scale_a + (float)(b[i] - zero_point_b) * scale_b;
        output[i] = to_byte(value, target);
        pass[i] = is_representable(value) & is_inside(real, range);
    }
    return pack_bits(pass);
}

/// `integer_add`, and where its gradient passes. The bounds of the clamp are held against the sum
/// of the dequantized values, which is exactly zero where both are; the folded zero points leave a
/// residue there.
CK_FUNCTION void integer_add_masked(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a, int32_t zero_point_a,
    const uint8_t *b, float scale_b, int32_t zero_point_b, float scale, ck_target target,
    ck_clamp clamp, uint8_t *output, uint8_t *mask) {
    float ratio_a = scale_a / scale, ratio_b = scale_b / scale;
    float offset = fmaf(ratio_a, (float)zero_point_a, ratio_b * (float)zero_point_b);
    float constant = (float)target.zero_point - offset;
    ck_target shifted = {0, target.lower, target.upper};
    ck_open_range range = open_range(clamp);
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        ptrdiff_t left = channels;
        for (; left >= 8; left -= 8, a += 8, b += 8, output += 8) {
            *mask++ = integer_add_eight(
                a, scale_a, zero_point_a, b, scale_b, zero_point_b, ratio_a, ratio_b, constant,
                shifted, range, output);
        }
        if (left == 0) continue;
        uint8_t rest_a[8] = {0}, rest_b[8] = {0}, bytes[8];
        memcpy(rest_a, a, (size_t)left), memcpy(rest_b, b, (size_t)left);
        uint8_t bits = integer_add_eight(
            rest_a, scale_a, zero_point_a, rest_b, scale_b, zero_point_b, ratio_a, ratio_b,
            constant, shifted, range, bytes);
        memcpy(output, bytes, (size_t)left);
        *mask++ = low_bits(bits, left);
        a += left, b += left, output += left;
    }
}
