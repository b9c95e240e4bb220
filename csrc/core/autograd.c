/* autograd.c -- backward: order the calls, add up gradients, hand them on.
 *
 * Four functions are the whole engine: prepare, pop, run one, finish.  A node that used another's result has the
 * larger sequence number, so a heap on it visits users before what they used, and no look ahead is needed.  All state
 * of a run lives in the Run: nodes do not know that they are being visited, and runs may nest. */
#include "rushlight.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct Task {          /* a node that gradients have arrived for */
    Node *node;                /* owned */
    Tensor **grad;             /* per output; owned entries */
    Tensor *one[2];            /* where grad points for few outputs */
} Task;

typedef struct Capture { Node *node; int32_t out_nr; Tensor *result; Tensor *input; } Capture;

typedef struct Map { Node **key; int32_t *value; int64_t room, n; } Map;     /* node -> small number */

struct Run {
    int flags, ncaptures;
    Task *task;
    int32_t *heap, *unused;
    int64_t ntasks, room, nheap, nunused;
    Map place;                 /* node -> its task */
    Map wanted;                /* with inputs: 1 if a gradient must pass through this node */
    bool filtered;
    Capture *capture;
    Node **root;               /* owned: where the roots' gradients go */
    int32_t *root_nr;
    int nroots;
    Tensor *added;             /* the .grad that the rule now running was given to add to */
    Run *outer;
};

static RL_TLS Run *running;

/* ---- a map from nodes to numbers --------------------------------------------------------------------------------- */

static int64_t map_slot(const Map *m, const Node *node) {
    int64_t i = (int64_t)(((uintptr_t)node >> 5) * 0x9E3779B97F4A7C15ull >> 20) & (m->room - 1);
    while (m->key[i] && m->key[i] != node) i = (i + 1) & (m->room - 1);
    return i;
}

static bool map_resize(Map *m, int64_t room) {
    Map old = *m;
    m->key = rl_alloc_zero(room * (int64_t)sizeof *m->key);
    m->value = rl_alloc(room * (int64_t)sizeof *m->value);
    if (!m->key || !m->value) {
        rl_free(m->key);
        rl_free(m->value);
        *m = old;
        return false;
    }
    m->room = room;
    for (int64_t i = 0; i < old.room; i++) {
        if (!old.key[i]) continue;
        int64_t to = map_slot(m, old.key[i]);
        m->key[to] = old.key[i];
        m->value[to] = old.value[i];
    }
    rl_free(old.key);
    rl_free(old.value);
    return true;
}

static bool map_set(Map *m, Node *node, int32_t value) {
    if (4 * (m->n + 1) > 3 * m->room && !map_resize(m, m->room ? 2 * m->room : 64)) return false;
    int64_t i = map_slot(m, node);
    if (!m->key[i]) m->n++;
    m->key[i] = node;
    m->value[i] = value;
    return true;
}

static int32_t map_get(const Map *m, const Node *node, int32_t otherwise) {
    if (!m->room) return otherwise;
    int64_t i = map_slot(m, node);
    return m->key[i] ? m->value[i] : otherwise;
}

static void map_remove(Map *m, const Node *node) {
    int64_t i = map_slot(m, node), hole = i;
    if (!m->key[i]) return;
    m->key[i] = NULL;
    m->n--;
    for (i = (i + 1) & (m->room - 1); m->key[i]; i = (i + 1) & (m->room - 1)) {   /* close the gap */
        Node *moved = m->key[i];
        int32_t value = m->value[i];
        m->key[i] = NULL;
        hole = map_slot(m, moved);
        m->key[hole] = moved;
        m->value[hole] = value;
    }
}

static void map_free(Map *m) {
    rl_free(m->key);
    rl_free(m->value);
}

/* ---- tasks and the heap ------------------------------------------------------------------------------------------ */

static uint64_t order(const Run *run, int64_t at) { return run->task[run->heap[at]].node->seq; }

static void swap_heap(Run *run, int64_t a, int64_t b) {
    int32_t swap = run->heap[a];
    run->heap[a] = run->heap[b];
    run->heap[b] = swap;
}

static void push_heap(Run *run, int32_t task) {
    int64_t i = run->nheap++;
    run->heap[i] = task;
    for (; i > 0 && order(run, (i - 1) / 2) < order(run, i); i = (i - 1) / 2) swap_heap(run, i, (i - 1) / 2);
}

static int32_t pop_heap(Run *run) {
    int32_t top = run->heap[0];
    run->heap[0] = run->heap[--run->nheap];
    for (int64_t i = 0, child; (child = 2 * i + 1) < run->nheap; i = child) {
        if (child + 1 < run->nheap && order(run, child + 1) > order(run, child)) child++;
        if (order(run, i) >= order(run, child)) break;
        swap_heap(run, i, child);
    }
    return top;
}

static bool grow_tasks(Run *run) {
    int64_t room = run->room ? 2 * run->room : 32;
    Task *task = rl_resize(run->task, run->room * (int64_t)sizeof *task, room * (int64_t)sizeof *task);
    if (!task) return false;
    for (int64_t i = 0; i < run->room; i++)     /* short lists of gradients lie in the task itself */
        if (task[i].node && task[i].node->nouts <= 2) task[i].grad = task[i].one;
    run->task = task;
    int32_t *heap = rl_resize(run->heap, run->room * 4, room * 4);
    if (heap) run->heap = heap;
    int32_t *unused = heap ? rl_resize(run->unused, run->room * 4, room * 4) : NULL;
    if (!unused) return false;
    run->unused = unused;
    run->room = room;
    return true;
}

static Task *task_of(Run *run, Node *node) {
    int32_t at = map_get(&run->place, node, -1);
    if (at >= 0) return &run->task[at];
    if (!run->nunused && run->ntasks == run->room && !grow_tasks(run)) return NULL;
    Tensor **grad = NULL;
    if (node->nouts > 2 && !(grad = rl_alloc_zero(node->nouts * (int64_t)sizeof *grad))) return NULL;
    at = run->nunused ? run->unused[run->nunused - 1] : (int32_t)run->ntasks;
    if (!map_set(&run->place, node, at)) {
        rl_free(grad);
        return NULL;
    }
    if (run->nunused) run->nunused--;
    else run->ntasks++;
    Task *t = &run->task[at];
    t->node = rl_keep(node);
    t->one[0] = t->one[1] = NULL;
    t->grad = grad ? grad : t->one;
    push_heap(run, at);
    return t;
}

static void drop_task(Run *run, Task *t) {
    Node *node = t->node;
    Tensor *short_list[2] = {t->one[0], t->one[1]}, **grad = t->grad == t->one ? short_list : t->grad;
    int n = node->nouts;
    t->node = NULL;
    t->grad = t->one;
    t->one[0] = t->one[1] = NULL;
    run->unused[run->nunused++] = (int32_t)(t - run->task);
    for (int i = 0; i < n; i++) rl_drop(grad[i]);
    if (grad != short_list) rl_free(grad);
    rl_drop(node);
}

/* Nobody else can see it, so it may be written to or handed over. */
static bool only_ours(Tensor *t) {
    return rl_host.count(t) == 1 && t->storage->refs == 1 && !t->node && !t->base && !t->hooks && !(t->flags & T_REQUIRES_GRAD) && rl_is_dense(t);
}

static Tensor *add_in_place(Tensor *to, Tensor *more) {
    Op *add = RL_OP("add");
    Arg args[RL_MAX_ARGS] = {a_t(to), a_t(more)};
    for (int k = 2; k < add->parsed->nparams; k++) args[k] = add->parsed->param[k].value;
    return rl_apply_inplace(add, args);
}

static bool add_gradient(Run *run, Node *node, int32_t out_nr, Tensor *g) {
    if (run->filtered && map_get(&run->wanted, node, 0) != 1) return true;
    Task *t = task_of(run, node);
    if (!t) return false;
    Tensor *old = t->grad[out_nr];
    if (!old) {
        t->grad[out_nr] = rl_keep(g);
        return true;
    }
    if (!rl_thread.grad_mode && only_ours(old) && old->dtype == g->dtype && rl_same_shape(old, g)) return add_in_place(old, g) != NULL;
    Scope s = rl_scope_open();
    Tensor *sum = rl_scope_close_with(s, rl_add(old, g));
    if (!sum) return false;
    t = task_of(run, node);
    t->grad[out_nr] = sum;
    rl_drop(old);
    return true;
}

/* ---- prepare ------------------------------------------------------------------------------------------------------- */

/* With inputs given, only nodes on a path to one of them matter.  Depth first without recursion; a node is settled when
 * all it leads to are. */
enum { SEEN = 2, USELESS = 3 };

typedef struct Stack { Node **node; int32_t *next; int64_t n, room; } Stack;

static bool stack_push(Stack *s, Node *node) {
    if (s->n == s->room) {
        int64_t room = s->room ? 2 * s->room : 256;
        Node **more = rl_resize(s->node, s->room * 8, room * 8);
        if (more) s->node = more;
        int32_t *next = more ? rl_resize(s->next, s->room * 4, room * 4) : NULL;
        if (!next) return false;
        s->next = next;
        s->room = room;
    }
    s->node[s->n] = node;
    s->next[s->n++] = 0;
    return true;
}

static bool is_captured(const Run *run, const Node *node) {
    for (int i = 0; i < run->ncaptures; i++)
        if (run->capture[i].node == node) return true;
    return false;
}

static bool settle(Run *run, Stack *s) {
    while (s->n) {
        Node *node = s->node[s->n - 1];
        int32_t k = s->next[s->n - 1]++;
        if (k < node->nslots) {
            Node *next = node->slot[k].next;
            if (!next || map_get(&run->wanted, next, 0)) continue;
            if (!map_set(&run->wanted, next, SEEN) || !stack_push(s, next)) return false;
            continue;
        }
        int32_t wanted = is_captured(run, node) ? 1 : USELESS;
        for (int i = 0; i < node->nslots && wanted != 1; i++)
            if (node->slot[i].next && map_get(&run->wanted, node->slot[i].next, 0) == 1) wanted = 1;
        map_set(&run->wanted, node, wanted);
        s->n--;
    }
    return true;
}

static bool find_wanted(Run *run) {
    Stack s = {0};
    bool ok = true;
    for (int i = 0; ok && i < run->nroots; i++)
        if (!map_get(&run->wanted, run->root[i], 0)) ok = map_set(&run->wanted, run->root[i], SEEN) && stack_push(&s, run->root[i]) && settle(run, &s);
    rl_free(s.node);
    rl_free(s.next);
    return ok;
}

static bool set_captures(Run *run, int n, Tensor **inputs) {
    if (!n) return true;
    run->capture = rl_alloc_zero(n * (int64_t)sizeof *run->capture);
    if (!run->capture) return false;
    run->filtered = true;
    for (int i = 0; i < n; i++) {
        Capture *c = &run->capture[i];
        if (!inputs[i]) return false;
        rl_node_of(inputs[i]);
        if (!rl_requires_grad(inputs[i]))
            return rl_fail(RL_RUNTIME_ERROR, "One of the differentiated Tensors does not require grad: input %d, of shape %s. Call requires_grad_() on it before the computation.", i, rl_text_shape(inputs[i]));
        c->node = rl_edge_of(inputs[i], &c->out_nr);
        if (!c->node) return false;
        c->input = rl_keep(inputs[i]);
        if (run->flags & RUN_ACCUMULATE && !rl_retain_grad(inputs[i])) return false;
        run->ncaptures = i + 1;
    }
    return true;
}

static Tensor *first_gradient(int i, Tensor *root, Tensor *given) {
    if (given) {
        if (!rl_same_shape(root, given))
            return rl_fail(RL_RUNTIME_ERROR, "Mismatch in shape: grad_output[%d] has a shape of torch.Size(%s) and output[%d] has a shape of torch.Size(%s).", i, rl_text_shape(given), i, rl_text_shape(root));
        if (rl_dtype_is(root->dtype, CLASS_COMPLEX) != rl_dtype_is(given->dtype, CLASS_COMPLEX))
            return rl_fail(RL_RUNTIME_ERROR, "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: grad_output[%d] has a dtype of torch.%s and output[%d] has a dtype of torch.%s.",
                           i, rl_dtypes[given->dtype].name, i, rl_dtypes[root->dtype].name);
        return rl_cast(given, root->dtype);
    }
    if (root->numel != 1)
        return rl_fail(RL_RUNTIME_ERROR, "grad can be implicitly created only for scalar outputs; output %d has shape %s: call sum() or mean() on it, or pass gradient=", i, rl_text_shape(root));
    if (!rl_dtype_is(root->dtype, CLASS_FLOATING))
        return rl_fail(RL_RUNTIME_ERROR, "grad can be implicitly created only for real scalar outputs but got %s", rl_dtypes[root->dtype].name);
    return rl_full(root->ndim, root->shape, root->dtype, 1);
}

static bool find_roots(Run *run, int n, Tensor **roots) {
    run->root = rl_alloc_zero((n ? n : 1) * (int64_t)sizeof *run->root);
    run->root_nr = rl_alloc_zero((n ? n : 1) * (int64_t)sizeof *run->root_nr);
    if (!run->root || !run->root_nr) return false;
    for (int i = 0; i < n; i++) {
        Tensor *root = roots[i];
        if (!root) return false;
        rl_node_of(root);
        if (!rl_requires_grad(root))
            return rl_fail(RL_RUNTIME_ERROR, "element %d of tensors does not require grad and does not have a grad_fn; its shape is %s%s", i, rl_text_shape(root),
                           root->cut_reason == CUT_NO_GRAD ? ", and it was made under no_grad()" : root->cut_reason == CUT_DETACH ? ", and it was detached" : "");
        run->root[i] = rl_edge_of(root, &run->root_nr[i]);
        if (!run->root[i]) return false;
        run->nroots = i + 1;
    }
    return true;
}

static bool put_roots(Run *run, Tensor **roots, Tensor **grads) {
    for (int i = 0; i < run->nroots; i++) {
        Tensor *g = first_gradient(i, roots[i], grads ? grads[i] : NULL);
        if (!g || !add_gradient(run, run->root[i], run->root_nr[i], g)) return false;
    }
    return true;
}

static void free_run(Run *run);

Run *rl_run_prepare(int n, Tensor **roots, Tensor **grads, int ninputs, Tensor **inputs, int flags) {
    Run *run = rl_alloc_zero(sizeof *run);
    if (!run) return NULL;
    run->flags = flags;
    bool mode = rl_thread.grad_mode;
    rl_thread.grad_mode = flags & RUN_CREATE_GRAPH;
    bool ok = find_roots(run, n, roots) && set_captures(run, ninputs, inputs) && (!ninputs || find_wanted(run)) && put_roots(run, roots, grads);
    rl_thread.grad_mode = mode;
    if (ok) return run;
    Error keep;
    rl_error_put_aside(&keep);
    free_run(run);
    rl_error_put_back(&keep);
    return NULL;
}

/* ---- run one --------------------------------------------------------------------------------------------------------- */

Node *rl_run_pop(Run *run) {
    return run->nheap ? run->task[run->heap[0]].node : NULL;
}

Tensor **rl_run_gradient(Run *run, Node *node, int *n) {
    int32_t at = map_get(&run->place, node, -1);
    *n = at < 0 ? 0 : node->nouts;
    return at < 0 ? NULL : run->task[at].grad;
}

static Tensor *undo_broadcast(Node *node, int slot, const Meta *m, Tensor *dx) {
    int lead = dx->ndim - m->ndim;
    bool fits = lead >= 0;
    for (int i = 0; fits && i < m->ndim; i++) fits = m->shape[i] == dx->shape[lead + i] || m->shape[i] == 1;
    if (fits) return rl_sum_to(dx, m->ndim, m->shape);
    return rl_fail(RL_RUNTIME_ERROR, "Function %s returned an invalid gradient at index %d - got %s but expected shape compatible with %s",
                   rl_node_name(node), slot, rl_text_shape(dx), rl_text_sizes(m->ndim, m->shape));
}

static bool dtypes_chosen;     /* some leaf was given another dtype for its gradient */

void rl_set_grad_dtype(Tensor *leaf, uint8_t how) {
    leaf->grad_dtype = how;
    dtypes_chosen = dtypes_chosen || how != GRAD_OWN;
}

Dtype rl_grad_dtype(const Tensor *leaf, Dtype came) {
    return leaf->grad_dtype == GRAD_OWN ? (Dtype)leaf->dtype : leaf->grad_dtype == GRAD_ANY ? came : (Dtype)(leaf->grad_dtype - GRAD_AS);
}

static Dtype wanted_dtype(const Node *node, const Slot *s, const Tensor *dx) {
    const Node *next = s->next;
    bool chosen = RL_UNLIKELY(dtypes_chosen) && next && next->flags & NODE_ACCUMULATE && next->leaf && next->leaf->grad_dtype != GRAD_OWN;
    return chosen ? rl_grad_dtype(next->leaf, node->op == RL_OP("_cast") ? s->meta.dtype : (Dtype)dx->dtype) : s->meta.dtype;
}

/* Whatever a rule returned becomes a gradient of its input's shape and dtype. */
static Tensor *fit_gradient(Node *node, int slot, Tensor *dx) {
    const Meta *m = &node->slot[slot].meta;
    if (m->dtype == RL_NO_DTYPE) return dx;
    if (dx->ndim != m->ndim || (m->ndim && memcmp(dx->shape, m->shape, m->ndim * sizeof *m->shape))) dx = undo_broadcast(node, slot, m, dx);
    if (dx && rl_dtype_is(dx->dtype, CLASS_COMPLEX) && !rl_dtype_is(m->dtype, CLASS_COMPLEX)) dx = rl_do("real", a_t(dx));
    if (!dx) return NULL;
    Dtype wanted = wanted_dtype(node, &node->slot[slot], dx);
    return dx->dtype != wanted ? rl_cast(dx, wanted) : dx;
}

static bool is_wanted(const Run *run, const Node *next) {
    return next && (!run->filtered || map_get(&run->wanted, next, 0) == 1);
}

bool rl_need(Call *c, int slot) {
    return slot < c->node->nslots && (running ? is_wanted(running, c->node->slot[slot].next) : c->node->slot[slot].next != NULL);
}

/* Nothing may stand between the rule and the leaf: no hook to show the gradient to, no graph to keep of the sum, nobody else's gradient waiting. */
Tensor *rl_grad_to_add(Call *c, int slot) {
    Node *node = c->node, *next = slot < node->nslots ? node->slot[slot].next : NULL;
    if (!running || rl_thread.grad_mode || rl_thread.anomaly || running->ncaptures || node->hooks_post) return NULL;
    if (!next || !(next->flags & NODE_ACCUMULATE) || next->hooks_pre || next->hooks_post || next->retain || map_get(&running->place, next, -1) >= 0) return NULL;
    Tensor *leaf = next->leaf, *grad = leaf && !leaf->hooks && rl_requires_grad(leaf) ? leaf->grad : NULL;      /* not frozen since */
    const Meta *m = &node->slot[slot].meta;
    if (!grad || grad->node || grad->hooks || grad->flags & T_REQUIRES_GRAD || grad->dtype != m->dtype || !rl_is_row_major(grad)) return NULL;
    if (grad->ndim != m->ndim || (m->ndim && memcmp(grad->shape, m->shape, m->ndim * sizeof *m->shape))) return NULL;
    for (int i = 0; i < node->nslots; i++)
        if (node->slot[i].saved && node->slot[i].saved->storage == grad->storage) return NULL;
    return running->added = grad;
}

int rl_slot(Call *c, int k) {
    int slot = 0;
    for (int i = 0; i < k; i++) slot += c->arg[i].tag == A_TENSORS ? c->arg[i].n : 1;
    return slot;
}

const Meta *rl_meta(Call *c, int slot) {
    if (slot >= c->node->nslots || c->node->slot[slot].meta.dtype == RL_NO_DTYPE) return NULL;
    return &c->node->slot[slot].meta;
}

const Meta *rl_out_meta(Call *c, int k) { return k < c->node->nouts ? &c->node->out[k].meta : NULL; }
Tensor *rl_zeros_meta(const Meta *m) { return m ? rl_zeros(m->ndim, m->shape, m->dtype) : NULL; }

static bool unpack_saved(Node *node, Call *c) {
    if (node->flags & NODE_FREED) return rl_slot_unpack(node, 0, false) != NULL;      /* says why */
    for (int k = 0, slot = 0; k < node->nargs; k++) {
        Arg *a = &c->arg[k];
        int n = a->tag == A_TENSORS ? a->n : 1;
        if (a->tag == A_TENSORS && !(a->tensors = rl_scope_bytes((n ? n : 1) * (int64_t)sizeof *a->tensors))) return false;
        for (int i = 0; i < n; i++, slot++) {
            Slot *s = &node->slot[slot];
            Tensor *t = s->saved || s->packed ? rl_slot_unpack(node, slot, false) : NULL;
            if (a->tag == A_TENSORS) a->tensors[i] = t;
            else if (a->tag == A_TENSOR) a->tensor = t;
        }
    }
    for (int k = 0; k < node->nouts; k++)
        c->out[k] = node->out[k].saved || node->out[k].packed ? rl_slot_unpack(node, k, true) : NULL;
    return !rl_thread.failed;
}

/* Ties gradients that are the same whatever the input was to that input, by a slope of zero. */
static void tie_flat(Node *node, Tensor **dx) {
    for (int i = 0; i < node->nslots && !rl_thread.failed; i++) {
        Slot *s = &node->slot[i];
        if (!dx[i] || !s->next) continue;
        Tensor *tied = rl_alias(dx[i]);
        Node *tie = tied ? rl_node_new(RL_OP("_tie"), 2, 2, 1) : NULL;
        if (!tie) return;
        if (rl_node_link(tie, 0, dx[i])) {
            Meta *m = &tie->slot[1].meta;
            tie->slot[1].next = rl_keep(s->next);
            tie->slot[1].out_nr = s->out_nr;
            if (s->meta.ndim <= RL_INLINE_DIMS) {
                *m = s->meta;
                m->shape = m->dims;
            }
            tie->arg[0] = tie->arg[1] = a_t(NULL);
            rl_set_history(tied, tie, 0);
            dx[i] = tied;
        }
        rl_drop(tie);
    }
}

static bool run_rule(Node *node, Tensor **g, Tensor **dx) {
    if (node->flags & NODE_FUNCTION) return rl_host.call_function(node, g, dx);
    Arg args[RL_MAX_ARGS];
    Call c = {.op = node->op, .arg = args, .nargs = node->nargs, .nout = node->nouts, .node = node, .inplace = node->flags & NODE_INPLACE};
    memcpy(args, node->arg, (size_t)node->nargs * sizeof *args);
    c.out = node->nouts <= RL_INLINE_OUTS ? c.out_inline : rl_scope_bytes(node->nouts * (int64_t)sizeof *c.out);
    if (!c.out || !unpack_saved(node, &c)) return false;
    if (node->op->vjp) node->op->vjp(&c, g, dx);
    else rl_formula_vjp(&c, g, dx);
    if (RL_UNLIKELY(node->op->flags & FLAT) && rl_thread.grad_mode) tie_flat(node, dx);
    return !rl_thread.failed;
}

static void link_leaf(Tensor *leaf) {
    if (leaf->flags & T_LINKED) return;
    leaf->flags |= T_LINKED;
    rl_host.linked(leaf);
}

static bool same_layout(const Tensor *a, const Tensor *b) {
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] > 1 && a->stride[i] != b->stride[i]) return false;
    return true;
}

static Tensor *in_layout_of(Tensor *leaf, Tensor *g) {
    Dtype dtype = rl_grad_dtype(leaf, (Dtype)g->dtype);
    if (rl_thread.grad_mode) return dtype == g->dtype || leaf->grad_dtype == GRAD_OWN ? rl_clone(g) : rl_cast(g, dtype);
    Tensor *copy = rl_is_dense(leaf) ? rl_empty_strided(leaf->ndim, leaf->shape, leaf->stride, dtype) : rl_empty(leaf->ndim, leaf->shape, dtype);
    return copy ? rl_copy_into(copy, g) : NULL;
}

/* Adds a gradient to tensor.grad.  A gradient that nobody else holds becomes .grad itself; `held`: by the run alone. */
static bool accumulate(Tensor *leaf, Tensor *g, bool held) {
    if (!leaf->grad) {
        bool ours = held && !rl_thread.grad_mode && only_ours(g) && (same_layout(leaf, g) || !rl_is_dense(leaf)) && g->dtype == rl_grad_dtype(leaf, (Dtype)g->dtype);
        Tensor *mine = ours ? g : in_layout_of(leaf, g);
        if (!mine) return false;
        leaf->grad = rl_keep(mine);
        link_leaf(leaf);
        return true;
    }
    if (!rl_thread.grad_mode) return add_in_place(leaf->grad, g) != NULL;
    Tensor *sum = rl_add(leaf->grad, g), *old = leaf->grad;
    if (!sum) return false;
    leaf->grad = rl_keep(sum);
    rl_drop(old);
    return true;
}

/* While tangents are carried rules record; a gradient that nobody asked the graph of is given without. */
static Tensor *without_graph(const Run *run, Tensor *g) {
    if (RL_LIKELY(!rl_carries_tangents()) || run->flags & RUN_CREATE_GRAPH || !g || !rl_requires_grad(g)) return g;
    Tensor *alias = rl_alias(g);
    if (alias && g->flags & T_DUAL) rl_set_tangent(alias, rl_tangent(g));
    return alias;
}

static bool run_accumulator(Run *run, Node *node, Tensor **g) {
    Tensor *leaf = node->leaf;
    if (!leaf || !g[0] || !rl_requires_grad(leaf)) return true;      /* frozen since */
    if (!accumulate(leaf, without_graph(run, g[0]), true)) return false;
    return !leaf->hooks || rl_host.call_hooks(HOOK_POST_ACCUMULATE, leaf->hooks, leaf, 0, NULL, 0, NULL);
}

static bool keep_retained(Node *node, Tensor **g) {
    int32_t nr;
    Tensor *t;
    for (int i = 0; (t = rl_retained(node, i, &nr)); i++)
        if (nr < node->nouts && g[nr] && !accumulate(t, g[nr], false)) return false;
    return true;
}

static void keep_captures(Run *run, Node *node, Tensor **g) {
    for (int i = 0; i < run->ncaptures; i++) {
        Capture *c = &run->capture[i];
        if (c->node == node && g[c->out_nr] && !c->result) c->result = rl_keep(without_graph(run, g[c->out_nr]));
    }
}

static bool check_nan(Node *node, int n, Tensor **dx) {
    for (int i = 0; i < n; i++) {
        if (!dx[i]) continue;
        Tensor *any = rl_do("any", a_t(rl_do("isnan", a_t(dx[i]))));
        Arg found;
        double store[2];
        if (!any || !rl_item(any, &found, store)) return false;
        if (found.b) return rl_fail(RL_RUNTIME_ERROR, "Function '%s' returned nan values in its %dth output.", rl_node_name(node), i);
    }
    return true;
}

static bool hand_on(Run *run, Node *node, Tensor **dx) {
    for (int i = 0; i < node->nslots; i++) {
        Slot *s = &node->slot[i];
        if (!dx[i] || !is_wanted(run, s->next)) continue;
        if (dx[i] == run->added) {
            rl_bump_version(dx[i]);
            continue;
        }
        Tensor *g = fit_gradient(node, i, dx[i]);
        if (!g || !add_gradient(run, s->next, s->out_nr, g)) return false;
    }
    return true;
}

/* A node that gradients only end at does not run: its hooks stay silent, those of the tensor see what is given out.  Of a node that
 * runs, what was asked for is what has arrived, before any hook; .grad, with backward(inputs=), comes of running. */
static bool is_to_run(Run *run, Node *node) {
    if (!run->filtered || (run->flags & RUN_ACCUMULATE && is_captured(run, node))) return true;
    for (int i = 0; i < node->nslots; i++)
        if (is_wanted(run, node->slot[i].next)) return true;
    return false;
}

static bool run_node(Run *run, Node *node, Tensor **g) {
    bool leaf = node->flags & NODE_ACCUMULATE, any = false, runs = is_to_run(run, node);
    void *hooks = leaf ? (node->leaf ? node->leaf->hooks : NULL) : node->tensor_hooks;
    if (run->ncaptures && runs) keep_captures(run, node, g);
    if (hooks && !rl_host.call_hooks(HOOK_TENSOR, hooks, leaf ? (void *)node->leaf : (void *)node, node->nouts, g, 0, NULL)) return false;
    if (node->retain && !keep_retained(node, g)) return false;
    if (run->ncaptures && !runs) keep_captures(run, node, g);
    if (!runs) return true;
    if (node->hooks_pre && !rl_host.call_hooks(HOOK_NODE_PRE, node->hooks_pre, node, node->nouts, g, 0, NULL)) return false;
    if (leaf) {
        if (!run_accumulator(run, node, g)) return false;
        return !node->hooks_post || rl_host.call_hooks(HOOK_NODE_POST, node->hooks_post, node, 0, NULL, node->nouts, g);
    }
    for (int i = 0; i < node->nouts; i++) any |= g[i] != NULL;
    Tensor *few[16], **dx = node->nslots <= RL_COUNT(few) ? few : rl_scope_bytes(node->nslots * (int64_t)sizeof *dx);
    if (!dx) return false;
    memset(dx, 0, (size_t)node->nslots * sizeof *dx);
    if ((any || node->flags & NODE_FUNCTION) && !run_rule(node, g, dx)) return false;
    if (node->hooks_post && !rl_host.call_hooks(HOOK_NODE_POST, node->hooks_post, node, node->nslots, dx, node->nouts, g)) return false;
    if (RL_UNLIKELY(rl_thread.anomaly && rl_thread.anomaly_check_nan) && !check_nan(node, node->nslots, dx)) return false;
    return hand_on(run, node, dx);
}

bool rl_node_run(Node *node, Tensor **g, Tensor **dx) {
    Run *outer = running;
    running = NULL;
    memset(dx, 0, (size_t)node->nslots * sizeof *dx);
    bool leaf = node->flags & NODE_ACCUMULATE, any = node->flags & NODE_FUNCTION, ok;
    for (int i = 0; i < node->nouts; i++) any |= g[i] != NULL;
    if (leaf) ok = !node->leaf || !g[0] || accumulate(node->leaf, g[0], false);
    else ok = !any || run_rule(node, g, dx);
    for (int i = 0; ok && !leaf && i < node->nslots; i++)
        if (dx[i]) ok = (dx[i] = fit_gradient(node, i, dx[i])) != NULL;
    running = outer;
    return ok;
}

bool rl_run_one(Run *run, Node *node) {
    int32_t at = map_get(&run->place, node, -1);
    if (at < 0) return rl_fail(RL_RUNTIME_ERROR, "no gradient has arrived for %s", rl_node_name(node));
    pop_heap(run);
    map_remove(&run->place, node);
    Thread before = rl_thread;
    rl_thread.grad_mode = run->flags & RUN_CREATE_GRAPH || (rl_carries_tangents() && !(node->flags & NODE_ACCUMULATE));   /* rules that take short cuts lose tangents */
    rl_thread.in_backward = true;
    rl_thread.running = node;
    run->outer = running;
    run->added = NULL;
    running = run;
    Scope s = rl_scope_open();
    Tensor *few[4], **g = node->nouts <= RL_COUNT(few) ? few : rl_scope_bytes(node->nouts * (int64_t)sizeof *g);
    if (g) memcpy(g, run->task[at].grad, (size_t)node->nouts * sizeof *g);      /* hooks replace entries; the run still owns the old ones */
    bool ok = g && run_node(run, node, g);
    if (!(run->flags & RUN_KEEP_GRAPH) && !(node->flags & NODE_ACCUMULATE)) rl_node_free_saved(node);
    rl_scope_close(s);
    running = run->outer;
    rl_thread.grad_mode = before.grad_mode;
    rl_thread.in_backward = before.in_backward;
    rl_thread.running = before.running;
    if (ok) {
        drop_task(run, &run->task[at]);
        return true;
    }
    Error keep;
    rl_error_put_aside(&keep);
    drop_task(run, &run->task[at]);
    rl_error_put_back(&keep);
    return false;
}

/* ---- finish ------------------------------------------------------------------------------------------------------------ */

static void free_run(Run *run) {
    while (run->nheap) {
        int32_t at = pop_heap(run);
        drop_task(run, &run->task[at]);
    }
    for (int i = 0; i < run->ncaptures; i++) {
        rl_drop(run->capture[i].node);
        rl_drop(run->capture[i].result);
        rl_drop(run->capture[i].input);
    }
    for (int i = 0; i < run->nroots; i++) rl_drop(run->root[i]);
    map_free(&run->place);
    map_free(&run->wanted);
    rl_free(run->root);
    rl_free(run->root_nr);
    rl_free(run->capture);
    rl_free(run->task);
    rl_free(run->heap);
    rl_free(run->unused);
    rl_free(run);
}

static bool give_results(Run *run, Tensor **results) {
    for (int i = 0; i < run->ncaptures; i++) {
        Capture *c = &run->capture[i];
        if (run->flags & RUN_ACCUMULATE) continue;
        if (!c->result && !(run->flags & RUN_ALLOW_UNUSED))
            return rl_fail(RL_RUNTIME_ERROR, "The differentiated Tensor at index %d appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.", i);
        results[i] = c->result ? rl_scope_own(rl_keep(c->result)) : NULL;
    }
    return true;
}

bool rl_run_finish(Run *run, Tensor **results) {
    bool mode = rl_thread.grad_mode;
    rl_thread.grad_mode = run->flags & RUN_CREATE_GRAPH;
    bool ok = !rl_thread.failed && give_results(run, results);
    rl_thread.grad_mode = mode;
    Error keep;
    rl_error_put_aside(&keep);
    free_run(run);
    rl_error_put_back(&keep);
    return ok;
}

bool rl_backward(int n, Tensor **roots, Tensor **grads, int ninputs, Tensor **inputs, int flags, Tensor **results) {
    Run *run = rl_run_prepare(n, roots, grads, ninputs, inputs, flags);
    if (!run) return false;
    for (Node *node; (node = rl_run_pop(run));)
        if (!rl_run_one(run, node)) break;
    return rl_run_finish(run, results);
}
