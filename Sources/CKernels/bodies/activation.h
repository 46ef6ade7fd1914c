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

/// e^x for x between -87 and 88, NaN as -87: x = n ln 2 + r, with ln 2 in two parts.
CK_INLINE float exponential(float x) {
    x = x > -87.0f ? x : -87.0f;
    x = x < 88.0f ? x : 88.0f;
    const float round = 12582912.0f;
    float n = x * 1.44269504f + round - round;
    float r = fmaf(n, -0.693359375f, x);
    r = fmaf(n, 2.1219444e-4f, r);
    float p = 1.98756915e-4f;
    p = fmaf(p, r, 1.3981999507e-3f);
    p = fmaf(p, r, 8.3334519073e-3f);
    p = fmaf(p, r, 4.1665795894e-2f);
    p = fmaf(p, r, 1.6666665459e-1f);
    p = fmaf(p, r, 5.0000001201e-1f);
    union {
        uint32_t bits;
        float value;
    } power = {(uint32_t)((int32_t)n + 127) << 23};
    return (fmaf(p, r * r, r) + 1.0f) * power.value;
}

CK_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

CK_FUNCTION void float_sigmoid(ptrdiff_t count, const float *input, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = sigmoid(input[i]);
}

CK_FUNCTION void float_silu(ptrdiff_t count, const float *input, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = input[i] * sigmoid(input[i]);
}

CK_FUNCTION void float_tanh(ptrdiff_t count, const float *input, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) {
        output[i] = 2.0f * sigmoid(2.0f * input[i]) - 1.0f;
    }
}

CK_FUNCTION void float_leaky_relu(
    ptrdiff_t count, const float *input, float alpha, float *output) {
    for (ptrdiff_t i = 0; i < count; i++) {
        output[i] = input[i] > 0.0f ? input[i] : alpha * input[i];
    }
}

CK_FUNCTION void lookup_gradient(
    ptrdiff_t count, const uint8_t *input, const float *slopes, const float *gradient,
    float *input_gradient) {
    for (ptrdiff_t i = 0; i < count; i++) input_gradient[i] = gradient[i] * slopes[input[i]];
}
