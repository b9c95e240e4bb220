/* test_products.c -- rl_gemm against three plain loops: all dtypes, transposes, leading dims, alpha and beta. */
#include "check.h"

#include <complex.h>
#include <math.h>

static uint32_t turn = 7;
static int below(int n) { return (int)((turn = turn * 1664525u + 1013904223u) >> 8) % n; }

static double complex get(Dtype dtype, const void *p, int64_t i) {
    switch (dtype) {
    case RL_FLOAT32: return ((const float *)p)[i];
    case RL_FLOAT64: return ((const double *)p)[i];
    case RL_COMPLEX64: return ((const float complex *)p)[i];
    default: return ((const double complex *)p)[i];
    }
}

/* Small integers, so that sums are exact in every dtype. */
static void *numbers(Dtype dtype, int64_t n, bool nan) {
    char *p = rl_scope_bytes((n + 1) * rl_dtypes[dtype].bytes);
    bool single = dtype == RL_FLOAT32 || dtype == RL_COMPLEX64;
    int64_t reals = (n + 1) * rl_dtypes[dtype].bytes / (single ? 4 : 8);
    for (int64_t i = 0; p && i < reals; i++) {
        double v = nan ? NAN : below(7) - 3;
        if (single) ((float *)p)[i] = (float)v;
        else ((double *)p)[i] = v;
    }
    return p;
}

static void one_product(Dtype dtype, int64_t m, int64_t n, int64_t k) {
    bool ta = below(2), tb = below(2);
    int64_t lda = (ta ? m : k) + below(3), ldb = (tb ? k : n) + below(3), ldc = n + below(3);
    double alpha[2] = {below(3), rl_dtype_is(dtype, CLASS_COMPLEX)}, beta[2] = {below(2), 0};
    bool fresh = beta[0] == 0;                             /* C may then hold anything, NaN too */
    void *a = numbers(dtype, (ta ? k : m) * lda, false), *b = numbers(dtype, (tb ? n : k) * ldb, false), *c = numbers(dtype, m * ldc, fresh);
    double complex *wanted = rl_scope_bytes((m * n + 1) * (int64_t)sizeof *wanted);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double complex sum = 0;
            for (int64_t q = 0; q < k; q++) sum += get(dtype, a, ta ? q * lda + i : i * lda + q) * get(dtype, b, tb ? j * ldb + q : q * ldb + j);
            wanted[i * n + j] = sum * (alpha[0] + alpha[1] * I) + (fresh ? 0 : get(dtype, c, i * ldc + j));
        }
    CHECK(rl_gemm(dtype, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc));
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            if (!CHECK(get(dtype, c, i * ldc + j) == wanted[i * n + j])) return;
}

TEST(products_of_matrices) {
    static const Dtype dtypes[] = {RL_FLOAT32, RL_FLOAT64, RL_COMPLEX64, RL_COMPLEX128};
    for (int round = 0; round < 1500; round++) {
        Scope scope = rl_scope_open();
        int most = round % 40 ? 14 : 150;
        one_product(dtypes[round % 4], below(5) ? below(most) : 1, below(5) ? below(most) : 1, below(most));
        rl_scope_close(scope);
    }
}

TEST(products_in_batches) {
    for (int round = 0; round < 60; round++) {
        Scope scope = rl_scope_open();
        int64_t batch = 1 + below(round % 10 ? 6 : 300), m = 1 + below(9), n = 1 + below(9), k = below(9);
        bool shared = below(2);                            /* one B for all */
        const float *a = numbers(RL_FLOAT32, batch * m * k, false), *b = numbers(RL_FLOAT32, batch * k * n, false);
        float *c = numbers(RL_FLOAT32, batch * m * n, true);
        CHECK(rl_gemm_batch(RL_FLOAT32, false, false, batch, m, n, k, a, k, m * k, b, n, shared ? 0 : k * n, c, n, m * n));
        for (int64_t i = 0; i < batch * m * n; i++) {
            float sum = 0;
            int64_t z = i / (m * n), row = i / n % m, col = i % n;
            for (int64_t q = 0; q < k; q++) sum += a[z * m * k + row * k + q] * b[(shared ? 0 : z * k * n) + q * n + col];
            if (!CHECK(c[i] == sum)) break;
        }
        rl_scope_close(scope);
    }
}

/* Rows that overlap (stride 0, as expand makes them) and distances beyond 32 bits never reach BLAS. */
TEST(products_of_odd_geometry) {
    float row[20], ones[400], c[400];
    for (int i = 0; i < 20; i++) row[i] = (float)i;
    for (int i = 0; i < 400; i++) ones[i] = 1;
    CHECK(rl_gemm(RL_FLOAT32, false, false, 20, 20, 20, NULL, row, 0, ones, 20, NULL, c, 20));
    CHECK(c[0] == 190 && c[399] == 190);
    CHECK(rl_gemm(RL_FLOAT32, false, false, 1, 20, 20, NULL, row, INT64_C(1) << 40, ones, 20, NULL, c, INT64_C(1) << 40));
    CHECK(c[0] == 190 && c[19] == 190);
    CHECK(!rl_gemm(RL_INT64, false, false, 2, 2, 2, NULL, row, 2, ones, 2, NULL, c, 2));
    CHECK_ERROR(RL_NOT_IMPLEMENTED, "not implemented for 'Long'");
}
