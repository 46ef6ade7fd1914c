// SPDX-License-Identifier: Apache-2.0

// Integer matrix product with two weight panels, 14 rows x 32 channels in 28 registers. One step
// multiplies a broadcast quad of unsigned inputs with 16 quads of signed weights (vpdpbusd), whose
// products are exact; sums wrap modulo 2^32, so everything added for the input's zero point and the
// weights' offsets cancels exactly.

/// Rows [rows][4 * quads] of unsigned bytes, and their sums where weights have offsets.
typedef struct ck_quad_rows {
    const uint8_t *bytes;
    ptrdiff_t stride, quads;
    const int32_t *sums;
} ck_quad_rows;

/// One or two panels: [panel][part][quad][16][4].
typedef struct ck_quad_panels {
    const int8_t *weights;
    ptrdiff_t panel_bytes, parts;
    __m512i offsets[2];
    ck_lanes lanes[2];
} ck_quad_panels;

/// The quad of inputs at `bytes`, in every lane.
CK_INLINE __m512i broadcast_quad(const uint8_t *bytes) {
    int32_t quad;
    memcpy(&quad, bytes, sizeof quad);
    return _mm512_set1_epi32(quad);
}

CK_INLINE void quad_tile(
    const int rows, const int vectors, const int is_bytes, const ck_quad_rows *a, ptrdiff_t row,
    const ck_quad_panels *panels, const ck_sink *sink) {
    __m512i sums[14][2];
    CK_UNROLL_WHOLE
    for (int r = 0; r < rows; r++) {
        CK_UNROLL_WHOLE
        for (int v = 0; v < vectors; v++) sums[r][v] = panels->lanes[v].start;
    }
    if (a->sums) {
        CK_UNROLL_WHOLE
        for (int r = 0; r < rows; r++) {
            __m512i sum = _mm512_set1_epi32(a->sums[row + r]);
            CK_UNROLL_WHOLE
            for (int v = 0; v < vectors; v++) {
                sums[r][v] =
                    _mm512_add_epi32(sums[r][v], _mm512_mullo_epi32(sum, panels->offsets[v]));
            }
        }
    }
    const int8_t *w = panels->weights;
    for (ptrdiff_t part = 0; part < panels->parts; part++) {
        const uint8_t *x = a->bytes + row * a->stride;
        for (ptrdiff_t k = 0; k < a->quads; k++, x += 4, w += 64) {
            __m512i weights[2];
            CK_UNROLL_WHOLE
            for (int v = 0; v < vectors; v++) {
                weights[v] = _mm512_load_si512(w + v * panels->panel_bytes);
            }
            CK_UNROLL_WHOLE
            for (int r = 0; r < rows; r++) {
                __m512i quad = broadcast_quad(x + r * a->stride);
                CK_UNROLL_WHOLE
                for (int v = 0; v < vectors; v++) {
                    sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], quad, weights[v]);
                }
            }
        }
    }
    CK_UNROLL_WHOLE
    for (int r = 0; r < rows; r++) {
        CK_UNROLL_WHOLE
        for (int v = 0; v < vectors; v++) {
            store_lanes(
                is_bytes, &panels->lanes[v], sums[r][v], sink,
                (row + r) * sink->stride + 16 * v);
        }
    }
}

#define CK_TILES(rows_in_tile) \
    for (; rows - row >= rows_in_tile; row += rows_in_tile) { \
        quad_tile(rows_in_tile, vectors, is_bytes, a, row, panels, sink); \
    }

CK_INLINE void quad_tiles(
    const int vectors, const int is_bytes, ptrdiff_t rows, const ck_quad_rows *a,
    const ck_quad_panels *panels, const ck_sink *sink) {
    ptrdiff_t row = 0;
    CK_TILES(14)
    CK_TILES(7)
    CK_TILES(3)
    CK_TILES(1)
}

#undef CK_TILES

CK_FUNCTION void quad_sums(
    ptrdiff_t rows, const ck_quad_rows *a, int vectors, const ck_quad_panels *panels,
    const ck_sink *sink) {
    if (vectors == 1) {
        quad_tiles(1, 0, rows, a, panels, sink);
    } else {
        quad_tiles(2, 0, rows, a, panels, sink);
    }
}

CK_FUNCTION void quad_bytes(
    ptrdiff_t rows, const ck_quad_rows *a, int vectors, const ck_quad_panels *panels,
    const ck_sink *sink) {
    if (vectors == 1) {
        quad_tiles(1, 1, rows, a, panels, sink);
    } else {
        quad_tiles(2, 1, rows, a, panels, sink);
    }
}

/// Sum of the bytes of each row; `count` is a multiple of 4.
CK_FUNCTION void quad_row_sums(
    ptrdiff_t rows, const uint8_t *bytes, ptrdiff_t stride, ptrdiff_t count, int32_t *sums) {
    __m512i zero = _mm512_setzero_si512();
    for (ptrdiff_t row = 0; row < rows; row++, bytes += stride) {
        __m512i sum = zero;
        ptrdiff_t k = 0;
        for (; k + 64 <= count; k += 64) {
            sum = _mm512_add_epi64(sum, _mm512_sad_epu8(_mm512_loadu_si512(bytes + k), zero));
        }
        if (k < count) {
            __mmask64 rest = ((__mmask64)1 << (count - k)) - 1;
            __m512i last = _mm512_maskz_loadu_epi8(rest, bytes + k);
            sum = _mm512_add_epi64(sum, _mm512_sad_epu8(last, zero));
        }
        sums[row] = (int32_t)_mm512_reduce_add_epi64(sum);
    }
}
