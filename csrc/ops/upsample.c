/* upsample.c -- images resized: nearest, linear and cubic, with or without a filter that widens as the image shrinks.
 *
 * Resizing is separable.  Along each dim every target place is a weighted sum of a few source places, said by a table; one dim is
 * done after the other, a plane at a time.  The adjoint walks the same tables the other way.  Images of bytes are computed in the
 * fixed point that torch uses for them, rounded after each dim. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum { NEAREST, NEAREST_EXACT, LINEAR, CUBIC, LINEAR_AA, CUBIC_AA } Mode;

typedef struct Taps {           /* target i is the sum over j < count[i] of weight[i * most + j] times source index[i * most + j] */
    int64_t in, out, most, *count, *index;
    double *weight;
    bool same;                  /* nothing changes along this dim */
} Taps;

/* ---- where a target comes from --------------------------------------------------------------------------------------------- */

static bool room_for(Taps *t, int64_t in, int64_t out, int64_t most) {
    int64_t bytes;
    *t = (Taps){.in = in, .out = out, .most = most};
    if (!rl_mul_size(out, 8 * (2 * most + 1), &bytes)) return rl_fail_memory(INT64_MAX);
    t->count = rl_scope_bytes(bytes);
    if (!t->count) return false;
    t->index = t->count + out;
    t->weight = (double *)(t->index + out * most);
    return true;
}

static double source_scale(Mode mode, int64_t in, int64_t out, bool align, double given, bool single) {
    double scale = mode >= LINEAR && align ? (out > 1 ? (double)(in - 1) / (double)(out - 1) : 0) : given > 0 ? 1 / given : (double)in / (double)out;
    if (single && mode >= LINEAR && align && out > 1) return (float)(in - 1) / (float)(out - 1);
    if (single && !(given > 0)) return mode >= LINEAR && align ? scale : (float)in / (float)out;
    return single ? (double)(float)scale : scale;
}

static int64_t within(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* In images torch lets sizes that stay, or double, decide whatever the scale says that led to them. */
static bool whole_steps(Taps *t) {
    int64_t times = t->in ? t->out / t->in : 0;
    if (t->out != times * t->in || times < 1 || times > 2) return false;
    for (int64_t i = 0; i < t->out; i++) t->count[i] = 1, t->index[i] = i / times, t->weight[i] = 1;
    return true;
}

static void nearest_taps(Taps *t, Mode mode, double scale, bool image) {
    if (image && mode == NEAREST && whole_steps(t)) return;
    for (int64_t i = 0; i < t->out; i++) {
        float at = mode == NEAREST ? (float)i * (float)scale : ((float)i + 0.5f) * (float)scale;
        t->count[i] = 1;
        t->index[i] = within((int64_t)floorf(at), t->in);
        t->weight[i] = 1;
    }
}

static double source_place(int64_t i, double scale, bool align, bool single) {
    if (single) return align ? (double)((float)scale * (float)i) : (double)((float)scale * ((float)i + 0.5f) - 0.5f);
    return align ? scale * (double)i : scale * ((double)i + 0.5) - 0.5;
}

static void linear_taps(Taps *t, double scale, bool align, bool single) {
    for (int64_t i = 0; i < t->out; i++) {
        double at = source_place(i, scale, align, single);
        if (!(at > 0)) at = 0;
        int64_t low = within((int64_t)at, t->in);
        double up = at - (double)low;
        up = up < 0 ? 0 : up > 1 ? 1 : up;
        t->count[i] = 2;
        t->index[2 * i] = low;
        t->index[2 * i + 1] = within(low + 1, t->in);
        t->weight[2 * i + 1] = up;
        t->weight[2 * i] = single ? (double)(1.0f - (float)up) : 1 - up;
    }
}

static double cubic_near(double x, double a) { return ((a + 2) * x - (a + 3)) * x * x + 1; }
static double cubic_far(double x, double a) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; }

static void cubic_taps(Taps *t, double scale, bool align, bool single) {
    const double a = -0.75;
    for (int64_t i = 0; i < t->out; i++) {
        double at = source_place(i, scale, align, single), low = floor(at), x = at - low;
        double w[4] = {cubic_far(x + 1, a), cubic_near(x, a), cubic_near(1 - x, a), cubic_far(2 - x, a)};
        t->count[i] = 4;
        for (int k = 0; k < 4; k++) {
            t->index[4 * i + k] = within((int64_t)low - 1 + k, t->in);
            t->weight[4 * i + k] = w[k];
        }
    }
}

static double filter(bool cubic, double x) {
    const double a = -0.5;
    x = fabs(x);
    if (!cubic) return x < 1 ? 1 - x : 0;
    return x < 1 ? cubic_near(x, a) : x < 2 ? cubic_far(x, a) : 0;
}

/* The source places within reach of a filter that grows with the reduction, weights scaled to sum to one. */
static bool filter_taps(Taps *t, int64_t in, int64_t out, double scale, bool cubic) {
    double support = (cubic ? 2 : 1) * (scale >= 1 ? scale : 1), shrink = scale >= 1 ? 1 / scale : 1;
    if (support > 1e15) return rl_fail_memory(INT64_MAX);
    if (!room_for(t, in, out, (int64_t)ceil(support) * 2 + 1)) return false;
    for (int64_t i = 0; i < out; i++) {
        double center = scale * ((double)i + 0.5), total = 0;
        int64_t first = (int64_t)(center - support + 0.5), last = (int64_t)(center + support + 0.5);
        first = first < 0 ? 0 : first;
        last = last > in ? in : last;
        int64_t n = last - first < t->most ? last - first : t->most;
        t->count[i] = n < 0 ? 0 : n;
        for (int64_t j = 0; j < n; j++) total += t->weight[i * t->most + j] = filter(cubic, ((double)(j + first) - center + 0.5) * shrink);
        for (int64_t j = 0; j < n; j++) {
            t->index[i * t->most + j] = first + j;
            if (total != 0) t->weight[i * t->most + j] /= total;
        }
    }
    return true;
}

/* Neighbours beyond the edge count for the one at the edge. */
static void merge_taps(Taps *t) {
    for (int64_t i = 0; i < t->out; i++) {
        int64_t *at = t->index + i * t->most, n = 0;
        double *weight = t->weight + i * t->most;
        for (int64_t j = 0; j < t->count[i]; j++) {
            if (n && at[n - 1] == at[j]) weight[n - 1] += weight[j];
            else at[n] = at[j], weight[n++] = weight[j];
        }
        t->count[i] = n;
    }
}

static bool make_taps(Taps *t, Mode mode, int64_t in, int64_t out, bool align, double given, Dtype dtype, bool image) {
    bool bytes = dtype == RL_UINT8, single = dtype == RL_FLOAT32;
    double scale = source_scale(mode, in, out, align, given, single && mode < LINEAR_AA);
    if (mode >= LINEAR_AA) {
        if (!filter_taps(t, in, out, scale, mode == CUBIC_AA)) return false;
    } else {
        if (!room_for(t, in, out, mode < LINEAR ? 1 : mode == LINEAR ? 2 : 4)) return false;
        if (mode < LINEAR) nearest_taps(t, mode, scale, image);
        else if (mode == LINEAR) linear_taps(t, scale, align, single);
        else cubic_taps(t, scale, align, single);
        if (bytes && mode >= LINEAR) merge_taps(t);
    }
    t->same = in == out && (scale == 1 || (mode < LINEAR && !(given > 0)) || (image && mode == NEAREST));
    return true;
}

/* ---- one dim of one plane: x[outer][in][inner] -> y[outer][out][inner], or back, adding ---------------------------------------------- */

#define ALONG(T, name)                                                                                                                                       \
    static void along_##name(const Taps *t, int64_t outer, int64_t inner, const T *restrict x, T *restrict y) {                                             \
        for (int64_t o = 0; o < outer; o++, x += t->in * inner)                                                                                              \
            for (int64_t i = 0; i < t->out; i++, y += inner) {                                                                                               \
                const int64_t *at = t->index + i * t->most, n = t->count[i];                                                                                 \
                const double *weight = t->weight + i * t->most;                                                                                              \
                if (inner == 1) {                                                                                                                            \
                    T sum = 0;                                                                                                                               \
                    for (int64_t j = 0; j < n; j++) sum += (T)weight[j] * x[at[j]];                                                                          \
                    *y = sum;                                                                                                                                \
                    continue;                                                                                                                                \
                }                                                                                                                                            \
                for (int64_t j = 0; j < n; j++) {                                                                                                            \
                    const T *line = x + at[j] * inner, w = (T)weight[j];                                                                                     \
                    if (j == 0) for (int64_t k = 0; k < inner; k++) y[k] = w * line[k];                                                                      \
                    else for (int64_t k = 0; k < inner; k++) y[k] += w * line[k];                                                                            \
                }                                                                                                                                            \
                if (n == 0) memset(y, 0, (size_t)inner * sizeof *y);                                                                                         \
            }                                                                                                                                                \
    }                                                                                                                                                        \
    static void back_##name(const Taps *t, int64_t outer, int64_t inner, const T *restrict y, T *restrict x) {                                              \
        memset(x, 0, (size_t)(outer * t->in * inner) * sizeof *x);                                                                                           \
        for (int64_t o = 0; o < outer; o++, x += t->in * inner)                                                                                              \
            for (int64_t i = 0; i < t->out; i++, y += inner)                                                                                                 \
                for (int64_t j = 0; j < t->count[i]; j++) {                                                                                                  \
                    T *line = x + t->index[i * t->most + j] * inner, w = (T)t->weight[i * t->most + j];                                                      \
                    for (int64_t k = 0; k < inner; k++) line[k] += w * y[k];                                                                                 \
                }                                                                                                                                            \
    }
ALONG(float, f32) ALONG(double, f64)
#undef ALONG

/* Bytes: weights in 16 bits with as many places as the largest allows, the sum rounded to nearest. */
static void along_bytes(const Taps *t, int64_t outer, int64_t inner, const uint8_t *x, uint8_t *y) {
    double largest = 0;
    for (int64_t i = 0; i < t->out; i++)
        for (int64_t j = 0; j < t->count[i]; j++) largest = t->weight[i * t->most + j] > largest ? t->weight[i * t->most + j] : largest;
    int places = 0;
    while (places < 22 && (int64_t)(0.5 + largest * (double)(1 << (places + 1))) < 1 << 15) places++;
    for (int64_t o = 0; o < outer; o++, x += t->in * inner)
        for (int64_t i = 0; i < t->out; i++)
            for (int64_t k = 0; k < inner; k++, y++) {
                int64_t sum = places ? 1 << (places - 1) : 0;
                for (int64_t j = 0; j < t->count[i]; j++) {
                    double w = t->weight[i * t->most + j] * (double)(1 << places);
                    sum += (int64_t)(int32_t)(w < 0 ? w - 0.5 : w + 0.5) * x[t->index[i * t->most + j] * inner + k];
                }
                sum >>= places;
                *y = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
            }
}

/* ---- planes -------------------------------------------------------------------------------------------------------------------------- */

typedef struct Work {
    Taps taps[3];
    int n;
    Dtype dtype;
    bool back, fixed;           /* fixed: bytes with weights */
    int64_t in, out, most;      /* elements of a plane before, after and at its largest */
    const char *x;
    char *y, *scratch;
} Work;

static void one_dim(const Work *w, const Taps *t, int64_t outer, int64_t inner, const char *x, char *y) {
    if (w->fixed) along_bytes(t, outer, inner, (const uint8_t *)x, (uint8_t *)y);
    else if (w->dtype == RL_FLOAT32) (w->back ? back_f32 : along_f32)(t, outer, inner, (const float *)x, (float *)y);
    else (w->back ? back_f64 : along_f64)(t, outer, inner, (const double *)x, (double *)y);
}

/* The dims that change, in turn: sizes holds the plane as it is so far. */
static void one_plane(const Work *w, const char *x, char *y, char *scratch) {
    int64_t sizes[3], bytes = rl_dtype_bytes(w->dtype);
    int order[3], passes = 0;
    for (int d = 0; d < w->n; d++) sizes[d] = w->back ? w->taps[d].out : w->taps[d].in;
    for (int i = 0; i < w->n; i++) {
        int d = w->back || w->fixed ? w->n - 1 - i : i;
        if (!w->taps[d].same) order[passes++] = d;
    }
    if (!passes) memcpy(y, x, (size_t)(w->out * bytes));
    for (int i = 0; i < passes; i++) {
        int64_t outer = 1, inner = 1;
        for (int d = 0; d < order[i]; d++) outer *= sizes[d];
        for (int d = order[i] + 1; d < w->n; d++) inner *= sizes[d];
        char *to = i == passes - 1 ? y : scratch + (i & 1) * w->most * bytes;
        one_dim(w, &w->taps[order[i]], outer, inner, x, to);
        sizes[order[i]] = w->back ? w->taps[order[i]].in : w->taps[order[i]].out;
        x = to;
    }
}

static void plane_range(int64_t begin, int64_t end, void *state) {
    const Work *w = state;
    int64_t bytes = rl_dtype_bytes(w->dtype);
    char *scratch = w->scratch + rl_thread_number() * 2 * w->most * bytes;
    if (w->n == 1 && !w->taps[0].same) one_dim(w, &w->taps[0], end - begin, 1, w->x + begin * w->in * bytes, w->y + begin * w->out * bytes);
    else for (; begin < end; begin++) one_plane(w, w->x + begin * w->in * bytes, w->y + begin * w->out * bytes, scratch);
}

/* dense [N, C, *from] -> [N, C, *to] */
static bool run(Work *w, Tensor *x, Tensor *y) {
    w->in = w->out = w->most = 1;
    for (int d = 0; d < w->n; d++) {
        int64_t a = w->taps[d].in, b = w->taps[d].out;
        w->in *= w->back ? b : a;
        w->out *= w->back ? a : b;
        if (!rl_mul_size(w->most, a > b ? a : b, &w->most)) return rl_fail_memory(INT64_MAX);
    }
    int64_t bytes;
    if (!rl_mul_size(w->most, 2 * rl_threads() * rl_dtype_bytes(w->dtype), &bytes)) return rl_fail_memory(INT64_MAX);
    w->scratch = w->n > 1 ? rl_scope_bytes(bytes) : rl_scope_bytes(8);
    if (!w->scratch) return false;
    w->x = rl_data(x);
    w->y = rl_data(y);
    return y->numel == 0 || rl_parallel_for(x->shape[0] * x->shape[1], 1 + 20000 / (w->most + 1), plane_range, w);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------------------- */

/* Op.data: mode, Op.data2: spatial dims.  Arguments: input, output_size, [align_corners], a scale per dim. */
static bool aligned(const Call *c) { return c->op->data >= LINEAR && c->arg[2].b; }
static double given_scale(const Call *c, int d) {
    const Arg *a = &c->arg[2 + (c->op->data >= LINEAR) + d];
    return a->tag == A_NONE ? 0 : a_double(a);
}

static bool sizes_fit(Call *c, Tensor *x, const int64_t *in, const Arg *size) {
    int n = c->op->data2;
    if (size->n != n) return rl_fail(RL_RUNTIME_ERROR, "It is expected output_size equals to %d, but got size %d", n, size->n);
    if (x->ndim != n + 2) return rl_fail(RL_RUNTIME_ERROR, "It is expected input_size equals to %d, but got size %d: %s of shape %s", n + 2, x->ndim, c->op->parsed->name, rl_text_shape(x));
    for (int d = 0; d < n; d++)
        if (in[d] <= 0 || size->ints[d] <= 0 || size->ints[d] > INT32_MAX)
            return rl_fail(RL_RUNTIME_ERROR, "Input and output sizes should be greater than 0, but got input %s output %s", rl_text_sizes(n, in), rl_text_sizes(n, size->ints));
    return x->shape[1] != 0 || rl_fail(RL_RUNTIME_ERROR, "Non-empty %dD data tensor expected but got a tensor with sizes %s", n + 2, rl_text_shape(x));
}

static Dtype work_dtype(Call *c, Dtype d) {
    if (d == RL_FLOAT64 || d == RL_FLOAT32) return d;
    if (rl_dtype_is(d, CLASS_HALF)) return RL_FLOAT32;
    if (d == RL_UINT8 && (c->op->data < LINEAR || c->op->data2 == 2)) return c->op->data < LINEAR ? RL_FLOAT32 : RL_UINT8;
    rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[d].word);
    return RL_NO_DTYPE;
}

static bool prepare(Call *c, Work *w, const int64_t *in, const int64_t *out, Dtype dtype) {
    w->n = c->op->data2;
    w->dtype = dtype;
    w->fixed = dtype == RL_UINT8;
    for (int d = 0; d < w->n; d++)
        if (!make_taps(&w->taps[d], c->op->data, in[d], out[d], aligned(c), given_scale(c, d), dtype, w->n == 2)) return false;
    return true;
}

static Tensor *upsample_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int n = c->op->data2;
    Work w = {0};
    if (!sizes_fit(c, x, x->ndim == n + 2 ? x->shape + 2 : x->shape, &c->arg[1])) return NULL;
    Dtype dtype = work_dtype(c, x->dtype);
    if (dtype == RL_NO_DTYPE || !prepare(c, &w, x->shape + 2, c->arg[1].ints, dtype)) return NULL;
    int64_t shape[5] = {x->shape[0], x->shape[1]};
    memcpy(shape + 2, c->arg[1].ints, (size_t)n * sizeof *shape);
    Tensor *dense = rl_contiguous(rl_cast(x, dtype)), *y = rl_empty(n + 2, shape, dtype);
    return dense && y && run(&w, dense, y) ? rl_channels_last_as(rl_cast(y, x->dtype), x) : NULL;
}

/* The row's number among its family, the sizes before, alignment and scales: what its adjoint needs. */
static void upsample_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    double scales[3];
    for (int d = 0; d < c->op->data2; d++) scales[d] = given_scale(c, d);
    dx[0] = rl_do("_upsample_back", a_t(g[0]), a_ints(m->ndim - 2, m->shape + 2), a_i(c->op->data), a_b(aligned(c)), a_floats(c->op->data2, scales));
}

static Op *row_of(int mode, int n);

/* Argument lists of the row whose adjoint this is. */
static void row_arguments(const Call *c, Tensor *x, const int64_t *size, int n, Arg *args) {
    int k = 0, mode = (int)c->arg[2].i;
    args[k++] = a_maybe(x);
    args[k++] = a_ints(n, size);
    if (mode >= LINEAR) args[k++] = a_b(c->arg[3].b);
    for (int d = 0; d < n; d++) args[k++] = c->arg[4].floats[d] > 0 ? a_f(c->arg[4].floats[d]) : a_none();
}

static Tensor *upsample_back_forward(Call *c) {
    Tensor *g = c->arg[0].tensor;
    int n = c->arg[1].n;
    Op *row = n >= 1 && c->arg[2].i >= NEAREST && c->arg[2].i <= CUBIC_AA ? row_of((int)c->arg[2].i, n) : NULL;
    if (!row || c->arg[4].n != n || g->ndim != n + 2) return rl_fail(RL_RUNTIME_ERROR, "_upsample_back(): a gradient of shape %s for an image of %s", rl_text_shape(g), rl_text_sizes(n, c->arg[1].ints));
    Arg args[RL_MAX_ARGS];
    Work w = {.back = true};
    row_arguments(c, NULL, g->shape + 2, n, args);
    Call as_row = {.op = row, .arg = args};
    Arg out = a_ints(n, g->shape + 2);
    if (!sizes_fit(&as_row, g, c->arg[1].ints, &out)) return NULL;
    for (int d = 0; d < n; d++)
        if (c->arg[1].ints[d] > INT32_MAX) return rl_fail_memory(INT64_MAX);
    Dtype dtype = rl_dtype_is(g->dtype, CLASS_HALF) ? RL_FLOAT32 : g->dtype;
    if (!prepare(&as_row, &w, c->arg[1].ints, g->shape + 2, dtype)) return NULL;
    int64_t shape[5] = {g->shape[0], g->shape[1]};
    memcpy(shape + 2, c->arg[1].ints, (size_t)n * sizeof *shape);
    Tensor *dense = rl_contiguous(rl_cast(g, dtype)), *x = rl_empty(n + 2, shape, dtype);
    return dense && x && run(&w, dense, x) ? rl_channels_last_as(rl_cast(x, g->dtype), g) : NULL;
}

static void upsample_back_vjp(Call *c, Tensor **g, Tensor **dx) {
    Arg args[RL_MAX_ARGS];
    int n = c->arg[1].n;
    const Meta *m = rl_meta(c, 0);
    row_arguments(c, g[0], m->shape + 2, n, args);
    dx[0] = rl_apply(row_of((int)c->arg[2].i, n), args);
}

#define SCALES1 "scales: float | None = None) -> Tensor"
#define SCALES2 "scales_h: float | None = None, scales_w: float | None = None) -> Tensor"
#define SCALES3 "scales_d: float | None = None, scales_h: float | None = None, scales_w: float | None = None) -> Tensor"
#define IMAGE1 "x(2, 3, 5)"
#define IMAGE2 "x(2, 3, 5, 4)"
#define IMAGE3 "x(1, 2, 3, 4, 3)"
#define TARGET1 "[7]"
#define TARGET2 "[3, 9]"
#define TARGET3 "[4, 2, 5]"
#define ROW(name, node_, mode, n, word)                                                                                                                      \
    {                                                                                                                                                        \
        .sig = name "(input: Tensor, output_size: list[int], " SCALES##n, .where = NN, .forward = upsample_forward, .vjp = upsample_vjp, .data = mode, .data2 = n, .node = node_, \
        .samples = IMAGE##n ", " TARGET##n "; " IMAGE##n ", " TARGET##n ", 1.5",                                                                            \
        .doc = "An image of " #n " spatial dim(s) resized, each target taking the " word " source.\n\n>>> rl._C._nn." name "(rl.ones(1, 1, " ONES##n "), " TARGET##n ").max()\ntensor(1.)", \
    }
#define SMOOTH(name, node_, mode, n, word)                                                                                                                   \
    {                                                                                                                                                        \
        .sig = name "(input: Tensor, output_size: list[int], align_corners: bool, " SCALES##n, .where = NN, .forward = upsample_forward, .vjp = upsample_vjp, .data = mode, .data2 = n, .node = node_, \
        .samples = IMAGE##n ", " TARGET##n ", False; " IMAGE##n ", " TARGET##n ", True; " IMAGE##n ", " TARGET##n ", False, 1.5",                          \
        .doc = "An image of " #n " spatial dim(s) resized, " word ".\n\n>>> rl._C._nn." name "(rl.ones(1, 1, " ONES##n "), " TARGET##n ", True).mean().round()\ntensor(1.)", \
    }
#define ONES1 "2"
#define ONES2 "2, 2"
#define ONES3 "2, 2, 2"

/* ---- torch's function, its sizes and factors given per dim ------------------------------------------------------------------------------------------------------- */

enum { AREA = -1 };
typedef struct Resampling { const char *name; int kind, with_antialias, dims /* that it needs; 0: any */; } Resampling;
static const Resampling modes[] = {{"nearest", NEAREST, 0, 0}, {"nearest-exact", NEAREST_EXACT, 0, 0}, {"linear", LINEAR, 0, 1}, {"bilinear", LINEAR, LINEAR_AA, 2},
                             {"trilinear", LINEAR, 0, 3}, {"bicubic", CUBIC, CUBIC_AA, 2}, {"area", AREA, 0, 0}};

/* The mode called so, if its options and the number of dims go with it. */
static const Resampling *mode_of(const char *name, int n, bool align, bool antialias) {
    const Resampling *m = modes;
    while (m < modes + RL_COUNT(modes) && strcmp(m->name, name)) m++;
    bool known = m < modes + RL_COUNT(modes);
    if (align && known && (m->kind == AREA || m->kind < LINEAR)) return rl_fail(RL_VALUE_ERROR, "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear");
    if (antialias && known && (!m->with_antialias || n != 2))
        return rl_fail(RL_VALUE_ERROR, "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input, got %s and %d-D", name, n + 2);
    if (known && m->dims && m->kind != CUBIC && n >= 1 && n <= 3 && n != m->dims) return rl_fail(RL_NOT_IMPLEMENTED, "Got %dD input, but %s mode needs %dD input", n + 2, name, m->dims + 2);
    if (!known || n < 1 || n > 3 || (m->dims && n != m->dims))
        return rl_fail(RL_NOT_IMPLEMENTED, "Input Error: Only 3D, 4D and 5D input Tensors supported (got %dD) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got %s)", n + 2, name);
    return m;
}

static bool one_per_dim(Tensor *x, const char *word, int given, const char *shown) {
    if (given == x->ndim - 2) return true;
    rl_fail(RL_VALUE_ERROR, "Input and %s must have the same number of spatial dimensions, but got input with spatial dimensions of %s and %s of %s. Please provide input tensor in "
            "(N, C, d1, d2, ...,dK) format and %s in (o1, o2, ...,oK) format.", word, rl_text_sizes(x->ndim > 2 ? x->ndim - 2 : 0, x->shape + (x->ndim > 2 ? 2 : 0)), word, shown, word);
    return false;
}

/* (input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias) */
static Tensor *interpolate_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const Arg *size = &c->arg[1], *scale = &c->arg[2];
    bool sized = size->tag != A_NONE, again = c->arg[5].tag == A_BOOL && c->arg[5].b;
    int n = x->ndim - 2, k = 0;
    char shown[80];
    if (sized == (scale->tag != A_NONE)) return rl_fail(RL_VALUE_ERROR, sized ? "only one of size or scale_factor should be defined" : "either size or scale_factor should be defined");
    snprintf(shown, sizeof shown, "%d numbers", scale->n);
    if (!one_per_dim(x, sized ? "output size" : "scale_factor", sized ? size->n : scale->n, sized ? rl_text_sizes(size->n, size->ints) : shown)) return NULL;
    const Resampling *m = mode_of(c->arg[3].str, n, c->arg[4].tag != A_NONE, c->arg[6].b);
    if (!m) return NULL;
    if (again && sized) return rl_fail(RL_VALUE_ERROR, "recompute_scale_factor is not meaningful with an explicit size.");
    int64_t target[3];
    for (int d = 0; d < n; d++) target[d] = sized ? size->ints[d] : (int64_t)floor((double)x->shape[d + 2] * scale->floats[d]);
    if (m->kind == AREA) return rl_apply_n(rl_find(n == 1 ? "adaptive_avg_pool1d" : n == 2 ? "adaptive_avg_pool2d" : "adaptive_avg_pool3d"), 2, (Arg[]){a_t(x), a_ints(n, target)});
    Arg args[6] = {a_t(x), a_ints(n, target)};
    k = 2;
    if (m->kind >= LINEAR) args[k++] = a_b(c->arg[4].tag == A_BOOL && c->arg[4].b);
    for (int d = 0; d < n; d++) args[k++] = sized || again ? a_none() : a_f(scale->floats[d]);
    return rl_apply_n(row_of(c->arg[6].b ? m->with_antialias : m->kind, n), k, args);
}

Op rl_upsample_ops[] = {
    {
        .sig = "_interpolate(input: Tensor, size: list[int] | None, scale_factor: list[float] | None, mode: str, align_corners: bool | None, recompute_scale_factor: bool | None, antialias: bool) -> Tensor",
        .where = NN | PRIVATE, .flags = COMPOSITE, .forward = interpolate_forward, .data = -1, .samples = "x(1, 1, 4, 4), None, [2.0, 2.0], 'nearest', None, None, False; x(1, 1, 4), [6], None, 'linear', True, None, False",
        .doc = "nn.functional.interpolate with sizes and factors given per dim.",
    },
    ROW("upsample_nearest1d", "UpsampleNearest1DBackward0", NEAREST, 1, "nearest"), ROW("upsample_nearest2d", "UpsampleNearest2DBackward0", NEAREST, 2, "nearest"),
    ROW("upsample_nearest3d", "UpsampleNearest3DBackward0", NEAREST, 3, "nearest"),
    ROW("_upsample_nearest_exact1d", "UpsampleNearestExact1DBackward0", NEAREST_EXACT, 1, "truly nearest"), ROW("_upsample_nearest_exact2d", "UpsampleNearestExact2DBackward0", NEAREST_EXACT, 2, "truly nearest"),
    ROW("_upsample_nearest_exact3d", "UpsampleNearestExact3DBackward0", NEAREST_EXACT, 3, "truly nearest"),
    SMOOTH("upsample_linear1d", "UpsampleLinear1DBackward0", LINEAR, 1, "linearly between neighbours"), SMOOTH("upsample_bilinear2d", "UpsampleBilinear2DBackward0", LINEAR, 2, "linearly between neighbours"),
    SMOOTH("upsample_trilinear3d", "UpsampleTrilinear3DBackward0", LINEAR, 3, "linearly between neighbours"), SMOOTH("upsample_bicubic2d", "UpsampleBicubic2DBackward0", CUBIC, 2, "by cubics through four neighbours"),
    SMOOTH("_upsample_bilinear2d_aa", "UpsampleBilinear2DAaBackward0", LINEAR_AA, 2, "by triangles as wide as the reduction"), SMOOTH("_upsample_bicubic2d_aa", "UpsampleBicubic2DAaBackward0", CUBIC_AA, 2, "by cubics as wide as the reduction"),
    {
        .sig = "_upsample_back(grad: Tensor, size: list[int], mode: int, align_corners: bool, scales: list[float]) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOATING,
        .forward = upsample_back_forward, .vjp = upsample_back_vjp, .samples = "x(2, 3, 4), [6], 0, False, [0.0]; x(2, 3, 4, 5), [6, 3], 3, True, [0.0, 0.0]; x(1, 2, 3, 3), [5, 7], 4, False, [0.0, 0.0]",
        .doc = "The adjoint of resizing: mode counts nearest, nearest exact, linear, cubic, and the last two with a widening filter.\n\n"
               ">>> rl._C._ops._upsample_back(rl.ones(1, 1, 4), [2], 0, False, [0.0])\ntensor([[[2., 2.]]])",
    },
    {0},
};

static Op *row_of(int mode, int n) {
    for (Op *op = rl_upsample_ops; op->sig; op++)
        if (op->data == mode && op->data2 == n) return op;
    return NULL;
}
