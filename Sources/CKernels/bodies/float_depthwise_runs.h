// SPDX-License-Identifier: Apache-2.0

// One output row of a float depthwise convolution as runs of pixels that read the same column taps:
// the interior, and each border pixel by itself.
//
// Shared contract of the functions CK_FLOAT_DEPTHWISE_ROW may name:
//   taps_y      kernel rows that read inside the input
//   line        input row of the first of them, from its column 0
//   w           weights of that kernel row
//   output      [output_width][channels]

CK_FUNCTION void float_depthwise_runs(
    const ck_float_convolution *c, ck_clamp clamp, ptrdiff_t taps_y, const float *line,
    const float *w, float *output) {
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t channels = g->output_channels, w_column = c->plan.panels * CK_PANEL;
    ptrdiff_t row_step = g->dilation_height * g->input_width * channels;
    ptrdiff_t column_step = g->dilation_width * channels;
    for (ptrdiff_t ox = 0; ox < g->output_width;) {
        ptrdiff_t ix = ox * g->stride_width - g->pad_left;
        ck_taps columns = valid_taps(ix, g->dilation_width, g->kernel_width, g->input_width);
        ptrdiff_t run = uniform_run(g, ox, ix, columns);
        ix += columns.first * g->dilation_width;
        float_depthwise(
            run, channels, taps_y, columns.end - columns.first, line + ix * channels,
            g->stride_width * channels, row_step, column_step, w + columns.first * w_column,
            g->kernel_width * w_column, w_column, c->bias, clamp, output + ox * channels);
        ox += run;
    }
}
