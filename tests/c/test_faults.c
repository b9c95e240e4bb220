/* test_faults.c -- every allocation of a piece of work fails once, in turn; then again with all later ones failing too.
 *
 * After each failure: the error is MemoryError, nothing is lost, and the same work done again gives the same numbers. */
#include "check.h"

#include <string.h>

typedef struct { const char *name; Tensor *(*work)(Tensor **leaf, int n); int nleaves; } Case;

static Tensor *arithmetic(Tensor **x, int n) { return rl_sum_all(rl_mul(rl_add(x[0], x[1]), rl_sub(x[0], rl_mul_number(x[1], 3)))); }
static Tensor *powers(Tensor **x, int n) { return rl_sum_all(rl_mul(rl_exp(x[0]), rl_sqrt(rl_mul(x[1], x[1])))); }
static Tensor *products(Tensor **x, int n) { return rl_sum_all(rl_matmul(x[0], rl_transpose(x[1], 0, 1))); }

static Tensor *views(Tensor **x, int n) {
    Tensor *v = rl_narrow(rl_transpose(x[0], 0, 1), 0, 1, 2);
    return rl_sum_all(rl_mul(rl_reshape(v, SHAPE(-1)), rl_reshape(v, SHAPE(-1))));
}

static Tensor *joined(Tensor **x, int n) { return rl_sum_all(rl_mul(rl_cat(2, x, 0), rl_cat(2, x, 0))); }

static Tensor *classifier(Tensor **x, int n) {
    static const int64_t labels[] = {0, 2, 1, 2};
    Tensor *target = rl_empty(SHAPE(4), RL_INT64);
    if (target) memcpy(rl_data(target), labels, sizeof labels);
    Tensor *hidden = rl_do("tanh", a_t(rl_do("linear", a_t(x[0]), a_t(x[1]), a_none())));
    return rl_do("cross_entropy", a_t(hidden), a_t(target));
}

static Tensor *second_order(Tensor **x, int n) {
    Tensor *y = rl_sum_all(rl_mul(rl_mul(x[0], x[0]), x[1])), *g[1] = {NULL};
    if (!y || !rl_backward(1, &y, NULL, 1, x, RUN_CREATE_GRAPH | RUN_KEEP_GRAPH, g)) return NULL;
    return rl_sum_all(rl_mul(g[0], x[0]));
}

static const Case cases[] = {
    {"arithmetic", arithmetic, 2}, {"powers", powers, 2}, {"products", products, 2}, {"views", views, 1},
    {"joined", joined, 2}, {"classifier", classifier, 2}, {"second order", second_order, 2},
};

static Tensor *new_leaf(int k) {
    static const float values[] = {.5f, 1, -2, 3, 1.5f, -.5f, 2, 1, .25f, -1, 2, .75f};
    Tensor *t = test_tensor(SHAPE(4, 3), values);
    if (t && k) ((float *)rl_data(t))[k] = 7;
    if (t) rl_require_grad(t, true);
    return t;
}

/* Forward, backward, and a step x -= 0.1 grad.  The sum of all results, or false with an error set. */
static bool whole_step(const Case *c, Tensor **leaf, double *sum) {
    Tensor *y = c->work(leaf, c->nleaves);
    if (!y || !rl_backward(1, &y, NULL, 0, NULL, RUN_ACCUMULATE, NULL)) return false;
    *sum = ((float *)rl_data(y))[0];
    for (int k = 0; k < c->nleaves; k++) {
        Tensor *g = leaf[k]->grad;
        if (!g) continue;
        g = rl_contiguous(rl_detach(g));
        if (!g) return false;
        for (int64_t i = 0; i < g->numel; i++) *sum += ((float *)rl_data(g))[i] * (double)(i + 1);
        rl_thread.grad_mode = false;
        Arg args[] = {a_t(leaf[k]), a_t(rl_mul_number(g, -0.1)), a_f(1)};
        Tensor *stepped = rl_apply_inplace(RL_OP("add"), args);
        rl_thread.grad_mode = true;
        if (!stepped) return false;
    }
    return true;
}

/* The step with the n-th allocation failing; n < 0: none. */
static bool attempt(const Case *c, int64_t n, bool once, double *sum) {
    Scope scope = rl_scope_open();
    Tensor *leaf[4];
    for (int k = 0; k < c->nleaves; k++) leaf[k] = new_leaf(k);
    rl_memory_fail_after(n, once);
    bool done = whole_step(c, leaf, sum);
    rl_memory_fail_after(-1, false);
    rl_thread.grad_mode = true;
    CHECK(done == !rl_failed());
    if (!done) CHECK_ERROR(RL_MEMORY_ERROR, "not enough memory");
    rl_scope_close(scope);
    return done;
}

static bool available(const Case *c) {
    double sum;
    Scope scope = rl_scope_open();
    Tensor *leaf[4];
    for (int k = 0; k < c->nleaves; k++) leaf[k] = new_leaf(k);
    bool done = whole_step(c, leaf, &sum);
    rl_thread.grad_mode = true;
    if (!done) test_note("%s: %s", c->name, rl_error()->text);
    rl_error_clear();
    rl_scope_close(scope);
    return done;
}

TEST(every_allocation_may_fail) {
    int64_t before = rl_memory_fail_count();
    for (int i = 0; i < RL_COUNT(cases); i++) {
        double expected, sum = 0;
        if (!CHECK(available(&cases[i])) || !attempt(&cases[i], -1, false, &expected)) continue;
        for (int once = 0; once < 2; once++) {
            int64_t live = rl_memory_live(), n = 0;
            bool done = false;
            for (; !done && n < 100000; n++) {
                int64_t failed = rl_memory_fail_count();
                done = attempt(&cases[i], n, once, &sum);
                if (done && rl_memory_fail_count() > failed) done = false;   /* survived a failure: a cache was not filled */
                CHECK(attempt(&cases[i], -1, false, &sum) && sum == expected);
                if (!CHECK(rl_memory_live() <= live)) live = rl_memory_live();
            }
            CHECK(done && n > 5);
        }
    }
    test_note("%lld injected failures survived", (long long)(rl_memory_fail_count() - before));
}
