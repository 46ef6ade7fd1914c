// Integer convolution of one image: widened blocks of output pixels times weight panels
// (integer_gemm), or runs of pixels (integer_depthwise). Rows are widened to int16 with the zero
// point subtracted, so padding is 0. Packed weights are int16, S = CK_INTEGER_STEPS of the gemm body:
// [group][panel][depth / S][16][S]; depthwise [tap][panels * 16]. Missing channels and steps are zero.

CK_FUNCTION int integer_pack(ck_integer_convolution *c, const int16_t *weights) {
    const ck_plan *plan = &c->plan;
    int is_depthwise = plan->method == CK_DEPTHWISE;
    const ptrdiff_t steps = CK_INTEGER_STEPS;
    c->padded_depth = is_depthwise ? plan->depth : ck_round_up(plan->depth, steps);
    ptrdiff_t groups = is_depthwise ? 1 : plan->geometry.groups, padded = plan->panels * CK_PANEL;
    int16_t *packed = c->weights =
        ck_allocate(groups * padded * c->padded_depth * (ptrdiff_t)sizeof(int16_t));
    if (!packed) return 0;
    for (ptrdiff_t channel = 0; channel < plan->geometry.output_channels; channel++) {
        const int16_t *w = weights + channel * plan->depth;
        if (is_depthwise) {
            for (ptrdiff_t tap = 0; tap < plan->depth; tap++) packed[tap * padded + channel] = w[tap];
            continue;
        }
        ptrdiff_t group = channel / plan->group_output, within = channel % plan->group_output;
        ptrdiff_t panel = group * plan->panels + within / CK_PANEL;
        int16_t *column = packed + panel * c->padded_depth * CK_PANEL + within % CK_PANEL * steps;
        for (ptrdiff_t k = 0; k < plan->depth; k++) {
            column[k / steps * (steps * CK_PANEL) + k % steps] = w[k];
        }
    }
    return 1;
}

/// Widened rows, then one panel of accumulators (depthwise: one output row of accumulators).
CK_FUNCTION size_t integer_scratch(const ck_integer_convolution *c) {
    const ck_plan *plan = &c->plan;
    ptrdiff_t rows = 0, width = plan->geometry.output_channels;
    if (plan->method != CK_DEPTHWISE) {
        rows = plan->block_rows * c->padded_depth * (ptrdiff_t)sizeof(int16_t);
        width = CK_PANEL;
    }
    ptrdiff_t accumulators = plan->block_rows * width * (ptrdiff_t)sizeof(int32_t);
    return (size_t)(ck_round_up(rows, 64) + ck_round_up(accumulators, 64));
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

/// One block of rows against one panel, the reduction cut so that a panel block stays cached.
CK_FUNCTION void integer_panel(
    const ck_integer_convolution *c, ptrdiff_t index, ptrdiff_t rows, const int16_t *a,
    ptrdiff_t channels, int32_t *output, ptrdiff_t output_stride) {
    const int16_t *weights = (const int16_t *)c->weights + index * c->padded_depth * CK_PANEL;
    ptrdiff_t step = CK_DEPTH_BLOCK;
    for (ptrdiff_t k = 0; k < c->padded_depth; k += step) {
        ptrdiff_t rest = c->padded_depth - k;
        integer_gemm(
            rows, (rest < step ? rest : step) / CK_INTEGER_STEPS, a + k, c->padded_depth, weights + k * CK_PANEL,
            k == 0, channels, output, output_stride);
    }
}

/// Accumulators of output row `oy`.
CK_FUNCTION void integer_depthwise_line(
    const ck_integer_convolution *c, ptrdiff_t oy, const uint8_t *input, int32_t *output) {
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t channels = g->output_channels, w_column = c->plan.panels * CK_PANEL;
    ptrdiff_t iy = oy * g->stride_height - g->pad_top;
    ck_taps rows = valid_taps(iy, g->dilation_height, g->kernel_height, g->input_height);
    iy += rows.first * g->dilation_height;
    for (ptrdiff_t ox = 0; ox < g->output_width;) {
        ptrdiff_t ix = ox * g->stride_width - g->pad_left;
        ck_taps columns = valid_taps(ix, g->dilation_width, g->kernel_width, g->input_width);
        ptrdiff_t run = uniform_run(g, ox, ix, columns);
        ix += columns.first * g->dilation_width;
        integer_depthwise(
            run, channels, rows.end - rows.first, columns.end - columns.first,
            input + (iy * g->input_width + ix) * channels, g->stride_width * channels,
            g->dilation_height * g->input_width * channels, g->dilation_width * channels,
            (const int16_t *)c->weights + (rows.first * g->kernel_width + columns.first) * w_column,
            g->kernel_width * w_column, w_column, c->input_zero_point, output + ox * channels);
        ox += run;
    }
}

CK_FUNCTION void integer_accumulate(
    const ck_integer_convolution *c, const uint8_t *input, int32_t *accumulators, void *scratch) {
    const ck_plan *plan = &c->plan;
    ptrdiff_t stride = plan->geometry.output_channels;
    if (plan->method == CK_DEPTHWISE) {
        for (ptrdiff_t oy = 0; oy < plan->geometry.output_height; oy++) {
            integer_depthwise_line(
                c, oy, input, accumulators + oy * plan->geometry.output_width * stride);
        }
        return;
    }
    int16_t *gathered = scratch;
    for (ptrdiff_t group = 0; group < plan->geometry.groups; group++) {
        for (ptrdiff_t row = 0; row < plan->rows; row += plan->block_rows) {
            ptrdiff_t left = plan->rows - row;
            ptrdiff_t rows = left < plan->block_rows ? left : plan->block_rows;
            gather_integer(c, group, row, rows, input, gathered);
            for (ptrdiff_t panel = 0; panel < plan->panels; panel++) {
                ptrdiff_t first = panel * CK_PANEL, rest = plan->group_output - first;
                integer_panel(
                    c, group * plan->panels + panel, rows, gathered,
                    rest < CK_PANEL ? rest : CK_PANEL,
                    accumulators + row * stride + group * plan->group_output + first, stride);
            }
        }
    }
}

CK_FUNCTION void integer_run(
    const ck_integer_convolution *c, const uint8_t *input, uint8_t *output, const int32_t *bias,
    const float *multipliers, ck_target target, const ck_pass *pass, void *scratch) {
    const ck_plan *plan = &c->plan;
    ptrdiff_t stride = plan->geometry.output_channels, width = plan->geometry.output_width;
    ptrdiff_t mask_stride = ck_mask_stride(stride);
    if (pass) memset(pass->mask, 0, (size_t)(plan->rows * mask_stride));
    if (plan->method == CK_DEPTHWISE) {
        for (ptrdiff_t oy = 0; oy < plan->geometry.output_height; oy++) {
            integer_depthwise_line(c, oy, input, scratch);
            uint8_t *line = output + oy * width * stride;
            if (pass) {
                requantize_masked(
                    width, stride, scratch, stride, bias, multipliers, target, line, stride,
                    pass->low, pass->high, pass->mask + oy * width * mask_stride, mask_stride, 0);
            } else {
                requantize(
                    width, stride, scratch, stride, bias, multipliers, target, line, stride);
            }
        }
        return;
    }
    int16_t *gathered = scratch;
    ptrdiff_t bytes = plan->block_rows * c->padded_depth * (ptrdiff_t)sizeof(int16_t);
    int32_t *sums = (int32_t *)((char *)scratch + ck_round_up(bytes, 64));
    for (ptrdiff_t group = 0; group < plan->geometry.groups; group++) {
        for (ptrdiff_t row = 0; row < plan->rows; row += plan->block_rows) {
            ptrdiff_t left = plan->rows - row;
            ptrdiff_t rows = left < plan->block_rows ? left : plan->block_rows;
            gather_integer(c, group, row, rows, input, gathered);
            for (ptrdiff_t panel = 0; panel < plan->panels; panel++) {
                ptrdiff_t within = panel * CK_PANEL, rest = plan->group_output - within;
                ptrdiff_t channels = rest < CK_PANEL ? rest : CK_PANEL;
                ptrdiff_t first = group * plan->group_output + within;
                integer_panel(
                    c, group * plan->panels + panel, rows, gathered, channels, sums, CK_PANEL);
                uint8_t *bytes = output + row * stride + first;
                if (pass) {
                    requantize_masked(
                        rows, channels, sums, CK_PANEL, bias + first, multipliers + first, target,
                        bytes, stride, pass->low + first, pass->high + first,
                        pass->mask + row * mask_stride, mask_stride, first);
                } else {
                    requantize(
                        rows, channels, sums, CK_PANEL, bias + first, multipliers + first, target,
                        bytes, stride);
                }
            }
        }
    }
}
