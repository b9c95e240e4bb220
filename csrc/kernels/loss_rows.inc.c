/* loss_rows.inc.c -- rows of scores for the dtype at hand: T, its EXP (EXP_BELOW: of what is at most 0), its name TAG. */

#define LOSS_PASTE2(name, tag) name##_##tag
#define LOSS_PASTE(name, tag) LOSS_PASTE2(name, tag)
#define LOSS_FN(name) LOSS_PASTE(name, TAG)

/* log(sum of exp), by way of the maximum so far: when a block holds a larger one, the sum is scaled down to it.  One pass, since a row
 * of many classes does not stay in the cache for a second. */
static double LOSS_FN(logsumexp)(int64_t n, const void *row) {
    enum { BLOCK = 512, LANES_ = 32 };
    const T *restrict x = row;
    T most = -INFINITY, shift = 0, lane[LANES_] = {0}, sum = 0;
    for (int64_t i = 0, m; i < n; i += m, x += m) {
        m = n - i < BLOCK ? n - i : BLOCK;
        T top = x[0];
        _Pragma("omp simd reduction(max : top)") for (int64_t j = 0; j < m; j++) top = x[j] > top ? x[j] : top;
        if (top > most || top != top) {
            const T next = top == -INFINITY || top == INFINITY ? 0 : top, less = EXP(shift - next);
            if (most > -INFINITY) for (int l = 0; l < LANES_; l++) lane[l] *= less;
            most = top, shift = next;
        }
        int64_t j = 0;
        for (; j + LANES_ <= m; j += LANES_) {
            for (int l = 0; l < LANES_; l += 64 / (int)sizeof(T)) __builtin_prefetch(x + 4 * BLOCK + j + l);   /* arrives meanwhile */
            _Pragma("omp simd") for (int l = 0; l < LANES_; l++) lane[l] += EXP_BELOW(x[j + l] - shift);
        }
        for (; j < m; j++) lane[0] += EXP_BELOW(x[j] - shift);
    }
    for (int l = 0; l < LANES_; l++) sum += lane[l];
    return (double)shift + log((double)sum);
}

/* dx = exp(x - lse) * scale, or added to dx; what T rounds off lse goes into the factor.  PAST the cache where all rows together are too
 * large for it. */
static void LOSS_FN(softmax_slope)(int64_t n, const void *row, double lse, double scale, void *slope, SlopeTo to) {
    enum { LINE = 64 / sizeof(T), AHEAD = 4096 / sizeof(T) };
    const T *restrict x = row;
    T *restrict dx = slope;
    const T shift = (T)lse, factor = (T)(scale * exp((double)shift - lse));
    int64_t i = 0;
    if (to == SLOPE_ADD) {
        for (; i + LINE <= n; i += LINE) {
            __builtin_prefetch(x + i + AHEAD);
            __builtin_prefetch(dx + i + AHEAD, 1);
            _Pragma("omp simd") for (int l = 0; l < LINE; l++) dx[i + l] += EXP(x[i + l] - shift) * factor;
        }
        for (; i < n; i++) dx[i] += EXP(x[i] - shift) * factor;
        return;
    }
    if (to == SLOPE_PAST) {
        for (; i < n && (uintptr_t)(dx + i) % 64; i++) dx[i] = EXP(x[i] - shift) * factor;
        for (; i + LINE <= n; i += LINE) {
            T line[LINE];
            __builtin_prefetch(x + i + AHEAD);
            _Pragma("omp simd") for (int l = 0; l < LINE; l++) line[l] = EXP(x[i + l] - shift) * factor;
            write_past(dx + i, line);
        }
        write_past_done();
    }
    _Pragma("omp simd") for (int64_t j = i; j < n; j++) dx[j] = EXP(x[j] - shift) * factor;
}

#undef T
#undef TAG
#undef EXP
#undef EXP_BELOW
#undef LOSS_PASTE2
#undef LOSS_PASTE
#undef LOSS_FN
