/* reduce_int.inc.c -- reductions of one integer type (T); bool is read as uint8. */
#define WHOLE(name, begin, step) \
    static void FN(name##_add)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first, const double *extra) { \
        uint64_t *total = acc; \
        ROOM(room, CHUNK); \
        for (int64_t i = 0, k; m == 1 && i < n; i += k) { \
            uint64_t t = begin; \
            k = n - i < CHUNK ? n - i : CHUNK; \
            const T *from = take(r, k, room, in + i * in_row, in_row); \
            for (int64_t q = 0; q < k; q++) { const uint64_t x = (uint64_t)from[q]; step; } \
            uint64_t x = t; \
            t = total[0]; \
            JOIN_##name; \
            total[0] = t; \
        } \
        for (int64_t i = 0; m > 1 && i < n; i++) \
            for (int64_t j = 0, w; j < m; j += w) { \
                w = m - j < CHUNK ? m - j : CHUNK; \
                const T *from = take(r, w, room, in + j * in_col + i * in_row, in_col); \
                SIMD for (int64_t k = 0; k < w; k++) { const uint64_t x = (uint64_t)from[k]; uint64_t t = total[j + k]; step; total[j + k] = t; } \
            } \
    }
#define JOIN_sum t += x
#define JOIN_count t += x
#define JOIN_prod t *= x
WHOLE(sum, 0, t += x)
WHOLE(count, 0, t += x != 0)
WHOLE(prod, 1, t *= x)

#define BEST FN(Best)
#define BEATS_max(a, b) ((a) > (b))
#define BEATS_min(a, b) ((a) < (b))
#include "extreme.inc.c"

static void FN(best_finish)(FINISH_ARGS) {
    const BEST *best = acc;
    for (int64_t j = 0; j < m; j++) {
        if (out[0]) *(T *)(out[0] + j * out_stride[0]) = best[j].value;
        if (out[1]) *(int64_t *)(out[1] + j * out_stride[1]) = best[j].index;
    }
}

#define ROW(acc, begin, more, join, end) {acc, sizeof(T), 0, 0, 0, begin, more, join, end, NULL}
static const Reduction FN(reduce)[REDUCE_COUNT] = {
    [REDUCE_sum] = ROW(8, sum_init, FN(sum_add), whole_sum_merge, whole_finish),
    [REDUCE_nansum] = ROW(8, sum_init, FN(sum_add), whole_sum_merge, whole_finish),
    [REDUCE_prod] = ROW(8, whole_one, FN(prod_add), whole_prod_merge, whole_finish),
    [REDUCE_max] = ROW(sizeof(BEST), FN(max_init), FN(max_add), FN(max_merge), FN(best_finish)),
    [REDUCE_min] = ROW(sizeof(BEST), FN(max_init), FN(min_add), FN(min_merge), FN(best_finish)),
    [REDUCE_any] = ROW(8, sum_init, FN(count_add), whole_sum_merge, any_finish),
    [REDUCE_all] = ROW(8, sum_init, FN(count_add), whole_sum_merge, all_finish),
    [REDUCE_count] = ROW(8, sum_init, FN(count_add), whole_sum_merge, whole_finish),
};
#undef ROW
#undef WHOLE
#undef JOIN_sum
#undef JOIN_count
#undef JOIN_prod
#undef BEST
#undef BEATS_max
#undef BEATS_min
#undef T
#undef TAG
