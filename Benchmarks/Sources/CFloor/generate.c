#include "floor.h"
#include "log.h"

#include <errno.h>

enum { KEYS = 100000, VALUE_LENGTH = 100, PARTITIONS_LIMIT = 64 };

static inline uint64_t xorshift(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Not the low bits of the key: then a multiple of ten would always meet the same partitions.
static inline int partition_of(uint64_t key, int32_t partitions) {
    return (int)(((key * 0x9e3779b97f4a7c15u) >> 32) % (uint64_t)partitions);
}

static void finish(log_writer *logs, int32_t partitions, floor_result *result) {
    for (int partition = 0; partition < partitions; partition++) {
        log_writer *log = &logs[partition];
        log_flush(log);
        log_sync(log);
        if (log->error) result->error = log->error;
        result->records_out += log->base_offset;
        result->bytes_out += log->bytes;
        log_close(log);
    }
}

static void write_rows(floor_settings settings, floor_result *result) {
    log_writer logs[PARTITIONS_LIMIT];
    for (int partition = 0; partition < settings.partitions; partition++)
        log_create(&logs[partition], settings.directory, "table", partition);
    for (uint64_t number = 0; number < KEYS; number++) {
        uint8_t key[8];
        store_64(key, number);
        log_writer *log = &logs[partition_of(number, settings.partitions)];
        log->batch = log_append(log, log->batch, key, 8, 8, 0);
        store_64(log->batch.value, number * 7);
    }
    finish(logs, settings.partitions, result);
}

static void write_records(floor_settings settings, floor_result *result) {
    log_writer logs[PARTITIONS_LIMIT];
    for (int partition = 0; partition < settings.partitions; partition++)
        log_create(&logs[partition], settings.directory, "input", partition);
    uint64_t random = settings.seed;
    for (int64_t record = 0; record < settings.records; record++) {
        uint64_t number = xorshift(&random) % KEYS;
        uint8_t key[8];
        store_64(key, number);
        log_writer *log = &logs[partition_of(number, settings.partitions)];
        log->batch = log_append(log, log->batch, key, 8, VALUE_LENGTH, record + 1);
        for (int letter = 0; letter < VALUE_LENGTH;) {
            uint64_t bits = xorshift(&random);
            for (int byte = 0; byte < 8 && letter < VALUE_LENGTH; byte++, bits >>= 8)
                log->batch.value[letter++] = (uint8_t)('a' + ((bits & 0xff) * 26 >> 8));
        }
    }
    finish(logs, settings.partitions, result);
}

floor_result floor_generate(floor_settings settings) {
    floor_result result = {0};
    if (settings.partitions < 1 || settings.partitions > PARTITIONS_LIMIT || settings.seed == 0) {
        result.error = EINVAL;
        return result;
    }
    write_rows(settings, &result);
    write_records(settings, &result);
    return result;
}
