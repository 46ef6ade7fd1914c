// SPDX-License-Identifier: Apache-2.0

// Sums per channel: pixels in order, plain multiplications and additions, vectorized across
// channels. A block of 8 channels keeps its sums in registers over 64 pixels.

#define CK_LANES 8
#define CK_RUN 64

/// The lanes of a block as vectors: left to itself, the compiler shuffles more than it adds.
typedef float ck_floats8 __attribute__((vector_size(32)));
typedef int32_t ck_ints8 __attribute__((vector_size(32)));
typedef uint8_t ck_bytes8 __attribute__((vector_size(8)));
typedef double ck_doubles8 __attribute__((vector_size(64)));

/// `condition ? a : b` per lane; the condition's lanes are 0 or -1. A macro, since vectors wider
/// than the baseline's registers have no agreed way into a function.
#define CK_SELECT8(condition, a, b) \
    ((ck_floats8)(((condition) & (ck_ints8)(a)) | (~(condition) & (ck_ints8)(b))))

/// Statistics of a block of channels.
typedef struct ck_statistics8 {
    ck_doubles8 pre, post, squares;
    ck_floats8 low, high;
} ck_statistics8;

CK_INLINE void load_statistics(ck_statistics8 *block, ck_statistics from, ptrdiff_t c) {
    memcpy(&block->pre, from.pre + c, sizeof block->pre);
    memcpy(&block->post, from.post + c, sizeof block->post);
    memcpy(&block->squares, from.squares + c, sizeof block->squares);
    memcpy(&block->low, from.low + c, sizeof block->low);
    memcpy(&block->high, from.high + c, sizeof block->high);
}

CK_INLINE void store_statistics(const ck_statistics8 *block, ck_statistics to, ptrdiff_t c) {
    memcpy(to.pre + c, &block->pre, sizeof block->pre);
    memcpy(to.post + c, &block->post, sizeof block->post);
    memcpy(to.squares + c, &block->squares, sizeof block->squares);
    memcpy(to.low + c, &block->low, sizeof block->low);
    memcpy(to.high + c, &block->high, sizeof block->high);
}

CK_INLINE void add_statistics(ck_statistics8 *block, float *values, ck_clamp clamp) {
    const ck_floats8 zeros = {0};
    // Unlike adding 0, taking it away keeps a bound of -0.
    const ck_floats8 lower = clamp.lower - zeros, upper = clamp.upper - zeros;
    ck_floats8 value;
    memcpy(&value, values, sizeof value);
    block->pre += __builtin_convertvector(value, ck_doubles8);
    if (clamp.has_lower) value = CK_SELECT8(value > lower, value, lower);
    if (clamp.has_upper) value = CK_SELECT8(value < upper, value, upper);
    memcpy(values, &value, sizeof value);
    ck_doubles8 wide = __builtin_convertvector(value, ck_doubles8);
    block->post += wide;
    block->squares += wide * wide;
    block->low = CK_SELECT8(value < block->low, value, block->low);
    block->high = CK_SELECT8(value > block->high, value, block->high);
}

/// Of one block or two, whose chains of additions overlap.
CK_INLINE void float_statistics_blocks(
    const int is_pair, ptrdiff_t pixels, ptrdiff_t stride, float *values, ck_clamp clamp,
    ck_statistics all, ptrdiff_t c) {
    ck_statistics8 first, second;
    load_statistics(&first, all, c);
    if (is_pair) load_statistics(&second, all, c + CK_LANES);
    values += c;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, values += stride) {
        // Of the block that comes next, which lies a whole row of channels from its neighbours.
        if (is_pair) __builtin_prefetch(values + 2 * CK_LANES);
        add_statistics(&first, values, clamp);
        if (is_pair) add_statistics(&second, values + CK_LANES, clamp);
    }
    store_statistics(&first, all, c);
    if (is_pair) store_statistics(&second, all, c + CK_LANES);
}

/// Of one channel.
CK_INLINE void float_statistics_column(
    ptrdiff_t pixels, ptrdiff_t stride, float *values, ck_clamp clamp, ck_statistics all,
    ptrdiff_t c) {
    values += c;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, values += stride) {
        all.pre[c] += (double)*values;
        float value = *values = clamp_value(*values, clamp);
        all.post[c] += (double)value;
        all.squares[c] += (double)value * (double)value;
        all.low[c] = value < all.low[c] ? value : all.low[c];
        all.high[c] = value > all.high[c] ? value : all.high[c];
    }
}

CK_FUNCTION void float_statistics(
    ptrdiff_t pixels, ptrdiff_t channels, float *values, ck_clamp clamp, ck_statistics all) {
    for (ptrdiff_t first = 0; first < pixels; first += CK_RUN) {
        ptrdiff_t run = pixels - first < CK_RUN ? pixels - first : CK_RUN;
        float *block = values + first * channels;
        ptrdiff_t c = 0;
        for (; c + 2 * CK_LANES <= channels; c += 2 * CK_LANES) {
            float_statistics_blocks(1, run, channels, block, clamp, all, c);
        }
        for (; c + CK_LANES <= channels; c += CK_LANES) {
            float_statistics_blocks(0, run, channels, block, clamp, all, c);
        }
        for (; c < channels; c++) {
            float_statistics_column(run, channels, block, clamp, all, c);
        }
    }
}
