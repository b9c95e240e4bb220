/* ctc.c -- the probability of a line of labels when it is not known when each was said.
 *
 * Labels stand between blanks: of n labels there are 2 n + 1 states.  alpha is the logarithm of the probability of all ways to a
 * state, beta of all ways on from it; the loss is read off alpha, the gradient off both.  As in torch the gradient presumes that
 * the probabilities of a step sum to one, so that behind log_softmax it is that of the scores. */
#include "rushlight.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { PROBS, TARGETS, STEPS, LABELS, BLANK, ZERO_INFINITY };

typedef struct Work {
    int64_t steps, batch, classes, most, blank;        /* most: labels of the longest line */
    const double *probs;                               /* [steps, batch, classes], dense */
    const int64_t *targets, *start;                    /* labels, and where each line begins */
    const int64_t *length, *labels;                    /* of each sample: steps, labels */
    double *alpha, *beta, *loss;                       /* alpha [batch, steps, 2 most + 1]; beta: two lines of states per thread */
    double *grad;
    const double *slope;
    bool zero_infinity;
} Work;

static int64_t states(const Work *w) { return 2 * w->most + 1; }
static int64_t label_of(const Work *w, int64_t b, int64_t s) { return s % 2 ? w->targets[w->start[b] + s / 2] : w->blank; }
static const double *probs_at(const Work *w, int64_t b, int64_t t) { return w->probs + (t * w->batch + b) * w->classes; }

static double log_add(double a, double b) {
    double top = a > b ? a : b, low = a > b ? b : a;
    if (top == -(double)INFINITY) return top;
    return top + log1p(exp(low - top));
}

static double log_add3(double a, double b, double c) {
    double top = a > b ? a : b;
    top = c > top ? c : top;
    if (top == -(double)INFINITY) return top;
    double sum = (a == top ? 1 : a < top - 45 ? 0 : exp(a - top)) + (b == top ? 1 : b < top - 45 ? 0 : exp(b - top)) + (c == top ? 1 : c < top - 45 ? 0 : exp(c - top));
    return sum == 1 ? top : top + log(sum);
}

static void forward_sample(const Work *w, int64_t b) {
    int64_t n = states(w), mine = 2 * w->labels[b] + 1;
    double *alpha = w->alpha + b * w->steps * n;
    if (w->length[b] == 0) {
        w->loss[b] = w->labels[b] == 0 ? 0 : (double)INFINITY;
        return;
    }
    for (int64_t s = 0; s < 2 && s < mine; s++) alpha[s] = probs_at(w, b, 0)[label_of(w, b, s)];
    for (int64_t t = 1; t < w->length[b]; t++) {
        const double *before = alpha, *p = probs_at(w, b, t);
        alpha += n;
        for (int64_t s = 0; s < mine; s++) {
            int64_t label = label_of(w, b, s);
            bool skips = s > 1 && label != w->blank && label != label_of(w, b, s - 2);
            alpha[s] = log_add3(before[s], s > 0 ? before[s - 1] : -(double)INFINITY, skips ? before[s - 2] : -(double)INFINITY) + p[label];
        }
    }
    w->loss[b] = -(mine > 1 ? log_add(alpha[mine - 1], alpha[mine - 2]) : alpha[0]);
}

/* Logarithms of the expected counts of each label at each step, in place of the gradient. */
static void count_labels(const Work *w, int64_t b, double *beta) {
    int64_t n = states(w), mine = 2 * w->labels[b] + 1;
    double *next = beta + n;
    for (int64_t t = w->length[b] - 1; t >= 0; t--) {
        const double *alpha = w->alpha + (b * w->steps + t) * n, *p = probs_at(w, b, t);
        double *count = w->grad + (t * w->batch + b) * w->classes;
        for (int64_t c = 0; c < w->classes; c++) count[c] = -(double)INFINITY;
        for (int64_t s = 0; s < mine; s++) {
            int64_t label = label_of(w, b, s);
            bool last = t == w->length[b] - 1, skips = s + 2 < mine && label != w->blank && label != label_of(w, b, s + 2);
            double sum = last ? (s >= mine - 2 ? 0 : -(double)INFINITY)
                              : log_add3(next[s], s + 1 < mine ? next[s + 1] : -(double)INFINITY, skips ? next[s + 2] : -(double)INFINITY);
            beta[s] = sum + p[label];
            count[label] = log_add(count[label], alpha[s] + beta[s]);
        }
        double *swap = beta;
        beta = next;
        next = swap;
    }
}

static void backward_sample(const Work *w, int64_t b) {
    if (w->zero_infinity && w->loss[b] == (double)INFINITY) return;
    count_labels(w, b, w->beta + rl_thread_number() * 2 * states(w));
    for (int64_t t = 0; t < w->length[b]; t++) {
        const double *p = probs_at(w, b, t);
        double *grad = w->grad + (t * w->batch + b) * w->classes;
        for (int64_t c = 0; c < w->classes; c++) grad[c] = (exp(p[c]) - exp(grad[c] + w->loss[b] - p[c])) * w->slope[b];
    }
}

static void forward_range(int64_t begin, int64_t end, void *state) {
    for (; begin < end; begin++) forward_sample(state, begin);
}
static void backward_range(int64_t begin, int64_t end, void *state) {
    for (; begin < end; begin++) backward_sample(state, begin);
}

/* ---- operands ------------------------------------------------------------------------------------------------------------------------ */

static bool check_lengths(Work *w, const Arg *steps, const Arg *labels) {
    if (steps->n != w->batch) return rl_fail(RL_RUNTIME_ERROR, "input_lengths must be of size batch_size: got %d for %" PRId64 " samples", steps->n, w->batch);
    if (labels->n != w->batch) return rl_fail(RL_RUNTIME_ERROR, "target_lengths must be of size batch_size: got %d for %" PRId64 " samples", labels->n, w->batch);
    for (int64_t b = 0; b < w->batch; b++) {
        if (steps->ints[b] < 0 || steps->ints[b] > w->steps)
            return rl_fail(RL_RUNTIME_ERROR, "Expected input_lengths to have value at most %" PRId64 ", but got value %" PRId64 " (while checking arguments for ctc_loss_cpu)", w->steps, steps->ints[b]);
        if (labels->ints[b] < 0 || labels->ints[b] > INT32_MAX) return rl_fail(RL_RUNTIME_ERROR, "Expected target_lengths to have value at least 0, but got value %" PRId64 " (while checking arguments for ctc_loss_cpu)", labels->ints[b]);
        if (labels->ints[b] > w->most) w->most = labels->ints[b];
    }
    w->length = steps->ints;
    w->labels = labels->ints;
    return true;
}

/* Padded lines [N, S], or all lines one behind the other. */
static bool find_targets(Work *w, Tensor *targets) {
    if (targets->dtype != RL_INT64 && targets->dtype != RL_INT32) return rl_fail(RL_RUNTIME_ERROR, "Expected tensor for argument 'targets' to have one of the following scalar types: Long, Int; but got %s instead (while checking arguments for ctc_loss_cpu)", rl_dtypes[targets->dtype].word);
    bool padded = targets->ndim == 2;
    if (targets->ndim > 2 || targets->ndim < 1 || (padded && targets->shape[0] != w->batch))
        return rl_fail(RL_RUNTIME_ERROR, "Expected targets of shape [%" PRId64 ", S] or all of them in one dimension, but got %s (while checking arguments for ctc_loss_cpu)", w->batch, rl_text_shape(targets));
    if (padded && targets->shape[1] < w->most) return rl_fail(RL_RUNTIME_ERROR, "Expected tensor to have size at least %" PRId64 " at dimension 1, but got size %" PRId64 " for argument 'targets' (while checking arguments for ctc_loss_cpu)", w->most, targets->shape[1]);
    int64_t *start = rl_scope_bytes((w->batch + 1) * 8), at = 0;
    if (!start || !(targets = rl_contiguous(rl_cast(targets, RL_INT64)))) return false;
    w->targets = rl_data(targets);
    w->start = start;
    for (int64_t b = 0; b < w->batch; b++) {
        start[b] = padded ? b * targets->shape[1] : at;
        at += w->labels[b];
    }
    if (!padded && at > targets->numel) return rl_fail(RL_RUNTIME_ERROR, "Expected tensor to have size %" PRId64 " at dimension 0, but got size %" PRId64 " for argument 'targets' (while checking arguments for ctc_loss_cpu)", at, targets->numel);
    for (int64_t b = 0; b < w->batch; b++)
        for (int64_t i = 0; i < w->labels[b]; i++)
            if (w->targets[start[b] + i] < 0 || w->targets[start[b] + i] >= w->classes)
                return rl_fail(RL_RUNTIME_ERROR, "ctc_loss(): target %" PRId64 " of sample %" PRId64 " is not one of %" PRId64 " labels", w->targets[start[b] + i], b, w->classes);
    return true;
}

static bool start_work(Call *c, Work *w, const Arg *a) {
    Tensor *p = a[PROBS].tensor;
    *w = (Work){.steps = p->shape[0], .batch = p->shape[1], .classes = p->shape[2], .blank = a[BLANK].i, .zero_infinity = a[ZERO_INFINITY].b};
    if (w->blank < 0 || w->blank >= w->classes) return rl_fail(RL_RUNTIME_ERROR, "blank must be in label range: %" PRId64 " is not in [0, %" PRId64 ")", w->blank, w->classes);
    if (!check_lengths(w, &a[STEPS], &a[LABELS]) || !find_targets(w, a[TARGETS].tensor)) return false;
    p = rl_contiguous(rl_cast(p, RL_FLOAT64));
    if (p) w->probs = rl_data(p);
    return p != NULL;
}

static int64_t grain(const Work *w) { return 1 + 2000 / (w->steps * (states(w) + w->classes) + 1); }

static Tensor *ctc_forward(Call *c) {
    Work w;
    Tensor **out = rl_outputs(c, 2);
    if (!out || !start_work(c, &w, c->arg)) return NULL;
    int64_t shape[3] = {w.batch, w.steps, states(&w)};
    Dtype dtype = c->arg[PROBS].tensor->dtype;
    Tensor *loss = rl_empty(1, shape, RL_FLOAT64);
    if (!loss || !(out[1] = rl_full(3, shape, RL_FLOAT64, -(double)INFINITY))) return NULL;
    w.alpha = rl_data(out[1]);
    w.loss = rl_data(loss);
    if (!rl_parallel_for(w.batch, grain(&w), forward_range, &w)) return NULL;
    for (int64_t b = 0; b < w.batch; b++)
        if (w.zero_infinity && w.loss[b] == (double)INFINITY) w.loss[b] = 0;
    return out[0] = rl_cast(loss, dtype);
}

/* (grad, *arguments of _ctc_loss, log_alpha): the losses are read off log_alpha again. */
static Tensor *ctc_backward_forward(Call *c) {
    Work w;
    Tensor *alpha = c->arg[7].tensor, *g = rl_contiguous(rl_cast(c->arg[0].tensor, RL_FLOAT64));
    if (!g || !start_work(c, &w, c->arg + 1)) return NULL;
    int64_t shape[3] = {w.batch, w.steps, states(&w)}, grads[3] = {w.steps, w.batch, w.classes};
    if (alpha->dtype != RL_FLOAT64 || alpha->ndim != 3 || memcmp(alpha->shape, shape, sizeof shape) || g->numel != w.batch)
        return rl_fail(RL_RUNTIME_ERROR, "_ctc_loss_backward(): a gradient of shape %s and log_alpha of shape %s do not belong to %" PRId64 " samples", rl_text_shape(c->arg[0].tensor), rl_text_shape(alpha), w.batch);
    Tensor *grad = rl_zeros(3, grads, RL_FLOAT64);
    alpha = rl_contiguous(alpha);
    w.loss = rl_scope_bytes((w.batch + 1) * 8);
    w.beta = rl_scope_bytes(16 * states(&w) * rl_threads());
    if (!grad || !alpha || !w.loss || !w.beta) return NULL;
    w.alpha = rl_data(alpha);
    w.grad = rl_data(grad);
    w.slope = rl_data(g);
    for (int64_t b = 0; b < w.batch; b++) {
        const double *last = w.alpha + (b * w.steps + w.length[b] - 1) * states(&w);
        int64_t mine = 2 * w.labels[b] + 1;
        w.loss[b] = w.length[b] == 0 ? (mine == 1 ? 0 : (double)INFINITY) : -(mine > 1 ? log_add(last[mine - 1], last[mine - 2]) : last[0]);
    }
    return rl_parallel_for(w.batch, grain(&w), backward_range, &w) ? rl_cast(grad, c->arg[1].tensor->dtype) : NULL;
}

static void ctc_vjp(Call *c, Tensor **g, Tensor **dx) {
    dx[0] = rl_do("_ctc_loss_backward", a_t(g[0]), c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5], a_t(c->out[1]));
}

static void no_second_order(Call *c, Tensor **g, Tensor **dx) { rl_fail(RL_RUNTIME_ERROR, "derivative for _ctc_loss_backward is not implemented: ctc_loss can be differentiated once"); }

#define ARGS "log_probs: Tensor, targets: Tensor, input_lengths: list[int], target_lengths: list[int], blank: int = 0, zero_infinity: bool = False"

Op rl_ctc_ops[] = {
    {
        .sig = "_ctc_loss(" ARGS ") -> (Tensor, Tensor)", .where = PRIVATE, .dtypes = CLASS_FLOAT, .shape = "log_probs[T,N,C]", .forward = ctc_forward, .vjp = ctc_vjp,
        .saves = SAVE(PROBS) | SAVE(TARGETS) | SAVE_OUT(1), .constant_outs = 2, .node = "CtcLossBackward0",
        .samples = "x(5, 2, 4), idx(3, 2, 2), [5, 4], [2, 1], 3; x(4, 2, 3), idx(2, 3), [4, 4], [2, 1], 2, True",
        .doc = "-log of the summed probability of every alignment of each sample's targets, and what backward reads.\n\n"
               ">>> rl._C._ops._ctc_loss(rl.zeros(2, 1, 2), rl.tensor([[1]]), [2], [1])[0]\ntensor([-1.0986])",
    },
    {
        .sig = "_ctc_loss_backward(grad: Tensor, " ARGS ", log_alpha: Tensor | None = None) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOAT, .shape = "grad[N] log_probs[T,N,C] log_alpha[N,T,S]",
        .forward = ctc_backward_forward, .vjp = no_second_order, .samples = "-", .doc = "The gradient of _ctc_loss by its log_probs.",
    },
    {0},
};
