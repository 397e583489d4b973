/* fault.c - see fault.h: which call fails, and the books. */
#include "fault.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const struct fault_kind fault_kinds[FAULT_CALLS] = {
#define FAULT_CALL(name, ...) {#name, {__VA_ARGS__}},
#include "calls.h"
#undef FAULT_CALL
};

const char *fault_error_name(int error)
{
    if (error == FAULT_SHORT)
        return "short";
    return error < 0 ? gai_strerror(error) : strerror(error);
}

/* ==================================================
 * what fails
 */

static struct {
    enum fault_call call;
    unsigned nth;
    int error;
} slots[FAULT_SLOTS];

struct fault_report *fault_report;

void fault_init(void)
{
    fault_report =
        mmap(NULL, sizeof *fault_report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fault_report == MAP_FAILED)
        abort();
}

void fault_arm(int slot, enum fault_call call, unsigned nth, int error)
{
    slots[slot].call = call;
    slots[slot].nth = nth;
    fault_report->seen[slot] = 0;
    slots[slot].error = error;
}

unsigned fault_fired(int slot)
{
    return fault_report->fired[slot];
}

bool fault_has_failed(enum fault_call call)
{
    for (int i = 0; i < FAULT_SLOTS; i++)
        if (slots[i].call == call && fault_fired(i) > 0)
            return true;
    return false;
}

extern const char __executable_start[];

static void write_down(const void *site)
{
    const uintptr_t offset = (uintptr_t)site - (uintptr_t)__executable_start;

    for (size_t i = 0; i < FAULT_SITES; i++) {
        if (fault_report->sites[i] == 0)
            fault_report->sites[i] = offset;
        if (fault_report->sites[i] == offset)
            return;
    }
}

void fault_print_sites(void)
{
    for (size_t i = 0; i < FAULT_SITES && fault_report->sites[i] != 0; i++)
        printf("# site %lx\n", (unsigned long)fault_report->sites[i]);
}

int fault_check(enum fault_call call, const void *site)
{
    int error = 0;

    fault_report->called[call] = true;
    for (int i = 0; i < FAULT_SLOTS; i++) {
        if (slots[i].call != call || slots[i].nth == 0 ||
            __atomic_add_fetch(&fault_report->seen[i], 1, __ATOMIC_RELAXED) != slots[i].nth)
            continue;
        error = slots[i].error;
        fault_report->fired[i]++;
        write_down(site);
    }
    /* A call that succeeds leaves it alone: then errno is this, and nobody's answer. */
    errno = error != 0 ? error : FAULT_GARBAGE;
    return error;
}

/* ==================================================
 * the books
 */

enum { PIECES = 4096 };
static struct {
    const void *memory;
    size_t size;
} pieces[PIECES];

void *counted(void *memory, size_t size)
{
    if (memory == NULL)
        return NULL;
    for (size_t i = 0; i < PIECES; i++) {
        if (pieces[i].memory == NULL) {
            pieces[i].memory = memory;
            pieces[i].size = size;
            return memory;
        }
    }
    fault_fail("more than %d pieces of memory", PIECES);
}

void uncounted(const void *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; i < PIECES; i++) {
        if (pieces[i].memory == memory) {
            pieces[i].memory = NULL;
            return;
        }
    }
    fault_fail("memory is freed that was not got, or not from malloc()");
}

size_t fault_memory_held(void)
{
    size_t count = 0;

    for (size_t i = 0; i < PIECES; i++)
        count += pieces[i].memory != NULL;
    return count;
}

void *counted_calloc(size_t size)
{
    return counted(calloc(1, size), size);
}

void counted_free(void *memory)
{
    uncounted(memory);
    free(memory);
}

void fault_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fault_report->message, sizeof fault_report->message, format, args);
    va_end(args);
    _exit(1);
}
