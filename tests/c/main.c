/* main.c -- runs the registered tests, or those named on the command line; each in a scope, each checked for leaks. */
#include "check.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 512 };
static struct { const char *name, *file; void (*body)(void); } tests[MOST];
static int ntests, failures, checks;

void test_register(const char *name, const char *file, void (*body)(void)) {
    if (ntests == MOST) return;
    tests[ntests].name = name;
    tests[ntests].file = file;
    tests[ntests++].body = body;
}

bool test_fact(bool holds, const char *text, const char *file, int line) {
    __atomic_fetch_add(&checks, 1, __ATOMIC_RELAXED);
    if (holds) return true;
    __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    if (failures < 50) printf("  %s:%d: not so: %s%s%s\n", file, line, text, rl_failed() ? "; pending: " : "", rl_failed() ? rl_error()->text : "");
    return false;
}

bool test_error(ErrorKind kind, const char *words, const char *file, int line) {
    bool fits = rl_failed() == kind && strstr(rl_error()->text, words);
    test_fact(fits, words, file, line);
    rl_error_clear();
    return fits;
}

void test_note(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    printf("  ");
    vprintf(format, rest);
    printf("\n");
    va_end(rest);
}

Tensor *test_tensor(int ndim, const int64_t *shape, const float *values) {
    Tensor *t = rl_empty(ndim, shape, RL_FLOAT32);
    if (t) memcpy(rl_data(t), values, (size_t)t->numel * sizeof *values);
    return t;
}

/* A second run of the body must leave as many blocks as the first: what is made once and kept does not count as a leak. */
static void run(int i) {
    int before = failures;
    int64_t live = 0;
    for (int round = 0; round < 2; round++) {
        live = rl_memory_live();
        Scope scope = rl_scope_open();
        tests[i].body();
        if (!test_fact(!rl_failed(), "no error is left pending", tests[i].file, 0)) rl_error_clear();
        rl_scope_close(scope);
    }
    test_fact(rl_memory_live() <= live, "no block is lost", tests[i].file, 0);
    printf("%s %s\n", failures > before ? "FAILED" : "ok    ", tests[i].name);
    fflush(stdout);
}

static bool chosen(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i])) return true;
    return argc < 2;
}

int main(int argc, char **argv) {
    rl_host_install_malloc();
    if (!rl_ops_start()) {
        printf("FAILED: a row of the table: %s\n", rl_error()->text);
        return 1;
    }
    int ran = 0;
    for (int i = 0; i < ntests; i++) {
        if (!chosen(argc, argv, tests[i].name)) continue;
        run(i);
        ran++;
    }
    printf("%d tests, %d checks, %d failures\n", ran, checks, failures);
    return failures || !ran;
}
