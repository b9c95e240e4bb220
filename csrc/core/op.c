/* op.c -- the list of op tables, and what it means to apply a row: check, run forward, remember the call.
 *
 * A primitive's forward runs with recording off; its call becomes one node.  A composite's forward is written in
 * operations that record themselves.  In-place and out= forms are derived here for all rows: forward is offered the
 * tensor to write to, and what it made elsewhere is copied over. */
#include "rushlight.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- the tables ---------------------------------------------------------------------------------------------------- */

#define FAMILIES(X)                                                                                                      \
    X(autograd) X(create) X(convert) X(pointwise) X(activation) X(compare) X(special) X(ternary) X(complex) X(reduce)    \
    X(scan) X(shape) X(view) X(index) X(scatter) X(sort) X(search) X(matmul) X(einsum) X(linalg) X(decompose) X(fft)     \
    X(softmax) X(norm) X(conv) X(pool) X(loss) X(margin) X(rnn) X(attention) X(sample) X(dropout) X(image) X(pad) X(optim) \
    X(distance) X(window) X(embedding) X(stats) X(products) X(fold) X(ctc) X(cast) X(combine) X(bessel) X(masked)      \
    X(arith) X(order) X(select) X(math) X(tri) X(grid) X(upsample) X(median) X(unpool) X(signal) X(accumulate) X(gates) X(distribution) X(reflect) X(systems)

#define DECLARE(family) extern Op rl_##family##_ops[] __attribute__((weak));
FAMILIES(DECLARE)

static const struct { Op *rows; const char *name; } families[] = {   /* weak: a family of the list may be absent */
#define FAMILY(family) {rl_##family##_ops, #family},
    FAMILIES(FAMILY)
};

enum { MOST_OPS = 4096, TABLE = 8192 };
static Op *every[MOST_OPS];
static int how_many;
static struct { const char *name; Op *op; } table[TABLE];

static uint32_t hash(const char *name) {
    uint32_t h = 2166136261u;
    while (*name) h = (h ^ (uint8_t)*name++) * 16777619u;
    return h & (TABLE - 1);
}

static int place_of(const char *name) {
    uint32_t i = hash(name);
    while (table[i].name && strcmp(table[i].name, name)) i = (i + 1) & (TABLE - 1);
    return (int)i;
}

Op *rl_find(const char *name) { return table[place_of(name)].op; }

Op *rl_find_overload(const char *name, int index) {
    Op *op = rl_find(name);
    while (op && index-- > 0) op = op->next;
    return op;
}

int rl_op_count(void) { return how_many; }
Op *rl_op_at(int i) { return every[i]; }

static void enter(const char *name, Op *op) {
    int i = place_of(name);
    if (!table[i].name) {
        table[i].name = name;
        table[i].op = op;
        return;
    }
    Op *last = table[i].op;
    while (last->next) last = last->next;
    if (last != op) last->next = op;
}

static bool enter_aliases(Op *op) {
    for (const char *from = op->aliases; from && *from;) {
        size_t n = strcspn(from, " ");
        char *name = rl_alloc((int64_t)n + 1);
        if (!name) return false;
        memcpy(name, from, n);
        name[n] = 0;
        int i = place_of(name);
        if (!table[i].name) table[i].name = name, table[i].op = rl_find(op->parsed->name);
        from += n + (from[n] == ' ');
    }
    return true;
}

static bool start_row(Op *op, const char *family) {
    if (how_many == MOST_OPS) return rl_fail(RL_RUNTIME_ERROR, "more than %d rows", MOST_OPS);
    every[how_many++] = op;
    op->file = family;
    op->next = NULL;
    op->parsed = rl_alloc(sizeof *op->parsed);
    if (!op->parsed || !rl_sig_parse(op->sig, op->parsed)) return false;
    op->autocast = (uint8_t)rl_autocast_policy(op->parsed->name);
    enter(op->parsed->name, op);
    Op *first = rl_find(op->parsed->name);
    if (!op->doc || !*op->doc) op->doc = first->doc;       /* an overload is explained with the first */
    return enter_aliases(op) && (!op->shape || rl_check_compile(op));
}

/* ---- name_copy: a view, copied ------------------------------------------------------------------------------------------ */

static Tensor *copied_view_forward(Call *c) {
    Call view = {.op = c->op->view, .arg = c->arg};
    if (!rl_call(&view) || (view.nout > 1 && !rl_outputs(c, view.nout))) return NULL;
    for (int k = 0; k < view.nout; k++) c->out[k] = rl_do("clone", a_t(view.out[k]), a_i(FORMAT_CONTIGUOUS));
    c->nout = view.nout;
    return c->out[0];
}

static char *joined(const char *format, const char *a, const char *b) {
    int n = snprintf(NULL, 0, format, a, b) + 1;
    char *text = rl_alloc(n);
    if (text) snprintf(text, (size_t)n, format, a, b);
    return text;
}

static bool derive_copy(Op *view) {
    char name[64];
    const char *own = view->sig + (*view->sig == '_');
    snprintf(name, sizeof name, "%.*s", (int)strcspn(own, "("), own);
    Op *op = rl_alloc_zero(sizeof *op);
    if (!op) return false;
    *op = (Op){.view = view, .where = FUNCTION | OUT, .flags = COMPOSITE | EXACT_OUT | TAKES_BARE, .forward = copied_view_forward, .samples = view->samples};
    if (!strcmp(name, "narrow")) op->where |= METHOD;      /* the only one torch has as a method */
    op->sig = joined("%s_copy%s", name, own + strlen(name));
    op->doc = joined("A copy of what %s() shows, in memory of its own.  %s", name, view->doc);
    return op->sig && op->doc && start_row(op, view->file);
}

/* Which arguments and outputs the gradient of one argument reads, from the words in its expression. */
static uint64_t names_in(const Op *op, const char *text, const char *end) {
    const Sig *s = op->parsed;
    uint64_t found = 0;
    while (text < end) {
        size_t n = 0;
        while (text + n < end && (isalnum((unsigned char)text[n]) || text[n] == '_')) n++;
        for (int k = 0; n && k < s->nparams; k++)
            if (strlen(s->param[k].name) == n && !strncmp(s->param[k].name, text, n)) found |= SAVE(k);
        for (int k = 0; n && k < s->nout; k++)
            if (s->out_name[k] && strlen(s->out_name[k]) == n && !strncmp(s->out_name[k], text, n)) found |= SAVE_OUT(k);
        if (n == 1 && *text == 'y') found |= SAVE_OUT(0);
        text += n ? n : 1;
    }
    return found;
}

static void derive_saves(Op *op) {
    if (op->saves || op->saves_for[0] || op->saves_for[1]) return;
    for (const char *p = op->formula; *p;) {
        const char *end = p + strcspn(p, ";"), *colon = memchr(p, ':', (size_t)(end - p));
        while (*p == ' ') p++;
        uint64_t reads = names_in(op, colon ? colon + 1 : p, end);
        op->saves |= reads;
        for (int k = 0; colon && k < op->parsed->nparams && k < RL_COUNT(op->saves_for); k++)
            if (strlen(op->parsed->param[k].name) == (size_t)(colon - p) && !strncmp(op->parsed->param[k].name, p, (size_t)(colon - p))) op->saves_for[k] = reads;
        p = end + (*end == ';');
    }
}

bool rl_ops_start(void) {
    if (how_many) return true;
    for (int f = 0; f < RL_COUNT(families); f++)
        for (Op *op = families[f].rows; op && op->sig; op++)
            if (!start_row(op, families[f].name)) return false;
    for (int i = 0, n = how_many; i < n; i++)
        if (every[i]->where & COPY && !derive_copy(every[i])) return false;
    for (int i = 0; i < how_many; i++) {
        Op *op = every[i];
        if (op->formula) {
            if (!rl_formula_compile(op)) return false;
            if (!op->vjp) derive_saves(op);
        }
        for (int k = 0; k < RL_COUNT(op->saves_for); k++) op->saves_by_need |= op->saves_for[k] != 0;
    }
    return true;
}

/* ---- applying ------------------------------------------------------------------------------------------------------ */

static bool can_record(const Op *op) { return op->vjp || op->program; }

enum { SEES_BARE = 1 << 16 };      /* beside tensors' flags: an argument is of a bare dtype, or names one */

/* A view's history, and so its flag, may be out of date. */
static uint32_t flags_of(Tensor *t) {
    if (RL_UNLIKELY(t->flags & T_VIEW)) rl_node_of(t);
    return t->flags;
}

static __attribute__((noinline)) bool look_at_list(Call *c, const Arg *a, bool may_lack, uint32_t *flags) {
    c->nslots += a->n - 1;
    for (int i = 0; i < a->n; i++) {
        if (a->tensors[i]) *flags |= flags_of(a->tensors[i]) | (rl_is_bare(a->tensors[i]->dtype) ? SEES_BARE : 0);
        else if (!may_lack) return false;
    }
    return true;
}

/* Looks once at every tensor: false if one is missing because making it failed.  wants: T_REQUIRES_GRAD, T_DUAL and SEES_BARE where any has them. */
static inline bool look_at_tensors(Call *c, uint32_t *wants) {
    uint32_t flags = 0;
    c->nslots = c->nargs;
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        if (a->tag == A_TENSOR) {
            if (RL_UNLIKELY(!a->tensor)) return false;
            flags |= flags_of(a->tensor) | (rl_is_bare(a->tensor->dtype) ? SEES_BARE : 0);
        } else if (RL_UNLIKELY(a->tag == A_DTYPE)) {
            flags |= rl_is_bare(a->dtype) ? SEES_BARE : 0;
        } else if (RL_UNLIKELY(a->tag == A_TENSORS) && !look_at_list(c, a, c->op->parsed->param[k].entries_optional, &flags)) return false;
    }
    *wants = flags & (T_REQUIRES_GRAD | T_DUAL | SEES_BARE);
    return true;
}

bool rl_needs_grad(Call *c) {
    uint32_t wants;
    return rl_thread.grad_mode && can_record(c->op) && look_at_tensors(c, &wants) && wants & T_REQUIRES_GRAD;
}

static bool refuse_dtype(Call *c, Dtype dtype) {
    return rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[dtype].word);
}

/* Rows that know nothing of uint16, uint32 and uint64: their kernels are not asked whether they do. */
static __attribute__((noinline)) bool check_bare(Call *c) {
    if (c->op->flags & (TAKES_BARE | VIEW)) return true;
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        if (a->tag == A_TENSOR && rl_is_bare(a->tensor->dtype)) return refuse_dtype(c, a->tensor->dtype);
        if (a->tag == A_DTYPE && rl_is_bare(a->dtype)) return refuse_dtype(c, a->dtype);
        for (int i = 0; a->tag == A_TENSORS && i < a->n; i++)
            if (a->tensors[i] && rl_is_bare(a->tensors[i]->dtype)) return refuse_dtype(c, a->tensors[i]->dtype);
    }
    return true;
}

static bool check_dtypes(Call *c) {
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        const Tensor *t = a->tag == A_TENSOR ? a->tensor : a->tag == A_TENSORS && a->n ? a->tensors[0] : NULL;
        if (!t) continue;
        return rl_dtype_is(t->dtype, (int)c->op->dtypes) || refuse_dtype(c, t->dtype);
    }
    return true;
}

static void prepare_outputs(Call *c) {
    c->nargs = c->op->parsed->nparams;
    c->out = c->out_inline;
    c->nout = c->op->parsed->nout > 0 ? c->op->parsed->nout : 0;
    memset(c->out_inline, 0, sizeof c->out_inline);
    if (RL_UNLIKELY(c->nout > RL_INLINE_OUTS)) rl_outputs(c, c->nout);
}

/* A view that nothing records is a leaf, which requires grad as what it looks into does. */
static void mark_views(Call *c, bool recording) {
    const Tensor *x = c->arg[0].tag == A_TENSOR ? c->arg[0].tensor : NULL;
    int flags = recording ? (c->nout > 1 || c->op->parsed->nout < 0 ? T_MULTI_VIEW : 0) : (rl_thread.inference ? 0 : T_NO_GRAD_VIEW) | (x ? x->flags & T_REQUIRES_GRAD : 0);
    for (int k = 0; flags && k < c->nout; k++)
        if (c->out[k] && c->out[k]->flags & T_VIEW) c->out[k]->flags |= flags;
}

enum { RECORD = 1, PUSH = 2 };     /* what is left to do once forward has run */

/* The forward of a primitive some of whose arguments have tangents: within, these do not count. */
static __attribute__((noinline)) Tensor *forward_at_rest(Call *c, int *then) {
    bool resting = rl_thread.resting;
    if (!resting && can_record(c->op)) *then |= PUSH;
    rl_thread.resting = true;
    Tensor *y = c->op->forward(c);
    rl_thread.resting = resting;
    return y;
}

static bool lies_in(const Call *c, const Storage *storage) {
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        if (a->tag == A_TENSOR && a->tensor && a->tensor->storage == storage) return true;
        for (int i = 0; a->tag == A_TENSORS && i < a->n; i++)
            if (a->tensors[i] && a->tensors[i]->storage == storage) return true;
    }
    return false;
}

/* A composite's result may be a view of a tensor that only the composite knew: to its caller it is a tensor of its own. */
static void forget_hidden_base(Call *c, Tensor *t) {
    if (RL_LIKELY(!t || !t->base) || lies_in(c, t->storage)) return;
    Tensor *base = t->base;
    rl_node_of(t);
    t->base = NULL;
    t->flags &= ~(T_VIEW | T_MULTI_VIEW | T_NO_GRAD_VIEW);
    rl_drop(base);
}

static __attribute__((noinline)) void inherit_tangents(Call *c) {
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        if (a->tag == A_TENSOR) rl_inherit_tangent(a->tensor);
        for (int i = 0; a->tag == A_TENSORS && i < a->n; i++) rl_inherit_tangent(a->tensors[i]);
    }
}

/* Checks, and the forward itself with recording off for primitives. */
static bool run_forward(Call *c, int *then) {
    Op *op = c->op;
    uint32_t wants;
    prepare_outputs(c);
    if (RL_UNLIKELY(rl_carries_tangents())) inherit_tangents(c);
    if (RL_UNLIKELY(rl_thread.failed)) return false;
    if (RL_UNLIKELY(!look_at_tensors(c, &wants))) {
        if (!rl_thread.failed) rl_fail(RL_TYPE_ERROR, "%s(): a tensor argument is missing", op->parsed->name);
        return false;
    }
    if (RL_UNLIKELY(wants & SEES_BARE) && !check_bare(c)) return false;
    if (op->dtypes && !check_dtypes(c)) return false;
    if (op->checks && !rl_check(c)) return false;
    if (op->flags & COMPOSITE) {
        *then = 0;
        Tensor *y = op->forward(c);
        if (y) c->out[0] = y;
        if (!(op->flags & VIEW) && !rl_thread.failed)
            for (int k = 0; k < c->nout; k++) forget_hidden_base(c, c->out[k]);
        return !rl_thread.failed;
    }
    bool mode = rl_thread.grad_mode;
    *then = mode && wants & T_REQUIRES_GRAD && can_record(op) ? RECORD : 0;
    uint8_t autocast = rl_thread.autocast;
    rl_thread.grad_mode = false;
    rl_thread.autocast = 0;
    Tensor *y = RL_UNLIKELY(wants & T_DUAL) ? forward_at_rest(c, then) : op->forward(c);
    rl_thread.grad_mode = mode;
    rl_thread.autocast = autocast;
    if (RL_LIKELY(y != NULL)) c->out[0] = y;
    if (RL_UNLIKELY(op->flags & VIEW) && !c->inplace) mark_views(c, mode);
    if (RL_UNLIKELY(wants & T_REQUIRES_GRAD && !(*then & RECORD) && y)) y->cut_reason = !mode ? CUT_NO_GRAD : CUT_NOT_DIFFERENTIABLE;
    return RL_LIKELY(!rl_thread.failed);
}

static bool call_plainly(Call *c) {
    int then;
    if (!run_forward(c, &then)) return false;
    if (RL_UNLIKELY(then & PUSH)) return (!(then & RECORD) || rl_record(c)) && rl_push_tangents(c);
    return !then || rl_record(c);
}

/* Autocast reaches into composites, but not into primitives, nor into what it has cast itself. */
static bool call_autocast(Call *c) {
    uint8_t dtype = rl_thread.autocast, policy = c->op->autocast;
    if (policy) rl_thread.autocast = 0;
    bool ok = (!policy || rl_autocast_arguments(c, policy == RL_BFLOAT16 ? dtype : policy)) && call_plainly(c);
    rl_thread.autocast = dtype;
    return ok;
}

static bool call_either(Call *c) { return rl_thread.autocast ? call_autocast(c) : call_plainly(c); }

bool rl_call(Call *c) {
    if (RL_UNLIKELY(c->op->where & METHOD_ONLY_INPLACE)) return rl_call_inplace(c);
    if (RL_UNLIKELY(rl_meta_seen) && rl_reads_meta(c)) return rl_call_meta(c, call_either);
    return RL_UNLIKELY(rl_thread.autocast) ? call_autocast(c) : call_plainly(c);
}

Tensor *rl_apply(Op *op, Arg *args) {
    Call c;
    c.op = op;
    c.arg = args;
    c.dest = NULL;
    c.dests = NULL;
    c.ndests = 0;
    c.inplace = false;
    c.node = NULL;
    return rl_call(&c) ? c.out[0] : NULL;
}

static bool fill_defaults(Op *op, int n, const Arg *args, Arg *full) {
    const Sig *s = op->parsed;
    if (n > s->nparams) return rl_fail(RL_TYPE_ERROR, "%s(): %d arguments for %d parameters", s->name, n, s->nparams);
    memcpy(full, args, (size_t)n * sizeof *args);
    for (int k = n; k < s->nparams; k++) full[k] = s->param[k].value;
    return true;
}

Tensor *rl_apply_n(Op *op, int n, const Arg *args) {
    Arg full[RL_MAX_ARGS];
    if (!op) return rl_fail(RL_NOT_IMPLEMENTED, "an operation needed here is not part of this build");
    return fill_defaults(op, n, args, full) ? rl_apply(op, full) : NULL;
}

bool rl_apply_many(Op *op, int n, const Arg *args, int nout, Tensor **out) {
    Arg full[RL_MAX_ARGS];
    Call c = {.op = op, .arg = full};
    for (int i = 0; i < nout; i++) out[i] = NULL;
    if (!op) return rl_fail(RL_NOT_IMPLEMENTED, "an operation needed here is not part of this build");
    if (!fill_defaults(op, n, args, full) || !rl_call(&c)) return false;
    for (int i = 0; i < nout && i < c.nout; i++) out[i] = c.out[i];
    return true;
}

Tensor **rl_outputs(Call *c, int n) {
    if (n > RL_INLINE_OUTS && (c->out == c->out_inline || n > c->nout)) {
        c->out = rl_scope_bytes(n * (int64_t)sizeof *c->out);
        if (!c->out) {
            c->out = c->out_inline;
            c->nout = 0;
            return NULL;
        }
        memset(c->out, 0, (size_t)n * sizeof *c->out);
    }
    c->nout = n;
    return c->out;
}

/* ---- writing to a given tensor -------------------------------------------------------------------------------------- */

bool rl_can_take(Call *c, Dtype from, const Tensor *to) {
    if (rl_can_cast(from, to->dtype)) return true;
    rl_fail(RL_RUNTIME_ERROR, "result type %s can't be cast to the desired output type %s in %s()", rl_dtypes[from].word, rl_dtypes[to->dtype].word, c->op->parsed->name);
    return false;
}

static bool take_result(Call *c, Tensor *y, Tensor *self) {
    if (y == self) return true;
    if (!y) return false;
    if (!rl_same_shape(y, self)) {
        rl_fail(RL_RUNTIME_ERROR, "output with shape %s doesn't match the broadcast shape %s", rl_text_shape(self), rl_text_shape(y));
        return false;
    }
    return rl_can_take(c, y->dtype, self) && rl_copy_into(self, y);
}

static Tensor *composite_into(Call *c, Tensor *self) {
    int then;
    if (!run_forward(c, &then)) return NULL;
    Tensor *y = c->out[0];
    if (!y || y == self) return y;
    if (!rl_same_shape(y, self))
        return rl_fail(RL_RUNTIME_ERROR, "output with shape %s doesn't match the broadcast shape %s", rl_text_shape(self), rl_text_shape(y));
    if (!rl_can_take(c, y->dtype, self)) return NULL;
    Arg args[RL_MAX_ARGS];
    Op *copy = RL_OP("copy_");
    if (!fill_defaults(copy, 2, (Arg[]){a_t(self), a_t(y)}, args)) return NULL;
    return rl_apply_inplace(copy, args);
}

/* What a composite's parts save of the tensor must outlive its being written: they are given a copy when they record. */
static bool spare_saved(Call *c) {
    uint32_t wants;
    if (!rl_thread.grad_mode || c->op->where & METHOD_ONLY_INPLACE || !look_at_tensors(c, &wants)) return !rl_thread.failed;
    if (wants & (T_REQUIRES_GRAD | T_DUAL)) c->arg[0].tensor = rl_clone(c->arg[0].tensor);
    return !rl_thread.failed;
}

bool rl_call_inplace(Call *c) {
    Tensor *self = c->arg[0].tag == A_TENSOR ? c->arg[0].tensor : NULL, *original = NULL;
    int then;
    uint32_t wants = 0;
    if (!self || rl_thread.failed) return rl_fail(RL_TYPE_ERROR, "%s_(): the tensor to write to is missing", c->op->parsed->name);
    c->nargs = c->op->parsed->nparams;
    if (RL_UNLIKELY(rl_meta_seen)) {
        bool done;
        if (!rl_write_meta(c, self, &done)) return false;
        if (done) {
            c->out = c->out_inline;
            c->out[0] = self;
            c->nout = 1;
            return true;
        }
    }
    if (!(c->op->flags & OVERLAPS ? rl_check_history_inplace(self) : rl_check_inplace(self))) return false;
    if (RL_UNLIKELY(self->flags & T_UNWRITABLE) && rl_needs_grad(c) && !rl_check_view_inplace(self)) return false;
    if (!rl_writers_room(self->storage)) return false;
    if (c->op->flags & COMPOSITE) {
        uint32_t version = rl_version(self);
        if (!spare_saved(c)) return false;
        c->inplace = true;
        Tensor *y = composite_into(c, self);
        c->out[0] = y;
        if (y && rl_version(self) == version) rl_bump_version(self);
        if (y) rl_note_write(self, c->op);
        return y != NULL;
    }
    if (RL_UNLIKELY(rl_carries_tangents())) inherit_tangents(c);
    bool dual = RL_UNLIKELY(rl_carries_tangents()) && look_at_tensors(c, &wants) && wants & T_DUAL;
    if ((dual || ((c->op->saves & SAVE(0)) && rl_needs_grad(c))) && !(original = rl_alias(rl_clone(rl_alias(self))))) return false;
    c->dest = self;
    c->inplace = true;
    if (!run_forward(c, &then) || !take_result(c, c->out[0], self)) return false;
    self->cut_reason = 0;
    if (!(c->op->flags & NO_VERSION_BUMP)) {
        rl_bump_version(self);
        rl_note_write(self, c->op);
    }
    c->out[0] = self;
    if (RL_UNLIKELY(then & PUSH)) {
        if (self->node && rl_thread.grad_mode) rl_set_history(original, self->node, self->out_nr);
        if (!rl_push_tangents_inplace(c, original)) return false;
    }
    return !(then & RECORD) || rl_record_inplace(c, self, original);
}

Tensor *rl_apply_inplace(Op *op, Arg *args) {
    Call c = {.op = op, .arg = args};
    return rl_call_inplace(&c) ? c.out[0] : NULL;
}

static bool shares_memory(Call *c, int n, Tensor **out) {
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        int m = a->tag == A_TENSOR ? 1 : a->tag == A_TENSORS ? a->n : 0;
        for (int i = 0; i < m; i++) {
            Tensor *t = a->tag == A_TENSOR ? a->tensor : a->tensors[i];
            for (int j = 0; t && j < n; j++)
                if (rl_overlap(out[j], t) != OVERLAP_NONE) return true;
        }
    }
    return false;
}

static bool refuse_out_with_grad(Call *c, int n, Tensor **out) {
    uint32_t seen;
    if ((!rl_thread.grad_mode && !rl_forward_active) || !look_at_tensors(c, &seen)) return rl_thread.failed;
    for (int i = 0; rl_forward_active && i < n; i++) seen |= out[i] ? out[i]->flags & T_DUAL : 0;
    if (seen & T_DUAL && !rl_thread.resting) {
        rl_fail(RL_NOT_IMPLEMENTED, "Trying to use forward AD with %s_out that does not support it because it is an out= function", c->op->parsed->name);
        return true;
    }
    if (!rl_thread.grad_mode) return false;
    bool wants = seen & T_REQUIRES_GRAD;
    for (int i = 0; i < n; i++) wants |= out[i] && rl_requires_grad(out[i]);
    if (wants)
        rl_fail(RL_RUNTIME_ERROR, "%s(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.", c->op->parsed->name);
    return wants;
}

/* torch's words for dtypes in this one message. */
static const char *const c_words[RL_NDTYPES] = {
    "bool", "unsigned char", "signed char", "short int", "int", "long int", "c10::Half", "c10::BFloat16", "float", "double", "c10::complex<float>", "c10::complex<double>",
    "short unsigned int", "unsigned int", "long unsigned int",
};

/* Functions that make a tensor out of numbers resize out= without a word. */
static bool reads_tensors(const Call *c) {
    for (int k = 0; k < c->nargs; k++)
        if (c->arg[k].tag == A_TENSOR || c->arg[k].tag == A_TENSORS) return true;
    return false;
}

static bool deliver(Call *c, Tensor *y, Tensor *out) {
    if (y == out) return true;
    if ((c->op->flags & EXACT_OUT) && y->dtype != out->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "Expected out tensor to have dtype %s, but got %s instead: %s() gives %s", c_words[y->dtype], c_words[out->dtype], c->op->parsed->name, rl_dtypes[y->dtype].name);
    if (!rl_can_take(c, y->dtype, out)) return false;
    if (!rl_same_shape(y, out)) {
        char text[512];
        if (c->op->flags & KEEPS_OUT && out->numel == y->numel) return rl_copy_into(out, rl_reshape(y, out->ndim, out->shape)) != NULL;
        if (out->numel && reads_tensors(c)) {
            snprintf(text, sizeof text, "An output with one or more elements was resized since it had shape %s, which does not match the required output shape %s. "
                     "This behavior is deprecated, and in a future PyTorch release outputs will not be resized unless they have zero elements. "
                     "You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).", rl_text_shape(out), rl_text_shape(y));
            rl_host.warn(text);
            if (rl_thread.failed) return false;
        }
        if (!rl_resize_out(out, y->ndim, y->shape)) return false;
        if (rl_is_dense(y) && !rl_is_contiguous(y) && !rl_set_geometry(out, y->ndim, y->shape, y->stride, out->offset)) return false;
    }
    return rl_copy_into(out, y) != NULL;
}

bool rl_call_out(Call *c, int n, Tensor **out) {
    bool mode = rl_thread.grad_mode;
    int then;
    c->nargs = c->op->parsed->nparams;
    if (refuse_out_with_grad(c, n, out)) return false;
    for (int i = 0; i < n; i++) {
        if (!out[i] || !rl_writers_room(out[i]->storage)) return false;
        if (rl_is_bare(out[i]->dtype) && !(c->op->flags & (TAKES_BARE | COMPOSITE))) return refuse_dtype(c, out[i]->dtype);
        if (rl_self_overlaps(out[i]))
            return rl_fail(RL_RUNTIME_ERROR, "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.");
    }
    if (c->op->flags & NO_OVERLAP && shares_memory(c, n, out))
        return rl_fail(RL_RUNTIME_ERROR, "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation: %s()", c->op->parsed->name);
    c->dest = c->op->flags & COMPOSITE ? NULL : out[0];
    c->dests = c->op->flags & COMPOSITE ? NULL : out;
    c->ndests = c->op->flags & COMPOSITE ? 0 : n;
    rl_thread.grad_mode = false;
    bool ok = run_forward(c, &then);
    if (ok && n != c->nout) ok = rl_fail(RL_RUNTIME_ERROR, "%s() expected an out= argument of size %d, got size %d", c->op->parsed->name, c->nout, n);
    for (int i = 0; ok && i < n; i++) ok = deliver(c, c->out[i], out[i]);
    rl_thread.grad_mode = mode;
    if (!ok) return false;
    for (int i = 0; i < n; i++) {
        rl_bump_version(out[i]);
        rl_note_write(out[i], c->op);
        c->out[i] = out[i];
    }
    return true;
}

/* Whether forward may write its result straight to the destination while it still reads its inputs. */
static bool may_write(Call *c, Tensor *dest) {
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        int n = a->tag == A_TENSOR ? 1 : a->tag == A_TENSORS ? a->n : 0;
        for (int i = 0; i < n; i++) {
            Tensor *t = a->tag == A_TENSOR ? a->tensor : a->tensors[i];
            Overlap o = t ? rl_overlap(dest, t) : OVERLAP_NONE;
            if (o == OVERLAP_PARTIAL || (o == OVERLAP_SAME && !(c->op->flags & ELEMENTWISE))) return false;
        }
    }
    return true;
}

static Tensor *fitting_dest(Call *c, int k, int ndim, const int64_t *shape, Dtype dtype) {
    Tensor *d = k < c->ndests ? c->dests[k] : k == 0 ? c->dest : NULL;
    if (RL_LIKELY(!d) || d->dtype != dtype || d->ndim != ndim) return NULL;
    if (ndim && memcmp(d->shape, shape, (size_t)ndim * sizeof *shape)) return NULL;
    return may_write(c, d) ? d : NULL;
}

static Tensor *put_output(Call *c, int k, Tensor *y) {
    if (k < RL_INLINE_OUTS || k < c->nout) c->out[k] = y;
    return y;
}

Tensor *rl_out(Call *c, int k, int ndim, const int64_t *shape, Dtype dtype) {
    Tensor *d = fitting_dest(c, k, ndim, shape, dtype);
    return put_output(c, k, d ? d : rl_empty(ndim, shape, dtype));
}

Tensor *rl_out_strided(Call *c, int k, int ndim, const int64_t *shape, const int64_t *stride, Dtype dtype) {
    Tensor *d = fitting_dest(c, k, ndim, shape, dtype);
    return put_output(c, k, d ? d : rl_empty_strided(ndim, shape, stride, dtype));
}

Tensor *rl_out_like(Call *c, int k, Dtype dtype, int n, Tensor **inputs) {
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    int ndim = 0;
    bool plain = true;
    for (int i = 0; i < n; i++) {
        if (!inputs[i]) return NULL;
        plain = plain && rl_is_contiguous(inputs[i]) && (i == 0 || rl_same_shape(inputs[i], inputs[0]));
    }
    if (plain && n) return rl_out(c, k, inputs[0]->ndim, inputs[0]->shape, dtype);
    for (int i = 0; i < n; i++)
        if (!rl_broadcast_shapes(&ndim, shape, inputs[i])) return NULL;
    rl_common_strides(n, inputs, ndim, shape, stride);
    return rl_out_strided(c, k, ndim, shape, stride, dtype);
}

/* ---- promotion ------------------------------------------------------------------------------------------------------ */

#define UNSEEN RL_NO_DTYPE

static Dtype promote_seen(Dtype a, Dtype b) { return a == UNSEEN ? b : b == UNSEEN ? a : rl_promote(a, b); }

/* What tensors with dims say outweighs 0-d tensors, and these outweigh numbers, unless the lighter is of a higher category. */
static Dtype outweigh(Dtype higher, Dtype lower) {
    if (higher == UNSEEN) return lower;
    if (lower == UNSEEN || rl_dtype_is(higher, CLASS_COMPLEX)) return higher;
    if (rl_is_bare(higher) && rl_dtype_is(lower, CLASS_COMPLEX)) return lower;
    if (rl_dtype_is(higher, CLASS_FLOATING)) return rl_dtype_is(lower, CLASS_COMPLEX) ? (higher == RL_FLOAT64 ? RL_COMPLEX128 : RL_COMPLEX64) : higher;
    if (higher == RL_BOOL || rl_dtype_is(lower, CLASS_INEXACT)) return promote_seen(higher, lower);
    return higher;
}

static Dtype number_dtype(const Arg *a) {
    return a->tag == A_BOOL ? RL_BOOL : a->tag == A_INT || a_is_past_int64(a) ? RL_INT64 : a->tag == A_FLOAT ? rl_default_dtype() : rl_default_complex();
}

Dtype rl_result_type(int n, const Arg *args) {
    if (n == 2 && args[0].tag == A_TENSOR && args[0].tensor) {      /* nearly always */
        Dtype d = args[0].tensor->dtype;
        if (args[1].tag == A_TENSOR && args[1].tensor && args[1].tensor->dtype == d) return d;
        if (args[1].tag >= A_BOOL && args[1].tag <= A_FLOAT && rl_dtype_is(d, CLASS_INEXACT)) return d;
    }
    Dtype dims = UNSEEN, zero = UNSEEN, number = UNSEEN;
    for (int k = 0; k < n; k++) {
        const Arg *a = &args[k];
        if (a_is_number(a)) number = promote_seen(number, number_dtype(a));
        int m = a->tag == A_TENSOR ? 1 : a->tag == A_TENSORS ? a->n : 0;
        for (int i = 0; i < m; i++) {
            const Tensor *t = a->tag == A_TENSOR ? a->tensor : a->tensors[i];
            if (!t) continue;
            if (t->ndim) dims = promote_seen(dims, t->dtype);
            else zero = promote_seen(zero, t->dtype);
        }
    }
    return outweigh(dims, outweigh(zero, number));
}

Dtype rl_common_dtype(Call *c) { return rl_result_type(c->nargs, c->arg); }
