/* pool.inc.c -- the largest and the mean of each window of an image; windows are given by where they begin and end. */

#define EACH_WINDOW(r)                                                                                                  \
    for (int64_t od = 0; od < (r)->out[0]; od++)                                                                        \
        for (int64_t oh = 0; oh < (r)->out[1]; oh++)                                                                    \
            for (int64_t ow = 0; ow < (r)->out[2]; ow++)
#define EACH_PLACE(r)                                                                                                   \
    for (int64_t d = (r)->start[0][od]; d < (r)->end[0][od]; d += (r)->step[0])                                         \
        for (int64_t h = (r)->start[1][oh]; h < (r)->end[1][oh]; h += (r)->step[1])                                     \
            for (int64_t w = (r)->start[2][ow]; w < (r)->end[2][ow]; w += (r)->step[2])
#define PLACE(r) ((d * (r)->in[1] + h) * (r)->in[2] + w)
#define PARTS(r) ((r)->divisor ? (r)->divisor : (r)->count[0][od] * (r)->count[1][oh] * (r)->count[2][ow])

#define POOL(T, name)                                                                                                   \
    static void max_pool_##name(const Ranges *r, int64_t planes, const char *image, char *top, int64_t *where) {        \
        const T *x = (const T *)image;                                                                                  \
        T *y = (T *)top;                                                                                                \
        int64_t size = r->in[0] * r->in[1] * r->in[2];                                                                  \
        for (int64_t p = 0; p < planes; p++, x += size)                                                                 \
            EACH_WINDOW(r) {                                                                                            \
                int64_t at = (r->start[0][od] * r->in[1] + r->start[1][oh]) * r->in[2] + r->start[2][ow];               \
                T best = x[at];                                                                                         \
                EACH_PLACE(r) {                                                                                         \
                    T v = x[PLACE(r)];                                                                                  \
                    if (v > best || v != v) best = v, at = PLACE(r);                                                    \
                }                                                                                                       \
                *y++ = best;                                                                                            \
                *where++ = at;                                                                                          \
            }                                                                                                           \
    }                                                                                                                   \
    static void mean_pool_##name(const Ranges *r, int64_t planes, const char *image, char *mean) {                      \
        const T *x = (const T *)image;                                                                                  \
        T *y = (T *)mean;                                                                                               \
        for (int64_t p = 0; p < planes; p++, x += r->in[0] * r->in[1] * r->in[2])                                       \
            EACH_WINDOW(r) {                                                                                            \
                T sum = 0;                                                                                              \
                EACH_PLACE(r) sum += x[PLACE(r)];                                                                       \
                *y++ = sum / (T)PARTS(r);                                                                               \
            }                                                                                                           \
    }                                                                                                                   \
    static void mean_unpool_##name(const Ranges *r, int64_t planes, const char *mean, char *image) {                    \
        T *x = (T *)image;                                                                                              \
        const T *y = (const T *)mean;                                                                                   \
        for (int64_t p = 0; p < planes; p++, x += r->in[0] * r->in[1] * r->in[2])                                       \
            EACH_WINDOW(r) {                                                                                            \
                T share = *y++ / (T)PARTS(r);                                                                           \
                EACH_PLACE(r) x[PLACE(r)] += share;                                                                     \
            }                                                                                                           \
    }
POOL(float, f32) POOL(double, f64) POOL(int64_t, i64)
#undef EACH_WINDOW
#undef EACH_PLACE
#undef PLACE
#undef PARTS
#undef POOL
