#define _GNU_SOURCE
#include "millrace_platform.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

void millrace_set_thread_name(const char *name) {
    char kept[16];
    strncpy(kept, name, sizeof kept - 1);
    kept[sizeof kept - 1] = 0;
#if defined(__APPLE__)
    pthread_setname_np(kept);
#else
    pthread_setname_np(pthread_self(), kept);
#endif
}

void millrace_begin_writeback(int fd, int64_t offset, int64_t length) {
#if defined(__linux__)
    sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
#else
    (void)fd, (void)offset, (void)length;
#endif
}
