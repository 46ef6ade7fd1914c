// SPDX-License-Identifier: Apache-2.0

// Float depthwise convolution, up to 8 pixels x 8 channels in 16 registers. Where the kernel is 3
// or 5 wide and neighbours overlap, a tile reads each column of a row once. Contract:
// float_depthwise_1x16.h.

typedef struct ck_float_pair {
    float32x4_t half[2];
} ck_float_pair;

/// The first `count` of eight floats.
CK_INLINE ck_float_pair load_pair(const float *source, ptrdiff_t count) {
    return (ck_float_pair){{load_floats(source, count), load_floats(source + 4, count - 4)}};
}

CK_INLINE void multiply_add(ck_float_pair *sum, ck_float_pair value, ck_float_pair weights) {
    sum->half[0] = vfmaq_f32(sum->half[0], value.half[0], weights.half[0]);
    sum->half[1] = vfmaq_f32(sum->half[1], value.half[1], weights.half[1]);
}

CK_INLINE void store_depthwise(
    const int pixels, const ck_float_pair *sums, const float *bias, ck_clamp clamp,
    ptrdiff_t count, ptrdiff_t channels, float *output) {
    CK_WITH_BOUNDS(
        clamp, CK_UNROLL_ALL
        for (int p = 0; p < pixels; p++) {
            CK_UNROLL_ALL
            for (int i = 0; i < 2; i++) {
                float32x4_t value = vaddq_f32(sums[p].half[i], vld1q_f32(bias + 4 * i));
                store_floats(
                    output + p * channels + 4 * i, count - 4 * i, clamp_lanes(value, bounds));
            }
        })
}

/// `width` taps per row, known when compiled, `step` columns from pixel to pixel.
CK_INLINE void float_depthwise_sliding(
    const int pixels, const int width, const int step, ptrdiff_t count, ptrdiff_t channels,
    ptrdiff_t taps_y, const float *x, ptrdiff_t row_step, ptrdiff_t column_step, const float *w,
    ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp, float *output) {
    ck_float_pair sums[8] = {0};
    for (ptrdiff_t ky = 0; ky < taps_y; ky++, x += row_step, w += w_row) {
        ck_float_pair weights[5];
        CK_UNROLL_ALL
        for (int kx = 0; kx < width; kx++) weights[kx] = load_pair(w + kx * w_column, 8);
        // Column by column; a pixel still meets its taps in order.
        CK_UNROLL_ALL
        for (int column = 0; column < (pixels - 1) * step + width; column++) {
            ck_float_pair value = load_pair(x + column * column_step, count);
            CK_UNROLL_ALL
            for (int p = 0; p < pixels; p++) {
                int kx = column - p * step;
                if (kx >= 0 && kx < width) multiply_add(&sums[p], value, weights[kx]);
            }
        }
    }
    store_depthwise(pixels, sums, bias, clamp, count, channels, output);
}

/// Any number of taps and any step.
CK_INLINE void float_depthwise_tile(
    const int pixels, ptrdiff_t count, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x,
    const float *x, ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step,
    const float *w, ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp,
    float *output) {
    ck_float_pair sums[8] = {0};
    for (ptrdiff_t ky = 0; ky < taps_y; ky++) {
        for (ptrdiff_t kx = 0; kx < taps_x; kx++) {
            const float *xs = x + ky * row_step + kx * column_step;
            ck_float_pair weights = load_pair(w + ky * w_row + kx * w_column, 8);
            CK_UNROLL_ALL
            for (int p = 0; p < pixels; p++) {
                multiply_add(&sums[p], load_pair(xs + p * pixel_step, count), weights);
            }
        }
    }
    store_depthwise(pixels, sums, bias, clamp, count, channels, output);
}

/// All channels; whole blocks are compiled without branches on the count.
#define CK_CHANNELS(tile) \
    for (ptrdiff_t c = 0; c < channels; c += 8) { \
        if (channels - c >= 8) { \
            const ptrdiff_t count = 8; \
            tile; \
        } else { \
            const ptrdiff_t count = channels - c; \
            tile; \
        } \
    }
#define CK_SLIDING(pixels, width, step) \
    CK_CHANNELS(float_depthwise_sliding( \
        pixels, width, step, count, channels, taps_y, x + c, row_step, column_step, w + c, \
        w_row, w_column, bias + c, clamp, output + c))
#define CK_TILE(pixels) \
    CK_CHANNELS(float_depthwise_tile( \
        pixels, count, channels, taps_y, taps_x, x + c, pixel_step, row_step, column_step, w + c, \
        w_row, w_column, bias + c, clamp, output + c))
#define CK_PIXELS(pixels) \
    if (step == 1 && taps_x == 3) { \
        CK_SLIDING(pixels, 3, 1) \
    } else if (step == 2 && taps_x == 3) { \
        CK_SLIDING(pixels, 3, 2) \
    } else if (step == 1 && taps_x == 5) { \
        CK_SLIDING(pixels, 5, 1) \
    } else if (step == 2 && taps_x == 5) { \
        CK_SLIDING(pixels, 5, 2) \
    } else { \
        CK_TILE(pixels) \
    }

CK_FUNCTION void float_depthwise(
    ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const float *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const float *w,
    ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp, float *output) {
    int step = pixel_step == column_step ? 1 : pixel_step == 2 * column_step ? 2 : 0;
    while (pixels > 0) {
        ptrdiff_t tile = pixels >= 8 ? 8 : pixels >= 4 ? 4 : 1;
        if (tile == 8) {
            CK_PIXELS(8)
        } else if (tile == 4) {
            CK_PIXELS(4)
        } else {
            CK_TILE(1)
        }
        pixels -= tile;
        x += tile * pixel_step;
        output += tile * channels;
    }
}

#undef CK_CHANNELS
#undef CK_SLIDING
#undef CK_TILE
#undef CK_PIXELS
