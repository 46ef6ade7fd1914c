// SPDX-License-Identifier: Apache-2.0

// Bytes where the weights allow, else int16: with further quads for two fifths of all, both take
// about as long. Contract: integer_words.h.

CK_INLINE int is_words(const ck_integer_convolution *c) { return c->extra_starts == NULL; }

CK_FUNCTION int pack_panels(ck_integer_convolution *c, const int16_t *weights) {
    return is_fit_for_pairs(&c->plan, weights) ? pack_pairs(c, weights) : pack_words(c, weights);
}

CK_INLINE ptrdiff_t integer_rows_bytes(const ck_integer_convolution *c) {
    return is_words(c) ? word_rows_bytes(c) : pair_rows_bytes(c);
}

CK_INLINE ck_integer_rows integer_rows(
    const ck_integer_convolution *c, ptrdiff_t group, ptrdiff_t first, ptrdiff_t rows,
    const uint8_t *input, void *scratch) {
    return is_words(c) ? word_rows(c, group, first, rows, input, scratch)
                       : pair_rows(c, group, first, rows, input, scratch);
}

CK_INLINE void integer_panel(
    const ck_integer_convolution *c, ptrdiff_t index, ptrdiff_t rows, ck_integer_rows a,
    ptrdiff_t channels, int32_t *output, ptrdiff_t output_stride) {
    if (is_words(c)) {
        word_panel(c, index, rows, a, channels, output, output_stride);
    } else {
        pair_panel(c, index, rows, a, channels, output, output_stride);
    }
}
