/* test_threads.c -- the pool: every index once, nested, from several threads, after fork. */
#include "check.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 100000 };

static void count(int64_t begin, int64_t end, void *state) {
    unsigned char *seen = state;
    for (int64_t i = begin; i < end; i++) seen[i]++;
}

static bool each_once(int64_t n, int64_t grain) {
    static _Thread_local unsigned char seen[N];
    memset(seen, 0, sizeof seen);
    if (!rl_parallel_for(n, grain, count, seen)) return false;
    for (int64_t i = 0; i < N; i++)
        if (seen[i] != (i < n)) return false;
    return true;
}

TEST(every_index_once) {
    for (int threads = 1; threads <= 4; threads++) {
        rl_set_threads(threads);
        CHECK(rl_threads() == threads);
        for (int64_t n = 0; n <= N; n = n * 2 + 1)
            for (int64_t grain = 1; grain < 20000; grain *= 37) CHECK(each_once(n, grain));
    }
}

static void nested(int64_t begin, int64_t end, void *state) {
    int *wrong = state;
    for (int64_t i = begin; i < end; i++)
        if (!each_once(1000, 10)) __atomic_fetch_add(wrong, 1, __ATOMIC_RELAXED);
}

TEST(pieces_may_have_pieces) {
    int wrong = 0;
    rl_set_threads(3);
    CHECK(rl_parallel_for(50, 1, nested, &wrong));
    CHECK(wrong == 0);
}

static void *caller(void *state) {
    int *wrong = state;
    for (int i = 0; i < 200; i++)
        if (!each_once(5000, 100)) __atomic_fetch_add(wrong, 1, __ATOMIC_RELAXED);
    return NULL;
}

TEST(several_callers) {
    int wrong = 0;
    pthread_t thread[4];
    rl_set_threads(3);
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&thread[i], NULL, caller, &wrong) == 0);
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    CHECK(wrong == 0);
}

#ifndef __SANITIZE_THREAD__   /* it does not follow a fork of a process with threads */
TEST(fork_after_threads) {
    rl_set_threads(3);
    CHECK(each_once(N, 100));
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) _exit(each_once(N, 100) ? 0 : 1);
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    CHECK(each_once(N, 100));
}
#endif

TEST(bad_thread_counts) {
    CHECK(!rl_set_threads(0));
    CHECK(rl_failed());
    rl_error_clear();
    CHECK(!rl_set_threads(-3));
    CHECK(rl_failed());
    rl_error_clear();
    rl_set_threads(1);
}
