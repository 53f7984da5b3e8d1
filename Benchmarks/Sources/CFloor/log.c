#define _GNU_SOURCE
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MAP_POPULATE
#define MAP_POPULATE 0
#endif

static void log_path(char *path, size_t size, const char *directory, const char *name, int partition) {
    snprintf(path, size, "%s/%s-%d.log", directory, name, partition);
}

void log_create(log_writer *log, const char *directory, const char *name, int partition) {
    char path[4096];
    log_path(path, sizeof path, directory, name, partition);
    memset(log, 0, sizeof *log);
    log->batch.bytes = calloc(1, BATCH_SIZE_MAX);
    log->batch.at = log->batch.bytes + BATCH_RECORDS;
    log->file = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
    if (log->file < 0 || !log->batch.bytes) log->error = errno;
}

open_batch log_write(log_writer *log, open_batch batch) {
    uint8_t *bytes = batch.bytes;
    size_t size = (size_t)(batch.at - bytes);
    store_64(bytes, (uint64_t)log->base_offset);
    store_32(bytes + BATCH_LENGTH, (uint32_t)(size - BATCH_LEADER_EPOCH));
    store_32(bytes + BATCH_LEADER_EPOCH, 0);
    bytes[BATCH_MAGIC] = 2;
    store_16(bytes + BATCH_ATTRIBUTES, 0);
    store_32(bytes + BATCH_LAST_OFFSET_DELTA, (uint32_t)batch.count - 1);
    store_64(bytes + BATCH_BASE_TIMESTAMP, (uint64_t)batch.base_timestamp);
    store_64(bytes + BATCH_MAX_TIMESTAMP, (uint64_t)batch.max_timestamp);
    store_64(bytes + BATCH_PRODUCER_ID, UINT64_MAX);
    store_16(bytes + BATCH_PRODUCER_EPOCH, UINT16_MAX);
    store_32(bytes + BATCH_BASE_SEQUENCE, UINT32_MAX);
    store_32(bytes + BATCH_COUNT, (uint32_t)batch.count);
    store_32(bytes + BATCH_CRC, crc32c(bytes + BATCH_ATTRIBUTES, size - BATCH_ATTRIBUTES));
    for (size_t written = 0; written < size && !log->error;) {
        ssize_t step = write(log->file, bytes + written, size - written);
        if (step > 0) written += (size_t)step;
        else if (step < 0 && errno != EINTR) log->error = errno;
    }
    log->bytes += (int64_t)size;
    log->base_offset += batch.count;
    log->dirty = 1;
    batch.at = bytes + BATCH_RECORDS;
    batch.count = 0;
    return batch;
}

void log_flush(log_writer *log) {
    if (log->batch.count) log->batch = log_write(log, log->batch);
}

void log_start_sync(const log_writer *log) {
#ifdef __linux__
    if (log->dirty && !log->error) sync_file_range(log->file, 0, 0, SYNC_FILE_RANGE_WRITE);
#else
    (void)log;
#endif
}

void log_sync(log_writer *log) {
    if (!log->dirty || log->error) return;
#ifdef __linux__
    if (fdatasync(log->file)) log->error = errno;
#else
    if (fsync(log->file)) log->error = errno;
#endif
    log->dirty = 0;
}

void log_close(log_writer *log) {
    if (log->file >= 0) close(log->file);
    free(log->batch.bytes);
    log->batch.bytes = 0;
}

int log_map(log_view *view, const char *directory, const char *name, int partition) {
    char path[4096];
    log_path(path, sizeof path, directory, name, partition);
    memset(view, 0, sizeof *view);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return errno;
    struct stat status;
    int error = fstat(file, &status) ? errno : 0;
    if (!error && status.st_size > 0) {
        void *bytes = mmap(0, (size_t)status.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
        if (bytes == MAP_FAILED) {
            error = errno;
        } else {
            view->bytes = bytes;
            view->size = (size_t)status.st_size;
        }
    }
    close(file);
    return error;
}

void log_unmap(log_view *view) {
    if (view->bytes) munmap((void *)view->bytes, view->size);
    view->bytes = 0;
}
