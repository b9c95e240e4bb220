/* random.c -- the generator behind manual_seed: MT19937 with torch's bookkeeping, so that states can be exchanged.
 *
 * It knows words and states; distributions are made of words elsewhere.  One serial stream: neither threads nor sizes
 * change what is drawn. */
#include "rushlight.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { N = 624, M = 397, STATE_BYTES = 5056 };
static const uint64_t FIRST_SEED = 67280421310721;      /* of a new Generator() */

/* Integer work only: every instruction set gives the same words. */
#if defined(__x86_64__) && defined(__linux__) && !defined(RL_SANITIZE)
#define MANY_ISAS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MANY_ISAS
#endif

static inline uint32_t twist(uint32_t upper, uint32_t lower, uint32_t far) {
    uint32_t y = (upper & 0x80000000u) | (lower & 0x7fffffffu);
    return far ^ (y >> 1) ^ (-(lower & 1) & 0x9908b0dfu);
}

static inline uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

/* Each loop reads what is at least N - M words behind or still unwritten ahead, so lanes do not disturb each other. */
MANY_ISAS static void regenerate(uint32_t *mt) {
#pragma omp simd
    for (int i = 0; i < N - M; i++) mt[i] = twist(mt[i], mt[i + 1], mt[i + M]);
#pragma omp simd safelen(64)
    for (int i = N - M; i < N - 1; i++) mt[i] = twist(mt[i], mt[i + 1], mt[i + M - N]);
    mt[N - 1] = twist(mt[N - 1], mt[0], mt[M - 1]);
}

MANY_ISAS static void temper_many(uint32_t *restrict out, const uint32_t *restrict mt, int n) {
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = temper(mt[i]);
}

static void next_state(Generator *g) {
    regenerate(g->state);
    g->left = N;
    g->next = 0;
}

uint32_t rl_random32(Generator *g) {
    if (--g->left == 0) next_state(g);
    return temper(g->state[g->next++]);
}

uint64_t rl_random64(Generator *g) {
    uint64_t high = rl_random32(g);
    return high << 32 | rl_random32(g);
}

void rl_random_fill32(Generator *g, uint32_t *out, int64_t n) {
    while (n > 0) {
        int ready = g->left - 1;
        if (ready == 0) {
            next_state(g);
            g->left = N + 1;       /* one more than the words that are ready, as ever */
            ready = N;
        }
        if (ready > n) ready = (int)n;
        temper_many(out, g->state + g->next, ready);
        g->left -= ready;
        g->next += ready;
        out += ready;
        n -= ready;
    }
}

/* ---- generators ---------------------------------------------------------------------------------------------------- */

void rl_generator_seed(Generator *g, uint64_t seed) {
    g->seed = seed;
    g->state[0] = (uint32_t)seed;
    for (uint32_t j = 1; j < N; j++) g->state[j] = 1812433253u * (g->state[j - 1] ^ g->state[j - 1] >> 30) + j;
    g->left = 1;
    g->next = 0;
    g->seeded = true;
    g->has_next_normal_float = g->has_next_normal_double = false;
    g->next_normal_float = 0;
    g->next_normal_double = 0;
}

uint64_t rl_generator_reseed(Generator *g) {
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        seed = ((uint64_t)t.tv_sec * 1000000007 ^ (uint64_t)t.tv_nsec) * 6364136223846793005u ^ (uintptr_t)g;
    }
    rl_generator_seed(g, seed);
    return seed;
}

Generator *rl_default_generator(void) {
    static Generator one = {.refs = 1};
    if (!one.seeded) rl_generator_reseed(&one);
    return &one;
}

Generator *rl_generator_of(const Arg *a) { return a->tag == A_GENERATOR ? a->generator : rl_default_generator(); }

Generator *rl_generator_new(void) {
    Generator *g = rl_alloc_zero(sizeof *g);
    if (!g) return NULL;
    g->refs = 1;
    rl_generator_seed(g, FIRST_SEED);
    return g;
}

void rl_generator_keep(Generator *g) { g->refs++; }

void rl_generator_drop(Generator *g) {
    if (g && --g->refs == 0) rl_free(g);
}

/* ---- states -------------------------------------------------------------------------------------------------------- */

typedef struct Image {             /* torch's layout, little-endian */
    uint64_t seed;
    int32_t left, seeded;
    uint64_t next, state[N];
    double unused_x, next_normal, unused_rho;
    int32_t has_next_normal, pad;
    float next_normal_float;
    uint8_t has_next_normal_float, pad2[3];
} Image;
_Static_assert(sizeof(Image) == STATE_BYTES, "the state image has torch's size");

int64_t rl_generator_state_bytes(void) { return STATE_BYTES; }

void rl_generator_get_state(const Generator *g, uint8_t *bytes) {
    Image image;
    memset(&image, 0, sizeof image);
    image.seed = g->seed;
    image.left = g->left;
    image.seeded = g->seeded;
    image.next = (uint64_t)g->next;
    for (int i = 0; i < N; i++) image.state[i] = g->state[i];
    image.has_next_normal = g->has_next_normal_double;
    if (g->has_next_normal_double) image.next_normal = g->next_normal_double;
    image.has_next_normal_float = g->has_next_normal_float;
    if (g->has_next_normal_float) image.next_normal_float = g->next_normal_float;
    memcpy(bytes, &image, sizeof image);
}

bool rl_generator_set_state(Generator *g, const uint8_t *bytes, int64_t n) {
    Image image;
    if (n != STATE_BYTES) return rl_fail(RL_RUNTIME_ERROR, "RNG state is wrong size: Expected a CPUGeneratorImplState of size %d but found the input RNG state size to be %lld", STATE_BYTES, (long long)n);
    memcpy(&image, bytes, sizeof image);
    if (!image.seeded || image.left <= 0 || image.left > N || image.next > (uint64_t)(N + 1 - image.left))
        return rl_fail(RL_RUNTIME_ERROR, "Invalid mt19937 state: seeded %d, left %d, next %llu", image.seeded, image.left, (unsigned long long)image.next);
    g->seed = image.seed;
    g->left = image.left;
    g->next = (int32_t)image.next;
    g->seeded = true;
    for (int i = 0; i < N; i++) g->state[i] = (uint32_t)image.state[i];
    g->has_next_normal_double = image.has_next_normal != 0;
    g->next_normal_double = image.next_normal;
    g->has_next_normal_float = image.has_next_normal_float != 0;
    g->next_normal_float = image.next_normal_float;
    return true;
}

void rl_generator_copy(Generator *to, const Generator *from) {
    int64_t refs = to->refs;
    void *host = to->host;
    *to = *from;
    to->refs = refs;
    to->host = host;
}
