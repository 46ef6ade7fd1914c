// SPDX-License-Identifier: Apache-2.0

// What a correction round adds up per channel, in one pass over the accumulators: themselves, and
// the bytes they give with two biases.

#define CK_SUM_LANES 16
/// Pixels a block of channels stays in registers for; sums of so many half words fit a word.
#define CK_SUM_RUN 64

typedef float ck_floats16 __attribute__((vector_size(64)));
typedef int32_t ck_ints16 __attribute__((vector_size(64)));
typedef uint32_t ck_words16 __attribute__((vector_size(64)));

/// Sums of a block of channels over one run of pixels.
typedef struct ck_sums16 {
    /// Of the lower halves of accumulators, and of the upper ones, which have the sign.
    ck_words16 low;
    ck_ints16 high;
    /// Of floats around `CK_SHIFT`, as words: their lowest bits count steps.
    ck_words16 outputs[2];
} ck_sums16;

/// Adding it rounds a float of less than 2^22 to an integer, ties to even, as `round_small` does;
/// the sum's bits are the shift's and that integer.
#define CK_SHIFT 12582912.0f
#define CK_SHIFT_BITS 0x4B400000u

/// Steps above the zero point of a block of accumulators, as floats around `CK_SHIFT`: see
/// `to_steps`.
CK_INLINE void add_steps(
    ck_words16 *sums, const ck_words16 *row, const ck_words16 *bias, const ck_floats16 *multipliers,
    ck_target target) {
    const ck_floats16 zeros = {0};
    const ck_floats16 lower = (float)(target.lower - target.zero_point) - zeros;
    const ck_floats16 upper = (float)(target.upper - target.zero_point) - zeros;
    ck_floats16 value =
        __builtin_convertvector((ck_ints16)(*row + *bias), ck_floats16) * *multipliers;
    ck_ints16 is_above = value > lower;
    value = (ck_floats16)((is_above & (ck_ints16)value) | (~is_above & (ck_ints16)lower));
    ck_ints16 is_below = value < upper;
    value = (ck_floats16)((is_below & (ck_ints16)value) | (~is_below & (ck_ints16)upper));
    *sums += (ck_words16)(value + CK_SHIFT);
}

/// Of the 16 channels from `c` on; adds those from `skipped` on.
CK_INLINE void correction_sums_block(
    ptrdiff_t pixels, ptrdiff_t stride, const int32_t *accumulators, ck_correction correction,
    ptrdiff_t c, ptrdiff_t skipped) {
    ck_sums16 block = {0};
    ck_words16 biases[2];
    ck_floats16 multipliers;
    memcpy(&biases[0], correction.bias + c, sizeof biases[0]);
    memcpy(&biases[1], correction.raised_bias + c, sizeof biases[1]);
    memcpy(&multipliers, correction.multipliers + c, sizeof multipliers);
    accumulators += c;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, accumulators += stride) {
        ck_words16 row;
        // Of the block that comes next, which lies a whole row of channels from its neighbours.
        __builtin_prefetch(accumulators + CK_SUM_LANES);
        memcpy(&row, accumulators, sizeof row);
        block.low += row & 0xFFFF;
        block.high += (ck_ints16)row >> 16;
        add_steps(&block.outputs[0], &row, &biases[0], &multipliers, correction.target);
        add_steps(&block.outputs[1], &row, &biases[1], &multipliers, correction.target);
    }
    uint32_t low[CK_SUM_LANES], outputs[CK_SUM_LANES], raised[CK_SUM_LANES];
    int32_t high[CK_SUM_LANES];
    memcpy(low, &block.low, sizeof low), memcpy(high, &block.high, sizeof high);
    memcpy(outputs, &block.outputs[0], sizeof outputs);
    memcpy(raised, &block.outputs[1], sizeof raised);
    // The shifts leave; every byte has its zero point.
    const uint32_t shifts =
        (CK_SHIFT_BITS - (uint32_t)correction.target.zero_point) * (uint32_t)pixels;
    for (ptrdiff_t lane = skipped; lane < CK_SUM_LANES; lane++) {
        correction.sums[c + lane] += (int64_t)high[lane] * 65536 + low[lane];
        correction.outputs[c + lane] += outputs[lane] - shifts;
        correction.raised_outputs[c + lane] += raised[lane] - shifts;
    }
}

/// Of one channel.
CK_INLINE void correction_sums_column(
    ptrdiff_t pixels, ptrdiff_t stride, const int32_t *accumulators, ck_correction correction,
    ptrdiff_t c) {
    accumulators += c;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, accumulators += stride) {
        float plain = (float)wrapping_add(*accumulators, correction.bias[c]);
        float raised = (float)wrapping_add(*accumulators, correction.raised_bias[c]);
        correction.sums[c] += *accumulators;
        correction.outputs[c] += to_byte(plain * correction.multipliers[c], correction.target);
        correction.raised_outputs[c] +=
            to_byte(raised * correction.multipliers[c], correction.target);
    }
}

CK_FUNCTION void correction_sums(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, ck_correction correction) {
    for (ptrdiff_t first = 0; first < pixels; first += CK_SUM_RUN) {
        ptrdiff_t run = pixels - first < CK_SUM_RUN ? pixels - first : CK_SUM_RUN;
        const int32_t *rows = accumulators + first * channels;
        if (channels < CK_SUM_LANES) {
            for (ptrdiff_t c = 0; c < channels; c++) {
                correction_sums_column(run, channels, rows, correction, c);
            }
            continue;
        }
        ptrdiff_t c = 0;
        for (; c + CK_SUM_LANES <= channels; c += CK_SUM_LANES) {
            correction_sums_block(run, channels, rows, correction, c, 0);
        }
        // The last block overlaps the one before it.
        if (c < channels) {
            ptrdiff_t last = channels - CK_SUM_LANES;
            correction_sums_block(run, channels, rows, correction, last, c - last);
        }
    }
}
