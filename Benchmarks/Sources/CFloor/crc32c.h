#ifndef FLOOR_CRC32C_H
#define FLOOR_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// CRC-32C by the processor's instruction; a processor without one gets a loop over the bits, and a floor not worth
// comparing with.

#if defined(__x86_64__)
#include <nmmintrin.h>
#define CRC32C_TARGET __attribute__((target("sse4.2")))
#define CRC32C_WORD(state, word) _mm_crc32_u64(state, word)
#define CRC32C_BYTE(state, byte) _mm_crc32_u8((uint32_t)(state), byte)
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define CRC32C_TARGET
#define CRC32C_WORD(state, word) __crc32cd((uint32_t)(state), word)
#define CRC32C_BYTE(state, byte) __crc32cb((uint32_t)(state), byte)
#else
static inline uint32_t crc32c_bits(uint32_t state, uint8_t byte) {
    state ^= byte;
    for (int bit = 0; bit < 8; bit++) state = state & 1 ? (state >> 1) ^ 0x82f63b78u : state >> 1;
    return state;
}
static inline uint32_t crc32c_bits_of_word(uint32_t state, uint64_t word) {
    for (int byte = 0; byte < 8; byte++) state = crc32c_bits(state, (uint8_t)(word >> (8 * byte)));
    return state;
}
#define CRC32C_TARGET
#define CRC32C_WORD(state, word) crc32c_bits_of_word((uint32_t)(state), word)
#define CRC32C_BYTE(state, byte) crc32c_bits((uint32_t)(state), byte)
#endif

CRC32C_TARGET static uint32_t crc32c(const uint8_t *bytes, size_t length) {
    uint64_t state = 0xffffffffu;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        state = CRC32C_WORD(state, word);
    }
    uint32_t tail = (uint32_t)state;
    for (; length > 0; bytes++, length--) tail = CRC32C_BYTE(tail, *bytes);
    return ~tail;
}

#endif
