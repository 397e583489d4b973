/*
 * preload.c - loaded into a server before its own libraries: adds to the real-time clock the
 * seconds that the file named by HOSTILE_CLOCK begins with, as if somebody had set it; and catches
 * SIGUSR1, so that there is a signal which interrupts without ending.
 */
#ifdef __linux__
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none, *offset = &none;

static void interrupt(int signum)
{
    (void)signum;
}

__attribute__((constructor)) static void set_up(void)
{
    const struct sigaction action = {.sa_handler = interrupt}; /* without SA_RESTART */
    const char *name = getenv("HOSTILE_CLOCK");
    const int fd = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (map != MAP_FAILED)
        offset = map;
    if (fd >= 0)
        close(fd);
    sigaction(SIGUSR1, &action, NULL);
}

#ifdef SYS_clock_gettime64 /* on 32 bits, where the older call's times are of 32, too */
#define SYSTEM_CLOCK SYS_clock_gettime64
#else
#define SYSTEM_CLOCK SYS_clock_gettime
#endif

/* Not glibc's own functions, which are found only through more of its libraries. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    const int rc = (int)syscall(SYSTEM_CLOCK, clock, now);

    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *offset;
    return rc;
}

time_t time(time_t *result)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    if (result != NULL)
        *result = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone)
{
    struct timespec now = {0};

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    result->tv_sec = now.tv_sec;
    result->tv_usec = now.tv_nsec / 1000;
    return 0;
}
