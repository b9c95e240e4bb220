/* test_basics.c -- errors, memory, scopes, dtypes: what everything else stands on. */
#include "check.h"

#include <string.h>

TEST(first_error_wins) {
    CHECK(!rl_failed());
    CHECK(rl_fail(RL_VALUE_ERROR, "first %d", 1) == NULL);
    CHECK(rl_fail(RL_TYPE_ERROR, "second") == NULL);
    CHECK(rl_failed() == RL_VALUE_ERROR);
    CHECK(!strcmp(rl_error()->text, "first 1"));
    rl_error_clear();
    CHECK(rl_failed() == RL_OK);
}

TEST(error_put_aside_and_back) {
    rl_fail(RL_INDEX_ERROR, "outer");
    Error keep;
    rl_error_put_aside(&keep);
    CHECK(!rl_failed());
    rl_fail(RL_TYPE_ERROR, "raised meanwhile");
    rl_error_put_back(&keep);
    CHECK_ERROR(RL_INDEX_ERROR, "outer");
    rl_error_put_aside(&keep);
    rl_error_put_back(&keep);
    CHECK(!rl_failed());
}

TEST(long_error_text_is_cut) {
    char words[4000];
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = 0;
    rl_fail(RL_RUNTIME_ERROR, "%s", words);
    CHECK(strlen(rl_error()->text) == sizeof rl_error()->text - 1);
    rl_error_clear();
}

TEST(text_of_sizes) {
    CHECK(!strcmp(rl_text_sizes(0, NULL), "[]"));
    CHECK(!strcmp(rl_text_sizes(3, (int64_t[]){2, 0, -1}), "[2, 0, -1]"));
    int64_t many[RL_MAX_DIMS];
    for (int i = 0; i < RL_MAX_DIMS; i++) many[i] = INT64_MIN;
    CHECK(strlen(rl_text_sizes(RL_MAX_DIMS, many)) < 256);
    CHECK(strstr(rl_text_sizes(RL_MAX_DIMS, many), ", ...]") != NULL);
}

TEST(memory_is_aligned_and_counted) {
    int64_t live = rl_memory_live(), used = rl_memory_used();
    void *block[40];
    for (int i = 0; i < 40; i++) {
        int64_t bytes = i < 20 ? i : INT64_C(1) << (i - 18);
        block[i] = rl_alloc(bytes);
        CHECK(block[i] && ((uintptr_t)block[i] & 63) == 0);
        memset(block[i], i, (size_t)bytes);
    }
    CHECK(rl_memory_live() == live + 40);
    CHECK(rl_memory_used() >= used + (1 << 21));
    CHECK(rl_memory_peak() >= rl_memory_used());
    for (int i = 0; i < 40; i++) rl_free(block[i]);
    rl_free(NULL);
    CHECK(rl_memory_live() == live && rl_memory_used() == used);
    rl_memory_trim();
}

TEST(blocks_do_not_overlap) {
    enum { N = 3000 };
    static unsigned char *block[N];
    static int64_t size[N];
    uint32_t random = 7;
    for (int i = 0; i < N; i++) block[i] = NULL;
    for (int round = 0; round < 20000; round++) {
        random = random * 1664525u + 1013904223u;
        int i = (int)(random >> 8) % N;
        if (block[i]) {
            CHECK(!size[i] || (block[i][0] == (unsigned char)i && block[i][size[i] - 1] == (unsigned char)i));
            rl_free(block[i]);
            block[i] = NULL;
        } else {
            size[i] = (random >> 4) % (round % 50 ? 600 : 300000);
            block[i] = rl_alloc(size[i]);
            if (size[i]) memset(block[i], i, (size_t)size[i]);
        }
    }
    for (int i = 0; i < N; i++) rl_free(block[i]);
}

TEST(zeroed_and_resized) {
    for (int64_t bytes = 1; bytes < 3 << 20; bytes = bytes * 3 + 1) {
        unsigned char *a = rl_alloc(bytes);
        memset(a, 255, (size_t)bytes);
        rl_free(a);
        a = rl_alloc_zero(bytes);
        int64_t sum = 0;
        for (int64_t i = 0; i < bytes; i++) sum += a[i];
        CHECK(sum == 0);
        a[bytes - 1] = 9;
        a = rl_resize(a, bytes, bytes * 2);
        CHECK(a[bytes - 1] == 9);
        rl_free(a);
    }
}

TEST(too_much_memory_is_an_error) {
    CHECK(rl_alloc(INT64_MAX) == NULL);
    CHECK_ERROR(RL_MEMORY_ERROR, "not enough memory");
    CHECK(rl_alloc(INT64_C(1) << 50) == NULL);
    CHECK_ERROR(RL_MEMORY_ERROR, "1125899906842624 bytes");
    CHECK(rl_alloc(-1) == NULL);
    CHECK_ERROR(RL_MEMORY_ERROR, "not enough memory");
}

TEST(memory_fails_on_demand) {
    int64_t failed = rl_memory_fail_count();
    rl_memory_fail_after(2, true);
    void *a = rl_alloc(10), *b = rl_alloc(10), *c = rl_alloc(10);
    CHECK(a && b && !c);
    CHECK_ERROR(RL_MEMORY_ERROR, "10 bytes");
    c = rl_alloc(10);
    CHECK(c != NULL);
    rl_memory_fail_after(0, false);
    CHECK(!rl_alloc(1));
    rl_error_clear();
    CHECK(!rl_alloc_zero(1 << 20));
    rl_error_clear();
    rl_memory_fail_after(-1, false);
    CHECK(rl_memory_fail_count() == failed + 3);
    rl_free(a);
    rl_free(b);
    rl_free(c);
}

TEST(size_arithmetic) {
    int64_t n;
    CHECK(rl_mul_size(1 << 20, 1 << 20, &n) && n == INT64_C(1) << 40);
    CHECK(!rl_mul_size(INT64_C(1) << 32, INT64_C(1) << 31, &n));
    CHECK(rl_add_size(INT64_MAX - 1, 1, &n) && n == INT64_MAX);
    CHECK(!rl_add_size(INT64_MAX, 1, &n));
}

TEST(scopes_own_temporaries) {
    int64_t live = rl_memory_live();
    Scope outer = rl_scope_open();
    Tensor *a = rl_empty(SHAPE(3), RL_FLOAT32);
    Scope inner = rl_scope_open();
    Tensor *b = rl_empty(SHAPE(4), RL_FLOAT32), *c = rl_empty(SHAPE(5), RL_FLOAT32);
    CHECK(rl_scope_bytes(1000) != NULL);
    CHECK(a && b && c && rl_host.count(b) == 1);
    c = rl_scope_return(inner, c);
    CHECK(rl_host.count(c) == 1 && c->shape[0] == 5);
    Tensor *kept = rl_keep(c);
    CHECK(rl_host.count(c) == 2);
    rl_scope_close(outer);
    CHECK(rl_host.count(kept) == 1);
    rl_drop(kept);
    CHECK(rl_memory_live() <= live + 1);   /* the stack itself may have been made */
}

TEST(scopes_close_under_an_error) {
    Scope scope = rl_scope_open();
    rl_empty(SHAPE(3), RL_FLOAT32);
    rl_fail(RL_VALUE_ERROR, "kept");
    rl_scope_close(scope);
    CHECK_ERROR(RL_VALUE_ERROR, "kept");
}

TEST(scopes_put_aside) {
    Tensor *a = rl_empty(SHAPE(2), RL_FLOAT32);
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    Scope scope = rl_scope_open();
    rl_empty(SHAPE(2), RL_FLOAT32);
    rl_scope_close(scope);
    rl_empty(SHAPE(2), RL_FLOAT32);
    rl_scope_put_back(&aside);
    CHECK(rl_host.count(a) == 1);
}

TEST(deep_scopes) {
    Scope scope = rl_scope_open();
    for (int i = 0; i < 5000; i++) CHECK(rl_empty(0, NULL, RL_FLOAT32) != NULL);
    rl_scope_close(scope);
}

TEST(promotion_is_a_lattice) {
    for (int a = 0; a < RL_UINT16; a++) {      /* the bare dtypes come last */
        CHECK(rl_promote(a, a) == (Dtype)a);
        for (int b = 0; b < RL_UINT16; b++) {
            CHECK(rl_promote(a, b) == rl_promote(b, a));
            for (int c = 0; c < RL_UINT16; c++) CHECK(rl_promote(rl_promote(a, b), c) == rl_promote(a, rl_promote(b, c)) || rl_dtype_is(a, CLASS_HALF) || rl_dtype_is(b, CLASS_HALF) || rl_dtype_is(c, CLASS_HALF) || rl_dtype_is(a, CLASS_INT));
        }
    }
    CHECK(rl_promote(RL_UINT8, RL_INT8) == RL_INT16);
    CHECK(rl_promote(RL_FLOAT16, RL_BFLOAT16) == RL_FLOAT32);
    CHECK(rl_promote(RL_INT64, RL_FLOAT16) == RL_FLOAT16);
    CHECK(rl_promote(RL_FLOAT64, RL_COMPLEX64) == RL_COMPLEX128);
    CHECK(rl_promote(RL_BOOL, RL_UINT8) == RL_UINT8);
}

TEST(bare_dtypes_promote_with_what_is_inexact) {
    for (int a = RL_UINT16; a < RL_NDTYPES; a++)
        for (int b = 0; b < RL_NDTYPES; b++) {
            Dtype forth = rl_promote(a, b);
            if (a == b || rl_dtype_is(b, CLASS_FLOATING)) CHECK(forth == (Dtype)b && rl_promote(b, a) == (Dtype)b);
            else {
                CHECK_ERROR(RL_RUNTIME_ERROR, "Promotion for uint16, uint32, uint64 types is not supported");
                rl_promote(b, a);
                CHECK_ERROR(RL_RUNTIME_ERROR, "Promotion for uint16, uint32, uint64 types is not supported");
            }
        }
}

TEST(casting_rules) {
    CHECK(rl_can_cast(RL_INT64, RL_FLOAT16) && rl_can_cast(RL_FLOAT64, RL_FLOAT16) && rl_can_cast(RL_BOOL, RL_INT8));
    CHECK(!rl_can_cast(RL_FLOAT32, RL_INT64) && !rl_can_cast(RL_COMPLEX64, RL_FLOAT64) && !rl_can_cast(RL_INT8, RL_BOOL));
    CHECK(rl_dtype_find("float") == RL_FLOAT32 && rl_dtype_find("long") == RL_INT64 && rl_dtype_find("nonsense") == RL_NO_DTYPE);
    CHECK(rl_to_real(RL_COMPLEX64) == RL_FLOAT32 && rl_to_complex(RL_FLOAT64) == RL_COMPLEX128);
}
