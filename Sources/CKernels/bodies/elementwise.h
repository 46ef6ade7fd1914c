// Sums of two tensors, and the clamp that no producer could take in.

CK_FUNCTION void float_add(
    ptrdiff_t count, const float *a, const float *b, ck_clamp clamp, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = clamp_value(a[i] + b[i], clamp);
}

CK_FUNCTION void float_clamp(ptrdiff_t count, const float *input, ck_clamp clamp, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = clamp_value(input[i], clamp);
}

CK_FUNCTION void integer_add(
    ptrdiff_t count, const uint8_t *a, float scale_a, int32_t zero_point_a, const uint8_t *b,
    float scale_b, int32_t zero_point_b, float scale, ck_target target, uint8_t *output) {
    float ratio_a = scale_a / scale, ratio_b = scale_b / scale;
    for (ptrdiff_t i = 0; i < count; i++) {
        float scaled_a = (float)(a[i] - zero_point_a) * ratio_a;
        float scaled_b = (float)(b[i] - zero_point_b) * ratio_b;
        output[i] = to_byte(scaled_a + scaled_b, target);
    }
}
