// SPDX-License-Identifier: Apache-2.0

// Members of a function table behind its name: the bodies included before.
.integer_pack = integer_pack,
#define CK_KERNEL(result, kernel, parameters, arguments) .kernel = kernel,
#include "../include/kernel_list.h"
