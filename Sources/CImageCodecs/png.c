// SPDX-License-Identifier: Apache-2.0

#include "CImageCodecs.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/// Bytes not read yet, and where a failure is noted.
typedef struct {
    const uint8_t *next;
    size_t left;
    cic_report *report;
    int status;
    /// 3, or 4 where alpha is kept.
    int channels;
} png_session;

static void fail(png_session *session, int status, const char *text) {
    session->status = status;
    snprintf(session->report->message, CIC_MESSAGE_SIZE, "%s", text);
}

static void on_error(png_structp png, png_const_charp text) {
    fail(png_get_error_ptr(png), CIC_CORRUPT, text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t count) {
    png_session *session = png_get_io_ptr(png);
    if (count > session->left) png_error(png, "the file ends too early");
    memcpy(out, session->next, count);
    session->next += count;
    session->left -= count;
}

/// Leaves on limits and kinds that are not read; libpng's own checks precede it.
static void check_kind(png_structp png, png_infop info, uint64_t max_pixels,
                       png_session *session) {
    uint64_t pixels = (uint64_t)session->report->width * session->report->height;
    if (pixels > max_pixels) {
        fail(session, CIC_TOO_LARGE, "too many pixels");
        png_longjmp(png, 1);
    }
    if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY
        && png_get_bit_depth(png, info) == 16) {
        fail(session, CIC_UNSUPPORTED, "16-bit grayscale");
        png_longjmp(png, 1);
    }
    // Deflate shrinks by less than 1:1032, so a short file cannot hold a large image: refused
    // before memory is filled. A pixel takes at least one bit.
    if (pixels / 8 / 1032 > session->left) png_error(png, "the file is too short for its extent");
}

/// 8 bits per sample, alpha only where it is kept. Palette indices stay indices.
static void set_transformations(png_structp png, png_infop info, int channels) {
    png_byte type = png_get_color_type(png, info);
    png_set_strip_16(png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_packing(png);
    if (channels == 4) {
        png_set_gray_to_rgb(png);
    } else if (type & PNG_COLOR_MASK_ALPHA) {
        png_set_strip_alpha(png);
    }
}

static void read_rows(png_structp png, int passes, uint32_t height, size_t stride, uint8_t *rgb) {
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < height; y++) png_read_row(png, rgb + y * stride, NULL);
    }
}

/// Spreads one byte per pixel at the start of each row to three, from the right so in place.
static void spread(png_structp png, uint8_t *rgb, uint32_t width, uint32_t height,
                   png_const_colorp palette, int colors) {
    for (uint32_t y = 0; y < height; y++) {
        uint8_t *row = rgb + (size_t)y * width * 3;
        for (uint32_t x = width; x-- > 0;) {
            uint8_t value = row[x];
            png_color color = {value, value, value};
            if (palette) {
                if (value >= colors) png_error(png, "a palette index is out of range");
                color = palette[value];
            }
            row[3 * (size_t)x] = color.red;
            row[3 * (size_t)x + 1] = color.green;
            row[3 * (size_t)x + 2] = color.blue;
        }
    }
}

static void decode(png_structp png, png_infop info, uint64_t max_pixels, uint8_t *rgb,
                   size_t capacity, png_session *session) {
    // Checked here with the caller's limit, so libpng's own is lifted.
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
#ifdef PNG_HANDLE_AS_UNKNOWN_SUPPORTED
    // Text, profiles and the like: checksummed, then dropped unread.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
#endif
    png_read_info(png, info);
    uint32_t width = session->report->width = png_get_image_width(png, info);
    uint32_t height = session->report->height = png_get_image_height(png, info);
    session->report->has_alpha = (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) != 0;
    session->report->has_color_key = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    check_kind(png, info, max_pixels, session);
    if (!rgb) return;
    if ((uint64_t)width * height * (unsigned)session->channels != capacity) {
        png_error(png, "size changed between reads");
    }

    set_transformations(png, info, session->channels);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    png_byte channels = png_get_channels(png, info);
    // Palette indices and gray values are spread afterwards.
    int is_spread = session->channels == 3 && channels == 1;
    if (png_get_rowbytes(png, info) != (size_t)width * channels
        || (channels != session->channels && !is_spread)) {
        png_error(png, "unexpected row size");
    }
    read_rows(png, passes, height, (size_t)width * (unsigned)session->channels, rgb);
    png_read_end(png, NULL);
    if (!is_spread) return;
    png_colorp palette = NULL;
    int colors = 0;
    if (png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE) {
        png_get_PLTE(png, info, &palette, &colors);
    }
    spread(png, rgb, width, height, palette, colors);
}

static int decode_png(const uint8_t *bytes, size_t count, uint64_t max_pixels, int channels,
                      uint8_t *rgb, size_t capacity, cic_report *report) {
    memset(report, 0, sizeof *report);
    png_session session = {bytes, count, report, CIC_OK, channels};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        fail(&session, CIC_NO_MEMORY, "out of memory");
        return session.status;
    }
    // Neither pointer changes after this, so both survive the jump.
    if (!setjmp(png_jmpbuf(png))) {
        png_set_read_fn(png, &session, read_bytes);
        decode(png, info, max_pixels, rgb, capacity, &session);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return session.status;
}

int cic_decode_png(const uint8_t *bytes, size_t count, uint64_t max_pixels, uint8_t *rgb,
                   size_t capacity, cic_report *report) {
    return decode_png(bytes, count, max_pixels, 3, rgb, capacity, report);
}

int cic_decode_png_alpha(const uint8_t *bytes, size_t count, uint64_t max_pixels, uint8_t *rgba,
                         size_t capacity, cic_report *report) {
    return decode_png(bytes, count, max_pixels, 4, rgba, capacity, report);
}
