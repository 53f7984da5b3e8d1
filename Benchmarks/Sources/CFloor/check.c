#include "floor.h"
#include "log.h"

#include <errno.h>

floor_result floor_check(floor_settings settings, const char *name) {
    floor_result result = {0};
    for (int partition = 0; partition < settings.partitions && !result.error; partition++) {
        log_view view;
        result.error = log_map(&view, settings.directory, name, partition);
        while (!result.error && view.at < view.size) {
            batch_reader reader;
            record_view record;
            size_t size = batch_open(&reader, view.bytes + view.at, view.size - view.at);
            int damaged = size == 0;
            while (!damaged && reader.left > 0) {
                damaged = !batch_next(&reader, &record);
                result.records += !damaged;
            }
            if (damaged || reader.at != reader.end) result.error = EBADMSG;
            view.at += size;
        }
        result.bytes_out += (int64_t)view.size;
        log_unmap(&view);
    }
    return result;
}
