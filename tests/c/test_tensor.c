/* test_tensor.c -- geometry, storages, views, overlap. */
#include "check.h"

#include <string.h>

TEST(contiguous_tensors) {
    Tensor *t = rl_empty(SHAPE(2, 3, 4), RL_FLOAT64);
    CHECK(t->numel == 24 && t->stride[0] == 12 && t->stride[1] == 4 && t->stride[2] == 1);
    CHECK(rl_is_contiguous(t) && rl_is_dense(t) && !rl_self_overlaps(t));
    CHECK(((uintptr_t)rl_data(t) & 63) == 0);
    CHECK(t->storage->refs == 1 && t->storage->bytes >= 24 * 8);
}

TEST(many_dims) {
    int64_t shape[RL_MAX_DIMS];
    for (int i = 0; i < RL_MAX_DIMS; i++) shape[i] = 1 + (i == 40);
    Tensor *t = rl_zeros(RL_MAX_DIMS, shape, RL_INT8);
    CHECK(t && t->numel == 2 && t->ndim == RL_MAX_DIMS && t->shape[40] == 2);
    CHECK(rl_is_contiguous(t));
}

TEST(bad_shapes) {
    CHECK(!rl_empty(SHAPE(2, -1), RL_FLOAT32));
    CHECK_ERROR(RL_RUNTIME_ERROR, "negative dimension -1: [2, -1]");
    CHECK(!rl_empty(SHAPE(INT64_C(1) << 40, INT64_C(1) << 40), RL_FLOAT32));
    CHECK(rl_failed());
    rl_error_clear();
    CHECK(!rl_empty(SHAPE(INT64_C(1) << 62), RL_FLOAT32));
    CHECK(rl_failed());
    rl_error_clear();
    int64_t n;
    CHECK(rl_numel_of(SHAPE(INT64_MAX, INT64_MAX, 0), &n) && n == 0);
}

TEST(views_share_storage_and_version) {
    Tensor *t = rl_zeros(SHAPE(3, 4), RL_FLOAT32);
    Tensor *v = rl_view(t, SHAPE(4, 3), (int64_t[]){1, 4}, 0);
    CHECK(v->storage == t->storage && t->storage->refs == 2 && v->base == t && (v->flags & T_VIEW));
    Tensor *w = rl_view(v, SHAPE(2), (int64_t[]){1}, 5);
    CHECK(w->base == t);
    uint32_t version = rl_version(w);
    rl_bump_version(t);
    CHECK(rl_version(w) == version + 1 && rl_version(v) == version + 1);
    CHECK(!rl_is_contiguous(v) && rl_is_dense(v));
    CHECK((float *)rl_data(w) == (float *)rl_data(t) + 5);
}

TEST(aliases) {
    Tensor *t = rl_zeros(SHAPE(3), RL_FLOAT32);
    Tensor *a = rl_alias(t), *d = rl_data_alias(t);
    CHECK(!a->base && a->storage == t->storage && rl_data(d) == rl_data(t));
    uint32_t version = rl_version(t);
    rl_bump_version(d);
    CHECK(rl_version(t) == version);
    rl_bump_version(a);
    CHECK(rl_version(t) == version + 1);
}

TEST(overlap) {
    Tensor *t = rl_zeros(SHAPE(4, 4), RL_FLOAT32);
    Tensor *top = rl_view(t, SHAPE(2, 4), (int64_t[]){4, 1}, 0), *bottom = rl_view(t, SHAPE(2, 4), (int64_t[]){4, 1}, 8);
    Tensor *turned = rl_view(t, SHAPE(4, 4), (int64_t[]){1, 4}, 0), *wide = rl_view(t, SHAPE(4, 4), (int64_t[]){0, 1}, 0);
    CHECK(rl_overlap(t, t) == OVERLAP_SAME);
    CHECK(rl_overlap(top, bottom) == OVERLAP_NONE);
    CHECK(rl_overlap(t, turned) == OVERLAP_PARTIAL);
    CHECK(rl_overlap(t, top) == OVERLAP_PARTIAL);
    CHECK(rl_self_overlaps(wide) && !rl_self_overlaps(turned));
}

TEST(dims_wrap) {
    CHECK(rl_wrap_dim(3, -1) == 2 && rl_wrap_dim(3, 0) == 0 && rl_wrap_dim(0, -1) == 0);
    CHECK(rl_wrap_dim(3, 3) == -1);
    CHECK_ERROR(RL_INDEX_ERROR, "expected to be in range of [-3, 2], but got 3");
    bool mask[RL_MAX_DIMS];
    CHECK(rl_wrap_dims(3, 2, (int64_t[]){0, -1}, mask) && mask[0] && !mask[1] && mask[2]);
    CHECK(!rl_wrap_dims(3, 2, (int64_t[]){2, -1}, mask));
    CHECK_ERROR(RL_RUNTIME_ERROR, "dim 2 appears multiple times");
}

TEST(broadcast_shapes) {
    int ndim = 0;
    int64_t shape[RL_MAX_DIMS];
    CHECK(rl_broadcast_shapes(&ndim, shape, rl_zeros(SHAPE(3, 1), RL_FLOAT32)));
    CHECK(rl_broadcast_shapes(&ndim, shape, rl_zeros(SHAPE(2, 1, 4), RL_FLOAT32)));
    CHECK(ndim == 3 && shape[0] == 2 && shape[1] == 3 && shape[2] == 4);
    CHECK(!rl_broadcast_shapes(&ndim, shape, rl_zeros(SHAPE(5), RL_FLOAT32)));
    CHECK(rl_failed());
    rl_error_clear();
}

TEST(out_resizes) {
    Tensor *t = rl_empty(SHAPE(0), RL_FLOAT32);
    CHECK(rl_resize_out(t, SHAPE(100, 100)));
    CHECK(t->numel == 10000 && t->storage->bytes >= 40000);
    memset(rl_data(t), 0, 40000);
    CHECK(rl_resize_out(t, SHAPE(2)) && t->numel == 2);
}

TEST(like_keeps_dense_strides) {
    Tensor *t = rl_empty_strided(SHAPE(2, 3), (int64_t[]){1, 2}, RL_FLOAT32);
    Tensor *like = rl_empty_like(t, RL_FLOAT64);
    CHECK(like->stride[0] == 1 && like->stride[1] == 2);
    Tensor *gap = rl_view(rl_empty(SHAPE(20), RL_FLOAT32), SHAPE(2, 3), (int64_t[]){10, 2}, 0);
    like = rl_empty_like(gap, RL_FLOAT32);
    CHECK(like->stride[0] == 3 && like->stride[1] == 1);
}

TEST(items) {
    double pair[2];
    Arg number;
    Tensor *t = test_tensor(SHAPE(2), VALUES(1.5f, -2));
    Tensor *last = rl_view(t, 0, NULL, NULL, 1);
    CHECK(rl_item(last, &number, pair) && number.tag == A_FLOAT && number.f == -2);
    CHECK(rl_item(rl_scalar(RL_INT64, &(Arg){.tag = A_INT, .i = INT64_MIN}), &number, pair) && number.tag == A_INT && number.i == INT64_MIN);
    CHECK(rl_item(rl_scalar(RL_BOOL, &(Arg){.tag = A_BOOL, .b = true}), &number, pair) && number.tag == A_BOOL && number.b);
}
