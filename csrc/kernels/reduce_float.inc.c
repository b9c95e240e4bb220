/* reduce_float.inc.c -- reductions of float or double (T), and of halves widened to float. */

/* `line` adds up f over contiguous elements; `add` does lines or rows of any stride.  x is the element, P(0) the parameter. */
#define SUMS(name, f) \
    static double FN(name##_line)(int64_t n, const T *from, const double *p) { \
        const T p0 = p ? (T)p[0] : 0; \
        T lane[SUM_LANES] = {0}; \
        double total = 0; \
        int64_t i = 0; \
        (void)p0; \
        for (; i + SUM_LANES <= n; i += SUM_LANES) \
            SIMD for (int k = 0; k < SUM_LANES; k++) { const T x = from[i + k]; lane[k] += (f); } \
        for (int k = 0; i < n; i++, k++) { const T x = from[i]; lane[k] += (f); } \
        for (int width = SUM_LANES / 2; width >= 8; width /= 2) \
            SIMD for (int k = 0; k < width; k++) lane[k] += lane[k + width]; \
        for (int k = 0; k < 8; k++) total += (double)lane[k]; \
        return total; \
    } \
    static void FN(name##_rows)(int64_t m, T *part, const T *from, const double *p) { \
        const T p0 = p ? (T)p[0] : 0; \
        (void)p0; \
        SIMD for (int64_t j = 0; j < m; j++) { const T x = from[j]; part[j] += (f); } \
    } \
    static void FN(name##_add)(ADD_ARGS) { FN(sum_lines)(r, m, n, in, in_col, in_row, acc, extra, FN(name##_line), FN(name##_rows)); }

#define ADD_ARGS const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first, const double *extra

static void FN(sum_lines)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, const double *extra,
                          double (*line)(int64_t, const T *, const double *), void (*rows)(int64_t, T *, const T *, const double *)) {
    Sum *total = acc;
    if (m == 1) {
        ROOM(room, CHUNK);
        bool plain = !r->half && in_row == sizeof(T);
        for (int64_t i = 0, k, most = plain ? SUM_LINE : CHUNK; i < n; i += k) {
            k = n - i < most ? n - i : most;
            sum_add(total, line(k, take(r, k, room, in + i * in_row, in_row), extra));
        }
        return;
    }
    for (int64_t j = 0, w; j < m; j += w) {
        w = m - j < SUM_COLUMNS ? m - j : SUM_COLUMNS;
        ROOM(room, SUM_COLUMNS);
        for (int64_t i = 0; i < n; i += SUM_ROWS) {
            T part[SUM_COLUMNS] = {0};
            for (int64_t k = i; k < n && k < i + SUM_ROWS; k++) rows(w, part, take(r, w, room, in + j * in_col + k * in_row, in_col), extra);
            for (int64_t k = 0; k < w; k++) sum_add(&total[j + k], (double)part[k]);
        }
    }
}

SUMS(sum, x)
SUMS(nansum, x != x ? 0 : x)
SUMS(norm1, M(abs)(x))
SUMS(norm2, x * x)
SUMS(normp, M(pow)(M(abs)(x), p0))

static void FN(store)(const Reduction *r, char *out, double value) {
    if (r->writes_half) narrow(1, &(float){(float)value}, out, 2, (HalfKind)r->kind);
    else *(T *)out = (T)value;
}

#define FINISH(name, value) \
    static void FN(name##_finish)(const Reduction *r, int64_t m, const void *acc, char *const *out, const int64_t *out_stride, int64_t count, const double *extra) { \
        const Sum *total = acc; \
        for (int64_t j = 0; j < m; j++) { const double s = sum_value(&total[j]); FN(store)(r, out[0] + j * out_stride[0], value); } \
    }
FINISH(sum, s)
FINISH(mean, s / (double)count)
FINISH(norm2, sqrt(s))
FINISH(normp, pow(s, 1 / extra[0]))

/* ---- products ---- */

static void FN(prod_init)(const Reduction *r, int64_t m, void *acc, const double *extra) {
    for (int64_t j = 0; j < m; j++) ((double *)acc)[j] = 1;
}

static void FN(prod_add)(ADD_ARGS) {
    double *total = acc;
    ROOM(room, SUM_COLUMNS);
    if (m == 1) {
        double lane[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        for (int64_t i = 0, k; i < n; i += k) {
            k = n - i < SUM_COLUMNS ? n - i : SUM_COLUMNS;
            const T *x = take(r, k, room, in + i * in_row, in_row);
            int64_t q = 0;
            for (; q + 8 <= k; q += 8)
                SIMD for (int l = 0; l < 8; l++) lane[l] *= (double)x[q + l];
            for (; q < k; q++) lane[0] *= (double)x[q];
        }
        for (int l = 0; l < 8; l++) total[0] *= lane[l];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, w; j < m; j += w) {
            w = m - j < SUM_COLUMNS ? m - j : SUM_COLUMNS;
            const T *x = take(r, w, room, in + j * in_col + i * in_row, in_col);
            SIMD for (int64_t k = 0; k < w; k++) total[j + k] *= (double)x[k];
        }
}

static void FN(prod_merge)(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) {
    for (int64_t j = 0; j < m; j++) ((double *)acc)[j] *= ((const double *)from)[j];
}

static void FN(prod_finish)(const Reduction *r, int64_t m, const void *acc, char *const *out, const int64_t *out_stride, int64_t count, const double *extra) {
    for (int64_t j = 0; j < m; j++) FN(store)(r, out[0] + j * out_stride[0], ((const double *)acc)[j]);
}

/* ---- how many are not zero ---- */

static void FN(count_add)(ADD_ARGS) {
    int64_t *total = acc;
    ROOM(room, SUM_COLUMNS);
    for (int64_t i = 0, k; m == 1 && i < n; i += k) {
        int64_t found = 0;
        k = n - i < SUM_COLUMNS ? n - i : SUM_COLUMNS;
        const T *x = take(r, k, room, in + i * in_row, in_row);
        for (int64_t q = 0; q < k; q++) found += x[q] != 0;
        total[0] += found;
    }
    for (int64_t i = 0; m > 1 && i < n; i++)
        for (int64_t j = 0, w; j < m; j += w) {
            w = m - j < SUM_COLUMNS ? m - j : SUM_COLUMNS;
            const T *x = take(r, w, room, in + j * in_col + i * in_row, in_col);
            SIMD for (int64_t k = 0; k < w; k++) total[j + k] += x[k] != 0;
        }
}

/* ---- extremes: the value and its first index; NaN beats everything ---- */

#define BEST FN(Best)
#define BEATS_max(a, b) ((a) > (b) || ((a) != (a) && (b) == (b)))
#define BEATS_min(a, b) ((a) < (b) || ((a) != (a) && (b) == (b)))
#define EXTREME_OF(x) (x)
#include "extreme.inc.c"

static void FN(best_finish)(const Reduction *r, int64_t m, const void *acc, char *const *out, const int64_t *out_stride, int64_t count, const double *extra) {
    const BEST *best = acc;
    for (int64_t j = 0; j < m; j++) {
        if (out[0]) FN(store)(r, out[0] + j * out_stride[0], (double)best[j].value);
        if (out[1]) *(int64_t *)(out[1] + j * out_stride[1]) = best[j].index;
    }
}

/* ---- variance: counts, means and squared distances of pieces, joined ---- */

#ifndef MOMENTS
#define MOMENTS
typedef struct Moments { double n, mean, m2; } Moments;

VM void moments_join(Moments *a, double n, double mean, double m2) {
    double all = a->n + n, d = mean - a->mean;
    if (n == 0) return;
    a->mean = a->n == 0 ? mean : a->mean + d * (n / all);
    a->m2 += m2 + (a->n == 0 ? 0 : d * d * (a->n * n / all));
    a->n = all;
}

static void var_merge(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) {
    const Moments *b = from;
    for (int64_t j = 0; j < m; j++) moments_join((Moments *)acc + j, b[j].n, b[j].mean, b[j].m2);
}
#endif

static double FN(squares_around)(int64_t n, const T *x, T mean) {
    T lane[SUM_LANES] = {0};
    double total = 0;
    int64_t i = 0;
    for (; i + SUM_LANES <= n; i += SUM_LANES)
        SIMD for (int k = 0; k < SUM_LANES; k++) lane[k] += (x[i + k] - mean) * (x[i + k] - mean);
    for (int k = 0; i < n; i++, k++) lane[k] += (x[i] - mean) * (x[i] - mean);
    for (int k = 0; k < SUM_LANES; k++) total += (double)lane[k];
    return total;
}

static void FN(var_add)(ADD_ARGS) {
    Moments *total = acc;
    if (m == 1) {
        ROOM(room, CHUNK);
        bool plain = !r->half && in_row == sizeof(T);
        for (int64_t i = 0, k, most = plain ? SUM_LINE : CHUNK; i < n; i += k) {
            k = n - i < most ? n - i : most;
            const T *x = take(r, k, room, in + i * in_row, in_row);
            double mean = FN(sum_line)(k, x, NULL) / (double)k, off = mean - (double)(T)mean;   /* the mean as T is off by that */
            double squares = FN(squares_around)(k, x, (T)mean) - (double)k * off * off;
            moments_join(total, (double)k, mean, squares < 0 ? 0 : squares);     /* equal numbers: rounding may leave less than nothing */
        }
        return;
    }
    ROOM(room, SUM_COLUMNS);
    for (int64_t j = 0, w; j < m; j += w) {
        w = m - j < SUM_COLUMNS ? m - j : SUM_COLUMNS;
        for (int64_t i = 0, h; i < n; i += h) {
            double mean[SUM_COLUMNS] = {0}, m2[SUM_COLUMNS] = {0};
            h = n - i < SUM_ROWS ? n - i : SUM_ROWS;
            for (int64_t k = i; k < i + h; k++) {
                const T *x = take(r, w, room, in + j * in_col + k * in_row, in_col);
                SIMD for (int64_t q = 0; q < w; q++) mean[q] += (double)x[q];
            }
            for (int64_t q = 0; q < w; q++) mean[q] /= (double)h;
            for (int64_t k = i; k < i + h; k++) {
                const T *x = take(r, w, room, in + j * in_col + k * in_row, in_col);
                SIMD for (int64_t q = 0; q < w; q++) m2[q] += ((double)x[q] - mean[q]) * ((double)x[q] - mean[q]);
            }
            for (int64_t q = 0; q < w; q++) moments_join(&total[j + q], (double)h, mean[q], m2[q]);
        }
    }
}

static void FN(var_finish)(const Reduction *r, int64_t m, const void *acc, char *const *out, const int64_t *out_stride, int64_t count, const double *extra) {
    const Moments *total = acc;
    for (int64_t j = 0; j < m; j++) {
        double divisor = (double)count - extra[0];
        if (out[0]) FN(store)(r, out[0] + j * out_stride[0], count == 0 ? (double)NAN : total[j].m2 / (divisor > 0 ? divisor : 0));
        if (out[1]) FN(store)(r, out[1] + j * out_stride[1], count == 0 ? (double)NAN : total[j].mean);
    }
}

/* ---- log of a sum of exponentials: the sum relative to the largest exponent so far ---- */

#ifndef TOWER
#define TOWER
typedef struct Tower { double top, sum; } Tower;

VM void tower_join(Tower *a, double top, double sum) {
    if (top == -(double)INFINITY && sum == 0) return;
    double high = top > a->top || top != top ? top : a->top;
    a->sum = (a->top == high ? a->sum : a->sum * exp(a->top - high)) + (top == high ? sum : sum * exp(top - high));
    a->top = high;
}

static void tower_init(const Reduction *r, int64_t m, void *acc, const double *extra) {
    for (int64_t j = 0; j < m; j++) ((Tower *)acc)[j] = (Tower){-(double)INFINITY, 0};
}

static void tower_merge(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) {
    const Tower *b = from;
    for (int64_t j = 0; j < m; j++) tower_join((Tower *)acc + j, b[j].top, b[j].sum);
}
#endif

static double FN(exps_below)(int64_t n, const T *x, T top) {
    T lane[SUM_LANES] = {0};
    double total = 0;
    int64_t i = 0;
    for (; i + SUM_LANES <= n; i += SUM_LANES)
        SIMD for (int k = 0; k < SUM_LANES; k++) lane[k] += M(exp)(x[i + k] - top);
    for (int k = 0; i < n; i++, k++) lane[k] += M(exp)(x[i] - top);
    for (int k = 0; k < SUM_LANES; k++) total += (double)lane[k];
    return total;
}

static void FN(tower_add)(ADD_ARGS) {
    Tower *total = acc;
    ROOM(room, CHUNK);
    for (int64_t j = 0; j < m; j++)
        for (int64_t i = 0, k; i < n; i += k) {
            k = n - i < CHUNK ? n - i : CHUNK;
            const T *x = take(r, k, room, in + j * in_col + i * in_row, in_row);
            T top = FN(max_line)(k, x);
            bool endless = M(isinf)(top);   /* then x - top would be NaN: count by hand */
            if (endless) tower_join(&total[j], (double)top, top > 0 ? 1 : 0);
            else tower_join(&total[j], (double)top, FN(exps_below)(k, x, top));
        }
}

static void FN(tower_finish)(const Reduction *r, int64_t m, const void *acc, char *const *out, const int64_t *out_stride, int64_t count, const double *extra) {
    const Tower *t = acc;
    for (int64_t j = 0; j < m; j++) FN(store)(r, out[0] + j * out_stride[0], t[j].top == (double)INFINITY ? t[j].top : t[j].top + log(t[j].sum));
}

#define ROW(acc, begin, more, join, end) {acc, sizeof(T), 0, 0, 0, begin, more, join, end}
static const Reduction FN(reduce)[REDUCE_COUNT] = {
    [REDUCE_sum] = ROW(sizeof(Sum), sum_init, FN(sum_add), sum_merge, FN(sum_finish)),
    [REDUCE_mean] = ROW(sizeof(Sum), sum_init, FN(sum_add), sum_merge, FN(mean_finish)),
    [REDUCE_nansum] = ROW(sizeof(Sum), sum_init, FN(nansum_add), sum_merge, FN(sum_finish)),
    [REDUCE_prod] = ROW(sizeof(double), FN(prod_init), FN(prod_add), FN(prod_merge), FN(prod_finish)),
    [REDUCE_max] = ROW(sizeof(BEST), FN(max_init), FN(max_add), FN(max_merge), FN(best_finish)),
    [REDUCE_min] = ROW(sizeof(BEST), FN(max_init), FN(min_add), FN(min_merge), FN(best_finish)),
    [REDUCE_any] = ROW(8, sum_init, FN(count_add), whole_sum_merge, any_finish),
    [REDUCE_all] = ROW(8, sum_init, FN(count_add), whole_sum_merge, all_finish),
    [REDUCE_count] = ROW(8, sum_init, FN(count_add), whole_sum_merge, whole_finish),
    [REDUCE_var] = ROW(sizeof(Moments), sum_init, FN(var_add), var_merge, FN(var_finish)),
    [REDUCE_norm1] = ROW(sizeof(Sum), sum_init, FN(norm1_add), sum_merge, FN(sum_finish)),
    [REDUCE_norm2] = ROW(sizeof(Sum), sum_init, FN(norm2_add), sum_merge, FN(norm2_finish)),
    [REDUCE_normp] = ROW(sizeof(Sum), sum_init, FN(normp_add), sum_merge, FN(normp_finish)),
    [REDUCE_logsumexp] = ROW(sizeof(Tower), tower_init, FN(tower_add), tower_merge, FN(tower_finish)),
};
#undef ROW
#undef SUMS
#undef FINISH
#undef BEST
#undef BEATS_max
#undef BEATS_min
#undef EXTREME_OF
#undef T
#undef TAG
#undef NAMESPACE
