/* blas.c -- row-major matrix products, through one door.
 *
 * OpenBLAS does the work, from a private copy with prefixed names that is set to one thread; long products are cut along
 * the rows or columns of C and spread over our own threads.  Products too small for its calling costs, and those whose
 * geometry does not fit its 32-bit integers, are done here.  C is written, never read, where beta is 0. */
#include "rushlight.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

extern void scipy_cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
extern void scipy_cblas_dgemm(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b, int ldb, double beta, double *c, int ldc);
extern void scipy_cblas_cgemm(int order, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int lda, const void *b, int ldb, const void *beta, void *c, int ldc);
extern void scipy_cblas_zgemm(int order, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int lda, const void *b, int ldb, const void *beta, void *c, int ldc);
extern void scipy_cblas_sgemv(int order, int ta, int m, int n, float alpha, const float *a, int lda, const float *x, int incx, float beta, float *y, int incy);
extern void scipy_cblas_dgemv(int order, int ta, int m, int n, double alpha, const double *a, int lda, const double *x, int incx, double beta, double *y, int incy);
extern void scipy_cblas_cgemv(int order, int ta, int m, int n, const void *alpha, const void *a, int lda, const void *x, int incx, const void *beta, void *y, int incy);
extern void scipy_cblas_zgemv(int order, int ta, int m, int n, const void *alpha, const void *a, int lda, const void *x, int incx, const void *beta, void *y, int incy);
extern void scipy_openblas_set_num_threads(int n);
extern char *scipy_openblas_get_config(void);
extern char *scipy_openblas_get_corename(void);

static void __attribute__((constructor)) use_one_thread(void) { scipy_openblas_set_num_threads(1); }

const char *rl_blas_name(void) {
    static char text[256];
    snprintf(text, sizeof text, "%s on %s", scipy_openblas_get_config(), scipy_openblas_get_corename());
    return text;
}

typedef struct Product {
    Dtype dtype;
    bool ta, tb;
    int64_t m, n, k;
    double alpha[2], beta[2];
    const char *a, *b;
    char *c;
    int64_t lda, ldb, ldc;
    bool by_rows;              /* spread(): which dim is cut, into pieces of how much */
    int64_t piece;
} Product;

/* ---- our own, for what is small or enormous -------------------------------------------------------------------------- */

#define T float
#define NAME small_float
#include "gemm_small.inc.c"
#define T double
#define NAME small_double
#include "gemm_small.inc.c"
#define T _Complex float
#define NAME small_complex_float
#include "gemm_small.inc.c"
#define T _Complex double
#define NAME small_complex_double
#include "gemm_small.inc.c"

static void multiply_here(const Product *p) {
    switch (p->dtype) {
    case RL_FLOAT32: small_float(p); break;
    case RL_FLOAT64: small_double(p); break;
    case RL_COMPLEX64: small_complex_float(p); break;
    default: small_complex_double(p); break;
    }
}

/* ---- OpenBLAS ------------------------------------------------------------------------------------------------------- */

static void call_gemm(const Product *p) {
    int ta = p->ta ? TRANSPOSED : PLAIN, tb = p->tb ? TRANSPOSED : PLAIN;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k, lda = (int)p->lda, ldb = (int)p->ldb, ldc = (int)p->ldc;
    float alpha[2] = {(float)p->alpha[0], (float)p->alpha[1]}, beta[2] = {(float)p->beta[0], (float)p->beta[1]};
    const void *a = p->a, *b = p->b;
    void *c = p->c;
    switch (p->dtype) {
    case RL_FLOAT32: scipy_cblas_sgemm(ROW_MAJOR, ta, tb, m, n, k, alpha[0], a, lda, b, ldb, beta[0], c, ldc); break;
    case RL_FLOAT64: scipy_cblas_dgemm(ROW_MAJOR, ta, tb, m, n, k, p->alpha[0], a, lda, b, ldb, p->beta[0], c, ldc); break;
    case RL_COMPLEX64: scipy_cblas_cgemm(ROW_MAJOR, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); break;
    default: scipy_cblas_zgemm(ROW_MAJOR, ta, tb, m, n, k, p->alpha, a, lda, b, ldb, p->beta, c, ldc); break;
    }
}

/* y = alpha * op(A) x + beta * y; A is stored rows by cols. */
static void call_gemv(const Product *p, bool t, int64_t rows, int64_t cols, const void *a, int64_t lda, const void *x, int64_t incx, int64_t incy) {
    int trans = t ? TRANSPOSED : PLAIN, m = (int)rows, n = (int)cols, ld = (int)lda, ix = (int)incx, iy = (int)incy;
    float alpha[2] = {(float)p->alpha[0], (float)p->alpha[1]}, beta[2] = {(float)p->beta[0], (float)p->beta[1]};
    switch (p->dtype) {
    case RL_FLOAT32: scipy_cblas_sgemv(ROW_MAJOR, trans, m, n, alpha[0], a, ld, x, ix, beta[0], (float *)p->c, iy); break;
    case RL_FLOAT64: scipy_cblas_dgemv(ROW_MAJOR, trans, m, n, p->alpha[0], a, ld, x, ix, p->beta[0], (double *)p->c, iy); break;
    case RL_COMPLEX64: scipy_cblas_cgemv(ROW_MAJOR, trans, m, n, alpha, a, ld, x, ix, beta, p->c, iy); break;
    default: scipy_cblas_zgemv(ROW_MAJOR, trans, m, n, p->alpha, a, ld, x, ix, p->beta, p->c, iy); break;
    }
}

/* BLAS scales y before it adds, so NaN in an uninitialised y would survive beta 0 in some kernels. */
static void clear_c(const Product *p) {
    int bytes = rl_dtypes[p->dtype].bytes;
    for (int64_t i = 0; i < p->m; i++) memset(p->c + i * p->ldc * bytes, 0, (size_t)(p->n * bytes));
}

static void multiply_vector(const Product *p) {
    if (p->beta[0] == 0 && p->beta[1] == 0) clear_c(p);
    if (p->n == 1) call_gemv(p, p->ta, p->ta ? p->k : p->m, p->ta ? p->m : p->k, p->a, p->lda, p->b, p->tb ? 1 : p->ldb, p->ldc);
    else call_gemv(p, !p->tb, p->tb ? p->n : p->k, p->tb ? p->k : p->n, p->b, p->ldb, p->a, p->ta ? p->lda : 1, 1);
}

static int64_t max3(int64_t a, int64_t b, int64_t c) { return a > b ? (a > c ? a : c) : b > c ? b : c; }

/* 32-bit integers, and rows that do not overlap. */
static bool fits_blas(const Product *p) {
    return max3(p->m, p->n, p->k) <= INT_MAX && max3(p->lda, p->ldb, p->ldc) <= INT_MAX && p->lda >= (p->ta ? p->m : p->k) &&
           p->ldb >= (p->tb ? p->k : p->n) && p->ldc >= p->n;
}

/* The distance to the next row of a matrix of one row is anything. */
static int64_t leading(int64_t ld, int64_t rows, int64_t cols) { return rows > 1 ? ld : cols > 0 ? cols : 1; }

static GemmFn *own_product;
void rl_gemm_offer(GemmFn *own) { own_product = own; }

/* Where benchmarks/ shows it ahead of OpenBLAS: both operands along k, or a million products and more. */
static bool suits_own_product(const Product *p) {
    enum { SMALLEST = 1 << 15, SMALLEST_PLAIN = 1 << 20, LARGEST = 1 << 28, NARROWEST = 32 };
    if (p->dtype != RL_FLOAT32 || !own_product || p->n < NARROWEST) return false;
    int64_t products = p->m * p->n * p->k;
    return products <= LARGEST && products >= (p->tb && !p->ta ? SMALLEST : SMALLEST_PLAIN);
}

static void multiply_ourselves(const Product *p) {
    own_product(p->ta, p->tb, p->m, p->n, p->k, (float)p->alpha[0], (const float *)p->a, p->lda, (const float *)p->b, p->ldb, (float)p->beta[0], (float *)p->c, p->ldc);
}

static void multiply(const Product *p) {
    if (p->k <= 0 || p->m * p->n * p->k <= 96 || !fits_blas(p)) multiply_here(p);
    else if (p->m == 1 || p->n == 1) multiply_vector(p);
    else if (suits_own_product(p)) multiply_ourselves(p);
    else call_gemm(p);
}

/* ---- many threads --------------------------------------------------------------------------------------------------- */

static void multiply_piece(int64_t begin, int64_t end, void *state) {
    for (; begin < end; begin++) {
        Product p = *(Product *)state;
        int64_t bytes = rl_dtypes[p.dtype].bytes, from = begin * p.piece, whole = p.by_rows ? p.m : p.n;
        int64_t length = whole - from < p.piece ? whole - from : p.piece;
        if (p.by_rows) {
            p.a += from * (p.ta ? 1 : p.lda) * bytes;
            p.c += from * p.ldc * bytes;
            p.m = length;
        } else {
            p.b += from * (p.tb ? p.ldb : 1) * bytes;
            p.c += from * bytes;
            p.n = length;
        }
        multiply(&p);
    }
}

static double operations_of(const Product *p) {
    return 2.0 * (double)p->m * (double)p->n * (double)p->k * (rl_dtype_is(p->dtype, CLASS_COMPLEX) ? 4 : 1);
}

/* Pieces long enough for OpenBLAS to be efficient, short enough to answer Ctrl-C. */
static bool spread(Product *p, double operations) {
    enum { STEP = 16 };
    p->by_rows = p->m >= p->n;
    int64_t whole = p->by_rows ? p->m : p->n, pieces = rl_threads();
    if (operations > 5e7) pieces *= 2;
    if (operations / 3e9 > (double)pieces) pieces = (int64_t)(operations / 3e9) + 1;
    p->piece = (whole / pieces + STEP) / STEP * STEP;
    return rl_parallel_for((whole + p->piece - 1) / p->piece, 1, multiply_piece, p);
}

static bool takes(Dtype dtype) {
    if (dtype == RL_FLOAT32 || dtype == RL_FLOAT64 || rl_dtype_is(dtype, CLASS_COMPLEX)) return true;
    return rl_fail(RL_NOT_IMPLEMENTED, "\"gemm\" not implemented for '%s'", rl_dtypes[dtype].word);
}

bool rl_gemm(Dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const double alpha[2], const void *a, int64_t lda,
             const void *b, int64_t ldb, const double beta[2], void *c, int64_t ldc) {
    static const double one[2] = {1, 0}, none[2] = {0, 0};
    if (!alpha) alpha = one;
    if (!beta) beta = none;
    if (m <= 0 || n <= 0) return true;
    if (!takes(dtype)) return false;
    Product p = {.dtype = dtype, .ta = ta, .tb = tb, .m = m, .n = n, .k = k, .alpha = {alpha[0], alpha[1]}, .beta = {beta[0], beta[1]},
                 .a = a, .b = b, .c = c, .lda = leading(lda, ta ? k : m, ta ? m : k), .ldb = leading(ldb, tb ? n : k, tb ? k : n),
                 .ldc = leading(ldc, m, n)};
    double operations = operations_of(&p);
    if (operations >= 1e6) return spread(&p, operations);
    multiply(&p);
    return true;
}

typedef struct Batch { Product product; int64_t step_a, step_b, step_c; } Batch;

static void multiply_batch(int64_t begin, int64_t end, void *state) {
    const Batch *batch = state;
    int64_t bytes = rl_dtypes[batch->product.dtype].bytes;
    for (int64_t i = begin; i < end; i++) {
        Product p = batch->product;
        p.a += i * batch->step_a * bytes;
        p.b += i * batch->step_b * bytes;
        p.c += i * batch->step_c * bytes;
        multiply(&p);
    }
}

bool rl_gemm_batch(Dtype dtype, bool ta, bool tb, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, int64_t step_a,
                   const void *b, int64_t ldb, int64_t step_b, void *c, int64_t ldc, int64_t step_c) {
    if (m <= 0 || n <= 0 || batch <= 0) return true;
    if (!takes(dtype)) return false;
    Batch all = {{.dtype = dtype, .ta = ta, .tb = tb, .m = m, .n = n, .k = k, .alpha = {1, 0}, .a = a, .b = b, .c = c,
                  .lda = leading(lda, ta ? k : m, ta ? m : k), .ldb = leading(ldb, tb ? n : k, tb ? k : n), .ldc = leading(ldc, m, n)}, step_a, step_b, step_c};
    double operations = operations_of(&all.product);
    if (operations >= 2e7 && batch < 4 * rl_threads()) {     /* few and long: cut each */
        int64_t bytes = rl_dtypes[dtype].bytes;
        for (int64_t i = 0; i < batch; i++)
            if (!rl_gemm(dtype, ta, tb, m, n, k, NULL, (const char *)a + i * step_a * bytes, lda, (const char *)b + i * step_b * bytes, ldb, NULL, (char *)c + i * step_c * bytes, ldc)) return false;
        return true;
    }
    double grain = 5e5 / (operations > 100 ? operations : 100);
    return rl_parallel_for(batch, grain < 1 ? 1 : (int64_t)grain, multiply_batch, &all);
}
