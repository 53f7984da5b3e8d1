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

__attribute__((target("sse4.2"))) static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p, size_t length) {
    uint64_t state = ~crc;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = _mm_crc32_u64(state, word);
        p += 8;
        length -= 8;
    }
    uint32_t tail = (uint32_t)state;
    while (length--) tail = _mm_crc32_u8(tail, *p++);
    return ~tail;
}

int millrace_crc32c_is_accelerated(void) {
    return __builtin_cpu_supports("sse4.2") ? 1 : 0;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p, size_t length) {
    uint32_t state = ~crc;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = __crc32cd(state, word);
        p += 8;
        length -= 8;
    }
    while (length--) state = __crc32cb(state, *p++);
    return ~state;
}

int millrace_crc32c_is_accelerated(void) { return 1; }

#else
static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p, size_t length) {
    return millrace_crc32c_portable(crc, p, length);
}

int millrace_crc32c_is_accelerated(void) { return 0; }
#endif

uint32_t millrace_crc32c(uint32_t crc, const void *bytes, size_t length) {
    if (!millrace_crc32c_is_accelerated()) return millrace_crc32c_portable(crc, bytes, length);
    return crc32c_instruction(crc, bytes, length);
}
