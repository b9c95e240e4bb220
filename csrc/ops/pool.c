/* pool.c -- pooling over windows of one to three spatial dims: maximum and mean, with fixed or adaptive windows.
 *
 * Fixed and adaptive windows differ only in where they begin and end, so four primitives serve all: the maximum with its
 * places, the mean, and the mean's adjoint.  The gradient of a maximum goes where it came from, by scatter. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <string.h>

/* ---- windows -------------------------------------------------------------------------------------------------------------- */

static bool room_for_dim(Ranges *r, int i, int64_t n) {
    int64_t *block = n > INT64_MAX / 24 ? rl_fail_memory(INT64_MAX) : rl_scope_bytes(3 * (n ? n : 1) * 8);
    if (!block) return false;
    r->start[i] = block;
    r->end[i] = block + n;
    r->count[i] = block + 2 * n;
    r->out[i] = n;
    return true;
}

static bool one_place(Ranges *r, int i) {
    if (!room_for_dim(r, i, 1)) return false;
    ((int64_t *)r->start[i])[0] = 0;
    ((int64_t *)r->end[i])[0] = ((int64_t *)r->count[i])[0] = 1;
    r->in[i] = r->step[i] = 1;
    return true;
}

typedef struct Fixed { int64_t size[3], stride[3], pad[3], dilation[3]; bool ceil, count_pad; } Fixed;

static int64_t out_size(int64_t in, const Fixed *f, int d) {
    int64_t reach = f->dilation[d] * (f->size[d] - 1) + 1, room = in + 2 * f->pad[d] - reach + (f->ceil ? f->stride[d] - 1 : 0);
    int64_t n = (room >= 0 ? room / f->stride[d] : -1) + 1;
    if (f->ceil && (n - 1) * f->stride[d] >= in + f->pad[d]) n--;
    return n;
}

static bool fixed_ranges(Ranges *r, int n, const int64_t *in, const Fixed *f) {
    for (int i = 0; i < 3; i++) {
        int d = i - (3 - n);
        if (d < 0) {
            if (!one_place(r, i)) return false;
            continue;
        }
        int64_t outs = out_size(in[d], f, d);
        if (!room_for_dim(r, i, outs)) return false;
        r->in[i] = in[d];
        r->step[i] = f->dilation[d];
        for (int64_t o = 0; o < outs; o++) {
            int64_t start = o * f->stride[d] - f->pad[d], end = start + f->dilation[d] * (f->size[d] - 1) + 1;
            int64_t last = end < in[d] + f->pad[d] ? end : in[d] + f->pad[d];
            int64_t first = start < 0 ? start + (-start + f->dilation[d] - 1) / f->dilation[d] * f->dilation[d] : start;
            int64_t stop = end < in[d] ? end : in[d];
            ((int64_t *)r->start[i])[o] = first;
            ((int64_t *)r->end[i])[o] = stop;
            int64_t places = f->count_pad ? last - start : stop - first;
            ((int64_t *)r->count[i])[o] = places > 1 ? places : 1;      /* nothing is divided by, where a window holds nothing */
        }
    }
    return true;
}

static bool adaptive_ranges(Ranges *r, int n, const int64_t *in, const int64_t *out) {
    for (int i = 0; i < 3; i++) {
        int d = i - (3 - n);
        if (d < 0) {
            if (!one_place(r, i)) return false;
            continue;
        }
        if (!room_for_dim(r, i, out[d])) return false;
        r->in[i] = in[d];
        r->step[i] = 1;
        for (int64_t o = 0; o < out[d]; o++) {
            int64_t start = o * in[d] / out[d], end = ((o + 1) * in[d] + out[d] - 1) / out[d];
            ((int64_t *)r->start[i])[o] = start;
            ((int64_t *)r->end[i])[o] = end;
            ((int64_t *)r->count[i])[o] = end - start;
        }
    }
    return true;
}

/* Rows carry fixed windows as [sizes.., strides.., pads.., dilations.., ceil, count_pad, divisor], adaptive ones as [outs..]. */
static bool ranges_of(Ranges *r, int n, const int64_t *in, const Arg *window) {
    memset(r, 0, sizeof *r);
    if (window->n == n) return adaptive_ranges(r, n, in, window->ints);
    Fixed f;
    for (int d = 0; d < n; d++) f.size[d] = window->ints[d], f.stride[d] = window->ints[n + d], f.pad[d] = window->ints[2 * n + d], f.dilation[d] = window->ints[3 * n + d];
    f.ceil = window->ints[4 * n];
    f.count_pad = window->ints[4 * n + 1];
    r->divisor = window->ints[4 * n + 2];
    return fixed_ranges(r, n, in, &f);
}

static int spatial(const Arg *window) { return window->n <= 3 ? window->n : (window->n - 3) / 4; }

/* Sizes, strides and dilations from 1 on, the rest from 0, all of them small enough to multiply. */
static bool window_fits(Call *c, const Tensor *x, const Arg *window) {
    int n = spatial(window);
    bool fits = n >= 1 && n <= 3 && x->ndim >= n && (window->n == n || window->n == 4 * n + 3);
    for (int i = 0; fits && i < window->n; i++) {
        bool from_one = window->n > n && i < 4 * n && i / n != 2, divisor = window->n > n && i == window->n - 1;
        fits = (divisor || window->ints[i] >= from_one) && window->ints[i] <= INT32_MAX && window->ints[i] >= -INT32_MAX;
    }
    if (!fits) rl_fail(RL_RUNTIME_ERROR, "%s(): a window of %s does not fit an input of shape %s", c->op->parsed->name, rl_text_sizes(window->n, window->ints), rl_text_shape(x));
    return fits;
}

/* ---- primitives ------------------------------------------------------------------------------------------------------------- */

typedef struct Work { const Ranges *r; char *x, *y; int64_t *where; int64_t in, out; int bytes; Dtype dtype; } Work;

static void max_range(int64_t begin, int64_t end, void *state) {
    const Work *k = state;
    rl_kernels->max_pool[k->dtype](k->r, end - begin, k->x + begin * k->in * k->bytes, k->y + begin * k->out * k->bytes, k->where ? k->where + begin * k->out : NULL);
}

static void mean_range(int64_t begin, int64_t end, void *state) {
    const Work *k = state;
    rl_kernels->mean_pool[k->dtype](k->r, end - begin, k->x + begin * k->in * k->bytes, k->y + begin * k->out * k->bytes);
}

static void unpool_range(int64_t begin, int64_t end, void *state) {
    const Work *k = state;
    rl_kernels->mean_unpool[k->dtype](k->r, end - begin, k->y + begin * k->out * k->bytes, k->x + begin * k->in * k->bytes);
}

static Dtype work_dtype(Dtype d) { return rl_dtype_is(d, CLASS_HALF) ? RL_FLOAT32 : rl_dtype_is(d, CLASS_INTEGRAL) ? RL_INT64 : d; }

static int64_t volume(const int64_t *size) { return size[0] * size[1] * size[2]; }

static bool run_planes(Work *k, int64_t planes, RangeFn *fn) {
    k->in = volume(k->r->in);
    k->out = volume(k->r->out);
    k->bytes = rl_dtypes[k->dtype].bytes;
    return planes == 0 || k->in == 0 || k->out == 0 || rl_parallel_for(planes, 1 + 30000 / (k->in + k->out), fn, k);
}

static void pooled_shape(const Tensor *x, const Ranges *r, int n, int64_t *shape) {
    for (int i = 0; i < x->ndim; i++) shape[i] = i < x->ndim - n ? x->shape[i] : r->out[3 - (x->ndim - i)];
}

static int64_t planes_of(const Tensor *x, int n) {
    int64_t planes = 1;
    for (int i = 0; i < x->ndim - n; i++) planes *= x->shape[i];
    return planes;
}

/* The maxima, and where they stood if that is asked for. */
static Tensor *maxima(Call *c, Tensor *x, const Arg *window, Tensor **where) {
    int n = spatial(window);
    Ranges r;
    int64_t shape[RL_MAX_DIMS];
    Dtype dtype = x->dtype, work = work_dtype(dtype);
    if (!window_fits(c, x, window) || !ranges_of(&r, n, x->shape + x->ndim - n, window)) return NULL;
    pooled_shape(x, &r, n, shape);
    Tensor *y = rl_empty(x->ndim, shape, work), *dense = rl_contiguous(rl_cast(x, work));
    if (where) *where = rl_empty(x->ndim, shape, RL_INT64);
    if (!y || !dense || (where && !*where)) return NULL;
    Work k = {.r = &r, .x = rl_data(dense), .y = rl_data(y), .where = where ? rl_data(*where) : NULL, .dtype = work};
    if (!run_planes(&k, planes_of(x, n), max_range)) return NULL;
    if (where) *where = rl_channels_last_as(*where, x);
    return rl_channels_last_as(rl_cast(y, dtype), x);
}

static Tensor *max_pool_forward(Call *c) {
    Tensor **out = rl_outputs(c, 2);
    return out ? out[0] = maxima(c, c->arg[0].tensor, &c->arg[1], &out[1]) : NULL;
}

static Tensor *flat_planes(Tensor *t, int n) {
    if (!t) return NULL;
    int64_t planes = planes_of(t, n);
    return rl_reshape(t, 2, (int64_t[]){planes, planes ? t->numel / planes : 0});
}

typedef struct Return { char *dx, *g, *where; int64_t in, out; int bytes; LoopFn *add; } Return;

static void return_range(int64_t begin, int64_t end, void *state) {
    const Return *k = state;
    IndexSpec spec = {k->in, k->bytes, NULL};
    for (int64_t p = begin; p < end; p++)
        k->add(k->out, (char *[]){k->dx + p * k->in * k->bytes, k->where + p * k->out * 8, k->g + p * k->out * k->bytes}, (int64_t[]){0, 8, k->bytes}, &spec);
}

/* The gradient that is not itself differentiated: plane by plane, in place. */
static Tensor *return_maxima(Tensor *g, Tensor *where, const Meta *m, int n) {
    Tensor *dx = rl_zeros(m->ndim, m->shape, g->dtype), *dense = rl_contiguous(g);
    where = rl_contiguous(where);
    if (!dx || !dense || !where || dx->numel == 0) return dx && dense && where ? dx : NULL;
    int64_t planes = planes_of(dx, n);
    Return k = {rl_data(dx), rl_data(dense), rl_data(where), dx->numel / planes, g->numel / planes, rl_dtypes[g->dtype].bytes, rl_kernels->scatter_reduce[g->dtype][SCATTER_ADD]};
    return rl_parallel_for(planes, 1 + 20000 / (k.out + 1), return_range, &k) ? dx : NULL;
}

static void max_pool_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0]) return;
    const Meta *m = rl_meta(c, 0);
    int n = spatial(&c->arg[1]);
    if (!rl_thread.grad_mode) {
        dx[0] = rl_channels_last_as(return_maxima(g[0], c->out[1], m, n), c->out[1]);
        return;
    }
    Tensor *zeros = flat_planes(rl_zeros(m->ndim, m->shape, g[0]->dtype), n);
    Tensor *sum = rl_do("scatter_add", a_t(zeros), a_i(1), a_t(flat_planes(rl_alias(c->out[1]), n)), a_t(flat_planes(g[0], n)));
    dx[0] = sum ? rl_reshape(sum, m->ndim, m->shape) : NULL;
}

static Tensor *mean_pool_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int n = spatial(&c->arg[1]);
    Ranges r;
    int64_t shape[RL_MAX_DIMS];
    Dtype dtype = x->dtype, work = work_dtype(dtype);
    if (!window_fits(c, x, &c->arg[1]) || !ranges_of(&r, n, x->shape + x->ndim - n, &c->arg[1])) return NULL;
    pooled_shape(x, &r, n, shape);
    Tensor *y = rl_empty(x->ndim, shape, work), *dense = rl_contiguous(rl_cast(x, work));
    if (!y || !dense) return NULL;
    Work k = {.r = &r, .x = rl_data(dense), .y = rl_data(y), .dtype = work};
    if (!run_planes(&k, planes_of(x, n), mean_range)) return NULL;
    return n == 2 ? rl_channels_last_as(rl_cast(y, dtype), x) : rl_cast(y, dtype);
}

static void mean_pool_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    int n = spatial(&c->arg[1]);
    dx[0] = rl_do("_mean_unpool", a_t(g[0]), a_ints(n, m->shape + m->ndim - n), c->arg[1]);
}

static Tensor *mean_unpool_forward(Call *c) {
    Tensor *y = c->arg[0].tensor;
    int n = spatial(&c->arg[2]);
    Ranges r;
    int64_t shape[RL_MAX_DIMS];
    Dtype dtype = y->dtype, work = work_dtype(dtype);
    if (!window_fits(c, y, &c->arg[2])) return NULL;
    if (c->arg[1].n != n || y->ndim < n) return rl_fail(RL_RUNTIME_ERROR, "_mean_unpool(): %d sizes for %d spatial dims", c->arg[1].n, n);
    for (int i = 0; i < n; i++)
        if (c->arg[1].ints[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "_mean_unpool(): negative size %s", rl_text_sizes(n, c->arg[1].ints));
    if (!ranges_of(&r, n, c->arg[1].ints, &c->arg[2])) return NULL;
    for (int i = 0; i < y->ndim; i++) shape[i] = i < y->ndim - n ? y->shape[i] : c->arg[1].ints[i - (y->ndim - n)];
    for (int i = 0; i < n; i++)
        if (r.out[3 - n + i] != y->shape[y->ndim - n + i]) return rl_fail(RL_RUNTIME_ERROR, "_mean_unpool(): gradient of shape %s does not belong to an input of size %s", rl_text_shape(y), rl_text_sizes(n, c->arg[1].ints));
    Tensor *x = rl_zeros(y->ndim, shape, work), *dense = rl_contiguous(rl_cast(y, work));
    if (!x || !dense) return NULL;
    Work k = {.r = &r, .x = rl_data(x), .y = rl_data(dense), .dtype = work};
    if (!run_planes(&k, planes_of(y, n), unpool_range)) return NULL;
    return n == 2 ? rl_channels_last_as(rl_cast(x, dtype), y) : rl_cast(x, dtype);
}

static void mean_unpool_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("_mean_pool", a_t(g[0]), c->arg[2]); }

/* ---- what users call ----------------------------------------------------------------------------------------------------------- */

static bool widen(Call *c, const char *what, const Arg *a, int n, int64_t *out) {
    if (a->n != 1 && a->n != n)
        return rl_fail(RL_RUNTIME_ERROR, "%s: %s must either be a single int, or a tuple of %d ints, not %s", c->op->parsed->name, what, n, rl_text_sizes(a->n, a->ints));
    for (int i = 0; i < n; i++) out[i] = a->ints[a->n == 1 ? 0 : i];
    return true;
}

static Tensor *adaptive_avg_forward(Call *c), *adaptive_max_forward(Call *c);

/* Adaptive pools want elements where they pool, and but for plain averages channels too. */
static bool check_adaptive(Call *c, Tensor *x, int n) {
    const char *name = c->op->parsed->name, *more = strstr(name, "_with_indices");
    for (int i = c->op->forward == adaptive_avg_forward && n < 3 ? x->ndim - n : 1; i < x->ndim; i++)
        if (x->shape[i] == 0)
            return rl_fail(RL_RUNTIME_ERROR, "%.*s(): Expected input to have non-zero size for non-batch dimensions, but input has sizes %s with dimension %d being empty", more ? (int)(more - name) : (int)strlen(name), name, rl_text_shape(x), i);
    return true;
}

static bool check_input(Call *c, Tensor *x, int n) {
    if (x->ndim != n + 1 && x->ndim != n + 2)
        return rl_fail(c->op->forward == adaptive_avg_forward || c->op->forward == adaptive_max_forward ? RL_VALUE_ERROR : RL_RUNTIME_ERROR, "%s() Expected %dD or %dD input tensor, but got %s", c->op->parsed->name, n + 1, n + 2, rl_text_shape(x));
    if (c->op->forward == adaptive_avg_forward || c->op->forward == adaptive_max_forward) return check_adaptive(c, x, n);
    for (int i = x->ndim == n + 2; i < x->ndim; i++)
        if (x->shape[i] == 0)
            return rl_fail(RL_RUNTIME_ERROR, "%s(): Expected %dD or %dD (batch mode) tensor with optional 0 dim batch size for input, but got: %s", c->op->parsed->name, n + 1, n + 2, rl_text_shape(x));
    return true;
}

/* The window list of the primitives, checked. */
static bool fixed_window(Call *c, Tensor *x, int n, const Arg *stride, const Arg *pad, const Arg *dilation, bool ceil, bool count_pad, int64_t divisor, int64_t *window) {
    Arg size = c->arg[1], one = a_ints(1, (const int64_t[]){1});
    if (!check_input(c, x, n) || !widen(c, "kernel_size", &size, n, window) || !widen(c, "stride", stride->tag == A_INTS && stride->n ? stride : &size, n, window + n) ||
        !widen(c, "padding", pad, n, window + 2 * n) || !widen(c, "dilation", dilation ? dilation : &one, n, window + 3 * n)) return false;
    window[4 * n] = ceil, window[4 * n + 1] = count_pad, window[4 * n + 2] = divisor;
    Fixed f = {.ceil = ceil};
    for (int d = 0; d < n; d++) {
        int64_t in = x->shape[x->ndim - n + d], k = f.size[d] = window[d], s = f.stride[d] = window[n + d], p = f.pad[d] = window[2 * n + d], q = f.dilation[d] = window[3 * n + d];
        if (k <= 0 || k > INT32_MAX) return rl_fail(RL_RUNTIME_ERROR, "kernel size should be greater than zero, but got %s", rl_text_sizes(n, window));
        if (s <= 0 || s > INT32_MAX) return rl_fail(RL_RUNTIME_ERROR, "stride should not be zero: stride must be greater than zero, but got %s", rl_text_sizes(n, window + n));
        if (q <= 0 || q > INT32_MAX) return rl_fail(RL_RUNTIME_ERROR, "dilation should be greater than zero, but got dilation %s", rl_text_sizes(n, window + 3 * n));
        if (p < 0) return rl_fail(RL_RUNTIME_ERROR, "pad must be non-negative, but got pad: %" PRId64, p);
        if (p > ((k - 1) * q + 1) / 2) return rl_fail(RL_RUNTIME_ERROR, "pad should be at most half of effective kernel size, but got pad=%" PRId64 ", kernel_size=%" PRId64 " and dilation=%" PRId64, p, k, q);
        if (out_size(in, &f, d) < 1)
            return rl_fail(RL_RUNTIME_ERROR, "Given input size: %s. Calculated output size: %" PRId64 " in dimension %d. Output size is too small", rl_text_shape(x), out_size(in, &f, d), d);
    }
    return true;
}

static Tensor *max_pool_nd_forward(Call *c) {
    int n = c->op->data;
    int64_t window[15];
    Arg *a = c->arg;
    Tensor *pair[2], **out = rl_outputs(c, 2);
    if (!out || !fixed_window(c, a[0].tensor, n, &a[2], &a[3], &a[4], a[5].b, false, 0, window)) return NULL;
    if (!rl_apply_many(RL_OP("_max_pool"), 2, (Arg[]){a[0], a_ints(4 * n + 3, window)}, 2, pair)) return NULL;
    out[1] = pair[1];
    return out[0] = pair[0];
}

static Tensor *max_pool_only_forward(Call *c) {
    int n = c->op->data;
    int64_t window[15];
    Arg *a = c->arg;
    if (!fixed_window(c, a[0].tensor, n, &a[2], &a[3], &a[4], a[5].b, false, 0, window)) return NULL;
    Tensor *x = a[0].tensor;
    if (rl_is_followed(x) || !rl_dtype_is(x->dtype, CLASS_FLOAT)) return rl_do("_max_pool", a[0], a_ints(4 * n + 3, window));
    Arg list = a_ints(4 * n + 3, window);
    return maxima(c, x, &list, NULL);      /* nobody will ask where they stood */
}

static Tensor *avg_pool_nd_forward(Call *c) {
    int n = c->op->data;
    int64_t window[15];
    Arg *a = c->arg;
    int64_t divisor = n > 1 && a[6].tag == A_INT ? a[6].i : 0;
    if (n > 1 && a[6].tag == A_INT && !divisor) return rl_fail(RL_RUNTIME_ERROR, "divisor must be not zero");
    if (rl_dtype_is(a[0].tensor->dtype, CLASS_COMPLEX | CLASS_BOOL)) return rl_fail(RL_NOT_IMPLEMENTED, "\"avg_pool%dd\" not implemented for '%s'", n, rl_dtypes[a[0].tensor->dtype].word);
    if (!fixed_window(c, a[0].tensor, n, &a[2], &a[3], NULL, a[4].b, a[5].b, divisor, window)) return NULL;
    return rl_do("_mean_pool", a[0], a_ints(4 * n + 3, window));
}

static bool adaptive_sizes(Call *c, int64_t *out) {
    int n = c->op->data;
    Tensor *x = c->arg[0].tensor;
    if (!widen(c, "output_size", &c->arg[1], n, out) || !check_input(c, x, n)) return false;
    for (int i = 0; i < n; i++) {
        if (out[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "%s(): elements of output_size must be greater than or equal to 0 but received %s", c->op->parsed->name, rl_text_sizes(n, out));
    }
    return true;
}

static Tensor *adaptive_avg_forward(Call *c) {
    int64_t out[3];
    if (rl_dtype_is(c->arg[0].tensor->dtype, CLASS_INTEGRAL | CLASS_COMPLEX))
        return rl_fail(RL_NOT_IMPLEMENTED, "\"adaptive_avg_pool%dd\" not implemented for '%s'", c->op->data, rl_dtypes[c->arg[0].tensor->dtype].word);
    return adaptive_sizes(c, out) ? rl_do("_mean_pool", c->arg[0], a_ints(c->op->data, out)) : NULL;
}

static Tensor *adaptive_max_forward(Call *c) {
    int64_t size[3];
    Tensor *pair[2], **out = rl_outputs(c, 2);
    if (!out || !adaptive_sizes(c, size) || !rl_apply_many(RL_OP("_max_pool"), 2, (Arg[]){c->arg[0], a_ints(c->op->data, size)}, 2, pair)) return NULL;
    out[1] = pair[1];
    return out[0] = pair[0];
}

#define POOLS(n, shape)                                                                                                                                \
    {                                                                                                                                                  \
        .sig = "max_pool" #n "d_with_indices(input: Tensor, kernel_size: int | list[int], stride: int | list[int] | None = None, padding: int | list[int] = 0, " \
               "dilation: int | list[int] = 1, ceil_mode: bool = False) -> (Tensor, Tensor)",                                                          \
        .where = NN, .flags = COMPOSITE, .data = n, .forward = max_pool_nd_forward, .samples = "x(2, 3" shape "), 2; x(2, 3" shape "), 3, 2, 1; x(3" shape "), 2, 1, 0, 2, True", \
        .doc = "The largest element of each window over " #n " spatial dim(s), and its place in the flattened image.\n\n"                              \
               ">>> rl.nn.functional.max_pool" #n "d_with_indices(rl.ones(1, 1" shape "), 2)[1].dtype\nrushlight.int64",                               \
    },                                                                                                                                                 \
    {                                                                                                                                                  \
        .sig = "max_pool" #n "d(input: Tensor, kernel_size: int | list[int], stride: int | list[int] | None = None, padding: int | list[int] = 0, "    \
               "dilation: int | list[int] = 1, ceil_mode: bool = False) -> Tensor",                                                                    \
        .where = FUNCTION | NN, .flags = COMPOSITE, .data = n, .forward = max_pool_only_forward, .samples = "x(2, 3" shape "), 2; x(2, 3" shape "), 3, 2, 1", \
        .doc = "The largest element of each window over " #n " spatial dim(s).\n\n>>> rl.max_pool" #n "d(rl.ones(1, 1" shape "), 2).max()\ntensor(1.)",  \
    },                                                                                                                                                 \
    {                                                                                                                                                  \
        .sig = "adaptive_avg_pool" #n "d(input: Tensor, output_size: int | list[int]) -> Tensor", .where = NN | (n == 1 ? FUNCTION : 0), .flags = COMPOSITE, .data = n, \
        .forward = adaptive_avg_forward, .samples = "x(2, 3" shape "), 2; x(2, 3" shape "), 3",                                                        \
        .doc = "Means of as many windows as asked for over " #n " spatial dim(s).\n\n>>> rl.nn.functional.adaptive_avg_pool" #n "d(rl.ones(1, 1" shape "), 1).flatten()\ntensor([1.])", \
    },                                                                                                                                                 \
    {                                                                                                                                                  \
        .sig = "adaptive_max_pool" #n "d_with_indices(input: Tensor, output_size: int | list[int]) -> (Tensor, Tensor)", .where = NN, .flags = COMPOSITE, .data = n, \
        .forward = adaptive_max_forward, .samples = "x(2, 3" shape "), 2; x(2, 3" shape "), 3",                                                        \
        .doc = "Largest elements of as many windows as asked for, and their places.\n\n>>> rl.nn.functional.adaptive_max_pool" #n "d_with_indices(rl.ones(1, 1" shape "), 1)[0].flatten()\ntensor([1.])", \
    }

#define AVERAGE(n, shape, more)                                                                                                                        \
    {                                                                                                                                                  \
        .sig = "avg_pool" #n "d(input: Tensor, kernel_size: int | list[int], stride: int | list[int] | None = None, padding: int | list[int] = 0, "    \
               "ceil_mode: bool = False, count_include_pad: bool = True" more ") -> Tensor",                                                           \
        .where = NN | OUT | (n == 1 ? FUNCTION : 0), .flags = COMPOSITE | EXACT_OUT, .data = n, .forward = avg_pool_nd_forward,                                          \
        .samples = "x(2, 3" shape "), 2; x(2, 3" shape "), 3, 2, 1; x(2, 3" shape "), 3, 2, 1, True, False",                                           \
        .doc = "The mean of each window over " #n " spatial dim(s).\n\n>>> rl.nn.functional.avg_pool" #n "d(rl.ones(1, 1" shape "), 2).max()\ntensor(1.)", \
    }

Op rl_pool_ops[] = {
    {
        .sig = "_max_pool(input: Tensor, window: list[int]) -> (Tensor, Tensor)", .where = PRIVATE, .dtypes = CLASS_REAL, .flags = FLAT, .saves = SAVE_OUT(1), .node = "MaxPoolWithIndicesBackward0",
        .doc = "Maxima and their places; window is [sizes.., strides.., pads.., dilations.., ceil, 0, 0] or, adaptive, [outs..].\n\n"
               ">>> rl._C._ops._max_pool(rl.tensor([[1., 3., 2.]]), [1])\n(tensor([[3.]]), tensor([[1]]))",
        .forward = max_pool_forward, .vjp = max_pool_vjp, .samples = "x(2, 3, 5), [2, 2, 0, 1, 0, 0, 0]; x(2, 3, 5), [2]",
    },
    {
        .sig = "_mean_pool(input: Tensor, window: list[int]) -> Tensor", .flags = FLAT, .where = PRIVATE, .dtypes = CLASS_REAL, .node = "AvgPoolBackward0",
        .doc = "Means; window is [sizes.., strides.., pads.., dilations.., ceil, count_pad, divisor] or, adaptive, [outs..].\n\n"
               ">>> rl._C._ops._mean_pool(rl.tensor([[1., 3., 2.]]), [1])\ntensor([[2.]])",
        .forward = mean_pool_forward, .vjp = mean_pool_vjp, .samples = "x(2, 3, 5), [2, 2, 0, 1, 0, 1, 0]; x(2, 3, 5), [2]",
    },
    {
        .sig = "_mean_unpool(grad: Tensor, size: list[int], window: list[int]) -> Tensor", .where = PRIVATE, .dtypes = CLASS_REAL, .node = "AvgPoolBackwardBackward0",
        .doc = "The adjoint of _mean_pool: every mean's gradient shared out over its window.\n\n"
               ">>> rl._C._ops._mean_unpool(rl.tensor([[3.]]), [3], [1])\ntensor([[1., 1., 1.]])",
        .forward = mean_unpool_forward, .vjp = mean_unpool_vjp, .samples = "x(2, 3, 2), [5], [2, 2, 0, 1, 0, 1, 0]; x(2, 3, 2), [5], [2]",
    },
    POOLS(1, ", 5"), POOLS(2, ", 5, 4"), POOLS(3, ", 3, 4, 5"),
    AVERAGE(1, ", 5", ""), AVERAGE(2, ", 5, 4", ", divisor_override: int | None = None"), AVERAGE(3, ", 3, 4, 5", ", divisor_override: int | None = None"),
    {0},
};
