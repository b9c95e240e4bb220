/* norm.c -- layer, batch, group and instance normalisation.
 *
 * Layer and batch norm are fused: one pass for the statistics, one for the result, and a fused gradient.  Where the gradient
 * itself is being differentiated, it is written out in operations instead. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static Dtype work_dtype(Dtype d) { return d == RL_FLOAT64 ? RL_FLOAT64 : RL_FLOAT32; }
static Tensor *ready(Tensor *t, Dtype work) { return rl_contiguous(rl_cast(t, work)); }
static char *data_or_null(Tensor *t) { return t ? rl_data(t) : NULL; }

/* ---- layer norm ------------------------------------------------------------------------------------------------------------ */

static bool check_layer_norm(Tensor *x, const Arg *shape, Tensor *w, Tensor *b) {
    bool fits = shape->n <= x->ndim;
    if (shape->n < 1) return rl_fail(RL_RUNTIME_ERROR, "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []");
    for (int i = 0; fits && i < shape->n; i++) fits = x->shape[x->ndim - shape->n + i] == shape->ints[i];
    for (int k = 0; k < 2; k++) {
        Tensor *t = k ? b : w;
        bool same = !t || t->ndim == shape->n;
        for (int i = 0; t && same && i < t->ndim; i++) same = t->shape[i] == shape->ints[i];
        if (!same)
            return rl_fail(RL_RUNTIME_ERROR, "Expected %s to be of same shape as normalized_shape, but got %s of shape %s and normalized_shape = %s", k ? "bias" : "weight", k ? "bias" : "weight", rl_text_shape(t), rl_text_sizes(shape->n, shape->ints));
        if (t && t->dtype != x->dtype && !(rl_dtype_is(x->dtype, CLASS_HALF) && t->dtype == RL_FLOAT32))
            return rl_fail(RL_RUNTIME_ERROR, "expected scalar type %s but found %s for the %s of layer_norm", rl_dtypes[x->dtype].word, rl_dtypes[t->dtype].word, k ? "bias" : "weight");
    }
    if (!fits)
        return rl_fail(RL_RUNTIME_ERROR, "Given normalized_shape=%s, expected input with shape [*, %s, but got input of size%s", rl_text_sizes(shape->n, shape->ints), rl_text_sizes(shape->n, shape->ints) + 1 /* the bracket */, rl_text_shape(x));
    return true;
}

typedef struct Rows { Dtype dtype; int64_t n; int bytes; char *x, *w, *b, *y, *mean, *scale, *g, *dx; double eps; } Rows;

static void layer_range(int64_t begin, int64_t end, void *state) {
    const Rows *k = state;
    int64_t at = begin * k->n * k->bytes;
    rl_kernels->norm_rows[k->dtype](end - begin, k->n, k->x + at, k->w, k->b, k->eps, k->y + at, k->mean + begin * k->bytes, k->scale + begin * k->bytes);
}

static void layer_grad_range(int64_t begin, int64_t end, void *state) {
    const Rows *k = state;
    int64_t at = begin * k->n * k->bytes;
    rl_kernels->norm_rows_grad[k->dtype](end - begin, k->n, k->g + at, k->x + at, k->w, k->mean + begin * k->bytes, k->scale + begin * k->bytes, k->dx + at, NULL, NULL);
}

static Tensor *layer_norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = rl_arg_tensor(c, 2), *b = rl_arg_tensor(c, 3), **out = rl_outputs(c, 3);
    const Arg *shape = &c->arg[1];
    if (!out || !check_layer_norm(x, shape, w, b)) return NULL;
    Dtype work = work_dtype(x->dtype);
    int64_t n = 1, stat[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) {
        bool inner = i >= x->ndim - shape->n;
        if (inner) n *= x->shape[i];
        stat[i] = inner ? 1 : x->shape[i];
    }
    Tensor *y = rl_empty(x->ndim, x->shape, work), *dense = ready(x, work), *wd = w ? ready(w, work) : NULL, *bd = b ? ready(b, work) : NULL;
    out[1] = rl_empty(x->ndim, stat, work);
    out[2] = rl_empty(x->ndim, stat, work);
    if (b && !w) wd = rl_full(shape->n, shape->ints, work, 1);
    if (!y || !dense || !out[1] || !out[2] || (w && !wd) || (b && (!bd || !wd))) return NULL;
    Rows k = {work, n, rl_dtypes[work].bytes, rl_data(dense), data_or_null(wd), data_or_null(bd), rl_data(y), rl_data(out[1]), rl_data(out[2]), NULL, NULL, a_double(&c->arg[4])};
    if (n && x->numel && !rl_parallel_for(x->numel / n, 1 + 30000 / n, layer_range, &k)) return NULL;
    if (!n && !rl_fill(out[1], &(Arg){.tag = A_INT})) return NULL;
    return out[0] = rl_cast(y, x->dtype);
}

static Tensor *sum_lead(Tensor *t, int keep) {
    int64_t dims[RL_MAX_DIMS];
    int n = t ? t->ndim - keep : 0;
    for (int i = 0; i < n; i++) dims[i] = i;
    return rl_sum(t, n, dims, false);
}

/* The same gradient in operations: dx = s (g w - mean(g w) - xhat mean(g w xhat)). */
static void layer_norm_open(Call *c, Tensor *g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *w = rl_arg_tensor(c, 2);
    int inner = c->arg[1].n;
    int64_t dims[RL_MAX_DIMS];
    for (int i = 0; i < inner; i++) dims[i] = i - inner;
    Arg over = a_ints(inner, dims), keep = a_b(true);
    Tensor *centred = rl_sub(x, rl_do_overload("mean", 1, a_t(x), over, keep));
    Tensor *s = rl_do("rsqrt", a_t(rl_add_number(rl_do_overload("mean", 1, a_t(rl_mul(centred, centred)), over, keep), a_double(&c->arg[4]))));
    Tensor *xhat = rl_mul(centred, s), *gw = w ? rl_mul(g, w) : g;
    if (rl_need(c, 0)) {
        Tensor *a = rl_do_overload("mean", 1, a_t(gw), over, keep), *b = rl_mul(xhat, rl_do_overload("mean", 1, a_t(rl_mul(gw, xhat)), over, keep));
        dx[0] = rl_mul(s, rl_sub(rl_sub(gw, a), b));
    }
    if (rl_need(c, 2)) dx[2] = sum_lead(rl_mul(g, xhat), inner);
    if (rl_need(c, 3)) dx[3] = sum_lead(g, inner);
}

static void layer_norm_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0]) return;
    if (rl_thread.grad_mode || rl_meta(c, 0)->dtype != work_dtype(rl_meta(c, 0)->dtype)) {
        layer_norm_open(c, g[0], dx);
        return;
    }
    Tensor *x = rl_contiguous(c->arg[0].tensor), *gd = rl_contiguous(g[0]), *w = rl_contiguous(rl_arg_tensor(c, 2)), *dw = NULL, *db = NULL, *d = NULL;
    const Arg *shape = &c->arg[1];
    int64_t n = 1;
    for (int i = 0; i < shape->n; i++) n *= shape->ints[i];
    if (!x || !gd) return;
    if (rl_need(c, 0)) dx[0] = d = rl_empty(x->ndim, x->shape, x->dtype);
    if (rl_need(c, 2)) dx[2] = dw = rl_zeros(shape->n, shape->ints, x->dtype);
    if (rl_need(c, 3)) dx[3] = db = rl_zeros(shape->n, shape->ints, x->dtype);
    if (rl_thread.failed || !n || !x->numel) return;
    Rows k = {x->dtype, n, rl_dtypes[x->dtype].bytes, rl_data(x), data_or_null(w), NULL, NULL, rl_data(c->out[1]), rl_data(c->out[2]), rl_data(gd), data_or_null(d), 0};
    int64_t rows = x->numel / n;
    if (rl_threads() == 1 || rows < 64 || !d) {
        rl_kernels->norm_rows_grad[k.dtype](rows, n, k.g, k.x, k.w, k.mean, k.scale, k.dx, data_or_null(dw), data_or_null(db));
        return;
    }
    if (!rl_parallel_for(rows, 1 + 30000 / n, layer_grad_range, &k)) return;
    if (dw || db) rl_kernels->norm_rows_grad[k.dtype](rows, n, k.g, k.x, k.w, k.mean, k.scale, NULL, data_or_null(dw), data_or_null(db));
}

static Tensor *layer_norm_only_forward(Call *c) { return rl_do("native_layer_norm", c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4]); }

/* ---- batch norm ------------------------------------------------------------------------------------------------------------ */

typedef struct Channels {
    Dtype dtype;
    int bytes;
    int64_t batch, channels, inner;
    char *x, *y, *g, *dx;
    double *mean, *scale, *weight, *bias, *sum, *dot, *mul, *x_mul, *add;
    char *factor[4];
    bool training;
} Channels;

static char *plane(const Channels *k, char *base, int64_t n, int64_t ch) { return base + (n * k->channels + ch) * k->inner * k->bytes; }

/* Planes of one element, [N, C]: a call for each would cost more than its work, so channels are taken side by side. */
static void stats_beside(const Channels *k, int64_t begin, int64_t end) {
    int64_t n = end - begin;
    double *mean = k->mean + begin, *square = k->scale + begin;
    const char *x = k->x + begin * k->bytes;
    memset(mean, 0, (size_t)n * 8);
    memset(square, 0, (size_t)n * 8);
    rl_kernels->column_sums[k->dtype](k->batch, n, k->channels, x, mean, square);
    for (int64_t i = 0; i < n; i++) {
        double off = mean[i] / (double)k->batch, first = k->dtype == RL_FLOAT64 ? ((const double *)x)[i] : ((const float *)x)[i];
        square[i] = square[i] / (double)k->batch - off * off;
        if (square[i] < 0) square[i] = 0;
        mean[i] = first + off;
    }
}

static void apply_beside(int64_t begin, int64_t end, void *state) {
    const Channels *k = state;
    int64_t at = begin * k->channels * k->bytes;
    rl_kernels->column_mix[k->dtype](end - begin, k->channels, NULL, k->x + at, (const char *const *)k->factor, k->y + at);
}

static void back_beside(int64_t begin, int64_t end, void *state) {
    const Channels *k = state;
    int64_t at = begin * k->channels * k->bytes;
    rl_kernels->column_mix[k->dtype](end - begin, k->channels, k->g + at, k->x + at, (const char *const *)k->factor, k->dx + at);
}

/* mul, add, mean and, on the way back, x_mul as elements. */
static bool set_factors(Channels *k, bool back) {
    const double *from[4] = {k->mul, k->x_mul, k->add, k->mean};
    for (int i = 0; i < 4; i++) {
        if (i == 1 && !back) continue;
        if (!(k->factor[i] = rl_scope_bytes((k->channels + 1) * k->bytes))) return false;
        rl_kernels->cast[RL_FLOAT64][k->dtype](k->channels, (char *[]){k->factor[i], (char *)from[i]}, (int64_t[]){k->bytes, 8}, NULL);
    }
    return true;
}

static void channel_stats(int64_t begin, int64_t end, void *state) {
    const Channels *k = state;
    if (k->inner == 1) {
        stats_beside(k, begin, end);
        return;
    }
    for (int64_t ch = begin; ch < end; ch++) {
        double sum = 0, square = 0, count = (double)k->batch * (double)k->inner;
        for (int64_t n = 0; n < k->batch; n++) sum += rl_kernels->lane_sum[k->dtype](k->inner, plane(k, k->x, n, ch));
        k->mean[ch] = sum / count;
        for (int64_t n = 0; n < k->batch; n++) square += rl_kernels->lane_square[k->dtype](k->inner, plane(k, k->x, n, ch), k->mean[ch]);
        k->scale[ch] = square / count;      /* the variance, for now */
    }
}

static void channel_apply(int64_t begin, int64_t end, void *state) {
    const Channels *k = state;
    for (int64_t i = begin; i < end; i++) {
        int64_t ch = i % k->channels;
        rl_kernels->scale_shift[k->dtype](k->inner, k->x + i * k->inner * k->bytes, k->mean[ch], k->mul[ch], k->add[ch], k->y + i * k->inner * k->bytes);
    }
}

static void channel_dots(int64_t begin, int64_t end, void *state) {
    const Channels *k = state;
    if (k->inner == 1) {
        rl_kernels->column_dots[k->dtype](k->batch, end - begin, k->channels, k->g + begin * k->bytes, k->x + begin * k->bytes, k->mean + begin, k->sum + begin, k->dot + begin);
        return;
    }
    for (int64_t ch = begin; ch < end; ch++) {
        double sum = 0, dot = 0;
        for (int64_t n = 0; n < k->batch; n++) {
            double part[2];
            rl_kernels->lane_sums[k->dtype](k->inner, plane(k, k->g, n, ch), plane(k, k->x, n, ch), k->mean[ch], &part[0], &part[1]);
            sum += part[0];
            dot += part[1];
        }
        k->sum[ch] = sum;
        k->dot[ch] = dot;
    }
}

/* The gradient as a sum of multiples, by channel. */
static void set_back(const Channels *k) {
    double count = (double)k->batch * (double)k->inner;
    for (int64_t ch = 0; ch < k->channels; ch++) {
        double s = k->scale[ch], mul = s * k->weight[ch], x_mul = k->training ? -mul * s * s * k->dot[ch] / count : 0;
        k->mul[ch] = mul;
        k->x_mul[ch] = x_mul;
        k->add[ch] = k->training ? -mul * k->sum[ch] / count : 0;
    }
}

static void channel_back(int64_t begin, int64_t end, void *state) {
    const Channels *k = state;
    for (int64_t i = begin; i < end; i++) {
        int64_t ch = i % k->channels;
        rl_kernels->channel_grad[k->dtype](k->inner, k->g + i * k->inner * k->bytes, k->x + i * k->inner * k->bytes, k->mean[ch], k->mul[ch], k->x_mul[ch], k->add[ch], k->dx + i * k->inner * k->bytes);
    }
}

static bool read_doubles(Tensor *t, double *out, int64_t n, double otherwise) {
    Tensor *d = t ? ready(t, RL_FLOAT64) : NULL;
    if (t && !d) return false;
    for (int64_t i = 0; i < n; i++) out[i] = d ? ((double *)rl_data(d))[i] : otherwise;
    return true;
}

/* Channels that lie beside each other stay so: images are then rows of them. */
static Tensor *ready_beside(Tensor *t, Dtype work) {
    Tensor *x = rl_cast(t, work);
    return x && rl_is_channels_last(x) && rl_steps_channels_last(x) ? x : rl_contiguous(x);
}

static bool set_channels(Channels *k, Tensor *x) {
    *k = (Channels){.dtype = x->dtype, .bytes = rl_dtypes[x->dtype].bytes, .batch = x->shape[0], .channels = x->shape[1]};
    k->inner = k->batch && k->channels ? x->numel / k->batch / k->channels : 0;
    if (!rl_is_contiguous(x)) {
        k->batch *= k->inner;
        k->inner = 1;
    }
    double *room = rl_scope_bytes(9 * (k->channels + 1) * 8);
    if (!room) return false;
    double **each[] = {&k->mean, &k->scale, &k->weight, &k->bias, &k->sum, &k->dot, &k->mul, &k->x_mul, &k->add};
    for (int i = 0; i < 9; i++) *each[i] = room + i * (k->channels + 1);
    k->x = rl_data(x);
    return true;
}

static bool check_batch_norm(Tensor *x, Tensor *const *per_channel, bool training) {
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "batch_norm(): expected an input of at least 2 dimensions [N, C, ...], but got shape %s", rl_text_shape(x));
    for (int i = 0; i < 4; i++)
        if (per_channel[i] && (per_channel[i]->ndim != 1 || per_channel[i]->numel != x->shape[1]))
            return rl_fail(RL_RUNTIME_ERROR, "%s should contain %" PRId64 " elements not %" PRId64 ": batch_norm() of input %s", names[i], x->shape[1], per_channel[i]->numel, rl_text_shape(x));
    if (!training && (!per_channel[2] || !per_channel[3])) return rl_fail(RL_RUNTIME_ERROR, "running_mean and running_var must be defined in evaluation mode");
    return true;
}

/* running = (1 - momentum) running + momentum new; the variance unbiased.  As in torch no version is counted: two forward passes before one
 * backward are usual. */
static bool update_running(Tensor *running, const double *now, int64_t n, double momentum, double factor) {
    if (!running) return true;
    Tensor *fresh = rl_empty(1, &n, RL_FLOAT64), *old = rl_cast(running, RL_FLOAT64);
    if (!fresh || !(old = rl_contiguous(old))) return false;
    for (int64_t i = 0; i < n; i++) ((double *)rl_data(fresh))[i] = (1 - momentum) * ((double *)rl_data(old))[i] + momentum * factor * now[i];
    return rl_copy_into(running, fresh) != NULL;
}

static Tensor *doubles(const double *v, int64_t n, Dtype dtype) {
    Tensor *t = rl_empty(1, &n, RL_FLOAT64);
    if (t && n) memcpy(rl_data(t), v, (size_t)n * 8);
    return rl_cast(t, dtype);
}

static Tensor *batch_norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *each[4], **out = rl_outputs(c, 3);
    bool training = c->arg[5].b;
    double momentum = a_double(&c->arg[6]), eps = a_double(&c->arg[7]);
    for (int i = 0; i < 4; i++) each[i] = rl_arg_tensor(c, i + 1);
    if (!out || !check_batch_norm(x, each, training)) return NULL;
    Dtype work = work_dtype(x->dtype);
    Tensor *dense = ready_beside(x, work), *y = dense ? rl_empty_like(dense, work) : NULL;
    Channels k;
    if (!dense || !y || !set_channels(&k, dense)) return NULL;
    k.y = rl_data(y);
    int64_t n = k.channels, per_plane = 1 + 30000 / (k.inner + 1);
    if (!read_doubles(each[0], k.weight, n, 1) || !read_doubles(each[1], k.bias, n, 0)) return NULL;
    if (training) {
        double count = (double)k.batch * (double)k.inner;
        if (x->numel && !rl_parallel_for(n, 1 + 30000 / (k.batch * k.inner + 1), channel_stats, &k)) return NULL;
        bool any = count > 0;     /* a batch without elements teaches nothing */
        if (any && (!update_running(each[2], k.mean, n, momentum, 1) || !update_running(each[3], k.scale, n, momentum, count / (count - 1)))) return NULL;
    } else if (!read_doubles(each[2], k.mean, n, 0) || !read_doubles(each[3], k.scale, n, 1)) return NULL;
    for (int64_t i = 0; i < n; i++) {
        k.scale[i] = 1 / sqrt(k.scale[i] + eps);
        k.mul[i] = k.scale[i] * k.weight[i];
        k.add[i] = k.bias[i];
    }
    if (k.inner == 1) {
        if (!set_factors(&k, false) || !rl_parallel_for(k.batch, 1 + 30000 / (n + 1), apply_beside, &k)) return NULL;
    } else if (x->numel && !rl_parallel_for(k.batch * n, per_plane, channel_apply, &k)) return NULL;
    out[1] = doubles(k.mean, training ? n : 0, work);
    out[2] = doubles(k.scale, training ? n : 0, work);
    return out[0] = rl_cast(y, x->dtype);
}

static Tensor *per_channel(Tensor *t, int ndim) {
    int64_t shape[RL_MAX_DIMS];
    for (int i = 0; t && i < ndim; i++) shape[i] = i == 1 ? t->numel : 1;
    return t ? rl_reshape(t, ndim, shape) : NULL;
}

static void batch_norm_open(Call *c, Tensor *g, Tensor **dx) {
    Tensor *x = g ? rl_cast(c->arg[0].tensor, g->dtype) : NULL;
    if (!x) return;
    Tensor *w = per_channel(rl_arg_tensor(c, 1), x->ndim);
    bool training = c->arg[5].b;
    int64_t dims[RL_MAX_DIMS];
    int n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i != 1) dims[n++] = i;
    Arg over = a_ints(n, dims), keep = a_b(true);
    Tensor *mean = training ? rl_do_overload("mean", 1, a_t(x), over, keep) : per_channel(c->arg[3].tensor, x->ndim);
    Tensor *centred = rl_sub(x, mean);
    Tensor *var = training ? rl_do_overload("mean", 1, a_t(rl_mul(centred, centred)), over, keep) : per_channel(c->arg[4].tensor, x->ndim);
    Tensor *s = rl_do("rsqrt", a_t(rl_add_number(var, a_double(&c->arg[7])))), *xhat = rl_mul(centred, s), *gw = w ? rl_mul(g, w) : g;
    if (rl_need(c, 0)) {
        if (training) {
            Tensor *a = rl_do_overload("mean", 1, a_t(gw), over, keep), *b = rl_mul(xhat, rl_do_overload("mean", 1, a_t(rl_mul(gw, xhat)), over, keep));
            dx[0] = rl_mul(s, rl_sub(rl_sub(gw, a), b));
        } else dx[0] = rl_mul(s, gw);
    }
    if (rl_need(c, 1)) dx[1] = rl_sum(rl_mul(g, xhat), n, dims, false);
    if (rl_need(c, 2)) dx[2] = rl_sum(g, n, dims, false);
}

static void batch_norm_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0]) return;
    Dtype work = work_dtype(rl_meta(c, 0)->dtype);        /* halves in float: what is left of differences is small */
    if (rl_thread.grad_mode) {
        batch_norm_open(c, rl_cast(g[0], work), dx);
        return;
    }
    Tensor *x = ready_beside(c->arg[0].tensor, work), *gd = !x ? NULL : rl_is_contiguous(x) ? ready(g[0], work) : rl_channels_last_as(ready_beside(g[0], work), x);
    Channels k;
    if (!x || !gd || !set_channels(&k, x)) return;
    int64_t n = k.channels;
    k.training = c->arg[5].b;
    k.g = rl_data(gd);
    if (!read_doubles(rl_arg_tensor(c, 1), k.weight, n, 1)) return;
    if (k.training) {
        if (!read_doubles(c->out[1], k.mean, n, 0) || !read_doubles(c->out[2], k.scale, n, 1)) return;
    } else {
        if (!read_doubles(c->arg[3].tensor, k.mean, n, 0) || !read_doubles(c->arg[4].tensor, k.scale, n, 1)) return;
        for (int64_t i = 0; i < n; i++) k.scale[i] = 1 / sqrt(k.scale[i] + a_double(&c->arg[7]));
    }
    memset(k.sum, 0, (size_t)n * 8);
    memset(k.dot, 0, (size_t)n * 8);
    if (x->numel && !rl_parallel_for(n, 1 + 30000 / (k.batch * k.inner + 1), channel_dots, &k)) return;
    if (rl_need(c, 0)) {
        if (!(dx[0] = rl_empty_like(x, x->dtype))) return;
        k.dx = rl_data(dx[0]);
        set_back(&k);
        if (k.inner == 1) {
            if (!set_factors(&k, true) || !rl_parallel_for(k.batch, 1 + 30000 / (n + 1), back_beside, &k)) return;
        } else if (x->numel && !rl_parallel_for(k.batch * n, 1 + 30000 / (k.inner + 1), channel_back, &k)) return;
    }
    if (rl_need(c, 2)) dx[2] = doubles(k.sum, n, x->dtype);
    for (int64_t i = 0; i < n; i++) k.dot[i] *= k.scale[i];
    if (rl_need(c, 1)) dx[1] = doubles(k.dot, n, x->dtype);
}

static Tensor *batch_norm_only_forward(Call *c) {
    Arg *a = c->arg;
    return rl_do("native_batch_norm", a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
}

/* nn.functional's order of arguments. */
static Tensor *functional_batch_norm_forward(Call *c) {
    Arg *a = c->arg;
    return rl_do("native_batch_norm", a[0], a[3], a[4], a[1], a[2], a[5], a[6], a[7]);
}

/* ---- group and instance norm --------------------------------------------------------------------------------------------------- */

static Tensor *affine(Tensor *y, Tensor *w, Tensor *b) {
    if (w && y) y = rl_mul(y, per_channel(w, y->ndim));
    return b && y ? rl_add(y, per_channel(b, y->ndim)) : y;
}

/* Whether halves are to be normalised in float, because weight and bias are floats; false with an error when the dtypes go together in no way. */
static bool in_float(Tensor *x, Tensor *w, Tensor *b) {
    Tensor *given[] = {w, b};
    for (int i = 0; x && i < 2; i++) {
        if (!given[i] || (given[i]->dtype == x->dtype && (!w || w->dtype == x->dtype))) continue;
        if (given[i]->dtype != RL_FLOAT32) return rl_fail(RL_RUNTIME_ERROR, "mixed dtype (CPU): expect parameter to have scalar type of Float, but the input is %s and the %s is %s", rl_dtypes[x->dtype].word, i ? "bias" : "weight", rl_dtypes[given[i]->dtype].word);
        if (!rl_dtype_is(x->dtype, CLASS_HALF)) return rl_fail(RL_RUNTIME_ERROR, "mixed dtype (CPU): all inputs must share same datatype, but the input is %s and the %s is Float", rl_dtypes[x->dtype].word, i ? "bias" : "weight");
    }
    return x && rl_dtype_is(x->dtype, CLASS_HALF) && ((w && w->dtype == RL_FLOAT32) || (b && b->dtype == RL_FLOAT32));
}

/* Groups of channels: a row of the input is a group, a plane one channel of it. */
typedef struct Groups { Dtype dtype; int bytes; int64_t channels, inner; char *x, *g, *y; double *weight, *bias, *mean, *scale, *sum, *dot; double eps; } Groups;   /* channels: per group, of weight: all */

static bool set_groups(Groups *k, Tensor *x, int64_t groups, Tensor *w, Tensor *b) {
    int64_t all = x->shape[1], rows = x->shape[0] * groups;
    *k = (Groups){.dtype = x->dtype, .bytes = rl_dtypes[x->dtype].bytes, .channels = all / groups, .inner = x->numel / x->shape[0] / all, .x = rl_data(x)};
    double *room = rl_scope_bytes((2 * all + 2 * rows + 2 * x->shape[0] * all) * 8);
    if (!room) return false;
    k->weight = room, k->bias = room + all, k->mean = k->bias + all, k->scale = k->mean + rows, k->sum = k->scale + rows, k->dot = k->sum + x->shape[0] * all;
    return read_doubles(w, k->weight, all, 1) && read_doubles(b, k->bias, all, 0);
}

typedef struct GroupRange { Groups k; int64_t groups; } GroupRange;

static void group_range(int64_t begin, int64_t end, void *state) {
    const GroupRange *r = state;
    const Groups *k = &r->k;
    int64_t n = k->channels * k->inner, plane = k->inner * k->bytes;
    for (int64_t i = begin; i < end; i++) {
        const char *x = k->x + i * n * k->bytes;
        char *y = k->y + i * n * k->bytes;
        double mean = rl_kernels->lane_sum[k->dtype](n, x) / (double)n, scale = 1 / sqrt(rl_kernels->lane_square[k->dtype](n, x, mean) / (double)n + k->eps);
        k->mean[i] = mean;
        k->scale[i] = scale;
        for (int64_t j = 0; j < k->channels; j++) {
            int64_t channel = i % r->groups * k->channels + j;
            rl_kernels->scale_shift[k->dtype](k->inner, x + j * plane, mean, scale * k->weight[channel], k->bias[channel], y + j * plane);
        }
    }
}

/* With gradient h = g w: dx = s (h - mean(h) - (x - m) s^2 mean(h (x - m))). */
static void group_grad_range(int64_t begin, int64_t end, void *state) {
    const GroupRange *r = state;
    const Groups *k = &r->k;
    int64_t n = k->channels * k->inner, plane = k->inner * k->bytes;
    for (int64_t i = begin; i < end; i++) {
        const char *x = k->x + i * n * k->bytes, *g = k->g + i * n * k->bytes;
        const double *w = k->weight + i % r->groups * k->channels;
        double *sum = k->sum + i * k->channels, *dot = k->dot + i * k->channels, a = 0, b = 0, s = k->scale[i];
        for (int64_t j = 0; j < k->channels; j++) {
            rl_kernels->lane_sums[k->dtype](k->inner, g + j * plane, x + j * plane, k->mean[i], &sum[j], &dot[j]);
            a += w[j] * sum[j];
            b += w[j] * dot[j];
        }
        double x_mul = -s * s * s * b / (double)n, add = -s * a / (double)n;
        for (int64_t j = 0; k->y && j < k->channels; j++)
            rl_kernels->channel_grad[k->dtype](k->inner, g + j * plane, x + j * plane, k->mean[i], s * w[j], x_mul, add, k->y + i * n * k->bytes + j * plane);
    }
}

/* (input, groups, weight, bias, eps) -> y, mean and reciprocal standard deviation of the groups; inputs have been checked. */
static Tensor *groups_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = rl_arg_tensor(c, 2), *b = rl_arg_tensor(c, 3), **out = rl_outputs(c, 3);
    int64_t groups = c->arg[1].i, rows, shape[2];
    if (!out || x->ndim < 2 || groups <= 0 || x->shape[1] % groups || x->numel == 0 || (w && w->numel != x->shape[1]) || (b && b->numel != x->shape[1]))
        return rl_fail(RL_RUNTIME_ERROR, "_group_norm(): %" PRId64 " groups do not fit an input of shape %s", groups, rl_text_shape(x));
    Dtype work = work_dtype(x->dtype);
    Tensor *dense = ready(x, work), *y = rl_empty(x->ndim, x->shape, work);
    GroupRange r = {.groups = groups};
    if (!dense || !y || !set_groups(&r.k, dense, groups, w, b)) return NULL;
    r.k.eps = a_double(&c->arg[4]);
    r.k.y = rl_data(y);
    shape[0] = x->shape[0], shape[1] = groups, rows = shape[0] * groups;
    if (!rl_parallel_for(rows, 1 + 30000 * rows / x->numel, group_range, &r)) return NULL;
    for (int k = 0; k < 2; k++)
        if (!(out[1 + k] = rl_reshape(doubles(k ? r.k.scale : r.k.mean, rows, work), 2, shape))) return NULL;
    return out[0] = rl_channels_last_as(rl_cast(y, x->dtype), x);
}

/* The same in operations, for where the gradient itself is differentiated. */
static void groups_open(Call *c, Tensor *g, Tensor **dx) {
    Tensor *x = g ? rl_cast(c->arg[0].tensor, g->dtype) : NULL, *w = rl_arg_tensor(c, 2);
    if (!x) return;
    int64_t groups = c->arg[1].i, rows = x->shape[0] * groups, flat[2] = {rows, x->numel / rows}, dims[RL_MAX_DIMS];
    int n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i != 1) dims[n++] = i;
    Tensor *lines = rl_reshape(x, 2, flat), *centred = rl_sub(lines, rl_mean_dim(lines, 1, true));
    Tensor *s = rl_do("rsqrt", a_t(rl_add_number(rl_mean_dim(rl_mul(centred, centred), 1, true), a_double(&c->arg[4])))), *xhat = rl_mul(centred, s);
    Tensor *seen = rl_reshape(xhat, x->ndim, x->shape);
    if (rl_need(c, 0)) {
        Tensor *h = rl_reshape(w ? rl_mul(g, per_channel(w, x->ndim)) : g, 2, flat);
        Tensor *a = rl_mean_dim(h, 1, true), *b = rl_mul(xhat, rl_mean_dim(rl_mul(h, xhat), 1, true));
        dx[0] = rl_reshape(rl_mul(s, rl_sub(rl_sub(h, a), b)), x->ndim, x->shape);
    }
    if (rl_need(c, 2)) dx[2] = rl_sum(rl_mul(g, seen), n, dims, false);
    if (rl_need(c, 3)) dx[3] = rl_sum(g, n, dims, false);
}

static void groups_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0]) return;
    Dtype dtype = work_dtype(rl_meta(c, 0)->dtype);       /* halves in float: what is left of differences is small */
    if (rl_thread.grad_mode) {
        groups_open(c, rl_cast(g[0], dtype), dx);
        return;
    }
    Tensor *x = ready(c->arg[0].tensor, dtype), *gd = ready(g[0], dtype);
    GroupRange r = {.groups = c->arg[1].i};
    if (!x || !gd || !set_groups(&r.k, x, r.groups, rl_arg_tensor(c, 2), NULL)) return;
    int64_t batch = x->shape[0], all = x->shape[1], rows = batch * r.groups;
    if (!read_doubles(c->out[1], r.k.mean, rows, 0) || !read_doubles(c->out[2], r.k.scale, rows, 1)) return;
    if (rl_need(c, 0) && !(dx[0] = rl_empty(x->ndim, x->shape, dtype))) return;
    r.k.g = rl_data(gd);
    r.k.y = data_or_null(dx[0]);
    if (!rl_parallel_for(rows, 1 + 30000 * rows / x->numel, group_grad_range, &r)) return;
    dx[0] = rl_channels_last_as(dx[0], c->arg[0].tensor);
    double *dw = r.k.weight, *db = r.k.bias;      /* done with */
    memset(dw, 0, (size_t)all * 16);
    for (int64_t i = 0; i < batch * all; i++) {
        dw[i % all] += r.k.dot[i] * r.k.scale[i / r.k.channels];
        db[i % all] += r.k.sum[i];
    }
    if (rl_need(c, 2)) dx[2] = doubles(dw, all, dtype);
    if (rl_need(c, 3)) dx[3] = doubles(db, all, dtype);
}

static Tensor *group_norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = rl_arg_tensor(c, 2), *b = rl_arg_tensor(c, 3);
    int64_t groups = c->arg[1].i;
    if (in_float(x, w, b)) return rl_cast(rl_do("group_norm", a_t(rl_cast(x, RL_FLOAT32)), c->arg[1], c->arg[2], c->arg[3], c->arg[4]), x->dtype);
    if (rl_failed()) return NULL;
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "Expected at least 2 dimensions for input tensor but received %d", x->ndim);
    if (groups <= 0) return rl_fail(RL_RUNTIME_ERROR, "Expected num groups to be greater than 0, got %" PRId64, groups);
    int64_t channels = x->shape[1];
    if (channels % groups) return rl_fail(RL_RUNTIME_ERROR, "Expected number of channels in input to be divisible by num_groups, but got input of shape %s and num_groups=%" PRId64, rl_text_shape(x), groups);
    for (int k = 2; k < 4; k++) {
        Tensor *t = rl_arg_tensor(c, k);
        if (t && (t->ndim != 1 || t->numel != channels))
            return rl_fail(RL_RUNTIME_ERROR, "Expected %s to be a vector of size equal to the number of channels in input, but got %s of shape %s and input of shape %s", k == 2 ? "weight" : "bias", k == 2 ? "weight" : "bias", rl_text_shape(t), rl_text_shape(x));
    }
    if (x->numel == 0) return affine(rl_clone(x), w, b);
    return rl_do("_group_norm", a_t(x), c->arg[1], a_maybe(w), a_maybe(b), c->arg[4]);
}

static Tensor *renorm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double p = a_double(&c->arg[1]), most = a_double(&c->arg[3]);
    if (!(p > 0)) return rl_fail(RL_RUNTIME_ERROR, "renorm: non-positive-norm not supported");
    if (most < 0) return rl_fail(RL_RUNTIME_ERROR, "renorm: expected maxnorm to be >= 0 but got %g", most);
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "renorm: input needs at least 2 dimensions, got %d dimensions", x->ndim);
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i), n = 0;
    int64_t others[RL_MAX_DIMS];
    if (dim < 0) return NULL;
    for (int i = 0; i < x->ndim; i++)
        if (i != dim) others[n++] = i;
    Tensor *norm = rl_do("linalg.vector_norm", a_t(x), c->arg[1], a_ints(n, others), a_b(true)), *over = rl_do("gt", a_t(norm), c->arg[3]);
    Tensor *factor = rl_mul(rl_do("reciprocal", a_t(rl_add_number(norm, 1e-7))), rl_scalar(norm ? (Dtype)norm->dtype : RL_FLOAT32, &c->arg[3]));
    return rl_mul(x, rl_do("where", a_t(over), a_t(factor), a_i(1)));
}

static Tensor *native_group_norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = rl_arg_tensor(c, 1), *b = rl_arg_tensor(c, 2), *part[3], **out = rl_outputs(c, 3);
    int64_t batch = c->arg[3].i, channels = c->arg[4].i, each = c->arg[5].i, groups = c->arg[6].i, all;
    if (groups <= 0 || channels < 0 || channels % groups) return rl_fail(RL_RUNTIME_ERROR, "Expected number of channels in input to be divisible by num_groups, but got C=%" PRId64 " and num_groups=%" PRId64, channels, groups);
    if (x->ndim < 2 || batch < 0 || each < 0 || x->shape[1] != channels || !rl_mul_size(batch, channels, &all) || !rl_mul_size(all, each, &all) || all != x->numel)
        return rl_fail(RL_RUNTIME_ERROR, "native_group_norm(): N=%" PRId64 ", C=%" PRId64 ", HxW=%" PRId64 " do not fit an input of shape %s", batch, channels, each, rl_text_shape(x));
    int64_t n = channels / groups * each, shape[2] = {batch, groups};
    if (x->numel == 0) {
        out[1] = rl_add(rl_zeros(2, shape, x->dtype), rl_sum_all(x));       /* so that they have the input's history */
        out[2] = rl_add(rl_full(2, shape, x->dtype, NAN), rl_sum_all(x));
        return out[0] = affine(rl_clone(x), w, b);
    }
    Tensor *flat = rl_reshape(x, 2, (int64_t[]){batch * groups, n});
    if (!rl_apply_many(RL_OP("native_layer_norm"), 5, (Arg[]){a_t(flat), a_ints(1, &n), a_none(), a_none(), c->arg[7]}, 3, part)) return NULL;
    if ((rl_thread.grad_mode && rl_requires_grad(x)) || x->flags & T_DUAL) {      /* unlike layer norm's, these have gradients */
        part[1] = rl_mean_dim(flat, 1, true);
        Tensor *gap = rl_sub(flat, part[1]);
        part[2] = rl_do("rsqrt", a_t(rl_do("add", a_t(rl_mean_dim(rl_mul(gap, gap), 1, true)), c->arg[7])));
    }
    out[1] = rl_reshape(part[1], 2, shape);
    out[2] = rl_reshape(part[2], 2, shape);
    return out[0] = affine(rl_reshape(part[0], x->ndim, x->shape), w, b);
}

/* Every sample's channel is a channel of its own to batch norm. */
static Tensor *instance_norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = rl_arg_tensor(c, 1), *b = rl_arg_tensor(c, 2), *mean = rl_arg_tensor(c, 3), *var = rl_arg_tensor(c, 4);
    bool use_input = c->arg[5].b;
    if (in_float(x, w, b)) return rl_cast(rl_do("instance_norm", a_t(rl_cast(x, RL_FLOAT32)), c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5], c->arg[6], c->arg[7], c->arg[8]), x->dtype);
    if (rl_failed()) return NULL;
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "instance_norm(): expected an input [N, C, ...], but got shape %s", rl_text_shape(x));
    if (!use_input && (!mean || !var)) return rl_fail(RL_RUNTIME_ERROR, "Expected running_mean and running_var to be defined when use_input_stats is false");
    if (use_input && !mean && !var && x->numel && (!w || (w->ndim == 1 && w->numel == x->shape[1])) && (!b || (b->ndim == 1 && b->numel == x->shape[1])))
        return rl_do("_group_norm", a_t(rl_contiguous(x)), a_i(x->shape[1]), a_maybe(w), a_maybe(b), c->arg[7]);
    int64_t shape[RL_MAX_DIMS], n = x->shape[0], ch = x->shape[1];
    for (int i = 0; i < x->ndim; i++) shape[i] = i == 0 ? 1 : i == 1 ? n * ch : x->shape[i];
    Tensor *many_mean = mean ? rl_do("repeat", a_t(mean), a_ints(1, &n)) : NULL, *many_var = var ? rl_do("repeat", a_t(var), a_ints(1, &n)) : NULL;
    Tensor *y = rl_do("native_batch_norm", a_t(rl_reshape(x, x->ndim, shape)), a_none(), a_none(), a_maybe(many_mean), a_maybe(many_var), a_b(use_input), c->arg[6], c->arg[7]);
    if (!y) return NULL;
    for (int k = 0; use_input && k < 2; k++) {
        Tensor *running = k ? var : mean, *many = k ? many_var : many_mean;
        if (!running) continue;
        Tensor *average = rl_mean_dim(rl_alias(rl_reshape(many, 2, (int64_t[]){n, ch})), 0, false);
        if (!rl_copy_into(running, average)) return NULL;
    }
    return affine(rl_reshape(y, x->ndim, x->shape), w, b);
}

/* (input, normalized_shape, weight, eps): x / sqrt(mean(x^2) + eps) * weight; halves in float */
static Tensor *rms_norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = rl_arg_tensor(c, 2);
    const Arg *shape = &c->arg[1];
    if (shape->n < 1) return rl_fail(RL_RUNTIME_ERROR, "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []");
    int64_t dims[RL_MAX_DIMS];
    bool fits = shape->n <= x->ndim;
    for (int i = 0; fits && i < shape->n; i++) {
        dims[i] = i - shape->n;
        fits = x->shape[x->ndim + dims[i]] == shape->ints[i];
    }
    if (w && (w->ndim != shape->n || memcmp(w->shape, shape->ints, (size_t)shape->n * sizeof *dims)))
        return rl_fail(RL_RUNTIME_ERROR, "Expected weight to be of same shape as normalized_shape, but got weight of shape %s and normalized_shape = %s", rl_text_shape(w), rl_text_sizes(shape->n, shape->ints));
    if (!fits) return rl_fail(RL_RUNTIME_ERROR, "Given normalized_shape=%s, expected input with shape [*, %s, but got input of size%s", rl_text_sizes(shape->n, shape->ints), rl_text_sizes(shape->n, shape->ints) + 1, rl_text_shape(x));
    Dtype d = x->dtype, wide = rl_dtype_is(d, CLASS_HALF) ? RL_FLOAT32 : d;
    bool narrow = d == RL_FLOAT64 || d == RL_COMPLEX128;
    double eps = c->arg[3].tag == A_NONE ? (narrow ? 2.220446049250313e-16 : 1.1920928955078125e-07) : a_double(&c->arg[3]);
    x = rl_cast(x, wide);
    Tensor *square = rl_do_overload("mean", 1, a_t(rl_mul(x, x)), a_ints(shape->n, dims), a_b(true));
    Tensor *y = rl_mul(x, rl_do("rsqrt", a_t(rl_add_number(square, eps))));
    return rl_cast(w ? rl_mul(y, rl_cast(w, wide)) : y, d);
}

Op rl_norm_ops[] = {
    {
        .sig = "rms_norm(input: Tensor, normalized_shape: list[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor", .where = FUNCTION | NN, .flags = COMPOSITE, .dtypes = CLASS_INEXACT,
        .doc = "x / sqrt(mean(x^2) + eps) * weight over the last len(normalized_shape) dims.\n\n>>> rl.rms_norm(rl.tensor([3., 4.]), [2])\ntensor([0.8485, 1.1314])",
        .forward = rms_norm_forward, .samples = "x(3, 4), [4], x(4); x(2, 3, 4), [3, 4]",
    },
    {
        .sig = "native_layer_norm(input: Tensor, normalized_shape: list[int], weight: Tensor | None, bias: Tensor | None, eps: float) -> (Tensor, Tensor, Tensor)",
        .where = FUNCTION, .dtypes = CLASS_FLOATING, .saves = SAVE(0) | SAVE(2) | SAVE_OUT(1) | SAVE_OUT(2), .constant_outs = 6,
        .doc = "Layer norm, with the mean and the reciprocal standard deviation of each row. Ba, Kiros and Hinton 2016, arXiv:1607.06450.\n\n"
               ">>> rl.native_layer_norm(rl.tensor([[1., 3.]]), [2], None, None, 0.0)[0]\ntensor([[-1.,  1.]])",
        .forward = layer_norm_forward, .vjp = layer_norm_vjp, .samples = "x(2, 3, 4), [4], x(4), x(4), 1e-5; x(2, 3, 4), [3, 4], None, None, 1e-5; x(2, 4), [4], x(4), None, 1e-5",
    },
    {
        .sig = "layer_norm(input: Tensor, normalized_shape: list[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-05, cudnn_enable: bool = True) -> Tensor",
        .where = FUNCTION | NN, .flags = COMPOSITE,
        .doc = "Rows brought to mean 0 and variance 1, then scaled and shifted: normalized_shape names the last dims. Ba, Kiros and Hinton 2016.\n\n"
               ">>> rl.layer_norm(rl.tensor([[1., 3.]]), [2], eps=0.0)\ntensor([[-1.,  1.]])",
        .forward = layer_norm_only_forward, .samples = "x(2, 3, 4), [4], x(4), x(4); x(2, 3, 4), [3, 4]",
    },
    {
        .sig = "native_batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, training: bool, momentum: float, eps: float) -> (Tensor, Tensor, Tensor)",
        .where = FUNCTION | OUT, .dtypes = CLASS_FLOATING, .saves = SAVE(0) | SAVE(1) | SAVE(3) | SAVE(4) | SAVE_OUT(1) | SAVE_OUT(2), .constant_outs = 6,
        .doc = "Batch norm, with the mean and the reciprocal standard deviation of each channel. Ioffe and Szegedy 2015, arXiv:1502.03167.\n\n"
               ">>> rl.native_batch_norm(rl.tensor([[1.], [3.]]), None, None, None, None, True, 0.1, 0.0)[0]\ntensor([[-1.],\n        [ 1.]])",
        .forward = batch_norm_forward, .vjp = batch_norm_vjp,
        .samples = "x(4, 3), x(3), x(3), None, None, True, 0.1, 1e-5; x(2, 3, 4), None, None, None, None, True, 0.1, 1e-5; x(2, 3, 4), x(3), x(3), x(3), pos(3), False, 0.1, 1e-5",
    },
    {
        .sig = "batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, training: bool, momentum: float, eps: float, cudnn_enabled: bool) -> Tensor",
        .where = FUNCTION, .flags = COMPOSITE,
        .doc = "Channels brought to mean 0 and variance 1 over the batch, or by the running statistics, then scaled and shifted.\n\n"
               ">>> rl.batch_norm(rl.tensor([[1.], [3.]]), None, None, None, None, True, 0.1, 0.0, False)\ntensor([[-1.],\n        [ 1.]])",
        .forward = batch_norm_only_forward, .samples = "x(4, 3), x(3), x(3), None, None, True, 0.1, 1e-5, False",
    },
    {
        .sig = "nn.batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-05) -> Tensor",
        .where = NN, .flags = COMPOSITE,
        .doc = "Channels brought to mean 0 and variance 1 over the batch, or by the running statistics, then scaled and shifted.\n\n"
               ">>> rl.nn.functional.batch_norm(rl.tensor([[1.], [3.]]), None, None, training=True)\ntensor([[-1.0000],\n        [ 1.0000]])",
        .forward = functional_batch_norm_forward, .samples = "x(4, 3), None, None, x(3), x(3), True; x(2, 3, 4), x(3), pos(3), x(3), x(3)",
    },
    {
        .sig = "group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-05, cudnn_enabled: bool = True) -> Tensor",
        .where = FUNCTION | NN, .flags = COMPOSITE,
        .doc = "Groups of channels of each sample brought to mean 0 and variance 1. Wu and He 2018, arXiv:1803.08494.\n\n"
               ">>> rl.group_norm(rl.tensor([[1., 3.]]), 1, eps=0.0)\ntensor([[-1.,  1.]])",
        .forward = group_norm_forward, .samples = "x(2, 4, 3), 2, x(4), x(4); x(2, 4), 4",
    },
    {
        .sig = "_group_norm(input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> (Tensor, Tensor, Tensor)",
        .where = PRIVATE, .dtypes = CLASS_FLOATING, .node = "NativeGroupNormBackward0", .saves = SAVE(0) | SAVE(2) | SAVE_OUT(1) | SAVE_OUT(2), .constant_outs = 6,
        .doc = "Group norm, with the mean and the reciprocal standard deviation of each group.\n\n"
               ">>> rl._C._ops._group_norm(rl.tensor([[1., 3.]]), 1, None, None, 0.0)[0]\ntensor([[-1.,  1.]])",
        .forward = groups_forward, .vjp = groups_vjp, .samples = "x(2, 4, 3), 2, x(4), x(4), 1e-5; x(2, 4), 2, x(4), None, 1e-5; x(2, 4, 3), 4, None, None, 1e-5",
    },
    {
        .sig = "native_group_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float) -> (Tensor, Tensor, Tensor)",
        .where = FUNCTION, .dtypes = CLASS_FLOATING, .flags = COMPOSITE, .shape = "weight?[C] bias?[C]",
        .doc = "Group norm, with the mean and the reciprocal standard deviation of each group.\n\n"
               ">>> rl.native_group_norm(rl.tensor([[1., 3.]]), None, None, 1, 2, 1, 1, 0.0)[0]\ntensor([[-1.,  1.]])",
        .forward = native_group_norm_forward, .samples = "x(2, 4, 3), x(4), x(4), 2, 4, 3, 2, 1e-5; x(2, 4), None, None, 2, 4, 1, 4, 1e-5",
    },
    {
        .sig = "renorm(input: Tensor, p: Number, dim: int, maxnorm: Number) -> Tensor", .where = FUNCTION | METHOD | INPLACE | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "Slices along dim scaled down to a p-norm of at most maxnorm.\n\n>>> rl.renorm(rl.tensor([[3., 4.], [0., 1.]]), 2, 0, 2.5)\ntensor([[1.5000, 2.0000],\n        [0.0000, 1.0000]])",
        .forward = renorm_forward, .samples = "x(3, 4), 2, 0, 1; x(2, 3, 4), 1, -1, 0.5",
    },
    {
        .sig = "instance_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool) -> Tensor",
        .where = FUNCTION, .flags = COMPOSITE,
        .doc = "Every channel of every sample brought to mean 0 and variance 1. Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022.\n\n"
               ">>> rl.instance_norm(rl.tensor([[[1., 3.]]]), None, None, None, None, True, 0.1, 0.0, False)\ntensor([[[-1.,  1.]]])",
        .forward = instance_norm_forward, .samples = "x(2, 3, 4), x(3), x(3), None, None, True, 0.1, 1e-5, False",
    },
    {0},
};
