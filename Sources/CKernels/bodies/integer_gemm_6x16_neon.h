// SPDX-License-Identifier: Apache-2.0

// Integer matrix product with one weight panel, 6 rows x 16 channels in 24 registers; of the other
// 8, six hold eight steps of each row. Contract: integer_gemm_4x16.h. Products of int16 are added
// in int32 (smlal), one step at a time, so steps are not paired.

#define CK_INTEGER_STEPS 1

/// Step `lane` of the eight in `x`; two vectors of sums per vector of weights.
#define CK_STEP(lane) \
    CK_UNROLL_ALL \
    for (int v = 0; v < vectors; v += 2) { \
        int16x8_t weights = vld1q_s16(w + lane * CK_PANEL + 4 * v); \
        CK_UNROLL_ALL \
        for (int row = 0; row < rows; row++) { \
            sums[row][v] = vmlal_laneq_s16(sums[row][v], vget_low_s16(weights), x[row], lane); \
            sums[row][v + 1] = vmlal_high_laneq_s16(sums[row][v + 1], weights, x[row], lane); \
        } \
    }

/// `vectors` is 2 where the panel has at most 8 channels, else 4.
CK_INLINE void integer_gemm_tile(
    const int rows, const int vectors, ptrdiff_t depth, const int16_t *a, ptrdiff_t a_stride,
    const int16_t *w, int is_first, ptrdiff_t channels, int32_t *output,
    ptrdiff_t output_stride) {
    int32x4_t sums[6][4];
    CK_UNROLL_ALL
    for (int row = 0; row < rows; row++) {
        CK_UNROLL_ALL
        for (int v = 0; v < vectors; v++) {
            const int32_t *source = output + row * output_stride + 4 * v;
            sums[row][v] = is_first ? vdupq_n_s32(0) : load_ints(source, channels - 4 * v);
        }
    }
    ptrdiff_t k = 0;
    for (; k + 8 <= depth; k += 8, w += 8 * CK_PANEL) {
        int16x8_t x[6];
        CK_UNROLL_ALL
        for (int row = 0; row < rows; row++) x[row] = vld1q_s16(a + row * a_stride + k);
        CK_STEP(0)
        CK_STEP(1)
        CK_STEP(2)
        CK_STEP(3)
        CK_STEP(4)
        CK_STEP(5)
        CK_STEP(6)
        CK_STEP(7)
    }
    for (; k < depth; k++, w += CK_PANEL) {
        int16x8_t x[6];
        CK_UNROLL_ALL
        for (int row = 0; row < rows; row++) x[row] = vld1q_dup_s16(a + row * a_stride + k);
        CK_STEP(0)
    }
    CK_UNROLL_ALL
    for (int row = 0; row < rows; row++) {
        CK_UNROLL_ALL
        for (int v = 0; v < vectors; v++) {
            store_ints(output + row * output_stride + 4 * v, channels - 4 * v, sums[row][v]);
        }
    }
}

#undef CK_STEP

#define CK_TILE(rows, vectors) \
    integer_gemm_tile( \
        rows, vectors, pairs, a, a_stride, w, is_first, channels, output, output_stride)
#define CK_TILES(vectors) \
    switch (tile) { \
    case 1: CK_TILE(1, vectors); break; \
    case 2: CK_TILE(2, vectors); break; \
    case 3: CK_TILE(3, vectors); break; \
    case 4: CK_TILE(4, vectors); break; \
    case 5: CK_TILE(5, vectors); break; \
    default: CK_TILE(6, vectors); break; \
    }

CK_FUNCTION void integer_gemm(
    ptrdiff_t rows, ptrdiff_t pairs, const int16_t *a, ptrdiff_t a_stride, const int16_t *w,
    int is_first, ptrdiff_t channels, int32_t *output, ptrdiff_t output_stride) {
    while (rows > 0) {
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
