// SPDX-License-Identifier: Apache-2.0

// Integer convolution of one image: blocks of output pixels times weight panels (integer_rows,
// integer_panel), or runs of pixels (integer_depthwise). Packed weights of a depthwise one are
// int16, [tap][panels * 16]; the others' layout belongs to `pack_panels`. Missing channels and
// steps are zero.

CK_FUNCTION int integer_pack(ck_integer_convolution *c, const int16_t *weights) {
    const ck_plan *plan = &c->plan;
    if (plan->method != CK_DEPTHWISE) return pack_panels(c, weights);
    ptrdiff_t padded = plan->panels * CK_PANEL;
    int16_t *packed = c->weights =
        ck_allocate(padded * plan->depth * (ptrdiff_t)sizeof(int16_t));
    if (!packed) return 0;
    for (ptrdiff_t channel = 0; channel < plan->geometry.output_channels; channel++) {
        const int16_t *w = weights + channel * plan->depth;
        for (ptrdiff_t tap = 0; tap < plan->depth; tap++) packed[tap * padded + channel] = w[tap];
    }
    return 1;
}

/// Rows, then one panel of accumulators (depthwise: one output row of accumulators).
CK_FUNCTION size_t integer_convolution_scratch(const ck_integer_convolution *c) {
    const ck_plan *plan = &c->plan;
    int is_depthwise = plan->method == CK_DEPTHWISE;
    ptrdiff_t rows = is_depthwise ? 0 : integer_rows_bytes(c);
    ptrdiff_t width = is_depthwise ? plan->geometry.output_channels : CK_PANEL;
    ptrdiff_t accumulators = plan->block_rows * width * (ptrdiff_t)sizeof(int32_t);
    return (size_t)(ck_round_up(rows, 64) + ck_round_up(accumulators, 64));
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

CK_FUNCTION void integer_convolution_accumulate(
    const ck_integer_convolution *c, const uint8_t *input, ptrdiff_t first_line, ptrdiff_t end_line,
    int32_t *accumulators, void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    const ck_plan *plan = &c->plan;
    ptrdiff_t stride = plan->geometry.output_channels, width = plan->geometry.output_width;
    if (plan->method == CK_DEPTHWISE) {
        for (ptrdiff_t oy = first_line; oy < end_line; oy++) {
            integer_depthwise_line(
                c, oy, input, accumulators + (oy - first_line) * width * stride);
        }
        return;
    }
    ptrdiff_t first_row = first_line * width, end_row = end_line * width;
    for (ptrdiff_t group = 0; group < plan->geometry.groups; group++) {
        for (ptrdiff_t row = first_row; row < end_row; row += plan->block_rows) {
            ptrdiff_t left = end_row - row;
            ptrdiff_t rows = left < plan->block_rows ? left : plan->block_rows;
            ck_integer_rows a = integer_rows(c, group, row, rows, input, scratch);
            for (ptrdiff_t panel = 0; panel < plan->panels; panel++) {
                ptrdiff_t first = panel * CK_PANEL, rest = plan->group_output - first;
                integer_panel(
                    c, group * plan->panels + panel, rows, a, rest < CK_PANEL ? rest : CK_PANEL,
                    accumulators + (row - first_row) * stride + group * plan->group_output + first,
                    stride);
            }
        }
    }
}

CK_FUNCTION void integer_convolution_run(
    const ck_integer_convolution *c, const uint8_t *input, uint8_t *output, const int32_t *bias,
    const float *multipliers, ck_target target, const ck_pass *pass, void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
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
                requantize_rows(
                    width, stride, scratch, stride, bias, multipliers, target, line, stride);
            }
        }
        return;
    }
    int32_t *sums = (int32_t *)((char *)scratch + ck_round_up(integer_rows_bytes(c), 64));
    for (ptrdiff_t group = 0; group < plan->geometry.groups; group++) {
        for (ptrdiff_t row = 0; row < plan->rows; row += plan->block_rows) {
            ptrdiff_t left = plan->rows - row;
            ptrdiff_t rows = left < plan->block_rows ? left : plan->block_rows;
            ck_integer_rows a = integer_rows(c, group, row, rows, input, scratch);
            for (ptrdiff_t panel = 0; panel < plan->panels; panel++) {
                ptrdiff_t within = panel * CK_PANEL, rest = plan->group_output - within;
                ptrdiff_t channels = rest < CK_PANEL ? rest : CK_PANEL;
                ptrdiff_t first = group * plan->group_output + within;
                integer_panel(
                    c, group * plan->panels + panel, rows, a, channels, sums, CK_PANEL);
                uint8_t *bytes = output + row * stride + first;
                if (pass) {
                    requantize_masked(
                        rows, channels, sums, CK_PANEL, bias + first, multipliers + first, target,
                        bytes, stride, pass->low + first, pass->high + first,
                        pass->mask + row * mask_stride, mask_stride, first);
                } else {
                    requantize_rows(
                        rows, channels, sums, CK_PANEL, bias + first, multipliers + first, target,
                        bytes, stride);
                }
            }
        }
    }
}
