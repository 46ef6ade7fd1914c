// SPDX-License-Identifier: Apache-2.0

// Sums per channel of integers, and of errors: see float_statistics.h.

CK_FUNCTION void accumulator_sums(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *restrict accumulators,
    int64_t *restrict sums) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, accumulators += channels) {
        for (ptrdiff_t c = 0; c < channels; c++) sums[c] += accumulators[c];
    }
}

CK_FUNCTION void byte_sums(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *restrict values, int64_t *restrict sums) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, values += channels) {
        for (ptrdiff_t c = 0; c < channels; c++) sums[c] += values[c];
    }
}

/// Errors of a block of channels.
typedef struct ck_errors8 {
    ck_doubles8 sums, squares;
} ck_errors8;

CK_INLINE void add_errors(
    ck_errors8 *block, const float *reference, const uint8_t *values, float scale,
    int32_t zero_point) {
    ck_bytes8 bytes;
    ck_floats8 real;
    memcpy(&bytes, values, sizeof bytes), memcpy(&real, reference, sizeof real);
    ck_ints8 steps = __builtin_convertvector(bytes, ck_ints8) - zero_point;
    ck_floats8 value = __builtin_convertvector(steps, ck_floats8) * scale;
    ck_doubles8 error = __builtin_convertvector(value, ck_doubles8)
        - __builtin_convertvector(real, ck_doubles8);
    block->sums += error;
    block->squares += error * error;
}

/// Of one block or two.
CK_INLINE void error_statistics_blocks(
    const int is_pair, ptrdiff_t pixels, ptrdiff_t stride, const float *reference,
    const uint8_t *values, float scale, int32_t zero_point, double *sums, double *squares) {
    ck_errors8 first, second;
    memcpy(&first.sums, sums, sizeof first.sums);
    memcpy(&first.squares, squares, sizeof first.squares);
    if (is_pair) {
        memcpy(&second.sums, sums + CK_LANES, sizeof second.sums);
        memcpy(&second.squares, squares + CK_LANES, sizeof second.squares);
    }
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, reference += stride, values += stride) {
        // Of the blocks that come next, which lie a whole row of channels from their neighbours.
        if (is_pair) __builtin_prefetch(reference + 2 * CK_LANES);
        add_errors(&first, reference, values, scale, zero_point);
        if (is_pair) {
            add_errors(&second, reference + CK_LANES, values + CK_LANES, scale, zero_point);
        }
    }
    memcpy(sums, &first.sums, sizeof first.sums);
    memcpy(squares, &first.squares, sizeof first.squares);
    if (is_pair) {
        memcpy(sums + CK_LANES, &second.sums, sizeof second.sums);
        memcpy(squares + CK_LANES, &second.squares, sizeof second.squares);
    }
}

/// Of one channel.
CK_INLINE void error_statistics_column(
    ptrdiff_t pixels, ptrdiff_t stride, const float *reference, const uint8_t *values,
    float scale, int32_t zero_point, double *sum, double *square) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, reference += stride, values += stride) {
        float value = (float)(*values - zero_point) * scale;
        double error = (double)value - (double)*reference;
        *sum += error;
        *square += error * error;
    }
}

CK_FUNCTION void error_statistics(
    ptrdiff_t pixels, ptrdiff_t channels, const float *reference, const uint8_t *values,
    float scale, int32_t zero_point, double *sums, double *squares) {
    for (ptrdiff_t first = 0; first < pixels; first += CK_RUN) {
        ptrdiff_t run = pixels - first < CK_RUN ? pixels - first : CK_RUN;
        const float *floats = reference + first * channels;
        const uint8_t *bytes = values + first * channels;
        ptrdiff_t c = 0;
        for (; c + 2 * CK_LANES <= channels; c += 2 * CK_LANES) {
            error_statistics_blocks(
                1, run, channels, floats + c, bytes + c, scale, zero_point, sums + c, squares + c);
        }
        for (; c + CK_LANES <= channels; c += CK_LANES) {
            error_statistics_blocks(
                0, run, channels, floats + c, bytes + c, scale, zero_point, sums + c, squares + c);
        }
        for (; c < channels; c++) {
            error_statistics_column(
                run, channels, floats + c, bytes + c, scale, zero_point, sums + c, squares + c);
        }
    }
}
