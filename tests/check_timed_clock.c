/* check_timed_clock.c - the clock that timed serves: another year, and a kernel that does not know. */
#include "support.h"

#include "timed/clock.h"

#ifdef HAVE_ADJTIMEX
#include <sys/timex.h>
#endif

/* ---- what the system says: see tests/meson.build ---- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_adjtimex(void *kernel);

static time_t clock_shows;
static int clock_error, asked, kernel_says;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock != CLOCK_REALTIME)
        return __real_clock_gettime(clock, now);
    now->tv_sec = clock_shows;
    now->tv_nsec = 0;
    errno = clock_error;
    return clock_error != 0 ? -1 : 0;
}

int __wrap_adjtimex(void *kernel)
{
    (void)kernel;
    asked++;
    return kernel_says;
}

static void begin(bool require_sync, int64_t offset)
{
    const struct timed_options options = {.require_sync = require_sync, .epoch_offset = offset};

    ck_assert(timed_clock_begin(&options));
}

START_TEST(test_as_it_is)
{
    struct timespec now;

    begin(false, 0);
    clock_shows = 1000;
    ck_assert_int_eq(timed_clock(&now), 0);
    ck_assert_int_eq(now.tv_sec, 1000);
    ck_assert_int_eq(asked, 0);
    clock_error = EINVAL;
    ck_assert_int_eq(timed_clock(&now), -1);
}
END_TEST

START_TEST(test_offset)
{
    struct timespec now;

    begin(false, 2085978496 - 1000);
    clock_shows = 1000;
    ck_assert_int_eq(timed_clock(&now), 0);
    ck_assert_int_eq(now.tv_sec, 2085978496);
    begin(false, -500);
    ck_assert_int_eq(timed_clock(&now), 0);
    ck_assert_int_eq(now.tv_sec, 500);
}
END_TEST

#ifdef HAVE_ADJTIMEX
/* Once in each second in which anybody asks. */
START_TEST(test_require_sync)
{
    struct timespec now;

    begin(true, 0);
    kernel_says = TIME_ERROR;
    clock_shows = 1000;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(timed_clock(&now), -1);
    ck_assert_int_eq(asked, 1);
    kernel_says = TIME_OK;
    ck_assert_int_eq(timed_clock(&now), -1);
    clock_shows++;
    ck_assert_int_eq(timed_clock(&now), 0);
    ck_assert_int_eq(asked, 2);
    clock_shows -= 100; /* it is set back */
    kernel_says = TIME_INS;
    ck_assert_int_eq(timed_clock(&now), 0);
    ck_assert_int_eq(asked, 3);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("timed_clock");
    TCase *tcase = add_case(suite, "timed_clock");

    tcase_add_test(tcase, test_as_it_is);
    tcase_add_test(tcase, test_offset);
#ifdef HAVE_ADJTIMEX
    tcase_add_test(tcase, test_require_sync);
#endif
    return run_suite(suite);
}
