// Sums per channel: pixels in order, plain multiplications and additions, vectorized across
// channels. A block of 8 channels keeps its sums in registers over 64 pixels.

#define CK_LANES 8
#define CK_RUN 64

/// The lanes of a block as vectors: left to itself, the compiler shuffles more than it adds.
typedef float ck_floats8 __attribute__((vector_size(32)));
typedef int32_t ck_ints8 __attribute__((vector_size(32)));
typedef uint8_t ck_bytes8 __attribute__((vector_size(8)));
typedef double ck_doubles8 __attribute__((vector_size(64)));

/// `condition ? a : b` per lane; the condition's lanes are 0 or -1. A macro, since vectors wider than the baseline's
/// registers have no agreed way into a function.
#define CK_SELECT8(condition, a, b) \
    ((ck_floats8)(((condition) & (ck_ints8)(a)) | (~(condition) & (ck_ints8)(b))))

/// Statistics of a block of channels.
typedef struct ck_statistics8 {
    ck_doubles8 pre, post, squares;
    ck_floats8 low, high;
} ck_statistics8;

/// Where statistics of all channels lie.
typedef struct ck_statistics {
    double *pre, *post, *squares;
    float *low, *high;
} ck_statistics;

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
    ptrdiff_t pixels, ptrdiff_t stride, float *values, ck_clamp clamp, double *sums_pre,
    double *sums_post, double *squares_post, float *min_post, float *max_post) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, values += stride) {
        *sums_pre += (double)*values;
        float value = *values = clamp_value(*values, clamp);
        *sums_post += (double)value;
        *squares_post += (double)value * (double)value;
        *min_post = value < *min_post ? value : *min_post;
        *max_post = value > *max_post ? value : *max_post;
    }
}

CK_FUNCTION void float_statistics(
    ptrdiff_t pixels, ptrdiff_t channels, float *values, ck_clamp clamp, double *sums_pre,
    double *sums_post, double *squares_post, float *min_post, float *max_post) {
    ck_statistics all = {sums_pre, sums_post, squares_post, min_post, max_post};
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
            float_statistics_column(
                run, channels, block + c, clamp, sums_pre + c, sums_post + c, squares_post + c,
                min_post + c, max_post + c);
        }
    }
}

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

/// Channels whose sums stay cached while the pixels pass.
#define CK_SUM_CHANNELS 256
/// Pixels whose bytes' sum fits int32.
#define CK_SUM_PIXELS (1 << 23)

CK_FUNCTION void requantized_sums(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, const int32_t *bias,
    const float *multipliers, ck_target target, int64_t *sums) {
    for (ptrdiff_t first = 0; first < channels; first += CK_SUM_CHANNELS) {
        ptrdiff_t count = channels - first < CK_SUM_CHANNELS ? channels - first : CK_SUM_CHANNELS;
        for (ptrdiff_t start = 0; start < pixels; start += CK_SUM_PIXELS) {
            ptrdiff_t end = pixels - start < CK_SUM_PIXELS ? pixels : start + CK_SUM_PIXELS;
            int32_t steps[CK_SUM_CHANNELS] = {0};
            for (ptrdiff_t pixel = start; pixel < end; pixel++) {
                const int32_t *row = accumulators + pixel * channels + first;
                for (ptrdiff_t c = 0; c < count; c++) {
                    int32_t sum = wrapping_add(row[c], bias[first + c]);
                    steps[c] += to_steps((float)sum * multipliers[first + c], target);
                }
            }
            for (ptrdiff_t c = 0; c < count; c++) {
                sums[first + c] += steps[c] + (int64_t)(end - start) * target.zero_point;
            }
        }
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
