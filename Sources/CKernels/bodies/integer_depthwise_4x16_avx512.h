// SPDX-License-Identifier: Apache-2.0

// Integer depthwise convolution, 4 pixels x 16 channels in 4 registers. Four input rows are
// interleaved once per output row, so that one vpdpbusd adds four taps of a kernel column; columns
// in padding hold the zero point, so no border is special.

/// Interleaved columns of 16 channels: [row quad][column][16][4].
typedef struct ck_columns {
    uint8_t *bytes;
    ptrdiff_t count, row_quads;
} ck_columns;

CK_INLINE __m128i load_channels(const int is_whole, __mmask16 mask, const uint8_t *bytes) {
    return is_whole ? _mm_loadu_si128((const __m128i *)bytes) : _mm_maskz_loadu_epi8(mask, bytes);
}

/// Four rows of 16 channels: where they start and how far their pixels are apart, 0 for a row of
/// padding.
typedef struct ck_row_quad {
    const uint8_t *bytes[4];
    ptrdiff_t steps[4];
} ck_row_quad;

/// A row's channels in byte `place` of their quads.
CK_INLINE __m512i quad_bytes_of(__m128i row, const int place) {
    return _mm512_slli_epi32(_mm512_cvtepu8_epi32(row), 8 * place);
}

/// Interleaves pixels [begin, end) of four rows, of which the last is left out where `count` is 3.
/// No branch depends on a row: that took longer than the shuffles.
CK_INLINE void interleave_rows(
    const int is_whole, const int count, __mmask16 mask, ck_row_quad rows, ptrdiff_t begin,
    ptrdiff_t end, __m512i *target) {
    const uint8_t *line0 = rows.bytes[0], *line1 = rows.bytes[1], *line2 = rows.bytes[2],
                  *line3 = rows.bytes[3];
    for (ptrdiff_t x = begin; x < end; x++) {
        __m512i row0 = quad_bytes_of(load_channels(is_whole, mask, line0), 0);
        __m512i row1 = quad_bytes_of(load_channels(is_whole, mask, line1), 1);
        __m512i row2 = quad_bytes_of(load_channels(is_whole, mask, line2), 2);
        line0 += rows.steps[0], line1 += rows.steps[1], line2 += rows.steps[2];
        __m512i quads = _mm512_or_si512(_mm512_or_si512(row0, row1), row2);
        if (count == 4) {
            __m512i row3 = quad_bytes_of(load_channels(is_whole, mask, line3), 3);
            quads = _mm512_or_si512(quads, row3);
            line3 += rows.steps[3];
        }
        _mm512_store_si512(target + x, quads);
    }
}

/// Writes columns [0, count) that start at input column -pad_left; `first` is the channel, and
/// `mask` says which of the 16 exist.
CK_FUNCTION void interleave_columns(
    const ck_integer_convolution *c, ptrdiff_t oy, ptrdiff_t first, __mmask16 mask,
    const uint8_t *input, ck_columns columns) {
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t channels = g->input_channels, iy = oy * g->stride_height - g->pad_top;
    __m128i padding = _mm_set1_epi8((char)c->input_zero_point);
    ptrdiff_t begin = g->pad_left < columns.count ? g->pad_left : columns.count;
    if (begin < 0) begin = 0;
    ptrdiff_t end = g->input_width + g->pad_left;
    if (end > columns.count) end = columns.count;
    if (end < begin) end = begin;
    for (ptrdiff_t quad = 0; quad < columns.row_quads; quad++) {
        ck_row_quad rows;
        for (int i = 0; i < 4; i++) {
            ptrdiff_t ky = 4 * quad + i, y = iy + ky * g->dilation_height;
            int is_inside = ky < g->kernel_height && y >= 0 && y < g->input_height;
            rows.bytes[i] = is_inside
                ? input + (y * g->input_width + begin - g->pad_left) * channels + first
                : (const uint8_t *)&padding;
            rows.steps[i] = is_inside ? channels : 0;
        }
        __m512i all = _mm512_broadcast_i32x4(padding);
        __m512i *target = (__m512i *)(columns.bytes + quad * columns.count * 64);
        for (ptrdiff_t x = 0; x < begin; x++) _mm512_store_si512(target + x, all);
        for (ptrdiff_t x = end; x < columns.count; x++) _mm512_store_si512(target + x, all);
        // Weights of rows that a kernel does not have are 0.
        int has_three = g->kernel_height - 4 * quad == 3;
        if (mask == 0xFFFF && has_three) {
            interleave_rows(1, 3, mask, rows, begin, end, target);
        } else if (mask == 0xFFFF) {
            interleave_rows(1, 4, mask, rows, begin, end, target);
        } else {
            interleave_rows(0, 4, mask, rows, begin, end, target);
        }
    }
}

/// `column_taps` 0: read from the geometry.
CK_INLINE void depthwise_tile(
    const int pixels, const int column_taps, const int is_bytes, const ck_geometry *g,
    ck_columns columns, ptrdiff_t parts, const int8_t *w, ptrdiff_t ox, const ck_lanes *lanes,
    const ck_sink *sink) {
    __m512i sums[4];
    CK_UNROLL_WHOLE
    for (int p = 0; p < pixels; p++) sums[p] = lanes->start;
    ptrdiff_t step = 64 * g->stride_width, tap = 64 * g->dilation_width;
    ptrdiff_t taps = column_taps ? column_taps : g->kernel_width;
    for (ptrdiff_t part = 0; part < parts; part++) {
        const uint8_t *line = columns.bytes + ox * step;
        for (ptrdiff_t quad = 0; quad < columns.row_quads; quad++, line += columns.count * 64) {
            const uint8_t *x = line;
            for (ptrdiff_t kx = 0; kx < taps; kx++, w += 64, x += tap) {
                __m512i weights = _mm512_load_si512(w);
                CK_UNROLL_WHOLE
                for (int p = 0; p < pixels; p++) {
                    __m512i quads = _mm512_load_si512(x + p * step);
                    sums[p] = _mm512_dpbusd_epi32(sums[p], quads, weights);
                }
            }
        }
    }
    CK_UNROLL_WHOLE
    for (int p = 0; p < pixels; p++) {
        store_lanes(is_bytes, lanes, sums[p], sink, (ox + p) * sink->stride);
    }
}

CK_INLINE void depthwise_tiles(
    const int column_taps, const int is_bytes, const ck_geometry *g, ck_columns columns,
    ptrdiff_t parts, const int8_t *w, const ck_lanes *lanes, const ck_sink *sink) {
    ptrdiff_t ox = 0;
    for (; ox + 4 <= g->output_width; ox += 4) {
        depthwise_tile(4, column_taps, is_bytes, g, columns, parts, w, ox, lanes, sink);
    }
    for (; ox < g->output_width; ox++) {
        depthwise_tile(1, column_taps, is_bytes, g, columns, parts, w, ox, lanes, sink);
    }
}

/// Output row `oy` of all channels; `sink` is at its first pixel.
CK_FUNCTION void depthwise_line(
    const ck_integer_convolution *c, ptrdiff_t oy, const uint8_t *input, uint8_t *scratch,
    ck_sink line) {
    const ck_geometry *g = &c->plan.geometry;
    ck_columns columns = {
        .bytes = scratch, .count = depthwise_columns(g), .row_quads = (g->kernel_height + 3) / 4};
    ptrdiff_t panel_bytes = c->parts * c->padded_depth * CK_PANEL;
    for (ptrdiff_t panel = 0; panel < c->plan.panels; panel++) {
        ptrdiff_t first = panel * CK_PANEL;
        ck_sink sink = sink_at(line, 0, first);
        const int8_t *w = (const int8_t *)c->weights + panel * panel_bytes;
        ptrdiff_t parts = c->panel_parts[panel], left = g->output_channels - first;
        if (sink.bytes) {
            ck_lanes lanes = make_lanes(1, left, c->constants + first, &sink);
            interleave_columns(c, oy, first, lanes.mask, input, columns);
            if (g->kernel_width == 3) {
                depthwise_tiles(3, 1, g, columns, parts, w, &lanes, &sink);
            } else {
                depthwise_tiles(0, 1, g, columns, parts, w, &lanes, &sink);
            }
        } else {
            ck_lanes lanes = make_lanes(0, left, c->constants + first, &sink);
            interleave_columns(c, oy, first, lanes.mask, input, columns);
            depthwise_tiles(0, 0, g, columns, parts, w, &lanes, &sink);
        }
    }
}
