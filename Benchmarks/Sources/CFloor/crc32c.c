#include "crc32c.h"

#include <string.h>

// By the processor's instruction; a processor without one gets a loop over the bits, and a floor not worth comparing
// with. The instruction takes three cycles and another can begin in each, so long input goes in three lanes.

#if defined(__x86_64__)
#include <nmmintrin.h>
#define TARGET __attribute__((target("sse4.2")))
#define ADD_WORD(state, word) _mm_crc32_u64(state, word)
#define ADD_BYTE(state, byte) _mm_crc32_u8((uint32_t)(state), byte)
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define TARGET
#define ADD_WORD(state, word) __crc32cd((uint32_t)(state), word)
#define ADD_BYTE(state, byte) __crc32cb((uint32_t)(state), byte)
#else
static uint32_t add_bits(uint32_t state, uint64_t bits, int count) {
    for (int bit = 0; bit < count; bit++, bits >>= 1)
        state = (state ^ bits) & 1 ? (state >> 1) ^ 0x82f63b78u : state >> 1;
    return state;
}
#define TARGET
#define ADD_WORD(state, word) add_bits((uint32_t)(state), word, 64)
#define ADD_BYTE(state, byte) add_bits((uint32_t)(state), byte, 8)
#endif

enum { LANE_UNIT = 1024, LANE_UNITS_MAX = 32 };

// The product of two polynomials modulo Castagnoli's; bit 31 is the power 0.
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = b & 1 ? (b >> 1) ^ 0x82f63b78u : b >> 1;
    }
    return product;
}

// What a state is multiplied by when so many units of bytes follow.
static uint32_t units_power(size_t units) {
    static uint32_t powers[LANE_UNITS_MAX + 1];
    if (!powers[0]) {
        uint32_t unit = 1u << 30;
        for (size_t bits = 1; bits < 8 * LANE_UNIT; bits *= 2) unit = multiply(unit, unit);
        powers[0] = 1u << 31;
        for (int index = 1; index <= LANE_UNITS_MAX; index++) powers[index] = multiply(powers[index - 1], unit);
    }
    return powers[units];
}

static inline uint64_t word_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

TARGET uint32_t crc32c(const uint8_t *bytes, size_t length) {
    uint64_t state = 0xffffffffu;
    while (length >= 3 * LANE_UNIT) {
        size_t units = length / (3 * LANE_UNIT);
        if (units > LANE_UNITS_MAX) units = LANE_UNITS_MAX;
        size_t lane = units * LANE_UNIT;
        uint64_t second = 0, third = 0;
        for (const uint8_t *end = bytes + lane; bytes < end; bytes += 8) {
            state = ADD_WORD(state, word_at(bytes));
            second = ADD_WORD(second, word_at(bytes + lane));
            third = ADD_WORD(third, word_at(bytes + 2 * lane));
        }
        uint32_t power = units_power(units);
        state = multiply((uint32_t)state, power) ^ second;
        state = multiply((uint32_t)state, power) ^ third;
        bytes += 2 * lane;
        length -= 3 * lane;
    }
    for (; length >= 8; bytes += 8, length -= 8) state = ADD_WORD(state, word_at(bytes));
    uint32_t tail = (uint32_t)state;
    for (; length > 0; bytes++, length--) tail = ADD_BYTE(tail, *bytes);
    return ~tail;
}
