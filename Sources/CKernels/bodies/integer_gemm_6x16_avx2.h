// SPDX-License-Identifier: Apache-2.0

// Integer matrix product with one weight panel, 6 rows x 16 channels in 12 registers. Contract:
// integer_gemm_4x16.h. One step multiplies a broadcast pair of int16 with 8 weight pairs and adds
// them in int32 (vpmaddwd), which cannot saturate here: 2 * 255 * 255 is far below 2^31.

#define CK_INTEGER_STEPS 2

/// The pair of inputs at `a`, in every lane.
CK_INLINE __m256i broadcast_pair(const int16_t *a) {
    int32_t pair;
    memcpy(&pair, a, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/// `vectors` is 1 where the panel has at most 8 channels.
CK_INLINE void integer_gemm_tile(
    const int rows, const int vectors, ptrdiff_t pairs, const int16_t *a, ptrdiff_t a_stride,
    const int16_t *w, int is_first, ptrdiff_t channels, int32_t *output,
    ptrdiff_t output_stride) {
    __m256i sums[6][2];
    __m256i masks[2] = {lane_mask(channels), lane_mask(channels - 8)};
    for (int row = 0; row < rows; row++) {
        for (int v = 0; v < vectors; v++) {
            const int32_t *source = output + row * output_stride + 8 * v;
            sums[row][v] =
                is_first ? _mm256_setzero_si256() : _mm256_maskload_epi32(source, masks[v]);
        }
    }
    for (ptrdiff_t k = 0; k < pairs; k++, w += 2 * CK_PANEL) {
        __m256i weights[2];
        for (int v = 0; v < vectors; v++) {
            weights[v] = _mm256_load_si256((const __m256i *)(w + 16 * v));
        }
        for (int row = 0; row < rows; row++) {
            __m256i x = broadcast_pair(a + row * a_stride + 2 * k);
            for (int v = 0; v < vectors; v++) {
                sums[row][v] =
                    _mm256_add_epi32(sums[row][v], _mm256_madd_epi16(x, weights[v]));
            }
        }
    }
    for (int row = 0; row < rows; row++) {
        for (int v = 0; v < vectors; v++) {
            int32_t *target = output + row * output_stride + 8 * v;
            if (channels == 8 * vectors) {
                _mm256_storeu_si256((__m256i *)target, sums[row][v]);
            } else {
                _mm256_maskstore_epi32(target, masks[v], sums[row][v]);
            }
        }
    }
}

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
