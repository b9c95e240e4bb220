/* loss_rows.inc.c -- rows of scores for the dtype at hand: T, its EXP, its name TAG. */

#define LOSS_PASTE2(name, tag) name##_##tag
#define LOSS_PASTE(name, tag) LOSS_PASTE2(name, tag)
#define LOSS_FN(name) LOSS_PASTE(name, TAG)

/* log(sum of exp), by way of the maximum. */
static double LOSS_FN(logsumexp)(int64_t n, const void *row) {
    const T *restrict x = row;
    T most = n ? x[0] : -INFINITY, sum = 0;
    _Pragma("omp simd reduction(max : most)") for (int64_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    const T shift = most == -INFINITY || most == INFINITY ? 0 : most;
    _Pragma("omp simd reduction(+ : sum)") for (int64_t i = 0; i < n; i++) sum += EXP(x[i] - shift);
    return (double)shift + log((double)sum);
}

/* dx = exp(x - lse) * scale. */
static void LOSS_FN(softmax_slope)(int64_t n, const void *row, double lse, double scale, void *slope) {
    const T *restrict x = row;
    T *restrict dx = slope;
    const T shift = (T)lse, factor = (T)scale;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) dx[i] = EXP(x[i] - shift) * factor;
}

#undef T
#undef TAG
#undef EXP
#undef LOSS_PASTE2
#undef LOSS_PASTE
#undef LOSS_FN
