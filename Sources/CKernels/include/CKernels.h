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
/// "portable", "avx2", "avx512" or "neon".
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

// Convolutions with weights packed once: `ck_float_convolution_run`, `ck_float_pair_run`,
// `ck_integer_convolution_run`.

typedef struct ck_float_convolution ck_float_convolution;
typedef struct ck_integer_convolution ck_integer_convolution;

/// `weights`: [output_channels][kernel_height][kernel_width][input_channels / groups]; `bias`: one
/// per output channel. NULL if memory is short.
ck_float_convolution *ck_float_convolution_create(
    const ck_geometry *geometry, const float *weights, const float *bias, ck_clamp clamp);
void ck_float_convolution_destroy(ck_float_convolution *convolution);
/// Bytes that `scratch` of `ck_float_convolution_run` must have; it is 64-byte aligned.
size_t ck_float_convolution_scratch(const ck_float_convolution *convolution);

/// A pointwise convolution and the depthwise one that reads its output: the same result as one
/// after the other, a band of rows at a time, so that what lies between them stays in the cache. 0
/// for others.
int ck_float_pair_exists(
    const ck_float_convolution *pointwise, const ck_float_convolution *depthwise);
/// Whether what lies between them is larger than a common second-level cache.
int ck_float_pair_is_faster(const ck_float_convolution *depthwise);
/// Bytes that `scratch` of `ck_float_pair_run` must have; it is 64-byte aligned.
size_t ck_float_pair_scratch(const ck_float_convolution *depthwise);

/// `weights` as above, zero point subtracted, each in [-255, 255]; packed for `isa`, which runs
/// it.
ck_integer_convolution *ck_integer_convolution_create(
    const ck_isa *isa, const ck_geometry *geometry, const int16_t *weights,
    uint8_t input_zero_point);
void ck_integer_convolution_destroy(ck_integer_convolution *convolution);

// The kernels.

#define CK_DECLARED(...) (const ck_isa *isa, __VA_ARGS__)
#define CK_KERNEL(result, name, parameters, arguments) result ck_##name CK_DECLARED parameters;
#define CK_PACKED_KERNEL(result, name, parameters, arguments) result ck_##name parameters;
#include "kernel_list.h"
#undef CK_DECLARED

#if defined(__cplusplus)
}
#endif
