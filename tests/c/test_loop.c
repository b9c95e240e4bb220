/* test_loop.c -- strided loops: every element once, whatever the geometry; strides of results. */
#include "check.h"

#include <string.h>

static uint32_t turn = 1;
static int below(int n) { return (int)((turn = turn * 1664525u + 1013904223u) >> 8) % n; }

static void add_loop(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    for (int64_t i = 0; i < n; i++)
        *(double *)(p[0] + i * stride[0]) = *(double *)(p[1] + i * stride[1]) + *(float *)(p[2] + i * stride[2]);
}

/* A tensor of this shape somewhere in a larger one: permuted, with gaps, or expanded along dims of one element. */
static Tensor *somewhere(int ndim, const int64_t *shape, Dtype dtype, bool may_shrink) {
    int64_t own[8], stride[8], step = 1;
    int order[8], first = may_shrink ? below(ndim + 1) : 0;
    for (int i = 0; i < ndim; i++) order[i] = i, own[i] = may_shrink && below(3) == 0 ? 1 : shape[i];
    for (int i = ndim - 1; i > 0; i--) {
        int k = below(i + 1), swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
    for (int i = 0; i < ndim; i++) {
        stride[order[i]] = step;
        step *= own[order[i]] + below(2);
    }
    for (int i = 0; i < first; i++) own[i] = 1;
    Tensor *t = rl_empty_strided(ndim - first, own + first, stride + first, dtype);
    if (!t) return NULL;
    for (int64_t i = 0; i < t->storage->bytes / rl_dtypes[dtype].bytes; i++) {
        if (dtype == RL_FLOAT32) ((float *)t->storage->data)[i] = (float)below(1000);
        else ((double *)t->storage->data)[i] = below(1000);
    }
    return t;
}

static void *at(const Tensor *t, int ndim, const int64_t *index) {
    int64_t offset = 0;
    for (int i = 0; i < t->ndim; i++)
        if (t->shape[i] != 1) offset += index[ndim - t->ndim + i] * t->stride[i];
    return (char *)rl_data(t) + offset * rl_dtypes[t->dtype].bytes;
}

static bool sums_are_right(Tensor *y, Tensor *a, Tensor *b) {
    int64_t index[8] = {0};
    for (int64_t i = 0; i < y->numel; i++) {
        if (*(double *)at(y, y->ndim, index) != *(double *)at(a, y->ndim, index) + *(float *)at(b, y->ndim, index)) return false;
        for (int d = y->ndim - 1; d >= 0 && ++index[d] == y->shape[d]; d--) index[d] = 0;
    }
    return true;
}

TEST(loops_visit_every_element_once) {
    for (int round = 0; round < 3000; round++) {
        Scope scope = rl_scope_open();
        int ndim = below(6);
        int64_t shape[8];
        for (int i = 0; i < ndim; i++) shape[i] = below(5) + (below(20) != 0);
        if (ndim && round % 50 == 0) shape[below(ndim)] = 300;
        Tensor *y = somewhere(ndim, shape, RL_FLOAT64, false), *a = somewhere(ndim, shape, RL_FLOAT64, true), *b = somewhere(ndim, shape, RL_FLOAT32, true);
        Tensor *operands[] = {y, a, b};
        double cost = round % 3 ? 1 : 5000;                /* dear elements: cut among threads */
        CHECK(rl_loop(add_loop, 3, operands, NULL, cost));
        CHECK(sums_are_right(y, a, b));
        rl_scope_close(scope);
    }
}

TEST(loops_refuse_what_does_not_fit) {
    Tensor *operands[] = {rl_empty(SHAPE(2, 3), RL_FLOAT64), rl_empty(SHAPE(2, 3), RL_FLOAT64), rl_empty(SHAPE(4), RL_FLOAT32)};
    CHECK(!rl_loop(add_loop, 3, operands, NULL, 1));
    CHECK_ERROR(RL_RUNTIME_ERROR, "[4] cannot be expanded");
    operands[1] = NULL;
    CHECK(!rl_loop(add_loop, 3, operands, NULL, 1));
}

static void last_loop(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += *(double *)(p[1] + i * stride[1]);
    *(double *)p[0] = sum;
}

TEST(lines_are_left_whole) {
    for (int round = 0; round < 500; round++) {
        Scope scope = rl_scope_open();
        int ndim = 1 + below(4), dim = below(ndim);
        int64_t shape[8], index[8] = {0};
        for (int i = 0; i < ndim; i++) shape[i] = 1 + below(5);
        Tensor *x = somewhere(ndim, shape, RL_FLOAT64, false);
        int64_t length = shape[dim];
        shape[dim] = 1;
        Tensor *y = somewhere(ndim, shape, RL_FLOAT64, false), *operands[] = {y, x};
        CHECK(rl_loop_lines(last_loop, 2, operands, dim, NULL, round % 2 ? 10 : 50000));
        for (int64_t i = 0; i < y->numel; i++) {
            double sum = 0;
            for (index[dim] = 0; index[dim] < length; index[dim]++) sum += *(double *)at(x, ndim, index);
            index[dim] = 0;
            CHECK(*(double *)at(y, ndim, index) == sum);
            for (int d = ndim - 1; d >= 0 && ++index[d] == shape[d]; d--) index[d] = 0;
        }
        rl_scope_close(scope);
    }
}

static bool strides_are(int n, Tensor **inputs, int ndim, const int64_t *shape, const int64_t *wanted) {
    int64_t stride[8];
    rl_common_strides(n, inputs, ndim, shape, stride);
    return !memcmp(stride, wanted, (size_t)ndim * sizeof *stride);
}

/* The wanted strides are torch's for a + b. */
TEST(strides_of_results) {
    Tensor *plain = rl_empty(SHAPE(2, 3, 4), RL_FLOAT32), *turned = rl_empty_strided(SHAPE(2, 3, 4), (int64_t[]){1, 2, 6}, RL_FLOAT32);
    Tensor *row = rl_empty(SHAPE(4), RL_FLOAT32), *gaps = rl_empty_strided(SHAPE(2, 3, 4), (int64_t[]){2, 4, 12}, RL_FLOAT32);
    CHECK(strides_are(2, (Tensor *[]){plain, row}, SHAPE(2, 3, 4), (int64_t[]){12, 4, 1}));
    CHECK(strides_are(2, (Tensor *[]){turned, row}, SHAPE(2, 3, 4), (int64_t[]){1, 2, 6}));
    CHECK(strides_are(2, (Tensor *[]){plain, turned}, SHAPE(2, 3, 4), (int64_t[]){12, 4, 1}));
    CHECK(strides_are(2, (Tensor *[]){turned, plain}, SHAPE(2, 3, 4), (int64_t[]){1, 2, 6}));
    CHECK(strides_are(1, (Tensor *[]){gaps}, SHAPE(2, 3, 4), (int64_t[]){1, 2, 6}));
}
