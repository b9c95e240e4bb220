/* forward.c -- forward mode: tangents beside tensors, and how a call of an operation carries them on.
 *
 * While a level is open, a tensor may have a tangent: T_DUAL says so, a table here says which.  A row need not know: its rule for
 * going backward gives J^T v, and that is linear in v; so J t is the derivative of J^T v by v, against t.  To take it, the call is made
 * once more on inputs that require a gradient, differentiated against a v that requires one too, and then differentiated again.
 * Views are linear and must stay views: they are applied to the tangent itself.
 *
 * One level at a time, as in torch.  The table is touched under the host's lock. */
#include "rushlight.h"

#include <string.h>

bool rl_forward_active;

typedef struct Entry { Tensor *primal, *tangent; } Entry;       /* the primal is weak: it says when it goes */

static Entry *table;
static int64_t room, used;                     /* room is a power of two, at most half used */

static int64_t place_of(const Tensor *t) {
    int64_t i = (int64_t)(((uintptr_t)t >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (room - 1);
    while (table[i].primal && table[i].primal != t) i = (i + 1) & (room - 1);
    return i;
}

static bool make_room(void) {
    if (2 * (used + 1) <= room) return true;
    int64_t before = room, after = room ? 2 * room : 64;
    Entry *old = table, *fresh = rl_alloc_zero(after * (int64_t)sizeof *fresh);
    if (!fresh) return false;
    table = fresh;
    room = after;
    for (int64_t i = 0; i < before; i++)
        if (old[i].primal) table[place_of(old[i].primal)] = old[i];
    rl_free(old);
    return true;
}

Tensor *rl_tangent(const Tensor *t) { return t->flags & T_DUAL ? table[place_of(t)].tangent : NULL; }

bool rl_set_tangent(Tensor *t, Tensor *tangent) {
    if (!tangent || !make_room()) return false;
    Entry *e = &table[place_of(t)];
    Tensor *old = e->tangent;
    if (!e->primal) used++;
    *e = (Entry){t, rl_keep(tangent)};
    t->flags |= T_DUAL;
    rl_drop(old);
    return true;
}

void rl_forget_tangent(Tensor *t) {
    if (!(t->flags & T_DUAL)) return;
    int64_t hole = place_of(t);
    Tensor *tangent = table[hole].tangent;
    t->flags &= ~T_DUAL;
    table[hole] = (Entry){NULL, NULL};
    used--;
    for (int64_t i = (hole + 1) & (room - 1); table[i].primal; i = (i + 1) & (room - 1)) {      /* what was pushed past the hole moves up */
        Entry e = table[i];
        table[i] = (Entry){NULL, NULL};
        table[place_of(e.primal)] = e;
    }
    rl_drop(tangent);
}

bool rl_forward_enter(void) {
    if (rl_forward_active) return rl_fail(RL_RUNTIME_ERROR, "Nested forward mode AD is not supported at the moment");
    return rl_forward_active = true;
}

bool rl_forward_exit(void) {
    if (!rl_forward_active) return rl_fail(RL_RUNTIME_ERROR, "Trying to exit a forward AD level but no level is currently active.");
    rl_forward_active = false;
    for (int64_t i = 0; used && i < room;) {
        if (table[i].primal) rl_forget_tangent(table[i].primal);
        else i++;
    }
    rl_free(table);
    table = NULL;
    room = 0;
    return true;
}

/* ---- one call ------------------------------------------------------------------------------------------------------------- */

typedef struct Push {
    Call *c;
    bool mode;                 /* was recording on? */
    bool wanted;               /* shall the tangents have a history? */
    int n;                     /* of dual inputs */
    Tensor **stand_in, **tangent;
    Arg arg[RL_MAX_ARGS];
} Push;

static bool has_history(const Push *p, const Tensor *t) { return p->mode && rl_requires_grad(t); }

/* The same data, requiring a gradient; connected with t's own history, so that the tangents are. */
static Tensor *stand_in(const Push *p, Tensor *t) {
    if (has_history(p, t)) return rl_do("_alias", a_t(t));
    Tensor *alias = rl_alias(t);
    if (alias) alias->flags |= T_REQUIRES_GRAD;
    return alias;
}

static Tensor *replaced(Push *p, Tensor *t, Tensor *as) {
    if (!t) return NULL;
    Tensor *tangent = rl_tangent(t);
    p->wanted |= has_history(p, t) || (tangent && has_history(p, tangent));
    if (!tangent) return as;
    Tensor *s = stand_in(p, as);
    p->stand_in[p->n] = s;
    p->tangent[p->n++] = tangent;
    return s;
}

static int count_duals(const Call *c) {
    int n = 0;
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        if (a->tag == A_TENSOR) n += a->tensor->flags & T_DUAL ? 1 : 0;
        for (int i = 0; a->tag == A_TENSORS && i < a->n; i++) n += a->tensors[i] && a->tensors[i]->flags & T_DUAL ? 1 : 0;
    }
    return n;
}

/* The arguments, with stand-ins for the dual ones.  before: what the written argument 0 was; NULL where nothing is written. */
static bool replace_inputs(Push *p, Tensor *before) {
    int n = count_duals(p->c);
    p->stand_in = rl_scope_bytes(2 * (n + 1) * (int64_t)sizeof *p->stand_in);
    if (!p->stand_in) return false;
    p->tangent = p->stand_in + n + 1;
    for (int k = 0; k < p->c->nargs; k++) {
        const Arg *a = &p->c->arg[k];
        p->arg[k] = *a;
        if (a->tag == A_TENSOR) p->arg[k].tensor = replaced(p, a->tensor, k == 0 && before ? before : a->tensor);
        if (a->tag != A_TENSORS) continue;
        Tensor **list = rl_scope_bytes((a->n + 1) * (int64_t)sizeof *list);
        if (!list) return false;
        for (int i = 0; i < a->n; i++) list[i] = replaced(p, a->tensors[i], a->tensors[i]);
        p->arg[k].tensors = list;
    }
    return !rl_thread.failed;
}

/* J t for each result, by differentiating J^T v; NULL for results without history. */
static bool differentiate_twice(Push *p, int nout, Tensor **out, Tensor **tangents) {
    int roots = 0, live = 0;
    Tensor **y = rl_scope_bytes((nout + 1) * 4 * (int64_t)sizeof *y), **v = y + nout + 1, **forward = v + nout + 1;
    int *which = rl_scope_bytes((nout + 1) * (int64_t)sizeof *which);
    Tensor **slope = rl_scope_bytes((p->n + 1) * 2 * (int64_t)sizeof *slope), **seed = slope + p->n + 1;
    if (!y || !which || !slope) return false;
    for (int k = 0; k < nout; k++) {
        tangents[k] = NULL;
        if (!out[k] || !rl_requires_grad(out[k])) continue;
        y[roots] = out[k];
        which[roots] = k;
        if (!(v[roots] = rl_zeros(out[k]->ndim, out[k]->shape, out[k]->dtype))) return false;
        v[roots++]->flags |= T_REQUIRES_GRAD;
    }
    if (!roots) return true;
    if (!rl_backward(roots, y, v, p->n, p->stand_in, RUN_CREATE_GRAPH | RUN_KEEP_GRAPH | RUN_ALLOW_UNUSED, slope)) return false;
    for (int i = 0; i < roots; i++)     /* where no path leads back, as behind sign() */
        if (!(tangents[which[i]] = rl_zeros(v[i]->ndim, v[i]->shape, v[i]->dtype))) return false;
    for (int i = 0; i < p->n; i++)
        if (slope[i] && rl_requires_grad(slope[i])) slope[live] = slope[i], seed[live++] = p->tangent[i];
    if (!live) return true;
    if (!rl_backward(live, slope, seed, roots, v, (p->wanted ? RUN_CREATE_GRAPH : 0) | RUN_KEEP_GRAPH | RUN_ALLOW_UNUSED, forward)) return false;
    for (int i = 0; i < roots; i++)
        if (forward[i]) tangents[which[i]] = forward[i];
    return true;
}

static bool is_argument(const Call *c, const Tensor *y) {
    for (int k = 0; k < c->nargs; k++)
        if (c->arg[k].tag == A_TENSOR && c->arg[k].tensor == y) return true;
    return false;
}

/* Results, and the aliases of them that the node keeps, get their tangents. */
static bool hand_out(Call *c, Tensor **tangents) {
    for (int k = 0; k < c->nout; k++) {
        Tensor *y = c->out[k];
        if (!y || !tangents[k] || is_argument(c, y)) continue;
        if (!rl_set_tangent(y, tangents[k])) return false;
        Tensor *saved = y->node && y->out_nr < y->node->nouts ? y->node->out[y->out_nr].saved : NULL;
        if (saved && !rl_set_tangent(saved, tangents[k])) return false;
    }
    return true;
}

static Tensor *zero_tangent(Tensor *t) {
    Tensor *z = rl_empty_strided(t->ndim, t->shape, t->stride, t->dtype);
    return z ? rl_fill(z, &(Arg){.tag = A_INT}) : NULL;
}

/* A tangent laid out as its tensor is, so that views of the one are views of the other. */
static Tensor *laid_out_tangent(Tensor *t) {
    Tensor *old = rl_tangent(t), *z;
    if (old && !memcmp(old->stride, t->stride, (size_t)t->ndim * sizeof *t->stride)) return old;
    for (int i = 0; old && i < t->ndim; i++)
        if (t->stride[i] == 0 && t->shape[i] > 1) return old;     /* elements that share memory have tangents of their own */
    if (!(z = zero_tangent(t))) return NULL;
    if (old && !rl_apply_inplace(RL_OP("copy_"), (Arg[]){a_t(z), a_t(old), a_b(false)})) return NULL;
    return rl_set_tangent(t, z) ? z : NULL;
}

static bool push_view(Push *p, Tensor **tangents) {
    Call again = {.op = p->c->op, .arg = p->arg};
    memcpy(p->arg, p->c->arg, (size_t)p->c->nargs * sizeof *p->arg);
    p->arg[0] = a_t(laid_out_tangent(p->c->arg[0].tensor));
    if (!rl_call(&again)) return false;
    for (int k = 0; k < again.nout; k++) tangents[k] = p->c->out[k] && again.out[k] && p->c->out[k]->storage != p->c->arg[0].tensor->storage ? rl_clone(again.out[k]) : again.out[k];
    return !rl_thread.failed;
}

/* A result's tangent may be an input's own, as behind clone(): then it is copied, since either may be written to. */
static bool make_own(Push *p, int nout, Tensor **tangents) {
    rl_thread.grad_mode = p->mode;
    for (int k = 0; k < nout; k++) {
        bool shared = false;
        for (int i = 0; tangents[k] && i < p->n; i++) shared |= tangents[k]->storage == p->tangent[i]->storage;
        for (int i = 0; tangents[k] && i < k; i++) shared |= tangents[i] && tangents[k]->storage == tangents[i]->storage;
        if (shared && !(tangents[k] = rl_clone(tangents[k]))) return false;
    }
    return true;
}

static bool push_call(Push *p, Tensor **tangents) {
    Call again = {.op = p->c->op, .arg = p->arg};
    if (p->c->op->flags & VIEW && p->c->arg[0].tag == A_TENSOR && p->c->arg[0].tensor->flags & T_DUAL) return push_view(p, tangents);
    rl_thread.grad_mode = true;
    return replace_inputs(p, NULL) && rl_call(&again) && differentiate_twice(p, again.nout, again.out, tangents) && make_own(p, again.nout, tangents);
}

typedef struct Rest { Thread thread; Scope scope; } Rest;

/* Tangents are made without tangents, hooks, or anything else that watches. */
static Rest go_to_rest(void) {
    Rest r = {rl_thread, rl_scope_open()};
    rl_thread.resting = true;
    rl_thread.packing = rl_thread.sites = rl_thread.anomaly = rl_thread.inference = false;
    rl_thread.autocast = 0;
    return r;
}

static bool wake_up(Rest r, bool ok) {
    Thread *now = &rl_thread;
    rl_scope_close(r.scope);
    now->resting = r.thread.resting;
    now->packing = r.thread.packing;
    now->sites = r.thread.sites;
    now->anomaly = r.thread.anomaly;
    now->inference = r.thread.inference;
    now->autocast = r.thread.autocast;
    now->grad_mode = r.thread.grad_mode;
    return ok && !now->failed;
}

/* Rows that draw cannot be called again; those whose slope is zero need not. */
static bool refuses(const Call *c) {
    if (c->op->flags & RANDOM && c->op->saves)
        rl_fail(RL_NOT_IMPLEMENTED, "Trying to use forward AD with %s that does not support it because it draws random numbers", c->op->parsed->name);
    return rl_thread.failed;
}

static bool zero_tangents(const Call *c, Tensor **tangents) {
    for (int k = 0; k < c->nout; k++) {
        const Tensor *y = c->out[k];
        if (y && rl_dtype_is(y->dtype, CLASS_INEXACT) && !(tangents[k] = rl_zeros(y->ndim, y->shape, y->dtype))) return false;
    }
    return true;
}

bool rl_push_tangents(Call *c) {
    if (refuses(c)) return false;
    Push p = {.c = c, .mode = rl_thread.grad_mode};
    Rest rest = go_to_rest();
    Tensor **tangents = rl_scope_bytes((c->nout + 1) * (int64_t)sizeof *tangents);
    if (tangents) memset(tangents, 0, (size_t)(c->nout + 1) * sizeof *tangents);
    return wake_up(rest, tangents && (c->op->flags & RANDOM ? zero_tangents(c, tangents) : push_call(&p, tangents)) && hand_out(c, tangents));
}

/* ---- writes in place --------------------------------------------------------------------------------------------------------- */

/* What is written to; of a view, a view of its base's. */
static Tensor *tangent_to_write(Tensor *self) {
    Tensor *tangent = rl_tangent(self), *base = self->base;
    if (tangent) return tangent;
    if (!base) tangent = zero_tangent(self);
    else if (base->dtype != self->dtype) return rl_fail(RL_NOT_IMPLEMENTED, "forward AD: an in-place write to a view of another dtype");
    else if ((tangent = laid_out_tangent(base)))
        tangent = rl_do("as_strided", a_t(tangent), a_ints(self->ndim, self->shape), a_ints(self->ndim, self->stride), a_i(tangent->offset + self->offset - base->offset));
    return rl_set_tangent(self, tangent) ? tangent : NULL;
}

/* A view that was taken before its base had a tangent sees a part of that. */
void rl_inherit_tangent(Tensor *t) {
    if (RL_LIKELY(!t || t->flags & T_DUAL || !t->base || !(t->base->flags & T_DUAL) || t->base->dtype != t->dtype) || rl_thread.failed) return;
    Rest rest = go_to_rest();
    wake_up(rest, tangent_to_write(t) != NULL);
}

/* before: a copy of what c->arg[0] was, with its history.  The call is repeated on a copy of that. */
static bool push_write(Push *p, Tensor *before) {
    Tensor *self = p->c->arg[0].tensor, *tangent = NULL, *x, *to;
    rl_thread.grad_mode = true;
    if (!(p->c->op->flags & RANDOM)) {
        if (!replace_inputs(p, before) || !(x = rl_clone(p->arg[0].tensor))) return false;
        p->arg[0] = a_t(x);
        if (!rl_apply_inplace(p->c->op, p->arg) || !differentiate_twice(p, 1, &x, &tangent)) return false;
    }
    rl_thread.grad_mode = p->mode;
    if (!tangent && !(self->flags & T_DUAL)) return true;
    if (!(to = tangent_to_write(self))) return false;
    if (tangent) return rl_apply_inplace(RL_OP("copy_"), (Arg[]){a_t(to), a_t(tangent), a_b(false)}) != NULL;
    return rl_apply_inplace(RL_OP("zero"), (Arg[]){a_t(to)}) != NULL;
}

bool rl_push_tangents_inplace(Call *c, Tensor *before) {
    if (refuses(c)) return false;
    Push p = {.c = c, .mode = rl_thread.grad_mode};
    Rest rest = go_to_rest();
    return wake_up(rest, push_write(&p, before));
}
