#ifndef FLOOR_COMMIT_H
#define FLOOR_COMMIT_H

#include "floor.h"
#include "log.h"

// A run over the input: its partitions in turn, a batch at a time, with a commit whenever the interval has passed.

enum { PARTITIONS_MAX = 64, OUTPUTS_MAX = 3 };

typedef struct {
    floor_settings settings;
    int outputs;                                        // logs per partition
    log_view input[PARTITIONS_MAX];
    log_writer output[OUTPUTS_MAX][PARTITIONS_MAX];
    log_writer offsets;
    int64_t position[PARTITIONS_MAX];                   // the next offset to read, per partition
    int64_t committed[PARTITIONS_MAX];
    double started, cpu_started, last_commit;
    floor_result result;
} floor_run;

// Handles the records of one batch of one partition; returns 0 if one is damaged.
typedef int (*batch_handler)(floor_run *run, int partition, batch_reader reader, void *state);

// What a run does: `names` are those of the outputs.
typedef struct {
    const char *input;
    const char *const *names;
    int outputs;
    batch_handler handler;
    // What is done with what has been committed, if anything; returns 0 if it is damaged. What it writes belongs to the
    // next commit.
    int (*committed)(floor_run *run, void *state);
    void *state;
} floor_work;

// Does the whole run.
floor_result floor_run_work(floor_settings settings, floor_work work);

// Does the whole run over the usual input.
floor_result floor_run_all(
    floor_settings settings, const char *const *names, int outputs, batch_handler handler, void *state
);

#endif
