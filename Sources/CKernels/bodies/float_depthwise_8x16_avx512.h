// Float depthwise convolution, up to 8 pixels x 16 channels. Where the kernel is 3 or 5 wide and
// neighbours overlap, a tile reads each column of a row once. Contract: float_depthwise_1x16.h.

/// `width` taps per row, known when compiled, `step` columns from pixel to pixel.
CK_INLINE void float_depthwise_sliding(
    const int pixels, const int width, const int step, ptrdiff_t channels, ptrdiff_t taps_y,
    const float *x, ptrdiff_t row_step, ptrdiff_t column_step, const float *w, ptrdiff_t w_row,
    ptrdiff_t w_column, const float *bias, ck_clamp clamp, __mmask16 mask, float *output) {
    __m512 sums[8];
    CK_UNROLL_ALL
    for (int p = 0; p < pixels; p++) sums[p] = _mm512_setzero_ps();
    for (ptrdiff_t ky = 0; ky < taps_y; ky++, x += row_step, w += w_row) {
        __m512 weights[5];
        CK_UNROLL_ALL
        for (int kx = 0; kx < width; kx++) weights[kx] = _mm512_load_ps(w + kx * w_column);
        // Column by column; a pixel still meets its taps in order.
        CK_UNROLL_ALL
        for (int column = 0; column < (pixels - 1) * step + width; column++) {
            __m512 value = _mm512_maskz_loadu_ps(mask, x + column * column_step);
            CK_UNROLL_ALL
            for (int p = 0; p < pixels; p++) {
                int kx = column - p * step;
                if (kx < 0 || kx >= width) continue;
                sums[p] = _mm512_fmadd_ps(value, weights[kx], sums[p]);
            }
        }
    }
    __m512 biases = _mm512_load_ps(bias);
    CK_UNROLL_ALL
    for (int p = 0; p < pixels; p++) {
        __m512 value = clamp_lanes16(_mm512_add_ps(sums[p], biases), clamp);
        _mm512_mask_storeu_ps(output + p * channels, mask, value);
    }
}

/// Any number of taps and any step.
CK_INLINE void float_depthwise_tile(
    const int pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const float *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const float *w,
    ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp, __mmask16 mask,
    float *output) {
    __m512 sums[8];
    CK_UNROLL_ALL
    for (int p = 0; p < pixels; p++) sums[p] = _mm512_setzero_ps();
    for (ptrdiff_t ky = 0; ky < taps_y; ky++) {
        for (ptrdiff_t kx = 0; kx < taps_x; kx++) {
            const float *xs = x + ky * row_step + kx * column_step;
            __m512 weights = _mm512_load_ps(w + ky * w_row + kx * w_column);
            CK_UNROLL_ALL
            for (int p = 0; p < pixels; p++) {
                __m512 value = _mm512_maskz_loadu_ps(mask, xs + p * pixel_step);
                sums[p] = _mm512_fmadd_ps(value, weights, sums[p]);
            }
        }
    }
    __m512 biases = _mm512_load_ps(bias);
    CK_UNROLL_ALL
    for (int p = 0; p < pixels; p++) {
        __m512 value = clamp_lanes16(_mm512_add_ps(sums[p], biases), clamp);
        _mm512_mask_storeu_ps(output + p * channels, mask, value);
    }
}

#define CK_SLIDING(pixels, width, step) \
    for (ptrdiff_t c = 0; c < channels; c += CK_PANEL) { \
        float_depthwise_sliding( \
            pixels, width, step, channels, taps_y, x + c, row_step, column_step, w + c, w_row, \
            w_column, bias + c, clamp, lane_mask16(channels - c), output + c); \
    }
#define CK_SLIDING_PIXELS(width, step) \
    switch (tile) { \
    case 2: CK_SLIDING(2, width, step) break; \
    case 3: CK_SLIDING(3, width, step) break; \
    case 4: CK_SLIDING(4, width, step) break; \
    case 5: CK_SLIDING(5, width, step) break; \
    case 6: CK_SLIDING(6, width, step) break; \
    case 7: CK_SLIDING(7, width, step) break; \
    default: CK_SLIDING(8, width, step) break; \
    }
#define CK_TILE(pixels) \
    for (ptrdiff_t c = 0; c < channels; c += CK_PANEL) { \
        float_depthwise_tile( \
            pixels, channels, taps_y, taps_x, x + c, pixel_step, row_step, column_step, w + c, \
            w_row, w_column, bias + c, clamp, lane_mask16(channels - c), output + c); \
    }

CK_FUNCTION void float_depthwise(
    ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const float *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const float *w,
    ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp, float *output) {
    int step = pixel_step == column_step ? 1 : pixel_step == 2 * column_step ? 2 : 0;
    while (pixels > 0) {
        // Nearly equal tiles: 9 pixels are 5 and 4.
        ptrdiff_t tiles = (pixels + 7) / 8;
        int tile = (int)((pixels + tiles - 1) / tiles);
        if (tile > 1 && step == 1 && taps_x == 3) {
            CK_SLIDING_PIXELS(3, 1)
        } else if (tile > 1 && step == 2 && taps_x == 3) {
            CK_SLIDING_PIXELS(3, 2)
        } else if (tile > 1 && step == 1 && taps_x == 5) {
            CK_SLIDING_PIXELS(5, 1)
        } else if (tile > 1 && step == 2 && taps_x == 5) {
            CK_SLIDING_PIXELS(5, 2)
        } else if (tile >= 4) {
            tile = 4;
            CK_TILE(4)
        } else {
            tile = 1;
            CK_TILE(1)
        }
        pixels -= tile;
        x += tile * pixel_step;
        output += tile * channels;
    }
}

#undef CK_SLIDING
#undef CK_SLIDING_PIXELS
#undef CK_TILE
