// SPDX-License-Identifier: Apache-2.0

// Part of mask_gradient: up to 8 channels of a few pixels.
//
// Shared contract of the mask_gradient_block bodies:
//   lanes, run           channels, at most 8; pixels
//   stride               elements between pixels
//   mask, mask_stride    first byte; bytes between pixels; NULL: everything passes
//   gradient             masked in place
//   sums                 one per lane; NULL: nothing is summed

CK_INLINE void mask_gradient_block(
    const int lanes, const int run, ptrdiff_t stride, const uint8_t *mask, ptrdiff_t mask_stride,
    float *gradient, double *sums) {
    for (int pixel = 0; pixel < run; pixel++, gradient += stride) {
        if (mask) {
            uint32_t bits = mask[pixel * mask_stride], words[8];
            memcpy(words, gradient, (size_t)lanes * sizeof *words);
            // All ones or all zeros: a choice by branches is mispredicted.
            for (int c = 0; c < lanes; c++) words[c] &= -(bits >> c & 1);
            memcpy(gradient, words, (size_t)lanes * sizeof *words);
        }
        for (int c = 0; c < lanes && sums; c++) sums[c] += (double)gradient[c];
    }
}
