// SPDX-License-Identifier: Apache-2.0

// The matrix of an integer convolution in int16: rows are widened with the zero point subtracted,
// so padding is 0. Packed weights, S = CK_INTEGER_STEPS of the gemm body: [group][panel][depth /
// S][16][S].
//
// Shared contract of the functions by which integer_convolution.h meets a layout:
//   pack_*         weights of all groups; 0 if memory is short
//   *_rows_bytes   scratch of one block of rows
//   *_rows         output pixels [first, first + rows) of a group as rows of the matrix
//   *_panel        their sums with panel `index`, counted over all groups

/// Reduction steps per pass over a panel, even: a panel block then takes 16 KiB.
#define CK_INTEGER_DEPTH 512

CK_FUNCTION int pack_words(ck_integer_convolution *c, const int16_t *weights) {
    const ck_plan *plan = &c->plan;
    const ptrdiff_t steps = CK_INTEGER_STEPS;
    c->padded_depth = ck_round_up(plan->depth, steps);
    ptrdiff_t panel_size = c->padded_depth * CK_PANEL;
    int16_t *packed = c->weights = ck_allocate(
        plan->geometry.groups * plan->panels * panel_size * (ptrdiff_t)sizeof(int16_t));
    if (!packed) return 0;
    for (ptrdiff_t channel = 0; channel < plan->geometry.output_channels; channel++) {
        const int16_t *w = weights + channel * plan->depth;
        ptrdiff_t group = channel / plan->group_output, within = channel % plan->group_output;
        ptrdiff_t panel = group * plan->panels + within / CK_PANEL;
        int16_t *column = packed + panel * panel_size + within % CK_PANEL * steps;
        for (ptrdiff_t k = 0; k < plan->depth; k++) {
            column[k / steps * (steps * CK_PANEL) + k % steps] = w[k];
        }
    }
    return 1;
}

CK_INLINE ptrdiff_t word_rows_bytes(const ck_integer_convolution *c) {
    return c->plan.block_rows * c->padded_depth * (ptrdiff_t)sizeof(int16_t);
}

CK_INLINE void widen(
    ptrdiff_t count, const uint8_t *input, int32_t zero_point, int16_t *output) {
    for (ptrdiff_t i = 0; i < count; i++) output[i] = (int16_t)(input[i] - zero_point);
}

/// Writes the windows of output pixels [first, first + rows) as matrix rows [rows][padded depth].
CK_FUNCTION void gather_integer(
    const ck_integer_convolution *c, ptrdiff_t group, ptrdiff_t first, ptrdiff_t rows,
    const uint8_t *input, int16_t *gathered) {
    const ck_plan *plan = &c->plan;
    const ck_geometry *g = &plan->geometry;
    ptrdiff_t run = plan->group_input;
    for (ptrdiff_t row = 0; row < rows; row++, gathered += c->padded_depth) {
        ptrdiff_t oy = (first + row) / g->output_width, ox = (first + row) % g->output_width;
        ptrdiff_t iy = oy * g->stride_height - g->pad_top;
        ptrdiff_t ix = ox * g->stride_width - g->pad_left;
        ck_taps columns = valid_taps(ix, g->dilation_width, g->kernel_width, g->input_width);
        int is_whole = g->groups == 1 && g->dilation_width == 1
            && columns.first == 0 && columns.end == g->kernel_width;
        if (c->padded_depth > plan->depth) gathered[plan->depth] = 0;
        int16_t *target = gathered;
        for (ptrdiff_t ky = 0; ky < g->kernel_height; ky++, target += g->kernel_width * run) {
            ptrdiff_t y = iy + ky * g->dilation_height;
            if (y < 0 || y >= g->input_height) {
                memset(target, 0, (size_t)(g->kernel_width * run) * sizeof(int16_t));
                continue;
            }
            const uint8_t *line = input + y * g->input_width * g->input_channels + group * run;
            if (is_whole) {
                widen(g->kernel_width * run, line + ix * run, c->input_zero_point, target);
                continue;
            }
            for (ptrdiff_t kx = 0; kx < g->kernel_width; kx++) {
                if (kx < columns.first || kx >= columns.end) {
                    memset(target + kx * run, 0, (size_t)run * sizeof(int16_t));
                } else {
                    const uint8_t *x = line + (ix + kx * g->dilation_width) * g->input_channels;
                    widen(run, x, c->input_zero_point, target + kx * run);
                }
            }
        }
    }
}

CK_INLINE ck_integer_rows word_rows(
    const ck_integer_convolution *c, ptrdiff_t group, ptrdiff_t first, ptrdiff_t rows,
    const uint8_t *input, void *scratch) {
    gather_integer(c, group, first, rows, input, scratch);
    return (ck_integer_rows){scratch, c->padded_depth};
}

/// One block of rows against one panel, the reduction cut so that a panel block stays cached.
CK_FUNCTION void word_panel(
    const ck_integer_convolution *c, ptrdiff_t index, ptrdiff_t rows, ck_integer_rows a,
    ptrdiff_t channels, int32_t *output, ptrdiff_t output_stride) {
    const int16_t *values = a.values;
    const int16_t *weights = (const int16_t *)c->weights + index * c->padded_depth * CK_PANEL;
    ptrdiff_t step = CK_INTEGER_DEPTH;
    for (ptrdiff_t k = 0; k < c->padded_depth; k += step) {
        ptrdiff_t rest = c->padded_depth - k;
        integer_gemm(
            rows, (rest < step ? rest : step) / CK_INTEGER_STEPS, values + k, a.stride,
            weights + k * CK_PANEL, k == 0, channels, output, output_stride);
    }
}
