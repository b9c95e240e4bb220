/* pointwise.inc.c -- loops over the lists of unary.def, activation.def, special.def, binary.def and ternary.def.
 *
 * Each function and dtype has one block: a plain loop over contiguous memory, which the compiler vectorises.  Everything else
 * (strides, a scalar operand, half precision) is done here once for all: pieces of CHUNK elements are gathered into a buffer,
 * run through the block, and scattered.  A half is widened to float on the way in and rounded once on the way out. */
enum { CHUNK = 256 };

typedef void Block1(int64_t n, void *y, const void *x, const double *p);
typedef void Block2(int64_t n, void *y, const void *a, const void *b, const double *p);
typedef void Block3(int64_t n, void *y, const void *a, const void *b, const void *c, const double *p);
typedef void BlockGrad(int64_t n, void *dx, const void *g, const void *x, const void *y, const double *p);

typedef struct Bytes16 { uint64_t part[2]; } Bytes16;

#define SIMD _Pragma("omp simd")
/* Every second, third or fourth element of memory is what vectors can pick apart. */
#define GATHER_EVERY(T, k) SIMD for (int64_t i = 0; i < n; i++) to[i] = from[k * i]
#define GATHER(T) \
    do { \
        T *to = buffer; \
        const T *from = (const T *)p; \
        if (stride == 2 * (int64_t)sizeof(T)) GATHER_EVERY(T, 2); \
        else if (stride == 3 * (int64_t)sizeof(T)) GATHER_EVERY(T, 3); \
        else if (stride == 4 * (int64_t)sizeof(T)) GATHER_EVERY(T, 4); \
        else if (stride == 0) { const T one = *from; SIMD for (int64_t i = 0; i < n; i++) to[i] = one; } \
        else for (int64_t i = 0; i < n; i++) to[i] = *(const T *)(p + i * stride); \
    } while (0)
#define FILL(T) \
    do { \
        const T one = *(const T *)value; \
        T *to = (T *)p; \
        if (stride == sizeof(T)) SIMD for (int64_t i = 0; i < n; i++) to[i] = one; \
        else for (int64_t i = 0; i < n; i++) *(T *)(p + i * stride) = one; \
    } while (0)
#define SCATTER(T) do { const T *from = buffer; for (int64_t i = 0; i < n; i++) *(T *)(p + i * stride) = from[i]; } while (0)

static void gather(int64_t n, void *buffer, const char *p, int64_t stride, int bytes) {
    switch (bytes) {
    case 1: GATHER(uint8_t); break;
    case 2: GATHER(uint16_t); break;
    case 4: GATHER(uint32_t); break;
    case 8: GATHER(uint64_t); break;
    default: GATHER(Bytes16);
    }
}

/* The same value n times. */
static void fill(int64_t n, const void *value, char *p, int64_t stride, int bytes) {
    switch (bytes) {
    case 1: FILL(uint8_t); break;
    case 2: FILL(uint16_t); break;
    case 4: FILL(uint32_t); break;
    case 8: FILL(uint64_t); break;
    default: FILL(Bytes16);
    }
}

static void scatter(int64_t n, const void *buffer, char *p, int64_t stride, int bytes) {
    switch (bytes) {
    case 1: SCATTER(uint8_t); break;
    case 2: SCATTER(uint16_t); break;
    case 4: SCATTER(uint32_t); break;
    case 8: SCATTER(uint64_t); break;
    default: SCATTER(Bytes16);
    }
}

/* ---- half precision ------------------------------------------------------------------------------------------------- */

VM float half_to_float(uint16_t h) {
    uint32_t w = (uint32_t)h << 16, sign = w & 0x80000000u, two = w + w;
    float normal = f32_from((int32_t)((two >> 4) + 0x70000000u)) * 0x1p-112f;      /* exponent rebased; inf and NaN come out right */
    float small = f32_from((int32_t)((two >> 17) | 0x3f000000u)) - 0.5f;           /* subnormal halves */
    return f32_from((int32_t)(sign | (uint32_t)f32_bits(two < 0x08000000u ? small : normal)));
}

VM uint16_t half_from_float(float f) {
    float base = (f32_abs(f) * 0x1p+112f) * 0x1p-110f;
    uint32_t w = (uint32_t)f32_bits(f), two = w + w, sign = w & 0x80000000u, bias = two & 0xff000000u;
    bias = bias < 0x71000000u ? 0x71000000u : bias;
    base = f32_from((int32_t)((bias >> 1) + 0x07800000u)) + base;                  /* rounds to 10 bits of fraction */
    uint32_t bits = (uint32_t)f32_bits(base), result = ((bits >> 13) & 0x7c00u) + (bits & 0x0fffu);
    return (uint16_t)((sign >> 16) | (two > 0xff000000u ? 0x7e00u : result));
}

VM float bfloat_to_float(uint16_t h) { return f32_from((int32_t)((uint32_t)h << 16)); }

VM uint16_t bfloat_from_float(float f) {
    uint32_t w = (uint32_t)f32_bits(f), up = (w + 0x7fffu + ((w >> 16) & 1)) >> 16;
    return (uint16_t)(f == f ? up : 0x7fc0u);
}

typedef enum { HALF, BFLOAT } HalfKind;

static void widen(int64_t n, float *y, const char *p, int64_t stride, HalfKind kind) {
    uint16_t buffer[CHUNK];
    const uint16_t *x = (const uint16_t *)p;
    if (stride != 2) {
        gather(n, buffer, p, stride, 2);
        x = buffer;
    }
    if (kind == HALF) SIMD for (int64_t i = 0; i < n; i++) y[i] = half_to_float(x[i]);
    else SIMD for (int64_t i = 0; i < n; i++) y[i] = bfloat_to_float(x[i]);
}

static void narrow(int64_t n, const float *x, char *p, int64_t stride, HalfKind kind) {
    uint16_t buffer[CHUNK], *y = stride == 2 ? (uint16_t *)p : buffer;
    if (kind == HALF) SIMD for (int64_t i = 0; i < n; i++) y[i] = half_from_float(x[i]);
    else SIMD for (int64_t i = 0; i < n; i++) y[i] = bfloat_from_float(x[i]);
    if (stride != 2) scatter(n, buffer, p, stride, 2);
}

/* ---- runs of any stride, through blocks --------------------------------------------------------------------------------- */

/* What a loop knows about its operands: bytes per element (all inputs alike), and whether they are halves. */
typedef struct Kinds { int in, out; int half; HalfKind kind; } Kinds;

/* The next m elements of an operand as contiguous memory: in place if they are, else in the buffer. */
static inline const void *fetch(int64_t m, void *buffer, const char *p, int64_t stride, const Kinds *k) {
    if (k->half) widen(m, buffer, p, stride, k->kind);
    else if (stride == k->in) return p;
    else gather(m, buffer, p, stride, k->in);
    return buffer;
}

static inline void deliver(int64_t m, const void *buffer, char *p, int64_t stride, const Kinds *k) {
    if (k->half && k->out == 2) narrow(m, buffer, p, stride, k->kind);
    else scatter(m, buffer, p, stride, k->out);
}

static inline bool direct_out(const Kinds *k, int64_t stride) { return stride == k->out && !(k->half && k->out == 2); }

#define ROOM(name, count) char name[(count) * 16] __attribute__((aligned(64)))

static void run1(int64_t n, char *const *p, const int64_t *stride, const void *extra, Block1 *block, Kinds k) {
    if (__builtin_expect(!k.half && stride[0] == k.out && stride[1] == k.in, 1)) {
        block(n, p[0], p[1], extra);
        return;
    }
    ROOM(in, CHUNK);
    ROOM(out, CHUNK);
    const void *x = NULL;
    if (stride[1] == 0 && n > 1) {   /* one input for all, as of expanded tensors: one result */
        char result[16] __attribute__((aligned(16)));
        block(1, out, fetch(1, in, p[1], 0, &k), extra);
        deliver(1, out, result, k.out, &k);
        fill(n, result, p[0], stride[0], k.out);
        return;
    }
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        char *y = p[0] + i * stride[0];
        bool direct = direct_out(&k, stride[0]);
        x = fetch(m, in, p[1] + i * stride[1], stride[1], &k);
        block(m, direct ? y : out, x, extra);
        if (!direct) deliver(m, out, y, stride[0], &k);
    }
}

/* dx, g, x, y: gradients of unary functions. */
static void run_grad(int64_t n, char *const *p, const int64_t *stride, const void *extra, BlockGrad *block, Kinds k) {
    ROOM(room_g, CHUNK);
    ROOM(room_x, CHUNK);
    ROOM(room_y, CHUNK);
    ROOM(out, CHUNK);
    const void *g = NULL, *x = NULL, *y = NULL;
    bool direct = direct_out(&k, stride[0]);
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        char *dx = p[0] + i * stride[0];
        if (stride[1] || i == 0) g = fetch(m, room_g, p[1] + i * stride[1], stride[1], &k);
        if (stride[2] || i == 0) x = fetch(m, room_x, p[2] + i * stride[2], stride[2], &k);
        if (p[3] == p[2] && stride[3] == stride[2]) y = x;
        else if (stride[3] || i == 0) y = fetch(m, room_y, p[3] + i * stride[3], stride[3], &k);
        block(m, direct ? dx : out, g, x, y, extra);
        if (!direct) deliver(m, out, dx, stride[0], &k);
    }
}

static void run2(int64_t n, char *const *p, const int64_t *stride, const void *extra, Block2 *block, Kinds k) {
    if (__builtin_expect(!k.half && stride[0] == k.out && stride[1] == k.in && stride[2] == k.in, 1)) {
        block(n, p[0], p[1], p[2], extra);
        return;
    }
    ROOM(room_a, CHUNK);
    ROOM(room_b, CHUNK);
    ROOM(out, CHUNK);
    const void *a = NULL, *b = NULL;
    bool direct = direct_out(&k, stride[0]);
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        char *y = p[0] + i * stride[0];
        if (stride[1] || i == 0) a = fetch(m, room_a, p[1] + i * stride[1], stride[1], &k);
        if (stride[2] || i == 0) b = fetch(m, room_b, p[2] + i * stride[2], stride[2], &k);
        block(m, direct ? y : out, a, b, extra);
        if (!direct) deliver(m, out, y, stride[0], &k);
    }
}

static void run3(int64_t n, char *const *p, const int64_t *stride, const void *extra, Block3 *block, Kinds k) {
    ROOM(room_a, CHUNK);
    ROOM(room_b, CHUNK);
    ROOM(room_c, CHUNK);
    ROOM(out, CHUNK);
    const void *a = NULL, *b = NULL, *c = NULL;
    bool direct = direct_out(&k, stride[0]);
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        char *y = p[0] + i * stride[0];
        if (stride[1] || i == 0) a = fetch(m, room_a, p[1] + i * stride[1], stride[1], &k);
        if (stride[2] || i == 0) b = fetch(m, room_b, p[2] + i * stride[2], stride[2], &k);
        if (stride[3] || i == 0) c = fetch(m, room_c, p[3] + i * stride[3], stride[3], &k);
        block(m, direct ? y : out, a, b, c, extra);
        if (!direct) deliver(m, out, y, stride[0], &k);
    }
}

/* ---- floats that vector forms do not take; quotients that are large -------------------------------------------------------------- */

/* What vmath.h and vspecial.h refuse the double block does, which is libm's or special.c's: one by one, so that an element's neighbours
 * decide nothing about it. */
typedef enum { NOTHING, LARGE, LEFT, LARGE_OR_LEFT, FAR_LEFT } Hard;
VM bool is_hard(float x, Hard hard) {
    if (hard == NOTHING) return false;
    if (hard == FAR_LEFT) return x < -5;
    return (hard != LEFT && f32_abs(x) >= MID_TRIG_LIMIT) | (hard != LARGE && x <= 0);
}

VM bool any_hard(int64_t n, const float *x, Hard hard) {
    int found = 0;
    _Pragma("omp simd reduction(| : found)") for (int64_t i = 0; i < n; i++) found |= is_hard(x[i], hard);
    return found;
}

typedef void FewFn(int64_t n, float *to, const float *from);
typedef bool AnyFn(int64_t n, const float *x);
typedef void FewGradFn(int64_t n, float *to, const float *g, const float *from);
typedef void PairFn(int64_t n, float *to, const float *a, const float *b);

VM void in_pieces(int64_t n, float *y, const float *x, FewFn *few, FewFn *near, AnyFn *any_beyond, Block1 *exact, Hard hard) {
    float kept[CHUNK];   /* y may be x */
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        bool some = any_hard(m, x + i, hard);
        if (some) __builtin_memcpy(kept, x + i, sizeof(float) * (size_t)m);
        if (near && !any_beyond(m, x + i)) near(m, y + i, x + i);
        else few(m, y + i, x + i);
        for (int64_t j = 0; some && j < m; j++) {
            if (!is_hard(kept[j], hard)) continue;
            double wide = kept[j], result;
            exact(1, &result, &wide, NULL);
            y[i + j] = (float)result;
        }
    }
}

VM void in_pieces_grad(int64_t n, float *dx, const float *g, const float *x, FewGradFn *few, BlockGrad *exact, Hard hard) {
    float kept[CHUNK], kept_g[CHUNK];
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        bool some = any_hard(m, x + i, hard);
        if (some) __builtin_memcpy(kept, x + i, sizeof(float) * (size_t)m), __builtin_memcpy(kept_g, g + i, sizeof(float) * (size_t)m);
        few(m, dx + i, g + i, x + i);
        for (int64_t j = 0; some && j < m; j++) {
            if (!is_hard(kept[j], hard)) continue;
            double wide = kept[j], wide_g = kept_g[j], result;
            exact(1, &result, &wide_g, &wide, &wide, NULL);
            dx[i + j] = (float)result;
        }
    }
}

/* Both give the same where both are right. */
static void by_quotient(int64_t n, float *y, const float *a, const float *b, PairFn *near, PairFn *far) {
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        int large = 0;
        _Pragma("omp simd reduction(| : large)") for (int64_t j = 0; j < m; j++) large |= !f32_near(a[i + j], b[i + j]);
        (large ? far : near)(m, y + i, a + i, b + i);
    }
}

typedef void RecurFn(int64_t n, float *to, const float *x, int degree);
typedef float OneFn(float x, float degree);

/* Elements of one degree together; other than small whole degrees one by one. */
static void by_degree(int64_t n, float *y, const float *x, const float *degree, RecurFn *recur, OneFn *one) {
    for (int64_t i = 0, m; i < n; i += m) {
        bool small = degree[i] >= 0 && degree[i] <= 64;
        for (m = 1; small && m < CHUNK && i + m < n && degree[i + m] == degree[i];) m++;
        if (small) recur(m, y + i, x + i, (int)degree[i]);
        else y[i] = one(x[i], degree[i]);
    }
}

/* ---- rows become loops -------------------------------------------------------------------------------------------------------- */

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)
#define FN(name) CAT(name, TAG)         /* add_f32 */
#define M(name) CAT(NAMESPACE, name)    /* f32_exp */
#define P(k) p##k
#define NUMBERS const NUMBER p0 = p ? (NUMBER)p[0] : 0, p1 = p ? (NUMBER)p[1] : 0, p2 = p ? (NUMBER)p[2] : 0; (void)p0, (void)p1, (void)p2
#define LOOP_ARGS int64_t n, char *const *p, const int64_t *stride, const void *extra

/* A block and the loop around it.  R is the type written; the block reads x (a, b, c) and writes f. */
#define ONE_TO(R, name, f) \
    static void FN(block_##name)(int64_t n, void *out, const void *in, const double *p) { NUMBERS; R *to = out; const T *from = in; SIMD for (int64_t i = 0; i < n; i++) { const T x = from[i]; to[i] = (R)(f); } } \
    static void FN(loop_##name)(LOOP_ARGS) { run1(n, p, stride, extra, FN(block_##name), (Kinds){sizeof(T), sizeof(R), 0, HALF}); }
#define TWO_TO(R, name, f) \
    static void FN(block2_##name)(int64_t n, void *out, const void *in, const void *in2, const double *p) { NUMBERS; R *to = out; const T *as = in, *bs = in2; SIMD for (int64_t i = 0; i < n; i++) { const T a = as[i], b = bs[i]; to[i] = (R)(f); } } \
    static void FN(loop2_##name)(LOOP_ARGS) { run2(n, p, stride, extra, FN(block2_##name), (Kinds){sizeof(T), sizeof(R), 0, HALF}); }
#define THREE_TO(R, name, f) \
    static void FN(block3_##name)(int64_t n, void *out, const void *in, const void *in2, const void *in3, const double *p) { NUMBERS; R *to = out; const T *as = in, *bs = in2, *cs = in3; SIMD for (int64_t i = 0; i < n; i++) { const T a = as[i], b = bs[i], c = cs[i]; to[i] = (R)(f); } } \
    static void FN(loop3_##name)(LOOP_ARGS) { run3(n, p, stride, extra, FN(block3_##name), (Kinds){sizeof(T), sizeof(R), 0, HALF}); }
#define SLOPE_TO(R, name, df, product) \
    static void FN(slope_##name)(int64_t n, void *out, const void *in, const void *in2, const void *in3, const double *p) { NUMBERS; R *to = out; const T *gs = in, *xs = in2, *ys = in3; SIMD for (int64_t i = 0; i < n; i++) { const T x = xs[i], y = ys[i], g = gs[i], slope = (df); (void)x, (void)y; to[i] = product; } } \
    static void FN(grad_##name)(LOOP_ARGS) { run_grad(n, p, stride, extra, FN(slope_##name), (Kinds){sizeof(T), sizeof(R), 0, HALF}); }
#define SKIP(name, f)

#define T double
#define TAG f64
#define NAMESPACE f64
#define K(c) c
#include "pointwise_float.inc.c"

#define T float
#define TAG f32
#define NAMESPACE f32
#define K(c) c##f
#define NARROW_TRIG
#include "pointwise_float.inc.c"

#define TAG f16
#define KIND HALF
#include "pointwise_half.inc.c"

#define TAG bf16
#define KIND BFLOAT
#include "pointwise_half.inc.c"

#define T float _Complex
#define REAL float
#define TAG c64
#define NAMESPACE c64
#define K(c) c##f
#include "pointwise_complex.inc.c"

#define T double _Complex
#define REAL double
#define TAG c128
#define NAMESPACE c128
#define K(c) c
#include "pointwise_complex.inc.c"

#define T uint8_t
#define WIDE uint32_t
#define BITS 8
#define TAG u8
#include "pointwise_int.inc.c"

#define T int8_t
#define WIDE uint32_t
#define BITS 8
#define TAG i8
#include "pointwise_int.inc.c"

#define T int16_t
#define WIDE uint32_t
#define BITS 16
#define TAG i16
#include "pointwise_int.inc.c"

#define T int32_t
#define WIDE uint32_t
#define BITS 32
#define TAG i32
#include "pointwise_int.inc.c"

#define T int64_t
#define WIDE uint64_t
#define BITS 64
#define TAG i64
#include "pointwise_int.inc.c"

#include "pointwise_bool.inc.c"

#define BY_DTYPE(name) {name##_b8, name##_u8, name##_i8, name##_i16, name##_i32, name##_i64, name##_f16, name##_bf16, name##_f32, name##_f64, name##_c64, name##_c128, \
    name##_u16, name##_u32, name##_u64}
