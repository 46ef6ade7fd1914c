// SPDX-License-Identifier: Apache-2.0

// Float depthwise convolution, 4 pixels x 16 channels in 8 registers. Contract:
// float_depthwise_1x16.h.

/// `vectors` vectors of channels; `masks` NULL where all of them are full.
CK_INLINE void float_depthwise_tile(
    const int pixels, const int vectors, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x,
    const float *x, ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step,
    const float *w, ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp,
    const __m256i *masks, float *output) {
    __m256 sums[4][2];
    for (int p = 0; p < pixels; p++) {
        for (int v = 0; v < vectors; v++) sums[p][v] = _mm256_setzero_ps();
    }
    for (ptrdiff_t ky = 0; ky < taps_y; ky++) {
        for (ptrdiff_t kx = 0; kx < taps_x; kx++) {
            const float *xs = x + ky * row_step + kx * column_step;
            const float *ws = w + ky * w_row + kx * w_column;
            for (int v = 0; v < vectors; v++) {
                __m256 weights = _mm256_load_ps(ws + 8 * v);
                for (int p = 0; p < pixels; p++) {
                    const float *source = xs + p * pixel_step + 8 * v;
                    __m256 value = masks ? _mm256_maskload_ps(source, masks[v])
                                         : _mm256_loadu_ps(source);
                    sums[p][v] = _mm256_fmadd_ps(value, weights, sums[p][v]);
                }
            }
        }
    }
    CK_WITH_BOUNDS(
        clamp, for (int p = 0; p < pixels; p++) {
            for (int v = 0; v < vectors; v++) {
                float *target = output + p * channels + 8 * v;
                __m256 value = _mm256_add_ps(sums[p][v], _mm256_load_ps(bias + 8 * v));
                value = clamp_lanes(value, bounds);
                if (masks) {
                    _mm256_maskstore_ps(target, masks[v], value);
                } else {
                    _mm256_storeu_ps(target, value);
                }
            }
        })
}

/// All channels of `pixels` pixels.
CK_INLINE void float_depthwise_pixels(
    const int pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const float *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const float *w,
    ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp, float *output) {
    ptrdiff_t c = 0;
    for (; c + 16 <= channels; c += 16) {
        float_depthwise_tile(
            pixels, 2, channels, taps_y, taps_x, x + c, pixel_step, row_step, column_step, w + c,
            w_row, w_column, bias + c, clamp, NULL, output + c);
    }
    for (; c < channels; c += 8) {
        __m256i mask = lane_mask(channels - c);
        float_depthwise_tile(
            pixels, 1, channels, taps_y, taps_x, x + c, pixel_step, row_step, column_step, w + c,
            w_row, w_column, bias + c, clamp, &mask, output + c);
    }
}

CK_FUNCTION void float_depthwise(
    ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const float *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const float *w,
    ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp, float *output) {
    for (; pixels >= 4; pixels -= 4, x += 4 * pixel_step, output += 4 * channels) {
        float_depthwise_pixels(
            4, channels, taps_y, taps_x, x, pixel_step, row_step, column_step, w, w_row, w_column,
            bias, clamp, output);
    }
    for (; pixels > 0; pixels--, x += pixel_step, output += channels) {
        float_depthwise_pixels(
            1, channels, taps_y, taps_x, x, pixel_step, row_step, column_step, w, w_row, w_column,
            bias, clamp, output);
    }
}
