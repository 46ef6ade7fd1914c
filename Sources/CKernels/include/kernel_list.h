// SPDX-License-Identifier: Apache-2.0

// Every kernel: its documentation and its signature, which stand nowhere else. CKernels.h makes the
// declarations of this list, isa.h the function table, bodies/table.h the members of a table, isa.c
// the entry points; so it is included several times. Before that, define
//
//     CK_KERNEL(result, name, parameters, arguments)
//         for `result ck_name(const ck_isa *isa, parameters)`
//     CK_PACKED_KERNEL(result, name, parameters, arguments)
//         for `result ck_name(parameters)`; the first of them is a convolution that was packed for
//         one instruction set, which runs it. Left out, it is CK_KERNEL.
//
// `arguments` are the names of `parameters`: with them, an entry point calls `name` of a table. The
// bodies of each instruction set hold a function of that name and of these parameters.

#ifndef CK_PACKED_KERNEL
#define CK_PACKED_KERNEL CK_KERNEL
#endif

// Convolution with weights packed once.

/// Adds the output's statistics to `statistics`, unless NULL. `scratch` is 64-byte aligned.
CK_KERNEL(
    void, float_convolution_run,
    (const ck_float_convolution *convolution, const float *input, float *output,
     const ck_statistics *statistics, void *scratch),
    (convolution, input, output, statistics, scratch))

/// `statistics`: those of the first and of the second, or NULL. `scratch` is 64-byte aligned.
CK_KERNEL(
    void, float_pair_run,
    (const ck_float_convolution *pointwise, const ck_float_convolution *depthwise,
     const float *input, float *output, const ck_statistics statistics[2], void *scratch),
    (pointwise, depthwise, input, output, statistics, scratch))

/// Bytes that `scratch` of the next two must have; it is 64-byte aligned.
CK_PACKED_KERNEL(
    size_t, integer_convolution_scratch,
    (const ck_integer_convolution *convolution),
    (convolution))

/// Exact sums of (x - zero point) * w of output rows [first, end); padding contributes 0.
CK_PACKED_KERNEL(
    void, integer_convolution_accumulate,
    (const ck_integer_convolution *convolution, const uint8_t *input, ptrdiff_t first,
     ptrdiff_t end, int32_t *accumulators, void *scratch),
    (convolution, input, first, end, accumulators, scratch))

/// The same of all rows, then `ck_requantize`; writes `pass->mask` unless `pass` is NULL.
CK_PACKED_KERNEL(
    void, integer_convolution_run,
    (const ck_integer_convolution *convolution, const uint8_t *input, uint8_t *output,
     const int32_t *bias, const float *multipliers, ck_target target, const ck_pass *pass,
     void *scratch),
    (convolution, input, output, bias, multipliers, target, pass, scratch))

// Between number formats.

/// clamp(rint((float)(accumulator + bias) * multiplier) + zero_point, lower, upper), ties to even.
CK_KERNEL(
    void, requantize,
    (ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, const int32_t *bias,
     const float *multipliers, ck_target target, uint8_t *output),
    (pixels, channels, accumulators, bias, multipliers, target, output))

/// (float)(accumulator + bias) * scale.
CK_KERNEL(
    void, dequantize_accumulators,
    (ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, const int32_t *bias,
     const float *scales, float *output),
    (pixels, channels, accumulators, bias, scales, output))

/// clamp(rint(x / scale) + zero_point, 0, 255), ties to even; NaN gives 0.
CK_KERNEL(
    void, quantize,
    (ptrdiff_t count, const float *input, float scale, int32_t zero_point, uint8_t *output),
    (count, input, scale, zero_point, output))

/// (float)(q - zero_point) * scale.
CK_KERNEL(
    void, dequantize,
    (ptrdiff_t count, const uint8_t *input, float scale, int32_t zero_point, float *output),
    (count, input, scale, zero_point, output))

// Float operators.

/// clamp(a + b).
CK_KERNEL(
    void, float_add,
    (ptrdiff_t count, const float *a, const float *b, ck_clamp clamp, float *output),
    (count, a, b, clamp, output))

/// clamp(x).
CK_KERNEL(
    void, float_clamp,
    (ptrdiff_t count, const float *input, ck_clamp clamp, float *output),
    (count, input, clamp, output))

/// The maximum of each window from -infinity on; a NaN is passed over.
CK_KERNEL(
    void, float_max_pool,
    (const ck_geometry *geometry, const float *input, float *output),
    (geometry, input, output))

/// The sum of each window from +0 on, in order, / count: of its elements inside the input, or of
/// the whole kernel.
CK_KERNEL(
    void, float_average_pool,
    (const ck_geometry *geometry, int count_include_pad, const float *input, float *output),
    (geometry, count_include_pad, input, output))

/// The sum of all pixels from +0 on, in order, / pixels.
CK_KERNEL(
    void, float_global_average_pool,
    (ptrdiff_t pixels, ptrdiff_t channels, const float *input, float *output),
    (pixels, channels, input, output))

/// max(0, min(1, alpha * x + beta)), product and sum rounded apart.
CK_KERNEL(
    void, float_hard_sigmoid,
    (ptrdiff_t count, const float *input, float alpha, float beta, float *output),
    (count, input, alpha, beta, output))

/// x * hard_sigmoid(x, 1 / 6, 1 / 2)
CK_KERNEL(
    void, float_hard_swish,
    (ptrdiff_t count, const float *input, float *output),
    (count, input, output))

/// 1 / (1 + e^-x), the exponential of a polynomial in fused steps; NaN gives 1.
CK_KERNEL(
    void, float_sigmoid,
    (ptrdiff_t count, const float *input, float *output),
    (count, input, output))

/// x * sigmoid(x)
CK_KERNEL(
    void, float_silu,
    (ptrdiff_t count, const float *input, float *output),
    (count, input, output))

/// 2 * sigmoid(2 * x) - 1
CK_KERNEL(
    void, float_tanh,
    (ptrdiff_t count, const float *input, float *output),
    (count, input, output))

/// x from 0 on, alpha * x below.
CK_KERNEL(
    void, float_leaky_relu,
    (ptrdiff_t count, const float *input, float alpha, float *output),
    (count, input, alpha, output))

/// a * b; `step_b` is `channels`, or 0 where one pixel of b serves all.
CK_KERNEL(
    void, float_multiply,
    (ptrdiff_t pixels, ptrdiff_t channels, const float *a, const float *b, ptrdiff_t step_b,
     ck_clamp clamp, float *output),
    (pixels, channels, a, b, step_b, clamp, output))

/// x * (bias + alpha / size * sum)^-beta in Double, rounded once; `sum` of x * x over the
/// channels within size / 2 of each, in order.
CK_KERNEL(
    void, float_lrn,
    (ptrdiff_t pixels, ptrdiff_t channels, ck_lrn lrn, const float *input, float *output),
    (pixels, channels, lrn, input, output))

// Integer operators.

/// rint(fma(a, ra, fma(b, rb, zero_point - fma(ra, za, rb * zb)))), saturated; ra = scale_a /
/// scale, rb likewise.
CK_KERNEL(
    void, integer_add,
    (ptrdiff_t count, const uint8_t *a, float scale_a, int32_t zero_point_a, const uint8_t *b,
     float scale_b, int32_t zero_point_b, float scale, ck_target target, uint8_t *output),
    (count, a, scale_a, zero_point_a, b, scale_b, zero_point_b, scale, target, output))

/// rint((float)((a - za) * (b - zb)) * (scale_a * scale_b / scale) + zero_point), saturated;
/// `step_b` as in `ck_float_multiply`.
CK_KERNEL(
    void, integer_multiply,
    (ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a, int32_t zero_point_a,
     const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b, float scale,
     ck_target target, uint8_t *output),
    (pixels, channels, a, scale_a, zero_point_a, b, scale_b, zero_point_b, step_b, scale, target,
     output))

/// The maximum of each window from 0 on.
CK_KERNEL(
    void, integer_max_pool,
    (const ck_geometry *geometry, const uint8_t *input, uint8_t *output),
    (geometry, input, output))

/// rint(sum of (float)(x - zx) * sx in order / count / scale + zero_point), saturated.
CK_KERNEL(
    void, integer_average_pool,
    (const ck_geometry *geometry, int count_include_pad, const uint8_t *input, float input_scale,
     int32_t input_zero_point, float scale, ck_target target, uint8_t *output),
    (geometry, count_include_pad, input, input_scale, input_zero_point, scale, target, output))

/// rint((float)(sum of (x - zx)) * (sx / (scale * pixels))) + zero_point, saturated.
CK_KERNEL(
    void, integer_global_average_pool,
    (ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *input, float input_scale,
     int32_t input_zero_point, float scale, ck_target target, uint8_t *output),
    (pixels, channels, input, input_scale, input_zero_point, scale, target, output))

/// output[i] = table[input[i]]
CK_KERNEL(
    void, lookup,
    (ptrdiff_t count, const uint8_t *input, const uint8_t table[256], uint8_t *output),
    (count, input, table, output))

// Operators that keep what the backward pass needs; outputs as above.

/// The mask alone, for outputs that stay float.
CK_KERNEL(
    void, accumulator_mask,
    (ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, const int32_t *bias,
     ck_pass pass),
    (pixels, channels, accumulators, bias, pass))

/// Passes where the value before rounding rounds into [0, 255] and (float)(a - zero_point_a) *
/// scale_a + (float)(b - zero_point_b) * scale_b lies strictly inside `clamp`.
CK_KERNEL(
    void, integer_add_masked,
    (ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a, int32_t zero_point_a,
     const uint8_t *b, float scale_b, int32_t zero_point_b, float scale, ck_target target,
     ck_clamp clamp, uint8_t *output, uint8_t *mask),
    (pixels, channels, a, scale_a, zero_point_a, b, scale_b, zero_point_b, scale, target, clamp,
     output, mask))

/// Passes where the value before rounding rounds into [0, 255] and (float)((a - za) * (b - zb)) *
/// (scale_a * scale_b) lies strictly inside `clamp`.
CK_KERNEL(
    void, integer_multiply_masked,
    (ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *a, float scale_a, int32_t zero_point_a,
     const uint8_t *b, float scale_b, int32_t zero_point_b, ptrdiff_t step_b, float scale,
     ck_target target, ck_clamp clamp, uint8_t *output, uint8_t *mask),
    (pixels, channels, a, scale_a, zero_point_a, b, scale_b, zero_point_b, step_b, scale, target,
     clamp, output, mask))

/// `indices`: row * kernel_width + column of the first tap that holds the maximum; 0xFFFF where a
/// window lies in padding. Kernels have fewer than 65,535 taps.
CK_KERNEL(
    void, integer_max_pool_indexed,
    (const ck_geometry *geometry, const uint8_t *input, uint8_t *output, uint16_t *indices),
    (geometry, input, output, indices))

/// Passes where the value before rounding rounds into [0, 255] and sum / count lies strictly inside
/// `clamp`.
CK_KERNEL(
    void, integer_average_pool_masked,
    (const ck_geometry *geometry, int count_include_pad, const uint8_t *input, float input_scale,
     int32_t input_zero_point, float scale, ck_target target, ck_clamp clamp, uint8_t *output,
     uint8_t *mask),
    (geometry, count_include_pad, input, input_scale, input_zero_point, scale, target, clamp,
     output, mask))

/// Passes where table[input] is 1; entries are 0 or 1.
CK_KERNEL(
    void, lookup_mask,
    (ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *input, const uint8_t table[256],
     uint8_t *mask),
    (pixels, channels, input, table, mask))

/// Of `ck_quantize`: passes where rint(x / scale) + zero_point lies in [0, 255] and x strictly
/// inside `clamp`.
CK_KERNEL(
    void, quantize_mask,
    (ptrdiff_t pixels, ptrdiff_t channels, const float *input, float scale, int32_t zero_point,
     ck_clamp clamp, uint8_t *mask),
    (pixels, channels, input, scale, zero_point, clamp, mask))

// Gradients.

/// Sets elements whose bit is 0 to +0, in place; adds the others to `sums`, per channel, pixels in
/// order. `mask` or `sums` may be NULL: everything passes; nothing is summed.
CK_KERNEL(
    void, mask_gradient,
    (ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *mask, float *gradient, double *sums),
    (pixels, channels, mask, gradient, sums))

/// Of a pool's input: from +0, the gradients of all windows that chose the element, in order.
CK_KERNEL(
    void, max_pool_gradient,
    (const ck_geometry *geometry, const uint16_t *indices, const float *gradient,
     float *input_gradient),
    (geometry, indices, gradient, input_gradient))

/// From +0, gradient / count of all windows that hold the element, in order.
CK_KERNEL(
    void, average_pool_gradient,
    (const ck_geometry *geometry, int count_include_pad, const float *gradient,
     float *input_gradient),
    (geometry, count_include_pad, gradient, input_gradient))

/// gradient / pixels.
CK_KERNEL(
    void, global_average_pool_gradient,
    (ptrdiff_t pixels, ptrdiff_t channels, const float *gradient, float *input_gradient),
    (pixels, channels, gradient, input_gradient))

/// gradient * slopes[input]
CK_KERNEL(
    void, lookup_gradient,
    (ptrdiff_t count, const uint8_t *input, const float slopes[256], const float *gradient,
     float *input_gradient),
    (count, input, slopes, gradient, input_gradient))

/// gradient * ((float)(b - zero_point_b) * scale_b); `step_b` as in `ck_float_multiply`.
CK_KERNEL(
    void, multiply_gradient,
    (ptrdiff_t pixels, ptrdiff_t channels, const float *gradient, const uint8_t *b, float scale_b,
     int32_t zero_point_b, ptrdiff_t step_b, float *input_gradient),
    (pixels, channels, gradient, b, scale_b, zero_point_b, step_b, input_gradient))

/// Of one pixel that serves all: from +0, fma(gradient, (float)(a - zero_point_a) * scale_a, sum)
/// of all pixels in order.
CK_KERNEL(
    void, multiply_gradient_sum,
    (ptrdiff_t pixels, ptrdiff_t channels, const float *gradient, const uint8_t *a, float scale_a,
     int32_t zero_point_a, float *input_gradient),
    (pixels, channels, gradient, a, scale_a, zero_point_a, input_gradient))

/// With base and power p = base^-beta of `ck_float_lrn`: (float)(g * p), minus 2 * alpha * beta /
/// size * x * sum, rounded; `sum` of g * p * x / base over the channels that have this one around
/// them, in order. In Double; `scratch` holds `channels` numbers.
CK_KERNEL(
    void, lrn_gradient,
    (ptrdiff_t pixels, ptrdiff_t channels, ck_lrn lrn, const float *input, const float *gradient,
     float *input_gradient, double *scratch),
    (pixels, channels, lrn, input, gradient, input_gradient, scratch))

// Statistics per channel; pixels in order, sums continue from what the buffers hold.

/// Adds x to `pre`; clamps x in place; adds it to `post`, its square to `squares`, and widens [low,
/// high].
CK_KERNEL(
    void, float_statistics,
    (ptrdiff_t pixels, ptrdiff_t channels, float *values, ck_clamp clamp, ck_statistics statistics),
    (pixels, channels, values, clamp, statistics))

/// Adds accumulators.
CK_KERNEL(
    void, accumulator_sums,
    (ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, int64_t *sums),
    (pixels, channels, accumulators, sums))

/// Adds bytes.
CK_KERNEL(
    void, byte_sums,
    (ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *values, int64_t *sums),
    (pixels, channels, values, sums))

/// Adds accumulators, and the bytes that `ck_requantize` makes of them with either bias.
CK_KERNEL(
    void, correction_sums,
    (ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, ck_correction correction),
    (pixels, channels, accumulators, correction))

/// e = (double)((float)(q - zero_point) * scale) - (double)x
CK_KERNEL(
    void, error_statistics,
    (ptrdiff_t pixels, ptrdiff_t channels, const float *reference, const uint8_t *values,
     float scale, int32_t zero_point, double *sums, double *squares),
    (pixels, channels, reference, values, scale, zero_point, sums, squares))

// For benchmarks.

/// `rounds` steps of the kernels' arithmetic in registers alone, as fast as the processor goes:
/// what no kernel of this table can exceed. Returns the operations done, two per multiplication and
/// addition.
CK_KERNEL(
    double, float_peak,
    (ptrdiff_t rounds, float *rest),
    (rounds, rest))

/// The same of the integer kernels.
CK_KERNEL(
    double, integer_peak,
    (ptrdiff_t rounds, int32_t *rest),
    (rounds, rest))

#undef CK_KERNEL
#undef CK_PACKED_KERNEL
