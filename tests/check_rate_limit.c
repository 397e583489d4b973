/* check_rate_limit.c - token buckets: each source has its own, and there is no more memory for many. */
#include "support.h"

#include "rate_limit.h"

#include <arpa/inet.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static struct rate_limit limit;

static bool take_4(uint32_t address, int64_t now)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};

    return rate_limit_take(&limit, (const struct sockaddr *)&addr, now);
}

static bool take_6(const char *address, int64_t now)
{
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6};

    ck_assert_int_eq(inet_pton(AF_INET6, address, &addr.sin6_addr), 1);
    return rate_limit_take(&limit, (const struct sockaddr *)&addr, now);
}

static void begin(int64_t rate, int64_t burst)
{
    ck_assert_int_eq(rate_limit_init(&limit, rate, burst), 0);
}

/* From the reference implementation: key 00 01 ... 0f, message 00 01 ... 07. */
START_TEST(test_hash)
{
    const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

    ck_assert_uint_eq(rate_limit_hash(key, 0x0706050403020100), 0x93f5f5799a932462);
}
END_TEST

START_TEST(test_keys_differ)
{
    static struct rate_limit other;

    begin(1, 1);
    ck_assert_int_eq(rate_limit_init(&other, 1, 1), 0);
    ck_assert_mem_ne(limit.key, other.key, sizeof limit.key);
}
END_TEST

START_TEST(test_burst_and_then_rate)
{
    begin(10, 3);
    for (int i = 0; i < 3; i++)
        ck_assert(take_4(1, SECOND));
    ck_assert(!take_4(1, SECOND));
    ck_assert(!take_4(1, SECOND + SECOND / 10 - 1));
    ck_assert(take_4(1, SECOND + SECOND / 10)); /* a token has come back */
    ck_assert(!take_4(1, SECOND + SECOND / 10));
    for (int i = 0; i < 3; i++) /* more than the bucket holds does not come back */
        ck_assert(take_4(1, 100 * SECOND));
    ck_assert(!take_4(1, 100 * SECOND));
}
END_TEST

/* A flood is answered as often as it may be, and no more. */
START_TEST(test_flood_is_held_to_the_rate)
{
    int taken = 0;

    begin(10, 20);
    for (int64_t now = 0; now < 10 * SECOND; now += SECOND / 1000)
        taken += take_4(1, now);
    ck_assert_int_ge(taken, 118);
    ck_assert_int_le(taken, 120);
}
END_TEST

START_TEST(test_sources_are_apart)
{
    begin(1, 1);
    ck_assert(take_4(0x7f000001, 0));
    ck_assert(!take_4(0x7f000001, 0));
    ck_assert(take_4(0x7f000002, 0));
    ck_assert(take_6("2001:db8::1", 0));
    ck_assert(!take_6("2001:db8::ffff:1:2:3", 0)); /* of the same network */
    ck_assert(take_6("2001:db8:0:1::1", 0));
}
END_TEST

START_TEST(test_mapped_addresses_are_ipv4)
{
    begin(1, 1);
    ck_assert(take_6("::ffff:127.0.0.1", 0));
    ck_assert(take_6("::ffff:127.0.0.2", 0));
    ck_assert(!take_4(0x7f000001, 0));
}
END_TEST

START_TEST(test_other_families_are_one_source)
{
    const struct sockaddr addr = {.sa_family = AF_UNIX};

    begin(1, 1);
    ck_assert(rate_limit_take(&limit, &addr, 0));
    ck_assert(!rate_limit_take(&limit, &addr, 0));
}
END_TEST

/* Many more than there are buckets: who floods stays limited, and nobody else is. */
START_TEST(test_more_sources_than_buckets)
{
    const int sources = 20 * RATE_LIMIT_SETS * RATE_LIMIT_WAYS;
    int refused = 0, flooding = 0;

    begin(1, 2);
    for (int i = 0; i < sources; i++) {
        refused += !take_4(0x0a000000U + (uint32_t)i, i);
        flooding += take_4(1, i);
    }
    ck_assert_int_eq(refused, 0);
    ck_assert_int_eq(flooding, 2);
}
END_TEST

START_TEST(test_limits_that_cannot_be)
{
    ck_assert_int_eq(rate_limit_init(&limit, 0, 1), -EINVAL);
    ck_assert_int_eq(rate_limit_init(&limit, 1, 0), -EINVAL);
    ck_assert_int_eq(rate_limit_init(&limit, RATE_LIMIT_MAX + 1, 1), -EINVAL);
    ck_assert_int_eq(rate_limit_init(&limit, 1, RATE_LIMIT_MAX + 1), -EINVAL);
    begin(RATE_LIMIT_MAX, RATE_LIMIT_MAX);
    ck_assert(take_4(1, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rate_limit");
    TCase *tcase = add_case(suite, "rate_limit");

    tcase_add_test(tcase, test_hash);
    tcase_add_test(tcase, test_keys_differ);
    tcase_add_test(tcase, test_burst_and_then_rate);
    tcase_add_test(tcase, test_flood_is_held_to_the_rate);
    tcase_add_test(tcase, test_sources_are_apart);
    tcase_add_test(tcase, test_mapped_addresses_are_ipv4);
    tcase_add_test(tcase, test_other_families_are_one_source);
    tcase_add_test(tcase, test_more_sources_than_buckets);
    tcase_add_test(tcase, test_limits_that_cannot_be);
    return run_suite(suite);
}
