/* py_function.c -- custom Functions: a forward and a backward written in Python become one node.
 *
 * ctx is the node itself, an instance of a subclass made for each Function.  Tensors given to save_for_backward get slots
 * behind those of the inputs, so version checks, saved-tensor hooks and freeing are the engine's own; an output among them
 * is saved as an alias without history, or the node would own itself. */
#include "bind.h"

#include <string.h>

PyTypeObject *FunctionNodeType;

typedef struct PyFunction {
    PyNode node;
    PyObject *to_save, *non_differentiable, *dirty, *needs_input_grad, *saved_for_forward;
    int nouts;                  /* tensors among what forward returned */
    int ninputs;                /* slots that belong to tensor inputs */
    int nargs;                  /* arguments of forward */
    int8_t *is_input;           /* per argument: whether it is a tensor */
    int nsaved, *saved_slot;    /* per saved tensor: its slot, -1 for None; -2 - k for output k */
    bool materialize, applied;
    Op *op;
} PyFunction;

int node_traverse(PyObject *self, visitproc visit, void *arg);
int node_clear(PyObject *self);
void node_dealloc(PyObject *self);

static PyFunction *function_of(const Node *node) { return (PyFunction *)object_of((Node *)node); }

/* How many of a node's n slots stand for inputs. */
int function_inputs(const Node *node, int n) {
    return node->flags & NODE_FUNCTION ? function_of(node)->ninputs : n;
}

/* ---- the object ---- */

static int function_traverse(PyObject *self, visitproc visit, void *arg) {
    PyFunction *f = (PyFunction *)self;
    Py_VISIT(f->to_save);
    Py_VISIT(f->non_differentiable);
    Py_VISIT(f->dirty);
    Py_VISIT(f->needs_input_grad);
    Py_VISIT(f->saved_for_forward);
    return node_traverse(self, visit, arg);
}

static void clear_lists(PyFunction *f) {
    Py_CLEAR(f->to_save);
    Py_CLEAR(f->non_differentiable);
    Py_CLEAR(f->dirty);
    Py_CLEAR(f->saved_for_forward);
}

static int function_clear(PyObject *self) {
    clear_lists((PyFunction *)self);
    return node_clear(self);
}

static void function_dealloc(PyObject *self) {
    PyFunction *f = (PyFunction *)self;
    PyObject_GC_UnTrack(self);
    clear_lists(f);
    Py_CLEAR(f->needs_input_grad);
    PyMem_Free(f->is_input);
    PyMem_Free(f->saved_slot);
    f->is_input = NULL;
    f->saved_slot = NULL;
    node_dealloc(self);
}

static Op *own_op(PyTypeObject *type);

/* A bare ctx, for setup_context called by hand and for tests. */
static PyObject *function_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Op *op = own_op(type);
    if (!op) return NULL;
    host_node_type_next(type);
    Node *node = rl_node_new(op, 0, 0, 0);
    host_node_type_next(NULL);
    if (!node) return raise_pending();
    node->flags |= NODE_FUNCTION;
    PyFunction *f = function_of(node);
    f->materialize = true;
    f->op = op;
    return (PyObject *)f;
}

/* Each Function has a row of its own, so that messages name it. */
static Op *own_op(PyTypeObject *type) {
    static Sig *sig;
    PyObject *known = PyObject_GetAttrString((PyObject *)type, "_row"), *name = NULL;
    if (known && PyCapsule_CheckExact(known) && PyCapsule_GetContext(known) == type) {
        Op *op = PyCapsule_GetPointer(known, NULL);
        Py_DECREF(known);
        return op;
    }
    Py_XDECREF(known);
    PyErr_Clear();
    if (!sig) {
        sig = rl_alloc(sizeof *sig);
        if (!sig || !rl_sig_parse("_custom_function() -> Tensor", sig)) return raise_pending();
    }
    name = PyType_GetName(type);
    const char *text = name ? PyUnicode_AsUTF8(name) : NULL;
    Op *op = text ? PyMem_Calloc(1, sizeof *op + strlen(text) + 1) : NULL;
    if (op) {
        op->sig = "_custom_function() -> Tensor";
        op->parsed = sig;
        op->node = strcpy((char *)(op + 1), text);
        op->file = "function";
        PyObject *capsule = PyCapsule_New(op, NULL, NULL);      /* lives as long as the process: nodes may outlive the class */
        if (capsule) PyCapsule_SetContext(capsule, type);
        if (!capsule || PyObject_SetAttrString((PyObject *)type, "_row", capsule) < 0) op = NULL;
        Py_XDECREF(capsule);
    }
    Py_XDECREF(name);
    return op;
}

/* ---- before forward ---- */

typedef struct Inputs { int n; Tensor **tensor; Node **edge; int32_t *nr; bool any; } Inputs;

/* The edges are taken before forward runs: it may write to its inputs, and accumulators must be older than the node. */
static bool collect_inputs(PyObject *args, Inputs *in) {
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    *in = (Inputs){0};
    in->tensor = rl_scope_bytes((n + 1) * (int64_t)sizeof *in->tensor);
    in->edge = rl_scope_bytes((n + 1) * (int64_t)sizeof *in->edge);
    in->nr = rl_scope_bytes((n + 1) * (int64_t)sizeof *in->nr);
    if (!in->tensor || !in->edge || !in->nr) return false;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyTuple_GET_ITEM(args, i);
        if (!is_tensor(o)) continue;
        Tensor *t = tensor_of(o);
        rl_node_of(t);
        bool wants = rl_requires_grad(t);
        in->any |= wants;
        in->tensor[in->n] = t;
        in->edge[in->n] = wants && rl_thread.grad_mode ? rl_edge_of(t, &in->nr[in->n]) : NULL;
        in->n++;
    }
    in->any &= rl_thread.grad_mode;
    return !rl_thread.failed;
}

static bool note_arguments(PyFunction *f, PyObject *args) {
    f->nargs = (int)PyTuple_GET_SIZE(args);
    f->is_input = PyMem_Malloc((size_t)f->nargs + 1);
    f->needs_input_grad = PyTuple_New(f->nargs);
    if (!f->is_input || !f->needs_input_grad) return PyErr_NoMemory(), false;
    for (int i = 0; i < f->nargs; i++) {
        PyObject *o = PyTuple_GET_ITEM(args, i);
        f->is_input[i] = is_tensor(o);
        PyTuple_SET_ITEM(f->needs_input_grad, i, PyBool_FromLong(f->is_input[i] && rl_requires_grad(tensor_of(o))));
    }
    return true;
}

/* ---- after forward ---- */

static bool contains(PyObject *list, PyObject *o) {
    for (Py_ssize_t i = 0; list && i < PyTuple_GET_SIZE(list); i++)
        if (PyTuple_GET_ITEM(list, i) == o) return true;
    return false;
}

static void empty_slot(Slot *s) {
    s->next = NULL;
    s->saved = NULL;
    s->packed = NULL;
    s->out_nr = 0;
    s->meta.ndim = 0;
    s->meta.dtype = RL_NO_DTYPE;
    s->meta.shape = s->meta.dims;
}

static Slot *make_slots(Slot *inlined, int room, int n) {
    Slot *slot = n <= room ? inlined : rl_alloc(n * (int64_t)sizeof *slot);
    for (int i = 0; slot && i < n; i++) empty_slot(&slot[i]);
    return slot;
}

static bool note_shape(Meta *m, const Tensor *t) {
    m->dtype = t->dtype;
    if (t->ndim > RL_INLINE_DIMS) {
        int64_t *block = rl_alloc(t->ndim * (int64_t)sizeof *block);
        if (!block) return false;
        m->shape = block;
    } else m->shape = m->dims;
    m->ndim = t->ndim;
    for (int i = 0; i < t->ndim; i++) m->shape[i] = t->shape[i];
    return true;
}

static bool make_room(Node *node, int nslots, int nouts) {
    Slot *slot = make_slots(node->slot_inline, RL_NODE_SLOTS, nslots), *out = slot ? make_slots(node->out_inline, RL_NODE_OUTS, nouts) : NULL;
    if (!out) {
        if (slot && slot != node->slot_inline) rl_free(slot);
        return false;
    }
    node->slot = slot;
    node->out = out;
    node->nslots = (int16_t)nslots;
    node->nouts = (int16_t)nouts;
    return true;
}

static bool link_inputs(Node *node, Inputs *in) {
    for (int i = 0; i < in->n; i++) {
        node->slot[i].next = in->edge[i];
        node->slot[i].out_nr = in->nr[i];
        in->edge[i] = NULL;                     /* the reference moved */
        if (!note_shape(&node->slot[i].meta, in->tensor[i])) return false;
    }
    return true;
}

/* save_for_backward's tensors into the slots behind the inputs. */
static bool save_tensors(PyFunction *f, PyObject *outputs) {
    Node *node = &f->node.n;
    for (int i = 0; i < f->nsaved; i++) {
        PyObject *o = PyTuple_GET_ITEM(f->to_save, i);
        f->saved_slot[i] = -1;
        if (o == Py_None) continue;
        int slot = f->ninputs + i;
        Tensor *t = tensor_of(o);
        f->saved_slot[i] = slot;
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(outputs); k++) {
            if (PyTuple_GET_ITEM(outputs, k) != o || contains(f->non_differentiable, o)) continue;
            f->saved_slot[i] = -2 - (int)k;
            t = rl_alias(t);
            break;
        }
        if (!t || !rl_node_save(node, slot, t)) return false;
        Slot *s = &node->slot[slot];
        if (s->packed && f->saved_slot[i] >= 0 && rl_requires_grad(t) && !(s->next = rl_edge_of(t, &s->out_nr))) return false;
    }
    return true;
}

static bool check_saved(PyFunction *f) {
    if (!f->to_save) return true;
    if (!PyTuple_Check(f->to_save)) {
        PyErr_Format(PyExc_TypeError, "saved_for_backward expected a tuple of tensors but got %s", type_name(f->to_save));
        return false;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(f->to_save); i++) {
        PyObject *o = PyTuple_GET_ITEM(f->to_save, i);
        if (o == Py_None || is_tensor(o)) continue;
        PyErr_Format(PyExc_TypeError, "save_for_backward can only save variables, but argument %zd is of type %s", i, type_name(o));
        return false;
    }
    return true;
}

static Tensor *view_of_input(Tensor *t) {
    Tensor *view = rl_view(t, t->ndim, t->shape, t->stride, t->offset);
    if (view) view->flags = (uint16_t)((view->flags & ~T_UNWRITABLE) | T_FUNCTION_VIEW);
    return view;
}

/* What forward wrote to: the node is its history, or, of a view, what happened to its base. */
static PyObject *written(PyFunction *f, Tensor *t, int k) {
    Node *node = &f->node.n;
    if (t->base && f->nouts > 1)
        return PyErr_Format(PyExc_RuntimeError, "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more than one Tensor. This is not supported by the current "
                            "autograd engine. You should either make sure the input is not a view (using .clone() for example) or make your Function only return one Tensor (potentially splitting it into two Functions): %s",
                            rl_node_name(node));
    if (!rl_check_history_inplace(t) || !rl_check_view_inplace(t)) return raise_pending();
    if (!t->base) rl_set_history(t, node, k);
    else if (!rl_rebase(t, node)) return raise_pending();
    return Py_NewRef(object_of(t));
}

/* One output: a written input takes the node as its history, an input passed through is a view of it, a fresh tensor is itself. */
static PyObject *wrap_output(PyFunction *f, PyObject *o, int k, PyObject *args, bool recording) {
    if (!is_tensor(o)) return Py_NewRef(o);
    Tensor *t = tensor_of(o);
    Node *node = &f->node.n;
    bool is_input = contains(args, o), dirty = is_input && contains(f->dirty, o);
    bool differentiable = recording && rl_dtype_is(t->dtype, CLASS_INEXACT) && !contains(f->non_differentiable, o);
    if (dirty) return differentiable ? written(f, t, k) : Py_NewRef(o);
    if (!is_input) {
        if (t->base) t->flags = (uint16_t)((t->flags & ~T_UNWRITABLE) | (f->nouts > 1 ? T_MULTI_VIEW : T_FUNCTION_VIEW));
        if (differentiable) rl_set_history(t, node, k);
        else if (recording && t->base && !t->node) t->flags &= (uint16_t)~T_REQUIRES_GRAD;
        return Py_NewRef(o);
    }
    Scope s = rl_scope_open();
    Tensor *passed = differentiable || !recording ? view_of_input(t) : rl_alias(t);
    if (passed && differentiable) rl_set_history(passed, node, k);
    else if (passed && recording) passed->cut_reason = CUT_NOT_DIFFERENTIABLE;
    else if (passed && rl_requires_grad(t)) passed->flags |= T_REQUIRES_GRAD;
    return finish(s, passed);
}

static PyObject *wrap_outputs(PyFunction *f, PyObject *outputs, PyObject *args, bool recording) {
    Py_ssize_t n = PyTuple_GET_SIZE(outputs);
    PyObject *wrapped = PyTuple_New(n);
    for (Py_ssize_t i = 0; wrapped && i < n; i++) {
        PyObject *o = wrap_output(f, PyTuple_GET_ITEM(outputs, i), (int)i, args, recording);
        if (!o) Py_CLEAR(wrapped);
        else PyTuple_SET_ITEM(wrapped, i, o);
    }
    return wrapped;
}

static PyObject *complete(PyFunction *f, PyObject *outputs, PyObject *args, Inputs *in) {
    Node *node = &f->node.n;
    f->applied = true;
    if (!check_saved(f)) return NULL;
    if (in->any) {
        f->ninputs = in->n;
        f->nsaved = f->to_save ? (int)PyTuple_GET_SIZE(f->to_save) : 0;
        f->saved_slot = PyMem_Calloc((size_t)f->nsaved + 1, sizeof *f->saved_slot);
        if (!f->saved_slot) return PyErr_NoMemory();
        if (!make_room(node, in->n + f->nsaved, (int)PyTuple_GET_SIZE(outputs)) || !link_inputs(node, in)) return raise_pending();
        if (rl_thread.sites) rl_host.site(node);
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(outputs); k++) {
            PyObject *o = PyTuple_GET_ITEM(outputs, k);
            if (is_tensor(o) && !note_shape(&node->out[k].meta, tensor_of(o))) return raise_pending();
        }
    }
    f->nouts = 0;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(outputs); k++) f->nouts += is_tensor(PyTuple_GET_ITEM(outputs, k));
    PyObject *wrapped = wrap_outputs(f, outputs, args, in->any);
    if (wrapped && in->any && !save_tensors(f, outputs)) {
        Py_DECREF(wrapped);
        wrapped = raise_pending();
    }
    PyObject *for_jvp = rl_forward_active ? Py_XNewRef(f->saved_for_forward) : NULL;
    clear_lists(f);
    f->saved_for_forward = for_jvp;
    return wrapped;
}

static PyObject *call_forward(PyObject *type, PyObject *ctx, PyObject *args, bool setup) {
    PyObject *forward = PyObject_GetAttrString(type, "forward"), *output = NULL;
    if (!forward) return NULL;
    if (setup) output = PyObject_Call(forward, args, NULL);
    else {
        Py_ssize_t n = PyTuple_GET_SIZE(args);
        PyObject *all = PyTuple_New(n + 1);
        if (all) PyTuple_SET_ITEM(all, 0, Py_NewRef(ctx));
        for (Py_ssize_t i = 0; all && i < n; i++) PyTuple_SET_ITEM(all, i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
        output = all ? PyObject_Call(forward, all, NULL) : NULL;
        Py_XDECREF(all);
    }
    Py_DECREF(forward);
    if (!output || !setup) return output;
    PyObject *done = PyObject_CallMethod(type, "setup_context", "OOO", ctx, args, output);
    if (!done) Py_CLEAR(output);
    Py_XDECREF(done);
    return output;
}

static PyObject *run_forward(PyObject *type, PyFunction *f, PyObject *args, Inputs *in, bool setup) {
    bool mode = rl_thread.grad_mode;
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    rl_thread.grad_mode = false;
    PyObject *output = call_forward(type, (PyObject *)f, args, setup);
    rl_thread.grad_mode = mode;
    rl_scope_put_back(&aside);
    if (!output) return NULL;
    PyObject *tuple = PyTuple_Check(output) ? Py_NewRef(output) : PyTuple_Pack(1, output);
    bool single = tuple != output;
    Py_DECREF(output);
    if (!tuple) return NULL;
    PyObject *wrapped = complete(f, tuple, args, in);
    Py_DECREF(tuple);
    if (!wrapped || !single) return wrapped;
    PyObject *one = Py_NewRef(PyTuple_GET_ITEM(wrapped, 0));
    Py_DECREF(wrapped);
    return one;
}

/* _function_apply(function class, node class, setup, args, with_ctx=False): the result, or (result, ctx) */
static PyObject *apply(PyObject *unused, PyObject *const *all, Py_ssize_t n) {
    if (n < 4 || n > 5 || !PyType_Check(all[1]) || !PyTuple_Check(all[3])) return PyErr_Format(PyExc_TypeError, "_function_apply(function class, node class, setup, args, with_ctx=False)");
    PyObject *args = all[3];
    Inputs in;
    Scope s = rl_scope_open();
    bool ok = collect_inputs(args, &in);
    PyFunction *f = ok ? (PyFunction *)function_new((PyTypeObject *)all[1], NULL, NULL) : raise_pending();
    PyObject *result = f && note_arguments(f, args) ? run_forward(all[0], f, args, &in, all[2] == Py_True) : NULL;
    for (int i = 0; i < in.n; i++) rl_drop(in.edge[i]);
    rl_scope_close(s);
    if (result && n == 5 && all[4] == Py_True) return Py_BuildValue("NN", result, f);
    Py_XDECREF(f);
    return result;
}

/* ---- backward ---- */

static PyObject *gradients(PyFunction *f, Tensor **grads) {
    Node *node = &f->node.n;
    PyObject *tuple = PyTuple_New(node->nouts);
    for (int i = 0; tuple && i < node->nouts; i++) {
        const Meta *m = &node->out[i].meta;
        Tensor *g = grads[i];
        if (!g && f->materialize && m->dtype != RL_NO_DTYPE && !(g = rl_zeros(m->ndim, m->shape, m->dtype))) {
            Py_DECREF(tuple);
            return raise_pending();
        }
        PyTuple_SET_ITEM(tuple, i, none_or(g));
    }
    return tuple;
}

static bool take_gradients(PyFunction *f, PyObject *result, Tensor **dx) {
    Node *node = &f->node.n;
    Py_ssize_t n = PyTuple_GET_SIZE(result);
    while (n > f->nargs && PyTuple_GET_ITEM(result, n - 1) == Py_None) n--;
    if (n != f->nargs)
        return rl_fail(RL_RUNTIME_ERROR, "function %s returned an incorrect number of gradients (expected %d, got %zd)", rl_node_name(node), f->nargs, PyTuple_GET_SIZE(result));
    for (int i = 0, slot = 0; i < f->nargs; i++) {
        PyObject *o = PyTuple_GET_ITEM(result, i);
        if (!f->is_input[i]) {
            if (o == Py_None) continue;
            return rl_fail(RL_RUNTIME_ERROR, "function %s returned a gradient different from None at position %d, but the corresponding forward input was not a Variable", rl_node_name(node), i + 1);
        }
        if (o != Py_None && !is_tensor(o)) return rl_fail(RL_TYPE_ERROR, "expected Variable or None (got %s) as gradient %d of %s", type_name(o), i + 1, rl_node_name(node));
        if (o != Py_None && !(dx[slot] = rl_scope_own(rl_keep(tensor_of(o))))) return false;
        slot++;
    }
    return true;
}

bool host_call_function(Node *node, Tensor **grads, Tensor **dx) {
    PyFunction *f = function_of(node);
    PyObject *given = gradients(f, grads);
    if (!given) return fail_from_python();
    Py_INCREF(f);
    PyObject *method = PyObject_GetAttrString((PyObject *)f, "apply");
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    PyObject *result = method ? PyObject_Call(method, given, NULL) : NULL;
    rl_scope_put_back(&aside);
    Py_XDECREF(method);
    Py_DECREF(given);
    PyObject *tuple = !result ? NULL : PyTuple_Check(result) ? Py_NewRef(result) : PyTuple_Pack(1, result);
    bool ok = tuple && take_gradients(f, tuple, dx);
    if (!tuple) fail_from_python();
    Py_XDECREF(result);
    Py_XDECREF(tuple);
    Py_DECREF(f);
    return ok && !rl_thread.failed;
}

/* ---- ctx's attributes ---- */

static PyObject *saved_one(PyFunction *f, int i) {
    Node *node = &f->node.n;
    if (f->saved_slot[i] == -1) Py_RETURN_NONE;
    Scope s = rl_scope_open();
    Tensor *t = rl_slot_unpack(node, f->ninputs + i, false);
    if (t && f->saved_slot[i] < -1 && rl_thread.grad_mode && (t = rl_alias(t))) rl_set_history(t, node, -2 - f->saved_slot[i]);
    return finish(s, t);
}

static PyObject *get_saved(PyObject *self, void *unused) {
    PyFunction *f = (PyFunction *)self;
    if (!f->applied && f->to_save) return Py_NewRef(f->to_save);
    PyObject *tuple = PyTuple_New(f->nsaved);
    for (int i = 0; tuple && i < f->nsaved; i++) {
        PyObject *o = saved_one(f, i);
        if (!o) Py_CLEAR(tuple);
        else PyTuple_SET_ITEM(tuple, i, o);
    }
    return tuple;
}

static PyObject *get_object(PyObject *self, void *offset) {
    PyObject *o = *(PyObject **)((char *)self + (intptr_t)offset);
    return Py_NewRef(o ? o : Py_None);
}
static int set_object(PyObject *self, PyObject *value, void *offset) {
    PyObject **field = (PyObject **)((char *)self + (intptr_t)offset), *old = *field;
    bool must = (intptr_t)offset != offsetof(PyFunction, to_save) && value && value != Py_None && !PyTuple_Check(value);
    if (must) {
        PyErr_Format(PyExc_TypeError, "expected a tuple of tensors, not %s", type_name(value));
        return -1;
    }
    *field = !value || value == Py_None ? NULL : Py_NewRef(value);
    Py_XDECREF(old);
    return 0;
}
static PyObject *get_materialize(PyObject *self, void *unused) { return PyBool_FromLong(((PyFunction *)self)->materialize); }
static int set_materialize(PyObject *self, PyObject *value, void *unused) {
    if (!value || !PyBool_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "materialize_grads must be a bool");
        return -1;
    }
    ((PyFunction *)self)->materialize = value == Py_True;
    return 0;
}

#define FIELD(name) (void *)offsetof(PyFunction, name)
static PyGetSetDef function_getset[] = {
    {"saved_tensors", get_saved, NULL, "What save_for_backward was given.", NULL}, {"saved_variables", get_saved, NULL, NULL, NULL},
    {"to_save", get_object, set_object, NULL, FIELD(to_save)}, {"non_differentiable", get_object, set_object, NULL, FIELD(non_differentiable)},
    {"dirty_tensors", get_object, set_object, NULL, FIELD(dirty)}, {"needs_input_grad", get_object, set_object, "Per argument of forward: whether its gradient is wanted.", FIELD(needs_input_grad)},
    {"saved_for_forward", get_object, set_object, NULL, FIELD(saved_for_forward)}, {"materialize_grads", get_materialize, set_materialize, NULL, NULL}, {NULL},
};
static PyType_Slot function_slots[] = {
    {Py_tp_new, function_new}, {Py_tp_dealloc, function_dealloc}, {Py_tp_traverse, function_traverse}, {Py_tp_clear, function_clear},
    {Py_tp_getset, function_getset}, {Py_tp_doc, "The node of a custom Function, which is its ctx."}, {0, NULL},
};
static PyType_Spec function_spec = {"rushlight._C._FunctionBase", sizeof(PyFunction), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, function_slots};

static PyMethodDef functions[] = {{"_function_apply", AS_METHOD(apply), METH_FASTCALL, "_function_apply(function class, node class, setup, args)"}, {NULL}};

bool function_start(PyObject *module) {
    FunctionNodeType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &function_spec, (PyObject *)NodeType);
    return FunctionNodeType && PyModule_AddType(module, FunctionNodeType) == 0 && PyModule_AddFunctions(module, functions) == 0;
}
