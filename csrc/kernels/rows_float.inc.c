/* rows_float.inc.c -- the rows of rows.inc.c for T, float or double. */
enum { FN(LANE) = 32 };

static T FN(dot_line)(int64_t n, const T *a, const T *b) {
    T lane[FN(LANE)] = {0};
    int64_t i = 0;
    for (; i + FN(LANE) <= n; i += FN(LANE))
        SIMD for (int k = 0; k < FN(LANE); k++) lane[k] += a[i + k] * b[i + k];
    SIMD for (int k = 0; k < FEW_SUMS; k++) lane[k] += lane[k + FEW_SUMS];
    for (; i + FEW_SUMS <= n; i += FEW_SUMS)
        SIMD for (int k = 0; k < FEW_SUMS; k++) lane[k] += a[i + k] * b[i + k];
    T rest = 0;
    for (; i < n; i++) rest += a[i] * b[i];
    return (T)(FN(sum_of_lanes)(lane) + (double)rest);
}

/* y = exp(x - top); the sum of it.  y may be NULL. */
static T FN(exp_line)(int64_t n, T *y, const T *x, T top) {
    T lane[FN(LANE)] = {0}, last[FEW_SUMS];
    int64_t i = 0;
    if (n >= FEW_SUMS) __builtin_memcpy(last, x + n - FEW_SUMS, sizeof last);
    for (; i + FN(LANE) <= n; i += FN(LANE)) {
        T e[FN(LANE)];
        SIMD for (int k = 0; k < FN(LANE); k++) lane[k] += e[k] = M(exp)(x[i + k] - top);
        if (y) __builtin_memcpy(y + i, e, sizeof e);
    }
    SIMD for (int k = 0; k < FEW_SUMS; k++) lane[k] += lane[k + FEW_SUMS];
    if (i + FEW_SUMS <= n) {
        T e[FEW_SUMS];
        SIMD for (int k = 0; k < FEW_SUMS; k++) lane[k] += e[k] = M(exp)(x[i + k] - top);
        if (y) __builtin_memcpy(y + i, e, sizeof e);
        i += FEW_SUMS;
    }
    if (i < n) FN(exp_rest)(n, i, y, x, last, top, lane);
    return (T)FN(sum_of_lanes)(lane);
}

/* ---- lines of any stride, in chunks ---- */

typedef struct FN(Chunks) { int64_t n, stride; const char *p; Kinds k; char room[CHUNK * 8]; } FN(Chunks);

static const T *FN(chunk)(FN(Chunks) *c, int64_t i, int64_t m) { return fetch(m, c->room, c->p + i * c->stride, c->stride, &c->k); }
#define EACH_CHUNK for (int64_t i = 0, m; i < n && (m = n - i < CHUNK ? n - i : CHUNK, true); i += m)

static T FN(top_of)(FN(Chunks) *x) {
    int64_t n = x->n;
    T top = -(T)INFINITY;
    EACH_CHUNK {
        T t = FN(max_line)(m, FN(chunk)(x, i, m));
        top = t > top || t != t ? t : top;
    }
    return top;
}

static T FN(sum_of_exps)(FN(Chunks) *x, T top) {
    int64_t n = x->n;
    T sum = 0;
    EACH_CHUNK sum += FN(exp_line)(m, NULL, FN(chunk)(x, i, m), top);
    return sum;
}

static void FN(softmax_chunks)(int64_t n, char *const *p, const int64_t *stride, Kinds k) {
    FN(Chunks) in = {n, stride[1], p[1], k, {0}};
    T room[CHUNK], top = FN(top_of)(&in), scale = 1 / FN(sum_of_exps)(&in, top);
    EACH_CHUNK {
        const T *x = FN(chunk)(&in, i, m);
        SIMD for (int64_t q = 0; q < m; q++) room[q] = M(exp)(x[q] - top) * scale;
        deliver(m, room, p[0] + i * stride[0], stride[0], &k);
    }
}

static void FN(log_softmax_chunks)(int64_t n, char *const *p, const int64_t *stride, Kinds k) {
    FN(Chunks) in = {n, stride[1], p[1], k, {0}};
    T room[CHUNK], top = FN(top_of)(&in), less = M(log)(FN(sum_of_exps)(&in, top));
    EACH_CHUNK {
        const T *x = FN(chunk)(&in, i, m);
        SIMD for (int64_t q = 0; q < m; q++) room[q] = x[q] - top - less;
        deliver(m, room, p[0] + i * stride[0], stride[0], &k);
    }
}

static void FN(softmax_grad_chunks)(int64_t n, char *const *p, const int64_t *stride, Kinds k) {
    FN(Chunks) grad = {n, stride[1], p[1], k, {0}}, out = {n, stride[2], p[2], k, {0}};
    T room[CHUNK], dot = 0;
    EACH_CHUNK dot += FN(dot_line)(m, FN(chunk)(&grad, i, m), FN(chunk)(&out, i, m));
    EACH_CHUNK {
        const T *g = FN(chunk)(&grad, i, m), *y = FN(chunk)(&out, i, m);
        SIMD for (int64_t q = 0; q < m; q++) room[q] = y[q] * (g[q] - dot);
        deliver(m, room, p[0] + i * stride[0], stride[0], &k);
    }
}

static void FN(log_softmax_grad_chunks)(int64_t n, char *const *p, const int64_t *stride, Kinds k) {
    FN(Chunks) grad = {n, stride[1], p[1], k, {0}}, out = {n, stride[2], p[2], k, {0}};
    T room[CHUNK], sum = 0;
    EACH_CHUNK sum += (T)FN(sum_line)(m, FN(chunk)(&grad, i, m), NULL);
    EACH_CHUNK {
        const T *g = FN(chunk)(&grad, i, m), *y = FN(chunk)(&out, i, m);
        SIMD for (int64_t q = 0; q < m; q++) room[q] = g[q] - M(exp)(y[q]) * sum;
        deliver(m, room, p[0] + i * stride[0], stride[0], &k);
    }
}

/* ---- contiguous lines ---- */

#define PLAIN ((Kinds){sizeof(T), sizeof(T), 0, HALF})
static inline bool FN(contiguous)(int n, const int64_t *stride) {
    for (int k = 0; k < n; k++)
        if (stride[k] != sizeof(T)) return false;
    return true;
}

/* ---- lines that lie side by side: a row has one element of each ---- */

enum { FN(WIDE) = 64 };
#define ROW_AT(k, i) ((T *)(p[k] + (i) * stride[k]))
#define FLUSH(sum, part, i) \
    if ((i) % SUM_ROWS == SUM_ROWS - 1 || (i) == n - 1) SIMD for (int64_t q = 0; q < w; q++) sum[q] += (double)part[q], part[q] = 0

static void FN(softmax_beside)(int64_t n, int64_t w, char *const *p, const int64_t *stride, bool is_log) {
    T top[FN(WIDE)], part[FN(WIDE)] = {0}, last[FN(WIDE)];
    double sum[FN(WIDE)] = {0};
    __builtin_memcpy(top, ROW_AT(1, 0), (size_t)w * sizeof(T));
    for (int64_t i = 1; i < n; i++) {
        const T *x = ROW_AT(1, i);
        SIMD for (int64_t q = 0; q < w; q++) top[q] = (x[q] > top[q]) | (x[q] != x[q]) ? x[q] : top[q];
    }
    for (int64_t i = 0; i < n; i++) {
        const T *x = ROW_AT(1, i);
        T *y = ROW_AT(0, i);
        if (is_log) SIMD for (int64_t q = 0; q < w; q++) part[q] += M(exp)(x[q] - top[q]);
        else SIMD for (int64_t q = 0; q < w; q++) { T e = M(exp)(x[q] - top[q]); part[q] += e; y[q] = e; }
        FLUSH(sum, part, i);
    }
    if (is_log) SIMD for (int64_t q = 0; q < w; q++) last[q] = M(log)((T)sum[q]);
    else SIMD for (int64_t q = 0; q < w; q++) last[q] = 1 / (T)sum[q];
    for (int64_t i = 0; i < n; i++) {
        const T *x = ROW_AT(1, i);
        T *y = ROW_AT(0, i);
        if (is_log) SIMD for (int64_t q = 0; q < w; q++) y[q] = x[q] - top[q] - last[q];
        else SIMD for (int64_t q = 0; q < w; q++) y[q] *= last[q];
    }
}

static void FN(softmax_grad_beside)(int64_t n, int64_t w, char *const *p, const int64_t *stride, bool is_log) {
    T part[FN(WIDE)] = {0}, whole[FN(WIDE)];
    double sum[FN(WIDE)] = {0};
    for (int64_t i = 0; i < n; i++) {
        const T *g = ROW_AT(1, i), *y = ROW_AT(2, i);
        if (is_log) SIMD for (int64_t q = 0; q < w; q++) part[q] += g[q];
        else SIMD for (int64_t q = 0; q < w; q++) part[q] += g[q] * y[q];
        FLUSH(sum, part, i);
    }
    SIMD for (int64_t q = 0; q < w; q++) whole[q] = (T)sum[q];
    for (int64_t i = 0; i < n; i++) {
        const T *g = ROW_AT(1, i), *y = ROW_AT(2, i);
        T *dx = ROW_AT(0, i);
        if (is_log) SIMD for (int64_t q = 0; q < w; q++) dx[q] = g[q] - M(exp)(y[q]) * whole[q];
        else SIMD for (int64_t q = 0; q < w; q++) dx[q] = y[q] * (g[q] - whole[q]);
    }
}
#undef ROW_AT
#undef FLUSH

/* Many lines: WIDE of them at a time. */
static void FN(many)(int64_t n, int operands, char *const *p, const int64_t *stride, const int64_t *beside, void (*fn)(int64_t, int64_t, char *const *, const int64_t *, bool), bool is_log) {
    for (int64_t l = 0; l < beside[0]; l += FN(WIDE)) {
        char *at[3];
        for (int k = 0; k < operands; k++) at[k] = p[k] + l * beside[1 + k];
        fn(n, beside[0] - l < FN(WIDE) ? beside[0] - l : FN(WIDE), at, stride, is_log);
    }
}
#define MANY(operands, fn, is_log) \
    if (extra && n) FN(many)(n, operands, p, stride, extra, fn, is_log); \
    if (extra) return

static void FN(softmax)(LOOP_ARGS) {
    MANY(2, FN(softmax_beside), false);
    if (n == 0) return;
    if (!FN(contiguous)(2, stride)) {
        FN(softmax_chunks)(n, p, stride, PLAIN);
        return;
    }
    T *y = (T *)p[0];
    const T *x = (const T *)p[1];
    T scale = 1 / FN(exp_line)(n, y, x, FN(max_line)(n, x));
    SIMD for (int64_t i = 0; i < n; i++) y[i] *= scale;
}

static void FN(log_softmax)(LOOP_ARGS) {
    MANY(2, FN(softmax_beside), true);
    if (n == 0) return;
    if (!FN(contiguous)(2, stride)) {
        FN(log_softmax_chunks)(n, p, stride, PLAIN);
        return;
    }
    T *y = (T *)p[0];
    const T *x = (const T *)p[1];
    T top = FN(max_line)(n, x), less = M(log)(FN(exp_line)(n, NULL, x, top));
    SIMD for (int64_t i = 0; i < n; i++) y[i] = x[i] - top - less;
}

static void FN(softmax_grad)(LOOP_ARGS) {
    MANY(3, FN(softmax_grad_beside), false);
    if (!FN(contiguous)(3, stride)) {
        FN(softmax_grad_chunks)(n, p, stride, PLAIN);
        return;
    }
    T *dx = (T *)p[0];
    const T *g = (const T *)p[1], *y = (const T *)p[2];
    T dot = FN(dot_line)(n, g, y);
    SIMD for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (g[i] - dot);
}

static void FN(log_softmax_grad)(LOOP_ARGS) {
    MANY(3, FN(softmax_grad_beside), true);
    if (!FN(contiguous)(3, stride)) {
        FN(log_softmax_grad_chunks)(n, p, stride, PLAIN);
        return;
    }
    T *dx = (T *)p[0];
    const T *g = (const T *)p[1], *y = (const T *)p[2];
    T sum = (T)FN(sum_line)(n, g, NULL);
    SIMD for (int64_t i = 0; i < n; i++) dx[i] = g[i] - M(exp)(y[i]) * sum;
}
#undef MANY
#undef PLAIN
#undef EACH_CHUNK
#undef T
#undef TAG
#undef NAMESPACE
