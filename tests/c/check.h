/* check.h -- tests of the core in plain C: TEST(name) { ... CHECK(fact) ... }.
 *
 * Each file of this folder registers its tests; main.c runs them.  No Python anywhere, so that sanitizers and valgrind see
 * nothing but ours. */
#ifndef RUSHLIGHT_CHECK_H
#define RUSHLIGHT_CHECK_H

#include "rushlight.h"

void test_register(const char *name, const char *file, void (*body)(void));
bool test_fact(bool holds, const char *text, const char *file, int line);
void test_note(const char *format, ...) RL_PRINTF(1, 2);      /* a figure for the log */

#define TEST(name)                                                                                           \
    static void name(void);                                                                                  \
    __attribute__((constructor)) static void register_##name(void) { test_register(#name, __FILE__, name); } \
    static void name(void)

#define CHECK(fact) test_fact(fact, #fact, __FILE__, __LINE__)

/* The pending error is of this kind and its text holds these words; it is cleared. */
bool test_error(ErrorKind kind, const char *words, const char *file, int line);
#define CHECK_ERROR(kind, words) test_error(kind, words, __FILE__, __LINE__)

/* A float32 tensor with these values, owned by the innermost scope. */
Tensor *test_tensor(int ndim, const int64_t *shape, const float *values);
#define SHAPE(...) RL_COUNT(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__}
#define VALUES(...) (float[]){__VA_ARGS__}

#endif
