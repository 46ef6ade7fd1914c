// SPDX-License-Identifier: Apache-2.0

// The function table behind every public entry point, and what packed convolutions hold.
#pragma once

#include "include/CKernels.h"

/// Output channels per weight panel.
#define CK_PANEL 16

struct ck_isa {
    const char *name;
    void (*float_convolution)(
        const ck_float_convolution *, const float *, float *, const ck_statistics *, void *);
    void (*float_pair)(
        const ck_float_convolution *, const ck_float_convolution *, const float *, float *,
        const ck_statistics *, float *);
    /// Packs weights in the layout of this table's kernels; 0 if memory is short.
    int (*integer_pack)(ck_integer_convolution *, const int16_t *);
    size_t (*integer_scratch)(const ck_integer_convolution *);
    void (*integer_accumulate)(
        const ck_integer_convolution *, const uint8_t *, ptrdiff_t, ptrdiff_t, int32_t *, void *);
    void (*integer_run)(
        const ck_integer_convolution *, const uint8_t *, uint8_t *, const int32_t *, const float *,
        ck_target, const ck_pass *, void *);
    void (*requantize)(
        ptrdiff_t, ptrdiff_t, const int32_t *, ptrdiff_t, const int32_t *, const float *,
        ck_target, uint8_t *, ptrdiff_t);
    void (*dequantize_accumulators)(
        ptrdiff_t, ptrdiff_t, const int32_t *, const int32_t *, const float *, float *);
    void (*quantize)(ptrdiff_t, const float *, float, int32_t, uint8_t *);
    void (*dequantize)(ptrdiff_t, const uint8_t *, float, int32_t, float *);
    void (*float_add)(ptrdiff_t, const float *, const float *, ck_clamp, float *);
    void (*float_clamp)(ptrdiff_t, const float *, ck_clamp, float *);
    void (*float_max_pool)(const ck_geometry *, const float *, float *);
    void (*float_average_pool)(const ck_geometry *, int, const float *, float *);
    void (*float_global_average_pool)(ptrdiff_t, ptrdiff_t, const float *, float *);
    void (*integer_add)(
        ptrdiff_t, const uint8_t *, float, int32_t, const uint8_t *, float, int32_t, float,
        ck_target, uint8_t *);
    void (*integer_max_pool)(const ck_geometry *, const uint8_t *, uint8_t *);
    void (*integer_average_pool)(
        const ck_geometry *, int, const uint8_t *, float, int32_t, float, ck_target, ck_clamp,
        uint8_t *, uint8_t *);
    void (*integer_global_average_pool)(
        ptrdiff_t, ptrdiff_t, const uint8_t *, float, int32_t, float, ck_target, uint8_t *);
    void (*lookup)(ptrdiff_t, const uint8_t *, const uint8_t *, uint8_t *);
    void (*float_statistics)(ptrdiff_t, ptrdiff_t, float *, ck_clamp, ck_statistics);
    void (*accumulator_sums)(ptrdiff_t, ptrdiff_t, const int32_t *, int64_t *);
    void (*byte_sums)(ptrdiff_t, ptrdiff_t, const uint8_t *, int64_t *);
    void (*correction_sums)(ptrdiff_t, ptrdiff_t, const int32_t *, ck_correction);
    void (*error_statistics)(
        ptrdiff_t, ptrdiff_t, const float *, const uint8_t *, float, int32_t, double *, double *);
    void (*accumulator_mask)(
        ptrdiff_t, ptrdiff_t, const int32_t *, const int32_t *, ck_pass);
    void (*integer_add_masked)(
        ptrdiff_t, ptrdiff_t, const uint8_t *, float, int32_t, const uint8_t *, float, int32_t,
        float, ck_target, ck_clamp, uint8_t *, uint8_t *);
    void (*integer_max_pool_indexed)(const ck_geometry *, const uint8_t *, uint8_t *, uint16_t *);
    void (*lookup_mask)(ptrdiff_t, ptrdiff_t, const uint8_t *, const uint8_t *, uint8_t *);
    void (*mask_gradient)(ptrdiff_t, ptrdiff_t, const uint8_t *, float *, double *);
    void (*max_pool_gradient)(const ck_geometry *, const uint16_t *, const float *, float *);
    void (*average_pool_gradient)(const ck_geometry *, int, const float *, float *);
    void (*global_average_pool_gradient)(ptrdiff_t, ptrdiff_t, const float *, float *);
    void (*float_hard_sigmoid)(ptrdiff_t, const float *, float, float, float *);
    void (*float_hard_swish)(ptrdiff_t, const float *, float *);
    void (*float_multiply)(
        ptrdiff_t, ptrdiff_t, const float *, const float *, ptrdiff_t, ck_clamp, float *);
    void (*integer_multiply)(
        ptrdiff_t, ptrdiff_t, const uint8_t *, float, int32_t, const uint8_t *, float, int32_t,
        ptrdiff_t, float, ck_target, ck_clamp, uint8_t *, uint8_t *);
    void (*float_lrn)(ptrdiff_t, ptrdiff_t, ck_lrn, const float *, float *);
    void (*lookup_gradient)(
        ptrdiff_t, const uint8_t *, const float *, const float *, float *);
    void (*multiply_gradient)(
        ptrdiff_t, ptrdiff_t, const float *, const uint8_t *, float, int32_t, ptrdiff_t, float *);
    void (*multiply_gradient_sum)(
        ptrdiff_t, ptrdiff_t, const float *, const uint8_t *, float, int32_t, float *);
    void (*lrn_gradient)(
        ptrdiff_t, ptrdiff_t, ck_lrn, const float *, const float *, float *, double *);
    void (*quantize_mask)(
        ptrdiff_t, ptrdiff_t, const float *, float, int32_t, ck_clamp, uint8_t *);
    double (*float_peak)(ptrdiff_t, float *);
    double (*integer_peak)(ptrdiff_t, int32_t *);
};

extern const ck_isa ck_table_portable;
#if defined(__x86_64__)
extern const ck_isa ck_table_avx2;
extern const ck_isa ck_table_avx512;
#elif defined(__AARCH64EL__)
extern const ck_isa ck_table_neon;
#endif

/// How a convolution is computed.
typedef enum ck_method {
    /// groups == input channels == output channels.
    CK_DEPTHWISE,
    /// 1x1, stride 1, no padding: the input is the matrix.
    CK_POINTWISE,
    /// Windows are gathered into rows of a matrix, a block of rows at a time.
    CK_GATHERED,
} ck_method;

typedef struct ck_plan {
    ck_geometry geometry;
    ck_method method;
    /// Output pixels.
    ptrdiff_t rows;
    /// Length of one reduction: kernel_height * kernel_width * input_channels / groups.
    ptrdiff_t depth;
    /// Output pixels per block.
    ptrdiff_t block_rows;
    ptrdiff_t group_input, group_output;
    /// Weight panels per group (depthwise: channels rounded up to panels).
    ptrdiff_t panels;
} ck_plan;

struct ck_float_convolution {
    ck_plan plan;
    ck_clamp clamp;
    /// [group][panel][depth][16]; depthwise [tap][panels * 16]. Missing channels are zero.
    float *weights;
    /// [group][panels * 16].
    float *bias;
};

struct ck_integer_convolution {
    const ck_isa *isa;
    ck_plan plan;
    int32_t input_zero_point;
    /// Depth rounded up to whole pairs or quads.
    ptrdiff_t padded_depth;
    /// The rest belongs to the body that packed it: see there.
    void *weights;
    /// Parts a weight is the sum of.
    ptrdiff_t parts;
    uint8_t *panel_parts;
    /// Per channel; NULL where all are 0.
    int32_t *constants, *offsets;
    /// Weights beyond what the packed ones hold, sparse.
    int32_t *extra_starts, *extra_quads;
    int8_t *extra_weights;
};

/// Output rows between whose computation their statistics are taken.
ptrdiff_t ck_float_statistics_rows(const ck_float_convolution *convolution);

/// Rows between a pair of convolutions that its band holds.
ptrdiff_t ck_float_pair_rows(const ck_float_convolution *depthwise);

/// Zeroed and aligned to 64 bytes; NULL if memory is short.
void *ck_allocate(ptrdiff_t bytes);

/// Bytes of a mask per pixel.
static inline ptrdiff_t ck_mask_stride(ptrdiff_t channels) { return (channels + 7) / 8; }

static inline ptrdiff_t ck_round_up(ptrdiff_t value, ptrdiff_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}
