// SPDX-License-Identifier: Apache-2.0

// Preloaded into the program under test: makes the kernel look worse than it is. Every fault is off
// until its environment variable is set.
//
//   SHIM_CLOCK=FILE   while FILE exists, the wall clock is wrong by the seconds it holds
//   SHIM_PASSED=FILE  when FILE exists, the seconds it holds have passed on the clock that runs
//   steadily SHIM_FSYNC=FILE   while FILE exists, fsync fails with EIO SHIM_HOLD=FILE    while FILE
//   exists, opening a file whose path contains SHIM_PATH waits SHIM_KILL=N       SIGKILL in front
//   of the Nth step (from 1) on files whose path contains SHIM_PATH:
//                     creating, writing, fsync, rename, unlink
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long seconds(const char *variable) {
    const char *path = getenv(variable);
    if (!path) return 0;
    int saved = errno;
    char text[32] = {0};
    int file = NEXT(open)(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (NEXT(read)(file, text, sizeof text - 1) < 0) text[0] = 0;
        NEXT(close)(file);
    }
    errno = saved;
    return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = NEXT(clock_gettime)(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += seconds("SHIM_CLOCK");
    if (result == 0 && (clock == CLOCK_BOOTTIME || clock == CLOCK_MONOTONIC))
        now->tv_sec += seconds("SHIM_PASSED");
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    int result = NEXT(gettimeofday)(now, zone);
    if (result == 0) now->tv_sec += seconds("SHIM_CLOCK");
    return result;
}

time_t time(time_t *out) {
    time_t now = NEXT(time)(NULL) + seconds("SHIM_CLOCK");
    if (out) *out = now;
    return now;
}

// Counts a step on a watched path; the last thing this process does may be to call this.
static void step(const char *path) {
    static atomic_int count;
    const char *last = getenv("SHIM_KILL"), *part = getenv("SHIM_PATH");
    if (!last || !part || !path || !strstr(path, part)) return;
    if (atomic_fetch_add(&count, 1) + 1 == atoi(last)) raise(SIGKILL);
}

static void step_on(int file) {
    if (!getenv("SHIM_KILL")) return;
    int saved = errno;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t count = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (count <= 0) return;
    path[count] = 0;
    step(path);
}

// Waits without a lock, so that other threads go on.
static void hold(const char *path) {
    const char *file = getenv("SHIM_HOLD"), *part = getenv("SHIM_PATH");
    if (!file || !part || !path || !strstr(path, part)) return;
    while (access(file, F_OK) == 0) usleep(1000);
    errno = 0;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    hold(path);
    if (flags & O_CREAT) step(path);
    return NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    hold(path);
    if (flags & O_CREAT) step(path);
    return NEXT(open64)(path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t count) {
    step_on(file);
    return NEXT(write)(file, bytes, count);
}

int fsync(int file) {
    step_on(file);
    const char *path = getenv("SHIM_FSYNC");
    if (path && access(path, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return NEXT(fsync)(file);
}

int rename(const char *from, const char *to) {
    step(to);
    return NEXT(rename)(from, to);
}

int unlink(const char *path) {
    step(path);
    return NEXT(unlink)(path);
}
