/* reduce_float.inc.c -- reductions of float or double (T), and of halves widened to float. */

/* The sum of the first 16 lanes, in pairs. */
static inline double FN(sum_of_lanes)(T *lane) {
    double sum[8];
    SIMD for (int k = 0; k < 8; k++) sum[k] = (double)(lane[k] + lane[k + 8]);
    SIMD for (int k = 0; k < 4; k++) sum[k] += sum[k + 4];
    SIMD for (int k = 0; k < 2; k++) sum[k] += sum[k + 2];
    return sum[0] + sum[1];
}

/* y = exp(x - top) of the last few from i on, added to lanes; y may be NULL.  Where there are enough, the vector that ends with them is taken
 * again: `last` is what it was, if y may be x. */
static inline __attribute__((always_inline)) void FN(exp_rest)(int64_t n, int64_t i, T *y, const T *x, const T *last, T top, T *lane) {
    T e[FEW_SUMS];
    const int rest = (int)(n - i), old = FEW_SUMS - rest;
    if (n >= FEW_SUMS) {
        const T *from = last ? last : x + n - FEW_SUMS;
        SIMD for (int k = 0; k < FEW_SUMS; k++) { e[k] = M(exp)(from[k] - top); lane[k] += k >= old ? e[k] : 0; }
        if (y) __builtin_memcpy(y + n - FEW_SUMS, e, sizeof e);
        return;
    }
    T pad[FEW_SUMS];
    SIMD for (int k = 0; k < FEW_SUMS; k++) pad[k] = x[i + (k < rest ? k : 0)];
    SIMD for (int k = 0; k < FEW_SUMS; k++) { e[k] = M(exp)(pad[k] - top); lane[k] += k < rest ? e[k] : 0; }
    for (int k = 0; y && k < rest; k++) y[i + k] = e[k];
}

/* The sum of TERM, which reads j, over j < n: many lanes where there are many elements, few for the rest, and the last ones apart: a
 * lane written alone could not be read with its neighbours at once. */
#define LANES_SUM(n, TERM) \
    T lane[SUM_LANES] = {0}; \
    int64_t i = 0; \
    if ((n) >= SUM_LANES) { \
        for (; i + SUM_LANES <= (n); i += SUM_LANES) \
            SIMD for (int k = 0; k < SUM_LANES; k++) { int64_t j = i + k; lane[k] += (TERM); } \
        SIMD for (int k = 0; k < SUM_LANES / 2; k++) lane[k] += lane[k + SUM_LANES / 2]; \
        SIMD for (int k = 0; k < SUM_LANES / 4; k++) lane[k] += lane[k + SUM_LANES / 4]; \
    } \
    for (; i + FEW_SUMS <= (n); i += FEW_SUMS) \
        SIMD for (int k = 0; k < FEW_SUMS; k++) { int64_t j = i + k; lane[k] += (TERM); } \
    T even = 0, odd = 0; \
    for (; i + 1 < (n); i += 2) { \
        int64_t j = i; \
        even += (TERM); \
        j = i + 1; \
        odd += (TERM); \
    } \
    if (i < (n)) { int64_t j = i; even += (TERM); } \
    return FN(sum_of_lanes)(lane) + ((double)even + (double)odd)

/* `line` adds up f over contiguous elements, `four` and `rows` add four rows or one; `add` does lines or rows of any stride, `lines`
 * whole lines that are short enough for one sum, from s to the result.  x is the element, P(0) the parameter. */
#define SUMS(name, f) \
    static inline __attribute__((always_inline)) T FN(name##_term)(T x, T p0) { return f; } \
    static inline __attribute__((always_inline)) double FN(name##_inline)(int64_t n, const T *from, const double *p) { \
        const T p0 = p ? (T)p[0] : 0; \
        LANES_SUM(n, FN(name##_term)(from[j], p0)); \
    } \
    static double FN(name##_line)(int64_t n, const T *from, const double *p) { return FN(name##_inline)(n, from, p); } \
    static void FN(name##_four)(int64_t m, T *part, const char *in, int64_t step, const double *p) { \
        const T p0 = p ? (T)p[0] : 0, *a = (const T *)in, *b = (const T *)(in + step), *c = (const T *)(in + 2 * step), *d = (const T *)(in + 3 * step); \
        SIMD for (int64_t j = 0; j < m; j++) part[j] += (FN(name##_term)(a[j], p0) + FN(name##_term)(b[j], p0)) + (FN(name##_term)(c[j], p0) + FN(name##_term)(d[j], p0)); \
    } \
    static void FN(name##_rows)(int64_t m, T *part, const T *from, const double *p) { \
        const T p0 = p ? (T)p[0] : 0; \
        (void)p0; \
        SIMD for (int64_t j = 0; j < m; j++) { const T x = from[j]; part[j] += (f); } \
    } \
    static void FN(name##_add)(ADD_ARGS) { FN(sum_lines)(r, m, n, in, in_col, in_row, acc, extra, FN(name##_line), FN(name##_rows), FN(name##_four)); }

#define ADD_ARGS const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first, const double *extra

static void FN(sum_lines)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, const double *extra,
                          double (*line)(int64_t, const T *, const double *), void (*rows)(int64_t, T *, const T *, const double *),
                          void (*four)(int64_t, T *, const char *, int64_t, const double *)) {
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
        bool plain = !r->half && in_col == sizeof(T);
        for (int64_t i = 0, most = plain ? 4 * SUM_ROWS : SUM_ROWS; i < n; i += most) {
            T part[SUM_COLUMNS] = {0};
            int64_t k = i, end = n - i < most ? n : i + most;
            for (; plain && k + 4 <= end; k += 4) four(w, part, in + j * in_col + k * in_row, in_row, extra);
            for (; k < end; k++) rows(w, part, take(r, w, room, in + j * in_col + k * in_row, in_col), extra);
            SIMD for (int64_t k = 0; k < w; k++) sum_add(&total[j + k], (double)part[k]);
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

#define LINES(name, line, value) \
    static bool FN(name##_whole)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, char *const *out, const int64_t *out_stride, const double *extra) { \
        if (in_row == sizeof(T) && n <= SUM_LINE) { \
            for (int64_t j = 0; j < m; j++) { const double s = FN(line##_inline)(n, (const T *)(in + j * in_col), extra); *(T *)(out[0] + j * out_stride[0]) = (T)(value); } \
            return true; \
        } \
        if (in_col != sizeof(T) || out_stride[0] != sizeof(T) || n > SUM_ROWS) return false; \
        for (int64_t j = 0, w, i; j < m; j += w) { \
            T part[SUM_COLUMNS] = {0}, *to = (T *)out[0] + j; \
            w = m - j < SUM_COLUMNS ? m - j : SUM_COLUMNS; \
            for (i = 0; i + 4 <= n; i += 4) FN(line##_four)(w, part, in + j * in_col + i * in_row, in_row, extra); \
            for (; i < n; i++) FN(line##_rows)(w, part, (const T *)(in + j * in_col + i * in_row), extra); \
            SIMD for (int64_t k = 0; k < w; k++) { const double s = (double)part[k]; to[k] = (T)(value); } \
        } \
        return true; \
    }
LINES(sum, sum, s)
LINES(mean, sum, s / (double)n)
LINES(nansum, nansum, s)
LINES(norm1, norm1, s)
LINES(norm2, norm2, sqrt(s))

/* ---- products ---- */

static void FN(prod_init)(const Reduction *r, int64_t m, void *acc, const double *extra) {
    for (int64_t j = 0; j < m; j++) ((double *)acc)[j] = 1;
}

static void FN(prod_add)(ADD_ARGS) {
    double *total = acc;
    ROOM(room, SUM_COLUMNS);
    if (m == 1) {
        enum { MANY = 32 };
        double lane[MANY], rest = 1;
        bool plain = !r->half && in_row == sizeof(T);
        for (int l = 0; l < MANY; l++) lane[l] = 1;
        for (int64_t i = 0, k, most = plain ? SUM_LINE : SUM_COLUMNS; i < n; i += k) {
            k = n - i < most ? n - i : most;
            const T *x = take(r, k, room, in + i * in_row, in_row);
            int64_t q = 0;
            for (; q + MANY <= k; q += MANY)
                SIMD for (int l = 0; l < MANY; l++) lane[l] *= (double)x[q + l];
            for (; q < k; q++) rest *= (double)x[q];
        }
        for (int width = MANY / 2; width > 0; width /= 2)
            SIMD for (int l = 0; l < width; l++) lane[l] *= lane[l + width];
        total[0] *= lane[0] * rest;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, w; j < m; j += w) {
            w = m - j < SUM_COLUMNS ? m - j : SUM_COLUMNS;
            const T *x = take(r, w, room, in + j * in_col + i * in_row, in_col);
            SIMD for (int64_t k = 0; k < w; k++) total[j + k] *= (double)x[k];
        }
}

static bool FN(prod_whole)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, char *const *out, const int64_t *out_stride, const double *extra) {
    enum { SOME = 16 };
    if (n > 16 * SOME || in_row != sizeof(T)) return false;
    for (int64_t j = 0; j < m; j++) {
        const T *x = (const T *)(in + j * in_col);
        double lane[SOME], rest = 1;
        int64_t i = 0;
        SIMD for (int l = 0; l < SOME; l++) lane[l] = 1;
        for (; i + SOME <= n; i += SOME)
            SIMD for (int l = 0; l < SOME; l++) lane[l] *= (double)x[i + l];
        for (; i < n; i++) rest *= (double)x[i];
        SIMD for (int l = 0; l < 8; l++) lane[l] *= lane[l + 8];
        SIMD for (int l = 0; l < 4; l++) lane[l] *= lane[l + 4];
        SIMD for (int l = 0; l < 2; l++) lane[l] *= lane[l + 2];
        *(T *)(out[0] + j * out_stride[0]) = (T)(lane[0] * lane[1] * rest);
    }
    return true;
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
        int32_t found = 0;
        k = n - i < SUM_COLUMNS ? n - i : SUM_COLUMNS;
        const T *x = take(r, k, room, in + i * in_row, in_row);
        _Pragma("omp simd reduction(+ : found)") for (int64_t q = 0; q < k; q++) found += x[q] != 0;
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
    LANES_SUM(n, (x[j] - mean) * (x[j] - mean));
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
            h = n - i < SUM_COLUMNS ? n - i : SUM_COLUMNS;
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
    double high = top > a->top || top != top ? top : a->top, low = top > a->top || top != top ? a->top : top;
    double less = low == high ? 1 : f64_exp(low - high);      /* of nothing, or of less than nothing, nothing remains */
    a->sum = a->top == high ? a->sum + sum * less : sum + (a->sum == 0 ? 0 : a->sum * less);
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
    int64_t i = 0;
    if (n >= SUM_LANES) {
        for (; i + SUM_LANES <= n; i += SUM_LANES)
            SIMD for (int k = 0; k < SUM_LANES; k++) lane[k] += M(exp)(x[i + k] - top);
        SIMD for (int k = 0; k < SUM_LANES / 2; k++) lane[k] += lane[k + SUM_LANES / 2];
        SIMD for (int k = 0; k < SUM_LANES / 4; k++) lane[k] += lane[k + SUM_LANES / 4];
    }
    for (; i + FEW_SUMS <= n; i += FEW_SUMS)
        SIMD for (int k = 0; k < FEW_SUMS; k++) lane[k] += M(exp)(x[i + k] - top);
    if (i < n) FN(exp_rest)(n, i, NULL, x, NULL, top, lane);
    return FN(sum_of_lanes)(lane);
}

/* A block of columns: their largest first, then the exponentials below it. */
static void FN(tower_columns)(const Reduction *r, int64_t w, int64_t n, const char *in, int64_t in_col, int64_t in_row, Tower *total) {
    ROOM(room, SUM_COLUMNS);
    for (int64_t i = 0, h; i < n; i += h) {
        T top[SUM_COLUMNS], part[SUM_COLUMNS] = {0};
        double sum[SUM_COLUMNS] = {0};
        h = n - i < SUM_COLUMNS ? n - i : SUM_COLUMNS;
        __builtin_memcpy(top, take(r, w, room, in + i * in_row, in_col), (size_t)w * sizeof(T));
        for (int64_t k = i + 1; k < i + h; k++) {
            const T *x = take(r, w, room, in + k * in_row, in_col);
            SIMD for (int64_t q = 0; q < w; q++) top[q] = (x[q] > top[q]) | (x[q] != x[q]) ? x[q] : top[q];
        }
        for (int64_t k = i; k < i + h; k++) {
            const T *x = take(r, w, room, in + k * in_row, in_col);
            SIMD for (int64_t q = 0; q < w; q++) part[q] += M(exp)(x[q] - top[q]);
            if ((k - i) % SUM_ROWS != SUM_ROWS - 1 && k + 1 < i + h) continue;
            SIMD for (int64_t q = 0; q < w; q++) sum[q] += (double)part[q], part[q] = 0;
        }
        for (int64_t q = 0; q < w; q++) {
            bool endless = M(isinf)(top[q]);   /* then x - top would be NaN: count by hand */
            tower_join(&total[q], (double)top[q], endless ? (top[q] > 0 ? 1 : 0) : sum[q]);
        }
    }
}

static void FN(tower_add)(ADD_ARGS) {
    Tower *total = acc;
    if (m == 1) {
        ROOM(room, CHUNK);
        bool plain = !r->half && in_row == sizeof(T);
        for (int64_t i = 0, k, most = plain ? SUM_LINE : CHUNK; i < n; i += k) {
            k = n - i < most ? n - i : most;
            const T *x = take(r, k, room, in + i * in_row, in_row);
            T top = FN(max_line)(k, x);
            bool endless = M(isinf)(top);
            tower_join(total, (double)top, endless ? (top > 0 ? 1 : 0) : FN(exps_below)(k, x, top));
        }
        return;
    }
    for (int64_t j = 0; j < m && n; j += SUM_COLUMNS)
        FN(tower_columns)(r, m - j < SUM_COLUMNS ? m - j : SUM_COLUMNS, n, in + j * in_col, in_col, in_row, total + j);
}

static void FN(tower_finish)(const Reduction *r, int64_t m, const void *acc, char *const *out, const int64_t *out_stride, int64_t count, const double *extra) {
    const Tower *t = acc;
    for (int64_t j = 0; j < m; j++) FN(store)(r, out[0] + j * out_stride[0], t[j].top == (double)INFINITY ? t[j].top : t[j].top + f64_log(t[j].sum));
}

#define ROW(acc, begin, more, join, end, ...) {acc, sizeof(T), 0, 0, 0, begin, more, join, end, __VA_ARGS__}
static const Reduction FN(reduce)[REDUCE_COUNT] = {
    [REDUCE_sum] = ROW(sizeof(Sum), sum_init, FN(sum_add), sum_merge, FN(sum_finish), FN(sum_whole)),
    [REDUCE_mean] = ROW(sizeof(Sum), sum_init, FN(sum_add), sum_merge, FN(mean_finish), FN(mean_whole)),
    [REDUCE_nansum] = ROW(sizeof(Sum), sum_init, FN(nansum_add), sum_merge, FN(sum_finish), FN(nansum_whole)),
    [REDUCE_prod] = ROW(sizeof(double), FN(prod_init), FN(prod_add), FN(prod_merge), FN(prod_finish), FN(prod_whole)),
    [REDUCE_max] = ROW(sizeof(BEST), FN(max_init), FN(max_add), FN(max_merge), FN(best_finish), NULL),
    [REDUCE_min] = ROW(sizeof(BEST), FN(max_init), FN(min_add), FN(min_merge), FN(best_finish), NULL),
    [REDUCE_any] = ROW(8, sum_init, FN(count_add), whole_sum_merge, any_finish, NULL),
    [REDUCE_all] = ROW(8, sum_init, FN(count_add), whole_sum_merge, all_finish, NULL),
    [REDUCE_count] = ROW(8, sum_init, FN(count_add), whole_sum_merge, whole_finish, NULL),
    [REDUCE_var] = ROW(sizeof(Moments), sum_init, FN(var_add), var_merge, FN(var_finish), NULL),
    [REDUCE_norm1] = ROW(sizeof(Sum), sum_init, FN(norm1_add), sum_merge, FN(sum_finish), FN(norm1_whole)),
    [REDUCE_norm2] = ROW(sizeof(Sum), sum_init, FN(norm2_add), sum_merge, FN(norm2_finish), FN(norm2_whole)),
    [REDUCE_normp] = ROW(sizeof(Sum), sum_init, FN(normp_add), sum_merge, FN(normp_finish), NULL),
    [REDUCE_logsumexp] = ROW(sizeof(Tower), tower_init, FN(tower_add), tower_merge, FN(tower_finish), NULL),
};
#undef ROW
#undef SUMS
#undef LANES_SUM
#undef LINES
#undef FINISH
#undef BEST
#undef BEATS_max
#undef BEATS_min
#undef EXTREME_OF
#undef T
#undef TAG
#undef NAMESPACE
