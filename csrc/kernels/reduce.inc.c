/* reduce.inc.c -- many elements become one: sums, products, extremes, moments.
 *
 * Two shapes of work: along a line (m = 1) many partial sums run side by side in lanes; across rows (m > 1) every column has its
 * own, and a block of columns stays in registers or the first-level cache.  Floating-point sums run in the element's type over at
 * most SUM_ROWS elements per lane and then go into a compensated double, so that errors do not grow with length. */
enum { SUM_LANES = 64, FEW_SUMS = 16, SUM_ROWS = 32, SUM_LINE = SUM_LANES * SUM_ROWS, SUM_COLUMNS = 128 };

typedef struct Sum { double s, c; } Sum;   /* value s + c: c holds what s could not */

VM void sum_add(Sum *a, double x) {
    double s = a->s + x, y = s - a->s, lost = (a->s - (s - y)) + (x - y);
    a->s = s;
    a->c += f64_abs(s) < (double)INFINITY ? lost : 0;
}
VM double sum_value(const Sum *a) { return a->s + a->c; }

static void sum_init(const Reduction *r, int64_t m, void *acc, const double *extra) { __builtin_memset(acc, 0, (size_t)(m * r->acc_bytes)); }

static void sum_merge(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) {
    Sum *a = acc;
    const Sum *b = from;
    for (int64_t j = 0; j < m * (r->acc_bytes / (int)sizeof(Sum)); j++) {
        sum_add(&a[j], b[j].s);
        a[j].c += b[j].c;
    }
}

/* The next k elements of a line or row as contiguous numbers of the working type. */
static inline const void *take(const Reduction *r, int64_t k, void *room, const char *p, int64_t stride) {
    Kinds kinds = {r->in_bytes, r->in_bytes, r->half, (HalfKind)r->kind};
    return fetch(k, room, p, stride, &kinds);
}

/* ---- counts, sums and products of integers, which wrap in 64 bits --------------------------------------------------------------- */

static void whole_sum_merge(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) {
    uint64_t *a = acc;
    const uint64_t *b = from;
    for (int64_t j = 0; j < m; j++) a[j] += b[j];
}

static void whole_prod_merge(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) {
    uint64_t *a = acc;
    const uint64_t *b = from;
    for (int64_t j = 0; j < m; j++) a[j] *= b[j];
}

static void whole_one(const Reduction *r, int64_t m, void *acc, const double *extra) {
    for (int64_t j = 0; j < m; j++) ((uint64_t *)acc)[j] = 1;
}

#define EACH_OUT(T, value) \
    for (int64_t j = 0; j < m; j++) *(T *)(out[0] + j * out_stride[0]) = (T)(value)
#define FINISH_ARGS const Reduction *r, int64_t m, const void *acc, char *const *out, const int64_t *out_stride, int64_t count, const double *extra

static void whole_finish(FINISH_ARGS) {
    EACH_OUT(int64_t, ((const int64_t *)acc)[j]);
}
static void any_finish(FINISH_ARGS) {
    EACH_OUT(uint8_t, ((const int64_t *)acc)[j] > 0);
}
static void all_finish(FINISH_ARGS) {
    EACH_OUT(uint8_t, ((const int64_t *)acc)[j] == count);
}

/* ---- floating point ------------------------------------------------------------------------------------------------------ */

#define T float
#define TAG f32
#define NAMESPACE f32
#include "reduce_float.inc.c"

#define T double
#define TAG f64
#define NAMESPACE f64
#include "reduce_float.inc.c"

/* ---- integers and bool ---------------------------------------------------------------------------------------------------- */

#define T uint8_t
#define TAG u8
#include "reduce_int.inc.c"
#define T int8_t
#define TAG i8
#include "reduce_int.inc.c"
#define T int16_t
#define TAG i16
#include "reduce_int.inc.c"
#define T int32_t
#define TAG i32
#include "reduce_int.inc.c"
#define T int64_t
#define TAG i64
#include "reduce_int.inc.c"

/* ---- complex: columns of real parts beside columns of imaginary ones ----------------------------------------------------------- */

#define T float
#define TAG c64
#define REALS f32
#define NAMESPACE f32
#include "reduce_complex.inc.c"
#define T double
#define TAG c128
#define REALS f64
#define NAMESPACE f64
#include "reduce_complex.inc.c"

/* ---- tables --------------------------------------------------------------------------------------------------------------------- */

#define HALVES(acc, in_half, begin, more, join, end) {acc, 2, 1, in_half, 1, begin, more, join, end, NULL}
#define HALF_TABLE(kind) { \
    [REDUCE_sum] = HALVES(sizeof(Sum), kind, sum_init, sum_add_f32, sum_merge, sum_finish_f32), \
    [REDUCE_mean] = HALVES(sizeof(Sum), kind, sum_init, sum_add_f32, sum_merge, mean_finish_f32), \
    [REDUCE_nansum] = HALVES(sizeof(Sum), kind, sum_init, nansum_add_f32, sum_merge, sum_finish_f32), \
    [REDUCE_prod] = HALVES(sizeof(double), kind, prod_init_f32, prod_add_f32, prod_merge_f32, prod_finish_f32), \
    [REDUCE_max] = HALVES(sizeof(Best_f32), kind, max_init_f32, max_add_f32, max_merge_f32, best_finish_f32), \
    [REDUCE_min] = HALVES(sizeof(Best_f32), kind, max_init_f32, min_add_f32, min_merge_f32, best_finish_f32), \
    [REDUCE_any] = HALVES(8, kind, sum_init, count_add_f32, whole_sum_merge, any_finish), \
    [REDUCE_all] = HALVES(8, kind, sum_init, count_add_f32, whole_sum_merge, all_finish), \
    [REDUCE_count] = HALVES(8, kind, sum_init, count_add_f32, whole_sum_merge, whole_finish), \
    [REDUCE_var] = HALVES(sizeof(Moments), kind, sum_init, var_add_f32, var_merge, var_finish_f32), \
    [REDUCE_norm1] = HALVES(sizeof(Sum), kind, sum_init, norm1_add_f32, sum_merge, sum_finish_f32), \
    [REDUCE_norm2] = HALVES(sizeof(Sum), kind, sum_init, norm2_add_f32, sum_merge, norm2_finish_f32), \
    [REDUCE_normp] = HALVES(sizeof(Sum), kind, sum_init, normp_add_f32, sum_merge, normp_finish_f32), \
    [REDUCE_logsumexp] = HALVES(sizeof(Tower), kind, tower_init, tower_add_f32, tower_merge, tower_finish_f32), \
}
static const Reduction reduce_f16[REDUCE_COUNT] = HALF_TABLE(HALF);
static const Reduction reduce_bf16[REDUCE_COUNT] = HALF_TABLE(BFLOAT);
#define reduce_b8 reduce_u8
