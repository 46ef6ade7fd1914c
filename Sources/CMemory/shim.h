// SPDX-License-Identifier: Apache-2.0

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif
#include <stddef.h>

/// Freed blocks of up to 32 MiB stay with the process instead of going back to the kernel, which
/// would clear their pages again before the next use. Does nothing where the C library has no such
/// settings.
static inline void keep_freed_memory(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

/// Columns of a character on a terminal as the locale of this thread has it; -1 for those that
/// cannot be printed. The C library's own declaration is hidden from Swift.
static inline int columns_of_character(wchar_t character) {
    extern int wcwidth(wchar_t);
    return wcwidth(character);
}
