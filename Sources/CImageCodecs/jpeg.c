// SPDX-License-Identifier: Apache-2.0

#include "CImageCodecs.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/// Real progressive files have about ten scans; a hostile one can ask for a full pass per byte.
enum { MAX_SCANS = 500 };

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf escape;
    cic_report *report;
    int status;
} error_manager;

static int status_of(int code) {
    switch (code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE:
        return CIC_NO_MEMORY;
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED:
        return CIC_UNSUPPORTED;
    default:
        return CIC_CORRUPT;
    }
}

static void leave(j_common_ptr info) {
    error_manager *errors = (error_manager *)info->err;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    snprintf(errors->report->message, CIC_MESSAGE_SIZE, "%s", text);
    errors->status = status_of(info->err->msg_code);
    longjmp(errors->escape, 1);
}

/// Warnings after which libjpeg invents pixels are errors; those about stray bytes between markers
/// and odd header fields are not, since the pixels are whole.
static void judge(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
        leave(info);
    }
}

static void discard(j_common_ptr info) { (void)info; }

static void count_scans(j_common_ptr info) {
    if (((j_decompress_ptr)info)->input_scan_number <= MAX_SCANS) return;
    error_manager *errors = (error_manager *)info->err;
    snprintf(errors->report->message, CIC_MESSAGE_SIZE, "more than %d scans", MAX_SCANS);
    errors->status = CIC_CORRUPT;
    longjmp(errors->escape, 1);
}

static int refuse(cic_report *report, int status, const char *text) {
    snprintf(report->message, CIC_MESSAGE_SIZE, "%s", text);
    return status;
}

/// Color spaces as Pillow chooses them: one and three components become RGB, four become CMYK.
static int choose_output(struct jpeg_decompress_struct *info, cic_report *report) {
    switch (info->num_components) {
    case 1:
    case 3:
        info->out_color_space = JCS_RGB;
        return CIC_OK;
    case 4:
        info->out_color_space = JCS_CMYK;
        return CIC_OK;
    default:
        return refuse(report, CIC_UNSUPPORTED, "only 1, 3 or 4 color components are read");
    }
}

/// a * b / 255, rounded, for a and b in 0...255.
static inline unsigned scaled(unsigned a, unsigned b) {
    unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/// CMYK stored inverted (Adobe's convention, which Pillow assumes of every file) to RGB.
static void cmyk_to_rgb(const uint8_t *cmyk, size_t pixels, uint8_t *rgb) {
    for (size_t i = 0; i < pixels; i++) {
        unsigned light = cmyk[4 * i + 3];
        for (int c = 0; c < 3; c++) {
            unsigned ink = 255u - cmyk[4 * i + c];
            rgb[3 * i + c] = (uint8_t)(light - scaled(ink, light));
        }
    }
}

static void read_rows(struct jpeg_decompress_struct *info, uint8_t *rgb) {
    size_t stride = (size_t)info->output_width * 3;
    JSAMPARRAY line = NULL;
    if (info->out_color_space == JCS_CMYK) {
        line = info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE, info->output_width * 4, 1);
    }
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = rgb + (size_t)info->output_scanline * stride;
        if (line) {
            jpeg_read_scanlines(info, line, 1);
            cmyk_to_rgb(line[0], info->output_width, row);
        } else {
            jpeg_read_scanlines(info, &row, 1);
        }
    }
}

/// The body between creation and destruction; errors of the library jump past it.
static int decode(struct jpeg_decompress_struct *info, const uint8_t *bytes, size_t count,
                  uint64_t max_pixels, uint8_t *rgb, size_t capacity, cic_report *report) {
    jpeg_mem_src(info, (unsigned char *)bytes, (unsigned long)count);
    jpeg_read_header(info, TRUE);
    report->width = info->image_width;
    report->height = info->image_height;
    uint64_t pixels = (uint64_t)info->image_width * info->image_height;
    if (pixels > max_pixels) return refuse(report, CIC_TOO_LARGE, "too many pixels");
    int status = choose_output(info, report);
    if (status != CIC_OK || !rgb) return status;
    if (pixels * 3 != capacity) return refuse(report, CIC_CORRUPT, "size changed between reads");

    info->dct_method = JDCT_ISLOW;
    info->do_fancy_upsampling = TRUE;
    jpeg_start_decompress(info);
    read_rows(info, rgb);
    jpeg_finish_decompress(info);
    return CIC_OK;
}

int cic_decode_jpeg(const uint8_t *bytes, size_t count, uint64_t max_pixels, uint8_t *rgb,
                    size_t capacity, cic_report *report) {
    struct jpeg_decompress_struct info;
    struct jpeg_progress_mgr progress;
    error_manager errors;
    memset(report, 0, sizeof *report);
    memset(&info, 0, sizeof info);
    memset(&progress, 0, sizeof progress);
    errors.report = report;
    errors.status = CIC_OK;
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = leave;
    errors.base.emit_message = judge;
    errors.base.output_message = discard;
    if (setjmp(errors.escape)) {
        jpeg_destroy_decompress(&info);
        return errors.status;
    }
    jpeg_create_decompress(&info);
    progress.progress_monitor = count_scans;
    info.progress = &progress;
    int status = decode(&info, bytes, count, max_pixels, rgb, capacity, report);
    jpeg_destroy_decompress(&info);
    return status;
}
