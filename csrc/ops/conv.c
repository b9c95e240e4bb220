/* conv.c -- convolutions of one to three spatial dims, as products of matrices.
 *
 * Three maps are each other's derivatives, so three primitives suffice for any order: y = conv(x, w); the gradient of x,
 * which is the transposed convolution; and the gradient of w.  Floats are convolved where they lie (conv_direct.c); whatever does not
 * suit that becomes columns here, one sample at a time. */
#include "rushlight.h"
#include "kernels/kernels.h"
#include "conv.h"

#include <inttypes.h>
#include <string.h>

static const double ONE[2] = {1, 0}, ZERO[2] = {0, 0};

/* ---- geometry ---------------------------------------------------------------------------------------------------------- */

static bool fill_geometry(Geometry *g, int n, const int64_t *x, const int64_t *w, const Arg *stride, const Arg *pad, const Arg *dilation, int64_t groups) {
    g->batch = x[0];
    g->groups = groups;
    g->in_channels = x[1];
    g->out_channels = w[0];
    g->w.channels = w[1];
    g->image = g->rows = w[1];
    g->columns = 1;
    for (int i = 0, d = n - 3; i < 3; i++, d++) {
        bool real = d >= 0;
        g->w.in[i] = real ? x[2 + d] : 1;
        g->w.size[i] = real ? w[2 + d] : 1;
        g->w.stride[i] = real ? stride->ints[d] : 1;
        g->w.pad[i] = real ? pad->ints[d] : 0;
        g->w.dilation[i] = real ? dilation->ints[d] : 1;
        g->w.out[i] = (g->w.in[i] + 2 * g->w.pad[i] - g->w.dilation[i] * (g->w.size[i] - 1) - 1) / g->w.stride[i] + 1;
        if (!rl_mul_size(g->image, g->w.in[i], &g->image) || !rl_mul_size(g->rows, g->w.size[i], &g->rows) || !rl_mul_size(g->columns, g->w.out[i], &g->columns))
            return rl_fail_memory(INT64_MAX);
    }
    return true;
}

/* Does this output belong to the geometry?  It may stop short of it: a transposed convolution's output_padding can make room
 * for a further place that its input does not have. */
static bool take_output(Geometry *g, const Tensor *y, int n) {
    g->columns = 1;
    for (int i = 0; i < n; i++) {
        if (g->w.out[i + 3 - n] < y->shape[2 + i]) return false;
        g->w.out[i + 3 - n] = y->shape[2 + i];
        g->columns *= y->shape[2 + i];
    }
    return true;
}

/* A window of one place with stride 1 and no padding: the image is its own column buffer. */
static bool is_plain(const Geometry *g) {
    for (int i = 0; i < 3; i++)
        if (g->w.size[i] != 1 || g->w.stride[i] != 1 || g->w.pad[i] || g->w.in[i] != g->w.out[i]) return false;      /* out: a transposed one may be padded */
    return true;
}

static bool check_conv(const char *name, Tensor *x, Tensor *w, const Arg *stride, const Arg *pad, const Arg *dilation, int64_t groups) {
    int n = x->ndim - 2;
    if (n < 1 || n > 3 || w->ndim != x->ndim)
        return rl_fail(RL_RUNTIME_ERROR, "%s(): expected an input and a weight of 3 to 5 dimensions each, but got shapes %s and %s", name, rl_text_shape(x), rl_text_shape(w));
    if (stride->n != n || pad->n != n || dilation->n != n)
        return rl_fail(RL_RUNTIME_ERROR, "%s(): stride %s, padding %s and dilation %s must have one entry per spatial dimension, of which there are %d", name,
                       rl_text_sizes(stride->n, stride->ints), rl_text_sizes(pad->n, pad->ints), rl_text_sizes(dilation->n, dilation->ints), n);
    for (int i = 0; i < n; i++) {
        if (stride->ints[i] <= 0) return rl_fail(RL_RUNTIME_ERROR, "non-positive stride is not supported: %s() got stride %s", name, rl_text_sizes(n, stride->ints));
        if (pad->ints[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "negative padding is not supported: %s() got padding %s", name, rl_text_sizes(n, pad->ints));
        if (dilation->ints[i] <= 0) return rl_fail(RL_RUNTIME_ERROR, "dilation should be greater than zero: %s() got dilation %s", name, rl_text_sizes(n, dilation->ints));
        if (pad->ints[i] > INT32_MAX || stride->ints[i] > INT32_MAX || dilation->ints[i] > INT32_MAX) return rl_fail(RL_RUNTIME_ERROR, "%s(): stride, padding and dilation must fit in 32 bits", name);
    }
    if (groups <= 0) return rl_fail(RL_RUNTIME_ERROR, "non-positive groups is not supported: %s() got groups=%" PRId64, name, groups);
    if (x->dtype != w->dtype) return rl_fail(RL_RUNTIME_ERROR, "Input type (%s) and weight type (%s) should be the same", rl_dtypes[x->dtype].name, rl_dtypes[w->dtype].name);
    return true;
}

static bool check_forward(Tensor *x, Tensor *w, const Arg *pad, const Arg *dilation, int64_t groups) {
    if (w->shape[1] == 0 || x->shape[1] != w->shape[1] * groups)
        return rl_fail(RL_RUNTIME_ERROR, "Given groups=%" PRId64 ", weight of size %s, expected input%s to have %" PRId64 " channels, but got %" PRId64 " channels instead",
                       groups, rl_text_shape(w), rl_text_shape(x), w->shape[1] * groups, x->shape[1]);
    if (w->shape[0] % groups)
        return rl_fail(RL_RUNTIME_ERROR, "Given groups=%" PRId64 ", expected weight to be divisible by %" PRId64 " at dimension 0, but got weight of size %s instead", groups, groups, rl_text_shape(w));
    for (int i = 2; i < x->ndim; i++) {
        if (w->shape[i] == 0) return rl_fail(RL_RUNTIME_ERROR, "weight should have at least one element in each dimension, but its shape is %s", rl_text_shape(w));
        if (w->shape[i] > INT32_MAX / dilation->ints[i - 2]) return rl_fail(RL_RUNTIME_ERROR, "the dilated kernel is too large: weight %s", rl_text_shape(w));
        int64_t padded = x->shape[i] + 2 * pad->ints[i - 2], reach = dilation->ints[i - 2] * (w->shape[i] - 1) + 1;
        if (padded < reach)
            return rl_fail(RL_RUNTIME_ERROR, "Calculated padded input size per channel: (%" PRId64 "). Kernel size: (%" PRId64 "). Kernel size can't be greater than actual input size: input %s, weight %s",
                           padded, reach, rl_text_shape(x), rl_text_shape(w));
    }
    return true;
}

/* ---- the three loops ---------------------------------------------------------------------------------------------------- */

typedef struct Work {
    const Geometry *g;
    Dtype dtype;
    int bytes;
    char *x, *w, *y, *bias;
    char *scratch;             /* one column buffer per thread */
    int64_t scratch_bytes;
    bool plain;
    char *partial;             /* weight gradients of fixed runs of samples */
    int64_t run;
} Work;

static char *my_scratch(const Work *k) { return k->scratch + rl_thread_number() * k->scratch_bytes; }

static void int_product(bool tb, int64_t m, int64_t n, int64_t k, const int64_t *a, const int64_t *b, int64_t *c, bool ta, bool add) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            uint64_t sum = add ? (uint64_t)c[i * n + j] : 0;
            for (int64_t p = 0; p < k; p++) sum += (uint64_t)(ta ? a[p * m + i] : a[i * k + p]) * (uint64_t)(tb ? b[j * k + p] : b[p * n + j]);
            c[i * n + j] = (int64_t)sum;
        }
}

static void product(const Work *k, bool ta, bool tb, int64_t m, int64_t n, int64_t inner, const char *a, const char *b, const double *beta, char *c) {
    if (k->dtype == RL_INT64) {
        int_product(tb, m, n, inner, (const int64_t *)a, (const int64_t *)b, (int64_t *)c, ta, beta == ONE);
        return;
    }
    rl_gemm(k->dtype, ta, tb, m, n, inner, ONE, a, ta ? m : inner, b, tb ? inner : n, beta, c, n);
}

static const char *columns_of(const Work *k, const char *image) {
    if (k->plain) return image;
    char *columns = my_scratch(k);
    rl_kernels->im2col[rl_size_index(k->bytes)](&k->g->w, image, columns);
    return columns;
}

static void put_bias(const Work *k, char *y) {
    for (int64_t o = 0; o < k->g->out_channels; o++) {
        char *p[] = {y + o * k->g->columns * k->bytes, k->bias + o * k->bytes};
        rl_kernels->copy[rl_size_index(k->bytes)](k->g->columns, p, (int64_t[]){k->bytes, 0}, NULL);
    }
}

static void forward_range(int64_t begin, int64_t end, void *state) {
    const Work *k = state;
    const Geometry *g = k->g;
    int64_t outs = g->out_channels / g->groups;
    for (int64_t s = begin; s < end; s++) {
        char *y = k->y + s * g->out_channels * g->columns * k->bytes;
        if (k->bias) put_bias(k, y);
        for (int64_t q = 0; q < g->groups; q++) {
            const char *columns = columns_of(k, k->x + (s * g->groups + q) * g->image * k->bytes);
            product(k, false, false, outs, g->columns, g->rows, k->w + q * outs * g->rows * k->bytes, columns, k->bias ? ONE : ZERO, y + q * outs * g->columns * k->bytes);
        }
    }
}

/* By blocks of channels, or of one plane of taps of a channel, whose columns stay in the cache. */
static void input_blocks(const Work *k, const char *w, const char *y, char *image, char *columns) {
    enum { CACHE = 1 << 19 };
    const Geometry *g = k->g;
    int64_t taps = g->rows / g->w.channels, line = taps / g->w.size[0], bytes = taps * g->columns * k->bytes;
    bool split = bytes > CACHE;
    int64_t many = split || bytes == 0 ? 1 : CACHE / bytes, depth = split ? 1 : g->w.size[0];
    for (int64_t c = 0; c < g->w.channels; c += many)
        for (int64_t d = 0; d < g->w.size[0]; d += depth) {
            Window part = g->w;
            part.channels = g->w.channels - c < many ? g->w.channels - c : many;
            part.size[0] = depth;
            part.pad[0] -= d * part.dilation[0];
            rl_gemm(k->dtype, true, false, part.channels * depth * line, g->columns, g->out_channels / g->groups, ONE, w + (c * taps + d * line) * k->bytes, g->rows, y, g->columns, ZERO, columns, g->columns);
            rl_kernels->col2im[k->dtype](&part, columns, image + c * (g->image / g->w.channels) * k->bytes);
        }
}

static void input_range(int64_t begin, int64_t end, void *state) {
    const Work *k = state;
    const Geometry *g = k->g;
    int64_t outs = g->out_channels / g->groups;
    for (int64_t s = begin; s < end; s++)
        for (int64_t q = 0; q < g->groups; q++) {
            char *image = k->x + (s * g->groups + q) * g->image * k->bytes, *columns = k->plain ? image : my_scratch(k);
            const char *y = k->y + (s * g->out_channels + q * outs) * g->columns * k->bytes;
            const char *w = k->w + q * outs * g->rows * k->bytes;
            if (!k->plain) memset(image, 0, (size_t)(g->image * k->bytes));
            if (k->plain || k->dtype == RL_INT64) product(k, true, false, g->rows, g->columns, outs, w, y, ZERO, columns);
            else input_blocks(k, w, y, image, columns);
            if (!k->plain && k->dtype == RL_INT64) rl_kernels->col2im[k->dtype](&g->w, columns, image);
        }
}

/* Samples are summed in fixed runs, so that the result does not depend on the number of threads. */
static void weight_range(int64_t begin, int64_t end, void *state) {
    const Work *k = state;
    const Geometry *g = k->g;
    int64_t outs = g->out_channels / g->groups, size = g->out_channels * g->rows * k->bytes;
    for (int64_t r = begin; r < end; r++) {
        char *w = k->partial + r * size;
        int64_t last = (r + 1) * k->run < g->batch ? (r + 1) * k->run : g->batch;
        for (int64_t s = r * k->run; s < last; s++)
            for (int64_t q = 0; q < g->groups; q++) {
                const char *columns = columns_of(k, k->x + (s * g->groups + q) * g->image * k->bytes);
                const char *y = k->y + (s * g->out_channels + q * outs) * g->columns * k->bytes;
                product(k, false, true, outs, g->rows, g->columns, y, columns, s > r * k->run ? ONE : ZERO, w + q * outs * g->rows * k->bytes);
            }
    }
}

static bool prepare_work(Work *k, const Geometry *g, Dtype dtype) {
    *k = (Work){.g = g, .dtype = dtype, .bytes = rl_dtypes[dtype].bytes, .plain = is_plain(g)};
    if (k->plain) return true;
    int64_t n;
    if (!rl_mul_size(g->rows, g->columns, &n) || !rl_mul_size(n, k->bytes, &n)) return rl_fail_memory(INT64_MAX);
    k->scratch_bytes = (n + 63) & ~63;
    if (!rl_mul_size(k->scratch_bytes, rl_threads(), &n)) return rl_fail_memory(INT64_MAX);
    return (k->scratch = rl_scope_bytes(n)) != NULL;
}

/* ---- primitives --------------------------------------------------------------------------------------------------------- */

/* Half precision is computed in float32, small integers in int64. */
static Dtype work_dtype(Dtype d) { return rl_dtype_is(d, CLASS_HALF) ? RL_FLOAT32 : rl_dtype_is(d, CLASS_INTEGRAL) ? RL_INT64 : d; }
static Tensor *ready(Tensor *t, Dtype work) { return rl_contiguous(rl_cast(t, work)); }
static bool is_direct(const Geometry *g, Dtype work, ConvPart part) { return work == RL_FLOAT32 && !is_plain(g) && rl_conv_direct_suits(g, part); }

/* Channels last if the image or the weight is. */
static Tensor *laid_out(Call *c, Tensor *y) {
    const Tensor *x = c->arg[0].tensor, *w = c->arg[1].tensor;
    return rl_channels_last_as(y, rl_steps_channels_last(x) ? x : w);
}

static Tensor *conv_forward(Call *c) {
    Arg *a = c->arg;
    Tensor *x = a[0].tensor, *w = a[1].tensor, *bias = rl_arg_tensor(c, 2);
    Geometry g;
    Dtype dtype = x->dtype, work = work_dtype(dtype);
    if (!check_conv("convolution", x, w, &a[3], &a[4], &a[5], a[6].i) || !check_forward(x, w, &a[4], &a[5], a[6].i)) return NULL;
    if (bias && (bias->ndim != 1 || bias->numel != w->shape[0]))
        return rl_fail(RL_RUNTIME_ERROR, "Given weight of size %s, expected bias to be 1-dimensional with %" PRId64 " elements, but got bias of size %s instead", rl_text_shape(w), w->shape[0], rl_text_shape(bias));
    if (bias && bias->dtype != x->dtype) return rl_fail(RL_RUNTIME_ERROR, "Input type (%s) and bias type (%s) should be the same", rl_dtypes[x->dtype].name, rl_dtypes[bias->dtype].name);
    if (!fill_geometry(&g, x->ndim - 2, x->shape, w->shape, &a[3], &a[4], &a[5], a[6].i)) return NULL;
    int64_t shape[5] = {x->shape[0], w->shape[0]};
    for (int i = 2; i < x->ndim; i++) shape[i] = g.w.out[i - 2 + 5 - x->ndim];
    Tensor *y = rl_empty(x->ndim, shape, work);
    x = ready(x, work);
    w = ready(w, work);
    bias = bias ? ready(bias, work) : NULL;
    Work k;
    if (!y || !x || !w || (rl_arg_tensor(c, 2) && !bias)) return NULL;
    if (is_direct(&g, work, CONV_OUTPUT) && y->numel)
        return rl_conv_direct_output(&g, rl_data(x), rl_data(w), bias ? rl_data(bias) : NULL, rl_data(y)) ? laid_out(c, rl_cast(y, dtype)) : NULL;
    if (!prepare_work(&k, &g, work)) return NULL;
    k.x = rl_data(x), k.w = rl_data(w), k.y = rl_data(y), k.bias = bias ? rl_data(bias) : NULL;
    double cost = (double)g.out_channels / (double)g.groups * (double)g.columns * (double)g.rows * (double)g.groups / 20;
    if (y->numel && !rl_parallel_for(g.batch, 1 + (int64_t)(20000 / (cost + 1)), forward_range, &k)) return NULL;
    return laid_out(c, rl_cast(y, dtype));
}

static Tensor *conv_input_forward(Call *c) {
    Arg *a = c->arg;
    Tensor *y = a[0].tensor, *w = a[1].tensor;
    Geometry g;
    Dtype dtype = y->dtype, work = work_dtype(dtype);
    int n = y->ndim - 2;
    int64_t shape[5] = {y->shape[0], w->shape[1] * a[6].i};
    if (!check_conv("conv_transpose", y, w, &a[3], &a[4], &a[5], a[6].i)) return NULL;
    if (y->shape[1] != w->shape[0] || w->shape[0] % a[6].i)
        return rl_fail(RL_RUNTIME_ERROR, "Given transposed=1, weight of size %s, expected input%s to have %" PRId64 " channels, but got %" PRId64 " channels instead", rl_text_shape(w), rl_text_shape(y), w->shape[0], y->shape[1]);
    if (a[2].n != n) return rl_fail(RL_RUNTIME_ERROR, "conv_transpose: size %s must have one entry per spatial dimension, of which there are %d", rl_text_sizes(a[2].n, a[2].ints), n);
    for (int i = 0; i < n; i++) shape[2 + i] = a[2].ints[i];
    if (!fill_geometry(&g, n, shape, w->shape, &a[3], &a[4], &a[5], a[6].i)) return NULL;
    if (!take_output(&g, y, n))
        return rl_fail(RL_RUNTIME_ERROR, "convolution gradient: output of shape %s does not belong to an input of size %s with weight %s", rl_text_shape(y), rl_text_sizes(n, a[2].ints), rl_text_shape(w));
    Tensor *x = rl_empty(y->ndim, shape, work);
    y = ready(y, work);
    w = ready(w, work);
    Work k;
    if (!x || !y || !w) return NULL;
    if (is_direct(&g, work, CONV_INPUT) && y->numel && w->numel && x->numel) return rl_conv_direct_input(&g, rl_data(y), rl_data(w), rl_data(x)) ? laid_out(c, rl_cast(x, dtype)) : NULL;
    if (!prepare_work(&k, &g, work)) return NULL;
    k.x = rl_data(x), k.w = rl_data(w), k.y = rl_data(y);
    if (y->numel == 0 || w->numel == 0) {
        memset(k.x, 0, (size_t)(x->numel * k.bytes));
        return laid_out(c, rl_cast(x, dtype));
    }
    double cost = (double)g.out_channels * (double)g.columns * (double)g.rows / 20;
    if (!rl_parallel_for(g.batch, 1 + (int64_t)(20000 / (cost + 1)), input_range, &k)) return NULL;
    return laid_out(c, rl_cast(x, dtype));
}

static Tensor *add_runs(Tensor *partial, int64_t runs) {
    return runs == 1 ? rl_alias(rl_select(partial, 0, 0)) : rl_sum_dim(partial, 0, false);
}

static Tensor *conv_weight_forward(Call *c) {
    Arg *a = c->arg;
    Tensor *x = a[0].tensor, *y = a[1].tensor;
    Geometry g;
    Dtype dtype = x->dtype, work = work_dtype(dtype);
    int n = x->ndim - 2;
    if (!check_conv("convolution weight gradient", x, y, &a[3], &a[4], &a[5], a[6].i)) return NULL;
    if (a[2].n != x->ndim) return rl_fail(RL_RUNTIME_ERROR, "convolution weight gradient: weight size %s must have %d entries", rl_text_sizes(a[2].n, a[2].ints), x->ndim);
    for (int i = 0; i < a[2].n; i++)
        if (a[2].ints[i] <= 0) return rl_fail(RL_RUNTIME_ERROR, "convolution weight gradient: weight size %s must be positive", rl_text_sizes(a[2].n, a[2].ints));
    if (!fill_geometry(&g, n, x->shape, a[2].ints, &a[3], &a[4], &a[5], a[6].i)) return NULL;
    bool fits = y->ndim == x->ndim && a[2].n == x->ndim && y->shape[0] == x->shape[0] && y->shape[1] == a[2].ints[0] && x->shape[1] == a[2].ints[1] * a[6].i && a[2].ints[0] % a[6].i == 0;
    if (!fits || !take_output(&g, y, n)) return rl_fail(RL_RUNTIME_ERROR, "convolution weight gradient: input %s, output %s and weight %s do not belong together", rl_text_shape(x), rl_text_shape(y), rl_text_sizes(a[2].n, a[2].ints));
    int64_t shape[6], run = g.batch > 16 ? (g.batch + 15) / 16 : g.batch ? g.batch : 1, runs = g.batch ? (g.batch + run - 1) / run : 1;
    if (g.out_channels * g.rows > 1 << 18) run = g.batch ? g.batch : 1, runs = 1;
    shape[0] = runs;
    for (int i = 0; i < x->ndim; i++) shape[1 + i] = a[2].ints[i];
    x = ready(x, work);
    y = ready(y, work);
    Work k;
    if (!x || !y) return NULL;
    bool nothing = x->numel == 0 || y->numel == 0;
    if (is_direct(&g, work, CONV_WEIGHT) && !nothing) {
        Tensor *w = rl_empty(x->ndim, a[2].ints, work);
        return w && rl_conv_direct_weight(&g, rl_data(x), rl_data(y), rl_data(w)) ? rl_cast(w, dtype) : NULL;
    }
    if (!prepare_work(&k, &g, work)) return NULL;
    Tensor *partial = nothing ? rl_zeros(x->ndim + 1, shape, work) : rl_empty(x->ndim + 1, shape, work);
    if (!partial) return NULL;
    k.x = rl_data(x), k.y = rl_data(y), k.partial = rl_data(partial), k.run = run;
    if (!nothing && !rl_parallel_for(runs, 1, weight_range, &k)) return NULL;
    return rl_cast(add_runs(partial, runs), dtype);
}

/* ---- their derivatives --------------------------------------------------------------------------------------------------- */

static Tensor *call_conv(Tensor *x, Tensor *w, const Arg *a) { return rl_do("_conv", a_t(x), a_t(w), a_none(), a[3], a[4], a[5], a[6]); }
static Tensor *call_input(Tensor *y, Tensor *w, const Meta *m, const Arg *a) { return rl_do("_conv_input", a_t(y), a_t(w), a_ints(m->ndim - 2, m->shape + 2), a[3], a[4], a[5], a[6]); }
static Tensor *call_weight(Tensor *x, Tensor *y, const Meta *m, const Arg *a) { return rl_do("_conv_weight", a_t(x), a_t(y), a_ints(m->ndim, m->shape), a[3], a[4], a[5], a[6]); }

/* The convolution cut down to the output that took part. */
static Tensor *cut_conv(Tensor *x, Tensor *w, const Meta *m, const Arg *a) {
    Tensor *y = call_conv(x, w, a);
    for (int i = 2; y && i < m->ndim; i++)
        if (y->shape[i] != m->shape[i]) y = rl_narrow(y, i, 0, m->shape[i]);
    return y;
}

static void conv_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = call_input(g[0], rl_conj(c->arg[1].tensor), rl_meta(c, 0), c->arg);
    if (rl_need(c, 1)) dx[1] = call_weight(rl_conj(c->arg[0].tensor), g[0], rl_meta(c, 1), c->arg);
    if (rl_need(c, 2)) {
        int64_t dims[4] = {0};
        for (int i = 2; i < g[0]->ndim; i++) dims[i - 1] = i;
        dx[2] = rl_sum(g[0], g[0]->ndim - 1, dims, false);
    }
}

static void conv_input_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = cut_conv(g[0], rl_conj(c->arg[1].tensor), rl_meta(c, 0), c->arg);
    if (rl_need(c, 1)) dx[1] = call_weight(g[0], rl_conj(c->arg[0].tensor), rl_meta(c, 1), c->arg);
}

static void conv_weight_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = call_input(rl_conj(c->arg[1].tensor), g[0], rl_meta(c, 0), c->arg);
    if (rl_need(c, 1)) dx[1] = cut_conv(rl_conj(c->arg[0].tensor), g[0], rl_meta(c, 1), c->arg);
}

/* ---- what users call ------------------------------------------------------------------------------------------------------- */

static bool widen(const char *what, const Arg *a, int n, int64_t *out, const Tensor *x) {
    if (a->n != 1 && a->n != n)
        return rl_fail(RL_RUNTIME_ERROR, "expected %s to be a single integer value or a list of %d values to match the convolution dimensions, but got %s=%s for input %s", what, n, what, rl_text_sizes(a->n, a->ints), rl_text_shape(x));
    for (int i = 0; i < n; i++) out[i] = a->ints[a->n == 1 ? 0 : i];
    return true;
}

static Tensor *with_batch(Call *c, Tensor *x, Tensor *w, int n, bool *single) {
    if (w->ndim != n + 2) return rl_fail(RL_RUNTIME_ERROR, "expected %dD weight for %s, but got weight of size %s", n + 2, c->op->parsed->name, rl_text_shape(w));
    if (x->ndim != n + 2 && x->ndim != n + 1)
        return rl_fail(RL_RUNTIME_ERROR, "Expected %dD (unbatched) or %dD (batched) input to %s, but got input of size: %s", n + 1, n + 2, c->op->parsed->name, rl_text_shape(x));
    *single = x->ndim == n + 1;
    return *single ? rl_unsqueeze(x, 0) : x;
}

static Tensor *convolve(Call *c, Tensor *x, const int64_t *stride, const int64_t *pad, const int64_t *dilation, int n, bool single) {
    Tensor *y = rl_do("_conv", a_t(x), c->arg[1], c->arg[2], a_ints(n, stride), a_ints(n, pad), a_ints(n, dilation), c->arg[6]);
    return single ? rl_squeeze(y, 0) : y;
}

static Tensor *conv_nd_forward(Call *c) {
    int n = c->op->data;
    bool single;
    int64_t stride[3], pad[3], dilation[3];
    Tensor *x = with_batch(c, c->arg[0].tensor, c->arg[1].tensor, n, &single);
    if (!x || !widen("stride", &c->arg[3], n, stride, x) || !widen("padding", &c->arg[4], n, pad, x) || !widen("dilation", &c->arg[5], n, dilation, x)) return NULL;
    return convolve(c, x, stride, pad, dilation, n, single);
}

/* 'same' keeps the size; where an odd number must be added, the extra one goes at the end. */
static Tensor *conv_named_padding_forward(Call *c) {
    int n = c->op->data;
    bool single, same = !strcmp(c->arg[4].str, "same");
    int64_t stride[3], pad[3] = {0}, dilation[3], extra[6] = {0};
    Tensor *x = with_batch(c, c->arg[0].tensor, c->arg[1].tensor, n, &single), *w = c->arg[1].tensor;
    if (!x || !widen("stride", &c->arg[3], n, stride, x) || !widen("dilation", &c->arg[5], n, dilation, x)) return NULL;
    if (!same && strcmp(c->arg[4].str, "valid")) return rl_fail(RL_RUNTIME_ERROR, "Invalid padding string: '%s'; it must be 'same' or 'valid'", c->arg[4].str);
    bool uneven = false;
    for (int i = 0; same && i < n; i++) {
        if (stride[i] != 1) return rl_fail(RL_RUNTIME_ERROR, "padding='same' is not supported for strided convolutions");
        int64_t total = dilation[i] * (w->shape[2 + i] - 1);
        pad[i] = total / 2;
        extra[2 * (n - 1 - i) + 1] = total % 2;
        uneven |= total % 2;
    }
    if (uneven) x = rl_do("constant_pad_nd", a_t(x), a_ints(2 * n, extra), a_i(0));
    return convolve(c, x, stride, pad, dilation, n, single);
}

static Tensor *conv_transpose_nd_forward(Call *c) {
    int n = c->op->data;
    bool single;
    int64_t stride[3], pad[3], more[3], dilation[3], size[3], groups = c->arg[6].i;
    Tensor *w = c->arg[1].tensor, *x = with_batch(c, c->arg[0].tensor, w, n, &single), *bias = rl_arg_tensor(c, 2);
    if (!x || !widen("stride", &c->arg[3], n, stride, x) || !widen("padding", &c->arg[4], n, pad, x) || !widen("output_padding", &c->arg[5], n, more, x) || !widen("dilation", &c->arg[7], n, dilation, x)) return NULL;
    Arg s = a_ints(n, stride), p = a_ints(n, pad), d = a_ints(n, dilation);
    if (!check_conv(c->op->parsed->name, x, w, &s, &p, &d, groups)) return NULL;
    if (x->shape[1] != w->shape[0] || w->shape[0] % groups)
        return rl_fail(RL_RUNTIME_ERROR, "Given transposed=1, weight of size %s, expected input%s to have %" PRId64 " channels, but got %" PRId64 " channels instead", rl_text_shape(w), rl_text_shape(x), w->shape[0], x->shape[1]);
    if (bias && (bias->ndim != 1 || bias->numel != w->shape[1] * groups))
        return rl_fail(RL_RUNTIME_ERROR, "Given transposed=1, weight of size %s, expected bias to be 1-dimensional with %" PRId64 " elements, but got bias of size %s instead", rl_text_shape(w), w->shape[1] * groups, rl_text_shape(bias));
    for (int i = 0; i < n; i++) {
        if (more[i] < 0 || (more[i] >= stride[i] && more[i] >= dilation[i]))
            return rl_fail(RL_RUNTIME_ERROR, "output padding must be smaller than either stride or dilation, but got output_padding %s, stride %s, dilation %s", rl_text_sizes(n, more), rl_text_sizes(n, stride), rl_text_sizes(n, dilation));
        size[i] = (x->shape[2 + i] - 1) * stride[i] - 2 * pad[i] + dilation[i] * (w->shape[2 + i] - 1) + more[i] + 1;
        if (size[i] <= 0 || x->shape[2 + i] == 0)
            return rl_fail(RL_RUNTIME_ERROR, "Given input size per channel: %s. Calculated output size per channel: (%" PRId64 "). Output size is too small", rl_text_shape(x), size[i]);
    }
    Tensor *y = rl_do("_conv_input", a_t(x), a_t(w), a_ints(n, size), s, p, d, a_i(groups));
    if (bias && y) {
        int64_t shape[4] = {bias->numel, 1, 1, 1};
        y = rl_add(y, rl_reshape(bias, n + 1, shape));
    }
    return single ? rl_squeeze(y, 0) : y;
}

#define CONV(n, k, example)                                                                                                                        \
    {                                                                                                                                              \
        .sig = "conv" #n "d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | list[int] = 1, padding: int | list[int] = 0, " \
               "dilation: int | list[int] = 1, groups: int = 1) -> Tensor",                                                                        \
        .where = FUNCTION | NN, .flags = COMPOSITE, .data = n, .forward = conv_nd_forward, .samples = example,                                     \
        .doc = "Convolution (without flipping) over " #n " spatial dim(s): input [N, C, ...], weight [O, C / groups, ...], bias [O].\n\n"          \
               ">>> rl.conv" #n "d(rl.ones(1, 1" k "), rl.ones(1, 1" k ")).numel()\n1",                                                            \
    },                                                                                                                                             \
    {                                                                                                                                              \
        .sig = "conv" #n "d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | list[int] = 1, padding: str = 'valid', "      \
               "dilation: int | list[int] = 1, groups: int = 1) -> Tensor",                                                                        \
        .where = FUNCTION | NN, .flags = COMPOSITE, .data = n, .forward = conv_named_padding_forward, .samples = "-",                              \
        .doc = "The same with padding 'same' or 'valid'.\n\n>>> rl.conv" #n "d(rl.ones(1, 1" k "), rl.ones(1, 1" k "), padding='same').shape[2]\n3", \
    },                                                                                                                                             \
    {                                                                                                                                              \
        .sig = "conv_transpose" #n "d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | list[int] = 1, padding: int | list[int] = 0, " \
               "output_padding: int | list[int] = 0, groups: int = 1, dilation: int | list[int] = 1) -> Tensor",                                   \
        .where = FUNCTION | NN, .flags = COMPOSITE, .data = n, .forward = conv_transpose_nd_forward, .samples = "-",                               \
        .doc = "Transposed convolution, the gradient of conv" #n "d for its input: input [N, C, ...], weight [C, O / groups, ...].\n\n"            \
               ">>> rl.conv_transpose" #n "d(rl.ones(1, 1" k "), rl.ones(1, 1" k ")).shape[2]\n5",                                                 \
    }

Op rl_conv_ops[] = {
    {
        .sig = "_conv(input: Tensor, weight: Tensor, bias: Tensor | None, stride: list[int], padding: list[int], dilation: list[int], groups: int) -> Tensor",
        .where = PRIVATE, .saves_for = {SAVE(1), SAVE(0)}, .node = "ConvolutionBackward0",
        .doc = "Convolution over one to three spatial dims, with every list as long as their number.\n\n"
               ">>> rl._C._ops._conv(rl.ones(1, 1, 3), rl.ones(1, 1, 3), None, [1], [0], [1], 1)\ntensor([[[3.]]])",
        .forward = conv_forward, .vjp = conv_vjp,
        .samples = "x(2, 3, 5), x(4, 3, 3), x(4), [1], [1], [1], 1; x(2, 4, 5, 4), x(6, 2, 3, 2), None, [2, 1], [1, 0], [1, 2], 2; x(2, 3, 4), x(2, 3, 1), x(2), [1], [0], [1], 1",
    },
    {
        .sig = "_conv_input(output: Tensor, weight: Tensor, size: list[int], stride: list[int], padding: list[int], dilation: list[int], groups: int) -> Tensor",
        .where = PRIVATE, .saves_for = {SAVE(1), SAVE(0)}, .node = "ConvolutionBackward0",
        .doc = "The gradient of a convolution for its input of spatial size `size`: the transposed convolution.\n\n"
               ">>> rl._C._ops._conv_input(rl.ones(1, 1, 1), rl.ones(1, 1, 3), [3], [1], [0], [1], 1)\ntensor([[[1., 1., 1.]]])",
        .forward = conv_input_forward, .vjp = conv_input_vjp,
        .samples = "x(2, 4, 5), x(4, 3, 3), [5], [1], [1], [1], 1; x(2, 6, 3, 2), x(6, 2, 3, 2), [5, 4], [2, 1], [1, 0], [1, 2], 2",
    },
    {
        .sig = "_conv_weight(input: Tensor, output: Tensor, weight_size: list[int], stride: list[int], padding: list[int], dilation: list[int], groups: int) -> Tensor",
        .where = PRIVATE, .saves_for = {SAVE(1), SAVE(0)}, .node = "ConvolutionBackward0",
        .doc = "The gradient of a convolution for its weight.\n\n"
               ">>> rl._C._ops._conv_weight(rl.ones(1, 1, 3), rl.ones(1, 1, 1), [1, 1, 3], [1], [0], [1], 1)\ntensor([[[1., 1., 1.]]])",
        .forward = conv_weight_forward, .vjp = conv_weight_vjp,
        .samples = "x(2, 3, 5), x(2, 4, 5), [4, 3, 3], [1], [1], [1], 1",
    },
    CONV(1, ", 3", "x(2, 3, 5), x(4, 3, 3), x(4); x(3, 5), x(4, 3, 3), None, 2, 1; x(2, 4, 6), x(4, 2, 2), x(4), 1, 0, 2, 2"),
    CONV(2, ", 3, 3", "x(2, 3, 5, 4), x(4, 3, 3, 2), x(4); x(2, 2, 5, 4), x(4, 1, 3, 2), x(4), 2, 1, 1, 2"),
    CONV(3, ", 3, 3, 3", "x(1, 2, 3, 4, 3), x(2, 2, 2, 2, 2), x(2)"),
    {0},
};
