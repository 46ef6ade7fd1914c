// SPDX-License-Identifier: Apache-2.0

// Compute kernels of both executors. See ../README.md for layout, order and rounding rules.
//
// All functions are re-entrant, allocate nothing and keep no state. Sizes are checked by the Swift
// wrappers; here they are asserted. Activations are NHWC, one image per call.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

/// Function table of one instruction set; immutable, statically allocated.
typedef struct ck_isa ck_isa;

/// Plain C, available everywhere.
const ck_isa *ck_isa_portable(void);
/// The tables this processor runs, fastest first, portable last; NULL behind the last.
const ck_isa *ck_isa_available(int index);
/// The fastest of them.
const ck_isa *ck_isa_best(void);
/// "portable", "avx2" or "avx512".
const char *ck_isa_name(const ck_isa *isa);

/// Sliding window over an NHWC image. Pads beyond the last row and column follow from the output
/// extent. Pooling reads `input_channels` only.
typedef struct ck_geometry {
    ptrdiff_t input_height, input_width, input_channels;
    ptrdiff_t output_height, output_width, output_channels;
    ptrdiff_t kernel_height, kernel_width;
    ptrdiff_t stride_height, stride_width;
    ptrdiff_t dilation_height, dilation_width;
    ptrdiff_t pad_top, pad_left;
    ptrdiff_t groups;
} ck_geometry;

/// Bounds of a float result: `v > lower ? v : lower`, then `v < upper ? v : upper`, each if
/// present.
typedef struct ck_clamp {
    float lower, upper;
    int has_lower, has_upper;
} ck_clamp;

/// Output quantization of an integer kernel; 0 <= lower <= upper <= 255.
typedef struct ck_target {
    int32_t zero_point, lower, upper;
} ck_target;

/// Where a gradient passes a convolution's output: `low <= accumulator + bias <= high` (the sum
/// wraps), per output channel. Masks hold one bit per element: `(channels + 7) / 8` bytes per
/// pixel, channel c at bit c % 8 of byte c / 8; the bits behind the last channel are 0.
typedef struct ck_pass {
    const int32_t *low, *high;
    uint8_t *mask;
} ck_pass;

/// Local response normalization (ONNX LRN): size odd, alpha >= 0, bias > 0.
typedef struct ck_lrn {
    ptrdiff_t size;
    float alpha, beta, bias;
} ck_lrn;

/// Per channel, where statistics are added: see `ck_float_statistics`.
typedef struct ck_statistics {
    /// Sums before and after the clamp; squares after it.
    double *pre, *post, *squares;
    /// Extrema after the clamp.
    float *low, *high;
} ck_statistics;

/// What `ck_correction_sums` needs and adds to, per channel.
typedef struct ck_correction {
    const int32_t *bias, *raised_bias;
    const float *multipliers;
    ck_target target;
    int64_t *sums, *outputs, *raised_outputs;
} ck_correction;

// Convolution with weights packed once.

typedef struct ck_float_convolution ck_float_convolution;
typedef struct ck_integer_convolution ck_integer_convolution;

/// `weights`: [output_channels][kernel_height][kernel_width][input_channels / groups]; `bias`: one
/// per output channel. NULL if memory is short.
ck_float_convolution *ck_float_convolution_create(
    const ck_geometry *geometry, const float *weights, const float *bias, ck_clamp clamp);
void ck_float_convolution_destroy(ck_float_convolution *convolution);
size_t ck_float_convolution_scratch(const ck_float_convolution *convolution);
/// Adds the output's statistics to `statistics`, unless NULL. `scratch` is 64-byte aligned.
void ck_float_convolution_run(
    const ck_isa *isa, const ck_float_convolution *convolution, const float *input, float *output,
    const ck_statistics *statistics, void *scratch);

/// A pointwise convolution and the depthwise one that reads its output: the same result as one
/// after the other, a band of rows at a time, so that what lies between them stays in the cache. 0
/// for others.
int ck_float_pair_exists(
    const ck_float_convolution *pointwise, const ck_float_convolution *depthwise);
/// Whether what lies between them is larger than a common second-level cache.
int ck_float_pair_is_faster(const ck_float_convolution *depthwise);
size_t ck_float_pair_scratch(const ck_float_convolution *depthwise);
/// `statistics`: those of the first and of the second, or NULL. `scratch` is 64-byte aligned.
void ck_float_pair_run(
    const ck_isa *isa, const ck_float_convolution *pointwise,
    const ck_float_convolution *depthwise, const float *input, float *output,
    const ck_statistics statistics[2], void *scratch);

/// `weights` as above, zero point subtracted, each in [-255, 255]; packed for `isa`, which runs
/// it.
ck_integer_convolution *ck_integer_convolution_create(
    const ck_isa *isa, const ck_geometry *geometry, const int16_t *weights,
    uint8_t input_zero_point);
void ck_integer_convolution_destroy(ck_integer_convolution *convolution);
size_t ck_integer_convolution_scratch(const ck_integer_convolution *convolution);
/// Exact sums of (x - zero point) * w of output rows [first, end); padding contributes 0.
void ck_integer_convolution_accumulate(
    const ck_integer_convolution *convolution, const uint8_t *input, ptrdiff_t first, ptrdiff_t end,
    int32_t *accumulators, void *scratch);
/// The same of all rows, then `ck_requantize`; writes `pass->mask` unless `pass` is NULL.
void ck_integer_convolution_run(
    const ck_integer_convolution *convolution, const uint8_t *input, uint8_t *output,
    const int32_t *bias, const float *multipliers, ck_target target, const ck_pass *pass,
    void *scratch);

// Between number formats.

/// clamp(rint((float)(accumulator + bias) * multiplier) + zero_point, lower, upper), ties to even.
void ck_requantize(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    const int32_t *bias, const float *multipliers, ck_target target, uint8_t *output);
/// (float)(accumulator + bias) * scale.
void ck_dequantize_accumulators(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    const int32_t *bias, const float *scales, float *output);
/// clamp(rint(x / scale) + zero_point, 0, 255), ties to even; NaN gives 0.
void ck_quantize(
    const ck_isa *isa, ptrdiff_t count, const float *input, float scale, int32_t zero_point,
    uint8_t *output);
/// (float)(q - zero_point) * scale.
void ck_dequantize(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *input, float scale, int32_t zero_point,
    float *output);

// Float operators.

void ck_float_add(
    const ck_isa *isa, ptrdiff_t count, const float *a, const float *b, ck_clamp clamp,
    float *output);
void ck_float_clamp(
    const ck_isa *isa, ptrdiff_t count, const float *input, ck_clamp clamp, float *output);
void ck_float_max_pool(
    const ck_isa *isa, const ck_geometry *geometry, const float *input, float *output);
void ck_float_average_pool(
    const ck_isa *isa, const ck_geometry *geometry, int count_include_pad, const float *input,
    float *output);
void ck_float_global_average_pool(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *input, float *output);

/// max(0, min(1, alpha * x + beta)), product and sum rounded apart.
void ck_float_hard_sigmoid(
    const ck_isa *isa, ptrdiff_t count, const float *input, float alpha, float beta,
    float *output);
/// x * hard_sigmoid(x, 1 / 6, 1 / 2)
void ck_float_hard_swish(
    const ck_isa *isa, ptrdiff_t count, const float *input, float *output);
/// a * b; `step_b` is `channels`, or 0 where one pixel of b serves all.
void ck_float_multiply(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *a, const float *b,
    ptrdiff_t step_b, ck_clamp clamp, float *output);
/// x * (bias + alpha / size * sum)^-beta in Double, rounded once; `sum` of x * x over the
/// channels within size / 2 of each, in order.
void ck_float_lrn(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, ck_lrn lrn, const float *input,
    float *output);

// Integer operators.

/// rint(fma(a, ra, fma(b, rb, zero_point - fma(ra, za, rb * zb)))), saturated; ra = scale_a /
/// scale, rb likewise.
void ck_integer_add(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *a, float scale_a, int32_t zero_point_a,
    const uint8_t *b, float scale_b, int32_t zero_point_b, float scale, ck_target target,
    uint8_t *output);
/// rint((float)((a - za) * (b - zb)) * (scale_a * scale_b / scale) + zero_point), saturated;
/// `step_b` as in `ck_float_multiply`.
void ck_integer_multiply(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a,
    int32_t zero_point_a, const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b,
    float scale, ck_target target, uint8_t *output);
void ck_integer_max_pool(
    const ck_isa *isa, const ck_geometry *geometry, const uint8_t *input, uint8_t *output);
/// rint(sum of (float)(x - zx) * sx in order / count / scale + zero_point), saturated.
void ck_integer_average_pool(
    const ck_isa *isa, const ck_geometry *geometry, int count_include_pad, const uint8_t *input,
    float input_scale, int32_t input_zero_point, float scale, ck_target target, uint8_t *output);
/// rint((float)(sum of (x - zx)) * (sx / (scale * pixels))) + zero_point, saturated.
void ck_integer_global_average_pool(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *input,
    float input_scale, int32_t input_zero_point, float scale, ck_target target, uint8_t *output);
/// output[i] = table[input[i]]
void ck_lookup(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *input, const uint8_t table[256],
    uint8_t *output);

// Operators that keep what the backward pass needs; outputs as above.

/// The mask alone, for outputs that stay float.
void ck_accumulator_mask(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    const int32_t *bias, ck_pass pass);
/// Passes where the value before rounding rounds into [0, 255] and (float)(a - zero_point_a) *
/// scale_a + (float)(b - zero_point_b) * scale_b lies strictly inside `clamp`.
void ck_integer_add_masked(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a,
    int32_t zero_point_a, const uint8_t *b, float scale_b, int32_t zero_point_b, float scale,
    ck_target target, ck_clamp clamp, uint8_t *output, uint8_t *mask);
/// Passes where the value before rounding rounds into [0, 255] and (float)((a - za) * (b - zb)) *
/// (scale_a * scale_b) lies strictly inside `clamp`.
void ck_integer_multiply_masked(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a,
    int32_t zero_point_a, const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b,
    float scale, ck_target target, ck_clamp clamp, uint8_t *output, uint8_t *mask);
/// `indices`: row * kernel_width + column of the first tap that holds the maximum; 0xFFFF where a
/// window lies in padding. Kernels have fewer than 65,535 taps.
void ck_integer_max_pool_indexed(
    const ck_isa *isa, const ck_geometry *geometry, const uint8_t *input, uint8_t *output,
    uint16_t *indices);
/// Passes where the value before rounding rounds into [0, 255] and sum / count lies strictly inside
/// `clamp`.
void ck_integer_average_pool_masked(
    const ck_isa *isa, const ck_geometry *geometry, int count_include_pad, const uint8_t *input,
    float input_scale, int32_t input_zero_point, float scale, ck_target target, ck_clamp clamp,
    uint8_t *output, uint8_t *mask);
/// Passes where table[input] is 1; entries are 0 or 1.
void ck_lookup_mask(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *input,
    const uint8_t table[256], uint8_t *mask);
/// Of `ck_quantize`: passes where rint(x / scale) + zero_point lies in [0, 255] and x strictly
/// inside `clamp`.
void ck_quantize_mask(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *input, float scale,
    int32_t zero_point, ck_clamp clamp, uint8_t *mask);

// Gradients.

/// Sets elements whose bit is 0 to +0, in place; adds the others to `sums`, per channel, pixels in
/// order. `mask` or `sums` may be NULL: everything passes; nothing is summed.
void ck_mask_gradient(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *mask, float *gradient,
    double *sums);
/// Of a pool's input: from +0, the gradients of all windows that chose the element, in order.
void ck_max_pool_gradient(
    const ck_isa *isa, const ck_geometry *geometry, const uint16_t *indices,
    const float *gradient, float *input_gradient);
/// From +0, gradient / count of all windows that hold the element, in order.
void ck_average_pool_gradient(
    const ck_isa *isa, const ck_geometry *geometry, int count_include_pad, const float *gradient,
    float *input_gradient);
/// gradient / pixels.
void ck_global_average_pool_gradient(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *gradient,
    float *input_gradient);

/// gradient * slopes[input]
void ck_lookup_gradient(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *input, const float slopes[256],
    const float *gradient, float *input_gradient);
/// gradient * ((float)(b - zero_point_b) * scale_b); `step_b` as in `ck_float_multiply`.
void ck_multiply_gradient(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *gradient,
    const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b,
    float *input_gradient);
/// Of one pixel that serves all: from +0, fma(gradient, (float)(a - zero_point_a) * scale_a, sum)
/// of all pixels in order.
void ck_multiply_gradient_sum(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *gradient,
    const uint8_t *a, float scale_a, int32_t zero_point_a, float *input_gradient);
/// With base and power p = base^-beta of `ck_float_lrn`: (float)(g * p), minus 2 * alpha * beta /
/// size * x * sum, rounded; `sum` of g * p * x / base over the channels that have this one around
/// them, in order. In Double; `scratch` holds `channels` numbers.
void ck_lrn_gradient(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, ck_lrn lrn, const float *input,
    const float *gradient, float *input_gradient, double *scratch);

// Statistics per channel; pixels in order, sums continue from what the buffers hold.

/// Adds x to `pre`; clamps x in place; adds it to `post`, its square to `squares`, and widens [low,
/// high].
void ck_float_statistics(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, float *values, ck_clamp clamp,
    ck_statistics statistics);
void ck_accumulator_sums(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    int64_t *sums);
void ck_byte_sums(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *values, int64_t *sums);
/// Adds accumulators, and the bytes that `ck_requantize` makes of them with either bias.
void ck_correction_sums(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    ck_correction correction);
/// e = (double)((float)(q - zero_point) * scale) - (double)x
void ck_error_statistics(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *reference,
    const uint8_t *values, float scale, int32_t zero_point, double *sums, double *squares);

// For benchmarks.

/// `rounds` steps of the kernels' arithmetic in registers alone, as fast as the processor goes:
/// what no kernel of this table can exceed. Returns the operations done, two per multiplication and
/// addition.
double ck_float_peak(const ck_isa *isa, ptrdiff_t rounds, float *rest);
double ck_integer_peak(const ck_isa *isa, ptrdiff_t rounds, int32_t *rest);

#if defined(__cplusplus)
}
#endif
