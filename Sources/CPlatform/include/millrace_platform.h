#ifndef MILLRACE_PLATFORM_H
#define MILLRACE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli) of `length` bytes, continuing from `crc`; start with 0.
/// Uses the processor's instruction where it has one, else a table (slicing by eight).
uint32_t millrace_crc32c(uint32_t crc, const void *bytes, size_t length);

/// The same by table, whatever the processor; for tests that compare the two.
uint32_t millrace_crc32c_portable(uint32_t crc, const void *bytes, size_t length);

/// 1 if `millrace_crc32c` uses the processor's instruction.
int millrace_crc32c_is_accelerated(void);

/// Asks the processor to bring the cache line at an address nearer. A hint: any address will do, none is read.
static inline void millrace_prefetch(const void *address) { __builtin_prefetch(address); }

/// Names the calling thread (15 bytes at most are kept).
void millrace_set_thread_name(const char *name);

/// Asks the system to write a part of a file, whole pages, to the disk, and does not wait. Nothing happens where it cannot
/// be asked (Linux can); what goes wrong is reported when the file is synchronised.
void millrace_begin_writeback(int fd, int64_t offset, int64_t length);

#endif
