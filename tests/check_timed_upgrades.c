/* check_timed_upgrades.c - workers of a new program take over, all of them or none. */
#include "team.h"

#include "interpose.h"

#include <signal.h>
#include <stdlib.h>

START_TEST(test_upgrade)
{
    begin(2, "if [ -e new ]; then mkdir \"new$$\"; fi; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("new");
    timed_workers_upgrade();
    timed_workers_upgrade(); /* one is under way */
    wait_until(successes == 2);
    ck_assert_int_eq(finish(), 0);
    ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(test_upgrade_is_all_or_nothing)
{
    begin(
        2,
        "if [ -e new ]; then if mkdir second; then exit 3; fi; fi; trap 'mkdir told' USR1; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("new");
    timed_workers_upgrade();
    wait_until(failures == 1);
    ck_assert_int_eq(successes, 1);
    timed_workers_signal(SIGUSR1);
    wait_until(exists("told"));
    timed_workers_upgrade();
    wait_until(successes == 2);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

/* Who served dies while the new one comes: that takes the place, and no third one. */
START_TEST(test_upgrade_outlives_who_served)
{
    begin(2, "echo >>count; if [ -e new ]; then until [ -e go ]; do sleep 0.01; done; " SERVE
             "; fi; if mkdir first; then " SERVE_UNTIL_DIE "; mkdir died; exit; fi; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("new");
    timed_workers_upgrade();
    make("die");
    wait_until(exists("died"));
    for (int i = 0; i < 4; i++)
        pass();
    timed_workers_signal(0); /* who is not there hears nothing */
    make("go");
    wait_until(successes == 2);
    ck_assert_int_eq(size_of("count"), 4);
    ck_assert_int_eq(finish(), 0);
    ck_assert_int_eq(failures, 0);
}
END_TEST

/* Both die: then one of the old program takes the place. */
START_TEST(test_upgrade_and_who_served_die)
{
    begin(1,
          "if [ -e new ]; then until [ -e go ]; do sleep 0.01; done; rm new; exit 3; fi; if mkdir "
          "first; then " SERVE_UNTIL_DIE "; mkdir died; exit; fi; mkdir third; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("new");
    timed_workers_upgrade();
    make("die");
    wait_until(exists("died"));
    for (int i = 0; i < 4; i++)
        pass();
    make("go");
    wait_until(failures == 1);
    wait_until(exists("third"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_int_eq(successes, 1);
}
END_TEST

/* One that takes the place of a dead one was started before the new program was there. */
START_TEST(test_upgrade_while_another_takes_a_place)
{
    begin(1,
          "if [ -e new ]; then mkdir upgraded; " SERVE "; fi; if mkdir first; then " SERVE_UNTIL_DIE
          "; exit; fi; mkdir second; until [ -e go ]; do sleep 0.01; done; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("die");
    wait_until(exists("second"));
    make("new");
    timed_workers_upgrade();
    make("go");
    wait_until(successes == 2);
    ck_assert(exists("upgraded"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_int_eq(failures, 0);
}
END_TEST

/* Nobody has served yet who could go on. */
START_TEST(test_upgrade_that_fails_before_anybody_serves)
{
    begin(2, "if [ -e new ]; then exit 3; fi; until [ -e go ]; do sleep 0.01; done; " SERVE);
    timed_workers_start();
    make("new");
    timed_workers_upgrade();
    ck_assert_int_eq(timed_workers_loop(), EXIT_FAILURE);
    ck_assert_int_eq(successes + failures, 0);
    ck_assert(are_buried());
    ck_assert_int_eq(finish(), EXIT_FAILURE);
}
END_TEST

START_TEST(test_upgrade_that_takes_too_long)
{
    begin(1, "if [ -e new ]; then mkdir comes; sleep 1000; fi; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("new");
    timed_workers_upgrade();
    wait_until(exists("comes"));
    ck_assert_int_eq(failures, 0);
    calls.later += 31;
    wait_until(failures == 1);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_upgrade_is_asked_for_by_a_worker)
{
    begin(1, "if mkdir first; then say UPGRADE=1; fi; say READY=1; say UPGRADE=1; " SERVE);
    timed_workers_start();
    wait_until(successes >= 2);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_upgrade_without_descriptors)
{
    begin(1, SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    limit_descriptors(3);
    timed_workers_upgrade();
    limit_descriptors(1024);
    ck_assert_int_eq(failures, 1);
    ck_assert_int_eq(finish(), 0);
    timed_workers_upgrade(); /* at the end it is too late */
    ck_assert_int_eq(failures, 1);
}
END_TEST

/* For the timer: without it, one that hangs would be waited for for ever. */
START_TEST(test_upgrade_without_memory)
{
    begin(1, "sleep 1000");
    calls.fail_malloc = 1;
    timed_workers_upgrade(); /* of those who stand by, who have had no timer yet */
    ck_assert_int_eq(calls.fail_malloc, 0);
    ck_assert_int_eq(failures, 1);
    ck_assert(are_buried());
    ck_assert_int_eq(finish(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upgrades");
    TCase *tcase = add_case(suite, "upgrades");

    tcase_add_test(tcase, test_upgrade);
    tcase_add_test(tcase, test_upgrade_is_all_or_nothing);
    tcase_add_test(tcase, test_upgrade_outlives_who_served);
    tcase_add_test(tcase, test_upgrade_and_who_served_die);
    tcase_add_test(tcase, test_upgrade_while_another_takes_a_place);
    tcase_add_test(tcase, test_upgrade_that_fails_before_anybody_serves);
    tcase_add_test(tcase, test_upgrade_that_takes_too_long);
    tcase_add_test(tcase, test_upgrade_is_asked_for_by_a_worker);
    tcase_add_test(tcase, test_upgrade_without_descriptors);
    tcase_add_test(tcase, test_upgrade_without_memory);
    return run_suite(suite);
}
