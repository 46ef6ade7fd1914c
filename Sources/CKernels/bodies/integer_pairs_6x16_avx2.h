// SPDX-License-Identifier: Apache-2.0

// Integer matrix product with one weight panel, 6 rows x 16 channels in 12 registers. One step
// multiplies a broadcast quad of unsigned inputs with 8 quads of signed weights: vpmaddubsw adds
// pairs in 16 bits, which integer_pairs.h keeps from saturating, vpmaddwd adds the pairs of a quad
// in 32. Contract of the functions pair_rows_bytes, pair_rows and pair_panel: integer_words.h.

CK_INLINE ptrdiff_t pair_rows_bytes(const ck_integer_convolution *c) {
    return is_direct(&c->plan) ? 0 : c->plan.block_rows * c->padded_depth;
}

CK_INLINE ck_integer_rows pair_rows(
    const ck_integer_convolution *c, ptrdiff_t group, ptrdiff_t first, ptrdiff_t rows,
    const uint8_t *input, void *scratch) {
    if (is_direct(&c->plan)) {
        ptrdiff_t stride = c->plan.geometry.input_channels;
        return (ck_integer_rows){input + first * stride + group * c->plan.group_input, stride};
    }
    gather_quads(c, group, first, rows, input, scratch);
    return (ck_integer_rows){scratch, c->padded_depth};
}

/// The quad of inputs at `x`, in every lane.
CK_INLINE __m256i broadcast_quad(const uint8_t *x) {
    int32_t quad;
    memcpy(&quad, x, sizeof quad);
    return _mm256_set1_epi32(quad);
}

/// sum + the products of a quad with eight quads of weights. They are read from memory each time:
/// twelve sums leave no registers for them, and a compiler would rather spill.
CK_INLINE __m256i add_products(__m256i sum, __m256i quad, const int8_t *w) {
    __m256i pairs;
    __asm__("vpmaddubsw %2, %1, %0" : "=x"(pairs) : "x"(quad), "m"(*(const __m256i *)w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// A panel: weights, constants and starts from its first on, extra quads of the whole convolution.
typedef struct ck_pair_panel {
    ptrdiff_t quads;
    const int8_t *weights, *extra_weights;
    const int32_t *constants, *extra_starts, *extra_quads;
} ck_pair_panel;

/// `vectors` is 1 where the panel has at most 8 channels.
CK_INLINE void pair_tile(
    const int rows, const int vectors, const uint8_t *a, ptrdiff_t a_stride,
    const ck_pair_panel *panel, ptrdiff_t channels, int32_t *output, ptrdiff_t output_stride) {
    __m256i sums[6][2];
    CK_UNROLL_WHOLE
    for (int v = 0; v < vectors; v++) {
        __m256i start = _mm256_load_si256((const __m256i *)(panel->constants + 8 * v));
        CK_UNROLL_WHOLE
        for (int row = 0; row < rows; row++) sums[row][v] = start;
    }
    // Two bases and the factors 0 to 2 fit the addressing modes.
    const uint8_t *lines[2] = {a, rows > 3 ? a + 3 * a_stride : a};
    const int8_t *w = panel->weights;
    for (ptrdiff_t k = 0; k < panel->quads; k++, w += 4 * CK_PANEL) {
        CK_UNROLL_WHOLE
        for (int row = 0; row < rows; row++) {
            __m256i quad = broadcast_quad(lines[row / 3] + row % 3 * a_stride + 4 * k);
            CK_UNROLL_WHOLE
            for (int v = 0; v < vectors; v++) {
                sums[row][v] = add_products(sums[row][v], quad, w + 32 * v);
            }
        }
    }
    CK_UNROLL_WHOLE
    for (int v = 0; v < vectors; v++) {
        for (ptrdiff_t i = panel->extra_starts[v]; i < panel->extra_starts[v + 1]; i++) {
            ptrdiff_t k = panel->extra_quads[i];
            CK_UNROLL_WHOLE
            for (int row = 0; row < rows; row++) {
                __m256i quad = broadcast_quad(lines[row / 3] + row % 3 * a_stride + 4 * k);
                sums[row][v] = add_products(sums[row][v], quad, panel->extra_weights + 32 * i);
            }
        }
    }
    CK_UNROLL_WHOLE
    for (int v = 0; v < vectors; v++) {
        __m256i mask = lane_mask(channels - 8 * v);
        CK_UNROLL_WHOLE
        for (int row = 0; row < rows; row++) {
            int32_t *target = output + row * output_stride + 8 * v;
            if (channels == 8 * vectors) {
                _mm256_storeu_si256((__m256i *)target, sums[row][v]);
            } else {
                _mm256_maskstore_epi32(target, mask, sums[row][v]);
            }
        }
    }
}

#define CK_TILE(rows, vectors) \
    pair_tile(rows, vectors, bytes, a.stride, &panel, channels, output, output_stride)
#define CK_TILES(vectors) \
    switch (tile) { \
    case 1: CK_TILE(1, vectors); break; \
    case 2: CK_TILE(2, vectors); break; \
    case 3: CK_TILE(3, vectors); break; \
    case 4: CK_TILE(4, vectors); break; \
    case 5: CK_TILE(5, vectors); break; \
    default: CK_TILE(6, vectors); break; \
    }

CK_FUNCTION void pair_panel(
    const ck_integer_convolution *c, ptrdiff_t index, ptrdiff_t rows, ck_integer_rows a,
    ptrdiff_t channels, int32_t *output, ptrdiff_t output_stride) {
    const ck_pair_panel panel = {
        .quads = c->padded_depth / 4,
        .weights = (const int8_t *)c->weights + index * c->padded_depth * CK_PANEL,
        .constants = c->constants + index * CK_PANEL,
        .extra_starts = c->extra_starts + 2 * index,
        .extra_quads = c->extra_quads, .extra_weights = c->extra_weights,
    };
    const uint8_t *bytes = a.values;
    while (rows > 0) {
        // A tile of one row waits for its own additions, so 7 rows are 4 and 3.
        int tile = rows == 7 ? 4 : rows < 6 ? (int)rows : 6;
        if (channels <= 8) {
            CK_TILES(1)
        } else {
            CK_TILES(2)
        }
        rows -= tile;
        bytes += tile * a.stride;
        output += tile * output_stride;
    }
}

#undef CK_TILE
#undef CK_TILES
