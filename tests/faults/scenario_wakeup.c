/* scenario_wakeup.c - what comes to a loop that waits: calls, wake-ups, signals; and fork. */
#include "peer.h"
#include "scenarios.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ==================================================
 * from another thread; the world plays its part, while the loop waits
 */

static struct asyncore_call call;
static struct asyncore_timer far_away; /* keeps the loop running */
static int calls, step;

static void called(struct asyncore_call *self)
{
    (void)self;
    calls++;
}

static bool next_step(void)
{
    if (step == 2 && calls == 0) /* one that is queued still is not queued again */
        return false;
    switch (step++) {
    case 0:
        told(asyncore_call_soon_threadsafe(&call, called, NULL));
        return true;
    case 1:
        asyncore_wakeup(NULL);
        return true;
    case 2:
        told(asyncore_call_soon_threadsafe(&call, called, NULL));
        return true;
    case 3:
        asyncore_stop(NULL);
        return true;
    default:
        return false;
    }
}

static void too_late(struct asyncore_timer *self)
{
    (void)self;
    fault_fail("the loop was not woken");
}

static int set_far_away(void)
{
    return asyncore_call_later(&far_away, 1e6, too_late, NULL);
}

static int run_loop(void)
{
    return asyncore_loop(-1, NULL, -1);
}

void scenario_wakeup(void)
{
    fault_world = next_step;
    must(set_far_away);
    must(run_loop);
    expect(step > 3);
    asyncore_cancel(&far_away);
    while (calls < 2 && step < 8) { /* the loop was left before it had made them */
        step++;
        pass();
    }
    expect(calls == 2);
}

/* What wakes the loop cannot be watched: it looks by itself now and then. */
void scenario_wakeup_unwatched(void)
{
    fault_arm(FAULT_SECOND, FAULT_EPOLL_CTL_ADD, 1, ENOMEM);
    scenario_wakeup();
}

/* ==================================================
 * signals
 */

static struct asyncore_signal_handler handlers[2];
static int signals;

static void signalled(struct asyncore_signal_handler *self)
{
    signals++;
    if (signals == 2)
        asyncore_stop(self->map);
}

static bool raise_it(void)
{
    if (step++ >= 1)
        return false;
    raise(SIGUSR1);
    return true;
}

static int add_first(void)
{
    return asyncore_add_signal_handler(&handlers[0], SIGUSR1, signalled, NULL);
}

static int add_second(void)
{
    return asyncore_add_signal_handler(&handlers[1], SIGUSR1, signalled, NULL);
}

void scenario_signals(void)
{
    struct sigaction now;

    fault_world = raise_it;
    must(set_far_away);
    must(add_first);
    must(add_second);
    must(run_loop);
    expect(signals == 2);
    asyncore_remove_signal_handler(&handlers[0]);
    asyncore_remove_signal_handler(&handlers[1]);
    expect(sigaction(SIGUSR1, NULL, &now) == 0);
    /* There is nobody that could be told that it could not be given back; it does nothing then. */
    expect(now.sa_handler == SIG_DFL || fault_fired(FAULT_FIRST) > 0);
    raise(SIGCHLD);
    asyncore_cancel(&far_away);
}

/* ==================================================
 * a child drops what it has inherited, and the parent serves on
 */

void scenario_fork(void)
{
    int status;
    pid_t pid;

    must(begin_echo_server);
    ask(&echo_server, "hello", "hello", 5);
    pid = fork();
    expect(pid >= 0);
    if (pid == 0)
        _exit(asyncore_map_free(NULL) == 0 ? 0 : 1);
    expect(waitpid(pid, &status, 0) == pid && status == 0);
    ask(&echo_server, "hello", "hello", 5);
    told(asyncore_close(&echo_server));
}
