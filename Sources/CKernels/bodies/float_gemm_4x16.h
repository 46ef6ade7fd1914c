// SPDX-License-Identifier: Apache-2.0

// Float matrix product with weight panels: out[row][c] (+)= a[row][k] * w[k][c], k ascending,
// fused.
//
// Shared contract of the float_gemm bodies:
//   rows, depth      extent of this block
//   a, a_stride      [rows][depth], stride in elements
//   w                first panel, [depth][16]
//   w_panel          elements from panel to panel
//   is_first         0: the chains continue from `output`
//   bias, clamp      bias of whole panels, applied after the last step; NULL: not the last block
//   output           [rows][channels], stride in elements; channels in [1, 16 * CK_FLOAT_PANELS]

/// Weight panels that one call takes, and the reduction steps: a panel's part then stays in the
/// first-level cache, or (512 steps, 32 KiB) comes from the second.
#define CK_FLOAT_PANELS 1
#define CK_FLOAT_DEPTH 512

/// Copies a few floats, 9 in a first layer; a call of memcpy takes longer.
CK_INLINE void copy_floats(ptrdiff_t count, const float *source, float *target) {
    for (ptrdiff_t i = 0; i < count; i++) target[i] = source[i];
}

CK_INLINE void float_gemm_rows(
    const int rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *w,
    int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels, float *output,
    ptrdiff_t output_stride) {
    float sums[4][CK_PANEL];
    for (int row = 0; row < rows; row++) {
        for (int c = 0; c < CK_PANEL; c++) {
            sums[row][c] = !is_first && c < channels ? output[row * output_stride + c] : 0.0f;
        }
    }
    for (ptrdiff_t k = 0; k < depth; k++, w += CK_PANEL) {
        for (int row = 0; row < rows; row++) {
            float x = a[row * a_stride + k];
            for (int c = 0; c < CK_PANEL; c++) sums[row][c] = fmaf(x, w[c], sums[row][c]);
        }
    }
    for (int row = 0; row < rows; row++) {
        if (bias) {
            for (int c = 0; c < CK_PANEL; c++) {
                sums[row][c] = clamp_value(sums[row][c] + bias[c], clamp);
            }
        }
        memcpy(output + row * output_stride, sums[row], (size_t)channels * sizeof(float));
    }
}

CK_FUNCTION void float_gemm(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_stride, const float *w,
    ptrdiff_t w_panel, int is_first, const float *bias, ck_clamp clamp, ptrdiff_t channels,
    float *output, ptrdiff_t output_stride) {
    (void)w_panel;
    ptrdiff_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        float_gemm_rows(
            4, depth, a + row * a_stride, a_stride, w, is_first, bias, clamp, channels,
            output + row * output_stride, output_stride);
    }
    for (; row < rows; row++) {
        float_gemm_rows(
            1, depth, a + row * a_stride, a_stride, w, is_first, bias, clamp, channels,
            output + row * output_stride, output_stride);
    }
}
