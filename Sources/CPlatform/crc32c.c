#include "millrace_platform.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u

static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        table[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++) table[k][n] = (table[k - 1][n] >> 8) ^ table[0][table[k - 1][n] & 0xff];
}

uint32_t millrace_crc32c_portable(uint32_t crc, const void *bytes, size_t length) {
    pthread_once(&table_once, make_table);
    const uint8_t *p = bytes;
    crc = ~crc;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
              table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^ table[2][(word >> 40) & 0xff] ^
              table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
        p += 8;
        length -= 8;
    }
#endif
    while (length--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define TARGET __attribute__((target("sse4.2")))
#define ADD_WORD(state, word) _mm_crc32_u64(state, word)
#define ADD_BYTE(state, byte) _mm_crc32_u8((uint32_t)(state), byte)
int millrace_crc32c_is_accelerated(void) { return __builtin_cpu_supports("sse4.2") ? 1 : 0; }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define TARGET
#define ADD_WORD(state, word) __crc32cd((uint32_t)(state), word)
#define ADD_BYTE(state, byte) __crc32cb((uint32_t)(state), byte)
int millrace_crc32c_is_accelerated(void) { return 1; }
#else
int millrace_crc32c_is_accelerated(void) { return 0; }
#endif

#if defined(ADD_WORD)
// The instruction takes three cycles and another can begin in each, so long input goes in three lanes, whose states are
// put together by what the bytes of the later lanes would have done to the earlier states.
enum { LANE_UNIT = 1024, LANE_UNITS_MAX = 32 };

static uint32_t powers[LANE_UNITS_MAX + 1];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

// The product of two polynomials modulo Castagnoli's; bit 31 is the power 0.
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = b & 1 ? (b >> 1) ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

// What a state is multiplied by when so many units of bytes follow.
static void make_powers(void) {
    uint32_t unit = 1u << 30;
    for (size_t bits = 1; bits < 8 * LANE_UNIT; bits *= 2) unit = multiply(unit, unit);
    powers[0] = 1u << 31;
    for (int index = 1; index <= LANE_UNITS_MAX; index++) powers[index] = multiply(powers[index - 1], unit);
}

static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

TARGET static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p, size_t length) {
    uint64_t state = (uint32_t)~crc;
    if (length >= 3 * LANE_UNIT) pthread_once(&powers_once, make_powers);
    while (length >= 3 * LANE_UNIT) {
        size_t units = length / (3 * LANE_UNIT);
        if (units > LANE_UNITS_MAX) units = LANE_UNITS_MAX;
        size_t lane = units * LANE_UNIT;
        uint64_t second = 0, third = 0;
        for (const uint8_t *end = p + lane; p < end; p += 8) {
            state = ADD_WORD(state, word_at(p));
            second = ADD_WORD(second, word_at(p + lane));
            third = ADD_WORD(third, word_at(p + 2 * lane));
        }
        state = multiply((uint32_t)state, powers[units]) ^ second;
        state = multiply((uint32_t)state, powers[units]) ^ third;
        p += 2 * lane;
        length -= 3 * lane;
    }
    for (; length >= 8; p += 8, length -= 8) state = ADD_WORD(state, word_at(p));
    uint32_t tail = (uint32_t)state;
    for (; length > 0; p++, length--) tail = ADD_BYTE(tail, *p);
    return ~tail;
}
#endif

uint32_t millrace_crc32c(uint32_t crc, const void *bytes, size_t length) {
#if defined(ADD_WORD)
    if (millrace_crc32c_is_accelerated()) return crc32c_instruction(crc, bytes, length);
#endif
    return millrace_crc32c_portable(crc, bytes, length);
}
