// SPDX-License-Identifier: Apache-2.0

// The kernels in plain C.
#include "isa.h"

#define CK_ATTRIBUTES 

// Order matters: a body uses those before it.
#include "bodies/common.h"
#include "bodies/float_gemm_4x16.h"
#include "bodies/float_depthwise_1x16.h"
#include "bodies/float_depthwise_runs.h"
#define CK_FLOAT_DEPTHWISE_ROW float_depthwise_runs
#include "bodies/float_statistics.h"
#include "bodies/float_convolution.h"
#include "bodies/integer_gemm_4x16.h"
#include "bodies/integer_depthwise_1x16.h"
#include "bodies/mask.h"
#include "bodies/requantize.h"
#include "bodies/integer_words.h"
#include "bodies/integer_panels.h"
#include "bodies/integer_convolution.h"
#include "bodies/mask_gradient_1x8.h"
#include "bodies/peak.h"
#include "bodies/plain.h"

const ck_isa ck_table_portable = {
    .name = "portable",
#include "bodies/table.h"
};
