/* threads.c -- a pool of threads and parallel_for.
 *
 * Work is cut into chunks; the caller and the workers claim them one by one from a ticket that holds the job's number and
 * the next chunk, by compare-and-swap.  The caller never waits for a worker that has claimed nothing, so on a busy machine
 * a region costs what serial work costs.  Idle workers spin for some 30 microseconds and then sleep.
 *
 * A region inside a region, or beside one of another thread, runs serially.  A forked child starts with no workers and
 * makes its own when it first needs them.  While chunks run the host is unlocked; between them the caller asks it
 * whether to stop. */
#define _GNU_SOURCE
#include "rushlight.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 256, CHUNKS_PER_THREAD = 8, LONGEST_CHUNK = 500 /* grains: about 10 ms */ };
static const int64_t SPIN_NS = 30000;
static const uint32_t CLOSED = UINT32_MAX;

static struct {
    _Atomic uint64_t ticket;              /* job number << 32 | next chunk; CLOSED while a job is being written */
    _Atomic(RangeFn *) fn;
    _Atomic(void *) state;
    _Atomic int64_t n, chunk;
    _Atomic uint32_t chunks, done;
} job = {.ticket = UINT32_MAX};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;
static atomic_int sleepers, caller_waits, active, wanted;
static atomic_bool busy;
static int workers;                       /* touched by whoever holds busy */
static RL_TLS int number;
static RL_TLS bool inside;

int rl_thread_number(void) { return number; }

/* ---- how many ------------------------------------------------------------------------------------------------------ */

static int quota_in(const char *folder) {
    char path[1200], text[64];
    long long quota = -1, period = 100000;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    FILE *file = fopen(path, "r");
    if (!file) return MOST_THREADS;
    if (fscanf(file, "%63s %lld", text, &period) == 2 && strcmp(text, "max")) quota = atoll(text);
    fclose(file);
    return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : MOST_THREADS;
}

static int quota_of_old_group(void) {
    long long quota = -1, period = 0;
    FILE *a = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r"), *b = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r");
    bool known = a && b && fscanf(a, "%lld", &quota) == 1 && fscanf(b, "%lld", &period) == 1;
    if (a) fclose(a);
    if (b) fclose(b);
    return known && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : MOST_THREADS;
}

/* The smallest quota of this process's control group and all above it. */
static int quota(void) {
    char folder[1100] = "/sys/fs/cgroup", line[1000];
    size_t root = strlen(folder);
    int least = quota_of_old_group();
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "0::/", 4)) {
            line[strcspn(line, "\n")] = 0;
            snprintf(folder + root, sizeof folder - root, "%s", line + 3);
        }
    if (file) fclose(file);
    for (;;) {
        int here = quota_in(folder);
        if (here < least) least = here;
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= root || !slash) return least;
        *slash = 0;
    }
}

static int from_environment(const char *name) {
    const char *text = getenv(name);
    int n = text ? atoi(text) : 0;
    return n > MOST_THREADS ? MOST_THREADS : n;
}

static int threads_of_machine(void) {
    cpu_set_t set;
    int n = from_environment("RUSHLIGHT_NUM_THREADS");
    if (n <= 0) n = from_environment("OMP_NUM_THREADS");
    if (n > 0) return n;
    n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int most = quota();
    n = n < most ? n : most;
    return n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : n;
}

int rl_threads(void) {
    int n = atomic_load(&wanted);
    if (n) return n;
    n = threads_of_machine();
    atomic_store(&wanted, n);
    return n;
}

bool rl_set_threads(int n) {
    if (n < 1) return rl_fail(RL_RUNTIME_ERROR, "expected positive number of threads, not %d", n);
    atomic_store(&wanted, n > MOST_THREADS ? MOST_THREADS : n);
    return true;
}

/* ---- chunks -------------------------------------------------------------------------------------------------------- */

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Claims and runs one chunk.  What was read of the job is of that job if the ticket did not change until the claim. */
static bool run_chunk(void) {
    for (;;) {
        uint64_t ticket = atomic_load(&job.ticket);
        uint32_t next = (uint32_t)ticket;
        if (next >= atomic_load_explicit(&job.chunks, memory_order_relaxed)) return false;
        RangeFn *fn = atomic_load_explicit(&job.fn, memory_order_relaxed);
        void *state = atomic_load_explicit(&job.state, memory_order_relaxed);
        int64_t n = atomic_load_explicit(&job.n, memory_order_relaxed), chunk = atomic_load_explicit(&job.chunk, memory_order_relaxed);
        if (!atomic_compare_exchange_weak(&job.ticket, &ticket, ticket + 1)) continue;
        int64_t begin = next * chunk, end = begin + chunk;
        fn(begin, end < n ? end : n, state);
        atomic_fetch_add(&job.done, 1);
        return true;
    }
}

static uint32_t job_number(void) { return (uint32_t)(atomic_load(&job.ticket) >> 32); }

static void job_open(RangeFn *fn, void *state, int64_t n, int64_t chunk, uint32_t chunks) {
    uint64_t id = job_number();
    atomic_store(&job.ticket, id << 32 | CLOSED);
    atomic_store_explicit(&job.fn, fn, memory_order_relaxed);
    atomic_store_explicit(&job.state, state, memory_order_relaxed);
    atomic_store_explicit(&job.n, n, memory_order_relaxed);
    atomic_store_explicit(&job.chunk, chunk, memory_order_relaxed);
    atomic_store_explicit(&job.chunks, chunks, memory_order_relaxed);
    atomic_store_explicit(&job.done, 0, memory_order_relaxed);
    atomic_store(&job.ticket, (id + 1) << 32);
}

/* No chunk may be claimed any more; how many were. */
static uint32_t job_close(void) {
    uint64_t ticket = atomic_load(&job.ticket);
    while (!atomic_compare_exchange_weak(&job.ticket, &ticket, ticket | CLOSED)) continue;
    return (uint32_t)ticket;
}

/* ---- workers ------------------------------------------------------------------------------------------------------- */

static bool wait_for_change(uint32_t seen) {
    int64_t until = clock_ns() + SPIN_NS;
    do {
        for (int i = 0; i < 32; i++) {
            if (job_number() != seen) return true;
            pause_briefly();
        }
    } while (clock_ns() < until);
    pthread_mutex_lock(&mutex);
    atomic_fetch_add(&sleepers, 1);
    while (job_number() == seen) pthread_cond_wait(&work, &mutex);
    atomic_fetch_sub(&sleepers, 1);
    pthread_mutex_unlock(&mutex);
    return true;
}

static void *worker(void *index) {
    uint32_t seen = 0;
    number = (int)(intptr_t)index;
    inside = true;
    while (wait_for_change(seen)) {
        seen = job_number();
        while (number < atomic_load(&active) && run_chunk())
            if (atomic_load(&caller_waits)) {
                pthread_mutex_lock(&mutex);
                pthread_cond_signal(&finished);
                pthread_mutex_unlock(&mutex);
            }
    }
    return NULL;
}

static void forget_workers(void) {
    workers = 0;
    atomic_store(&job.ticket, CLOSED);
    atomic_store(&sleepers, 0);
    atomic_store(&caller_waits, 0);
    atomic_store(&busy, false);
    pthread_mutex_init(&mutex, NULL);
    pthread_cond_init(&work, NULL);
    pthread_cond_init(&finished, NULL);
    number = 0;
    inside = false;
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_workers); }

static void start_workers(int n) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sigset_t all, before;
    pthread_once(&once, watch_forks);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);     /* signals are for the host's threads */
    while (workers < n) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, (void *)(intptr_t)(workers + 1)) != 0) break;
        pthread_detach(thread);
        workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void wake_workers(int useful) {
    if (!atomic_load(&sleepers)) return;
    pthread_mutex_lock(&mutex);
    if (useful == 1 && workers == 1) pthread_cond_signal(&work);
    else pthread_cond_broadcast(&work);
    pthread_mutex_unlock(&mutex);
}

static void wait_for_chunks(uint32_t claimed) {
    int64_t until = clock_ns() + SPIN_NS;
    while (atomic_load(&job.done) != claimed) {
        if (clock_ns() < until) {
            pause_briefly();
            continue;
        }
        pthread_mutex_lock(&mutex);
        atomic_store(&caller_waits, 1);
        while (atomic_load(&job.done) != claimed) pthread_cond_wait(&finished, &mutex);
        atomic_store(&caller_waits, 0);
        pthread_mutex_unlock(&mutex);
    }
}

/* ---- the door ------------------------------------------------------------------------------------------------------- */

static bool run_serially(int64_t n, int64_t chunk, RangeFn *fn, void *state) {
    for (int64_t begin = 0; begin < n; begin += chunk) {
        if (begin && rl_host.interrupted()) return false;
        fn(begin, n - begin < chunk ? n : begin + chunk, state);
    }
    return true;
}

static bool run_together(int64_t n, int64_t chunk, int threads, RangeFn *fn, void *state) {
    uint32_t chunks = (uint32_t)((n + chunk - 1) / chunk), claimed = chunks;
    bool stopped = false;
    int useful = (int64_t)chunks < threads ? (int)chunks - 1 : threads - 1;
    if (workers < useful) start_workers(useful);
    atomic_store(&active, threads);
    job_open(fn, state, n, chunk, chunks);
    wake_workers(useful);
    while (run_chunk())
        if ((stopped = rl_host.interrupted())) {
            claimed = job_close();
            if (claimed > chunks) claimed = chunks;
            break;
        }
    wait_for_chunks(claimed);
    return !stopped;
}

static int64_t chunk_for(int64_t n, int64_t grain, int threads) {
    int64_t grains = (n - 1) / grain + 1, per_chunk = grains / ((int64_t)threads * CHUNKS_PER_THREAD);
    if (per_chunk > LONGEST_CHUNK) per_chunk = LONGEST_CHUNK;
    while (grains / (per_chunk ? per_chunk : 1) >= CLOSED / 2) per_chunk = per_chunk ? per_chunk * 2 : 1;
    return grain * (per_chunk ? per_chunk : 1);
}

bool rl_parallel_for(int64_t n, int64_t grain, RangeFn *fn, void *state) {
    if (n <= 0) return true;
    if (grain < 1) grain = 1;
    if (n <= grain || inside) {
        fn(0, n, state);
        return true;
    }
    int threads = rl_threads();
    int64_t chunk = chunk_for(n, grain, threads);
    void *locked = rl_host.unlock();
    bool finished_all, expected = false;
    inside = true;
    if (threads > 1 && atomic_compare_exchange_strong(&busy, &expected, true)) {
        finished_all = run_together(n, chunk, threads, fn, state);
        atomic_store(&busy, false);
    } else finished_all = run_serially(n, chunk, fn, state);
    inside = false;
    rl_host.lock(locked);
    if (!finished_all && !rl_thread.failed) rl_fail(RL_RUNTIME_ERROR, "interrupted");
    return finished_all;
}
