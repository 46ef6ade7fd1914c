// SPDX-License-Identifier: Apache-2.0

// Float matrix product with one weight panel, 6 rows x 16 channels in 24 registers; of the other 8,
// six hold four steps of each row. Contract: float_gemm_4x16.h.

#define CK_FLOAT_PANELS 1
#define CK_FLOAT_DEPTH 512

/// Copies a few floats, 9 in a first layer; a call of memcpy takes longer.
CK_INLINE void copy_floats(ptrdiff_t count, const float *source, float *target) {
    ptrdiff_t i = 0;
    for (; i + 4 <= count; i += 4) vst1q_f32(target + i, vld1q_f32(source + i));
    for (; i < count; i++) target[i] = source[i];
}

/// Step `lane` of the four in `x`.
#define CK_STEP(lane) \
    CK_UNROLL_ALL \
    for (int v = 0; v < vectors; v++) { \
        float32x4_t weights = vld1q_f32(w + lane * CK_PANEL + 4 * v); \
        CK_UNROLL_ALL \
        for (int row = 0; row < rows; row++) { \
            sums[row][v] = vfmaq_laneq_f32(sums[row][v], weights, x[row], lane); \
        } \
    }

/// `vectors` is 2 where the panel has at most 8 channels, else 4.
CK_INLINE void float_gemm_tile(
    const int rows, const int vectors, ptrdiff_t depth, const float *a, ptrdiff_t a_stride,
    const float *w, int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels,
    float *output, ptrdiff_t output_stride) {
    float32x4_t sums[6][4];
    CK_UNROLL_ALL
    for (int row = 0; row < rows; row++) {
        CK_UNROLL_ALL
        for (int v = 0; v < vectors; v++) {
            const float *source = output + row * output_stride + 4 * v;
            sums[row][v] =
                is_first ? vdupq_n_f32(0.0f) : load_floats(source, channels - 4 * v);
        }
    }
    ptrdiff_t k = 0;
    for (; k + 4 <= depth; k += 4, w += 4 * CK_PANEL) {
        float32x4_t x[6];
        CK_UNROLL_ALL
        for (int row = 0; row < rows; row++) x[row] = vld1q_f32(a + row * a_stride + k);
        CK_STEP(0)
        CK_STEP(1)
        CK_STEP(2)
        CK_STEP(3)
    }
    for (; k < depth; k++, w += CK_PANEL) {
        float32x4_t x[6];
        CK_UNROLL_ALL
        for (int row = 0; row < rows; row++) x[row] = vld1q_dup_f32(a + row * a_stride + k);
        CK_STEP(0)
    }
    CK_UNROLL_ALL
    for (int row = 0; row < rows; row++) {
        CK_UNROLL_ALL
        for (int v = 0; v < vectors; v++) {
            float32x4_t value = sums[row][v];
            if (bias) value = clamp_lanes(vaddq_f32(value, vld1q_f32(bias + 4 * v)), clamp);
            store_floats(output + row * output_stride + 4 * v, channels - 4 * v, value);
        }
    }
}

#undef CK_STEP

#define CK_TILE(rows, vectors) \
    float_gemm_tile( \
        rows, vectors, depth, a, a_stride, w, is_first, bias, clamp, channels, output, \
        output_stride)
#define CK_TILES(vectors) \
    switch (tile) { \
    case 1: CK_TILE(1, vectors); break; \
    case 2: CK_TILE(2, vectors); break; \
    case 3: CK_TILE(3, vectors); break; \
    case 4: CK_TILE(4, vectors); break; \
    case 5: CK_TILE(5, vectors); break; \
    default: CK_TILE(6, vectors); break; \
    }

CK_FUNCTION void float_gemm(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *w,
    ptrdiff_t w_panel, int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels,
    float *output, ptrdiff_t output_stride) {
    (void)w_panel;
    while (rows > 0) {
        // A tile of one row waits for its own additions, so 7 rows are 4 and 3.
        int tile = rows == 7 ? 4 : rows < 6 ? (int)rows : 6;
        if (channels <= 8) {
            CK_TILES(2)
        } else {
            CK_TILES(4)
        }
        rows -= tile;
        a += tile * a_stride;
        output += tile * output_stride;
    }
}

#undef CK_TILE
#undef CK_TILES
