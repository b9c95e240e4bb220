/* reduce_complex.inc.c -- reductions of complex numbers with parts of type T: m columns of them are 2 m columns of parts. */
typedef struct FN(Pair) { T re, im; } FN(Pair);

/* Two sums or moments per element, over the parts. */
#define PARTS(name, of, acc_type) \
    static void FN(name##_add)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first, const double *extra) { \
        Reduction parts = {.in_bytes = sizeof(T)}; \
        if (in_col == 2 * (int64_t)sizeof(T) || m == 1) { \
            CAT(of, REALS)(&parts, 2 * m, n, in, sizeof(T), in_row, acc, first, extra); \
            return; \
        } \
        for (int64_t j = 0; j < m; j++) CAT(of, REALS)(&parts, 2, n, in + j * in_col, sizeof(T), in_row, (acc_type *)acc + 2 * j, first, extra); \
    }
PARTS(sum, sum_add, Sum)
PARTS(nansum, nansum_add, Sum)
PARTS(var, var_add, Moments)

static void FN(var_merge)(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) { var_merge(r, 2 * m, acc, from, extra); }

#define SIZES(name, f) \
    static void FN(name##_add)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first, const double *extra) { \
        for (int64_t i = 0; i < n; i++) \
            for (int64_t j = 0; j < m; j++) { \
                const FN(Pair) *z = (const FN(Pair) *)(in + i * in_row + j * in_col); \
                const double size = hypot((double)z->re, (double)z->im); \
                sum_add((Sum *)acc + j, f); \
            } \
    }
SIZES(norm1, size)
SIZES(norm2, size * size)
SIZES(normp, pow(size, extra[0]))

#define SIZE_FINISH(name, value) \
    static void FN(name##_finish)(FINISH_ARGS) { \
        for (int64_t j = 0; j < m; j++) { const double s = sum_value((const Sum *)acc + j); *(T *)(out[0] + j * out_stride[0]) = (T)(value); } \
    }
SIZE_FINISH(norm1, s)
SIZE_FINISH(norm2, sqrt(s))
SIZE_FINISH(normp, pow(s, 1 / extra[0]))

static void FN(sum_finish)(FINISH_ARGS) {
    const Sum *s = acc;
    for (int64_t j = 0; j < m; j++) *(FN(Pair) *)(out[0] + j * out_stride[0]) = (FN(Pair)){(T)sum_value(&s[2 * j]), (T)sum_value(&s[2 * j + 1])};
}

static void FN(mean_finish)(FINISH_ARGS) {
    const Sum *s = acc;
    double n = (double)count;
    for (int64_t j = 0; j < m; j++) *(FN(Pair) *)(out[0] + j * out_stride[0]) = (FN(Pair)){(T)(sum_value(&s[2 * j]) / n), (T)(sum_value(&s[2 * j + 1]) / n)};
}

static void FN(var_finish)(FINISH_ARGS) {
    const Moments *s = acc;
    double divisor = (double)count - extra[0];
    for (int64_t j = 0; j < m; j++) {
        if (out[0]) *(T *)(out[0] + j * out_stride[0]) = (T)(count == 0 ? (double)NAN : (s[2 * j].m2 + s[2 * j + 1].m2) / (divisor > 0 ? divisor : 0));
        if (out[1]) *(FN(Pair) *)(out[1] + j * out_stride[1]) = count == 0 ? (FN(Pair)){(T)NAN, (T)NAN} : (FN(Pair)){(T)s[2 * j].mean, (T)s[2 * j + 1].mean};
    }
}

static void FN(prod_init)(const Reduction *r, int64_t m, void *acc, const double *extra) {
    for (int64_t j = 0; j < m; j++) ((Sum *)acc)[j] = (Sum){1, 0};
}

VM void FN(times)(Sum *a, double re, double im) { *a = (Sum){a->s * re - a->c * im, a->s * im + a->c * re}; }   /* s and c: the parts */

static void FN(prod_add)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first, const double *extra) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) {
            const FN(Pair) *z = (const FN(Pair) *)(in + i * in_row + j * in_col);
            FN(times)((Sum *)acc + j, (double)z->re, (double)z->im);
        }
}

static void FN(prod_merge)(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) {
    const Sum *b = from;
    for (int64_t j = 0; j < m; j++) FN(times)((Sum *)acc + j, b[j].s, b[j].c);
}

static void FN(prod_finish)(FINISH_ARGS) {
    const Sum *s = acc;
    for (int64_t j = 0; j < m; j++) *(FN(Pair) *)(out[0] + j * out_stride[0]) = (FN(Pair)){(T)s[j].s, (T)s[j].c};
}

static void FN(count_add)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first, const double *extra) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) {
            const FN(Pair) *z = (const FN(Pair) *)(in + i * in_row + j * in_col);
            ((int64_t *)acc)[j] += z->re != 0 || z->im != 0;
        }
}

#define ROW(acc, begin, more, join, end) {acc, 2 * sizeof(T), 0, 0, 0, begin, more, join, end, NULL}
static const Reduction FN(reduce)[REDUCE_COUNT] = {
    [REDUCE_sum] = ROW(2 * sizeof(Sum), sum_init, FN(sum_add), sum_merge, FN(sum_finish)),
    [REDUCE_mean] = ROW(2 * sizeof(Sum), sum_init, FN(sum_add), sum_merge, FN(mean_finish)),
    [REDUCE_nansum] = ROW(2 * sizeof(Sum), sum_init, FN(nansum_add), sum_merge, FN(sum_finish)),
    [REDUCE_prod] = ROW(sizeof(Sum), FN(prod_init), FN(prod_add), FN(prod_merge), FN(prod_finish)),
    [REDUCE_any] = ROW(8, sum_init, FN(count_add), whole_sum_merge, any_finish),
    [REDUCE_all] = ROW(8, sum_init, FN(count_add), whole_sum_merge, all_finish),
    [REDUCE_count] = ROW(8, sum_init, FN(count_add), whole_sum_merge, whole_finish),
    [REDUCE_var] = ROW(2 * sizeof(Moments), sum_init, FN(var_add), FN(var_merge), FN(var_finish)),
    [REDUCE_norm1] = ROW(sizeof(Sum), sum_init, FN(norm1_add), sum_merge, FN(norm1_finish)),
    [REDUCE_norm2] = ROW(sizeof(Sum), sum_init, FN(norm2_add), sum_merge, FN(norm2_finish)),
    [REDUCE_normp] = ROW(sizeof(Sum), sum_init, FN(normp_add), sum_merge, FN(normp_finish)),
};
#undef ROW
#undef PARTS
#undef SIZES
#undef SIZE_FINISH
#undef T
#undef TAG
#undef REALS
#undef NAMESPACE
