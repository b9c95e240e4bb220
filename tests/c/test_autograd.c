/* test_autograd.c -- backward without Python: values, sharing, order, long chains, versions. */
#include "check.h"

#include <math.h>

static Tensor *leaf(Tensor *t) {
    if (t) rl_require_grad(t, true);
    return t;
}

static bool backward(Tensor *root, int flags) { return rl_backward(1, &root, NULL, 0, NULL, RUN_ACCUMULATE | flags, NULL); }

static float at(const Tensor *t, int64_t i) { return t ? ((float *)rl_data(t))[i] : NAN; }

TEST(product_and_sum) {
    Tensor *x = leaf(test_tensor(SHAPE(3), VALUES(1, 2, 3))), *y = leaf(test_tensor(SHAPE(3), VALUES(4, 5, 6)));
    Tensor *s = rl_sum_all(rl_add(rl_mul(x, y), x));
    CHECK(s && at(s, 0) == 38 && rl_requires_grad(s));
    CHECK(backward(s, 0));
    CHECK(at(x->grad, 0) == 5 && at(x->grad, 2) == 7 && at(y->grad, 1) == 2);
    CHECK(!backward(s, 0));
    CHECK_ERROR(RL_RUNTIME_ERROR, "backward through the graph a second time");
}

TEST(gradients_add_up) {
    Tensor *x = leaf(test_tensor(SHAPE(2), VALUES(3, -1)));
    for (int i = 0; i < 3; i++) CHECK(backward(rl_sum_all(rl_mul(x, x)), 0));
    CHECK(at(x->grad, 0) == 18 && at(x->grad, 1) == -6);
    Tensor *s = rl_sum_all(rl_mul(x, x));
    CHECK(backward(s, RUN_KEEP_GRAPH) && backward(s, 0));
    CHECK(at(x->grad, 0) == 30);
}

TEST(broadcasting_is_undone) {
    Tensor *a = leaf(rl_zeros(SHAPE(2, 3), RL_FLOAT32)), *b = leaf(test_tensor(SHAPE(3), VALUES(1, 2, 3)));
    CHECK(backward(rl_sum_all(rl_add(a, b)), 0));
    CHECK(b->grad && b->grad->ndim == 1 && at(b->grad, 0) == 2 && at(a->grad, 5) == 1);
}

TEST(second_order) {
    Tensor *x = leaf(test_tensor(SHAPE(1), VALUES(2))), *g[1] = {NULL};
    Tensor *y = rl_sum_all(rl_mul(rl_mul(x, x), x));
    CHECK(rl_backward(1, &y, NULL, 1, &x, RUN_CREATE_GRAPH | RUN_KEEP_GRAPH, g));
    CHECK(at(g[0], 0) == 12 && !x->grad);
    Tensor *s = rl_sum_all(g[0]);
    CHECK(rl_backward(1, &s, NULL, 1, &x, 0, g));
    CHECK(at(g[0], 0) == 12);
}

TEST(unused_inputs) {
    Tensor *x = leaf(test_tensor(SHAPE(1), VALUES(2))), *z = leaf(test_tensor(SHAPE(1), VALUES(2))), *g[1] = {NULL};
    Tensor *y = rl_sum_all(rl_mul(x, x));
    CHECK(!rl_backward(1, &y, NULL, 1, &z, RUN_KEEP_GRAPH, g));
    CHECK_ERROR(RL_RUNTIME_ERROR, "appears to not have been used in the graph");
    CHECK(rl_backward(1, &y, NULL, 1, &z, RUN_ALLOW_UNUSED, g) && !g[0]);
}

TEST(long_chain) {
    enum { LONG = 1000000 };
    Tensor *x = leaf(test_tensor(SHAPE(1), VALUES(1)));
    Scope scope = rl_scope_open();
    Tensor *y = rl_keep(x);
    for (int i = 0; i < LONG && y; i++) {
        Scope inner = rl_scope_open();
        Tensor *next = rl_scope_close_with(inner, rl_add(y, x));
        rl_drop(y);
        y = next;
    }
    CHECK(y && at(y, 0) == LONG + 1);
    CHECK(backward(y, RUN_KEEP_GRAPH));
    CHECK(at(x->grad, 0) == LONG + 1);
    rl_drop(y);
    rl_scope_close(scope);
}

TEST(saved_tensors_know_their_version) {
    Tensor *x = leaf(test_tensor(SHAPE(2), VALUES(1, 2)));
    Tensor *y = rl_mul(x, x), *z = rl_sum_all(rl_mul(y, y));
    if (!CHECK(z != NULL)) return;
    rl_bump_version(y);
    CHECK(!backward(z, 0));
    CHECK_ERROR(RL_RUNTIME_ERROR, "has been modified by an inplace operation");
}

TEST(detached_and_no_grad) {
    Tensor *x = leaf(test_tensor(SHAPE(2), VALUES(1, 2)));
    CHECK(!rl_requires_grad(rl_detach(x)));
    rl_thread.grad_mode = false;
    Tensor *y = rl_mul(x, x);
    rl_thread.grad_mode = true;
    if (!CHECK(y != NULL)) return;
    CHECK(!rl_requires_grad(y) && !y->node);
    Tensor *s = rl_sum_all(y);
    CHECK(!backward(s, 0));
    CHECK_ERROR(RL_RUNTIME_ERROR, "does not require grad");
}

TEST(order_of_nodes) {
    Tensor *x = leaf(test_tensor(SHAPE(1), VALUES(1)));
    Tensor *a = rl_mul(x, x), *b = rl_mul(a, x), *c = rl_add(a, b);
    if (!CHECK(c && c->node)) return;
    CHECK(c->node->seq > b->node->seq && b->node->seq > a->node->seq);
    Run *run = rl_run_prepare(1, &c, NULL, 0, NULL, RUN_ACCUMULATE);
    uint64_t last = UINT64_MAX;
    int visited = 0;
    for (Node *node; run && (node = rl_run_pop(run)); visited++) {
        if (!(node->flags & NODE_ACCUMULATE)) CHECK(node->seq < last);
        last = node->seq;
        if (!rl_run_one(run, node)) break;
    }
    CHECK(run && rl_run_finish(run, NULL));
    CHECK(visited == 4 && at(x->grad, 0) == 5);
}
