#include "commit.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void start(floor_run *run, const char *input, const char *const *names) {
    for (int partition = 0; partition < run->settings.partitions; partition++) {
        int error = log_map(&run->input[partition], run->settings.directory, input, partition);
        if (error) run->result.error = error;
        for (int output = 0; output < run->outputs; output++)
            log_create(&run->output[output][partition], run->settings.directory, names[output], partition);
    }
    log_create(&run->offsets, run->settings.directory, "offsets", 0);
    run->cpu_started = seconds(CLOCK_THREAD_CPUTIME_ID);
    run->started = run->last_commit = seconds(CLOCK_MONOTONIC);
}

// The order is that of a transaction: what was written is durable before the offsets that say it was.
static void commit(floor_run *run) {
    int partitions = run->settings.partitions, sync = run->settings.sync;
    for (int output = 0; output < run->outputs; output++)
        for (int partition = 0; partition < partitions; partition++) {
            log_flush(&run->output[output][partition]);
            if (sync) log_start_sync(&run->output[output][partition]);
        }
    for (int output = 0; sync && output < run->outputs; output++)
        for (int partition = 0; partition < partitions; partition++) log_sync(&run->output[output][partition]);
    for (int partition = 0; partition < partitions; partition++) {
        if (run->position[partition] == run->committed[partition]) continue;
        uint8_t key[8];
        store_64(key, (uint64_t)partition);
        run->offsets.batch = log_append(&run->offsets, run->offsets.batch, key, 8, 8, 0);
        store_64(run->offsets.batch.value, (uint64_t)run->position[partition]);
        run->committed[partition] = run->position[partition];
    }
    log_flush(&run->offsets);
    if (sync) log_sync(&run->offsets);
    run->result.commits++;
    run->last_commit = seconds(CLOCK_MONOTONIC);
}

// One batch of one partition. Returns 1 if there was one.
static int step(floor_run *run, int partition, const floor_work *work) {
    log_view *view = &run->input[partition];
    if (view->at == view->size) return 0;
    batch_reader reader;
    size_t size = batch_open(&reader, view->bytes + view->at, view->size - view->at);
    int32_t count = size ? reader.left : 0;
    if (!size || !work->handler(run, partition, reader, work->state)) {
        run->result.error = EBADMSG;
        return 0;
    }
    view->at += size;
    run->position[partition] += count;
    run->result.records += count;
    if ((seconds(CLOCK_MONOTONIC) - run->last_commit) * 1e3 >= (double)run->settings.commit_ms) {
        commit(run);
        if (work->committed && !work->committed(run, work->state)) run->result.error = EBADMSG;
    }
    return 1;
}

static void finish_log(floor_run *run, log_writer *log, int counted) {
    if (log->error) run->result.error = log->error;
    if (counted) {
        run->result.records_out += log->base_offset;
        run->result.bytes_out += log->bytes;
    }
    log_close(log);
}

floor_result floor_run_all(
    floor_settings settings, const char *const *names, int outputs, batch_handler handler, void *state
) {
    floor_work work = {.input = "input", .names = names, .outputs = outputs, .handler = handler, .state = state};
    return floor_run_work(settings, work);
}

floor_result floor_run_work(floor_settings settings, floor_work work) {
    int outputs = work.outputs;
    floor_run *run = calloc(1, sizeof *run);
    if (!run || settings.partitions < 1 || settings.partitions > PARTITIONS_MAX || outputs > OUTPUTS_MAX) {
        floor_result refused = {.error = run ? EINVAL : ENOMEM};
        free(run);
        return refused;
    }
    run->settings = settings;
    run->outputs = outputs;
    start(run, work.input, work.names);
    for (int busy = 1; busy && !run->result.error;) {
        busy = 0;
        for (int partition = 0; partition < settings.partitions && !run->result.error; partition++)
            busy |= step(run, partition, &work);
    }
    commit(run);
    if (work.committed) {
        if (!run->result.error && !work.committed(run, work.state)) run->result.error = EBADMSG;
        commit(run);
    }
    run->result.seconds = seconds(CLOCK_MONOTONIC) - run->started;
    run->result.cpu_seconds = seconds(CLOCK_THREAD_CPUTIME_ID) - run->cpu_started;
    for (int partition = 0; partition < settings.partitions; partition++) {
        for (int output = 0; output < outputs; output++) finish_log(run, &run->output[output][partition], 1);
        log_unmap(&run->input[partition]);
    }
    finish_log(run, &run->offsets, 0);
    floor_result result = run->result;
    free(run);
    return result;
}
