// SPDX-License-Identifier: Apache-2.0

// Float matrix product with up to two weight panels, 12 rows x 32 channels in 24 registers. Where
// the last panel has at most 8 channels its products are half as wide, which take half the time.
// Contract: float_gemm_4x16.h.

#define CK_FLOAT_PANELS 2
#define CK_FLOAT_DEPTH 512

/// Copies a few floats, 9 in a first layer; a call of memcpy takes longer.
CK_INLINE void copy_floats(ptrdiff_t count, const float *source, float *target) {
    for (ptrdiff_t i = 0; i < count; i += 16) {
        __mmask16 mask = lane_mask16(count - i);
        _mm512_mask_storeu_ps(target + i, mask, _mm512_maskz_loadu_ps(mask, source + i));
    }
}

/// Asks for a line that may lie behind the end of its array.
CK_INLINE void prefetch(const float *address) {
    _mm_prefetch((const char *)address, _MM_HINT_T0);
}

/// x * w + sum, of the lower eight lanes where `is_half`; the others are then undefined.
CK_INLINE __m512 fused_lanes(const int is_half, __m512 x, __m512 w, __m512 sum) {
    if (!is_half) return _mm512_fmadd_ps(x, w, sum);
    return _mm512_castps256_ps512(_mm256_fmadd_ps(
        _mm512_castps512_ps256(x), _mm512_castps512_ps256(w), _mm512_castps512_ps256(sum)));
}

/// The step of the reduction that lies `step` behind where `lines` and `w` point.
CK_INLINE void float_gemm_step(
    const int rows, const int halves, const int step, const float *const *lines,
    ptrdiff_t a_stride, const float *w, ptrdiff_t w_panel, __m512 (*sums)[2]) {
    const int vectors = (halves + 1) / 2;
    __m512 weights[2];
    CK_UNROLL_ALL
    for (int v = 0; v < vectors; v++) {
        weights[v] = _mm512_load_ps(w + v * w_panel + step * CK_PANEL);
    }
    CK_UNROLL_ALL
    for (int row = 0; row < rows; row++) {
        __m512 x = _mm512_set1_ps(lines[row / 3][row % 3 * a_stride + step]);
        CK_UNROLL_ALL
        for (int v = 0; v < vectors; v++) {
            sums[row][v] = fused_lanes(2 * v + 1 == halves, x, weights[v], sums[row][v]);
        }
    }
}

/// `halves` of a panel, 8 channels each: 1 to 4. `next_weights`: a line to prefetch for each two
/// steps of the reduction.
CK_INLINE void float_gemm_tile(
    const int rows, const int halves, ptrdiff_t depth, const float *a, ptrdiff_t a_stride,
    const float *w, ptrdiff_t w_panel, int is_first, const float *bias, ck_clamp clamp,
    ptrdiff_t channels, float *output, ptrdiff_t output_stride, const float *next_weights) {
    const int vectors = (halves + 1) / 2;
    __m512 sums[12][2];
    __mmask16 masks[2] = {lane_mask16(channels), lane_mask16(channels - 16)};
    CK_UNROLL_ALL
    for (int row = 0; row < rows; row++) {
        CK_UNROLL_ALL
        for (int v = 0; v < vectors; v++) {
            const float *source = output + row * output_stride + 16 * v;
            prefetch(source + rows * output_stride);
            sums[row][v] =
                is_first ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(masks[v], source);
        }
    }
    // Four bases and the factors 0 to 2 fit the addressing modes.
    const float *lines[4];
    CK_UNROLL_ALL
    for (int i = 0; i < 4; i++) lines[i] = 3 * i < rows ? a + 3 * i * a_stride : a;
    const float *next_rows = a + rows * a_stride;
    ptrdiff_t left = depth;
    for (; left > 1; left -= 2) {
        _mm_prefetch((const char *)next_weights, _MM_HINT_T1);
        next_weights += CK_PANEL;
        // Of the rows that come next: `rows` elements for each step.
        prefetch(next_rows);
        float_gemm_step(rows, halves, 0, lines, a_stride, w, w_panel, sums);
        prefetch(next_rows + rows);
        float_gemm_step(rows, halves, 1, lines, a_stride, w, w_panel, sums);
        next_rows += 2 * rows;
        w += 2 * CK_PANEL;
        CK_UNROLL_ALL
        for (int i = 0; 3 * i < rows; i++) {
            lines[i] += 2;
            // Keeps compilers from an address register per row, which spills.
            __asm__("" : "+r"(lines[i]));
        }
    }
    if (left) float_gemm_step(rows, halves, 0, lines, a_stride, w, w_panel, sums);
    CK_UNROLL_ALL
    for (int row = 0; row < rows; row++) {
        CK_UNROLL_ALL
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
        switch (halves) { \
        case 1: CK_TILE_OF(rows, 1); break; \
        case 2: CK_TILE_OF(rows, 2); break; \
        case 3: CK_TILE_OF(rows, 3); break; \
        default: CK_TILE_OF(rows, 4); break; \
        } \
        break
#define CK_TILE_OF(rows, halves) \
    float_gemm_tile( \
        rows, halves, depth, a, a_stride, w, w_panel, is_first, bias, clamp, channels, output, \
        output_stride, next)

CK_FUNCTION void float_gemm(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *w,
    ptrdiff_t w_panel, int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels,
    float *output, ptrdiff_t output_stride) {
    int halves = (int)(channels + 7) / 8;
    // Four tiles ask together for the two panels that come next; the first level has no room for
    // them.
    for (ptrdiff_t quarter = 0; rows > 0; quarter = (quarter + 1) % 4) {
        const float *next = w + (CK_FLOAT_PANELS + quarter / 2) * w_panel
            + quarter % 2 * (depth / 2) * CK_PANEL;
        // Nearly equal tiles: one of few rows waits for its own additions.
        ptrdiff_t tiles = (rows + 11) / 12;
        int tile = (int)((rows + tiles - 1) / tiles);
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
        }
        rows -= tile;
        a += tile * a_stride;
        output += tile * output_stride;
    }
}

#undef CK_TILE
#undef CK_TILE_OF
