// SPDX-License-Identifier: Apache-2.0

// Integer depthwise convolution, 4 pixels x 16 channels in 16 registers: bytes are widened with the
// zero point subtracted (usubl) and multiplied into int32 (smlal). Contract:
// integer_depthwise_1x16.h.

CK_INLINE void integer_depthwise_tile(
    const int pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const uint8_t *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const int16_t *w,
    ptrdiff_t w_row, ptrdiff_t w_column, int32_t zero_point, int32_t *output) {
    uint8x16_t zero = vdupq_n_u8((uint8_t)zero_point);
    int32x4_t sums[4][4];
    CK_UNROLL_ALL
    for (int p = 0; p < pixels; p++) {
        CK_UNROLL_ALL
        for (int v = 0; v < 4; v++) sums[p][v] = vdupq_n_s32(0);
    }
    for (ptrdiff_t ky = 0; ky < taps_y; ky++) {
        for (ptrdiff_t kx = 0; kx < taps_x; kx++) {
            const int16_t *ws = w + ky * w_row + kx * w_column;
            const uint8_t *xs = x + ky * row_step + kx * column_step;
            int16x8_t w0 = vld1q_s16(ws), w1 = vld1q_s16(ws + 8);
            CK_UNROLL_ALL
            for (int p = 0; p < pixels; p++) {
                uint8x16_t bytes = vld1q_u8(xs + p * pixel_step);
                int16x8_t x0 = vreinterpretq_s16_u16(
                    vsubl_u8(vget_low_u8(bytes), vget_low_u8(zero)));
                int16x8_t x1 = vreinterpretq_s16_u16(vsubl_high_u8(bytes, zero));
                sums[p][0] = vmlal_s16(sums[p][0], vget_low_s16(x0), vget_low_s16(w0));
                sums[p][1] = vmlal_high_s16(sums[p][1], x0, w0);
                sums[p][2] = vmlal_s16(sums[p][2], vget_low_s16(x1), vget_low_s16(w1));
                sums[p][3] = vmlal_high_s16(sums[p][3], x1, w1);
            }
        }
    }
    CK_UNROLL_ALL
    for (int p = 0; p < pixels; p++) {
        CK_UNROLL_ALL
        for (int v = 0; v < 4; v++) vst1q_s32(output + p * channels + 4 * v, sums[p][v]);
    }
}

/// All channels of `pixels` pixels. Of a last block that is not whole, some are computed twice;
/// fewer than 16 channels are computed one by one.
CK_INLINE void integer_depthwise_pixels(
    const int pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const uint8_t *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const int16_t *w,
    ptrdiff_t w_row, ptrdiff_t w_column, int32_t zero_point, int32_t *output) {
    for (ptrdiff_t block = 0; block < channels && channels >= 16; block += 16) {
        ptrdiff_t c = block + 16 <= channels ? block : channels - 16;
        integer_depthwise_tile(
            pixels, channels, taps_y, taps_x, x + c, pixel_step, row_step, column_step, w + c,
            w_row, w_column, zero_point, output + c);
    }
    for (ptrdiff_t c = 0; c < channels && channels < 16; c++) {
        for (int p = 0; p < pixels; p++) {
            int32_t sum = 0;
            for (ptrdiff_t ky = 0; ky < taps_y; ky++) {
                for (ptrdiff_t kx = 0; kx < taps_x; kx++) {
                    int32_t value = x[p * pixel_step + ky * row_step + kx * column_step + c];
                    int32_t weight = w[ky * w_row + kx * w_column + c];
                    sum = wrapping_add(sum, (value - zero_point) * weight);
                }
            }
            output[p * channels + c] = sum;
        }
    }
}

CK_FUNCTION void integer_depthwise(
    ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const uint8_t *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const int16_t *w,
    ptrdiff_t w_row, ptrdiff_t w_column, int32_t zero_point, int32_t *output) {
    for (; pixels >= 4; pixels -= 4, x += 4 * pixel_step, output += 4 * channels) {
        integer_depthwise_pixels(
            4, channels, taps_y, taps_x, x, pixel_step, row_step, column_step, w, w_row, w_column,
            zero_point, output);
    }
    for (; pixels > 0; pixels--, x += pixel_step, output += channels) {
        integer_depthwise_pixels(
            1, channels, taps_y, taps_x, x, pixel_step, row_step, column_step, w, w_row, w_column,
            zero_point, output);
    }
}
