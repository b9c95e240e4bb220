/* attention_float.inc.c -- blocks of attention scores for T, float or double; rows are dense, one below the other. */
enum { FN(ATTEND) = 16 };

static T FN(top_score)(int64_t n, const T *x) {
    T lane[FN(ATTEND)];
    for (int k = 0; k < FN(ATTEND); k++) lane[k] = -(T)INFINITY;
    int64_t i = 0;
    for (; i + FN(ATTEND) <= n; i += FN(ATTEND))
        SIMD for (int k = 0; k < FN(ATTEND); k++) lane[k] = x[i + k] > lane[k] || x[i + k] != x[i + k] ? x[i + k] : lane[k];
    for (int k = 0; i < n; i++, k++) lane[k] = x[i] > lane[k] || x[i] != x[i] ? x[i] : lane[k];
    for (int w = FN(ATTEND) / 2; w; w /= 2)
        for (int k = 0; k < w; k++) lane[k] = lane[k + w] > lane[k] || lane[k + w] != lane[k + w] ? lane[k + w] : lane[k];
    return lane[0];
}

/* x = exp(x - top); the sum of it. */
static T FN(exp_scores)(int64_t n, T *restrict x, T top) {
    T lane[FN(ATTEND)] = {0};
    int64_t i = 0;
    for (; i + FN(ATTEND) <= n; i += FN(ATTEND)) {
        T e[FN(ATTEND)];
        SIMD for (int k = 0; k < FN(ATTEND); k++) lane[k] += e[k] = M(exp)(x[i + k] - top);
        __builtin_memcpy(x + i, e, sizeof e);
    }
    int rest = (int)(n - i);
    if (rest) {
        T e[FN(ATTEND)];
        SIMD for (int k = 0; k < FN(ATTEND); k++) e[k] = M(exp)((k < rest ? x[i + k] : top) - top);
        SIMD for (int k = 0; k < FN(ATTEND); k++) lane[k] += k < rest ? e[k] : 0;
        __builtin_memcpy(x + i, e, (size_t)rest * sizeof *e);
    }
    for (int w = FN(ATTEND) / 2; w; w /= 2)
        for (int k = 0; k < w; k++) lane[k] += lane[k + w];
    return lane[0];
}

static inline void FN(add_mask)(const Attend *a, int64_t row, int64_t n, T *score) {
    const T *mask = (const T *)a->mask + row * a->mask_row;
    int64_t step = a->mask_col;
    if (step == 1) { SIMD for (int64_t j = 0; j < n; j++) score[j] += mask[j]; }
    else for (int64_t j = 0; j < n; j++) score[j] += mask[j * step];
}

static inline int64_t FN(seen_by)(const Attend *a, int64_t row) {
    int64_t n = a->causal ? a->first + row + 1 : a->columns;
    return n < 0 ? 0 : n < a->columns ? n : a->columns;
}

/* Scores become exp(score - top), top the largest score of the row so far; what was summed and put out before is to be multiplied
 * by `fade`. */
static void FN(attend)(const Attend *a, void *scores, void *top_, void *sum_, void *fade_) {
    T *score = (T *)scores, *top = (T *)top_, *sum = (T *)sum_, *fade = (T *)fade_;
    for (int64_t r = 0; r < a->rows; r++, score += a->columns) {
        int64_t n = FN(seen_by)(a, r);
        if (a->mask) FN(add_mask)(a, r, n, score);
        T high = n > 0 ? FN(top_score)(n, score) : -(T)INFINITY;
        high = top[r] > high || top[r] != top[r] ? top[r] : high;
        fade[r] = top[r] == high ? 1 : top[r] == -(T)INFINITY ? 0 : M(exp)(top[r] - high);
        if (n > 0 && high == -(T)INFINITY) __builtin_memset(score, 0, (size_t)n * sizeof(T));
        else if (n > 0) sum[r] = sum[r] * fade[r] + FN(exp_scores)(n, score, high);
        top[r] = high;
        __builtin_memset(score + n, 0, (size_t)(a->columns - n) * sizeof(T));
        if (a->noise) {
            const T *noise = (const T *)a->noise + r * a->noise_row;
            SIMD for (int64_t j = 0; j < n; j++) score[j] *= noise[j];
        }
    }
}

static void FN(scale_rows)(int64_t rows, int64_t n, void *data, int64_t stride, const void *factor_) {
    T *x = (T *)data;
    const T *factor = (const T *)factor_;
    for (int64_t r = 0; r < rows; r++, x += stride) {
        T by = factor[r];
        if (by != 1) { SIMD for (int64_t j = 0; j < n; j++) x[j] *= by; }
    }
}

/* From scores and the slopes of the weights: the weights (as they were multiplied) and the slopes of the scores. */
static void FN(attend_grad)(const Attend *a, void *scores, void *slopes, const void *lse_, const void *delta_) {
    T *restrict score = (T *)scores, *restrict slope = (T *)slopes;
    const T *lse = (const T *)lse_, *delta = (const T *)delta_;
    for (int64_t r = 0; r < a->rows; r++, score += a->columns, slope += a->columns) {
        int64_t n = FN(seen_by)(a, r);
        T less = lse[r], mean = delta[r];
        if (a->mask) FN(add_mask)(a, r, n, score);
        if (a->noise) {
            const T *restrict noise = (const T *)a->noise + r * a->noise_row;
            SIMD for (int64_t j = 0; j < n; j++) {
                T weight = M(exp)(score[j] - less), kept = weight * noise[j];
                score[j] = kept;
                slope[j] = kept * slope[j] - weight * mean;
            }
        } else {
            SIMD for (int64_t j = 0; j < n; j++) {
                T weight = M(exp)(score[j] - less);
                score[j] = weight;
                slope[j] = weight * (slope[j] - mean);
            }
        }
        __builtin_memset(score + n, 0, (size_t)(a->columns - n) * sizeof(T));
        __builtin_memset(slope + n, 0, (size_t)(a->columns - n) * sizeof(T));
    }
}
#undef T
#undef TAG
#undef NAMESPACE
