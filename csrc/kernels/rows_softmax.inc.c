/* rows_softmax.inc.c -- one line in, one line out, for the dtype at hand: T, its EXP, its name TAG.
 *
 * Subtracting the maximum changes nothing on paper and keeps EXP from overflowing.  A line that is not dense is gathered, piece by
 * piece, into a buffer on the stack: vectors want their elements side by side. */

#define ROWS_PASTE2(name, tag) name##_##tag
#define ROWS_PASTE(name, tag) ROWS_PASTE2(name, tag)
#define ROWS_FN(name) ROWS_PASTE(name, TAG)
#define ROWS_LOOP(i, n) _Pragma("omp simd") for (int64_t i = 0; i < (n); i++)
enum { ROWS_FN(ROWS_PIECE) = 1024 };

/* Elements from..to-1 of a line, side by side: where they are, or gathered into room. */
static const T *ROWS_FN(rows_get)(const char *line, int64_t stride, int64_t from, int64_t to, T *room) {
    if (stride == (int64_t)sizeof(T)) return (const T *)line + from;
    for (int64_t i = from; i < to; i++) room[i - from] = *(const T *)(line + i * stride);
    return room;
}

static void ROWS_FN(rows_put)(char *line, int64_t stride, int64_t from, int64_t to, const T *room) {
    for (int64_t i = from; i < to; i++) *(T *)(line + i * stride) = room[i - from];
}

#define ROWS_PIECES(from, to) for (int64_t from = 0, to; to = from + ROWS_FN(ROWS_PIECE) < n ? from + ROWS_FN(ROWS_PIECE) : n, from < n; from = to)

/* NaN if there is one. */
static T ROWS_FN(rows_top)(int64_t n, const char *x, int64_t stride) {
    T room[ROWS_FN(ROWS_PIECE)], top = -INFINITY;
    bool broken = false;
    ROWS_PIECES(from, to) {
        const T *restrict v = ROWS_FN(rows_get)(x, stride, from, to, room);
        T most = -INFINITY;
        int odd = 0;
        _Pragma("omp simd reduction(max : most) reduction(| : odd)") for (int64_t i = 0; i < to - from; i++) {
            most = v[i] > most ? v[i] : most;
            odd |= v[i] != v[i];
        }
        top = most > top ? most : top;
        broken |= odd;
    }
    return broken ? NAN : top;
}

static void ROWS_FN(row_softmax)(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    T room[ROWS_FN(ROWS_PIECE)], made[ROWS_FN(ROWS_PIECE)];
    const T top = ROWS_FN(rows_top)(n, p[1], stride[1]);
    double all = 0;
    bool dense = stride[0] == (int64_t)sizeof(T);
    ROWS_PIECES(from, to) {
        const T *v = ROWS_FN(rows_get)(p[1], stride[1], from, to, room);
        T *restrict y = dense ? (T *)p[0] + from : made, part = 0;
        _Pragma("omp simd reduction(+ : part)") for (int64_t i = 0; i < to - from; i++) {
            y[i] = EXP(v[i] - top);
            part += y[i];
        }
        all += part;
        if (!dense) ROWS_FN(rows_put)(p[0], stride[0], from, to, made);
    }
    const T scale = (T)(1 / all);
    if (dense) ROWS_LOOP(i, n) ((T *)p[0])[i] *= scale;
    else for (int64_t i = 0; i < n; i++) *(T *)(p[0] + i * stride[0]) *= scale;
}

static void ROWS_FN(row_log_softmax)(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    T room[ROWS_FN(ROWS_PIECE)], made[ROWS_FN(ROWS_PIECE)];
    const T top = ROWS_FN(rows_top)(n, p[1], stride[1]);
    double all = 0;
    ROWS_PIECES(from, to) {
        const T *restrict v = ROWS_FN(rows_get)(p[1], stride[1], from, to, room);
        T part = 0;
        _Pragma("omp simd reduction(+ : part)") for (int64_t i = 0; i < to - from; i++) part += EXP(v[i] - top);
        all += part;
    }
    const T log_sum = (T)log(all);
    bool dense = stride[0] == (int64_t)sizeof(T);
    ROWS_PIECES(from, to) {
        const T *v = ROWS_FN(rows_get)(p[1], stride[1], from, to, room);
        T *y = dense ? (T *)p[0] + from : made;
        ROWS_LOOP(i, to - from) y[i] = v[i] - top - log_sum;
        if (!dense) ROWS_FN(rows_put)(p[0], stride[0], from, to, made);
    }
}

/* dx = y (g - sum of g y) */
static void ROWS_FN(row_softmax_grad)(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    T room_g[ROWS_FN(ROWS_PIECE)], room_y[ROWS_FN(ROWS_PIECE)], made[ROWS_FN(ROWS_PIECE)];
    double all = 0;
    bool dense = stride[0] == (int64_t)sizeof(T);
    ROWS_PIECES(from, to) {
        const T *restrict g = ROWS_FN(rows_get)(p[1], stride[1], from, to, room_g), *restrict y = ROWS_FN(rows_get)(p[2], stride[2], from, to, room_y);
        T part = 0;
        _Pragma("omp simd reduction(+ : part)") for (int64_t i = 0; i < to - from; i++) part += g[i] * y[i];
        all += part;
    }
    const T sum = (T)all;
    ROWS_PIECES(from, to) {
        const T *g = ROWS_FN(rows_get)(p[1], stride[1], from, to, room_g), *y = ROWS_FN(rows_get)(p[2], stride[2], from, to, room_y);
        T *dx = dense ? (T *)p[0] + from : made;
        ROWS_LOOP(i, to - from) dx[i] = y[i] * (g[i] - sum);
        if (!dense) ROWS_FN(rows_put)(p[0], stride[0], from, to, made);
    }
}

/* dx = g - exp(y) sum of g */
static void ROWS_FN(row_log_softmax_grad)(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    T room_g[ROWS_FN(ROWS_PIECE)], room_y[ROWS_FN(ROWS_PIECE)], made[ROWS_FN(ROWS_PIECE)];
    double all = 0;
    bool dense = stride[0] == (int64_t)sizeof(T);
    ROWS_PIECES(from, to) {
        const T *restrict g = ROWS_FN(rows_get)(p[1], stride[1], from, to, room_g);
        T part = 0;
        _Pragma("omp simd reduction(+ : part)") for (int64_t i = 0; i < to - from; i++) part += g[i];
        all += part;
    }
    const T sum = (T)all;
    ROWS_PIECES(from, to) {
        const T *g = ROWS_FN(rows_get)(p[1], stride[1], from, to, room_g), *y = ROWS_FN(rows_get)(p[2], stride[2], from, to, room_y);
        T *dx = dense ? (T *)p[0] + from : made;
        ROWS_LOOP(i, to - from) dx[i] = g[i] - EXP(y[i]) * sum;
        if (!dense) ROWS_FN(rows_put)(p[0], stride[0], from, to, made);
    }
}

static LoopFn *const ROWS_FN(row_table)[ROW_COUNT] = {
    [ROW_SOFTMAX] = ROWS_FN(row_softmax), [ROW_LOG_SOFTMAX] = ROWS_FN(row_log_softmax),
    [ROW_SOFTMAX_GRAD] = ROWS_FN(row_softmax_grad), [ROW_LOG_SOFTMAX_GRAD] = ROWS_FN(row_log_softmax_grad),
};

#undef T
#undef TAG
#undef EXP
#undef ROWS_PASTE2
#undef ROWS_PASTE
#undef ROWS_FN
#undef ROWS_LOOP
#undef ROWS_PIECES
