// SPDX-License-Identifier: Apache-2.0

// Elementwise functions that are no clamp, and the gradient of any function of a byte.

/// max(0, min(1, alpha * x + beta)), product and sum rounded apart; NaN gives 0.
CK_INLINE float hard_sigmoid(float x, float alpha, float beta) {
    float value = alpha * x + beta;
    value = value > 0.0f ? value : 0.0f;
    return value < 1.0f ? value : 1.0f;
}

CK_FUNCTION void float_hard_sigmoid(
    ptrdiff_t count, const float *input, float alpha, float beta, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = hard_sigmoid(input[i], alpha, beta);
}

CK_FUNCTION void float_hard_swish(ptrdiff_t count, const float *input, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) {
        output[i] = input[i] * hard_sigmoid(input[i], 1.0f / 6.0f, 0.5f);
    }
}

CK_FUNCTION void lookup_gradient(
    ptrdiff_t count, const uint8_t *input, const float *slopes, const float *gradient,
    float *input_gradient) {
    for (ptrdiff_t i = 0; i < count; i++) input_gradient[i] = gradient[i] * slopes[input[i]];
}
