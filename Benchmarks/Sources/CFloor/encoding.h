#ifndef FLOOR_ENCODING_H
#define FLOOR_ENCODING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Big-endian integers and zigzag varints, as Kafka's record format v2 has them.

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the floor is written for little-endian processors"
#endif

static inline uint32_t load_32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return __builtin_bswap32(value);
}

static inline uint64_t load_64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, 8);
    return __builtin_bswap64(value);
}

static inline void store_16(uint8_t *at, uint16_t value) {
    value = __builtin_bswap16(value);
    memcpy(at, &value, 2);
}

static inline void store_32(uint8_t *at, uint32_t value) {
    value = __builtin_bswap32(value);
    memcpy(at, &value, 4);
}

static inline void store_64(uint8_t *at, uint64_t value) {
    value = __builtin_bswap64(value);
    memcpy(at, &value, 8);
}

static inline uint64_t zigzag(int64_t value) { return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63); }

static inline size_t varint_size(int64_t value) {
    size_t size = 1;
    for (uint64_t rest = zigzag(value); rest >= 0x80; rest >>= 7) size++;
    return size;
}

static inline uint8_t *put_varint(uint8_t *at, int64_t value) {
    uint64_t rest = zigzag(value);
    while (rest >= 0x80) {
        *at++ = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    *at++ = (uint8_t)rest;
    return at;
}

// Returns 0 when the bytes end, or ten of them have gone by, before the number does.
static inline const uint8_t *get_varint(const uint8_t *at, const uint8_t *end, int64_t *value) {
    if (__builtin_expect(end - at >= 2, 1)) {
        uint64_t low = at[0];
        if (low < 0x80) {
            *value = (int64_t)(low >> 1) ^ -(int64_t)(low & 1);
            return at + 1;
        }
        if (at[1] < 0x80) {
            uint64_t both = (low & 0x7f) | (uint64_t)at[1] << 7;
            *value = (int64_t)(both >> 1) ^ -(int64_t)(both & 1);
            return at + 2;
        }
    }
    uint64_t bits = 0;
    for (int shift = 0; shift < 70 && at < end; shift += 7) {
        uint8_t byte = *at++;
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return at;
        }
    }
    return 0;
}

#endif
