// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>
#include <stdint.h>

/// Outcome of a codec call; everything but CIC_OK leaves a reason in the report.
enum cic_status {
    CIC_OK = 0,
    /// The bytes are damaged or end too early.
    CIC_CORRUPT = 1,
    /// Valid, but of a kind that is not read.
    CIC_UNSUPPORTED = 2,
    /// More pixels than the caller allows.
    CIC_TOO_LARGE = 3,
    CIC_NO_MEMORY = 4,
};

enum { CIC_MESSAGE_SIZE = 256 };

/// What a codec says about an image: its extent, and why it failed if it did.
typedef struct {
    /// Set once the header was read, else 0.
    uint32_t width;
    uint32_t height;
    /// Whether a PNG file has a channel of alpha, and whether it makes a color or palette entries
    /// transparent.
    uint8_t has_alpha;
    uint8_t has_color_key;
    /// Empty on success, else the codec's reason.
    char message[CIC_MESSAGE_SIZE];
} cic_report;

// Codecs. `rgb` is NULL (read the header only) or room for `capacity` bytes; an image that needs
// another number of bytes than `capacity` is CIC_CORRUPT. Nothing is allocated past the call, and
// no error of a library ends the process. Results are what Pillow's convert("RGB") gives.

int cic_decode_jpeg(const uint8_t *bytes, size_t count, uint64_t max_pixels, uint8_t *rgb,
                    size_t capacity, cic_report *report);
int cic_decode_png(const uint8_t *bytes, size_t count, uint64_t max_pixels, uint8_t *rgb,
                   size_t capacity, cic_report *report);
/// The same with alpha, four bytes a pixel, of a file that has it: as Pillow's convert("RGBA").
int cic_decode_png_alpha(const uint8_t *bytes, size_t count, uint64_t max_pixels, uint8_t *rgba,
                         size_t capacity, cic_report *report);

// Pixel kernels. The caller guarantees the sizes; `channels` is at least 1.

/// Taps of one axis of a resize: output i is the sum over t < counts[i] of
/// input[firsts[i] + t] * weights[i * stride + t], weights scaled by 2^22.
typedef struct {
    int32_t outputs;
    int32_t stride;
    const int32_t *firsts;
    const int32_t *counts;
    const int32_t *weights;
} cic_taps;

/// Resizes `rows` rows along x. `source` is where column `first_column` of the first of them is,
/// its rows `stride` bytes apart; destination rows are taps->outputs pixels without gaps.
void cic_resample_rows(const uint8_t *source, size_t stride, int32_t first_column, int32_t rows,
                       int32_t channels, const cic_taps *taps, uint8_t *destination);

/// Resizes `row_bytes` bytes of each row along y. `source` is where row `first_row` is, its rows
/// `stride` bytes apart; destination rows have no gaps.
void cic_resample_columns(const uint8_t *source, size_t stride, int32_t first_row,
                          size_t row_bytes, const cic_taps *taps, uint8_t *destination);

/// ITU-R 601 luma, rounded: (19595 R + 38470 G + 7471 B + 32768) >> 16.
void cic_luma(const uint8_t *rgb, size_t pixels, uint8_t *luma);

/// Swaps the first and the third of three or more channels in place.
void cic_swap_red_blue(uint8_t *pixels, size_t count, size_t channels);
