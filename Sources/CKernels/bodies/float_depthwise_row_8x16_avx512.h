// SPDX-License-Identifier: Apache-2.0

// One output row of a float depthwise convolution, tiles of up to 8 pixels x 16 channels. Where the
// kernel is 3 or 5 wide and neighbours overlap, a tile reads each column of an input row once, and
// leaves out those in padding. Contract: float_depthwise_runs.h.

#define CK_FLOAT_DEPTHWISE_ROW float_depthwise_row

/// Where the rows of a tile lie; columns and kernel rows as elements from one to the next.
typedef struct ck_strip {
    ptrdiff_t taps_y, channels, row_step, column_step, w_row, w_column;
} ck_strip;

/// `width` taps per row, known when compiled, `step` columns from pixel to pixel. Columns
/// outside `valid` lie in padding. `origin`: of the first column, from `x`.
CK_INLINE void float_depthwise_sliding(
    const int pixels, const int width, const int step, const ck_strip strip, ck_taps valid,
    const float *x, ptrdiff_t origin, const float *w, const float *bias, ck_clamp clamp,
    __mmask16 mask, float *output) {
    __m512 sums[8];
    CK_UNROLL_ALL
    for (int p = 0; p < pixels; p++) {
        sums[p] = _mm512_setzero_ps();
        // Of the next tile.
        prefetch(output + (pixels + p) * strip.channels);
    }
    for (ptrdiff_t ky = 0; ky < strip.taps_y; ky++, x += strip.row_step, w += strip.w_row) {
        __m512 weights[5];
        CK_UNROLL_ALL
        for (int kx = 0; kx < width; kx++) {
            weights[kx] = _mm512_load_ps(w + kx * strip.w_column);
        }
        // Column by column; a pixel still meets its taps in order.
        ptrdiff_t at = origin - strip.column_step;
        CK_UNROLL_ALL
        for (int column = 0; column < (pixels - 1) * step + width; column++) {
            at += strip.column_step;
            // Keeps compilers from an address register per column, which spills.
            __asm__("" : "+r"(at));
            if (column < valid.first || column >= valid.end) continue;
            __m512 value = _mm512_maskz_loadu_ps(mask, x + at);
            CK_UNROLL_ALL
            for (int p = 0; p < pixels; p++) {
                int kx = column - p * step;
                if (kx < 0 || kx >= width) continue;
                sums[p] = _mm512_fmadd_ps(value, weights[kx], sums[p]);
            }
        }
    }
    __m512 biases = _mm512_load_ps(bias);
    CK_WITH_BOUNDS(
        clamp, CK_UNROLL_ALL
        for (int p = 0; p < pixels; p++) {
            __m512 value = clamp_lanes16(_mm512_add_ps(sums[p], biases), bounds);
            _mm512_mask_storeu_ps(output + p * strip.channels, mask, value);
        })
}

#define CK_TILE(pixels, width, step) \
    for (ptrdiff_t c = 0; c < strip.channels; c += CK_PANEL) { \
        float_depthwise_sliding( \
            pixels, width, step, strip, valid, line + c, origin, w + c, \
            convolution->bias + c, clamp, lane_mask16(strip.channels - c), target + c); \
    } \
    break
#define CK_TILES(width, step) \
    switch (tile) { \
    case 1: CK_TILE(1, width, step); \
    case 2: CK_TILE(2, width, step); \
    case 3: CK_TILE(3, width, step); \
    case 4: CK_TILE(4, width, step); \
    case 5: CK_TILE(5, width, step); \
    case 6: CK_TILE(6, width, step); \
    case 7: CK_TILE(7, width, step); \
    default: CK_TILE(8, width, step); \
    }
#define CK_ROW(width, step) \
    for (ptrdiff_t ox = 0; ox < g->output_width; ox += tile) { \
        /* Nearly equal tiles: 9 pixels are 5 and 4. */ \
        ptrdiff_t left = g->output_width - ox, tiles = (left + 7) / 8; \
        tile = (left + tiles - 1) / tiles; \
        ptrdiff_t columns = (tile - 1) * step + width; \
        ptrdiff_t ix = ox * g->stride_width - g->pad_left, origin = ix * strip.channels; \
        ck_taps valid = valid_taps(ix, g->dilation_width, columns, g->input_width); \
        float *target = output + ox * strip.channels; \
        CK_TILES(width, step) \
    }

CK_FUNCTION void float_depthwise_row(
    const ck_float_convolution *convolution, ck_clamp clamp, ptrdiff_t taps_y, const float *line,
    const float *w, float *output) {
    const ck_geometry *g = &convolution->plan.geometry;
    ptrdiff_t channels = g->output_channels, w_column = convolution->plan.panels * CK_PANEL;
    ck_strip strip = {
        .taps_y = taps_y, .channels = channels,
        .row_step = g->dilation_height * g->input_width * channels,
        .column_step = g->dilation_width * channels,
        .w_row = g->kernel_width * w_column, .w_column = w_column,
    };
    ptrdiff_t tile, step = g->stride_width == g->dilation_width ? 1
        : g->stride_width == 2 * g->dilation_width              ? 2
                                                                : 0;
    if (step == 1 && g->kernel_width == 3) {
        CK_ROW(3, 1)
    } else if (step == 2 && g->kernel_width == 3) {
        CK_ROW(3, 2)
    } else if (step == 1 && g->kernel_width == 5) {
        CK_ROW(5, 1)
    } else if (step == 2 && g->kernel_width == 5) {
        CK_ROW(5, 2)
    } else {
        float_depthwise_runs(convolution, clamp, taps_y, line, w, output);
    }
}

#undef CK_TILE
#undef CK_TILES
#undef CK_ROW
