// SPDX-License-Identifier: Apache-2.0

// Integer matrix product with one weight panel: out[row][c] (+)= a[row][k] * w[k][c], exact in
// int32.
//
// Shared contract of the integer_gemm bodies:
//   rows, pairs      extent of this block; CK_INTEGER_STEPS reduction steps form a pair: 2, or 1 on
//                    machines that have no use for pairs
//   a, a_stride      [rows][steps * pairs], stride in elements
//   w                panel, [pairs][16][steps]
//   is_first         0: sums continue from `output`
//   output           [rows][channels], stride in elements; channels in [1, 16]

/// Reduction steps that lie side by side in a panel.
#define CK_INTEGER_STEPS 2

CK_INLINE void integer_gemm_rows(
    const int rows, ptrdiff_t pairs, const int16_t *a, ptrdiff_t a_stride, const int16_t *w,
    int is_first, ptrdiff_t channels, int32_t *output, ptrdiff_t output_stride) {
    int32_t sums[4][CK_PANEL];
    for (int row = 0; row < rows; row++) {
        for (int c = 0; c < CK_PANEL; c++) {
            sums[row][c] = !is_first && c < channels ? output[row * output_stride + c] : 0;
        }
    }
    for (ptrdiff_t k = 0; k < pairs; k++, w += 2 * CK_PANEL) {
        for (int row = 0; row < rows; row++) {
            int32_t x0 = a[row * a_stride + 2 * k], x1 = a[row * a_stride + 2 * k + 1];
            for (int c = 0; c < CK_PANEL; c++) {
                sums[row][c] = wrapping_add(sums[row][c], x0 * w[2 * c] + x1 * w[2 * c + 1]);
            }
        }
    }
    for (int row = 0; row < rows; row++) {
        memcpy(output + row * output_stride, sums[row], (size_t)channels * sizeof(int32_t));
    }
}

CK_FUNCTION void integer_gemm(
    ptrdiff_t rows, ptrdiff_t pairs, const int16_t *a, ptrdiff_t a_stride, const int16_t *w,
    int is_first, ptrdiff_t channels, int32_t *output, ptrdiff_t output_stride) {
    ptrdiff_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        integer_gemm_rows(
            4, pairs, a + row * a_stride, a_stride, w, is_first, channels,
            output + row * output_stride, output_stride);
    }
    for (; row < rows; row++) {
        integer_gemm_rows(
            1, pairs, a + row * a_stride, a_stride, w, is_first, channels,
            output + row * output_stride, output_stride);
    }
}
