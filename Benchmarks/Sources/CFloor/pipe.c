#include "commit.h"

static inline uint8_t upper_case(uint8_t letter) {
    return letter >= 'a' && letter <= 'z' ? letter & (uint8_t)~0x20 : letter;
}

static int pipe_batch(floor_run *run, int partition, batch_reader reader, void *state) {
    (void)state;
    log_writer *log = &run->output[0][partition];
    open_batch batch = log->batch;
    record_view record;
    while (reader.left > 0) {
        if (!batch_next(&reader, &record) || record.key_length != 8) return 0;
        if (load_64(record.key) % 10 == 0) continue;
        int64_t timestamp = reader.base_timestamp + record.timestamp_delta;
        batch = log_append(log, batch, record.key, 8, (size_t)record.value_length, timestamp);
        for (int64_t at = 0; at < record.value_length; at++) batch.value[at] = upper_case(record.value[at]);
    }
    log->batch = batch;
    return 1;
}

floor_result floor_pipe(floor_settings settings) {
    static const char *const names[] = {"pipe"};
    return floor_run_all(settings, names, 1, pipe_batch, 0);
}
