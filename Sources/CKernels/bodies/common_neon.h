// SPDX-License-Identifier: Apache-2.0

// What the bodies for aarch64 share.
#include <arm_neon.h>

/// Before a loop over registers: one left rolled would keep its array in memory.
#if defined(__clang__)
#define CK_UNROLL_ALL _Pragma("clang loop unroll(full)")
#else
#define CK_UNROLL_ALL _Pragma("GCC unroll 32")
#endif

/// `clamp_value` of four lanes. Not fmax and fmin, which treat NaN and the sign of zero otherwise.
CK_INLINE float32x4_t clamp_lanes(float32x4_t value, ck_clamp clamp) {
    if (clamp.has_lower) {
        float32x4_t lower = vdupq_n_f32(clamp.lower);
        value = vbslq_f32(vcgtq_f32(value, lower), value, lower);
    }
    if (clamp.has_upper) {
        float32x4_t upper = vdupq_n_f32(clamp.upper);
        value = vbslq_f32(vcltq_f32(value, upper), value, upper);
    }
    return value;
}

/// The first `count` of four floats, the rest 0; reads no others.
CK_INLINE float32x4_t load_floats(const float *source, ptrdiff_t count) {
    if (count >= 4) return vld1q_f32(source);
    float32x4_t value = vdupq_n_f32(0.0f);
    if (count > 0) value = vld1q_lane_f32(source, value, 0);
    if (count > 1) value = vld1q_lane_f32(source + 1, value, 1);
    if (count > 2) value = vld1q_lane_f32(source + 2, value, 2);
    return value;
}

/// Writes the first `count` of four lanes and no others.
CK_INLINE void store_floats(float *target, ptrdiff_t count, float32x4_t value) {
    if (count >= 4) {
        vst1q_f32(target, value);
        return;
    }
    if (count > 0) vst1q_lane_f32(target, value, 0);
    if (count > 1) vst1q_lane_f32(target + 1, value, 1);
    if (count > 2) vst1q_lane_f32(target + 2, value, 2);
}

CK_INLINE int32x4_t load_ints(const int32_t *source, ptrdiff_t count) {
    if (count >= 4) return vld1q_s32(source);
    int32x4_t value = vdupq_n_s32(0);
    if (count > 0) value = vld1q_lane_s32(source, value, 0);
    if (count > 1) value = vld1q_lane_s32(source + 1, value, 1);
    if (count > 2) value = vld1q_lane_s32(source + 2, value, 2);
    return value;
}

CK_INLINE void store_ints(int32_t *target, ptrdiff_t count, int32x4_t value) {
    if (count >= 4) {
        vst1q_s32(target, value);
        return;
    }
    if (count > 0) vst1q_lane_s32(target, value, 0);
    if (count > 1) vst1q_lane_s32(target + 1, value, 1);
    if (count > 2) vst1q_lane_s32(target + 2, value, 2);
}
