// Float matrix product with one weight panel, 6 rows x 16 channels in 12 registers. Contract:
// float_gemm_4x16.h.

#define CK_FLOAT_PANELS 1

/// Before the loop over the reduction: four steps per round, to spare loop and address arithmetic.
#if defined(__clang__)
#define CK_UNROLL _Pragma("clang loop unroll_count(4)")
#else
#define CK_UNROLL _Pragma("GCC unroll 4")
#endif

/// Copies a few floats, 9 in a first layer; a call of memcpy takes longer.
CK_INLINE void copy_floats(ptrdiff_t count, const float *source, float *target) {
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8) _mm256_storeu_ps(target + i, _mm256_loadu_ps(source + i));
    for (; i < count; i++) target[i] = source[i];
}

/// `vectors` is 1 where the panel has at most 8 channels.
CK_INLINE void float_gemm_tile(
    const int rows, const int vectors, ptrdiff_t depth, const float *a, ptrdiff_t a_stride,
    const float *w, int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels,
    float *output, ptrdiff_t output_stride) {
    __m256 sums[6][2];
    __m256i masks[2] = {lane_mask(channels), lane_mask(channels - 8)};
    int is_full = channels == 8 * vectors;
    for (int row = 0; row < rows; row++) {
        for (int v = 0; v < vectors; v++) {
            const float *source = output + row * output_stride + 8 * v;
            sums[row][v] = is_first ? _mm256_setzero_ps()
                : is_full           ? _mm256_loadu_ps(source)
                                    : _mm256_maskload_ps(source, masks[v]);
        }
    }
    // Two bases and the factors 0 to 2 fit the addressing modes.
    const float *lines[2] = {a, rows > 3 ? a + 3 * a_stride : a};
    CK_UNROLL
    for (ptrdiff_t k = 0; k < depth; k++, w += CK_PANEL) {
        __m256 weights[2];
        for (int v = 0; v < vectors; v++) weights[v] = _mm256_load_ps(w + 8 * v);
        for (int row = 0; row < rows; row++) {
            __m256 x = _mm256_broadcast_ss(lines[row / 3] + row % 3 * a_stride + k);
            for (int v = 0; v < vectors; v++) {
                sums[row][v] = _mm256_fmadd_ps(x, weights[v], sums[row][v]);
            }
        }
    }
    for (int row = 0; row < rows; row++) {
        for (int v = 0; v < vectors; v++) {
            float *target = output + row * output_stride + 8 * v;
            __m256 value = sums[row][v];
            if (bias) {
                value = clamp_lanes(_mm256_add_ps(value, _mm256_load_ps(bias + 8 * v)), clamp);
            }
            if (is_full) {
                _mm256_storeu_ps(target, value);
            } else {
                _mm256_maskstore_ps(target, masks[v], value);
            }
        }
    }
}

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
            CK_TILES(1)
        } else {
            CK_TILES(2)
        }
        rows -= tile;
        a += tile * a_stride;
        output += tile * output_stride;
    }
}

#undef CK_TILE
#undef CK_TILES
#undef CK_UNROLL
