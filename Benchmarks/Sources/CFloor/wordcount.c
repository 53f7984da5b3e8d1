#include "commit.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

// The words in a table of open addressing with linear probing, their letters in the slot.
enum { SLOTS_LOG2 = 15, SLOTS = 1 << SLOTS_LOG2, LETTERS_MAX = 24, REPARTITION = 0, CHANGELOG = 1, OUTPUT = 2 };

typedef struct {
    uint64_t hash;
    uint64_t count;           // 0: the slot is free
    int64_t length;
    uint8_t letters[LETTERS_MAX];
} slot;

typedef struct {
    int64_t words;
    int64_t read[PARTITIONS_MAX];             // bytes of each repartition log that have been read
    uint8_t buffer[BATCH_SIZE_MAX];
    slot slots[SLOTS];
} word_table;

// Eight letters at a time; what is behind the word's end does not count.
static inline uint64_t hash_of(const uint8_t *letters, int64_t length) {
    uint64_t hash = (uint64_t)length;
    for (; length > 0; letters += 8, length -= 8) {
        uint64_t word = 0;
        memcpy(&word, letters, length < 8 ? (size_t)length : 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

static int split_batch(floor_run *run, int partition, batch_reader reader, void *state) {
    (void)partition, (void)state;
    record_view record;
    while (reader.left > 0) {
        if (!batch_next(&reader, &record)) return 0;
        const uint8_t *at = record.value, *end = at + record.value_length;
        int64_t timestamp = reader.base_timestamp + record.timestamp_delta;
        while (at < end) {
            const uint8_t *word = at;
            while (at < end && *at != ' ') at++;
            int64_t length = at - word;
            at++;
            if (length == 0) continue;
            uint64_t place = (hash_of(word, length) >> 32) % (uint64_t)run->settings.partitions;
            log_writer *log = &run->output[REPARTITION][place];
            log->batch = log_append(log, log->batch, word, (size_t)length, (size_t)length, timestamp);
            memcpy(log->batch.value, word, (size_t)length);
        }
    }
    return 1;
}

static inline slot *find(word_table *table, const uint8_t *letters, int64_t length) {
    uint64_t hash = hash_of(letters, length);
    uint64_t at = hash >> (64 - SLOTS_LOG2);
    for (;; at = (at + 1) & (SLOTS - 1)) {
        slot *found = &table->slots[at];
        if (found->count == 0) {
            if (table->words++ == SLOTS / 2 || length > LETTERS_MAX) return 0;
            found->hash = hash;
            found->length = length;
            memcpy(found->letters, letters, (size_t)length);
            return found;
        }
        if (found->hash == hash && found->length == length && !memcmp(found->letters, letters, (size_t)length))
            return found;
    }
}

static int count_batch(floor_run *run, int partition, batch_reader reader, word_table *table) {
    log_writer *changelog = &run->output[CHANGELOG][partition], *output = &run->output[OUTPUT][partition];
    record_view record;
    while (reader.left > 0) {
        if (!batch_next(&reader, &record)) return 0;
        slot *word = find(table, record.key, record.key_length);
        if (!word) return 0;
        uint64_t count = ++word->count;
        size_t length = (size_t)record.key_length;
        int64_t timestamp = reader.base_timestamp + record.timestamp_delta;
        changelog->batch = log_append(changelog, changelog->batch, record.key, length, 8, timestamp);
        store_64(changelog->batch.value, count);
        output->batch = log_append(output, output->batch, record.key, length, 8, timestamp);
        store_64(output->batch.value, count);
    }
    return 1;
}

// Reads what was committed to the repartition logs since the last time.
static int count_committed(floor_run *run, void *state) {
    word_table *table = state;
    for (int partition = 0; partition < run->settings.partitions; partition++) {
        log_writer *log = &run->output[REPARTITION][partition];
        while (table->read[partition] < log->bytes) {
            ssize_t size = pread(log->file, table->buffer, BATCH_SIZE_MAX, (off_t)table->read[partition]);
            batch_reader reader;
            size_t batch = size > 0 ? batch_open(&reader, table->buffer, (size_t)size) : 0;
            if (!batch) return 0;
            run->result.records += reader.left;
            if (!count_batch(run, partition, reader, table)) return 0;
            table->read[partition] += (int64_t)batch;
        }
    }
    return 1;
}

floor_result floor_wordcount(floor_settings settings) {
    static const char *const names[] = {"repartition", "wordcount-changelog", "wordcount"};
    word_table *table = calloc(1, sizeof *table);
    if (!table) return (floor_result){.error = ENOMEM};
    floor_work work = {
        .input = "lines", .names = names, .outputs = 3, .handler = split_batch, .committed = count_committed,
        .state = table,
    };
    floor_result result = floor_run_work(settings, work);
    free(table);
    // The lines are not counted, their words are.
    if (!result.error) result.records -= settings.lines;
    return result;
}
