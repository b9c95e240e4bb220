/* loss.c -- losses: negative log-likelihood, cross-entropy, squared error, binary cross-entropy.
 *
 * What a user calls checks, and reduces with a word; the rows below it count classes in dim 1 of [N, C, S].  Cross-entropy of
 * whole rows never makes the log-probabilities: it keeps one number per row, the log-sum-exp, from which the gradient
 * follows in one pass.  With K-dimensional input it is log_softmax and then nll_loss. */
#include "rushlight.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "pointwise.h"

enum { NO_REDUCTION, MEAN, SUM };

static int reduction_of(const char *word) {
    if (!strcmp(word, "mean")) return MEAN;
    if (!strcmp(word, "sum")) return SUM;
    if (!strcmp(word, "none")) return NO_REDUCTION;
    rl_fail(RL_VALUE_ERROR, "%s is not a valid value for reduction: it is one of 'none', 'mean', 'sum'", word);
    return -1;
}

static Tensor *reduced(Tensor *loss, int how) {
    return how == MEAN ? rl_do("mean", a_t(loss)) : how == SUM ? rl_sum_all(loss) : loss;
}

/* The slope of a reduced loss by its elements: g spread out, and divided for a mean. */
static Tensor *spread(Tensor *g, int how, int64_t n) { return how == MEAN ? rl_div_number(g, (double)n) : g; }

/* ---- classes and their weights ---------------------------------------------------------------------------------------- */

typedef struct Classes {
    int64_t n, c, s;           /* input is [n, c, s] */
    int64_t ignore;
    int how;
    Tensor *target;            /* contiguous; int64 or uint8 */
    const void *weight;        /* of the input's dtype, or NULL */
    Dtype dtype;
} Classes;

static int64_t class_at(const Classes *k, int64_t i) {
    return k->target->dtype == RL_UINT8 ? ((const uint8_t *)rl_data(k->target))[i] : ((const int64_t *)rl_data(k->target))[i];
}

static double number_at(Dtype d, const void *p, int64_t i) { return d == RL_FLOAT32 ? ((const float *)p)[i] : ((const double *)p)[i]; }
static void set_number(Dtype d, void *p, int64_t i, double x) {
    if (d == RL_FLOAT32) ((float *)p)[i] = (float)x;
    else ((double *)p)[i] = x;
}
static double weight_of(const Classes *k, int64_t class) { return k->weight ? number_at(k->dtype, k->weight, class) : 1; }

static bool check_target(const Tensor *x, const Tensor *t) {
    if (x->ndim == 1 && (t->ndim > 1 || t->numel != 1)) return rl_fail(RL_VALUE_ERROR, "For 1D input, 1D target must have size 1, but got target size: %s", rl_text_shape(t));
    if (x->ndim >= 2 && (!t->ndim || t->shape[0] != x->shape[0]))
        return rl_fail(RL_VALUE_ERROR, "Expected input batch_size (%" PRId64 ") to match target batch_size (%" PRId64 ").", x->shape[0], t->ndim ? t->shape[0] : 1);
    if (x->ndim == 2 && t->ndim > 1) return rl_fail(RL_RUNTIME_ERROR, "0D or 1D target tensor expected, multi-target not supported: got shape %s", rl_text_shape(t));
    for (int i = 2; i < x->ndim; i++)
        if (t->ndim != x->ndim - 1 || t->shape[i - 1] != x->shape[i]) {
            int64_t want[RL_MAX_DIMS] = {x->shape[0]};
            memcpy(want + 1, x->shape + 2, (size_t)(x->ndim - 2) * sizeof *want);
            return rl_fail(RL_RUNTIME_ERROR, "size mismatch: Expected target size %s, got %s (input: %s)", rl_text_sizes(x->ndim - 1, want), rl_text_shape(t), rl_text_shape(x));
        }
    return true;
}

/* Everything about the classes, checked; after it every class that is not ignored is one. */
static bool read_classes(Classes *k, Tensor *x, Tensor *t, Tensor *weight, int64_t ignore, int how) {
    if (!x->ndim) return rl_fail(RL_VALUE_ERROR, "Expected 1 or more dimensions (got 0)");
    if (!check_target(x, t)) return false;
    if (t->dtype != RL_INT64 && t->dtype != RL_UINT8) return rl_fail(RL_RUNTIME_ERROR, "expected target dtype to be Long or Byte, but got %s", rl_dtypes[t->dtype].word);
    *k = (Classes){.n = x->ndim == 1 ? 1 : x->shape[0], .c = x->shape[x->ndim == 1 ? 0 : 1], .s = 1, .ignore = ignore, .how = how, .dtype = x->dtype};
    for (int i = 2; i < x->ndim; i++) k->s *= x->shape[i];
    if (weight && (weight->ndim != 1 || weight->numel != k->c))
        return rl_fail(RL_RUNTIME_ERROR, "weight tensor should be defined either for all %" PRId64 " classes or no classes but got weight tensor of shape: %s", k->c, rl_text_shape(weight));
    if (weight && weight->dtype != x->dtype) return rl_fail(RL_RUNTIME_ERROR, "expected scalar type %s but found %s: weight must have the input's dtype", rl_dtypes[x->dtype].word, rl_dtypes[weight->dtype].word);
    k->target = rl_contiguous(t);
    Tensor *w = weight ? rl_contiguous(weight) : NULL;
    if (!k->target || rl_failed()) return false;
    k->weight = w ? rl_data(w) : NULL;
    for (int64_t i = 0; i < k->n * k->s; i++) {
        int64_t class = class_at(k, i);
        if (class != ignore && (class < 0 || class >= k->c)) return rl_fail(RL_INDEX_ERROR, "Target %" PRId64 " is out of bounds. There are %" PRId64 " classes: input has shape %s", class, k->c, rl_text_shape(x));
    }
    return true;
}

/* ---- nll_loss -------------------------------------------------------------------------------------------------------------- */

enum { INPUT, TARGET, WEIGHT, IGNORE, HOW };     /* parameters; results: loss, sum of the weights */

static int64_t place_in(const Classes *k, int64_t i, int64_t class) { return (i / k->s * k->c + class) * k->s + i % k->s; }

/* Losses, or their sum or mean, of numbers at [n, class, s]. */
static void gather_losses(const Classes *k, const void *x, void *loss, double *sum, double *weights) {
    *sum = *weights = 0;
    for (int64_t i = 0; i < k->n * k->s; i++) {
        int64_t class = class_at(k, i);
        double l = 0, w = 0;
        if (class != k->ignore) w = weight_of(k, class), l = -w * number_at(k->dtype, x, place_in(k, i, class));
        if (k->how == NO_REDUCTION) set_number(k->dtype, loss, i, l);
        *sum += l;
        *weights += w;
    }
}

static Tensor *loss_tensor(const Classes *k, const Tensor *t) {
    return k->how == NO_REDUCTION ? rl_empty(t->ndim, t->shape, k->dtype) : rl_empty(0, NULL, k->dtype);
}

static Tensor *nll_forward(Call *c) {
    Classes k;
    Tensor *x = rl_contiguous(c->arg[INPUT].tensor), *weights = x ? rl_empty(0, NULL, x->dtype) : NULL;
    if (!weights || !read_classes(&k, x, c->arg[TARGET].tensor, rl_arg_tensor(c, WEIGHT), c->arg[IGNORE].i, (int)c->arg[HOW].i)) return NULL;
    Tensor *loss = loss_tensor(&k, c->arg[TARGET].tensor);
    double sum, all;
    if (!loss) return NULL;
    gather_losses(&k, rl_data(x), rl_data(loss), &sum, &all);
    if (k.how != NO_REDUCTION) set_number(k.dtype, rl_data(loss), 0, k.how == MEAN ? sum / all : sum);
    set_number(k.dtype, rl_data(weights), 0, all);
    c->out[1] = weights;
    return loss;
}

static void nll_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, INPUT);
    if (g[0]) dx[0] = rl_do("_nll_loss_backward", a_t(g[0]), c->arg[TARGET], c->arg[WEIGHT], c->arg[IGNORE], c->arg[HOW], a_ints(m->ndim, m->shape));
}

/* The transpose of nll_loss, which is linear in its input: (grad_output, target, weight, ignore_index, reduction, sizes). */
static Tensor *nll_backward_forward(Call *c) {
    Classes k;
    Tensor *g = rl_contiguous(c->arg[0].tensor), *dx = g ? rl_zeros(c->arg[5].n, c->arg[5].ints, g->dtype) : NULL;
    if (!dx || !read_classes(&k, dx, c->arg[TARGET].tensor, rl_arg_tensor(c, WEIGHT), c->arg[IGNORE].i, (int)c->arg[HOW].i)) return NULL;
    double all = 0;
    for (int64_t i = 0; k.how == MEAN && i < k.n * k.s; i++)
        if (class_at(&k, i) != k.ignore) all += weight_of(&k, class_at(&k, i));
    if (g->numel != (k.how == NO_REDUCTION ? k.n * k.s : 1)) return rl_fail(RL_RUNTIME_ERROR, "nll_loss gradient of shape %s does not fit input %s", rl_text_shape(g), rl_text_shape(dx));
    for (int64_t i = 0; i < k.n * k.s; i++) {
        int64_t class = class_at(&k, i);
        if (class == k.ignore) continue;
        double slope = -weight_of(&k, class) * number_at(k.dtype, rl_data(g), k.how == NO_REDUCTION ? i : 0);
        set_number(k.dtype, rl_data(dx), place_in(&k, i, class), k.how == MEAN ? slope / all : slope);
    }
    return dx;
}

static void nll_backward_vjp(Call *c, Tensor **g, Tensor **dx) {
    dx[0] = rl_do("_nll_loss", a_t(g[0]), c->arg[TARGET], c->arg[WEIGHT], c->arg[IGNORE], c->arg[HOW]);
}

/* Halves are computed in float. */
static Tensor *nll(Tensor *x, Tensor *t, Tensor *weight, const Arg *ignore, int how) {
    if (!x) return NULL;
    bool half = rl_dtype_is(x->dtype, CLASS_HALF);
    Tensor *y = rl_do("_nll_loss", a_t(half ? rl_cast(x, RL_FLOAT32) : x), a_t(t), a_maybe(half && weight ? rl_cast(weight, RL_FLOAT32) : weight), *ignore, a_i(how));
    return half ? rl_cast(y, x->dtype) : y;
}

/* (input, target, weight, ignore_index, reduction) */
static Tensor *nll_loss_forward(Call *c) {
    int how = reduction_of(c->arg[4].str);
    return how < 0 ? NULL : nll(c->arg[0].tensor, c->arg[1].tensor, rl_arg_tensor(c, 2), &c->arg[3], how);
}

/* ---- cross_entropy ---------------------------------------------------------------------------------------------------------- */

/* The logarithm of the sum is kept in double: beside scores of 1e9 single precision would round the loss away. */
typedef struct Rows { const Classes *k; const char *x; double *lse; const char *g; char *dx; double all; SlopeTo to; } Rows;

static void find_lse(int64_t begin, int64_t end, void *state) {
    const Rows *r = state;
    const Classes *k = r->k;
    int64_t line = k->c * rl_dtype_bytes(k->dtype);
    for (int64_t i = begin; i < end; i++) {
        bool skip = class_at(k, i) == k->ignore;
        r->lse[i] = skip ? 0 : rl_kernels->logsumexp[k->dtype](k->c, r->x + i * line);
    }
}

static int64_t rows_per_piece(int64_t classes) { return 1 + 20000 / (classes + 1); }

/* x[i, class] - lse[i] is the log-probability; written where gather_losses looks for it. */
static void reduce_rows(const Classes *k, const void *x, const double *lse, void *loss, double *sum, double *all) {
    *sum = *all = 0;
    for (int64_t i = 0; i < k->n; i++) {
        int64_t class = class_at(k, i);
        double l = 0, w = 0;
        if (class != k->ignore) w = weight_of(k, class), l = w * (lse[i] - number_at(k->dtype, x, i * k->c + class));
        if (k->how == NO_REDUCTION) set_number(k->dtype, loss, i, l);
        *sum += l;
        *all += w;
    }
}

static Tensor *rows_forward(Call *c) {
    Classes k;
    double sum, all;
    Tensor *x = rl_contiguous(c->arg[INPUT].tensor);
    if (!x || !read_classes(&k, x, c->arg[TARGET].tensor, rl_arg_tensor(c, WEIGHT), c->arg[IGNORE].i, (int)c->arg[HOW].i)) return NULL;
    Tensor *loss = loss_tensor(&k, c->arg[TARGET].tensor), *lse = rl_empty(1, &k.n, RL_FLOAT64), *weights = rl_empty(0, NULL, k.dtype);
    if (!loss || !lse || !weights) return NULL;
    Rows r = {.k = &k, .x = rl_data(x), .lse = rl_data(lse)};
    if (!rl_parallel_for(k.n, rows_per_piece(k.c), find_lse, &r)) return NULL;
    reduce_rows(&k, r.x, r.lse, rl_data(loss), &sum, &all);
    if (k.how != NO_REDUCTION) set_number(k.dtype, rl_data(loss), 0, k.how == MEAN ? sum / all : sum);
    set_number(k.dtype, rl_data(weights), 0, all);
    c->out[1] = lse;
    c->out[2] = weights;
    return loss;
}

static void slope_rows(int64_t begin, int64_t end, void *state) {
    const Rows *r = state;
    const Classes *k = r->k;
    int64_t line = k->c * rl_dtype_bytes(k->dtype);
    for (int64_t i = begin; i < end; i++) {
        int64_t class = class_at(k, i);
        char *dx = r->dx + i * line;
        if (class == k->ignore) {
            if (r->to != SLOPE_ADD) memset(dx, 0, (size_t)line);
            continue;
        }
        double scale = weight_of(k, class) * number_at(k->dtype, r->g, k->how == NO_REDUCTION ? i : 0);
        if (k->how == MEAN) scale /= r->all;
        double before = r->to == SLOPE_ADD ? number_at(k->dtype, dx, class) : 0;      /* the class's own slope nearly cancels: it is added last */
        if (r->to == SLOPE_ADD) set_number(k->dtype, dx, class, 0);
        rl_kernels->softmax_slope[k->dtype](k->c, r->x + i * line, r->lse[i], scale, dx, r->to);
        set_number(k->dtype, dx, class, before + (number_at(k->dtype, dx, class) - scale));
    }
}

static void fused_rows_vjp(Call *c, Tensor **g, Tensor **dx) {
    Classes k;
    Tensor *x = rl_contiguous(c->arg[INPUT].tensor), *lse = c->out[1], *grad = rl_contiguous(g[0]);
    if (!x || !lse || !grad || !read_classes(&k, x, c->arg[TARGET].tensor, rl_arg_tensor(c, WEIGHT), c->arg[IGNORE].i, (int)c->arg[HOW].i)) return;
    Tensor *sum = rl_grad_to_add(c, INPUT), *y = sum ? sum : rl_empty(x->ndim, x->shape, x->dtype);
    if (!y || !c->out[2]) return;
    bool large = x->numel * rl_dtype_bytes(x->dtype) > 1 << 25;       /* more than stays in a cache */
    Rows r = {.to = sum ? SLOPE_ADD : large ? SLOPE_PAST : SLOPE_WRITE, .k = &k, .x = rl_data(x), .lse = rl_data(lse), .g = rl_data(grad), .dx = rl_data(y), .all = number_at(k.dtype, rl_data(c->out[2]), 0)};
    if (rl_parallel_for(k.n, rows_per_piece(k.c), slope_rows, &r)) dx[0] = y;
}

/* The same as operations, for second derivatives: softmax's slope under nll_loss's. */
static void rows_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0]) return;
    if (!rl_thread.grad_mode) {
        fused_rows_vjp(c, g, dx);
        return;
    }
    const Meta *m = rl_meta(c, INPUT);
    Tensor *d = rl_do("_nll_loss_backward", a_t(g[0]), c->arg[TARGET], c->arg[WEIGHT], c->arg[IGNORE], c->arg[HOW], a_ints(m->ndim, m->shape));
    Tensor *p = rl_do("softmax", c->arg[INPUT], a_i(-1));
    dx[0] = rl_sub(d, rl_mul(p, rl_sum_dim(d, -1, true)));
}

/* (input, target, weight, ignore_index, reduction) with target of classes */
static Tensor *cross_entropy_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *t = c->arg[1].tensor, *weight = rl_arg_tensor(c, 2);
    int how = reduction_of(c->arg[4].str);
    if (how < 0) return NULL;
    if (x->ndim == 2 && rl_dtype_is(x->dtype, CLASS_FLOAT)) return rl_do("_cross_entropy", a_t(x), a_t(t), a_maybe(weight), c->arg[3], a_i(how));
    if (!x->ndim) return rl_fail(RL_VALUE_ERROR, "Expected 1 or more dimensions (got 0)");
    return nll(rl_do("log_softmax", a_t(x), a_i(x->ndim == 1 ? 0 : 1)), t, weight, &c->arg[3], how);
}

/* ---- squared error ----------------------------------------------------------------------------------------------------------- */

/* Over a divisor; pieces are added up in order, whatever the threads do. */
static Tensor *sum_of_squares(Tensor *d, double divisor) {
    enum { SQUARES = 2048 };
    d = rl_contiguous(d);
    if (!d) return NULL;
    int64_t bytes = rl_dtypes[d->dtype].bytes;
    double total = 0;
    for (int64_t i = 0; i < d->numel; i += SQUARES)
        total += rl_kernels->lane_square[d->dtype](d->numel - i < SQUARES ? d->numel - i : SQUARES, (const char *)rl_data(d) + i * bytes, 0);
    return rl_scalar(d->dtype, &(Arg){.tag = A_FLOAT, .f = total / divisor});
}

static Tensor *mse_forward(Call *c) {
    int how = reduction_of(c->arg[2].str);
    if (how < 0) return NULL;
    if (rl_dtype_is(c->arg[0].tensor->dtype, CLASS_INTEGRAL) && rl_dtype_is(c->arg[1].tensor->dtype, CLASS_INTEGRAL))
        return rl_fail(RL_NOT_IMPLEMENTED, "\"mse_cpu\" not implemented for '%s'", rl_dtypes[c->arg[0].tensor->dtype].word);
    Dtype dtype = rl_result_type(2, c->arg);       /* first: bool is not subtracted */
    Tensor *d = rl_sub(rl_cast(c->arg[0].tensor, dtype), rl_cast(c->arg[1].tensor, dtype));
    if (d && d->numel && (how == MEAN || how == SUM) && rl_dtype_is(d->dtype, CLASS_FLOAT)) return sum_of_squares(d, how == MEAN ? (double)d->numel : 1);
    return reduced(rl_mul(d, d), how);
}

static void mse_vjp(Call *c, Tensor **g, Tensor **dx) {
    Dtype dtype = rl_result_type(2, c->arg);
    Tensor *d = rl_conj(rl_sub(rl_cast(c->arg[0].tensor, dtype), rl_cast(c->arg[1].tensor, dtype)));
    if (!d) return;
    int how = reduction_of(c->arg[2].str);
    Tensor *slope = rl_mul(d, how == MEAN ? rl_mul_number(g[0], 2.0 / (double)d->numel) : rl_mul_number(g[0], 2));
    if (rl_need(c, 0)) dx[0] = slope;
    if (rl_need(c, 1)) dx[1] = rl_neg(slope);
}

/* ---- smooth_l1 and huber: (input, target, reduction, most) -------------------------------------------------------------------- */

static bool is_smooth_l1(const Call *c) { return c->op->data == BINARY_smooth_l1; }

static bool bend_fits(const Call *c, double most) {
    if (is_smooth_l1(c) && most < 0) return rl_fail(RL_RUNTIME_ERROR, "smooth_l1_loss does not support negative values for beta, got %g", most);
    if (!is_smooth_l1(c) && !(most > 0)) return rl_fail(RL_RUNTIME_ERROR, "huber_loss does not support non-positive values for delta, got %g", most);
    Dtype dtype = rl_result_type(2, c->arg), result = c->arg[0].tensor->dtype;
    if (most > 0 && !rl_dtype_is(dtype, CLASS_FLOATING)) return rl_fail(RL_NOT_IMPLEMENTED, "\"%s_cpu\" not implemented for '%s'", is_smooth_l1(c) ? "smooth_l1" : "huber", rl_dtypes[dtype].word);
    if (is_smooth_l1(c) || rl_can_cast(dtype, result)) return true;
    return rl_fail(RL_RUNTIME_ERROR, "result type %s can't be cast to the desired output type %s, the input's: input.float() helps", rl_dtypes[dtype].word, rl_dtypes[result].word);
}

static Tensor *bent_forward(Call *c) {
    double most = a_double(&c->arg[3]);
    int how = reduction_of(c->arg[2].str);
    if (how < 0 || !bend_fits(c, most)) return NULL;
    if (most == 0) return reduced(rl_do("abs", a_t(rl_do("sub", c->arg[0], c->arg[1]))), how);
    Tensor *y = rl_binary(c, c->op->data, c->arg[0], c->arg[1], &most);
    return reduced(is_smooth_l1(c) ? y : rl_cast(y, c->arg[0].tensor->dtype), how);
}

/* The slope by input - target is that difference, clipped; smooth_l1's is over beta. */
static void bent_vjp(Call *c, Tensor **g, Tensor **dx) {
    Dtype dtype = rl_result_type(2, c->arg);
    double most = a_double(&c->arg[3]);
    Tensor *d = rl_sub(rl_cast(c->arg[0].tensor, dtype), rl_cast(c->arg[1].tensor, dtype));
    if (!d) return;
    Tensor *clipped = most > 0 ? rl_do("clamp", a_t(d), a_f(-most), a_f(most)) : rl_do("sgn", a_t(d));
    Tensor *slope = rl_mul(clipped, spread(is_smooth_l1(c) && most > 0 && most != 1 ? rl_div_number(g[0], most) : g[0], reduction_of(c->arg[2].str), d->numel));
    if (rl_need(c, 0)) dx[0] = slope;
    if (rl_need(c, 1)) dx[1] = rl_neg(slope);
}

/* ---- binary cross-entropy ------------------------------------------------------------------------------------------------------ */

static Tensor *op(const char *name, Tensor *t) { return rl_apply_n(rl_find(name), 1, (Arg[]){a_t(t)}); }
static Tensor *one_minus(Tensor *t) { return rl_do("rsub", a_t(t), a_i(1)); }
static Tensor *at_least(Tensor *t, double low) { return rl_do("clamp_min", a_t(t), a_f(low)); }
static Tensor *weighted(Tensor *t, Tensor *weight) { return weight ? rl_mul(t, weight) : t; }

static bool same_dtypes(const Tensor *x, const Tensor *t) {
    if (x->dtype == t->dtype) return true;
    return rl_fail(RL_RUNTIME_ERROR, "Found dtype %s but expected %s: target must have the input's dtype", rl_dtypes[t->dtype].word, rl_dtypes[x->dtype].word);
}

static bool all_chances(Tensor *x) {
    if (!x->numel) return true;
    Tensor *low = rl_do("min", a_t(x)), *high = rl_do("max", a_t(x));
    Arg a, b;
    double pair[4];
    if (!low || !high || !rl_item(low, &a, pair) || !rl_item(high, &b, pair + 2)) return false;
    if (a_double(&a) >= 0 && a_double(&b) <= 1) return true;
    return rl_fail(RL_RUNTIME_ERROR, "all elements of input should be between 0 and 1: they lie between %g and %g; apply sigmoid first, or use binary_cross_entropy_with_logits", a_double(&a), a_double(&b));
}

/* (input, target, weight, reduction) */
static Tensor *bce_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *t = c->arg[1].tensor;
    int how = reduction_of(c->arg[3].str);
    if (how < 0 || !same_dtypes(x, t) || !all_chances(x)) return NULL;
    Tensor *yes = at_least(rl_log(x), -100), *no = at_least(op("log1p", rl_neg(x)), -100);
    Tensor *loss = rl_sub(rl_mul(rl_add_number(t, -1), no), rl_mul(t, yes));
    return reduced(weighted(loss, rl_arg_tensor(c, 2)), how);
}

static void bce_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *t = c->arg[1].tensor;
    if (!x || !t) return;
    Tensor *slope = weighted(spread(g[0], reduction_of(c->arg[3].str), x->numel), rl_arg_tensor(c, 2));
    if (rl_need(c, 0)) dx[0] = rl_div(rl_mul(slope, rl_sub(x, t)), at_least(rl_mul(x, one_minus(x)), 1e-12));
    if (rl_need(c, 1)) dx[1] = rl_mul(slope, rl_sub(at_least(op("log1p", rl_neg(x)), -100), at_least(rl_log(x), -100)));
}

/* (input, target, weight, reduction, pos_weight): log(1 + exp(x)) - t x, with every positive counted pos_weight times */
static Tensor *bce_logits_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *t = c->arg[1].tensor, *positive = rl_arg_tensor(c, 4);
    int how = reduction_of(c->arg[3].str);
    if (how < 0) return NULL;
    Tensor *yes = op("logsigmoid", x);
    if (positive) yes = rl_mul(yes, rl_add_number(rl_mul(rl_add_number(positive, -1), t), 1));
    Tensor *loss = rl_sub(rl_mul(one_minus(t), x), yes);
    return reduced(weighted(loss, rl_arg_tensor(c, 2)), how);
}

static void bce_logits_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *t = c->arg[1].tensor, *positive = rl_arg_tensor(c, 4);
    if (!x || !t) return;
    Tensor *slope = weighted(spread(g[0], reduction_of(c->arg[3].str), x->numel), rl_arg_tensor(c, 2));
    Tensor *yes = positive ? rl_mul(positive, t) : t;
    if (rl_need(c, 0)) {
        Tensor *p = op("sigmoid", x);
        dx[0] = rl_mul(slope, positive ? rl_sub(rl_mul(rl_add(yes, one_minus(t)), p), yes) : rl_sub(p, t));
    }
    if (rl_need(c, 1)) {
        Tensor *by_target = positive ? rl_sub(op("logsigmoid", rl_neg(x)), rl_mul(positive, op("logsigmoid", x))) : rl_neg(x);
        dx[1] = rl_mul(slope, by_target);
    }
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------- */

#define CLASS_ARGS "target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: "

Op rl_loss_ops[] = {
    {
        .flags = FLAT, .sig = "_nll_loss(input: Tensor, " CLASS_ARGS "int = 1) -> (Tensor, Tensor)", .where = PRIVATE, .dtypes = CLASS_FLOAT, .saves = SAVE(TARGET) | SAVE(WEIGHT), .node = "NllLossBackward0",
        .doc = "-weight[target] * input[:, target], and the sum of the weights. reduction: 0 none, 1 mean, 2 sum.", .forward = nll_forward, .vjp = nll_vjp,
        .samples = "x(4, 3), idx(3, 4); x(2, 3, 5), idx(3, 2, 5), x(3); x(2, 3), idx(3, 2), None, 1, 0",
    },
    {
        .sig = "_nll_loss_backward(grad_output: Tensor, " CLASS_ARGS "int = 1, sizes: list[int] = []) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOAT, .saves = SAVE(TARGET) | SAVE(WEIGHT),
        .doc = "The gradient of _nll_loss by an input of these sizes.", .forward = nll_backward_forward, .vjp = nll_backward_vjp, .samples = "x(4), idx(3, 4), None, -100, 0, [4, 3]; x(), idx(3, 4), x(3), 1, 1, [4, 3]",
    },
    {
        .sig = "nll_loss(input: Tensor, " CLASS_ARGS "str = 'mean') -> Tensor", .where = NN, .flags = COMPOSITE, .dtypes = CLASS_FLOATING,
        .doc = "-weight[target] * input[:, target]: input [N, C, *] of log-probabilities, target [N, *] of classes.\n\n"
               ">>> rl.nn.functional.nll_loss(rl.tensor([[-1., -2.], [-3., -4.]]), rl.tensor([0, 1]))\ntensor(2.5000)",
        .forward = nll_loss_forward, .samples = "x(4, 3), idx(3, 4); x(3), idx(3); x(2, 3, 5), idx(3, 2, 5), x(3), 1, 'sum'",
    },
    {
        .sig = "_cross_entropy(input: Tensor, " CLASS_ARGS "int = 1) -> (Tensor, Tensor, Tensor)", .where = PRIVATE, .dtypes = CLASS_FLOAT,
        .saves = SAVE(INPUT) | SAVE(TARGET) | SAVE(WEIGHT) | SAVE_OUT(1) | SAVE_OUT(2), .node = "CrossEntropyBackward0",
        .doc = "Cross-entropy of rows [N, C], their log-sum-exps, and the sum of the weights. reduction: 0 none, 1 mean, 2 sum.", .forward = rows_forward, .vjp = rows_vjp,
        .samples = "x(4, 3), idx(3, 4); x(4, 3), idx(3, 4), x(3), 1, 2; x(2, 3), idx(3, 2), None, -100, 0",
    },
    {
        .sig = "cross_entropy(input: Tensor, " CLASS_ARGS "str = 'mean') -> Tensor", .where = NN, .flags = COMPOSITE, .dtypes = CLASS_FLOATING,
        .doc = "nll_loss of log_softmax(input, 1): target [N, *] of classes.\n\n"
               ">>> rl.nn.functional.cross_entropy(rl.tensor([[1., 1.]]), rl.tensor([0]))\ntensor(0.6931)",
        .forward = cross_entropy_forward, .samples = "x(4, 3), idx(3, 4); x(3), idx(3); x(2, 3, 5), idx(3, 2, 5), x(3), 1, 'sum'; x(2, 3), idx(3, 2), None, -100, 'none'",
    },
    {
        .sig = "mse_loss(input: Tensor, target: Tensor, reduction: str = 'mean') -> Tensor", .where = NN, .saves = SAVE(0) | SAVE(1),
        .doc = "(input - target)^2.\n\n>>> rl.nn.functional.mse_loss(rl.tensor([1., 2.]), rl.tensor([1., 4.]))\ntensor(2.)",
        .forward = mse_forward, .vjp = mse_vjp, .samples = "x(3, 4), x(3, 4); x(3), x(3), 'sum'; x(2, 1), x(2, 1), 'none'",
    },
    {
        .sig = "smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = 'mean', beta: float = 1.0) -> Tensor", .where = NN, .saves = SAVE(0) | SAVE(1), .data = BINARY_smooth_l1,
        .doc = "d^2 / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere, d = input - target.\n\n"
               ">>> rl.nn.functional.smooth_l1_loss(rl.tensor([0., 3.]), rl.tensor([1., 1.]))\ntensor(1.)",
        .forward = bent_forward, .vjp = bent_vjp, .samples = "x(3, 4), x(3, 4); x(3), x(3), 'sum', 0.3; x(2, 1), x(2, 1), 'none', 2.0; x(3), x(3), 'mean', 0.0",
    },
    {
        .sig = "huber_loss(input: Tensor, target: Tensor, reduction: str = 'mean', delta: float = 1.0) -> Tensor", .where = NN, .saves = SAVE(0) | SAVE(1), .data = BINARY_huber,
        .doc = "d^2 / 2 where |d| <= delta, delta (|d| - delta / 2) elsewhere, d = input - target (Huber, 1964).\n\n"
               ">>> rl.nn.functional.huber_loss(rl.tensor([0., 3.]), rl.tensor([1., 1.]))\ntensor(1.)",
        .forward = bent_forward, .vjp = bent_vjp, .samples = "x(3, 4), x(3, 4); x(3), x(3), 'sum', 0.3; x(2, 1), x(2, 1), 'none', 2.0",
    },
    {
        .sig = "binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = 'mean') -> Tensor", .where = NN, .dtypes = CLASS_FLOATING, .saves = SAVE(0) | SAVE(1) | SAVE(2),
        .doc = "-(target log input + (1 - target) log(1 - input)), logarithms at least -100.\n\n"
               ">>> rl.nn.functional.binary_cross_entropy(rl.tensor([0.5]), rl.tensor([1.]))\ntensor(0.6931)",
        .forward = bce_forward, .vjp = bce_vjp, .samples = "unit(3, 4), unit(3, 4); unit(3), unit(3), x(3), 'sum'",
    },
    {
        .sig = "binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = 'mean', pos_weight: Tensor | None = None) -> Tensor", .where = NN,
        .dtypes = CLASS_FLOATING, .saves = SAVE(0) | SAVE(1) | SAVE(2) | SAVE(4),
        .doc = "binary_cross_entropy of sigmoid(input), computed without leaving the logarithms.\n\n"
               ">>> rl.nn.functional.binary_cross_entropy_with_logits(rl.tensor([0.]), rl.tensor([1.]))\ntensor(0.6931)",
        .forward = bce_logits_forward, .vjp = bce_logits_vjp, .samples = "x(3, 4), unit(3, 4); x(3), unit(3), x(3), 'sum'; x(3), unit(3), None, 'none', x(3)",
    },
    {0},
};
