// SPDX-License-Identifier: Apache-2.0

// Choice of method and block size for a convolution; the same on every instruction set.
#pragma once

#include "isa.h"

/// Bytes of gathered rows a block may take: half of a common second-level cache.
#define CK_BLOCK_BYTES (256 * 1024)

/// Bytes of rows between a pair of convolutions, the rest of that cache left to weights, inputs and
/// outputs.
#define CK_BAND_BYTES (512 * 1024)

/// Bytes of output rows whose statistics are taken together: they are still in that cache.
#define CK_STATISTICS_BYTES (256 * 1024)

/// `element` is the size of one gathered element.
ck_plan ck_make_plan(const ck_geometry *geometry, ptrdiff_t element);
