/* optim_steps.inc.c -- optimizer steps, one pass over memory each, for the dtype at hand: T, named TAG, with SQRT, FMA
 * and an infinity HUGE_T.
 *
 * Operands: the parameter, its running state, the gradient last; all are read and written at the same index.  The order of
 * operations is torch's for one tensor at a time, and multiplications and additions are fused where torch fuses them, so that on
 * machines that can the results are torch's to the last bit.  A step knows nothing of time: corrections that depend on the step
 * count arrive ready made in the spec. */

#define STEP_PASTE2(name, tag) step_##name##_##tag
#define STEP_PASTE(name, tag) STEP_PASTE2(name, tag)
#define STEP_FN(name) STEP_PASTE(name, TAG)
#define STEP_ARGS int64_t n, const StepSpec *s, T *restrict p, T *restrict a, T *restrict b, T *restrict c, const T *restrict g
#define STEP_COMMON const T sign = s->maximize ? -1 : 1, decay = (T)s->decay, shrink = (T)s->shrink, rate = (T)-s->rate, eps = (T)s->eps
#define STEP_MEANS const T take = (T)s->take, keep2 = (T)s->keep2, take2 = (T)s->take2, root = (T)s->root, inverse __attribute__((unused)) = 1 / root

/* The gradient as the step sees it: turned round for climbing, with the pull of the weight decay towards zero. */
static inline T STEP_FN(slope)(T p, T g, T sign, T decay) {
    g *= sign;
    return decay != 0 ? FMA(decay, p, g) : g;
}

/* m moved by w towards g.  The two forms agree on paper; each is exact at its own end. */
static inline T STEP_FN(lerp)(T m, T g, T w) {
    return w < (T)0.5 ? FMA(w, g - m, m) : FMA(w - 1, g - m, g);
}

/* x / y as the divider rounds it, from 1 / y: two more multiplications are cheaper than a second division for each element.
 * (Markstein's correction; an infinite quotient has nothing to correct.) */
static inline T STEP_FN(quotient)(T x, T y, T inverse) {
#ifdef VM_FMA
    T q = x * inverse, corrected = FMA(FMA(-q, y, x), inverse, q);
    return q < HUGE_T ? corrected : q;
#else
    return x / y;
#endif
}

static void STEP_FN(sgd)(STEP_ARGS) {
    const T sign = s->maximize ? -1 : 1, decay = (T)s->decay, rate = (T)-s->rate;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) p[i] = FMA(rate, STEP_FN(slope)(p[i], g[i], sign, decay), p[i]);
}

/* a: the buffer. */
static void STEP_FN(momentum)(STEP_ARGS) {
    const T sign = s->maximize ? -1 : 1, decay = (T)s->decay, rate = (T)-s->rate, keep = (T)s->keep, take = (T)s->take;
    const bool ahead = s->variant;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T d = STEP_FN(slope)(p[i], g[i], sign, decay), buffer = FMA(take, d, a[i] * keep);
        a[i] = buffer;
        p[i] = FMA(rate, ahead ? FMA(keep, buffer, d) : buffer, p[i]);
    }
}

/* a: the mean, b: the mean square, here and below. */
static void STEP_FN(adam)(STEP_ARGS) {
    STEP_COMMON;
    STEP_MEANS;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay);
        T mean = STEP_FN(lerp)(a[i], d, take), square = FMA(take2 * d, d, b[i] * keep2);
        a[i] = mean;
        b[i] = square;
        p[i] = x + rate * mean / (STEP_FN(quotient)(SQRT(square), root, inverse) + eps);
    }
}

/* c: the largest mean square so far; NaN stays. */
static void STEP_FN(amsgrad)(STEP_ARGS) {
    STEP_COMMON;
    STEP_MEANS;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay);
        T mean = STEP_FN(lerp)(a[i], d, take), square = FMA(take2 * d, d, b[i] * keep2);
        T most = c[i] >= square || c[i] != c[i] ? c[i] : square;
        a[i] = mean;
        b[i] = square;
        c[i] = most;
        p[i] = x + rate * mean / (STEP_FN(quotient)(SQRT(most), root, inverse) + eps);
    }
}

/* rate2 scales the mean, rate the gradient; root is not yet a root. */
static void STEP_FN(nadam)(STEP_ARGS) {
    STEP_COMMON;
    STEP_MEANS;
    const T then = (T)-s->rate2;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay);
        T mean = STEP_FN(lerp)(a[i], d, take), square = FMA(take2 * d, d, b[i] * keep2);
        T below = SQRT(STEP_FN(quotient)(square, root, inverse)) + eps;
        a[i] = mean;
        b[i] = square;
        p[i] = x + rate * d / below + then * mean / below;
    }
}

/* whole undoes the mean's start from zero; the variant divides by the root too, and scales by the rectification rate2. */
static void STEP_FN(radam)(STEP_ARGS) {
    STEP_COMMON;
    const T take = (T)s->take, keep2 = (T)s->keep2, take2 = (T)s->take2, root = (T)s->root;
    const T rectified = (T)s->rate2, whole = (T)s->whole;
    const T plain = s->variant ? 0 : 1;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay);
        T mean = STEP_FN(lerp)(a[i], d, take), square = FMA(take2 * d, d, b[i] * keep2), update = mean / whole * rate;
        T adapted = update * (root / (SQRT(square) + eps)) * rectified;
        a[i] = mean;
        b[i] = square;
        p[i] = x + (plain != 0 ? update : adapted);
    }
}

/* b: the largest gradient, fading. */
static void STEP_FN(adamax)(STEP_ARGS) {
    STEP_COMMON;
    const T take = (T)s->take, keep2 = (T)s->keep2;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay), mean = STEP_FN(lerp)(a[i], d, take);
        T old = b[i] * keep2, size = (d < 0 ? -d : d) + eps, most = old >= size || old != old ? old : size;
        a[i] = mean;
        b[i] = most;
        p[i] = x + rate * mean / most;
    }
}

/* a: the sum of squares. */
static void STEP_FN(adagrad)(STEP_ARGS) {
    STEP_COMMON;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay), sum = FMA(d, d, a[i]);
        a[i] = sum;
        p[i] = x + rate * d / (SQRT(sum) + eps);
    }
}

/* a: mean square of the gradient, b: of the steps. */
static void STEP_FN(adadelta)(STEP_ARGS) {
    STEP_COMMON;
    const T keep2 = (T)s->keep2, take2 = (T)s->take2;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay), square = FMA(take2 * d, d, a[i] * keep2);
        T delta = SQRT(b[i] + eps) / SQRT(square + eps) * d;
        a[i] = square;
        b[i] = FMA(take2 * delta, delta, b[i] * keep2);
        p[i] = FMA(rate, delta, x);
    }
}

/* a: the mean square, b: the mean that `variant` centers it with. */
static inline T STEP_FN(centered_root)(T *square, T *mean, T d, T keep2, T take2, bool centered) {
    *square = FMA(take2 * d, d, *square * keep2);
    if (!centered) return SQRT(*square);
    *mean = STEP_FN(lerp)(*mean, d, take2);
    return SQRT(FMA(-*mean, *mean, *square));
}

static void STEP_FN(rmsprop)(STEP_ARGS) {
    STEP_COMMON;
    const T keep2 = (T)s->keep2, take2 = (T)s->take2;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay);
        p[i] = x + rate * d / (STEP_FN(centered_root)(&a[i], NULL, d, keep2, take2, false) + eps);
    }
}

static void STEP_FN(rmsprop_centered)(STEP_ARGS) {
    STEP_COMMON;
    const T keep2 = (T)s->keep2, take2 = (T)s->take2;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay);
        p[i] = x + rate * d / (STEP_FN(centered_root)(&a[i], &b[i], d, keep2, take2, true) + eps);
    }
}

/* c: the buffer, in the two forms with momentum. */
static void STEP_FN(rmsprop_momentum)(STEP_ARGS) {
    STEP_COMMON;
    const T keep = (T)s->keep, keep2 = (T)s->keep2, take2 = (T)s->take2;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay);
        T buffer = c[i] * keep + d / (STEP_FN(centered_root)(&a[i], NULL, d, keep2, take2, false) + eps);
        c[i] = buffer;
        p[i] = FMA(rate, buffer, x);
    }
}

static void STEP_FN(rmsprop_both)(STEP_ARGS) {
    STEP_COMMON;
    const T keep = (T)s->keep, keep2 = (T)s->keep2, take2 = (T)s->take2;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {
        T x = p[i] * shrink, d = STEP_FN(slope)(x, g[i], sign, decay);
        T buffer = c[i] * keep + d / (STEP_FN(centered_root)(&a[i], &b[i], d, keep2, take2, true) + eps);
        c[i] = buffer;
        p[i] = FMA(rate, buffer, x);
    }
}

static void (*const STEP_FN(kinds)[STEP_COUNT])(STEP_ARGS) = {
    [STEP_SGD] = STEP_FN(sgd), [STEP_MOMENTUM] = STEP_FN(momentum), [STEP_ADAM] = STEP_FN(adam), [STEP_AMSGRAD] = STEP_FN(amsgrad), [STEP_NADAM] = STEP_FN(nadam),
    [STEP_RADAM] = STEP_FN(radam), [STEP_ADAMAX] = STEP_FN(adamax), [STEP_ADAGRAD] = STEP_FN(adagrad), [STEP_ADADELTA] = STEP_FN(adadelta),
    [STEP_RMSPROP] = STEP_FN(rmsprop), [STEP_RMSPROP_CENTERED] = STEP_FN(rmsprop_centered), [STEP_RMSPROP_MOMENTUM] = STEP_FN(rmsprop_momentum),
    [STEP_RMSPROP_BOTH] = STEP_FN(rmsprop_both),
};

/* Operands that lie densely go in one call; others element by element. */
static void STEP_FN(loop)(int64_t n, char *const *at, const int64_t *stride, const void *extra) {
    const StepSpec *s = extra;
    bool dense = true;
    for (int k = 0; k < STEP_OPERANDS; k++) dense = dense && stride[k] == (int64_t)sizeof(T);
    int64_t pieces = dense ? 1 : n, each = dense ? n : 1;
    for (int64_t i = 0; i < pieces; i++)
        STEP_FN(kinds)[s->kind](each, s, (T *)(at[0] + i * stride[0]), (T *)(at[1] + i * stride[1]), (T *)(at[2] + i * stride[2]),
                           (T *)(at[3] + i * stride[3]), (const T *)(at[4] + i * stride[4]));
}

#undef STEP_ARGS
#undef STEP_COMMON
#undef STEP_MEANS
#undef STEP_FN
#undef STEP_PASTE
#undef STEP_PASTE2
#undef T
#undef TAG
#undef SQRT
#undef FMA
#undef HUGE_T
