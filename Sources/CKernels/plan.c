// SPDX-License-Identifier: Apache-2.0

#include "plan.h"

#include <assert.h>

static ck_method choose_method(const ck_geometry *g) {
    if (g->groups == g->input_channels && g->groups == g->output_channels) {
        return CK_DEPTHWISE;
    }
    int is_unit = g->kernel_height == 1 && g->kernel_width == 1 && g->stride_height == 1
        && g->stride_width == 1 && g->pad_top == 0 && g->pad_left == 0
        && g->output_height == g->input_height && g->output_width == g->input_width;
    return is_unit ? CK_POINTWISE : CK_GATHERED;
}

/// Rows per block: blocks of nearly equal size, each a multiple of the 6 rows of a register tile.
static ptrdiff_t choose_block_rows(ptrdiff_t rows, ptrdiff_t row_bytes) {
    ptrdiff_t most = CK_BLOCK_BYTES / row_bytes;
    if (most < 24) most = 24;
    if (most > 192) most = 192;
    ptrdiff_t blocks = (rows + most - 1) / most;
    return ck_round_up((rows + blocks - 1) / blocks, 6);
}

ck_plan ck_make_plan(const ck_geometry *g, ptrdiff_t element) {
    assert(g->groups >= 1);
    assert(g->input_channels % g->groups == 0 && g->output_channels % g->groups == 0);
    ck_plan plan = {.geometry = *g, .method = choose_method(g)};
    plan.rows = g->output_height * g->output_width;
    plan.group_input = g->input_channels / g->groups;
    plan.group_output = g->output_channels / g->groups;
    plan.depth = g->kernel_height * g->kernel_width * plan.group_input;
    if (plan.method == CK_DEPTHWISE) {
        plan.panels = ck_round_up(g->output_channels, CK_PANEL) / CK_PANEL;
        plan.block_rows = g->output_width;
    } else {
        plan.panels = ck_round_up(plan.group_output, CK_PANEL) / CK_PANEL;
        plan.block_rows = choose_block_rows(plan.rows, plan.depth * element);
    }
    return plan;
}
