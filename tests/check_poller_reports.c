/*
 * check_poller_reports.c - what each poller makes of each state of each kind of descriptor: what
 * select() says, row by row, and no event that nobody asked for keeps the loop from sleeping.
 */
#include "states.h"
#include "support.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#ifdef ASYNCORE__HAVE_EPOLL
#include <sys/epoll.h>
#endif

static void open_on(struct probe *probe, int fd, int interest)
{
    probe_init(probe, "A", NULL);
    probe->wants_read = (interest & R) != 0;
    probe->wants_write = (interest & W) != 0;
    ck_assert_int_eq(asyncore_set_socket(&probe->base, fd, NULL), 0);
}

static void assert_reported(const struct state *state, int interest)
{
    const int expected = state->reported & (interest | (interest != 0 ? X : 0));
    char text[128];

    snprintf(text, sizeof text, "%s%s%s", (expected & R) != 0 ? "A.handle_read " : "",
             (expected & W) != 0 ? "A.handle_write " : "",
             (expected & X) != 0 ? "A.handle_expt " : "");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_msg(strcmp(trace, text) == 0, "%s, interest %d: \"%s\" instead of \"%s\"",
                  state->name, interest, trace, text);
    trace[0] = '\0';
}

#ifdef ASYNCORE__HAVE_EPOLL
/* The same as poll(), or EPERM for what is always ready. */
static void assert_epolled(const struct state *state, int fd)
{
    struct epoll_event event = {.events = (uint32_t)poll_all};
    const int set = epoll_create1(EPOLL_CLOEXEC);

    ck_assert_int_ge(set, 0);
    if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0) {
        ck_assert_int_eq(errno, EPERM);
        ck_assert_int_eq(state->polled, POLLIN | POLLOUT);
    } else {
        ck_assert_int_eq(epoll_wait(set, &event, 1, 0), state->polled != 0);
        ck_assert_msg(state->polled == 0 || event.events == (uint32_t)state->polled,
                      "%s: epoll says %#x", state->name, event.events);
    }
    close(set);
}
#else
static void assert_epolled(const struct state *state, int fd)
{
    (void)state;
    (void)fd;
}
#endif

/* The rows are true: the system itself says so. */
START_TEST(test_the_table)
{
    const struct state *state = &states[_i];
    struct timeval at_once = {0};
    fd_set sets[3];
    int ends[2], found = 0;

    reach(state, ends);
    for (int i = 0; i < 3; i++) {
        FD_ZERO(&sets[i]);
        FD_SET(ends[0], &sets[i]);
    }
    ck_assert_int_ge(select(ends[0] + 1, &sets[0], &sets[1], &sets[2], &at_once), 0);
    for (int i = 0; i < 3; i++)
        found |= FD_ISSET(ends[0], &sets[i]) ? 1 << i : 0;
    ck_assert_msg(found == state->reported, "%s: %d", state->name, found);
    assert_epolled(state, ends[0]);
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
}
END_TEST

START_TEST(test_row)
{
    static const int interests[] = {R, W, R | W, 0};
    const struct state *state = &states[_i];

    for (size_t i = 0; i < sizeof interests / sizeof interests[0]; i++) {
        static struct probe a;
        int ends[2];

        reach(state, ends);
        open_on(&a, ends[0], interests[i]);
        for (int pass = 0; pass < 3; pass++) /* again and again */
            assert_reported(state, interests[i]);
        asyncore_close(&a.base);
        if (ends[1] >= 0)
            close(ends[1]);
    }
}
END_TEST

/* The interest goes through all its values, while the descriptor stays as it is. */
START_TEST(test_row_with_changing_interest)
{
    static const int interests[] = {W, R, W, 0, W, R | W, 0, R | W, R, 0, R, R | W, W, R | W};
    static struct probe a;
    const struct state *state = &states[_i];
    int ends[2];

    reach(state, ends);
    open_on(&a, ends[0], 0);
    for (size_t i = 0; i < sizeof interests / sizeof interests[0]; i++) {
        a.wants_read = (interests[i] & R) != 0;
        a.wants_write = (interests[i] & W) != 0;
        assert_reported(state, interests[i]);
    }
    if (ends[1] >= 0)
        close(ends[1]);
}
END_TEST

/* The state is reached while the descriptor is watched already. */
START_TEST(test_row_behind_a_busy_neighbour)
{
    static struct probe a, b;
    const struct state *state = &states[_i];
    const int busy = probe_channel(&b, "B", NULL);
    int ends[2];

    reach(state, ends);
    open_on(&a, ends[0], R);
    send_all(busy, "x");
    wait_readable(asyncore_fileno(&b.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_ptr_nonnull(strstr(trace, "B.handle_read "));
    ck_assert_int_eq(strstr(trace, "A.handle_read ") != NULL, (state->reported & R) != 0);
    close(busy);
    if (ends[1] >= 0)
        close(ends[1]);
}
END_TEST

static void stop(struct asyncore_timer *timer)
{
    (void)timer;
    asyncore_stop(NULL);
}

static int passes;

static bool count_pass(struct probe *self)
{
    passes++;
    return self->wants_read;
}

/* What is not reported must not wake the loop either, or not for long. */
START_TEST(test_no_spin)
{
    static const int interests[] = {R, W, 0};
    const struct state *state = &states[_i];

    for (size_t i = 0; i < sizeof interests / sizeof interests[0]; i++) {
        static struct probe a;
        struct asyncore_timer timer = {0};
        int ends[2];

        if ((state->reported & (interests[i] | (interests[i] != 0 ? X : 0))) != 0)
            continue;
        reach(state, ends);
        open_on(&a, ends[0], interests[i]);
        a.on_readable = count_pass;
        passes = 0;
        ck_assert_int_eq(asyncore_call_later(&timer, 0.1, stop, NULL), 0);
        ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
        ck_assert_msg(passes <= 4, "%s, interest %d: %d passes", state->name, interests[i], passes);
        assert_trace("");
        asyncore_close(&a.base);
        if (ends[1] >= 0)
            close(ends[1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poller_reports");
    TCase *tcase = add_case(suite, "poller_reports");

    tcase_add_loop_test(tcase, test_the_table, 0, STATES);
    tcase_add_loop_test(tcase, test_row, 0, STATES);
    tcase_add_loop_test(tcase, test_row_with_changing_interest, 0, STATES);
    tcase_add_loop_test(tcase, test_row_behind_a_busy_neighbour, 0, STATES);
    tcase_add_loop_test(tcase, test_no_spin, 0, STATES);
    return run_suite(suite);
}
