// SPDX-License-Identifier: Apache-2.0

// The function table behind every public entry point, and what packed convolutions hold.
#pragma once

#include "contraction.h"

#include "include/CKernels.h"

/// Output channels per weight panel.
#define CK_PANEL 16

struct ck_isa {
    const char *name;
    /// Packs weights in the layout of this table's kernels; 0 if memory is short.
    int (*integer_pack)(ck_integer_convolution *convolution, const int16_t *weights);
#define CK_KERNEL(result, kernel, parameters, arguments) result(*kernel) parameters;
#include "include/kernel_list.h"
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
