#ifndef FLOOR_BATCH_H
#define FLOOR_BATCH_H

#include "crc32c.h"
#include "encoding.h"

#include <stddef.h>
#include <stdint.h>

// One record batch of format v2: 61 bytes of header, then the records.

enum {
    BATCH_LENGTH = 8,
    BATCH_LEADER_EPOCH = 12,
    BATCH_MAGIC = 16,
    BATCH_CRC = 17,
    BATCH_ATTRIBUTES = 21,
    BATCH_LAST_OFFSET_DELTA = 23,
    BATCH_BASE_TIMESTAMP = 27,
    BATCH_MAX_TIMESTAMP = 35,
    BATCH_PRODUCER_ID = 43,
    BATCH_PRODUCER_EPOCH = 51,
    BATCH_BASE_SEQUENCE = 53,
    BATCH_COUNT = 57,
    BATCH_RECORDS = 61,
    BATCH_SIZE_MAX = 64 << 10,
};

typedef struct {
    const uint8_t *key;
    const uint8_t *value;
    int64_t key_length;
    int64_t value_length;
    int64_t timestamp_delta;
} record_view;

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    int64_t base_timestamp;
    int32_t left;
} batch_reader;

// Checks the batch that begins at `bytes` and readies the reader for its records.
// Returns the batch's size, or 0 if it is damaged.
static inline size_t batch_open(batch_reader *reader, const uint8_t *bytes, size_t available) {
    if (available < BATCH_RECORDS) return 0;
    size_t size = (size_t)load_32(bytes + BATCH_LENGTH) + BATCH_LEADER_EPOCH;
    if (size < BATCH_RECORDS || size > available || bytes[BATCH_MAGIC] != 2) return 0;
    if (load_32(bytes + BATCH_CRC) != crc32c(bytes + BATCH_ATTRIBUTES, size - BATCH_ATTRIBUTES)) return 0;
    reader->at = bytes + BATCH_RECORDS;
    reader->end = bytes + size;
    reader->base_timestamp = (int64_t)load_64(bytes + BATCH_BASE_TIMESTAMP);
    reader->left = (int32_t)load_32(bytes + BATCH_COUNT);
    return size;
}

// Decodes the next record in place. Returns 0 if it is damaged; to be called `left` times.
static inline int batch_next(batch_reader *reader, record_view *record) {
    const uint8_t *at = reader->at, *end = reader->end;
    int64_t length, offset_delta, headers;
    if (!(at = get_varint(at, end, &length)) || length < 1 || length > end - at) return 0;
    end = at + length;
    at++;
    if (!(at = get_varint(at, end, &record->timestamp_delta))) return 0;
    if (!(at = get_varint(at, end, &offset_delta))) return 0;
    if (!(at = get_varint(at, end, &record->key_length)) || record->key_length < 0) return 0;
    if (record->key_length > end - at) return 0;
    record->key = at;
    at += record->key_length;
    if (!(at = get_varint(at, end, &record->value_length)) || record->value_length < 0) return 0;
    if (record->value_length > end - at) return 0;
    record->value = at;
    at += record->value_length;
    if (!(at = get_varint(at, end, &headers)) || headers != 0 || at != end) return 0;
    reader->at = end;
    reader->left--;
    return 1;
}

#endif
