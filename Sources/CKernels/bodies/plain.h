// SPDX-License-Identifier: Apache-2.0

// Bodies that are the same in every table: plain C, vectorized by the compiler.
#include "quantize.h"
#include "elementwise.h"
#include "activation.h"
#include "multiply.h"
#include "lrn.h"
#include "pool.h"
#include "statistics.h"
#include "correction_sums.h"
#include "gradient.h"
