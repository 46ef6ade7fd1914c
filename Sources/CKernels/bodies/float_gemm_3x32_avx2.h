// SPDX-License-Identifier: Apache-2.0

// Float matrix product: 3 rows x two weight panels, or 6 rows x one, in 12 registers. Two threads
// that share a core take turns at fetching instructions, so a step should have few of them: 19 for
// 12 products, where 6 rows take 20 and what addresses need. Contract: float_gemm_4x16.h.

#define CK_FLOAT_PANELS 2
/// Two panels of this depth take half of a first-level cache of 32 KiB.
#define CK_FLOAT_DEPTH 128

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
    CK_UNROLL_WHOLE
    for (int row = 0; row < rows; row++) {
        CK_UNROLL_WHOLE
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
        CK_UNROLL_WHOLE
        for (int v = 0; v < vectors; v++) weights[v] = _mm256_load_ps(w + 8 * v);
        CK_UNROLL_WHOLE
        for (int row = 0; row < rows; row++) {
            __m256 x = _mm256_broadcast_ss(lines[row / 3] + row % 3 * a_stride + k);
            CK_UNROLL_WHOLE
            for (int v = 0; v < vectors; v++) {
                sums[row][v] = _mm256_fmadd_ps(x, weights[v], sums[row][v]);
            }
        }
    }
    CK_UNROLL_WHOLE
    for (int row = 0; row < rows; row++) {
        CK_UNROLL_WHOLE
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

/// Asks for a line that may lie behind the end of its array: soon, or after a pass over the rows.
CK_INLINE void prefetch(const float *address) {
    _mm_prefetch((const char *)address, _MM_HINT_T0);
}
CK_INLINE void prefetch_later(const float *address) {
    _mm_prefetch((const char *)address, _MM_HINT_T1);
}

/// One step of 3 rows x 32 channels: weights go through one register each, which all three rows
/// use. Operands 0 to 11 are the sums, four of a row side by side.
#define CK_STEP(x, w) \
    "vbroadcastss " x "(%[a]), %%ymm0\n\t" \
    "vbroadcastss " x "(%[a],%[stride]), %%ymm1\n\t" \
    "vbroadcastss " x "(%[a],%[stride],2), %%ymm2\n\t" \
    CK_COLUMN(w "(%[w])", "0", "4", "8") \
    CK_COLUMN("32+" w "(%[w])", "1", "5", "9") \
    CK_COLUMN(w "(%[w],%[panel])", "2", "6", "10") \
    CK_COLUMN("32+" w "(%[w],%[panel])", "3", "7", "11")
#define CK_COLUMN(w, sum0, sum1, sum2) \
    "vmovaps " w ", %%ymm3\n\t" \
    "vfmadd231ps %%ymm3, %%ymm0, %" sum0 "\n\t" \
    "vfmadd231ps %%ymm3, %%ymm1, %" sum1 "\n\t" \
    "vfmadd231ps %%ymm3, %%ymm2, %" sum2 "\n\t"
#define CK_STEPS(steps) \
    __asm__ __volatile__( \
        steps \
        : "+x"(sums[0]), "+x"(sums[1]), "+x"(sums[2]), "+x"(sums[3]), "+x"(sums[4]), \
          "+x"(sums[5]), "+x"(sums[6]), "+x"(sums[7]), "+x"(sums[8]), "+x"(sums[9]), \
          "+x"(sums[10]), "+x"(sums[11]) \
        : [a] "r"(a), [stride] "r"(a_stride * 4), [w] "r"(w), [panel] "r"(w_panel * 4) \
        : "xmm0", "xmm1", "xmm2", "xmm3", "memory")

/// 3 rows of two whole panels, in assembly: it takes all sixteen registers, and compilers spill
/// sums.
CK_INLINE void float_gemm_pair(
    ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *w, ptrdiff_t w_panel,
    int is_first, const float *bias, ck_clamp clamp, float *output, ptrdiff_t output_stride) {
    __m256 sums[12];
    CK_UNROLL_WHOLE
    for (int i = 0; i < 12; i++) {
        sums[i] = is_first ? _mm256_setzero_ps()
                           : _mm256_loadu_ps(output + i / 4 * output_stride + i % 4 * 8);
    }
    ptrdiff_t k = 0;
    for (; k + 4 <= depth; k += 4, a += 4, w += 4 * CK_PANEL) {
        CK_STEPS(CK_STEP("0", "0") CK_STEP("4", "64") CK_STEP("8", "128") CK_STEP("12", "192"));
    }
    for (; k < depth; k++, a++, w += CK_PANEL) CK_STEPS(CK_STEP("0", "0"));
    CK_UNROLL_WHOLE
    for (int i = 0; i < 12; i++) {
        __m256 value = sums[i];
        if (bias) {
            value = clamp_lanes(_mm256_add_ps(value, _mm256_load_ps(bias + i % 4 * 8)), clamp);
        }
        _mm256_storeu_ps(output + i / 4 * output_stride + i % 4 * 8, value);
    }
}

#undef CK_STEP
#undef CK_COLUMN
#undef CK_STEPS

#define CK_TILE(rows) \
    case rows: \
        if (channels <= 8) { \
            CK_TILE_OF(rows, 1); \
        } else { \
            CK_TILE_OF(rows, 2); \
        } \
        break
#define CK_TILE_OF(rows, vectors) \
    float_gemm_tile( \
        rows, vectors, depth, a, a_stride, w, is_first, bias, clamp, channels, output, \
        output_stride)

/// All rows against one panel.
CK_FUNCTION void float_gemm_panel(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *w,
    int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels, float *output,
    ptrdiff_t output_stride) {
    while (rows > 0) {
        // Nearly equal tiles: one of few rows waits for its own additions.
        ptrdiff_t tiles = (rows + 5) / 6;
        int tile = (int)((rows + tiles - 1) / tiles);
        switch (tile) {
            CK_TILE(1);
            CK_TILE(2);
            CK_TILE(3);
            CK_TILE(4);
            CK_TILE(5);
            CK_TILE(6);
        }
        rows -= tile;
        a += tile * a_stride;
        output += tile * output_stride;
    }
}

CK_FUNCTION void float_gemm(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *w,
    ptrdiff_t w_panel, int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels,
    float *output, ptrdiff_t output_stride) {
    if (channels == 2 * CK_PANEL) {
        ptrdiff_t fetched = 0, size = depth * CK_PANEL;
        ptrdiff_t share = ck_round_up(3 * size / rows + 1, 16);
        // Leaves 4 or 5 rows rather than 1 or 2: a tile of few waits for its own additions.
        for (; rows == 3 || rows >= 6; rows -= 3, a += 3 * a_stride, output += 3 * output_stride) {
            // The panels that come next, in shares: they lie in the third level.
            for (ptrdiff_t end = fetched + share; fetched < end && fetched < size; fetched += 16) {
                prefetch_later(w + 2 * w_panel + fetched);
                prefetch_later(w + 3 * w_panel + fetched);
            }
            for (ptrdiff_t row = 3; row < 6; row++) {
                prefetch(output + row * output_stride);
                prefetch(output + row * output_stride + 16);
            }
            float_gemm_pair(
                depth, a, a_stride, w, w_panel, is_first, bias, clamp, output, output_stride);
        }
    }
    for (; channels > 0; channels -= CK_PANEL, w += w_panel, output += CK_PANEL) {
        float_gemm_panel(
            rows, depth, a, a_stride, w, is_first, bias, clamp,
            channels < CK_PANEL ? channels : CK_PANEL, output, output_stride);
        if (bias) bias += CK_PANEL;
    }
}

#undef CK_TILE
#undef CK_TILE_OF
#undef CK_UNROLL
