/* test_training_faults.c -- memory runs out in the middle of training: forward through a deep network, backward, and a step of
 * AdamW, with each allocation failing in turn, first alone, then with all that follow.
 *
 * After each failure: the error is there and is MemoryError, the parameters are what they were before the optimizer ran or
 * what they are after it, nothing is lost, and the same training without a failure gives the same bits. */
#include "check.h"

#include <string.h>

#ifdef RL_SANITIZE
enum { STRIDE = 23 };      /* a sanitized build samples; the plain one tries every allocation */
#else
enum { STRIDE = 1 };
#endif
enum { WIDTH = 6, MOST_LEAVES = 256 };

typedef struct Net {
    const char *name;
    int nleaves;
    bool (*make)(Tensor **leaf);
    Tensor *(*loss)(Tensor **leaf);
} Net;

static Tensor *noise(int ndim, const int64_t *shape, bool trained) {
    Tensor *t = rl_do("randn", a_ints(ndim, shape));
    if (t && trained) rl_require_grad(t, true);
    return t;
}

static Tensor *labels(int64_t n, int64_t classes) {
    Tensor *t = rl_empty(1, &n, RL_INT64);
    for (int64_t i = 0; t && i < n; i++) ((int64_t *)rl_data(t))[i] = i * 7 % classes;
    return t;
}

/* ---- a perceptron of many layers: linear, layer norm, gelu, dropout, a residual ------------------------------------------ */

enum { LAYERS = 48 };

static bool perceptron_make(Tensor **leaf) {
    for (int i = 0; i < LAYERS; i++) {
        leaf[4 * i] = noise(SHAPE(WIDTH, WIDTH), true);
        leaf[4 * i + 1] = noise(SHAPE(WIDTH), true);
        leaf[4 * i + 2] = noise(SHAPE(WIDTH), true);
        leaf[4 * i + 3] = noise(SHAPE(WIDTH), true);
    }
    leaf[4 * LAYERS] = noise(SHAPE(9, WIDTH), true);        /* the embedding */
    return !rl_failed();
}

static Tensor *perceptron_loss(Tensor **leaf) {
    static const int64_t width = WIDTH;
    Tensor *x = rl_do("embedding", a_t(leaf[4 * LAYERS]), a_t(labels(5, 9)));
    for (int i = 0; i < LAYERS; i++) {
        Tensor **l = leaf + 4 * i, *h = rl_do("linear", a_t(x), a_t(l[0]), a_t(l[1]));
        h = rl_do("layer_norm", a_t(h), a_ints(1, &width), a_t(l[2]), a_t(l[3]));
        h = rl_do("dropout", a_t(rl_do("tanh", a_t(h))), a_f(0.25), a_b(true));
        x = rl_add(x, rl_mul_number(h, 0.5));
    }
    return rl_do("cross_entropy", a_t(x), a_t(labels(5, WIDTH)));
}

/* ---- attention by hand, many times: products in batches, views, softmax ---------------------------------------------------- */

enum { BLOCKS = 28 };

static bool attention_make(Tensor **leaf) {
    for (int i = 0; i < 3 * BLOCKS; i++) leaf[i] = noise(SHAPE(WIDTH, WIDTH), true);
    return !rl_failed();
}

static Tensor *heads(Tensor *x, Tensor *w) { return rl_transpose(rl_reshape(rl_matmul(x, w), SHAPE(2, 4, 2, WIDTH / 2)), 1, 2); }

static Tensor *attention_loss(Tensor **leaf) {
    Tensor *x = noise(SHAPE(2, 4, WIDTH), false);
    for (int i = 0; i < BLOCKS; i++) {
        Tensor **l = leaf + 3 * i, *q = heads(x, l[0]), *k = heads(x, l[1]), *v = heads(x, l[2]);
        Tensor *scores = rl_mul_number(rl_matmul(q, rl_transpose(k, -2, -1)), 0.5);
        Tensor *mixed = rl_matmul(rl_div(rl_exp(scores), rl_sum_dim(rl_exp(scores), -1, true)), v);
        x = rl_add(rl_mul_number(x, 0.5), rl_mul_number(rl_do("tanh", a_t(rl_reshape(rl_transpose(mixed, 1, 2), SHAPE(2, 4, WIDTH)))), 0.5));
    }
    return rl_mean_dim(rl_reshape(rl_mul(x, x), SHAPE(-1)), 0, false);
}

static const Net nets[] = {
    {"perceptron", 4 * LAYERS + 1, perceptron_make, perceptron_loss},
    {"attention", 3 * BLOCKS, attention_make, attention_loss},
};

/* ---- a step ------------------------------------------------------------------------------------------------------------------ */

static bool adam(int n, Tensor **leaf, Tensor **mean, Tensor **square, Tensor **count) {
    Tensor *grad[MOST_LEAVES];
    Arg args[RL_MAX_ARGS] = {a_ts(n, leaf), a_ts(n, grad), a_ts(n, mean), a_ts(n, square), a_ts(0, grad), a_ts(n, count),
                             a_f(0.01), a_f(0.9), a_f(0.999), a_f(1e-8), a_f(0.1), a_b(true), a_b(false)};
    Call c = {.op = rl_find("_fused_adam_"), .arg = args};
    for (int i = 0; i < n; i++) grad[i] = leaf[i]->grad;
    rl_thread.grad_mode = false;
    bool done = rl_call(&c);
    rl_thread.grad_mode = true;
    return done;
}

typedef struct Training { Tensor *leaf[MOST_LEAVES], *mean[MOST_LEAVES], *square[MOST_LEAVES], *count[MOST_LEAVES]; } Training;

static bool prepare(const Net *net, Training *t) {
    rl_generator_seed(rl_default_generator(), 3);
    if (!net->make(t->leaf)) return false;
    for (int i = 0; i < net->nleaves; i++) {
        t->mean[i] = rl_zeros(t->leaf[i]->ndim, t->leaf[i]->shape, RL_FLOAT32);
        t->square[i] = rl_zeros(t->leaf[i]->ndim, t->leaf[i]->shape, RL_FLOAT32);
        t->count[i] = rl_zeros(0, NULL, RL_FLOAT32);
    }
    return !rl_failed();
}

static bool step(const Net *net, Training *t) {
    Tensor *loss = net->loss(t->leaf);
    return loss && rl_backward(1, &loss, NULL, 0, NULL, RUN_ACCUMULATE, NULL) && adam(net->nleaves, t->leaf, t->mean, t->square, t->count);
}

static uint64_t bits_of(const Net *net, const Training *t) {
    uint64_t hash = 14695981039346656037u;
    for (int k = 0; k < net->nleaves; k++)
        for (int64_t i = 0; i < t->leaf[k]->numel; i++) hash = (hash ^ ((uint32_t *)rl_data(t->leaf[k]))[i]) * 1099511628211u;
    return hash;
}

typedef struct Outcome { bool done; uint64_t before, after; } Outcome;

static Outcome attempt(const Net *net, int64_t n, bool once) {
    static Training t;
    Scope scope = rl_scope_open();
    Outcome o = {0};
    if (CHECK(prepare(net, &t))) {
        o.before = bits_of(net, &t);
        rl_memory_fail_after(n, once);
        o.done = step(net, &t);
        rl_memory_fail_after(-1, false);
        o.after = bits_of(net, &t);
        CHECK(o.done == !rl_failed());
        if (!o.done) CHECK_ERROR(RL_MEMORY_ERROR, "not enough memory");
    }
    rl_scope_close(scope);
    return o;
}

static void exhaust(const Net *net, bool once, Outcome whole) {
    int64_t live = rl_memory_live();
    for (int64_t n = 0; n < 100000; n += STRIDE) {
        int64_t failed = rl_memory_fail_count();
        Outcome o = attempt(net, n, once);
        CHECK(o.before == whole.before);
        CHECK(o.after == (o.done ? whole.after : o.before) || o.after == whole.after);
        CHECK(rl_memory_live() <= live);
        if (rl_memory_fail_count() == failed) break;
        if (n % 500 == 0) CHECK(attempt(net, -1, false).after == whole.after);
    }
}

TEST(training_survives_failures) {
    static bool ran;
    int64_t before = rl_memory_fail_count();
    if (ran) return;
    ran = true;
    for (int i = 0; i < RL_COUNT(nets); i++) {
        attempt(&nets[i], -1, false);                       /* what is made once is made */
        Outcome whole = attempt(&nets[i], -1, false);
        if (!CHECK(whole.done && whole.after != whole.before)) continue;
        exhaust(&nets[i], true, whole);
        exhaust(&nets[i], false, whole);
    }
    test_note("%lld injected failures survived", (long long)(rl_memory_fail_count() - before));
}
