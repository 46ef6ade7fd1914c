// SPDX-License-Identifier: Apache-2.0

// Rows of the matrix as bytes, in quads of reduction steps: the input as it lies, or windows
// gathered from it by `copy_run`. Where that writes behind its bytes, the table's scratch has room
// for it.

/// Whether rows of the input serve as rows of the matrix as they lie.
CK_INLINE int is_direct(const ck_plan *plan) {
    return plan->method == CK_POINTWISE && plan->group_input % 4 == 0;
}

/// Writes the windows of output pixels [first, first + rows) as matrix rows [rows][padded depth],
/// in order, and as far behind them as `copy_run` does.
CK_FUNCTION void gather_quads(
    const ck_integer_convolution *c, ptrdiff_t group, ptrdiff_t first, ptrdiff_t rows,
    const uint8_t *input, uint8_t *gathered) {
    const ck_plan *plan = &c->plan;
    const ck_geometry *g = &plan->geometry;
    ptrdiff_t run = plan->group_input, zero_point = c->input_zero_point;
    for (ptrdiff_t row = 0; row < rows; row++, gathered += c->padded_depth) {
        ptrdiff_t oy = (first + row) / g->output_width, ox = (first + row) % g->output_width;
        ptrdiff_t iy = oy * g->stride_height - g->pad_top;
        ptrdiff_t ix = ox * g->stride_width - g->pad_left;
        ck_taps columns = valid_taps(ix, g->dilation_width, g->kernel_width, g->input_width);
        int is_whole = g->groups == 1 && g->dilation_width == 1
            && columns.first == 0 && columns.end == g->kernel_width;
        uint8_t *target = gathered;
        for (ptrdiff_t ky = 0; ky < g->kernel_height; ky++, target += g->kernel_width * run) {
            ptrdiff_t y = iy + ky * g->dilation_height;
            if (y < 0 || y >= g->input_height) {
                memset(target, (int)zero_point, (size_t)(g->kernel_width * run));
                continue;
            }
            const uint8_t *line = input + y * g->input_width * g->input_channels + group * run;
            if (is_whole) {
                copy_run(target, line + ix * run, g->kernel_width * run);
                continue;
            }
            for (ptrdiff_t kx = 0; kx < g->kernel_width; kx++) {
                if (kx < columns.first || kx >= columns.end) {
                    memset(target + kx * run, (int)zero_point, (size_t)run);
                } else {
                    const uint8_t *x = line + (ix + kx * g->dilation_width) * g->input_channels;
                    copy_run(target + kx * run, x, run);
                }
            }
        }
        for (ptrdiff_t k = plan->depth; k < c->padded_depth; k++) gathered[k] = 0;
    }
}
