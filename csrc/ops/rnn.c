/* rnn.c -- recurrent layers: LSTM, GRU and the plain RNN, over whole sequences or packed ones, in one or two directions.
 *
 * One direction of one layer is one row, _rnn_layer.  The input's product with its weights is taken for all time steps at
 * once; a step is then one product with the state and one pass over the gates.  Its gradient walks back through the steps and
 * leaves the weights' gradients to products over all steps together.  A step works on the first `batch` rows of a state that
 * stays in place: all of them, or with packed sequences as many as are still running (or, in reverse, already running).
 * Everything is generic in four modes; the number of gates, the kernels and what they keep are all that differs.
 *
 * Second derivatives take another way: the layer is built anew from single operations, and those are differentiated. */
#include "rushlight.h"

#include <inttypes.h>
#include <string.h>

#include "kernels/kernels.h"

enum { MODE_LSTM, MODE_GRU, MODE_TANH, MODE_RELU };
enum { X, H0, C0, W_IH, W_HH, B_IH, B_HH, W_HR, BATCHES, MODE, REVERSE, KEEP, LAYER_ARGS };   /* parameters of _rnn_layer */
enum { OUTPUT, LAST_H, LAST_C, KEPT };                                                   /* its results */

static const double ONE[2] = {1, 0}, ZERO[2] = {0, 0};

/* ---- the plan of a layer --------------------------------------------------------------------------------------------- */

typedef struct Plan {
    int mode, gates;
    bool reverse, projects;
    Dtype dtype;
    int64_t bytes, steps, rows /* over all steps */, batch, in, hidden, out;
    const int64_t *batches;    /* per step; NULL: all of `batch` */
    Tensor *t[BATCHES];        /* contiguous; NULL where there is none */
    char *panels;              /* the recurrent weights, packed for the direction of travel; NULL where a general product is better */
} Plan;

/* Where each thing that the gradient reads lies in the one block that is kept for it. */
typedef struct Kept {
    char *gates;               /* [rows, gates * hidden] */
    char *before;              /* [rows, out]: the state that each step started from */
    char *cell, *tanh_cell;    /* LSTM, [rows, hidden] */
    char *inner;               /* GRU, [rows, hidden] */
    char *raw;                 /* [rows, hidden]: the state before its projection */
} Kept;

static int64_t kept_width(const Plan *p) {
    return p->gates * p->hidden + p->out + (p->mode == MODE_LSTM ? 2 : p->mode == MODE_GRU ? 1 : 0) * p->hidden + (p->projects ? p->hidden : 0);
}

static Kept lay_out(const Plan *p, char *block) {
    int64_t line = p->rows * p->hidden * p->bytes;
    Kept k = {.gates = block, .before = block + p->gates * line};
    char *next = k.before + p->rows * p->out * p->bytes;
    if (p->mode == MODE_LSTM) {
        k.cell = next;
        k.tanh_cell = next + line;
        next += 2 * line;
    } else if (p->mode == MODE_GRU) {
        k.inner = next;
        next += line;
    }
    if (p->projects) k.raw = next;
    return k;
}

static int64_t batch_at(const Plan *p, int64_t step) { return p->batches ? p->batches[step] : p->batch; }

/* Rows of the data before a step: walks are in order, so the caller moves it along. */
static int64_t rows_before(const Plan *p, int64_t step) {
    if (!p->batches) return step * p->batch;
    int64_t sum = 0;
    for (int64_t i = 0; i < step; i++) sum += p->batches[i];
    return sum;
}

/* The order in which a direction visits the steps. */
typedef struct Walk { int64_t step, at, left, by; } Walk;

static Walk walk_along(const Plan *p, bool backwards) {
    int64_t last = p->steps - 1;
    return backwards ? (Walk){last, rows_before(p, last), p->steps, -1} : (Walk){0, 0, p->steps, 1};
}

static void walk_on(const Plan *p, Walk *w) {
    if (!--w->left) return;
    if (w->by > 0) w->at += batch_at(p, w->step);
    w->step += w->by;
    if (w->by < 0) w->at -= batch_at(p, w->step);
}

/* ---- checks ---------------------------------------------------------------------------------------------------------- */

static bool has_shape(const Tensor *t, int ndim, int64_t a, int64_t b, const char *name) {
    bool ok = t->ndim == ndim && t->shape[0] == a && (ndim < 2 || t->shape[1] == b);
    if (ok) return true;
    int64_t want[2] = {a, b};
    return rl_fail(RL_RUNTIME_ERROR, "recurrent layer: %s should be of shape %s, but is of shape %s", name, rl_text_sizes(ndim, want), rl_text_shape(t));
}

static bool read_batches(Plan *p, Tensor *b) {
    if (!b) return true;
    if (b->dtype != RL_INT64 || b->ndim != 1 || !b->numel) return rl_fail(RL_RUNTIME_ERROR, "batch_sizes should be a 1D int64 tensor with at least one entry, got %s of shape %s", rl_dtypes[b->dtype].name, rl_text_shape(b));
    if (!(b = rl_contiguous(b))) return false;
    int64_t sum = 0;
    p->batches = rl_data(b);
    p->steps = b->numel;
    for (int64_t i = 0; i < p->steps; i++) {
        if (p->batches[i] < 1 || (i && p->batches[i] > p->batches[i - 1]))
            return rl_fail(RL_RUNTIME_ERROR, "batch_sizes should be positive and never grow, but entry %" PRId64 " is %" PRId64, i, p->batches[i]);
        sum += p->batches[i];
    }
    if (sum != p->rows) return rl_fail(RL_RUNTIME_ERROR, "batch_sizes add up to %" PRId64 ", but the data has %" PRId64 " rows", sum, p->rows);
    p->batch = p->batches[0];
    return true;
}

static bool check_sizes(const Plan *p) {
    Tensor *const *t = p->t;
    int64_t wide = p->gates * p->hidden;
    if (p->hidden < 1 || t[W_HH]->shape[0] % p->gates) return rl_fail(RL_RUNTIME_ERROR, "recurrent layer: the weights' %" PRId64 " rows are not %d gates of equal size", t[W_HH]->shape[0], p->gates);
    if (t[W_IH]->ndim == 2 && t[W_IH]->shape[1] != p->in)
        return rl_fail(RL_RUNTIME_ERROR, "input.size(-1) must be equal to input_size. Expected %" PRId64 ", got %" PRId64, t[W_IH]->shape[1], p->in);
    if (!has_shape(t[W_IH], 2, wide, p->in, "weight_ih") || !has_shape(t[W_HH], 2, wide, p->out, "weight_hh") || !has_shape(t[H0], 2, p->batch, p->out, "the hidden state")) return false;
    if (t[C0] && !has_shape(t[C0], 2, p->batch, p->hidden, "the cell state")) return false;
    if (t[B_IH] && (!has_shape(t[B_IH], 1, wide, 0, "bias_ih") || !t[B_HH] || !has_shape(t[B_HH], 1, wide, 0, "bias_hh"))) return rl_fail(RL_RUNTIME_ERROR, "recurrent layer: bias_ih and bias_hh go together");
    if (t[W_HR] && !has_shape(t[W_HR], 2, p->out, p->hidden, "weight_hr")) return false;
    for (int k = 0; k < BATCHES; k++)
        if (t[k] && t[k]->dtype != p->dtype) return rl_fail(RL_RUNTIME_ERROR, "recurrent layer: input is %s, but an other argument is %s", rl_dtypes[p->dtype].name, rl_dtypes[t[k]->dtype].name);
    return true;
}

static bool make_plan(Call *c, Plan *p) {
    *p = (Plan){.mode = (int)c->arg[MODE].i, .reverse = c->arg[REVERSE].b};
    for (int k = 0; k < BATCHES; k++) {
        Tensor *t = rl_arg_tensor(c, k);
        if (t && !(p->t[k] = rl_contiguous(t))) return false;
    }
    Tensor *x = p->t[X], *batches = rl_arg_tensor(c, BATCHES);
    p->gates = p->mode == MODE_LSTM ? 4 : p->mode == MODE_GRU ? 3 : 1;
    p->dtype = x->dtype;
    p->bytes = rl_dtype_bytes(p->dtype);
    if (x->ndim != (batches ? 2 : 3) || p->t[W_HH]->ndim != 2 || (p->mode == MODE_LSTM) != (p->t[C0] != NULL))
        return rl_fail(RL_RUNTIME_ERROR, "recurrent layer: input of shape %s and weight_hh of shape %s do not go together", rl_text_shape(x), rl_text_shape(p->t[W_HH]));
    p->in = rl_size(x, -1);
    p->steps = x->shape[0];
    p->batch = batches ? 0 : x->shape[1];
    p->rows = batches ? x->shape[0] : p->steps * p->batch;
    p->hidden = p->t[W_HH]->shape[0] / p->gates;
    p->projects = p->t[W_HR] != NULL;
    p->out = p->projects ? p->t[W_HR]->shape[0] : p->hidden;
    return read_batches(p, batches) && check_sizes(p);
}

/* ---- products with the recurrent weights ------------------------------------------------------------------------------------ */

enum { MANY = 1 << 23 };           /* multiplications from which on a product is worth sharing among threads */

/* Packs w_hh^T (forwards: [out, gates hidden]) or w_hh (backwards: [gates hidden, out]) where several steps will use it. */
static bool pack_weights(Plan *p, bool backwards) {
    int64_t wide = p->gates * p->hidden, n = backwards ? p->out : wide, k = backwards ? wide : p->out;
    if (p->steps < 2 || p->batch * wide * p->out > MANY) return true;
    p->panels = rl_scope_bytes((n + 15) / 16 * 16 * k * p->bytes + 1);
    if (!p->panels) return false;
    rl_kernels->pack_panels[p->dtype](n, k, rl_data(p->t[W_HH]), backwards ? p->out : 1, backwards ? 1 : p->out, p->panels);
    return true;
}

/* gates[n, gates hidden] (+)= h[n, out] w_hh^T */
static bool times_recurrent(const Plan *p, int64_t n, const char *h, bool add, char *gates) {
    int64_t wide = p->gates * p->hidden;
    if (!p->panels) return !n || rl_gemm(p->dtype, false, true, n, wide, p->out, ONE, h, p->out, rl_data(p->t[W_HH]), p->out, add ? ONE : ZERO, gates, wide);
    rl_kernels->panel_product[p->dtype](n, wide, p->out, h, p->out, p->panels, gates, wide, add);
    return true;
}

/* dh[n, out] (+)= dgates[n, gates hidden] w_hh */
static bool through_recurrent(const Plan *p, int64_t n, const char *dgates, bool add, char *dh) {
    int64_t wide = p->gates * p->hidden;
    if (!p->panels) return !n || rl_gemm(p->dtype, false, false, n, p->out, wide, ONE, dgates, wide, rl_data(p->t[W_HH]), p->out, add ? ONE : ZERO, dh, p->out);
    rl_kernels->panel_product[p->dtype](n, p->out, wide, dgates, wide, p->panels, dh, p->out, add);
    return true;
}

/* ---- forward --------------------------------------------------------------------------------------------------------- */

static char *data_of(Tensor *t) { return t ? rl_data(t) : NULL; }

/* y[m, n] (+)= x[m, k] w[n, k]^T, all dense. */
static bool times_weight(const Plan *p, int64_t m, int64_t n, int64_t k, const char *x, Tensor *w, const double *beta, char *y) {
    return !m || rl_gemm(p->dtype, false, true, m, n, k, ONE, x, k ? k : 1, rl_data(w), k ? k : 1, beta, y, n);
}

/* The input's part of every gate, and both biases where they simply add up. */
static bool input_gates(const Plan *p, Tensor *gates) {
    Tensor *bias = p->t[B_IH];
    if (bias && p->mode != MODE_GRU) bias = rl_add(bias, p->t[B_HH]);
    if (bias && !rl_copy_into(gates, bias)) return false;
    if (rl_failed()) return false;
    return times_weight(p, p->rows, p->gates * p->hidden, p->in, rl_data(p->t[X]), p->t[W_IH], bias ? ONE : ZERO, rl_data(gates));
}

typedef struct State { char *h, *c, *inner /* GRU: W_hh h + b_hh */; } State;

/* One step: `gates` holds the input's part.  The new state goes to `out`, and over the old one. */
static bool step_forward(const Plan *p, State *s, int64_t n, char *gates, char *tanh_cell, char *kept, char *raw, char *out) {
    const Kernels *k = rl_kernels;
    int64_t wide = p->gates * p->hidden;
    if (p->mode == MODE_GRU) {
        for (int64_t r = 0; p->t[B_HH] && r < n; r++) memcpy(s->inner + r * wide * p->bytes, rl_data(p->t[B_HH]), (size_t)(wide * p->bytes));
        if (!times_recurrent(p, n, s->h, p->t[B_HH], s->inner)) return false;
        k->gru_step[p->dtype](n, p->hidden, gates, s->inner, kept, s->h, out);
    } else {
        if (!times_recurrent(p, n, s->h, true, gates)) return false;
        char *to = p->projects ? raw : out;
        if (p->mode == MODE_LSTM) k->lstm_step[p->dtype](n, p->hidden, gates, s->c, tanh_cell, to);
        else {
            k->rnn_step[p->dtype](n * p->hidden, gates, p->mode == MODE_RELU);
            memcpy(out, gates, (size_t)(n * p->hidden * p->bytes));
        }
        if (p->projects && !times_weight(p, n, p->out, p->hidden, raw, p->t[W_HR], ZERO, out)) return false;
    }
    memcpy(s->h, out, (size_t)(n * p->out * p->bytes));
    return true;
}

/* Without a gradient to come, what would be kept is written over at every step. */
static bool all_steps(const Plan *p, State *s, const Kept *k, bool keep, char *out) {
    int64_t line = p->hidden * p->bytes, line_out = p->out * p->bytes;
    for (Walk w = walk_along(p, p->reverse); w.left; walk_on(p, &w)) {
        int64_t n = batch_at(p, w.step), at = keep ? w.at : 0;
        char *cell = k->cell ? k->tanh_cell + at * line : NULL;
        if (keep) {
            memcpy(k->before + at * line_out, s->h, (size_t)(n * line_out));
            if (k->cell) memcpy(k->cell + at * line, s->c, (size_t)(n * line));
        }
        if (!step_forward(p, s, n, k->gates + w.at * p->gates * line, cell, k->inner ? k->inner + at * line : NULL, k->raw ? k->raw + at * line : NULL, out + w.at * line_out)) return false;
    }
    return true;
}

/* The block of what is kept: everything, or only the gates and one step of the rest. */
static bool make_room(const Plan *p, bool keep, Tensor **block, Kept *k) {
    int64_t wide = p->gates * p->hidden, size[1] = {p->rows * (keep ? kept_width(p) : wide)};
    if (!(*block = rl_empty(1, size, p->dtype))) return false;
    *k = lay_out(p, rl_data(*block));
    if (keep) return true;
    char *scratch = rl_scope_bytes((3 * p->batch * p->hidden + 1) * p->bytes);
    if (!scratch) return false;
    int64_t line = p->batch * p->hidden * p->bytes;
    k->before = NULL;
    if (k->cell) k->tanh_cell = scratch;
    if (k->inner) k->inner = scratch + line;
    if (k->raw) k->raw = scratch + 2 * line;
    return true;
}

static Tensor *own_copy(Tensor *t) {
    Tensor *y = rl_empty(t->ndim, t->shape, t->dtype);
    return y ? rl_copy_into(y, t) : NULL;
}

static bool wants_gradient(Call *c) {
    for (int k = 0; k < BATCHES; k++)
        if (rl_arg_tensor(c, k) && rl_is_followed(c->arg[k].tensor)) return true;
    return false;
}

static Tensor *layer_forward(Call *c) {
    Plan p;
    Kept k;
    Tensor *block, **out = c->out;
    if (!make_plan(c, &p)) return NULL;
    bool keep = c->arg[KEEP].b && wants_gradient(c);
    int64_t shape[3] = {p.steps, p.batch, p.out}, flat[2] = {p.rows, p.out}, none = 0;
    out[OUTPUT] = p.batches ? rl_empty(2, flat, p.dtype) : rl_empty(3, shape, p.dtype);
    out[LAST_H] = own_copy(p.t[H0]);
    out[LAST_C] = p.t[C0] ? own_copy(p.t[C0]) : rl_empty(1, &none, p.dtype);
    if (!make_room(&p, keep, &block, &k) || !out[OUTPUT] || !out[LAST_H] || !out[LAST_C]) return NULL;
    Tensor *gates = rl_view(block, 2, (int64_t[]){p.rows, p.gates * p.hidden}, (int64_t[]){p.gates * p.hidden, 1}, 0);
    State s = {.h = data_of(out[LAST_H]), .c = data_of(out[LAST_C])};
    if (p.mode == MODE_GRU && !(s.inner = rl_scope_bytes(p.batch * p.gates * p.hidden * p.bytes + 1))) return NULL;
    if (!gates || !input_gates(&p, gates) || !pack_weights(&p, false) || !all_steps(&p, &s, &k, keep, rl_data(out[OUTPUT]))) return NULL;
    out[KEPT] = keep ? block : rl_empty(1, &none, p.dtype);
    return out[OUTPUT];
}

/* ---- backward -------------------------------------------------------------------------------------------------------- */

typedef struct Slopes {
    Tensor *gates, *inner;     /* [rows, gates * hidden]; inner is another tensor for GRU only */
    Tensor *h, *c;             /* the running gradients of the state */
    Tensor *projected;         /* [rows, out]: of the state after its projection */
    char *raw;                 /* [batch, hidden] */
} Slopes;

static void add_rows(const Plan *p, int64_t count, char *to, const char *from) {
    if (p->dtype == RL_FLOAT32) for (int64_t i = 0; i < count; i++) ((float *)to)[i] += ((const float *)from)[i];
    else for (int64_t i = 0; i < count; i++) ((double *)to)[i] += ((const double *)from)[i];
}

/* From the gradient by the state after a step to those by its gates and by the state before it. */
static bool step_backward(const Plan *p, const Kept *k, Slopes *s, int64_t at, int64_t n) {
    const Kernels *f = rl_kernels;
    int64_t line = p->hidden * p->bytes, wide = p->gates * line;
    char *dh = rl_data(s->h), *dgates = (char *)rl_data(s->gates) + at * wide, *dstate = dh;
    const char *gates = k->gates + at * wide, *before = k->before + at * p->out * p->bytes;
    if (p->projects) {
        memcpy((char *)rl_data(s->projected) + at * p->out * p->bytes, dh, (size_t)(n * p->out * p->bytes));
        dstate = s->raw;
        if (!rl_gemm(p->dtype, false, false, n, p->hidden, p->out, ONE, dh, p->out, rl_data(p->t[W_HR]), p->hidden, ZERO, dstate, p->hidden)) return false;
    }
    if (p->mode == MODE_GRU) {
        char *dinner = (char *)rl_data(s->inner) + at * wide;
        f->gru_grad[p->dtype](n, p->hidden, gates, k->inner + at * line, before, dh, s->raw, dgates, dinner);
        memcpy(dh, s->raw, (size_t)(n * line));
        return through_recurrent(p, n, dinner, true, dh);
    }
    if (p->mode == MODE_LSTM) f->lstm_grad[p->dtype](n, p->hidden, gates, k->cell + at * line, k->tanh_cell + at * line, dstate, rl_data(s->c), dgates);
    else f->rnn_grad[p->dtype](n * p->hidden, gates, dh, dgates, p->mode == MODE_RELU);
    return through_recurrent(p, n, dgates, false, dh);
}

static Tensor *start_slope(Tensor *g, Tensor *like) {
    return g ? own_copy(g) : rl_zeros(like->ndim, like->shape, like->dtype);
}

static bool make_slopes(const Plan *p, Tensor **g, Slopes *s) {
    int64_t wide[2] = {p->rows, p->gates * p->hidden}, narrow[2] = {p->rows, p->out};
    s->gates = s->inner = rl_empty(2, wide, p->dtype);
    if (p->mode == MODE_GRU) s->inner = rl_empty(2, wide, p->dtype);
    s->h = start_slope(g[LAST_H], p->t[H0]);
    s->c = p->t[C0] ? start_slope(g[LAST_C], p->t[C0]) : NULL;
    s->projected = p->projects ? rl_empty(2, narrow, p->dtype) : NULL;
    s->raw = rl_scope_bytes(p->batch * p->hidden * p->bytes + 1);
    return !rl_failed();
}

/* a^T b for matrices of `rows` rows. */
static Tensor *weight_slope(Tensor *a, Tensor *b) { return rl_mm(rl_transpose(a, 0, 1), b); }

/* A block of what was kept, as a matrix. */
static Tensor *matrix_at(const Plan *p, Tensor *block, const char *from, int64_t width) {
    int64_t shape[2] = {p->rows, width}, stride[2] = {width, 1};
    return rl_view(block, 2, shape, stride, block->offset + (from - (char *)rl_data(block)) / p->bytes);
}

static void fused_vjp(Call *c, Tensor **g, Tensor **dx) {
    Plan p;
    Slopes s = {0};
    Tensor *block = c->out[KEPT];
    if (!block || !make_plan(c, &p)) return;
    Kept k = lay_out(&p, rl_data(block));
    Tensor *dy = rl_contiguous(g[OUTPUT]);
    if (rl_failed() || !make_slopes(&p, g, &s) || !pack_weights(&p, true)) return;
    for (Walk w = walk_along(&p, !p.reverse); w.left; walk_on(&p, &w)) {
        int64_t n = batch_at(&p, w.step);
        if (dy) add_rows(&p, n * p.out, rl_data(s.h), (char *)rl_data(dy) + w.at * p.out * p.bytes);
        if (!step_backward(&p, &k, &s, w.at, n)) return;
    }
    Tensor *x = p.t[X]->ndim == 2 ? p.t[X] : rl_view(p.t[X], 2, (int64_t[]){p.rows, p.in}, (int64_t[]){p.in, 1}, p.t[X]->offset);
    if (rl_need(c, X)) dx[X] = rl_reshape(rl_mm(s.gates, p.t[W_IH]), p.t[X]->ndim, p.t[X]->shape);
    if (rl_need(c, H0)) dx[H0] = s.h;
    if (rl_need(c, C0)) dx[C0] = s.c;
    if (rl_need(c, W_IH)) dx[W_IH] = weight_slope(s.gates, x);
    if (rl_need(c, W_HH)) dx[W_HH] = weight_slope(s.inner, matrix_at(&p, block, k.before, p.out));
    if (rl_need(c, B_IH)) dx[B_IH] = rl_sum_dim(s.gates, 0, false);
    if (rl_need(c, B_HH)) dx[B_HH] = s.inner == s.gates && dx[B_IH] ? rl_clone(dx[B_IH]) : rl_sum_dim(s.inner, 0, false);
    if (rl_need(c, W_HR)) dx[W_HR] = weight_slope(s.projected, matrix_at(&p, block, k.raw, p.hidden));
}

/* ---- the same layer from single operations, for second derivatives ------------------------------------------------------ */

static Tensor *gate(Tensor *t, int64_t k, int64_t hidden) { return rl_narrow(t, 1, k * hidden, hidden); }
static Tensor *sigmoid(Tensor *t) { return rl_do("sigmoid", a_t(t)); }
static Tensor *tangent(Tensor *t) { return rl_do("tanh", a_t(t)); }
static Tensor *affine(Tensor *x, Tensor *w, Tensor *b) { return rl_do("linear", a_t(x), a_t(w), a_maybe(b)); }

static Tensor *next_state(const Plan *p, Tensor *const *t, Tensor *x, Tensor *h, Tensor **cell) {
    Tensor *a = affine(x, t[W_IH], t[B_IH]), *b = affine(h, t[W_HH], t[B_HH]);
    int64_t n = p->hidden;
    if (p->mode == MODE_GRU) {
        Tensor *r = sigmoid(rl_add(gate(a, 0, n), gate(b, 0, n))), *z = sigmoid(rl_add(gate(a, 1, n), gate(b, 1, n)));
        Tensor *fresh = tangent(rl_add(gate(a, 2, n), rl_mul(r, gate(b, 2, n))));
        return rl_add(rl_mul(rl_sub(h, fresh), z), fresh);
    }
    Tensor *sum = rl_add(a, b);
    if (p->mode != MODE_LSTM) return p->mode == MODE_TANH ? tangent(sum) : rl_do("relu", a_t(sum));
    *cell = rl_add(rl_mul(sigmoid(gate(sum, 1, n)), *cell), rl_mul(sigmoid(gate(sum, 0, n)), tangent(gate(sum, 2, n))));
    Tensor *y = rl_mul(sigmoid(gate(sum, 3, n)), tangent(*cell));
    return t[W_HR] ? affine(y, t[W_HR], NULL) : y;
}

/* The first n rows of a state are new, the others as before. */
static Tensor *renewed(Tensor *fresh, Tensor *old, int64_t n) {
    if (!fresh || !old || n == old->shape[0]) return fresh;
    Tensor *both[2] = {fresh, rl_narrow(old, 0, n, old->shape[0] - n)};
    return rl_cat(2, both, 0);
}

static bool layer_by_ops(const Plan *p, Tensor *const *t, Tensor **out) {
    Tensor *x = rl_reshape(t[X], 2, (int64_t[]){p->rows, p->in}), *h = t[H0], *cell = t[C0];
    Tensor **y = rl_scope_bytes(p->steps * (int64_t)sizeof *y);
    if (!y) return false;
    for (Walk w = walk_along(p, p->reverse); w.left; walk_on(p, &w)) {
        int64_t n = batch_at(p, w.step);
        Tensor *c = cell ? rl_narrow(cell, 0, 0, n) : NULL;
        y[w.step] = next_state(p, t, rl_narrow(x, 0, w.at, n), rl_narrow(h, 0, 0, n), &c);
        h = renewed(y[w.step], h, n);
        if (cell) cell = renewed(c, cell, n);
    }
    Tensor *all = rl_cat((int)p->steps, y, 0);
    out[OUTPUT] = p->batches ? all : rl_reshape(all, 3, (int64_t[]){p->steps, p->batch, p->out});
    out[LAST_H] = h;
    out[LAST_C] = cell;
    return !rl_failed();
}

static void recorded_vjp(Call *c, Tensor **g, Tensor **dx) {
    Plan p;
    Tensor *t[BATCHES] = {0}, *wanted[BATCHES], *roots[3], *seeds[3], *found[BATCHES], *out[3] = {0};
    int which[BATCHES], nwanted = 0, nroots = 0;
    if (!make_plan(c, &p)) return;
    for (int k = 0; k < BATCHES; k++) {
        if (!(t[k] = rl_arg_tensor(c, k)) || !rl_need(c, k)) continue;
        t[k] = rl_do("view_as", a_t(t[k]), a_t(t[k]));     /* a name of its own: one tensor may be two arguments */
        which[nwanted] = k;
        wanted[nwanted++] = t[k];
    }
    if (!layer_by_ops(&p, t, out)) return;
    for (int k = 0; k < 3; k++)
        if (out[k] && g[k] && rl_requires_grad(out[k])) roots[nroots] = out[k], seeds[nroots++] = g[k];
    if (!nroots || !rl_backward(nroots, roots, seeds, nwanted, wanted, RUN_CREATE_GRAPH | RUN_KEEP_GRAPH | RUN_ALLOW_UNUSED, found)) return;
    for (int i = 0; i < nwanted; i++) dx[which[i]] = found[i];
}

static void layer_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_thread.grad_mode) recorded_vjp(c, g, dx);
    else fused_vjp(c, g, dx);
}

/* ---- stacks of layers ------------------------------------------------------------------------------------------------- */

typedef struct Stack {
    Tensor *x, *batches;
    Tensor **hx, **params;
    int mode, nparams, each /* parameters per direction of a layer */;
    bool biases, train, projects, two_ways;
    int64_t layers;
    double dropout;
} Stack;

static bool run_direction(const Stack *s, Tensor *x, int64_t index, Tensor **out) {
    Tensor **w = s->params + index * s->each;
    bool lstm = s->mode == MODE_LSTM;
    Arg a[LAYER_ARGS] = {
        a_t(x), a_t(rl_select(s->hx[0], 0, index)), lstm ? a_t(rl_select(s->hx[1], 0, index)) : a_none(), a_t(w[0]), a_t(w[1]), s->biases ? a_t(w[2]) : a_none(),
        s->biases ? a_t(w[3]) : a_none(), s->projects ? a_t(w[s->each - 1]) : a_none(), a_maybe(s->batches), a_i(s->mode), a_b(s->two_ways && index % 2), a_b(rl_thread.grad_mode || rl_carries_tangents()),
    };
    return rl_apply_many(RL_OP("_rnn_layer"), LAYER_ARGS, a, 3, out);
}

static Tensor *stacked(int64_t n, Tensor **t) { return rl_do("stack", a_ts((int)n, t), a_i(0)); }

/* All layers; y: output, last h and, for LSTM, last c. */
static bool run_stack(const Stack *s, Tensor **y) {
    int ways = s->two_ways ? 2 : 1;
    int64_t all = s->layers * ways;
    Tensor **h = rl_scope_bytes(2 * all * (int64_t)sizeof *h), **c = h + all, *x = s->x;
    if (!h) return false;
    for (int64_t layer = 0; layer < s->layers; layer++) {
        Tensor *side[2];
        for (int way = 0; way < ways; way++) {
            Tensor *out[3];
            if (!run_direction(s, x, layer * ways + way, out)) return false;
            side[way] = out[OUTPUT];
            h[layer * ways + way] = out[LAST_H];
            c[layer * ways + way] = out[LAST_C];
        }
        x = ways == 2 ? rl_cat(2, side, -1) : side[0];
        if (s->dropout > 0 && s->train && layer < s->layers - 1) x = rl_do("dropout", a_t(x), a_f(s->dropout), a_b(true));
    }
    y[0] = x;
    y[1] = stacked(all, h);
    y[2] = s->mode == MODE_LSTM ? stacked(all, c) : NULL;
    return !rl_failed();
}

static bool check_state(const Stack *s, const Tensor *h, const char *name) {
    int64_t all = s->layers * (s->two_ways ? 2 : 1);
    if (h->ndim == 3 && h->shape[0] == all) return true;
    return rl_fail(RL_RUNTIME_ERROR, "Expected %s size [%" PRId64 ", batch, hidden], got %s", name, all, rl_text_shape(h));
}

static bool check_stack(Stack *s, int nhx) {
    if (s->layers < 1) return rl_fail(RL_RUNTIME_ERROR, "num_layers must be greater than zero, got %" PRId64, s->layers);
    if (nhx != (s->mode == MODE_LSTM ? 2 : 1)) return rl_fail(RL_RUNTIME_ERROR, "lstm expects two hidden states, got %d", nhx);
    if (!check_state(s, s->hx[0], "hidden[0]") || (nhx == 2 && !check_state(s, s->hx[1], "hidden[1]"))) return false;
    s->projects = nhx == 2 && s->hx[0]->shape[2] != s->hx[1]->shape[2];
    s->each = 2 + (s->biases ? 2 : 0) + (s->projects ? 1 : 0);
    int64_t want = s->layers * (s->two_ways ? 2 : 1) * s->each;
    if (s->nparams != want) return rl_fail(RL_RUNTIME_ERROR, "got an incorrect number of RNN parameters: %d instead of %" PRId64, s->nparams, want);
    if (s->dropout < 0 || s->dropout > 1) return rl_fail(RL_VALUE_ERROR, "dropout probability has to be between 0 and 1, but got %g", s->dropout);
    return true;
}

/* The rows' shared tail: params, has_biases, num_layers, dropout, train, bidirectional, from argument k on. */
static void read_options(Call *c, Stack *s, int k) {
    s->params = c->arg[k].tensors;
    s->nparams = c->arg[k].n;
    s->biases = c->arg[k + 1].b;
    s->layers = c->arg[k + 2].i;
    s->dropout = a_double(&c->arg[k + 3]);
    s->train = c->arg[k + 4].b;
    s->two_ways = c->arg[k + 5].b;
}

/* Half precision runs in float, and comes back. */
static bool in_float(Stack *s, int nhx, Tensor **y) {
    Dtype half = s->x->dtype;
    Tensor *hx[2] = {rl_cast(s->hx[0], RL_FLOAT32), nhx == 2 ? rl_cast(s->hx[1], RL_FLOAT32) : NULL};
    Tensor **params = rl_scope_bytes(s->nparams * (int64_t)sizeof *params);
    if (!params) return false;
    for (int i = 0; i < s->nparams; i++) params[i] = rl_cast(s->params[i], RL_FLOAT32);
    s->x = rl_cast(s->x, RL_FLOAT32);
    s->hx = hx;
    s->params = params;
    if (rl_failed() || !run_stack(s, y)) return false;
    for (int i = 0; i < 3; i++) y[i] = y[i] ? rl_cast(y[i], half) : NULL;
    return !rl_failed();
}

static bool run_checked(Stack *s, int nhx, Tensor **y) {
    if (!check_stack(s, nhx)) return false;
    return rl_dtype_is(s->x->dtype, CLASS_HALF) ? in_float(s, nhx, y) : run_stack(s, y);
}

/* lstm, gru, rnn_tanh, rnn_relu (input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first). */
static Tensor *sequence_forward(Call *c) {
    bool lstm = c->op->data == MODE_LSTM, batch_first = c->arg[8].b;
    Stack s = {.x = c->arg[0].tensor, .mode = c->op->data, .hx = lstm ? c->arg[1].tensors : &c->arg[1].tensor};
    read_options(c, &s, 2);
    if (s.x->ndim != 3) return rl_fail(RL_RUNTIME_ERROR, "input must have 3 dimensions, got %d", s.x->ndim);
    if (batch_first && !(s.x = rl_transpose(s.x, 0, 1))) return NULL;
    if (!s.x->shape[0]) return rl_fail(RL_RUNTIME_ERROR, "Expected sequence length to be larger than 0 in RNN");
    if (!run_checked(&s, lstm ? c->arg[1].n : 1, c->out)) return NULL;
    if (batch_first) c->out[0] = rl_transpose(c->out[0], 0, 1);
    return c->out[0];
}

/* The same on packed data: (data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional). */
static Tensor *packed_forward(Call *c) {
    bool lstm = c->op->data == MODE_LSTM;
    Stack s = {.x = c->arg[0].tensor, .batches = c->arg[1].tensor, .mode = c->op->data, .hx = lstm ? c->arg[2].tensors : &c->arg[2].tensor};
    read_options(c, &s, 3);
    if (s.x->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "input must have 2 dimensions, got %d", s.x->ndim);
    return run_checked(&s, lstm ? c->arg[2].n : 1, c->out) ? c->out[0] : NULL;
}

/* ---- cells: a sequence of one step -------------------------------------------------------------------------------------- */

static Tensor *cell_forward(Call *c) {
    bool lstm = c->op->data == MODE_LSTM;
    Tensor *x = c->arg[0].tensor, *h = lstm ? NULL : c->arg[1].tensor, *out[3];
    if (lstm && c->arg[1].n != 2) return rl_fail(RL_RUNTIME_ERROR, "lstm_cell expects two hidden states, got %d", c->arg[1].n);
    if (lstm) h = c->arg[1].tensors[0];
    if (x->ndim != 2 || h->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "%s(): expected a 2D input and hidden state, got shapes %s and %s", c->op->parsed->name, rl_text_shape(x), rl_text_shape(h));
    if (x->shape[0] != h->shape[0]) return rl_fail(RL_RUNTIME_ERROR, "Input batch size %" PRId64 " doesn't match hidden0 batch size %" PRId64, x->shape[0], h->shape[0]);
    if (h->shape[1] == 0 && c->arg[3].tag == A_TENSOR && c->arg[3].tensor->numel == 0) {        /* no state at all: the next has none either */
        c->out[0] = rl_empty(2, h->shape, x->dtype);
        if (lstm) c->out[1] = rl_empty(2, h->shape, x->dtype);
        return c->out[0];
    }
    Dtype half = rl_dtype_is(x->dtype, CLASS_HALF) ? x->dtype : RL_NO_DTYPE;
    Arg a[LAYER_ARGS] = {a_t(rl_unsqueeze(x, 0)), a_t(h), lstm ? a_t(c->arg[1].tensors[1]) : a_none(), c->arg[2], c->arg[3], c->arg[4], c->arg[5], a_none(), a_none(), a_i(c->op->data), a_b(false), a_b(rl_thread.grad_mode)};
    for (int k = 0; half != RL_NO_DTYPE && k < BATCHES; k++)
        if (a[k].tag == A_TENSOR) a[k] = a_t(rl_cast(a[k].tensor, RL_FLOAT32));
    if (!rl_apply_many(RL_OP("_rnn_layer"), LAYER_ARGS, a, 3, out)) return NULL;
    if (half != RL_NO_DTYPE) out[LAST_H] = rl_cast(out[LAST_H], half), out[LAST_C] = rl_cast(out[LAST_C], half);
    c->out[0] = out[LAST_H];
    if (lstm) c->out[1] = out[LAST_C];
    return c->out[0];
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

#define TAIL "params: list[Tensor], has_biases: bool, num_layers: int, dropout: float, train: bool, bidirectional: bool"
#define CELL_WEIGHTS "w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None"
#define SEQUENCE(name, hx, result, number, states, zeros, rows)                                                              \
    {.sig = name "(input: Tensor, hx: " hx ", " TAIL ", batch_first: bool) -> " result, .where = FUNCTION | NN, .flags = COMPOSITE, \
     .dtypes = CLASS_FLOATING, .data = number, .forward = sequence_forward,                                                  \
     .samples = "x(3, 2, 4), " states ", [x(" rows ", 4), x(" rows ", 5), x(" rows "), x(" rows ")], True, 1, 0.0, False, False, False", \
     .doc = "A stack of recurrent layers over sequences [T, N, in], or [N, T, in] with batch_first.\n\n"                     \
            ">>> rl." name "(rl.zeros(3, 2, 4), " zeros ", [rl.zeros(" rows ", 4), rl.zeros(" rows ", 5)], False, 1, 0.0, False, False, False)[0].shape\n" \
            "rushlight.Size([3, 2, 5])"}
#define PACKED(name, hx, result, number, states, zeros, rows)                                                                \
    {.sig = name "(data: Tensor, batch_sizes: Tensor, hx: " hx ", " TAIL ") -> " result, .where = FUNCTION | NN, .flags = COMPOSITE, \
     .dtypes = CLASS_FLOATING, .data = number, .forward = packed_forward,                                                    \
     .samples = "x(5, 4), rl.tensor([2, 2, 1]), " states ", [x(" rows ", 4), x(" rows ", 5), x(" rows "), x(" rows ")], True, 1, 0.0, False, False", \
     .doc = "A stack of recurrent layers over packed sequences: data [sum of batch_sizes, in].\n\n"                          \
            ">>> rl." name "(rl.zeros(5, 4), rl.tensor([2, 2, 1]), " zeros ", [rl.zeros(" rows ", 4), rl.zeros(" rows ", 5)], False, 1, 0.0, False, False)[0].shape\n" \
            "rushlight.Size([5, 5])"}
#define PLAIN_CELL(name, number, rows)                                                                                       \
    {.sig = name "(input: Tensor, hx: Tensor, " CELL_WEIGHTS ") -> Tensor", .where = FUNCTION | NN, .flags = COMPOSITE, .dtypes = CLASS_FLOATING, \
     .data = number, .forward = cell_forward, .samples = CELL_SAMPLES_##number,                                              \
     .doc = "One step: input [N, in], state [N, hidden] -> the next state.\n\n"                                             \
            ">>> rl." name "(rl.zeros(2, 3), rl.zeros(2, 4), rl.zeros(" rows ", 3), rl.zeros(" rows ", 4)).shape\nrushlight.Size([2, 4])"}
#define LSTM_STATES "[x(1, 2, 5), x(1, 2, 5)]", "[rl.zeros(1, 2, 5), rl.zeros(1, 2, 5)]", "20"
#define STATES "x(1, 2, 5)", "rl.zeros(1, 2, 5)"
#define EXPANDED(macro, ...) macro(__VA_ARGS__)
#define BOTH(name, hx, result, number, ...) EXPANDED(SEQUENCE, name, hx, result, number, __VA_ARGS__), EXPANDED(PACKED, name, hx, result, number, __VA_ARGS__)
#define CELL_SAMPLES_1 "x(2, 3), x(2, 4), x(12, 3), x(12, 4), x(12), x(12); x(2, 3), x(2, 4), x(12, 3), x(12, 4)"
#define CELL_SAMPLES_2 "x(2, 3), x(2, 4), x(4, 3), x(4, 4), x(4), x(4); x(2, 3), x(2, 4), x(4, 3), x(4, 4)"
#define CELL_SAMPLES_3 CELL_SAMPLES_2

Op rl_rnn_ops[] = {
    {
        .sig = "_rnn_layer(input: Tensor, hx: Tensor, cx: Tensor | None, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None, w_hr: Tensor | None, "
               "batch_sizes: Tensor | None, mode: int, reverse: bool, keep: bool = True) -> (Tensor, Tensor, Tensor, Tensor)",
        .where = PRIVATE, .dtypes = CLASS_FLOAT,
        .saves = SAVE(X) | SAVE(H0) | SAVE(C0) | SAVE(W_IH) | SAVE(W_HH) | SAVE(B_IH) | SAVE(B_HH) | SAVE(W_HR) | SAVE(BATCHES) | SAVE_OUT(KEPT),
        .doc = "One direction of one recurrent layer: all outputs, the last states, and what the gradient needs. mode: 0 LSTM, 1 GRU, 2 tanh, 3 relu.",
        .forward = layer_forward, .vjp = layer_vjp,
        .samples = "x(3, 2, 4), x(2, 5), x(2, 5), x(20, 4), x(20, 5), x(20), x(20), None, None, 0, False; x(3, 2, 4), x(2, 5), None, x(15, 4), x(15, 5), x(15), x(15), None, None, 1, True; "
                   "x(3, 2, 4), x(2, 5), None, x(5, 4), x(5, 5), None, None, None, None, 2, False",
    },
    BOTH("lstm", "list[Tensor]", "(Tensor, Tensor, Tensor)", MODE_LSTM, LSTM_STATES),
    BOTH("gru", "Tensor", "(Tensor, Tensor)", MODE_GRU, STATES, "15"),
    BOTH("rnn_tanh", "Tensor", "(Tensor, Tensor)", MODE_TANH, STATES, "5"),
    BOTH("rnn_relu", "Tensor", "(Tensor, Tensor)", MODE_RELU, STATES, "5"),
    {
        .sig = "lstm_cell(input: Tensor, hx: list[Tensor], " CELL_WEIGHTS ") -> (Tensor, Tensor)", .where = FUNCTION | NN, .flags = COMPOSITE, .dtypes = CLASS_FLOATING, .data = MODE_LSTM,
        .doc = "One step of an LSTM: input [N, in], (h, c) [N, hidden] -> the next (h, c).\n\n"
               ">>> rl.lstm_cell(rl.zeros(2, 3), [rl.zeros(2, 4), rl.zeros(2, 4)], rl.zeros(16, 3), rl.zeros(16, 4))[0].shape\nrushlight.Size([2, 4])", .forward = cell_forward,
        .samples = "x(2, 3), [x(2, 4), x(2, 4)], x(16, 3), x(16, 4), x(16), x(16)",
    },
    PLAIN_CELL("gru_cell", 1, "12"), PLAIN_CELL("rnn_tanh_cell", 2, "4"), PLAIN_CELL("rnn_relu_cell", 3, "4"),
    {0},
};
