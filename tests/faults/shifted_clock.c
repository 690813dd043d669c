/* Shifts the wall clock of one process, for tests: the file that SHIFTED_CLOCK names holds milliseconds to add, as 8 bytes, and may
   change at any time. Loaded by LD_PRELOAD. The monotonic clock is left alone, as it is when an operator sets a machine's clock. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *shift;

__attribute__((constructor)) static void map_shift(void) {
    const char *path = getenv("SHIFTED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) shift = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (failed || clock != CLOCK_REALTIME || !shift) return failed;
    int64_t by = *shift, seconds = by / 1000, nanos = time->tv_nsec + by % 1000 * 1000000;
    if (nanos < 0) { nanos += 1000000000; seconds -= 1; }
    if (nanos >= 1000000000) { nanos -= 1000000000; seconds += 1; }
    time->tv_sec += seconds;
    time->tv_nsec = nanos;
    return 0;
}
