// SPDX-License-Identifier: Apache-2.0

// Every convolution that is not depthwise has its matrix in int16. Contract: integer_words.h.

#define pack_panels pack_words
#define integer_rows_bytes word_rows_bytes
#define integer_rows word_rows
#define integer_panel word_panel
