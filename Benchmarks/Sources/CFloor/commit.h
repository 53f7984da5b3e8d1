#ifndef FLOOR_COMMIT_H
#define FLOOR_COMMIT_H

#include "floor.h"
#include "log.h"

// A run over the input: its partitions in turn, a batch at a time, with a commit whenever the interval has passed.

enum { PARTITIONS_MAX = 64, OUTPUTS_MAX = 2 };

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

// Does the whole run; `names` are those of the outputs.
floor_result floor_run_all(
    floor_settings settings, const char *const *names, int outputs, batch_handler handler, void *state
);

#endif
