/* record.c -- how calls are remembered: nodes, what they save, and the histories of tensors.
 *
 * A node is a remembered call.  Each tensor argument has a slot: where its gradient goes, its shape, and, if the row
 * asks for it, the tensor itself.  A node never owns its own output: a saved output is an alias without history, given
 * one only while it is read.  In-place writes give a tensor a new history; a write to a view gives its base one, and
 * every view finds its own anew when the storage's version has moved on. */
#include "rushlight.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t last_id, last_seq;

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void *room_for(void *inlined, int n, int most, int64_t bytes) {
    return n <= most ? inlined : rl_alloc(n * bytes);
}

static inline void clear_slot(Slot *s) {
    s->next = NULL;
    s->saved = NULL;
    s->packed = NULL;
    s->meta.ndim = 0;
    s->meta.dtype = RL_NO_DTYPE;
    s->meta.shape = s->meta.dims;
}

static bool give_up(Node *node) {
    Error keep;
    rl_error_put_aside(&keep);
    rl_drop(node);
    rl_error_put_back(&keep);
    return false;
}

/* A node with room for so much, of which it owns nothing yet: the counts are 0 and grow as the caller fills it in. */
static inline Node *empty_node_for(Op *op, int nargs, int nslots, int nouts) {
    Node *node = rl_host.make(KIND_NODE);
    if (RL_UNLIKELY(!node)) return NULL;
    node->op = op;
    node->id = ++last_id;
    node->arg = node->arg_inline;
    node->slot = node->slot_inline;
    node->out = node->out_inline;
    if (RL_UNLIKELY(rl_thread.running != NULL) && rl_thread.in_backward) node->parent_id = rl_thread.running->id;
    if (RL_LIKELY(nargs <= RL_NODE_ARGS && nslots <= RL_NODE_SLOTS && nouts <= RL_NODE_OUTS)) return node;
    node->flags = NODE_BLOCKS;
    node->arg = room_for(node->arg_inline, nargs, RL_NODE_ARGS, sizeof *node->arg);
    node->slot = room_for(node->slot_inline, nslots, RL_NODE_SLOTS, sizeof *node->slot);
    node->out = room_for(node->out_inline, nouts, RL_NODE_OUTS, sizeof *node->out);
    if (node->arg && node->slot && node->out) return node;
    give_up(node);
    return NULL;
}

Node *rl_node_new(Op *op, int nargs, int nslots, int nouts) {
    Node *node = empty_node_for(op, nargs, nslots, nouts);
    if (!node) return NULL;
    for (int k = 0; k < nargs; k++) node->arg[k] = a_none();
    for (int i = 0; i < nslots; i++) clear_slot(&node->slot[i]);
    for (int i = 0; i < nouts; i++) clear_slot(&node->out[i]);
    node->nargs = nargs, node->nslots = nslots, node->nouts = nouts;
    node->seq = ++last_seq;
    return node;
}

static void free_meta(Meta *m) {
    if (m->shape != m->dims) rl_free(m->shape);
    m->shape = m->dims;
    m->ndim = 0;
}

static void drop_saved(Slot *s) {
    Tensor *saved = s->saved;
    void *packed = s->packed;
    s->saved = NULL;
    s->packed = NULL;
    rl_drop(saved);
    if (packed) rl_host.foreign_drop(packed);
}

static inline void drop_saved_outputs(Node *node) {
    for (Slot *s = node->out, *end = s + node->nouts; s < end; s++)
        if (s->saved || s->packed) {
            node->flags |= NODE_FREED;
            drop_saved(s);
        }
}

/* A node that has nothing to give up runs a second time as well as the first. */
void rl_node_free_saved(Node *node) {
    for (int i = 0; i < node->nslots; i++)
        if (node->slot[i].saved || node->slot[i].packed) {
            node->flags |= NODE_FREED;
            drop_saved(&node->slot[i]);
        }
    drop_saved_outputs(node);
}

static void drop_arg(Arg *a) {
    Arg old = *a;
    *a = a_none();
    if (old.tag == A_GENERATOR) rl_generator_drop(old.generator);
    else if (old.tag == A_OBJECT && old.object) rl_host.foreign_drop(old.object);
    else if (old.owned) rl_free(old.object);
}

static inline void drop_foreign(void **held) {
    void *old = *held;
    if (!old) return;
    *held = NULL;
    rl_host.foreign_drop(old);
}

/* What few nodes have. */
static __attribute__((noinline)) void drop_extras(Node *node) {
    drop_foreign(&node->hooks_pre);
    drop_foreign(&node->hooks_post);
    drop_foreign(&node->tensor_hooks);
    drop_foreign(&node->ctx);
    drop_foreign(&node->metadata);
}

static inline bool has_extras(const Node *node) {
    return (uintptr_t)node->hooks_pre | (uintptr_t)node->hooks_post | (uintptr_t)node->tensor_hooks | (uintptr_t)node->ctx | (uintptr_t)node->metadata;
}

static inline void give_up_edges(Node *node) {
    node->flags |= NODE_FREED;
    for (Slot *s = node->slot, *end = s + node->nslots; s < end; s++) {
        Node *next = s->next;
        if (s->saved || s->packed) drop_saved(s);
        if (!next) continue;
        s->next = NULL;
        rl_host.drop(next);
    }
    drop_saved_outputs(node);
    Tensor *leaf = node->leaf;
    node->leaf = NULL;
    if (leaf) {
        leaf->acc = NULL;
        rl_host.drop(leaf);
    }
    if (RL_UNLIKELY(has_extras(node))) drop_extras(node);
}

void rl_node_clear(Node *node) { give_up_edges(node); }

static __attribute__((noinline)) void free_blocks(Node *node) {
    for (int k = 0; k < node->nargs; k++) drop_arg(&node->arg[k]);
    for (int i = 0; i < node->nslots; i++) free_meta(&node->slot[i].meta);
    for (int i = 0; i < node->nouts; i++) free_meta(&node->out[i].meta);
    if (node->arg != node->arg_inline) rl_free(node->arg);
    if (node->slot != node->slot_inline) rl_free(node->slot);
    if (node->out != node->out_inline) rl_free(node->out);
}

static inline void empty_node(Node *node) {
    give_up_edges(node);
    if (RL_UNLIKELY(node->flags & (NODE_BLOCKS | NODE_FUNCTION))) free_blocks(node);
    drop_foreign(&node->site_code);
    drop_foreign(&node->module_entry);
    if (RL_UNLIKELY(node->retain != NULL)) {
        rl_free(node->retain);
        node->retain = NULL;
    }
}

/* A graph may be a chain of a million nodes, each the last owner of the next.  Dead nodes queue up here; whoever came
 * first empties the queue, so freeing never recurses. */
void rl_node_release(Node *node) {
    static RL_TLS Node *dead;
    static RL_TLS bool digging;
    node->link = dead;
    dead = node;
    if (digging) return;
    digging = true;
    Error keep;
    bool failed = rl_thread.failed;
    if (RL_UNLIKELY(failed)) rl_error_put_aside(&keep);
    while (dead) {
        Node *next = dead;
        dead = next->link;
        empty_node(next);
        rl_host.free_node(next);
    }
    if (RL_UNLIKELY(failed)) rl_error_put_back(&keep);
    digging = false;
}

/* MulBackward0: the row's own word, or the operation's name with every part capitalised. */
const char *rl_node_name(const Node *node) {
    static RL_TLS char text[96];
    if (node->op->node) return node->op->node;
    char *p = text;
    const char *name = node->op->parsed->name, *dot = strrchr(name, '.');
    if (dot && strncmp(name, "linalg.", 7) && strncmp(name, "fft.", 4)) name = dot + 1;
    bool up = true;
    for (; *name && p < text + sizeof text - 12; name++) {
        if (*name == '_' || *name == '.') up = true;
        else *p++ = up ? (char)toupper((unsigned char)*name) : *name, up = false;
    }
    memcpy(p, "Backward0", 10);
    return text;
}

static inline void move_history(Tensor *t, Node *node, int out_nr);

/* ---- slots ------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) bool long_meta(Node *node, Meta *m, const Tensor *t) {
    node->flags |= NODE_BLOCKS;
    int64_t *block = rl_alloc(t->ndim * (int64_t)sizeof *block);
    if (!block) return false;
    m->dtype = t->dtype;
    m->ndim = t->ndim;
    m->shape = block;
    for (int i = 0; i < t->ndim; i++) block[i] = t->shape[i];
    return true;
}

static inline bool set_meta(Node *node, Meta *m, const Tensor *t) {
    if (RL_UNLIKELY(t->shape != t->dims)) return long_meta(node, m, t);
    m->dtype = t->dtype;
    m->ndim = t->ndim;
    m->shape = m->dims;
    memcpy(m->dims, t->dims, sizeof m->dims);       /* of a known size: the rest is copied along */
    return true;
}

static inline bool link_slot(Node *node, Slot *s, Tensor *input) {
    if (!set_meta(node, &s->meta, input)) return false;
    if (!rl_requires_grad(input)) return true;
    s->next = rl_edge_of(input, &s->out_nr);
    return s->next != NULL;
}

bool rl_node_link(Node *node, int slot, Tensor *input) { return link_slot(node, &node->slot[slot], input); }

static bool refuse_inference(void) {
    return rl_fail(RL_RUNTIME_ERROR, "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd. "
                   "To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`.");
}

static inline bool save_in(Slot *s, Tensor *t, bool is_output) {
    if (RL_UNLIKELY(t->flags & T_INFERENCE) && !rl_thread.inference) return refuse_inference();
    s->version = t->storage->version;
    if (RL_UNLIKELY(rl_thread.packing) && (s->packed = rl_host.pack(t, is_output, !is_output && !t->node))) return true;
    if (RL_UNLIKELY(rl_thread.failed)) return false;
    rl_host.keep(t);
    s->saved = t;
    return true;
}

bool rl_node_save(Node *node, int slot, Tensor *t) { return save_in(&node->slot[slot], t, false); }

static void complain_of_version(const Node *node, const Slot *s, bool is_output, const Tensor *t) {
    char maker[128] = "a leaf Variable", writers[768];
    const Node *from = is_output ? node : s->next ? s->next : t->node;
    if (from && !(from->flags & NODE_ACCUMULATE)) snprintf(maker, sizeof maker, "output %d of %s", is_output ? (int)(s - node->out) : s->out_nr, rl_node_name(from));
    rl_text_writers(t->storage, s->version, writers, sizeof writers);
    rl_fail(RL_RUNTIME_ERROR,
            "one of the variables needed for gradient computation has been modified by an inplace operation: [torch.%sTensor %s], which is %s, is at version %u; "
            "expected version %u instead. It was saved by %s()%s.%s Hint: clone() it before the in-place write, or enable anomaly detection "
            "(torch.autograd.set_detect_anomaly(True)) to find the operation that failed to compute its gradient.",
            rl_dtypes[t->dtype].word, rl_text_shape(t), maker, rl_version(t), s->version, node->op->parsed->name,
            rl_text_site(node->site_code, node->site_offset), writers);
}

/* A saved output needs its history only while the gradient itself is recorded. */
static Tensor *with_history(Node *node, int k, Tensor *saved) {
    if (!rl_thread.grad_mode) return saved;
    Tensor *alias = rl_alias(saved);
    if (alias) rl_set_history(alias, node, k);
    if (alias && RL_UNLIKELY(saved->flags & T_DUAL)) rl_set_tangent(alias, rl_tangent(saved));
    return alias;
}

/* What an unpack hook returned, in the place of the tensor that was saved: where the gradient itself is recorded it has that one's
 * history.  A leaf's is its accumulator, which only a node can lead to. */
static Tensor *in_its_place(const Slot *s, Tensor *t) {
    if (!rl_thread.grad_mode || (!s->next && !rl_requires_grad(t))) return t;
    bool leaf = s->next && s->next->flags & NODE_ACCUMULATE;
    if (s->next && (leaf ? s->next->leaf == t : t->node == s->next && t->out_nr == s->out_nr)) return t;
    Tensor *alias = rl_alias(t);
    if (!alias) return NULL;
    if (t->flags & T_DUAL) rl_set_tangent(alias, rl_tangent(t));
    if (!s->next) return alias;
    if (!leaf) {
        rl_set_history(alias, s->next, s->out_nr);
        return alias;
    }
    Node *tie = rl_node_new(RL_OP("_tie"), 2, 2, 1);
    if (!tie) return NULL;
    tie->slot[0].next = rl_keep(s->next);
    tie->slot[0].out_nr = s->out_nr;
    tie->arg[0] = tie->arg[1] = a_t(NULL);
    move_history(alias, tie, 0);
    return alias;
}

Tensor *rl_slot_unpack(Node *node, int slot, bool is_output) {
    Slot *s = is_output ? &node->out[slot] : &node->slot[slot];
    if (node->flags & NODE_FREED)
        return rl_fail(RL_RUNTIME_ERROR,
                       "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed): %s has given them up. "
                       "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
                       "through the graph a second time or if you need to access saved tensors after calling backward.", rl_node_name(node));
    if (RL_UNLIKELY(s->packed)) {
        Tensor *t = rl_host.unpack(s->packed);
        return !t ? NULL : is_output ? with_history(node, slot, t) : in_its_place(s, t);
    }
    if (!s->saved) return NULL;
    if (RL_UNLIKELY(rl_version(s->saved) != s->version)) {
        complain_of_version(node, s, is_output, s->saved);
        return NULL;
    }
    return is_output ? with_history(node, slot, s->saved) : s->saved;
}

/* ---- histories --------------------------------------------------------------------------------------------------- */

static void note_link(Tensor *t) {
    if (t->flags & T_LINKED) return;
    t->flags |= T_LINKED;
    rl_host.linked(t);
}

/* Tensors that want their .grad kept, held weakly by the node that makes their gradient. */
typedef struct Retain { int64_t n, room; struct { Tensor *t; int32_t out_nr; } entry[]; } Retain;

static void forget_retained(Node *node, Tensor *t) {
    Retain *r = node->retain;
    for (int64_t i = 0; r && i < r->n; i++)
        if (r->entry[i].t == t) r->entry[i--] = r->entry[--r->n];
}

static bool remember_retained(Node *node, Tensor *t) {
    Retain *r = node->retain;
    if (!r || r->n == r->room) {
        int64_t room = r ? 2 * r->room : 2;
        Retain *more = rl_resize(r, r ? (int64_t)sizeof *r + r->room * 16 : 0, (int64_t)sizeof *r + room * 16);
        if (!more) return false;
        if (!r) more->n = 0;
        more->room = room;
        node->retain = r = more;
    }
    r->entry[r->n].t = t;
    r->entry[r->n++].out_nr = t->out_nr;
    return true;
}

void rl_forget_retained(Tensor *t) {
    if (t->node) forget_retained(t->node, t);
}

Tensor *rl_retained(Node *node, int i, int32_t *out_nr) {
    Retain *r = node->retain;
    if (!r || i >= r->n) return NULL;
    *out_nr = r->entry[i].out_nr;
    return r->entry[i].t;
}

bool rl_retain_grad(Tensor *t) {
    if (!rl_requires_grad(t)) return rl_fail(RL_RUNTIME_ERROR, "can't retain_grad on Tensor that has requires_grad=False");
    Node *node = rl_node_of(t);
    if (!node || t->flags & T_RETAINS_GRAD) return !rl_thread.failed;
    t->flags |= T_RETAINS_GRAD;
    return remember_retained(node, t);
}

/* The caller's reference to node moves into t. */
static inline void move_history(Tensor *t, Node *node, int out_nr) {
    Node *old = t->node;
    bool retains = t->flags & T_RETAINS_GRAD;
    if (RL_UNLIKELY(retains) && old) forget_retained(old, t);
    t->node = node;
    t->out_nr = out_nr;
    t->flags |= T_REQUIRES_GRAD;
    t->cut_reason = CUT_NONE;
    t->view_version = rl_version(t);
    note_link(t);
    if (RL_UNLIKELY(retains)) remember_retained(node, t);
    rl_drop(old);
}

void rl_set_history(Tensor *t, Node *node, int out_nr) { move_history(t, rl_keep(node), out_nr); }

Node *rl_accumulator(Tensor *leaf) {
    if (leaf->acc) return rl_keep(leaf->acc);
    Node *node = rl_node_new(RL_OP("_accumulate_grad"), 0, 0, 1);
    if (!node) return NULL;
    node->flags |= NODE_ACCUMULATE;
    rl_host.keep(leaf);
    node->leaf = leaf;
    leaf->acc = node;
    note_link(leaf);
    if (RL_LIKELY(set_meta(node, &node->out[0].meta, leaf))) return node;
    give_up(node);
    return NULL;
}

/* Views of complex numbers as real ones, and of pairs of real ones as complex: those whose history can be followed. */
static bool is_reinterpreted(const Tensor *view, const Tensor *base) {
    return base->dtype != view->dtype && rl_to_real(base->dtype) == rl_to_real(view->dtype);
}

/* A view's history is right as long as nobody wrote to the storage.  After that it is a piece of what the base is now. */
static Node *refresh_view(Tensor *t) {
    Tensor *base = t->base;
    bool other = base->dtype != t->dtype;
    if (t->view_version == rl_version(t) || t->flags & T_FUNCTION_VIEW || (other && !is_reinterpreted(t, base))) return t->node;
    rl_node_of(base);
    if (!rl_requires_grad(base)) {
        t->view_version = rl_version(t);
        return t->node;
    }
    Scope s = rl_scope_open();
    Arg args[4] = {a_t(base), a_ints(t->ndim, t->shape), a_ints(t->ndim, t->stride), a_i(t->offset)};
    bool mode = rl_thread.grad_mode;
    rl_thread.grad_mode = true;
    Tensor *piece = other ? rl_apply_n(RL_OP("_reinterpret"), 4, args) : rl_apply_n(RL_OP("as_strided"), 4, args);
    rl_thread.grad_mode = mode;
    if (piece && piece->node) rl_set_history(t, piece->node, 0);
    rl_scope_close(s);
    return t->node;
}

Node *rl_node_of(Tensor *t) {
    return RL_UNLIKELY(t->flags & T_VIEW) && t->base ? refresh_view(t) : t->node;
}

bool rl_require_grad_new(Tensor *t) {
    if (rl_dtype_is(t->dtype, CLASS_INEXACT)) return rl_require_grad(t, true);
    return rl_fail(RL_RUNTIME_ERROR, "Only Tensors of floating point and complex dtype can require gradients; this one is of dtype %s", rl_dtypes[t->dtype].name);
}

Node *rl_edge_of(Tensor *t, int32_t *out_nr) {
    Node *node = rl_node_of(t);
    *out_nr = node ? t->out_nr : 0;
    if (!node && rl_requires_grad(t) && !(node = t->acc)) return rl_accumulator(t);
    return rl_keep(node);
}

bool rl_require_grad(Tensor *t, bool on) {
    if (t->node && !on)
        return rl_fail(RL_RUNTIME_ERROR, "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require "
                       "differentiation use var_no_grad = var.detach().");
    if (on && !rl_dtype_is(t->dtype, CLASS_INEXACT))
        return rl_fail(RL_RUNTIME_ERROR, "only Tensors of floating point dtype can require gradients; this one is of dtype %s", rl_dtypes[t->dtype].name);
    if (on && t->flags & T_INFERENCE && !rl_thread.inference)
        return rl_fail(RL_RUNTIME_ERROR, "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
    if (on) t->flags |= T_REQUIRES_GRAD, t->cut_reason = CUT_NONE;
    else t->flags &= ~T_REQUIRES_GRAD;
    return true;
}

Tensor *rl_detach(Tensor *t) {
    Tensor *alias = rl_alias(t);
    if (alias && rl_requires_grad(t)) alias->cut_reason = CUT_DETACH;
    return alias;
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

static int slots_of(const Arg *a) { return a->tag == A_TENSORS ? a->n : 1; }

static bool copy_list(Arg *a, const void *from, int64_t bytes) {
    a->object = rl_alloc(bytes ? bytes : 1);
    a->owned = a->object != NULL;
    if (a->object && bytes) memcpy(a->object, from, (size_t)bytes);
    return a->owned;
}

/* Pointers in an argument lead into the caller's frame; a remembered call needs copies. */
static __attribute__((noinline)) bool remember_pointer(Arg *to, const Arg *from) {
    switch (from->tag) {
    case A_TENSORS: to->tensors = NULL; return true;
    case A_INTS: return copy_list(to, from->ints, from->n * 8) || (*to = a_none(), false);
    case A_FLOATS: return copy_list(to, from->floats, from->n * 8) || (*to = a_none(), false);
    case A_COMPLEX: return copy_list(to, from->complex, 16) || (*to = a_none(), false);
    case A_STR: return copy_list(to, from->str, (int64_t)strlen(from->str) + 1) || (*to = a_none(), false);
    case A_GENERATOR: rl_generator_keep(from->generator); return true;
    case A_OBJECT: if (from->object) rl_host.foreign_keep(from->object); return true;
    default: return true;
    }
}

enum { HAS_POINTER = 1 << A_TENSORS | 1 << A_INTS | 1 << A_FLOATS | 1 << A_COMPLEX | 1 << A_STR | 1 << A_GENERATOR | 1 << A_OBJECT };

static inline bool remember_arg(Node *node, int k, const Arg *from) {
    Arg *to = &node->arg[k];
    *to = *from;
    to->owned = false;
    if (from->tag == A_TENSOR) to->tensor = NULL;
    if (RL_LIKELY(!(HAS_POINTER >> from->tag & 1))) return true;
    node->flags |= NODE_BLOCKS;
    return remember_pointer(to, from);
}

static uint64_t saves_by_need(const Call *c, const Node *node) {
    const Op *op = c->op;
    uint64_t saves = 0;
    for (int k = 0, slot = 0; k < c->nargs; k++) {
        for (int n = slots_of(&c->arg[k]); n--; slot++)
            if (node->slot[slot].next) saves |= k < RL_COUNT(op->saves_for) ? op->saves_for[k] : op->saves;
    }
    return saves;
}

static bool save_arguments(Call *c, Node *node, uint64_t saves, Tensor *original) {
    for (int k = 0, slot = 0; saves && k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        for (int i = 0, n = slots_of(a); i < n; i++, slot++) {
            Tensor *t = a->tag == A_TENSORS ? a->tensors[i] : a->tag == A_TENSOR ? a->tensor : NULL;
            if (!t || k >= 40 || !(saves & SAVE(k))) continue;
            if (!save_in(&node->slot[slot], k == 0 && original ? original : t, false)) return false;
        }
    }
    return true;
}

static bool link_list(Node *node, const Arg *a) {
    for (int i = 0; i < a->n; i++) {
        Slot *s = &node->slot[node->nslots];
        clear_slot(s);
        node->nslots++;
        if (a->tensors[i] && !link_slot(node, s, a->tensors[i])) return false;
    }
    return true;
}

/* Making an accumulator may run the collector, which looks at the node: its counts say how much of it is there. */
static bool link_arguments(Call *c, Node *node) {
    Slot *s = node->slot;
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        if (RL_UNLIKELY(!remember_arg(node, k, a))) return false;
        node->nargs = (int16_t)(k + 1);
        if (RL_UNLIKELY(a->tag == A_TENSORS)) {
            if (!link_list(node, a)) return false;
            s = node->slot + node->nslots;
            continue;
        }
        clear_slot(s);
        node->nslots++;
        if (a->tag == A_TENSOR && RL_UNLIKELY(!link_slot(node, s, a->tensor))) return false;
        s++;
    }
    node->seq = ++last_seq;         /* above the accumulators that linking may just have made */
    return true;
}

static inline bool save_outputs(Call *c, Node *node, uint64_t saves) {
    for (int k = 0; k < c->nout; k++) {
        Tensor *y = c->out[k];
        Slot *s = &node->out[k];
        clear_slot(s);
        node->nouts = (int16_t)(k + 1);
        if (!y) continue;
        if (RL_UNLIKELY(!set_meta(node, &s->meta, y))) return false;
        if (k < 16 && saves & SAVE_OUT(k)) {
            Tensor *alias = rl_alias(y);
            if (!alias || !save_in(s, alias, true)) return false;
        }
    }
    return true;
}

/* The remembered call, without the history of its results.  original: what argument 0 was before the write. */
static inline Node *remember_call(Call *c, Tensor *original) {
    Node *node = empty_node_for(c->op, c->nargs, c->nslots, c->nout);
    if (RL_UNLIKELY(!node)) return NULL;
    if (RL_LIKELY(link_arguments(c, node))) {
        uint64_t saves = RL_LIKELY(!c->op->saves_by_need) ? c->op->saves : saves_by_need(c, node);
        if (RL_LIKELY((!(saves & SAVE_ARGS) || save_arguments(c, node, saves & SAVE_ARGS, original)) && save_outputs(c, node, saves))) return node;
    }
    give_up(node);
    return NULL;
}

static bool is_argument(const Call *c, const Tensor *y) {
    for (int k = 0; k < c->nargs; k++) {
        const Arg *a = &c->arg[k];
        if (a->tag == A_TENSOR && a->tensor == y) return true;
        for (int i = 0; a->tag == A_TENSORS && i < a->n; i++)
            if (a->tensors[i] == y) return true;
    }
    return false;
}

bool rl_record(Call *c) {
    bool any = false;
    for (int k = 0; k < c->nout; k++) {
        if (!c->out[k]) continue;
        if (rl_dtype_is(c->out[k]->dtype, CLASS_INEXACT)) any = true;
        else c->out[k]->cut_reason = CUT_INTEGER_RESULT;
    }
    if (!any) return true;
    Node *node = remember_call(c, NULL);
    if (RL_UNLIKELY(!node)) return false;
    if (RL_LIKELY(rl_thread.sites)) rl_host.site(node);
    bool moved = false;
    for (int k = 0; k < c->nout; k++) {
        Tensor *y = c->out[k];
        if (!y || !rl_dtype_is(y->dtype, CLASS_INEXACT) || c->op->constant_outs >> k & 1 || is_argument(c, y)) continue;
        if (moved) rl_host.keep(node);
        moved = true;
        move_history(y, node, k);
    }
    if (RL_UNLIKELY(!moved)) rl_host.drop(node);
    return RL_LIKELY(!rl_thread.failed);
}

/* The base of a written view: its gradient is its own where the view is not, and the write's where it is. */
bool rl_rebase(Tensor *view, Node *write) {
    Tensor *base = view->base;
    bool to_real = is_reinterpreted(view, base) && base->dtype == rl_to_complex(view->dtype), to_complex = is_reinterpreted(view, base) && !to_real;
    if (base->dtype != view->dtype && !to_real && !to_complex)
        return rl_fail(RL_NOT_IMPLEMENTED, "an in-place write to a view of another dtype (%s of %s) cannot be differentiated; write out of place, or to a clone()",
                       rl_dtypes[view->dtype].name, rl_dtypes[base->dtype].name);
    Op *op = RL_OP("_copy_slices");
    Arg args[7] = {a_t(base), a_t(view), a_ints(base->ndim, base->shape), a_ints(base->ndim, base->stride),
                   a_ints(view->ndim, view->shape), a_ints(view->ndim, view->stride), a_i(view->offset - (to_real ? 2 * base->offset : to_complex ? base->offset / 2 : base->offset))};
    Node *node = rl_node_new(op, 7, 7, 1);
    if (!node) return false;
    bool ok = rl_node_link(node, 0, base) && set_meta(node, &node->slot[1].meta, view) && set_meta(node, &node->out[0].meta, base);
    for (int k = 2; ok && k < 7; k++) ok = remember_arg(node, k, &args[k]);
    if (!ok) return give_up(node);
    node->slot[1].next = rl_keep(write);
    node->slot[1].out_nr = 0;
    node->seq = ++last_seq;
    rl_set_history(base, node, 0);
    rl_drop(node);
    view->flags |= T_REQUIRES_GRAD;
    view->view_version = rl_version(view) - 1;      /* so that it finds its history anew */
    return true;
}

bool rl_record_inplace(Call *c, Tensor *self, Tensor *original) {
    if (!rl_dtype_is(self->dtype, CLASS_INEXACT)) return true;
    if (original && self->node) rl_set_history(original, self->node, self->out_nr);
    Node *node = remember_call(c, original);
    if (!node) return false;
    node->flags |= NODE_INPLACE;
    if (RL_UNLIKELY(rl_thread.sites)) rl_host.site(node);
    bool ok = true;
    if (self->base) ok = rl_rebase(self, node);
    else rl_set_history(self, node, 0);
    rl_drop(node);
    return ok && !rl_thread.failed;
}

bool rl_check_inplace(Tensor *self) {
    if (rl_self_overlaps(self))
        return rl_fail(RL_RUNTIME_ERROR, "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                       "Please clone() the tensor before performing the operation. Its shape is %s with strides %s.", rl_text_shape(self), rl_text_sizes(self->ndim, self->stride));
    return rl_check_history_inplace(self);
}

/* Who made the view, as the message says it: "Output 0 of Split". */
static void text_maker(const Tensor *view, char *text, size_t room) {
    const char *name = rl_node_name(view->node), *end = strstr(name, "Backward");
    snprintf(text, room, "Output %d of %.*s is a view", view->out_nr, (int)(end && end > name ? end - name : (long)strlen(name)), name);
}

#define BOTH_OR_NEITHER(mode, not) "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the " \
    mode " block (if you don't want the inplace to be " not ") or both outside (if you want the inplace to be " not ")."

bool rl_check_view_inplace(Tensor *self) {
    if (!self->base || !(self->flags & T_UNWRITABLE)) return true;
    bool inference = self->flags & T_INFERENCE_VIEW, no_grad = self->flags & T_NO_GRAD_VIEW;
    const char *mode = inference ? "inference" : "no_grad", *now = inference ? "in normal mode" : "with grad mode enabled";
    char maker[160] = "A view was created in ";
    if (self->node) text_maker(self, maker, sizeof maker);
    if (!self->node) snprintf(maker, sizeof maker, "A view was created in %s mode and is being modified inplace %s.", mode, now);
    else if (inference || no_grad) snprintf(maker + strlen(maker), sizeof maker - strlen(maker), " of a view which was created in %s mode and is being modified inplace %s.", mode, now);
    else strncat(maker, " and is being modified inplace.", sizeof maker - strlen(maker) - 1);
    const char *why = inference ? BOTH_OR_NEITHER("inference_mode", "tracked") : no_grad ? BOTH_OR_NEITHER("no_grad", "tracked") :
        self->flags & T_FUNCTION_VIEW ? "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would override the custom backward "
        "associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function." :
        "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one.";
    return rl_fail(RL_RUNTIME_ERROR, "%s %s", maker, why);
}

bool rl_check_history_inplace(Tensor *self) {
    if (self->flags & T_INFERENCE && !rl_thread.inference && !rl_thread.resting)      /* at rest: a tangent of what is written under the mode */
        return rl_fail(RL_RUNTIME_ERROR, "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor before doing inplace update.");
    if (!rl_thread.grad_mode || (!rl_requires_grad(self) && !(self->base && rl_requires_grad(self->base)))) return true;
    if (!self->base && !self->node)
        return rl_fail(RL_RUNTIME_ERROR, "a leaf Variable that requires grad is being used in an in-place operation. "
                       "Wrap the write in torch.no_grad(), or write to the result of an operation on it; its shape is %s.", rl_text_shape(self));
    if (!rl_check_view_inplace(self)) return false;
    if (self->base && !self->base->node)
        return rl_fail(RL_RUNTIME_ERROR, "a view of a leaf Variable that requires grad is being used in an in-place operation.");
    return true;
}
