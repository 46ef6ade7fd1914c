// Float matrix product with up to two weight panels, 14 rows x 32 channels in 28 registers; 14
// divides the pixels of most feature maps. Contract: float_gemm_4x16.h.

#define CK_FLOAT_PANELS 2

/// Before the loop over the reduction: two steps per round, to spare loop arithmetic.
#if defined(__clang__)
#define CK_UNROLL _Pragma("clang loop unroll_count(2)")
#else
#define CK_UNROLL _Pragma("GCC unroll 2")
#endif

/// `vectors` is 1 where only one panel is left.
CK_INLINE void float_gemm_tile(
    const int rows, const int vectors, ptrdiff_t depth, const float *a, ptrdiff_t a_stride,
    const float *w, ptrdiff_t w_panel, int is_first, const float *bias, ck_clamp clamp,
    ptrdiff_t channels, float *output, ptrdiff_t output_stride) {
    __m512 sums[14][2];
    __mmask16 masks[2] = {lane_mask16(channels), lane_mask16(channels - 16)};
    for (int row = 0; row < rows; row++) {
        for (int v = 0; v < vectors; v++) {
            const float *source = output + row * output_stride + 16 * v;
            sums[row][v] =
                is_first ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(masks[v], source);
        }
    }
    // One base for three rows: the factors 0 to 2 fit the addressing modes.
    const float *lines[5];
    for (int i = 0; i < 5; i++) lines[i] = 3 * i < rows ? a + 3 * i * a_stride : a;
    CK_UNROLL
    for (ptrdiff_t k = 0; k < depth; k++, w += CK_PANEL) {
        __m512 weights[2];
        for (int v = 0; v < vectors; v++) weights[v] = _mm512_load_ps(w + v * w_panel);
        for (int row = 0; row < rows; row++) {
            __m512 x = _mm512_set1_ps(lines[row / 3][row % 3 * a_stride + k]);
            for (int v = 0; v < vectors; v++) {
                sums[row][v] = _mm512_fmadd_ps(x, weights[v], sums[row][v]);
            }
        }
    }
    for (int row = 0; row < rows; row++) {
        for (int v = 0; v < vectors; v++) {
            __m512 value = sums[row][v];
            if (bias) {
                value = clamp_lanes16(_mm512_add_ps(value, _mm512_load_ps(bias + 16 * v)), clamp);
            }
            _mm512_mask_storeu_ps(output + row * output_stride + 16 * v, masks[v], value);
        }
    }
}

#define CK_TILE(rows) \
    case rows: \
        if (channels > CK_PANEL) { \
            CK_TILE_OF(rows, 2); \
        } else { \
            CK_TILE_OF(rows, 1); \
        } \
        break
#define CK_TILE_OF(rows, vectors) \
    float_gemm_tile( \
        rows, vectors, depth, a, a_stride, w, w_panel, is_first, bias, clamp, channels, output, \
        output_stride)

CK_FUNCTION void float_gemm(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *w,
    ptrdiff_t w_panel, int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels,
    float *output, ptrdiff_t output_stride) {
    while (rows > 0) {
        // A small tile waits for its own additions, so 15 rows are 8 and 7.
        int tile = rows >= 18 || rows == 14 ? 14 : rows > 14 ? (int)(rows + 1) / 2 : (int)rows;
        switch (tile) {
            CK_TILE(1);
            CK_TILE(2);
            CK_TILE(3);
            CK_TILE(4);
            CK_TILE(5);
            CK_TILE(6);
            CK_TILE(7);
            CK_TILE(8);
            CK_TILE(9);
            CK_TILE(10);
            CK_TILE(11);
            CK_TILE(12);
            CK_TILE(13);
            CK_TILE(14);
        }
        rows -= tile;
        a += tile * a_stride;
        output += tile * output_stride;
    }
}

#undef CK_TILE
#undef CK_TILE_OF
#undef CK_UNROLL
