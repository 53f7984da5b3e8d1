#ifndef FLOOR_CRC32C_H
#define FLOOR_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli) of the bytes.
uint32_t crc32c(const uint8_t *bytes, size_t length);

#endif
