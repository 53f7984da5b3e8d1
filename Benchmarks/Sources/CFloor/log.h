#ifndef FLOOR_LOG_H
#define FLOOR_LOG_H

#include "batch.h"

#include <stddef.h>
#include <stdint.h>

// The batch that is being filled. It is passed by value: a loop over records then keeps it in registers, where the
// compiler would otherwise have to store and load it around every byte that is written.
typedef struct {
    uint8_t *bytes;           // BATCH_SIZE_MAX of them
    uint8_t *at;              // the end of its records
    uint8_t *value;           // of the record appended last: for the caller to fill in
    int64_t base_timestamp;
    int64_t max_timestamp;
    int32_t count;
} open_batch;

// A file of record batches. Between two calls `batch` is the open one.
typedef struct {
    open_batch batch;
    int file;
    int error;                // the first errno; what follows it is not written
    int dirty;                // written to since the last `log_sync`
    int64_t base_offset;      // of the open batch
    int64_t bytes;            // written to the file
} log_writer;

// Creates `<directory>/<name>-<partition>.log`, or empties it.
void log_create(log_writer *log, const char *directory, const char *name, int partition);

// Ends the batch and writes it; returns the next one.
open_batch log_write(log_writer *log, open_batch batch);

// Ends and writes the open batch, if it has a record.
void log_flush(log_writer *log);

// Tells the kernel to begin writing what the log has in the page cache, and does not wait.
void log_start_sync(const log_writer *log);

// Waits until everything written is on the disk.
void log_sync(log_writer *log);

void log_close(log_writer *log);

// Appends a record; the caller fills in its value. Key and value are of a few hundred bytes.
static inline open_batch log_append(
    log_writer *log, open_batch batch, const uint8_t *key, size_t key_length, size_t value_length, int64_t timestamp
) {
    size_t lengths = 2 + varint_size((int64_t)key_length) + key_length + varint_size((int64_t)value_length) + value_length;
    enum { VARINTS_MAX = 25 };
    if (batch.at + VARINTS_MAX + lengths > batch.bytes + BATCH_SIZE_MAX) batch = log_write(log, batch);
    if (batch.count == 0) batch.base_timestamp = batch.max_timestamp = timestamp;
    if (timestamp > batch.max_timestamp) batch.max_timestamp = timestamp;
    int64_t delta = timestamp - batch.base_timestamp;
    uint8_t *at = put_varint(batch.at, (int64_t)(lengths + varint_size(delta) + varint_size(batch.count)));
    *at++ = 0;
    at = put_varint(at, delta);
    at = put_varint(at, batch.count++);
    at = put_varint(at, (int64_t)key_length);
    memcpy(at, key, key_length);
    at = put_varint(at + key_length, (int64_t)value_length);
    batch.value = at;
    at += value_length;
    *at++ = 0;
    batch.at = at;
    return batch;
}

// A file of record batches, mapped whole.
typedef struct {
    const uint8_t *bytes;
    size_t size;
    size_t at;
} log_view;

// Returns 0 or an errno.
int log_map(log_view *view, const char *directory, const char *name, int partition);

void log_unmap(log_view *view);

#endif
