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
/// The fastest table this processor runs.
const ck_isa *ck_isa_best(void);
/// The best, or the portable one if the environment variable COUNTERBIAS_ISA is "portable".
const ck_isa *ck_isa_default(void);
/// "portable" or "avx2".
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

// Convolution with weights packed once.

typedef struct ck_float_convolution ck_float_convolution;
typedef struct ck_integer_convolution ck_integer_convolution;

/// `weights`: [output_channels][kernel_height][kernel_width][input_channels / groups]; `bias`: one
/// per output channel. NULL if memory is short.
ck_float_convolution *ck_float_convolution_create(
    const ck_geometry *geometry, const float *weights, const float *bias, ck_clamp clamp);
void ck_float_convolution_destroy(ck_float_convolution *convolution);
size_t ck_float_convolution_scratch(const ck_float_convolution *convolution);
/// `clamped` 0 leaves the clamp out. `scratch` is 64-byte aligned.
void ck_float_convolution_run(
    const ck_isa *isa, const ck_float_convolution *convolution, int clamped, const float *input,
    float *output, void *scratch);

/// `weights` as above, zero point subtracted, each in [-255, 255].
ck_integer_convolution *ck_integer_convolution_create(
    const ck_geometry *geometry, const int16_t *weights, uint8_t input_zero_point);
void ck_integer_convolution_destroy(ck_integer_convolution *convolution);
size_t ck_integer_convolution_scratch(const ck_integer_convolution *convolution);
/// Exact sums of (x - zero point) * w; padding contributes 0.
void ck_integer_convolution_accumulate(
    const ck_isa *isa, const ck_integer_convolution *convolution, const uint8_t *input,
    int32_t *accumulators, void *scratch);
/// The same, then `ck_requantize`.
void ck_integer_convolution_run(
    const ck_isa *isa, const ck_integer_convolution *convolution, const uint8_t *input,
    uint8_t *output, const int32_t *bias, const float *multipliers, ck_target target,
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

// Integer operators.

/// rint(fma(a, ra, fma(b, rb, zero_point - fma(ra, za, rb * zb)))), saturated; ra = scale_a /
/// scale, rb likewise.
void ck_integer_add(
    const ck_isa *isa, ptrdiff_t count, const uint8_t *a, float scale_a, int32_t zero_point_a,
    const uint8_t *b, float scale_b, int32_t zero_point_b, float scale, ck_target target,
    uint8_t *output);
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

// Statistics per channel; pixels in order, sums continue from what the buffers hold.

/// Adds x to `sums_pre`; clamps x in place; adds it to `sums_post`, its square to `squares_post`,
/// and widens [min_post, max_post].
void ck_float_statistics(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, float *values, ck_clamp clamp,
    double *sums_pre, double *sums_post, double *squares_post, float *min_post, float *max_post);
void ck_accumulator_sums(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators,
    int64_t *sums);
void ck_byte_sums(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *values, int64_t *sums);
/// e = (double)((float)(q - zero_point) * scale) - (double)x
void ck_error_statistics(
    const ck_isa *isa, ptrdiff_t pixels, ptrdiff_t channels, const float *reference,
    const uint8_t *values, float scale, int32_t zero_point, double *sums, double *squares);

#if defined(__cplusplus)
}
#endif
