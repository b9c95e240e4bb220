/* test_random.c -- the generator: known words, words in bulk, states. */
#include "check.h"

#include <string.h>

static Generator *seeded(uint64_t seed) {
    Generator *g = rl_generator_new();
    if (g) rl_generator_seed(g, seed);
    return g;
}

/* The reference implementation's 10,000th word for its own default seed is part of the C++ standard. */
TEST(known_words) {
    static uint32_t words[10000];
    Generator *g = seeded(5489);
    rl_random_fill32(g, words, 10000);
    CHECK(words[0] == 3499211612u && words[1] == 581869302u && words[9999] == 4123659995u);
    rl_generator_seed(g, UINT64_C(5489) + (UINT64_C(7) << 32));
    CHECK(rl_random32(g) == 3499211612u);      /* the low half of a seed alone makes the stream */
    CHECK(g->seed == UINT64_C(5489) + (UINT64_C(7) << 32));
    rl_generator_seed(g, 0);
    CHECK(rl_random64(g) == UINT64_C(10123822223749065263) && rl_random64(g) == UINT64_C(13192915183495924928));
    rl_generator_drop(g);
}

TEST(bulk_words_are_the_same_words) {
    static uint32_t words[5000];
    for (int first = 0; first < 1300; first += 89) {
        Generator *a = seeded(11), *b = seeded(11);
        for (int i = 0; i < first; i++) CHECK(rl_random32(a) == rl_random32(b));
        rl_random_fill32(a, words, 5000 - first);
        for (int i = 0; i < 5000 - first; i++) CHECK(words[i] == rl_random32(b));
        CHECK(a->left == b->left && a->next == b->next && !memcmp(a->state, b->state, sizeof a->state));
        rl_generator_drop(a);
        rl_generator_drop(b);
    }
}

TEST(states_travel) {
    static uint8_t image[5056];
    uint32_t words[1000];
    Generator *a = seeded(42), *b = seeded(1);
    rl_random_fill32(a, words, 1000);
    CHECK(a->left == 249 && a->next == 376 && rl_generator_state_bytes() == sizeof image);
    a->has_next_normal_double = true;
    a->next_normal_double = 0.5;
    rl_generator_get_state(a, image);
    CHECK(rl_generator_set_state(b, image, sizeof image));
    CHECK(b->seed == 42 && b->has_next_normal_double && b->next_normal_double == 0.5);
    for (int i = 0; i < 2000; i++) CHECK(rl_random32(a) == rl_random32(b));
    rl_generator_drop(a);
    rl_generator_drop(b);
}

/* A state from a file may hold anything: what would be read beyond the words is refused, and nothing has changed. */
TEST(bad_states_are_refused) {
    static uint8_t image[5056], before[5056], after[5056];
    Generator *g = seeded(3);
    rl_generator_get_state(g, before);
    CHECK(!rl_generator_set_state(g, before, 5055));
    CHECK_ERROR(RL_RUNTIME_ERROR, "RNG state is wrong size");
    static const int32_t bad[][3] = {{0, 1, 0}, {625, 1, 0}, {-1, 1, 0}, {1, 1, 700}, {600, 1, 624}, {5, 0, 0}};    /* left, seeded, next */
    for (int i = 0; i < RL_COUNT(bad); i++) {
        memcpy(image, before, sizeof image);
        memcpy(image + 8, &bad[i][0], 4);
        memcpy(image + 12, &bad[i][1], 4);
        memcpy(image + 16, &bad[i][2], 4);
        CHECK(!rl_generator_set_state(g, image, sizeof image));
        CHECK_ERROR(RL_RUNTIME_ERROR, "Invalid mt19937 state");
    }
    rl_generator_get_state(g, after);
    CHECK(!memcmp(before, after, sizeof before));
    rl_generator_drop(g);
}
