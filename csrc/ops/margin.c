/* margin.c -- losses over classes that ask for a distance between the target's score and the others.
 *
 * The loss of each row is one loop.  The gradient of multi_margin_loss is written in ops, so that it has one itself; that of
 * multilabel_margin_loss is constant between the kinks: counted out, and times what arrives. */
#include "rushlight.h"

#include <inttypes.h>
#include <string.h>

static Tensor *reduced(Tensor *loss, const char *word) {
    if (!strcmp(word, "mean")) return rl_do("mean", a_t(loss));
    if (!strcmp(word, "sum")) return rl_sum_all(loss);
    return !strcmp(word, "none") ? loss : rl_fail(RL_VALUE_ERROR, "%s is not a valid value for reduction: it is one of 'none', 'mean', 'sum'", word);
}

/* What arrives for a reduced loss of `rows`, as a column. */
static Tensor *column(Tensor *g, const char *word, int64_t rows) {
    if (!strcmp(word, "none")) return rl_reshape(g, 2, (int64_t[]){rows, 1});
    return strcmp(word, "mean") ? g : rl_div_number(g, (double)rows);
}

typedef struct Scores { int64_t rows, classes; const void *x; const int64_t *target; bool single; } Scores;

/* The scores as dense rows, and the targets. */
static bool read_scores(Scores *s, Tensor *x, Tensor *target) {
    if (x->ndim > 2 || (x->ndim && x->shape[x->ndim - 1] == 0))
        return rl_fail(RL_RUNTIME_ERROR, "Expected non-empty vector or matrix with optional 0-dim batch size, but got: %s", rl_text_shape(x)) != NULL;
    if (target->dtype != RL_INT64) return rl_fail(RL_RUNTIME_ERROR, "expected scalar type Long but found %s for argument target", rl_dtypes[target->dtype].word) != NULL;
    Tensor *dense = rl_contiguous(x), *labels = rl_contiguous(target);
    if (!dense || !labels) return false;
    *s = (Scores){.rows = x->ndim == 2 ? x->shape[0] : 1, .classes = x->ndim ? x->shape[x->ndim - 1] : 1, .x = rl_data(dense), .target = rl_data(labels), .single = x->ndim < 2};
    return true;
}

static inline double score(Dtype dtype, const void *x, int64_t i) { return dtype == RL_FLOAT32 ? ((const float *)x)[i] : ((const double *)x)[i]; }

static void set(Tensor *y, int64_t i, double value) {
    if (y->dtype == RL_FLOAT32) ((float *)rl_data(y))[i] = (float)value;
    else ((double *)rl_data(y))[i] = value;
}

/* ---- one target in each row -------------------------------------------------------------------------------------------------------------- */

/* (input, target, p, margin, weight, reduction) */
static Tensor *multi_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *target = c->arg[1].tensor, *w = rl_arg_tensor(c, 4);
    double margin = a_double(&c->arg[3]);
    int64_t p = a_int(&c->arg[2]);
    Scores s;
    int64_t rows = x->ndim == 2 ? x->shape[0] : 1;
    if (x->ndim <= 2 && (target->ndim > 1 || target->numel != rows))
        return rl_fail(RL_RUNTIME_ERROR, "multi_margin_loss: target tensor should be 1-D with size equal to the batch size: Expected target size [%" PRId64 "], but got %s", rows, rl_text_shape(target));
    if (!read_scores(&s, x, target)) return NULL;
    if (w && w->numel != s.classes) return rl_fail(RL_RUNTIME_ERROR, "inconsistent weight size, expected %" PRId64 " but got %s", s.classes, rl_text_shape(w));
    if (w && w->dtype != x->dtype) return rl_fail(RL_RUNTIME_ERROR, "expected scalar type %s but found %s for argument weight", rl_dtypes[x->dtype].word, rl_dtypes[w->dtype].word);
    Tensor *weight = w ? rl_contiguous(w) : NULL, *loss = rl_empty(s.single && !target->ndim ? 0 : 1, &s.rows, x->dtype);
    if (!loss || (w && !weight)) return NULL;
    for (int64_t i = 0; i < s.rows; i++) {
        int64_t at = i * s.classes, own = s.target[i];
        if (own < 0 || own >= s.classes) return rl_fail(RL_RUNTIME_ERROR, "target out of range: %" PRId64 " in row %" PRId64 " is none of %" PRId64 " classes", own, i, s.classes);
        double sum = 0;
        for (int64_t k = 0; k < s.classes; k++) {
            double gap = margin - score(x->dtype, s.x, at + own) + score(x->dtype, s.x, at + k);
            if (k != own && !(gap <= 0)) sum += p == 1 ? gap : gap * gap;
        }
        set(loss, i, sum * (weight ? score(x->dtype, rl_data(weight), own) : 1) / (double)s.classes);
    }
    return reduced(loss, c->arg[5].str);
}

static void multi_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *target = c->arg[1].tensor, *w = rl_arg_tensor(c, 4);
    if (!x || !target) return;
    int64_t rows = x->ndim == 2 ? x->shape[0] : 1, classes = x->ndim ? x->shape[x->ndim - 1] : 1, flat[2] = {rows, classes}, one[2] = {rows, 1};
    Tensor *scores = rl_reshape(x, 2, flat), *own = rl_reshape(target, 2, one);
    Tensor *gap = rl_add(rl_sub(scores, rl_do("gather", a_t(scores), a_i(1), a_t(own))), rl_full(0, NULL, x->dtype, a_double(&c->arg[3])));
    Tensor *slope = rl_cast(rl_do("gt", a_t(gap), a_i(0)), x->dtype);
    if (a_int(&c->arg[2]) == 2) slope = rl_mul(slope, rl_mul_number(gap, 2));
    if (w) slope = rl_mul(slope, rl_unsqueeze(rl_do("index_select", a_t(w), a_i(0), a_t(rl_reshape(target, 1, &rows))), 1));
    slope = rl_do("scatter", a_t(rl_mul(slope, column(g[0], c->arg[5].str, rows))), a_i(1), a_t(own), a_i(0));
    Tensor *total = rl_neg(rl_sum_dim(slope, 1, true));
    dx[0] = rl_reshape(rl_div_number(rl_do("scatter", a_t(slope), a_i(1), a_t(own), a_t(total)), (double)classes), x->ndim, x->shape);
}

/* ---- several, up to the first -1 ------------------------------------------------------------------------------------------------------------ */

/* Marks the targets of a row; how many, or -1 if one is out of range. */
static int64_t mark(const Scores *s, int64_t row, bool *is_target) {
    const int64_t *label = s->target + row * s->classes;
    int64_t n = 0;
    memset(is_target, 0, (size_t)s->classes);
    for (int64_t k = 0; k < s->classes; k++)
        if (label[k] < -1 || label[k] >= s->classes) return -1;
    for (; n < s->classes && label[n] >= 0; n++) is_target[label[n]] = true;
    return n;
}

/* The sum over targets and others of 1 - (x[target] - x[other]) where that is positive; slope, if given, gets how often each score counts. */
static double count_row(const Scores *s, Dtype dtype, int64_t row, int64_t targets, const bool *is_target, double *slope) {
    double sum = 0;
    int64_t at = row * s->classes;
    for (int64_t j = 0; j < targets; j++) {
        int64_t own = s->target[at + j];
        for (int64_t k = 0; k < s->classes; k++) {
            double gap = is_target[k] ? 0 : 1 - score(dtype, s->x, at + own) + score(dtype, s->x, at + k);
            if (gap <= 0) continue;
            sum += gap;
            if (slope) slope[k] += 1, slope[own] -= 1;
        }
    }
    return sum;
}

/* (input, target, reduction) */
static Tensor *multilabel_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *target = c->arg[1].tensor;
    Scores s;
    if (!rl_same_shape(x, target)) return rl_fail(RL_RUNTIME_ERROR, "inconsistent target size: %s for input of size: %s", rl_text_shape(target), rl_text_shape(x));
    if (!read_scores(&s, x, target)) return NULL;
    Tensor *loss = rl_empty(!s.single, &s.rows, x->dtype);
    bool *is_target = rl_scope_bytes(s.classes);
    if (!loss || !is_target) return NULL;
    for (int64_t i = 0; i < s.rows; i++) {
        int64_t n = mark(&s, i, is_target);
        if (n < 0) return rl_fail(RL_RUNTIME_ERROR, "argument #2 'target' is out of range: row %" PRId64 " names a class that is none of %" PRId64, i, s.classes);
        set(loss, i, count_row(&s, x->dtype, i, n, is_target, NULL) / (double)s.classes);
    }
    return reduced(loss, c->arg[2].str);
}

static void multilabel_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *target = c->arg[1].tensor;
    Scores s;
    if (!x || !target || !read_scores(&s, x, target)) return;
    Tensor *slope = rl_empty(2, (int64_t[]){s.rows, s.classes}, x->dtype);
    bool *is_target = rl_scope_bytes(s.classes);
    double *line = rl_scope_bytes(s.classes * (int64_t)sizeof *line);
    if (!slope || !is_target || !line) return;
    for (int64_t i = 0; i < s.rows; i++) {
        memset(line, 0, (size_t)s.classes * sizeof *line);
        count_row(&s, x->dtype, i, mark(&s, i, is_target), is_target, line);
        for (int64_t k = 0; k < s.classes; k++) set(slope, i * s.classes + k, line[k] / (double)s.classes);
    }
    dx[0] = rl_reshape(rl_mul(slope, column(g[0], c->arg[2].str, s.rows)), x->ndim, x->shape);
}

Op rl_margin_ops[] = {
    {
        .sig = "multi_margin_loss(input: Tensor, target: Tensor, p: Number = 1, margin: Number = 1, weight: Tensor | None = None, reduction: str = 'mean') -> Tensor",
        .forward = multi_forward, .vjp = multi_vjp, .dtypes = CLASS_FLOAT, .where = NN, .saves = SAVE(0) | SAVE(1) | SAVE(4),
        .samples = "x(3, 4), idx(4, 3); x(3, 4), idx(4, 3), 2, 0.5, reduction='none'; x(4), idx(4, 1), reduction='sum'",
        .doc = "Sum over classes i other than the target y of max(0, margin - input[y] + input[i])^p / C.\n\n>>> rl.nn.functional.multi_margin_loss(rl.tensor([[0.5, 0.0]]), rl.tensor([0]))\ntensor(0.2500)",
    },
    {
        .sig = "multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = 'mean') -> Tensor", .forward = multilabel_forward, .vjp = multilabel_vjp, .dtypes = CLASS_FLOAT,
        .where = NN, .saves = SAVE(0) | SAVE(1), .samples = "x(3, 4), idx(4, 3, 4); x(4), idx(4, 4), reduction='sum'; x(2, 4), idx(4, 2, 4), reduction='none'",
        .doc = "Sum over labels y (up to the first -1) and other classes i of max(0, 1 - (input[y] - input[i])) / C.\n\n>>> rl.nn.functional.multilabel_margin_loss(rl.tensor([0.5, 0.0]), rl.tensor([0, -1]))\ntensor(0.2500)",
    },
    {0},
};
