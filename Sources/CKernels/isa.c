// SPDX-License-Identifier: Apache-2.0

// Run-time choice of the instruction set, and the public entry points that go through its table.
#include "isa.h"

#include <assert.h>

/// Most tables one architecture has.
#define CK_ISA_LIMIT 3

/// What this processor runs, fastest first; the portable table is always the last.
static int available(const ck_isa *tables[CK_ISA_LIMIT]) {
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vnni")) {
        tables[count++] = &ck_table_avx512;
    }
    if (has_avx2) tables[count++] = &ck_table_avx2;
#elif defined(__AARCH64EL__)
    tables[count++] = &ck_table_neon;
#endif
    tables[count++] = &ck_table_portable;
    return count;
}

const ck_isa *ck_isa_available(int index) {
    const ck_isa *tables[CK_ISA_LIMIT];
    int count = available(tables);
    return index >= 0 && index < count ? tables[index] : NULL;
}

const ck_isa *ck_isa_portable(void) { return &ck_table_portable; }

const ck_isa *ck_isa_best(void) { return ck_isa_available(0); }

const char *ck_isa_name(const ck_isa *isa) { return isa->name; }

void ck_float_convolution_run(
    const ck_isa *isa, const ck_float_convolution *convolution, const float *input, float *output,
    const ck_statistics *statistics, void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    isa->float_convolution(convolution, input, output, statistics, scratch);
}

void ck_float_pair_run(
    const ck_isa *isa, const ck_float_convolution *pointwise,
    const ck_float_convolution *depthwise, const float *input, float *output,
    const ck_statistics statistics[2], void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    isa->float_pair(pointwise, depthwise, input, output, statistics, scratch);
}

void ck_integer_convolution_accumulate(
    const ck_integer_convolution *convolution, const uint8_t *input, ptrdiff_t first, ptrdiff_t end,
    int32_t *accumulators, void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    convolution->isa->integer_accumulate(convolution, input, first, end, accumulators, scratch);
}

void ck_integer_convolution_run(
    const ck_integer_convolution *convolution, const uint8_t *input, uint8_t *output,
    const int32_t *bias, const float *multipliers, ck_target target, const ck_pass *pass,
    void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    convolution->isa->integer_run(
        convolution, input, output, bias, multipliers, target, pass, scratch);
}

void ck_requantize(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    const int32_t *bias, const float *multipliers, ck_target target, uint8_t *output) {
    isa->requantize(
        pixels, channels, accumulators, channels, bias, multipliers, target, output, channels);
}

void ck_dequantize_accumulators(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    const int32_t *bias, const float *scales, float *output) {
    isa->dequantize_accumulators(pixels, channels, accumulators, bias, scales, output);
}

void ck_quantize(
    const ck_isa *isa, ptrdiff_t count, const float *input, float scale, int32_t zero_point,
    uint8_t *output) {
    isa->quantize(count, input, scale, zero_point, output);
}

void ck_dequantize(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *input, float scale, int32_t zero_point,
    float *output) {
    isa->dequantize(count, input, scale, zero_point, output);
}

void ck_float_add(
    const ck_isa *isa, ptrdiff_t count, const float *a, const float *b, ck_clamp clamp,
    float *output) {
    isa->float_add(count, a, b, clamp, output);
}

void ck_float_clamp(
    const ck_isa *isa, ptrdiff_t count, const float *input, ck_clamp clamp, float *output) {
    isa->float_clamp(count, input, clamp, output);
}

void ck_float_max_pool(
    const ck_isa *isa, const ck_geometry *geometry, const float *input, float *output) {
    isa->float_max_pool(geometry, input, output);
}

void ck_float_average_pool(
    const ck_isa *isa, const ck_geometry *geometry, int count_include_pad, const float *input,
    float *output) {
    isa->float_average_pool(geometry, count_include_pad, input, output);
}

void ck_float_global_average_pool(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *input, float *output) {
    isa->float_global_average_pool(pixels, channels, input, output);
}

void ck_integer_add(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *a, float scale_a, int32_t zero_point_a,
    const uint8_t *b, float scale_b, int32_t zero_point_b, float scale, ck_target target,
    uint8_t *output) {
    isa->integer_add(
        count, a, scale_a, zero_point_a, b, scale_b, zero_point_b, scale, target, output);
}

void ck_integer_max_pool(
    const ck_isa *isa, const ck_geometry *geometry, const uint8_t *input, uint8_t *output) {
    isa->integer_max_pool(geometry, input, output);
}

void ck_integer_average_pool(
    const ck_isa *isa, const ck_geometry *geometry, int count_include_pad, const uint8_t *input,
    float input_scale, int32_t input_zero_point, float scale, ck_target target, uint8_t *output) {
    isa->integer_average_pool(
        geometry, count_include_pad, input, input_scale, input_zero_point, scale, target,
        (ck_clamp){0}, output, NULL);
}

void ck_integer_global_average_pool(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *input,
    float input_scale, int32_t input_zero_point, float scale, ck_target target, uint8_t *output) {
    isa->integer_global_average_pool(
        pixels, channels, input, input_scale, input_zero_point, scale, target, output);
}

void ck_lookup(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *input, const uint8_t table[256],
    uint8_t *output) {
    isa->lookup(count, input, table, output);
}

void ck_float_statistics(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, float *values, ck_clamp clamp,
    ck_statistics statistics) {
    isa->float_statistics(pixels, channels, values, clamp, statistics);
}

void ck_accumulator_sums(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    int64_t *sums) {
    isa->accumulator_sums(pixels, channels, accumulators, sums);
}

void ck_byte_sums(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *values,
    int64_t *sums) {
    isa->byte_sums(pixels, channels, values, sums);
}

void ck_correction_sums(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    ck_correction correction) {
    isa->correction_sums(pixels, channels, accumulators, correction);
}

void ck_error_statistics(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *reference,
    const uint8_t *values, float scale, int32_t zero_point, double *sums, double *squares) {
    isa->error_statistics(pixels, channels, reference, values, scale, zero_point, sums, squares);
}

void ck_accumulator_mask(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    const int32_t *bias, ck_pass pass) {
    isa->accumulator_mask(pixels, channels, accumulators, bias, pass);
}

void ck_integer_add_masked(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a,
    int32_t zero_point_a, const uint8_t *b, float scale_b, int32_t zero_point_b, float scale,
    ck_target target, ck_clamp clamp, uint8_t *output, uint8_t *mask) {
    isa->integer_add_masked(
        pixels, channels, a, scale_a, zero_point_a, b, scale_b, zero_point_b, scale, target,
        clamp, output, mask);
}

void ck_integer_max_pool_indexed(
    const ck_isa *isa, const ck_geometry *geometry, const uint8_t *input, uint8_t *output,
    uint16_t *indices) {
    assert(geometry->kernel_height * geometry->kernel_width < UINT16_MAX);
    isa->integer_max_pool_indexed(geometry, input, output, indices);
}

void ck_integer_average_pool_masked(
    const ck_isa *isa, const ck_geometry *geometry, int count_include_pad, const uint8_t *input,
    float input_scale, int32_t input_zero_point, float scale, ck_target target, ck_clamp clamp,
    uint8_t *output, uint8_t *mask) {
    isa->integer_average_pool(
        geometry, count_include_pad, input, input_scale, input_zero_point, scale, target, clamp,
        output, mask);
}

void ck_lookup_mask(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *input,
    const uint8_t table[256], uint8_t *mask) {
    isa->lookup_mask(pixels, channels, input, table, mask);
}

void ck_mask_gradient(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *mask, float *gradient,
    double *sums) {
    isa->mask_gradient(pixels, channels, mask, gradient, sums);
}

void ck_max_pool_gradient(
    const ck_isa *isa, const ck_geometry *geometry, const uint16_t *indices,
    const float *gradient, float *input_gradient) {
    isa->max_pool_gradient(geometry, indices, gradient, input_gradient);
}

void ck_average_pool_gradient(
    const ck_isa *isa, const ck_geometry *geometry, int count_include_pad, const float *gradient,
    float *input_gradient) {
    isa->average_pool_gradient(geometry, count_include_pad, gradient, input_gradient);
}

void ck_global_average_pool_gradient(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *gradient,
    float *input_gradient) {
    isa->global_average_pool_gradient(pixels, channels, gradient, input_gradient);
}

void ck_float_hard_sigmoid(
    const ck_isa *isa, ptrdiff_t count, const float *input, float alpha, float beta,
    float *output) {
    isa->float_hard_sigmoid(count, input, alpha, beta, output);
}

void ck_float_hard_swish(
    const ck_isa *isa, ptrdiff_t count, const float *input, float *output) {
    isa->float_hard_swish(count, input, output);
}

void ck_float_multiply(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *a, const float *b,
    ptrdiff_t step_b, ck_clamp clamp, float *output) {
    isa->float_multiply(pixels, channels, a, b, step_b, clamp, output);
}

void ck_float_lrn(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, ck_lrn lrn, const float *input,
    float *output) {
    assert(lrn.size % 2 == 1);
    isa->float_lrn(pixels, channels, lrn, input, output);
}

void ck_integer_multiply(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a,
    int32_t zero_point_a, const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b,
    float scale, ck_target target, uint8_t *output) {
    isa->integer_multiply(
        pixels, channels, a, scale_a, zero_point_a, b, scale_b, zero_point_b, step_b, scale,
        target, (ck_clamp){0}, output, NULL);
}

void ck_integer_multiply_masked(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a,
    int32_t zero_point_a, const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b,
    float scale, ck_target target, ck_clamp clamp, uint8_t *output, uint8_t *mask) {
    isa->integer_multiply(
        pixels, channels, a, scale_a, zero_point_a, b, scale_b, zero_point_b, step_b, scale,
        target, clamp, output, mask);
}

void ck_lookup_gradient(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *input, const float slopes[256],
    const float *gradient, float *input_gradient) {
    isa->lookup_gradient(count, input, slopes, gradient, input_gradient);
}

void ck_multiply_gradient(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *gradient,
    const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b,
    float *input_gradient) {
    isa->multiply_gradient(
        pixels, channels, gradient, b, scale_b, zero_point_b, step_b, input_gradient);
}

void ck_multiply_gradient_sum(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *gradient,
    const uint8_t *a, float scale_a, int32_t zero_point_a, float *input_gradient) {
    isa->multiply_gradient_sum(
        pixels, channels, gradient, a, scale_a, zero_point_a, input_gradient);
}

void ck_lrn_gradient(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, ck_lrn lrn, const float *input,
    const float *gradient, float *input_gradient, double *scratch) {
    isa->lrn_gradient(pixels, channels, lrn, input, gradient, input_gradient, scratch);
}

void ck_quantize_mask(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *input, float scale,
    int32_t zero_point, ck_clamp clamp, uint8_t *mask) {
    isa->quantize_mask(pixels, channels, input, scale, zero_point, clamp, mask);
}

double ck_float_peak(const ck_isa *isa, ptrdiff_t rounds, float *rest) {
    return isa->float_peak(rounds, rest);
}

double ck_integer_peak(const ck_isa *isa, ptrdiff_t rounds, int32_t *rest) {
    return isa->integer_peak(rounds, rest);
}
