/* pool.inc.c -- the largest and the mean of each window of an image; windows are given by where they begin and end.
 *
 * Windows away from the borders are alike: neighbours along the last dim begin a fixed step apart and hold as many places.  Those are
 * taken a row at a time, place by place or pair by pair, which vectorises; the others one by one.  Either way a window's places are met in order.
 * Where nobody asks where a maximum stood, `where` is NULL. */

#define EACH_WINDOW(r)                                                                                                  \
    for (int64_t od = 0; od < (r)->out[0]; od++)                                                                        \
        for (int64_t oh = 0; oh < (r)->out[1]; oh++)                                                                    \
            for (int64_t ow = 0; ow < (r)->out[2]; ow++)
#define EACH_ROW(r)                                                                                                     \
    for (int64_t od = 0; od < (r)->out[0]; od++)                                                                        \
        for (int64_t oh = 0; oh < (r)->out[1]; oh++)
#define EACH_PLACE(r)                                                                                                   \
    for (int64_t d = (r)->start[0][od]; d < (r)->end[0][od]; d += (r)->step[0])                                         \
        for (int64_t h = (r)->start[1][oh]; h < (r)->end[1][oh]; h += (r)->step[1])                                     \
            for (int64_t w = (r)->start[2][ow]; w < (r)->end[2][ow]; w += (r)->step[2])
#define PLACE(r) ((d * (r)->in[1] + h) * (r)->in[2] + w)
#define PARTS(r) ((r)->divisor ? (r)->divisor : (r)->count[0][od] * (r)->count[1][oh] * (r)->count[2][ow])

typedef struct Alike { int64_t first, last, step; } Alike;   /* windows first..last - 1 of the last dim */

static Alike alike_windows(const Ranges *r) {
    int64_t n = r->out[2], middle = n / 2;
    if (n < 4 || r->in[0] * r->in[1] * r->in[2] > INT32_MAX) return (Alike){0, 0, 1};
    const int64_t *start = r->start[2], *end = r->end[2], *count = r->count[2];
    Alike a = {middle, middle + 1, start[middle + 1] - start[middle]};
#define FOLLOWS(i) (start[(i) + 1] - start[i] == a.step && end[(i) + 1] - end[i] == a.step && count[(i) + 1] == count[i])
    while (a.first > 0 && FOLLOWS(a.first - 1)) a.first--;
    while (a.last < n && FOLLOWS(a.last - 1)) a.last++;
#undef FOLLOWS
    return a;
}

/* BODY with `at` as the distance between windows: a constant where that helps. */
#define BY_STEP(step, BODY)                                                                                             \
    do {                                                                                                                \
        if ((step) == 2) { enum { at = 2 }; SIMD for (int64_t i = 0; i < m; i++) { BODY } }                             \
        else if ((step) == 1) { enum { at = 1 }; SIMD for (int64_t i = 0; i < m; i++) { BODY } }                        \
        else { int64_t at = (step); for (int64_t i = 0; i < m; i++) { BODY } }                                          \
    } while (0)

/* EACH_PLACE of windows two apart takes places by pairs: nothing is left out of what is read, which is what vectorises.  `p` points
 * to the first of the two. */
#define EACH_PAIR(T, I, r, step, PAIR, SINGLE)                                                                          \
    for (int64_t d = (r)->start[0][od]; d < (r)->end[0][od]; d += (r)->step[0])                                         \
        for (int64_t h = (r)->start[1][oh]; h < (r)->end[1][oh]; h += (r)->step[1]) {                                   \
            int64_t w = (r)->start[2][ow], end = (r)->end[2][ow];                                                       \
            for (; (step) == 2 && (r)->step[2] == 1 && w + 2 <= end; w += 2) {                                          \
                const T *restrict p = x + PLACE(r);                                                                     \
                I here = (I)(PLACE(r) - from);                                                                          \
                (void)here;                                                                                             \
                SIMD for (int64_t i = 0; i < m; i++) { T v = p[2 * i]; T u = p[2 * i + 1]; PAIR }                       \
            }                                                                                                           \
            for (; w < end; w += (r)->step[2]) {                                                                        \
                const T *restrict p = x + PLACE(r);                                                                     \
                I here = (I)(PLACE(r) - from);                                                                          \
                (void)here;                                                                                             \
                BY_STEP(step, T v = p[i * at]; SINGLE);                                                                 \
            }                                                                                                           \
        }

enum { POOL_ROW = 64 };

/* A window that lies in padding and between dilated places holds none: its maximum is LEAST. */
#define POOL(T, I, name, LEAST)                                                                                         \
    static void max_window_##name(const Ranges *r, const T *x, int64_t od, int64_t oh, int64_t ow, T *y, int64_t *where) { \
        int64_t at = (r->start[0][od] * r->in[1] + r->start[1][oh]) * r->in[2] + r->start[2][ow];                       \
        T best = LEAST;                                                                                                 \
        EACH_PLACE(r) {                                                                                                 \
            T v = x[PLACE(r)];                                                                                          \
            if (v > best || v != v) best = v, at = PLACE(r);                                                            \
        }                                                                                                               \
        *y = best;                                                                                                      \
        if (where) *where = at < r->in[0] * r->in[1] * r->in[2] ? at : 0;                                               \
    }                                                                                                                   \
    /* m windows from ow on, alike; `from` where the first one begins. */                                               \
    static void max_alike_##name(const Ranges *r, const T *x, int64_t od, int64_t oh, int64_t ow, int64_t m, int64_t step, T *restrict y, int64_t *restrict where) { \
        T best[POOL_ROW];                                                                                               \
        I place[POOL_ROW];                                                                                              \
        int64_t from = (r->start[0][od] * r->in[1] + r->start[1][oh]) * r->in[2] + r->start[2][ow];                     \
        for (int64_t i = 0; i < m; i++) best[i] = LEAST, place[i] = 0;                                                  \
        if (!where) {                                                                                                   \
            EACH_PAIR(T, I, r, step, T top = (v > best[i]) | (v != v) ? v : best[i]; best[i] = (u > top) | (u != u) ? u : top;, \
                      best[i] = (v > best[i]) | (v != v) ? v : best[i];)                                                \
            __builtin_memcpy(y, best, (size_t)m * sizeof *y);                                                           \
            return;                                                                                                     \
        }                                                                                                               \
        EACH_PAIR(T, I, r, step,                                                                                        \
                  bool take = (v > best[i]) | (v != v); T top = take ? v : best[i]; I spot = take ? here : place[i];    \
                  bool next = (u > top) | (u != u); best[i] = next ? u : top; place[i] = next ? here + 1 : spot;,       \
                  bool take = (v > best[i]) | (v != v); best[i] = take ? v : best[i]; place[i] = take ? here : place[i];) \
        for (int64_t i = 0; i < m; i++) y[i] = best[i], where[i] = from + i * step + place[i];                          \
    }                                                                                                                   \
    static void max_pool_##name(const Ranges *r, int64_t planes, const char *image, char *top, int64_t *where) {        \
        const T *x = (const T *)image;                                                                                  \
        T *y = (T *)top;                                                                                                \
        int64_t size = r->in[0] * r->in[1] * r->in[2], n = r->out[2];                                                   \
        const Alike a = alike_windows(r);                                                                               \
        for (int64_t p = 0; p < planes; p++, x += size)                                                                 \
            EACH_ROW(r) {                                                                                               \
                for (int64_t ow = 0; ow < n; ow++) {                                                                    \
                    if (ow < a.first || ow >= a.last) {                                                                 \
                        max_window_##name(r, x, od, oh, ow, y + ow, where ? where + ow : NULL);                         \
                        continue;                                                                                       \
                    }                                                                                                   \
                    int64_t m = a.last - ow < POOL_ROW ? a.last - ow : POOL_ROW;                                        \
                    max_alike_##name(r, x, od, oh, ow, m, a.step, y + ow, where ? where + ow : NULL);                   \
                    ow += m - 1;                                                                                        \
                }                                                                                                       \
                y += n;                                                                                                 \
                where += where ? n : 0;                                                                                 \
            }                                                                                                           \
    }                                                                                                                   \
    static void mean_alike_##name(const Ranges *r, const T *x, int64_t od, int64_t oh, int64_t ow, int64_t m, int64_t step, T *restrict y) { \
        T sum[POOL_ROW] = {0}, parts = (T)PARTS(r);                                                                     \
        const int64_t from = 0;                                                                                         \
        EACH_PAIR(T, I, r, step, sum[i] = sum[i] + v + u;, sum[i] += v;)                                                \
        SIMD for (int64_t i = 0; i < m; i++) y[i] = sum[i] / parts;                                                     \
    }                                                                                                                   \
    static void mean_pool_##name(const Ranges *r, int64_t planes, const char *image, char *mean) {                      \
        const T *x = (const T *)image;                                                                                  \
        T *y = (T *)mean;                                                                                               \
        int64_t n = r->out[2];                                                                                          \
        const Alike a = alike_windows(r);                                                                               \
        for (int64_t p = 0; p < planes; p++, x += r->in[0] * r->in[1] * r->in[2])                                       \
            EACH_ROW(r) {                                                                                               \
                for (int64_t ow = 0; ow < n; ow++) {                                                                    \
                    if (ow < a.first || ow >= a.last) {                                                                 \
                        T sum = 0;                                                                                      \
                        EACH_PLACE(r) sum += x[PLACE(r)];                                                               \
                        y[ow] = sum / (T)PARTS(r);                                                                      \
                        continue;                                                                                       \
                    }                                                                                                   \
                    int64_t m = a.last - ow < POOL_ROW ? a.last - ow : POOL_ROW;                                        \
                    mean_alike_##name(r, x, od, oh, ow, m, a.step, y + ow);                                             \
                    ow += m - 1;                                                                                        \
                }                                                                                                       \
                y += n;                                                                                                 \
            }                                                                                                           \
    }                                                                                                                   \
    static void mean_unpool_##name(const Ranges *r, int64_t planes, const char *mean, char *image) {                    \
        T *x = (T *)image;                                                                                              \
        const T *y = (const T *)mean;                                                                                   \
        for (int64_t p = 0; p < planes; p++, x += r->in[0] * r->in[1] * r->in[2])                                       \
            EACH_WINDOW(r) {                                                                                            \
                T share = *y++ / (T)PARTS(r);                                                                           \
                if (r->step[2] == 1) {                                                                                  \
                    int64_t many = r->end[2][ow] - r->start[2][ow];                                                     \
                    for (int64_t d = r->start[0][od]; d < r->end[0][od]; d += r->step[0])                               \
                        for (int64_t h = r->start[1][oh]; h < r->end[1][oh]; h += r->step[1]) {                         \
                            T *line = x + (d * r->in[1] + h) * r->in[2] + r->start[2][ow];                              \
                            SIMD for (int64_t w = 0; w < many; w++) line[w] += share;                                   \
                        }                                                                                               \
                    continue;                                                                                           \
                }                                                                                                       \
                EACH_PLACE(r) x[PLACE(r)] += share;                                                                     \
            }                                                                                                           \
    }
POOL(float, int32_t, f32, -INFINITY) POOL(double, int64_t, f64, -INFINITY) POOL(int64_t, int64_t, i64, INT64_MIN)
#undef EACH_WINDOW
#undef EACH_ROW
#undef EACH_PLACE
#undef PLACE
#undef PARTS
#undef BY_STEP
#undef EACH_PAIR
#undef POOL
