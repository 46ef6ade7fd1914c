// SPDX-License-Identifier: Apache-2.0

// Float depthwise convolution of a run of pixels of one output row that read the same taps.
//
// Shared contract of the float_depthwise bodies:
//   pixels, channels   extent of the run
//   taps_y, taps_x     taps, already cut to those inside the input
//   x                  first tap of the first pixel; pixel_step, row_step, column_step: elements
//                      between pixels and between taps
//   w                  first tap; w_row: elements between kernel rows; w_column: between columns
//   output             [pixels][channels]

CK_FUNCTION void float_depthwise(
    ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const float *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const float *w,
    ptrdiff_t w_row, ptrdiff_t w_column, const float *bias, ck_clamp clamp, float *output) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, x += pixel_step, output += channels) {
        for (ptrdiff_t first = 0; first < channels; first += CK_PANEL) {
            ptrdiff_t count = channels - first < CK_PANEL ? channels - first : CK_PANEL;
            float sums[CK_PANEL] = {0};
            for (ptrdiff_t ky = 0; ky < taps_y; ky++) {
                for (ptrdiff_t kx = 0; kx < taps_x; kx++) {
                    const float *xs = x + ky * row_step + kx * column_step + first;
                    const float *ws = w + ky * w_row + kx * w_column + first;
                    if (count == CK_PANEL) {
                        for (int c = 0; c < CK_PANEL; c++) sums[c] = fmaf(xs[c], ws[c], sums[c]);
                    } else {
                        for (int c = 0; c < count; c++) sums[c] = fmaf(xs[c], ws[c], sums[c]);
                    }
                }
            }
            for (ptrdiff_t c = 0; c < count; c++) {
                output[first + c] = clamp_value(sums[c] + bias[first + c], clamp);
            }
        }
    }
}
