/* rows_float.inc.c -- the rows of rows.inc.c for T, float or double. */
enum { FN(LANE) = 32 };

static T FN(dot_line)(int64_t n, const T *a, const T *b) {
    T lane[FN(LANE)] = {0}, total = 0;
    int64_t i = 0;
    for (; i + FN(LANE) <= n; i += FN(LANE))
        SIMD for (int k = 0; k < FN(LANE); k++) lane[k] += a[i + k] * b[i + k];
    for (int k = 0; i < n; i++, k++) lane[k] += a[i] * b[i];
    for (int k = 0; k < FN(LANE); k++) total += lane[k];
    return total;
}

/* y = exp(x - top); the sum of it.  y may be NULL. */
static T FN(exp_line)(int64_t n, T *y, const T *x, T top) {
    T lane[FN(LANE)] = {0}, total = 0;
    int64_t i = 0;
    for (; i + FN(LANE) <= n; i += FN(LANE)) {
        T e[FN(LANE)];
        SIMD for (int k = 0; k < FN(LANE); k++) lane[k] += e[k] = M(exp)(x[i + k] - top);
        if (y) __builtin_memcpy(y + i, e, sizeof e);
    }
    T e[FN(LANE)];
    int rest = (int)(n - i);
    SIMD for (int k = 0; k < rest; k++) lane[k] += e[k] = M(exp)(x[i + k] - top);
    if (y && rest) __builtin_memcpy(y + i, e, (size_t)rest * sizeof *e);
    for (int k = 0; k < FN(LANE); k++) total += lane[k];
    return total;
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

static void FN(softmax)(LOOP_ARGS) {
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
    if (!FN(contiguous)(3, stride)) {
        FN(log_softmax_grad_chunks)(n, p, stride, PLAIN);
        return;
    }
    T *dx = (T *)p[0];
    const T *g = (const T *)p[1], *y = (const T *)p[2];
    T sum = (T)FN(sum_line)(n, g, NULL);
    SIMD for (int64_t i = 0; i < n; i++) dx[i] = g[i] - M(exp)(y[i]) * sum;
}
#undef PLAIN
#undef EACH_CHUNK
#undef T
#undef TAG
#undef NAMESPACE
