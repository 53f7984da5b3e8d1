#include "commit.h"

#include <errno.h>
#include <stdlib.h>

// A partition has one window open at a time, because what comes late is left out: a table of open addressing whose slots
// are free when they are of another window, so that nothing is cleared.
enum { WINDOW_MS = 10000, SLOTS_LOG2 = 16, SLOTS = 1 << SLOTS_LOG2 };

typedef struct {
    uint64_t key;
    int64_t window;           // its start, plus one
    uint64_t count;
} slot;

typedef struct {
    int64_t window;
    int64_t keys;
    slot slots[SLOTS];
} window_table;

static inline uint64_t increment(window_table *table, uint64_t key) {
    uint64_t at = (key * 0x9e3779b97f4a7c15u) >> (64 - SLOTS_LOG2);
    while (table->slots[at].window == table->window && table->slots[at].key != key) at = (at + 1) & (SLOTS - 1);
    slot *found = &table->slots[at];
    if (found->window != table->window) {
        *found = (slot){.key = key, .window = table->window};
        table->keys++;
    }
    return ++found->count;
}

static int window_batch(floor_run *run, int partition, batch_reader reader, void *state) {
    window_table *table = (window_table *)state + partition;
    log_writer *changelog_log = &run->output[0][partition], *output_log = &run->output[1][partition];
    open_batch changelog = changelog_log->batch, output = output_log->batch;
    record_view record;
    while (reader.left > 0) {
        if (!batch_next(&reader, &record) || record.key_length != 8 || table->keys == SLOTS - 1) return 0;
        int64_t timestamp = reader.base_timestamp + record.timestamp_delta;
        int64_t start = timestamp - timestamp % WINDOW_MS;
        if (start + 1 < table->window) continue;
        if (start + 1 > table->window) {
            table->window = start + 1;
            table->keys = 0;
        }
        uint64_t count = increment(table, load_64(record.key));
        // The key, the window's start, and the sequence number of stores that keep duplicates.
        uint8_t key[20] = {0};
        memcpy(key, record.key, 8);
        store_64(key + 8, (uint64_t)start);
        changelog = log_append(changelog_log, changelog, key, sizeof key, 8, timestamp);
        store_64(changelog.value, count);
        output = log_append(output_log, output, record.key, 8, 8, timestamp);
        store_64(output.value, count);
    }
    changelog_log->batch = changelog;
    output_log->batch = output;
    return 1;
}

floor_result floor_window(floor_settings settings) {
    static const char *const names[] = {"window-changelog", "window"};
    window_table *tables = calloc(PARTITIONS_MAX, sizeof *tables);
    if (!tables) return (floor_result){.error = ENOMEM};
    floor_result result = floor_run_all(settings, names, 2, window_batch, tables);
    free(tables);
    return result;
}
