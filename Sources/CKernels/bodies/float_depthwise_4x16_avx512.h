// SPDX-License-Identifier: Apache-2.0

// Float depthwise convolution with any kernel and step, 4 pixels x 16 channels. Contract:
// float_depthwise_1x16.h.

CK_INLINE void float_depthwise_tile(
    const int pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const float *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const float *w,
    ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp, __mmask16 mask,
    float *output) {
    __m512 sums[4];
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
    CK_WITH_BOUNDS(
        clamp, CK_UNROLL_ALL
        for (int p = 0; p < pixels; p++) {
            __m512 value = clamp_lanes16(_mm512_add_ps(sums[p], biases), bounds);
            _mm512_mask_storeu_ps(output + p * channels, mask, value);
        })
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
    while (pixels > 0) {
        int tile = pixels >= 4 ? 4 : 1;
        if (tile == 4) {
            CK_TILE(4)
        } else {
            CK_TILE(1)
        }
        pixels -= tile;
        x += tile * pixel_step;
        output += tile * channels;
    }
}

#undef CK_TILE
