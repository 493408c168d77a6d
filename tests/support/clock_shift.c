/* The clocks of a process as other times. Preloaded. The file named by MOBIFAI_TEST_CLOCK holds the seconds to add: to
   the wall clock, and to the clocks that nobody can set. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shift; /* wall, steady */
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("MOBIFAI_TEST_CLOCK");
    int descriptor = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor >= 0) {
        void *mapped = mmap(NULL, 2 * sizeof *shift, PROT_READ, MAP_SHARED, descriptor, 0);
        if (mapped != MAP_FAILED) shift = mapped;
        close(descriptor);
    }
}

static int64_t shift_of(clockid_t clock) {
    if (!shift) return 0;
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE: return shift[0];
        case CLOCK_MONOTONIC:
        case CLOCK_MONOTONIC_COARSE:
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_BOOTTIME: return shift[1];
        default: return 0;
    }
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real_clock_gettime) real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real_clock_gettime(clock, now);
    if (!answer) now->tv_sec += shift_of(clock);
    return answer;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) {
        out->tv_sec = now.tv_sec;
        out->tv_usec = now.tv_nsec / 1000;
    }
    return 0;
}

/* Waits until a moment: the kernel is told which one that is by its own clock. */

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *rest) {
    static int (*real)(clockid_t, int, const struct timespec *, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_nanosleep");
    struct timespec moment = *until;
    if (flags & TIMER_ABSTIME) moment.tv_sec -= shift_of(clock);
    return real(clock, flags, &moment, rest);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict until) {
    static int (*real)(sem_t *, clockid_t, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "sem_clockwait");
    struct timespec moment = *until;
    moment.tv_sec -= shift_of(clock);
    return real(semaphore, clock, &moment);
}
