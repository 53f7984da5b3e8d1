#include "commit.h"

#include <errno.h>
#include <stdlib.h>

// The rows in a table of open addressing with linear probing; more than twice as many slots as rows.
enum { SLOTS_LOG2 = 18, SLOTS = 1 << SLOTS_LOG2 };

typedef struct {
    uint64_t key;
    uint64_t row;
    uint64_t used;
} slot;

typedef struct {
    int64_t rows;
    int loaded;
    slot slots[SLOTS];
} row_table;

static inline slot *find(row_table *table, uint64_t key) {
    uint64_t at = (key * 0x9e3779b97f4a7c15u) >> (64 - SLOTS_LOG2);
    while (table->slots[at].used && table->slots[at].key != key) at = (at + 1) & (SLOTS - 1);
    return &table->slots[at];
}

static int load_partition(row_table *table, log_view *view) {
    while (view->at < view->size) {
        batch_reader reader;
        record_view record;
        size_t size = batch_open(&reader, view->bytes + view->at, view->size - view->at);
        if (!size) return 0;
        while (reader.left > 0) {
            if (!batch_next(&reader, &record) || record.key_length != 8 || record.value_length != 8) return 0;
            uint64_t key = load_64(record.key);
            slot *row = find(table, key);
            if (!row->used && table->rows++ == SLOTS / 2) return 0;
            *row = (slot){.key = key, .row = load_64(record.value), .used = 1};
        }
        view->at += size;
    }
    return 1;
}

// Reads the rows, of all partitions before the first record.
static int load(floor_run *run, row_table *table) {
    for (int partition = 0; partition < run->settings.partitions; partition++) {
        log_view view;
        if (log_map(&view, run->settings.directory, "table", partition)) return 0;
        int whole = load_partition(table, &view);
        log_unmap(&view);
        if (!whole) return 0;
    }
    table->loaded = 1;
    return 1;
}

static int join_batch(floor_run *run, int partition, batch_reader reader, void *state) {
    row_table *table = state;
    if (!table->loaded && !load(run, table)) return 0;
    log_writer *log = &run->output[0][partition];
    open_batch batch = log->batch;
    record_view record;
    while (reader.left > 0) {
        if (!batch_next(&reader, &record) || record.key_length != 8) return 0;
        const slot *row = find(table, load_64(record.key));
        if (!row->used) continue;
        batch = log_append(log, batch, record.key, 8, 8, reader.base_timestamp + record.timestamp_delta);
        store_64(batch.value, (uint64_t)record.value_length + row->row);
    }
    log->batch = batch;
    return 1;
}

floor_result floor_join(floor_settings settings) {
    static const char *const names[] = {"join"};
    row_table *table = calloc(1, sizeof *table);
    if (!table) return (floor_result){.error = ENOMEM};
    floor_result result = floor_run_all(settings, names, 1, join_batch, table);
    free(table);
    return result;
}
