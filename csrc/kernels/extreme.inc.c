/* extreme.inc.c -- the largest or smallest element and where it stands first, for a type T with BEATS_max and BEATS_min.
 *
 * A line is searched a chunk at a time: its extreme first, in lanes; only a chunk that improves on the best so far is searched for the place. */
typedef struct BEST { T value; int64_t index; } BEST;   /* index -1: nothing seen */

static void FN(max_init)(const Reduction *r, int64_t m, void *acc, const double *extra) {
    for (int64_t j = 0; j < m; j++) ((BEST *)acc)[j] = (BEST){0, -1};
}

/* Where top, which is there, stands first: blocks of lanes, then the one that has it. */
static int64_t FN(place_of)(int64_t n, const T *x, T top) {
    int64_t i = 0;
    for (int width = SUM_LANES; top == top && width >= FEW_SUMS; width = width == SUM_LANES ? FEW_SUMS : 0)
        for (; i + width <= n; i += width) {
            int hit = 0;
            _Pragma("omp simd reduction(| : hit)") for (int k = 0; k < width; k++) hit |= x[i + k] == top;
            if (hit) break;
        }
    while (!(x[i] == top || (x[i] != x[i] && top != top))) i++;
    return i;
}

#define BETTER(name, a, b) (ORDER_##name(a, b) | ((a) != (a)) ? (a) : (b))   /* NaN once come stays */
#define EXTREME(name) \
    static T FN(name##_line)(int64_t n, const T *x) { \
        T lane[SUM_LANES], best = x[0]; \
        int64_t i = 0; \
        if (n >= FEW_SUMS) { \
            for (int k = 0; k < FEW_SUMS; k++) lane[k] = x[k]; \
            if (n >= SUM_LANES) { \
                for (int k = FEW_SUMS; k < SUM_LANES; k++) lane[k] = x[k]; \
                for (i = SUM_LANES; i + SUM_LANES <= n; i += SUM_LANES) \
                    SIMD for (int k = 0; k < SUM_LANES; k++) lane[k] = BETTER(name, x[i + k], lane[k]); \
                SIMD for (int k = 0; k < SUM_LANES / 2; k++) lane[k] = BETTER(name, lane[k + SUM_LANES / 2], lane[k]); \
                SIMD for (int k = 0; k < SUM_LANES / 4; k++) lane[k] = BETTER(name, lane[k + SUM_LANES / 4], lane[k]); \
            } else i = FEW_SUMS; \
            for (; i + FEW_SUMS <= n; i += FEW_SUMS) \
                SIMD for (int k = 0; k < FEW_SUMS; k++) lane[k] = BETTER(name, x[i + k], lane[k]); \
            int odd = 0;                   /* once there is no NaN one comparison is enough, and no branch */ \
            _Pragma("omp simd reduction(| : odd)") for (int k = 0; k < FEW_SUMS; k++) odd |= lane[k] != lane[k]; \
            for (int k = 0; odd && k < FEW_SUMS; k++) if (lane[k] != lane[k]) return lane[k]; \
            SIMD for (int k = 0; k < 8; k++) lane[k] = ORDER_##name(lane[k + 8], lane[k]) ? lane[k + 8] : lane[k]; \
            SIMD for (int k = 0; k < 4; k++) lane[k] = ORDER_##name(lane[k + 4], lane[k]) ? lane[k + 4] : lane[k]; \
            T left = ORDER_##name(lane[2], lane[0]) ? lane[2] : lane[0], right = ORDER_##name(lane[3], lane[1]) ? lane[3] : lane[1]; \
            best = ORDER_##name(left, right) ? left : right; \
        } \
        for (; i < n; i++) best = BETTER(name, x[i], best); \
        return best; \
    } \
    static void FN(name##_line_join)(BEST *best, int64_t n, const T *x, int64_t first, bool places) { \
        T top = FN(name##_line)(n, x); \
        if (best->index >= 0 && !BEATS_##name(top, best->value)) return; \
        int64_t k = places ? FN(place_of)(n, x, top) : 0; \
        *best = (BEST){places ? x[k] : top, first + k}; \
    } \
    static void FN(name##_columns)(int64_t w, T *restrict value, int64_t *restrict index, const T *x, int64_t row) { \
        SIMD for (int64_t k = 0; k < w; k++) { \
            bool better = (index[k] < 0) | BEATS_##name(x[k], value[k]); \
            value[k] = better ? x[k] : value[k]; \
            index[k] = better ? row : index[k]; \
        } \
    } \
    /* extra: not NULL where only values are asked for, no places. */ \
    static void FN(name##_add)(const Reduction *r, int64_t m, int64_t n, const char *in, int64_t in_col, int64_t in_row, void *acc, int64_t first, const double *extra) { \
        BEST *best = acc; \
        ROOM(room, CHUNK); \
        if (m == 1) { \
            bool plain = !r->half && in_row == sizeof(T); \
            for (int64_t i = 0, k, most = plain ? SUM_LINE : CHUNK; i < n; i += k) { \
                k = n - i < most ? n - i : most; \
                FN(name##_line_join)(best, k, take(r, k, room, in + i * in_row, in_row), first + i, !extra); \
            } \
            return; \
        } \
        for (int64_t j = 0, w; j < m && n; j += w) { \
            w = m - j < SUM_COLUMNS ? m - j : SUM_COLUMNS; \
            T value[SUM_COLUMNS]; \
            int64_t index[SUM_COLUMNS]; \
            for (int64_t k = 0; k < w; k++) value[k] = best[j + k].value, index[k] = best[j + k].index; \
            for (int64_t i = 0; i < n; i++) { \
                const T *x = take(r, w, room, in + j * in_col + i * in_row, in_col); \
                if (index[0] < 0) for (int64_t k = 0; k < w; k++) value[k] = x[k], index[k] = first + i;   /* all are new alike */ \
                else if (extra) SIMD for (int64_t k = 0; k < w; k++) value[k] = BETTER(name, x[k], value[k]); \
                else FN(name##_columns)(w, value, index, x, first + i); \
            } \
            for (int64_t k = 0; k < w; k++) best[j + k] = (BEST){value[k], index[k]}; \
        } \
    } \
    static void FN(name##_merge)(const Reduction *r, int64_t m, void *acc, const void *from, const double *extra) { \
        BEST *a = acc; \
        const BEST *b = from; \
        for (int64_t j = 0; j < m; j++) \
            if (b[j].index >= 0 && (a[j].index < 0 || BEATS_##name(b[j].value, a[j].value))) a[j] = b[j]; \
    }
#define ORDER_max(a, b) ((a) > (b))
#define ORDER_min(a, b) ((a) < (b))
EXTREME(max)
EXTREME(min)
#undef EXTREME
#undef BETTER
#undef ORDER_max
#undef ORDER_min
