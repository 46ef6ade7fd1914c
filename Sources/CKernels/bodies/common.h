// SPDX-License-Identifier: Apache-2.0

// What the bodies share. A body is included once per instruction set, by isa_<name>.c, which
// defines CK_ATTRIBUTES (the target attribute, or nothing); its functions are static there.
#include <assert.h>
#include <math.h>
#include <string.h>

#define CK_FUNCTION CK_ATTRIBUTES static
#define CK_INLINE CK_ATTRIBUTES static inline __attribute__((always_inline))

/// Before a loop over the registers of a tile: unrolled whole, or else they would live in memory.
#if defined(__clang__)
#define CK_UNROLL_WHOLE _Pragma("clang loop unroll(full)")
#else
#define CK_UNROLL_WHOLE _Pragma("GCC unroll 16")
#endif

/// Clamp of one value, in the order the contract fixes; NaN becomes the bound it meets.
CK_INLINE float clamp_value(float value, ck_clamp clamp) {
    if (clamp.has_lower) value = value > clamp.lower ? value : clamp.lower;
    if (clamp.has_upper) value = value < clamp.upper ? value : clamp.upper;
    return value;
}

/// A loop with a clamp `bounds` of which it is known when compiled whether there is a lower and an
/// upper one: four loops, none of which decides that for each element. (-O2 hoists no such choice.)
#define CK_WITH_BOUNDS(clamp, ...) \
    if ((clamp).has_lower && (clamp).has_upper) { \
        const ck_clamp bounds = {(clamp).lower, (clamp).upper, 1, 1}; \
        __VA_ARGS__ \
    } else if ((clamp).has_lower) { \
        const ck_clamp bounds = {(clamp).lower, 0, 1, 0}; \
        __VA_ARGS__ \
    } else if ((clamp).has_upper) { \
        const ck_clamp bounds = {0, (clamp).upper, 0, 1}; \
        __VA_ARGS__ \
    } else { \
        const ck_clamp bounds = {0, 0, 0, 0}; \
        __VA_ARGS__ \
    }

/// rint for |value| < 2^22, ties to even: the addition drops the fraction. Vectorizes on every
/// instruction set, and no compiler may simplify it without -ffast-math.
CK_INLINE float round_small(float value) {
    const float shift = 12582912.0f;
    return (value + shift) - shift;
}

/// clamp(rint(value), lower - zero_point, upper - zero_point). The bounds are integers, so they may
/// come first.
CK_INLINE int32_t to_steps(float value, ck_target target) {
    float lower = (float)(target.lower - target.zero_point);
    float upper = (float)(target.upper - target.zero_point);
    value = value > lower ? value : lower;
    value = value < upper ? value : upper;
    return (int32_t)round_small(value);
}

/// clamp(rint(value) + zero_point, lower, upper).
CK_INLINE uint8_t to_byte(float value, ck_target target) {
    return (uint8_t)(to_steps(value, target) + target.zero_point);
}

/// a + b modulo 2^32.
CK_INLINE int32_t wrapping_add(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/// A block of rows of an integer convolution's matrix, as the weights' layout wants them; `stride`
/// in elements.
typedef struct ck_integer_rows {
    const void *values;
    ptrdiff_t stride;
} ck_integer_rows;

/// Range of kernel taps [first, end) along one axis that read inside the input.
typedef struct ck_taps {
    ptrdiff_t first, end;
} ck_taps;

/// `origin` is the coordinate tap 0 reads.
CK_INLINE ck_taps valid_taps(
    ptrdiff_t origin, ptrdiff_t dilation, ptrdiff_t kernel, ptrdiff_t extent) {
    ck_taps taps = {0, kernel};
    // The interior, without divisions.
    if (origin >= 0 && origin + (kernel - 1) * dilation < extent) return taps;
    if (origin < 0) taps.first = (-origin + dilation - 1) / dilation;
    ptrdiff_t reach = origin >= extent ? 0 : (extent - 1 - origin) / dilation + 1;
    if (taps.end > reach) taps.end = reach;
    if (taps.first > taps.end) taps.first = taps.end;
    return taps;
}

/// Output pixels from `ox` on that read the same column taps: the whole interior, or one border
/// pixel. `ix` is the column tap 0 of `ox` reads, `columns` its valid taps.
CK_INLINE ptrdiff_t uniform_run(
    const ck_geometry *g, ptrdiff_t ox, ptrdiff_t ix, ck_taps columns) {
    if (columns.first != 0 || columns.end != g->kernel_width) return 1;
    ptrdiff_t last = ix + (g->kernel_width - 1) * g->dilation_width;
    ptrdiff_t run = (g->input_width - 1 - last) / g->stride_width + 1;
    ptrdiff_t left = g->output_width - ox;
    return run < left ? run : left;
}
