#define _GNU_SOURCE
#include "millrace_platform.h"

#include <errno.h>
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

int millrace_reserve(int fd, int64_t offset, int64_t length) {
#if defined(__linux__)
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length) == 0 ? 0 : errno;
#else
    (void)fd, (void)offset, (void)length;
    return ENOTSUP;
#endif
}
