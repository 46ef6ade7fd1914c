// SPDX-License-Identifier: Apache-2.0

// Integer depthwise convolution of a run of pixels that read the same taps: sums of
// (x - zero_point) * w. Arguments as float_depthwise; output int32 [pixels][channels].

CK_FUNCTION void integer_depthwise(
    ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const uint8_t *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const int16_t *w,
    ptrdiff_t w_row, ptrdiff_t w_column, int32_t zero_point, int32_t *output) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, x += pixel_step, output += channels) {
        for (ptrdiff_t first = 0; first < channels; first += CK_PANEL) {
            ptrdiff_t count = channels - first < CK_PANEL ? channels - first : CK_PANEL;
            int32_t sums[CK_PANEL] = {0};
            for (ptrdiff_t ky = 0; ky < taps_y; ky++) {
                for (ptrdiff_t kx = 0; kx < taps_x; kx++) {
                    const uint8_t *xs = x + ky * row_step + kx * column_step + first;
                    const int16_t *ws = w + ky * w_row + kx * w_column + first;
                    for (int c = 0; c < count; c++) {
                        sums[c] = wrapping_add(sums[c], (xs[c] - zero_point) * ws[c]);
                    }
                }
            }
            memcpy(output + first, sums, (size_t)count * sizeof(int32_t));
        }
    }
}
