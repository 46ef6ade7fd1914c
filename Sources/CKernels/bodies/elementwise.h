// Sums of two tensors, and the clamp that no producer could take in.

CK_FUNCTION void float_add(
    ptrdiff_t count, const float *a, const float *b, ck_clamp clamp, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = clamp_value(a[i] + b[i], clamp);
}

CK_FUNCTION void float_clamp(ptrdiff_t count, const float *input, ck_clamp clamp, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = clamp_value(input[i], clamp);
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
