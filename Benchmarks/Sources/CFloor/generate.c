#include "floor.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 100000, VALUE_LENGTH = 100, PARTITIONS_LIMIT = 64, WORDS = 10000, WORD_MAX = 16 };

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

// A word of 2 to 10 letters and its number, and the sum of the weights up to it, in parts of 2^63.
typedef struct {
    char letters[WORD_MAX];
    int length;
    uint64_t bound;
} zipf_word;

static void make_words(zipf_word *words) {
    uint64_t random = 7;
    double sum = 0, total = 0;
    for (int number = 1; number <= WORDS; number++) sum += 1.0 / number;
    for (int number = 0; number < WORDS; number++) {
        zipf_word *word = &words[number];
        int letters = 2 + (int)(xorshift(&random) % 9);
        for (int at = 0; at < letters; at++) word->letters[at] = (char)('a' + xorshift(&random) % 26);
        word->length = letters + snprintf(word->letters + letters, WORD_MAX - (size_t)letters, "%d", number);
        total += 1.0 / (number + 1);
        word->bound = (uint64_t)(total / sum * 0x1p63);
    }
}

static const zipf_word *draw(const zipf_word *words, uint64_t place) {
    int low = 0, high = WORDS - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (words[middle].bound > place) high = middle;
        else low = middle + 1;
    }
    return &words[low];
}

static void write_lines(floor_settings settings, floor_result *result) {
    zipf_word *words = calloc(WORDS, sizeof *words);
    if (!words) {
        result->error = ENOMEM;
        return;
    }
    make_words(words);
    log_writer logs[PARTITIONS_LIMIT];
    for (int partition = 0; partition < settings.partitions; partition++)
        log_create(&logs[partition], settings.directory, "lines", partition);
    uint64_t random = settings.seed;
    for (int64_t number = 0; number < settings.lines; number++) {
        uint8_t line[12 * (WORD_MAX + 1)];
        size_t length = 0;
        for (int64_t index = 0; index < 8 + number % 5; index++) {
            const zipf_word *word = draw(words, xorshift(&random) >> 1);
            if (index > 0) line[length++] = ' ';
            memcpy(line + length, word->letters, (size_t)word->length);
            length += (size_t)word->length;
        }
        log_writer *log = &logs[number % settings.partitions];
        log->batch = log_append(log, log->batch, line, 0, length, number);
        memcpy(log->batch.value, line, length);
    }
    finish(logs, settings.partitions, result);
    free(words);
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
    if (settings.lines > 0) write_lines(settings, &result);
    return result;
}
