#include "commit.h"

#include <errno.h>
#include <stdlib.h>

// Open addressing with linear probing; twice as many slots as there can be keys, and more.
enum { SLOTS_LOG2 = 18, SLOTS = 1 << SLOTS_LOG2 };

typedef struct {
    uint64_t key;
    uint64_t count;           // 0: the slot is free
} slot;

typedef struct {
    int64_t keys;
    slot slots[SLOTS];
} count_table;

static inline uint64_t increment(count_table *table, uint64_t key) {
    uint64_t at = (key * 0x9e3779b97f4a7c15u) >> (64 - SLOTS_LOG2);
    while (table->slots[at].count && table->slots[at].key != key) at = (at + 1) & (SLOTS - 1);
    if (!table->slots[at].count) {
        table->slots[at].key = key;
        table->keys++;
    }
    return ++table->slots[at].count;
}

static int count_batch(floor_run *run, int partition, batch_reader reader, void *state) {
    count_table *table = state;
    log_writer *changelog_log = &run->output[0][partition], *output_log = &run->output[1][partition];
    open_batch changelog = changelog_log->batch, output = output_log->batch;
    record_view record;
    while (reader.left > 0) {
        if (!batch_next(&reader, &record) || record.key_length != 8 || table->keys == SLOTS - 1) return 0;
        uint64_t count = increment(table, load_64(record.key));
        int64_t timestamp = reader.base_timestamp + record.timestamp_delta;
        changelog = log_append(changelog_log, changelog, record.key, 8, 8, timestamp);
        store_64(changelog.value, count);
        output = log_append(output_log, output, record.key, 8, 8, timestamp);
        store_64(output.value, count);
    }
    changelog_log->batch = changelog;
    output_log->batch = output;
    return 1;
}

floor_result floor_count(floor_settings settings) {
    static const char *const names[] = {"changelog", "count"};
    count_table *table = malloc(sizeof *table);
    if (!table) return (floor_result){.error = ENOMEM};
    memset(table, 0, sizeof *table);
    floor_result result = floor_run_all(settings, names, 2, count_batch, table);
    free(table);
    return result;
}
