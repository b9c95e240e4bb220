/* py_autograd.c -- gradients as Python sees them: .grad, .grad_fn, backward, the modes, and the node objects of the graph.
 *
 * A node is one C struct in one Python object.  When Python first looks at it, it takes on a type named after its operation,
 * so that type(y.grad_fn).__name__ is "MulBackward0"; nobody pays for that who does not look. */
#include "bind.h"

#include <string.h>

PyTypeObject *NodeType;
static PyTypeObject *AccumulateType;

int node_traverse(PyObject *self, visitproc visit, void *arg);
int node_clear(PyObject *self);
void node_dealloc(PyObject *self);

/* ---- a type per operation ---- */

static PyTypeObject *named_node_type(const char *name) {
    char full[128];
    snprintf(full, sizeof full, "rushlight.autograd.%s", name);
    char *kept = PyMem_Malloc(strlen(full) + 1);
    if (!kept) return NULL;
    strcpy(kept, full);
    PyType_Slot slots[] = {{Py_tp_dealloc, node_dealloc}, {Py_tp_traverse, node_traverse}, {Py_tp_clear, node_clear}, {0, NULL}};
    PyType_Spec spec = {kept, sizeof(PyNode), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    return (PyTypeObject *)PyType_FromSpecWithBases(&spec, (PyObject *)NodeType);
}

/* New reference to the node as an object of its named type. */
PyObject *node_object(Node *node) {
    if (!node) Py_RETURN_NONE;
    PyObject *o = object_of(node);
    if (Py_TYPE(o) == NodeType) {
        if (!node->op->binding) node->op->binding = named_node_type(rl_node_name(node));
        PyTypeObject *type = node->op->binding;
        if (!type) return NULL;
        Py_INCREF(type);
        Py_SET_TYPE(o, type);
        Py_DECREF(NodeType);
    }
    return Py_NewRef(o);
}

/* ---- the Node type ---- */

static PyObject *node_repr(PyObject *self) {
    const char *name = Py_TYPE(self)->tp_name, *dot = strrchr(name, '.');
    return PyUnicode_FromFormat("<%s object at %p>", dot ? dot + 1 : name, self);
}

static PyObject *node_name(PyObject *self, PyObject *unused) {
    Node *n = node_of(self);
    if (n->flags & NODE_FUNCTION) return PyType_GetName(Py_TYPE(self));
    return PyUnicode_FromFormat("%s%s", n->flags & NODE_ACCUMULATE ? "torch::autograd::" : "", rl_node_name(n));
}

/* The first slot from `slot` on that stands for an input as torch counts them, nslots if there is none: each argument of
 * a custom Function, and of rows the tensors that can have gradients; not indices and numbers. */
int node_input(const Node *n, int slot) {
    int end = function_inputs(n, n->nslots);
    while (slot < end && !(n->flags & NODE_FUNCTION) && (n->slot[slot].meta.dtype == RL_NO_DTYPE || !rl_dtype_is(n->slot[slot].meta.dtype, CLASS_INEXACT))) slot++;
    return slot < end ? slot : n->nslots;
}

int node_inputs(const Node *n) {
    int count = 0;
    for (int i = node_input(n, 0); i < n->nslots; i = node_input(n, i + 1)) count++;
    return count;
}

static PyObject *node_next(PyObject *self, void *unused) {
    Node *n = node_of(self);
    PyObject *tuple = PyTuple_New(node_inputs(n));
    for (int i = node_input(n, 0), k = 0; tuple && i < n->nslots; i = node_input(n, i + 1)) {
        PyObject *next = node_object(n->slot[i].next), *pair = next ? Py_BuildValue("Ni", next, n->slot[i].next ? n->slot[i].out_nr : 0) : NULL;
        if (!pair) Py_CLEAR(tuple);
        else PyTuple_SET_ITEM(tuple, k++, pair);
    }
    return tuple;
}

static PyObject *node_metadata(PyObject *self, void *unused) {
    Node *n = node_of(self);
    if (!n->metadata) n->metadata = PyDict_New();
    return Py_XNewRef((PyObject *)n->metadata);
}
static PyObject *node_sequence(PyObject *self, PyObject *unused) { return PyLong_FromUnsignedLongLong(node_of(self)->seq); }
static PyObject *node_get(PyObject *self, void *which) {
    Node *n = node_of(self);
    switch ((intptr_t)which) {
    case 0: return PyLong_FromUnsignedLongLong(n->id);
    case 1: return PyLong_FromUnsignedLongLong(n->parent_id);
    case 2: return Py_NewRef(n->site_code ? (PyObject *)n->site_code : Py_None);
    case 3: return PyLong_FromLong(n->site_offset);
    case 4: return Py_NewRef(n->module_entry ? (PyObject *)n->module_entry : Py_None);
    case 5: return PyUnicode_FromString(n->op->parsed->name);
    case 6: return n->op->formula ? PyUnicode_FromString(n->op->formula) : Py_NewRef(Py_None);
    default: return PyBool_FromLong(n->flags & NODE_FREED);
    }
}
static PyObject *node_variable(PyObject *self, void *unused) { return none_or(node_of(self)->leaf); }

static PyObject *meta_object(const Meta *m) {
    static PyObject *class;
    if (!class) {
        PyObject *types = PyImport_ImportModule("types");
        class = types ? PyObject_GetAttrString(types, "SimpleNamespace") : NULL;
        Py_XDECREF(types);
        if (!class) return NULL;
    }
    PyObject *args = PyTuple_New(0), *shape = size_new(m->ndim, m->shape);
    PyObject *kwargs = shape && args ? Py_BuildValue("{s:O,s:O,s:N}", "shape", shape, "dtype", dtype_object(m->dtype), "device", device_cpu()) : NULL;
    PyObject *o = kwargs ? PyObject_Call(class, args, kwargs) : NULL;
    Py_XDECREF(args);
    Py_XDECREF(shape);
    Py_XDECREF(kwargs);
    return o;
}

/* Shapes and dtypes of the node's outputs: what its backward receives. */
static PyObject *node_input_metadata(PyObject *self, void *unused) {
    Node *n = node_of(self);
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < n->nouts; i++) {
        PyObject *o = n->out[i].meta.dtype == RL_NO_DTYPE ? Py_NewRef(Py_None) : meta_object(&n->out[i].meta);
        if (!o || PyList_Append(list, o) < 0) Py_CLEAR(list);
        Py_XDECREF(o);
    }
    return list;
}

PyObject *hooks_add(PyObject *table, PyObject *hook);
PyObject *hooks_table(void **field);

static PyObject *node_register_hook(PyObject *self, PyObject *hook) {
    PyObject *table = hooks_table(&node_of(self)->hooks_post);
    return table ? hooks_add(table, hook) : NULL;
}
static PyObject *node_register_prehook(PyObject *self, PyObject *hook) {
    PyObject *table = hooks_table(&node_of(self)->hooks_pre);
    return table ? hooks_add(table, hook) : NULL;
}

/* node(*gradients): the gradients of its inputs, without a run around it. */
static PyObject *node_call(PyObject *self, PyObject *args, PyObject *kwargs) {
    Node *n = node_of(self);
    Py_ssize_t given = PyTuple_GET_SIZE(args);
    if (given != n->nouts || (kwargs && PyDict_GET_SIZE(kwargs))) return PyErr_Format(PyExc_TypeError, "expected %d arguments, got %zd instead", n->nouts, given);
    Scope s = rl_scope_open();
    int count = node_inputs(n), k = 0;
    Tensor **g = rl_scope_bytes((n->nouts + 1) * (int64_t)sizeof *g), **dx = rl_scope_bytes((n->nslots + 1) * (int64_t)sizeof *dx);
    for (Py_ssize_t i = 0; g && i < given; i++) {
        PyObject *o = PyTuple_GET_ITEM(args, i);
        g[i] = is_tensor(o) ? tensor_of(o) : NULL;
        if (!g[i] && o != Py_None) rl_fail(RL_TYPE_ERROR, "expected Tensor or None for argument %zd, got %s", i, type_name(o));
    }
    PyObject *answer = NULL;
    if (g && dx && !rl_thread.failed && rl_node_run(n, g, dx)) {
        answer = count == 1 ? none_or(dx[node_input(n, 0)]) : PyTuple_New(count);
        for (int i = node_input(n, 0); answer && count != 1 && i < n->nslots; i = node_input(n, i + 1)) PyTuple_SET_ITEM(answer, k++, none_or(dx[i]));
    }
    rl_scope_close(s);
    return rl_thread.failed ? (Py_XDECREF(answer), raise_pending()) : answer;
}

/* _saved_self, _saved_other, _saved_dim, _saved_result: the arguments and results by name. */
static PyObject *saved_tensor(Node *n, int slot, bool out) {
    Scope s = rl_scope_open();
    Slot *sl = out ? &n->out[slot] : &n->slot[slot];
    if (!(n->flags & NODE_FREED) && !sl->saved && !sl->packed) {
        rl_scope_close(s);
        Py_RETURN_NONE;
    }
    Tensor *t = rl_slot_unpack(n, slot, out);
    if (t && out && !t->node) {                 /* as a result it has a history */
        t = rl_alias(t);
        if (t) rl_set_history(t, n, slot);
    }
    return finish(s, t);
}

static int saved_argument(const Op *op, const char *name) {
    for (int k = 0; k < op->parsed->nparams; k++) {
        const char *own = op->parsed->param[k].name;
        if (!strcmp(own, name) || (k == 0 && !strcmp(name, "self"))) return k;
    }
    return -1;
}

static PyObject *saved_list(Node *n, int slot, int count) {
    PyObject *tuple = PyTuple_New(count);
    for (int i = 0; tuple && i < count; i++) {
        PyObject *o = saved_tensor(n, slot + i, false);
        if (!o) Py_CLEAR(tuple);
        else PyTuple_SET_ITEM(tuple, i, o);
    }
    return tuple;
}

static PyObject *find_saved(Node *n, const char *name) {
    const Op *op = n->op;
    int slot = 0, k = n->flags & (NODE_ACCUMULATE | NODE_FUNCTION) ? -1 : saved_argument(op, name);
    for (int i = 0; i < k && i < n->nargs; i++) slot += n->arg[i].tag == A_TENSORS ? n->arg[i].n : 1;
    if (k >= 0 && k < n->nargs) {
        if (n->arg[k].tag == A_TENSOR) return saved_tensor(n, slot, false);
        if (n->arg[k].tag == A_TENSORS) return saved_list(n, slot, n->arg[k].n);
        if (n->arg[k].tag == A_FLOATS) {
            PyObject *tuple = PyTuple_New(n->arg[k].n);
            for (int i = 0; tuple && i < n->arg[k].n; i++) PyTuple_SET_ITEM(tuple, i, PyFloat_FromDouble(n->arg[k].floats[i]));
            return tuple;
        }
        return number_object(&n->arg[k]);
    }
    for (int i = 0; i < n->nouts && i < 8; i++) {
        bool named = op->parsed->out_name[i] && !strcmp(op->parsed->out_name[i], name);
        if (named || (i == 0 && !strcmp(name, "result"))) return saved_tensor(n, i, true);
    }
    return NULL;
}

static PyObject *node_getattr(PyObject *self, PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    if (text && !strncmp(text, "_saved_", 7) && !_PyType_Lookup(Py_TYPE(self), name)) {
        PyObject *o = find_saved(node_of(self), text + 7);
        if (o || PyErr_Occurred()) return o;
    }
    return PyObject_GenericGetAttr(self, name);
}

/* What is saved under which name, for dir() and the teaching layer. */
static PyObject *node_dir(PyObject *self, PyObject *unused) {
    PyObject *list = PyObject_Dir((PyObject *)Py_TYPE(self));
    Node *n = node_of(self);
    for (int k = 0; list && k < n->nargs && !(n->flags & (NODE_FUNCTION | NODE_ACCUMULATE)); k++) {
        PyObject *name = PyUnicode_FromFormat("_saved_%s", k == 0 && !strcmp(n->op->parsed->param[0].name, "input") ? "self" : n->op->parsed->param[k].name);
        if (!name || PyList_Append(list, name) < 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static Py_hash_t node_hash(PyObject *self) { return _Py_HashPointer(self); }

static PyMethodDef node_methods[] = {
    {"name", node_name, METH_NOARGS, "The name of the operation's backward."},
    {"register_hook", node_register_hook, METH_O, "register_hook(fn): fn(grad_inputs, grad_outputs) after the node ran; a result replaces grad_inputs."},
    {"register_prehook", node_register_prehook, METH_O, "register_prehook(fn): fn(grad_outputs) before the node runs; a result replaces them."},
    {"_sequence_nr", node_sequence, METH_NOARGS, "Orders backward: users of a result have larger numbers."},
    {"__dir__", node_dir, METH_NOARGS, NULL}, {NULL},
};
static PyGetSetDef node_getset[] = {
    {"next_functions", node_next, NULL, "(node, output number) per input.", NULL}, {"metadata", node_metadata, NULL, "A dict for whoever wants to note something.", NULL},
    {"_input_metadata", node_input_metadata, NULL, "Shapes and dtypes of what its backward receives.", NULL},
    {"_id", node_get, NULL, "Never used again.", (void *)0}, {"_parent_id", node_get, NULL, "The node whose backward made this one.", (void *)1},
    {"_site_code", node_get, NULL, "The code object that called the operation.", (void *)2}, {"_site_offset", node_get, NULL, "The instruction in it.", (void *)3},
    {"_module_entry", node_get, NULL, NULL, (void *)4}, {"_op_name", node_get, NULL, "The operation.", (void *)5}, {"_formula", node_get, NULL, "Its gradient.", (void *)6},
    {"_freed", node_get, NULL, "Whether what it saved is gone.", (void *)7},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL},
};
static PyMemberDef node_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyNode, dict), READONLY, NULL}, {"__weaklistoffset__", T_PYSSIZET, offsetof(PyNode, weakrefs), READONLY, NULL}, {NULL},
};
static PyType_Slot node_slots[] = {
    {Py_tp_dealloc, node_dealloc}, {Py_tp_traverse, node_traverse}, {Py_tp_clear, node_clear}, {Py_tp_repr, node_repr}, {Py_tp_hash, node_hash}, {Py_tp_call, node_call},
    {Py_tp_methods, node_methods}, {Py_tp_getset, node_getset}, {Py_tp_members, node_members}, {Py_tp_getattro, node_getattr},
    {Py_tp_doc, "One remembered call in the graph behind backward."}, {0, NULL},
};
static PyType_Spec node_spec = {"rushlight.autograd.Node", sizeof(PyNode), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, node_slots};

static PyGetSetDef accumulate_getset[] = {{"variable", node_variable, NULL, "The leaf.", NULL}, {NULL}};
static PyType_Slot accumulate_slots[] = {
    {Py_tp_dealloc, node_dealloc}, {Py_tp_traverse, node_traverse}, {Py_tp_clear, node_clear}, {Py_tp_getset, accumulate_getset}, {0, NULL},
};
static PyType_Spec accumulate_spec = {"rushlight.autograd.AccumulateGrad", sizeof(PyNode), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, accumulate_slots};

/* ---- .grad and its neighbours ---- */

static PyObject *get_grad(PyObject *self, void *unused) {
    Tensor *t = tensor_of(self);
    if (!t->grad && t->node && rl_requires_grad(t) && !(t->flags & T_RETAINS_GRAD) &&
        PyErr_WarnEx(PyExc_UserWarning, "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated during autograd.backward(). "
                     "If you indeed want the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. "
                     "If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead.", 1) < 0) return NULL;
    return none_or(t->grad);
}

static bool check_grad(Tensor *t, PyObject *value) {
    if (!is_tensor(value)) {
        PyErr_Format(PyExc_TypeError, "assigned grad expected to be a Tensor or None but got grad of type %s", type_name(value));
        return false;
    }
    Tensor *g = tensor_of(value);
    if (g == t) PyErr_SetString(PyExc_RuntimeError, "can't assign Variable as its own grad");
    else if (g->dtype != rl_grad_dtype(t, (Dtype)g->dtype))
        PyErr_Format(PyExc_RuntimeError, "attempting to assign a gradient with dtype '%s' to a tensor with grad_dtype '%s'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype), "
                     "which can be set to another dtype, or to None for any", rl_dtypes[g->dtype].name, rl_dtypes[rl_grad_dtype(t, (Dtype)g->dtype)].name);
    else if (!rl_same_shape(g, t))
        PyErr_Format(PyExc_RuntimeError, "attempting to assign a gradient of size '%s' to a tensor of size '%s'. Please ensure that the gradient and the tensor are the same size", rl_text_shape(g), rl_text_shape(t));
    else return true;
    return false;
}

static int set_grad(PyObject *self, PyObject *value, void *unused) {
    Tensor *t = tensor_of(self), *old = t->grad;
    if (value == Py_None) value = NULL;
    if (value && !check_grad(t, value)) return -1;
    if (value) ensure_linked(t);
    t->grad = value ? rl_keep(tensor_of(value)) : NULL;
    rl_drop(old);
    return 0;
}

static bool is_leaf_or_fail(Tensor *t, const char *what) {
    Node *node = rl_node_of(t);
    if (rl_thread.failed) raise_pending();
    else if (!node) return true;
    else PyErr_Format(PyExc_RuntimeError, "grad_dtype can only be %s on leaf tensors.", what);
    return false;
}
static PyObject *get_grad_dtype(PyObject *self, void *unused) {
    Tensor *t = tensor_of(self);
    if (!is_leaf_or_fail(t, "accessed")) return NULL;
    return Py_NewRef(t->grad_dtype == GRAD_ANY ? Py_None : dtype_object(rl_grad_dtype(t, (Dtype)t->dtype)));
}
static int set_grad_dtype(PyObject *self, PyObject *value, void *unused) {
    Tensor *t = tensor_of(self);
    if (!value || (value != Py_None && Py_TYPE(value) != DtypeType)) {
        PyErr_Format(PyExc_RuntimeError, "grad_dtype must be a torch.dtype or None, but got %s", value ? type_name(value) : "nothing");
        return -1;
    }
    if (!is_leaf_or_fail(t, "set")) return -1;
    if (value != Py_None && t->grad && t->grad->dtype != dtype_value(value)) {
        PyErr_Format(PyExc_RuntimeError, "Cannot set grad_dtype to '%s' because there is already a gradient with dtype '%s'. Please clear the gradient (.grad = None) before changing grad_dtype, "
                     "or ensure the new grad_dtype matches the existing gradient's dtype.", rl_dtypes[dtype_value(value)].name, rl_dtypes[t->grad->dtype].name);
        return -1;
    }
    rl_set_grad_dtype(t, value == Py_None ? GRAD_ANY : (uint8_t)(GRAD_AS + dtype_value(value)));
    return 0;
}

static PyObject *get_grad_fn(PyObject *self, void *unused) {
    Node *node = rl_node_of(tensor_of(self));
    return rl_thread.failed ? raise_pending() : node_object(node);
}
static PyObject *get_is_leaf(PyObject *self, void *unused) {
    Node *node = rl_node_of(tensor_of(self));
    return rl_thread.failed ? raise_pending() : PyBool_FromLong(!node);
}
static PyObject *get_requires_grad(PyObject *self, void *unused) {
    Tensor *t = tensor_of(self);
    if (t->flags & T_VIEW) rl_node_of(t);
    return rl_thread.failed ? raise_pending() : PyBool_FromLong(rl_requires_grad(t));
}
static int set_requires_grad(PyObject *self, PyObject *value, void *unused) {
    if (!value || !PyBool_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "requires_grad must be a bool");
        return -1;
    }
    if (rl_require_grad(tensor_of(self), value == Py_True)) return 0;
    raise_pending();
    return -1;
}
static PyObject *get_retains_grad(PyObject *self, void *unused) { return PyBool_FromLong(tensor_of(self)->flags & T_RETAINS_GRAD && tensor_of(self)->node); }
static PyObject *get_output_nr(PyObject *self, void *unused) { return PyLong_FromLong(tensor_of(self)->node ? tensor_of(self)->out_nr : 0); }

static PyObject *tensor_requires_grad_(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    PyObject *on = only_argument("requires_grad_", "requires_grad", args, n, kwnames);
    if (!on && PyErr_Occurred()) return NULL;
    if (!on) on = Py_True;
    if (!PyBool_Check(on)) return PyErr_Format(PyExc_TypeError, "requires_grad_(): argument 'requires_grad' must be bool, not %s", type_name(on));
    return rl_require_grad(tensor_of(self), on == Py_True) ? Py_NewRef(self) : raise_pending();
}
static PyObject *tensor_retain_grad(PyObject *self, PyObject *unused) { return rl_retain_grad(tensor_of(self)) ? Py_NewRef(Py_None) : raise_pending(); }

static PyObject *tensor_detach(PyObject *self, PyObject *unused) {
    if (RL_UNLIKELY(!is_exact(self)) && torch_function_of(self)) {
        PyObject *func = PyObject_GetAttrString((PyObject *)TensorType, "detach"), *result = func ? call_torch_function(func, &self, 1, NULL) : NULL;
        Py_XDECREF(func);
        return result;
    }
    Scope s = rl_scope_open();
    return finish(s, rl_detach(tensor_of(self)));
}

static PyObject *tensor_detach_(PyObject *self, PyObject *unused) {
    Tensor *t = tensor_of(self);
    if (t->base) return PyErr_Format(PyExc_RuntimeError, "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, "
                                                         "gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients.");
    Node *old = t->node;
    if (t->flags & T_RETAINS_GRAD) rl_forget_retained(t);
    t->node = NULL;
    t->out_nr = 0;
    t->flags &= ~(T_REQUIRES_GRAD | T_RETAINS_GRAD);
    if (t->flags & T_DUAL) rl_forget_tangent(t);
    if (old) t->cut_reason = CUT_DETACH;
    rl_drop(old);
    return Py_NewRef(self);
}

PyGetSetDef autograd_getset[] = {
    {"grad", get_grad, set_grad, "The gradient that backward has added up, or None.", NULL}, {"_grad", get_grad, set_grad, NULL, NULL},
    {"grad_dtype", get_grad_dtype, set_grad_dtype, "The dtype that backward gives this leaf's gradient: its own unless set; None: whichever comes.", NULL},
    {"grad_fn", get_grad_fn, NULL, "The node that computes this tensor's gradient's way back; None for a leaf.", NULL}, {"_grad_fn", get_grad_fn, NULL, NULL, NULL},
    {"is_leaf", get_is_leaf, NULL, "Whether no recorded operation made it.", NULL}, {"requires_grad", get_requires_grad, set_requires_grad, "Whether operations on it are recorded.", NULL},
    {"retains_grad", get_retains_grad, NULL, "Whether retain_grad was called on a result.", NULL}, {"output_nr", get_output_nr, NULL, "Which output of grad_fn it is.", NULL},
    {NULL},
};

/* ---- backward ---- */

typedef struct Running { uint64_t id; int n, ninputs; Tensor **roots, **inputs; struct Running *outer; PyObject *callbacks; } Running;
static RL_TLS Running *running;
static uint64_t last_run;

static void warn_of_origin(Node *node) {
    Error keep;
    rl_error_put_aside(&keep);
    PyObject *trace = node->metadata ? PyDict_GetItemString((PyObject *)node->metadata, "traceback_") : NULL, *empty = PyUnicode_FromString("");
    PyObject *text = trace && empty ? PyUnicode_Join(empty, trace) : NULL;
    PyObject *message = PyUnicode_FromFormat(text ? "Error detected in %s. Traceback of forward call that caused the error:\n%U" : "Error detected in %s. No forward pass information available. "
                                             "Enable detect anomaly during forward pass for more information.", rl_node_name(node), text);
    if (message) PyErr_WarnEx(PyExc_UserWarning, PyUnicode_AsUTF8(message), 1);
    PyErr_Clear();
    Py_XDECREF(message);
    Py_XDECREF(text);
    Py_XDECREF(empty);
    rl_error_put_back(&keep);
}

/* What was queued while the backward ran; such a function may queue more. */
static bool call_back(PyObject *list, bool ok) {
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(list); i++) {
        PyObject *result = PyObject_CallNoArgs(PyList_GET_ITEM(list, i));
        ok = result != NULL;
        Py_XDECREF(result);
        if (!ok) fail_from_python();
    }
    rl_scope_put_back(&aside);
    Py_DECREF(list);
    return ok;
}

static PyObject *queue_callback(PyObject *unused, PyObject *function) {
    if (!running) return PyErr_Format(PyExc_RuntimeError, "Final callbacks can only be installed during backward pass.");
    if (!running->callbacks && !(running->callbacks = PyList_New(0))) return NULL;
    return PyList_Append(running->callbacks, function) < 0 ? NULL : Py_NewRef(Py_None);
}

/* The loop over the engine's four functions; under anomaly mode a failing node says where it was made. */
static bool run_backward(int n, Tensor **roots, Tensor **grads, int ninputs, Tensor **inputs, int flags, Tensor **results) {
    Running me = {++last_run, n, ninputs, roots, inputs, running, NULL};
    running = &me;
    Run *run = rl_run_prepare(n, roots, grads, ninputs, inputs, flags);
    bool ok = run != NULL;
    for (Node *node; ok && (node = rl_run_pop(run));) {
        if (RL_LIKELY(!rl_thread.anomaly)) ok = rl_run_one(run, node);
        else {
            rl_keep(node);
            ok = rl_run_one(run, node);
            if (!ok) warn_of_origin(node);
            Error keep;
            rl_error_put_aside(&keep);
            rl_drop(node);
            rl_error_put_back(&keep);
        }
    }
    if (run) ok = rl_run_finish(run, results) && ok;
    if (RL_UNLIKELY(me.callbacks != NULL)) ok = call_back(me.callbacks, ok);
    running = me.outer;
    return ok;
}

/* A GradientEdge as a tensor with that history. */
static Tensor *edge_tensor(PyObject *edge) {
    PyObject *node_o = PyObject_GetAttrString(edge, "node"), *nr = node_o ? PyObject_GetAttrString(edge, "output_nr") : NULL;
    Tensor *t = NULL;
    if (nr && PyObject_TypeCheck(node_o, NodeType)) {
        Node *node = node_of(node_o);
        long k = PyLong_AsLong(nr);
        if (node->flags & NODE_ACCUMULATE) t = node->leaf ? rl_scope_own(rl_keep(node->leaf)) : NULL;
        else if (k >= 0 && k < node->nouts && (t = rl_empty(node->out[k].meta.ndim, node->out[k].meta.shape, node->out[k].meta.dtype))) rl_set_history(t, node, (int)k);
    }
    Py_XDECREF(nr);
    Py_XDECREF(node_o);
    if (t || rl_thread.failed) return t;
    if (PyErr_Occurred()) return fail_from_python();
    return rl_fail(RL_TYPE_ERROR, "expected a Tensor or a GradientEdge, not %s", type_name(edge));
}

/* A sequence of tensors, edges and, where allowed, None. */
static Tensor **tensor_list(PyObject *o, int *n, bool optional, const char *what) {
    PyObject *list = PySequence_Fast(o, what);
    if (!list) return fail_from_python();
    *n = (int)PySequence_Fast_GET_SIZE(list);
    Tensor **t = rl_scope_bytes((*n + 1) * (int64_t)sizeof *t);
    for (int i = 0; t && i < *n; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        if (is_tensor(item)) t[i] = rl_scope_own(rl_keep(tensor_of(item)));
        else if (item == Py_None && optional) t[i] = NULL;
        else t[i] = edge_tensor(item);
        if (rl_thread.failed) t = NULL;
    }
    Py_DECREF(list);
    return t;
}

static PyObject *results_tuple(int n, Tensor **results) {
    PyObject *tuple = PyTuple_New(n);
    for (int i = 0; tuple && i < n; i++) PyTuple_SET_ITEM(tuple, i, none_or(results[i]));
    return tuple;
}

/* _run_backward(roots, grads, keep_graph, create_graph, inputs, allow_unused, accumulate) */
static PyObject *entry_backward(PyObject *unused, PyObject *args) {
    PyObject *root_list, *grad_list, *input_list;
    int keep, create, allow, accumulate, n, ngrads, ninputs;
    if (!PyArg_ParseTuple(args, "OOppOpp:_run_backward", &root_list, &grad_list, &keep, &create, &input_list, &allow, &accumulate)) return NULL;
    Scope s = rl_scope_open();
    Tensor **roots = tensor_list(root_list, &n, false, "roots must be a sequence"), **results = NULL;
    Tensor **grads = roots ? tensor_list(grad_list, &ngrads, true, "gradients must be a sequence") : NULL;
    Tensor **inputs = grads ? tensor_list(input_list, &ninputs, false, "inputs must be a sequence") : NULL;
    if (inputs) results = rl_scope_bytes((ninputs + 1) * (int64_t)sizeof *results);
    PyObject *answer = NULL;
    if (results) {
        memset(results, 0, (size_t)(ninputs + 1) * sizeof *results);
        int flags = (keep ? RUN_KEEP_GRAPH : 0) | (create ? RUN_CREATE_GRAPH : 0) | (allow ? RUN_ALLOW_UNUSED : 0) | (accumulate ? RUN_ACCUMULATE : 0);
        if (ngrads != n) rl_fail(RL_RUNTIME_ERROR, "got %d tensors and %d gradients", n, ngrads);
        else if (run_backward(n, roots, grads, ninputs, inputs, flags, results)) answer = accumulate ? Py_NewRef(Py_None) : results_tuple(ninputs, results);
    }
    rl_scope_close(s);
    return answer && !rl_thread.failed ? answer : (Py_XDECREF(answer), raise_pending());
}

/* x.backward() as scripts mostly write it; every argument goes to autograd.backward. */
static PyObject *tensor_backward(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    Tensor *t = tensor_of(self);
    if (n == 0 && !kwnames && t->numel == 1 && is_exact(self)) {
        Scope s = rl_scope_open();
        bool ok = run_backward(1, &t, NULL, 0, NULL, RUN_ACCUMULATE, NULL);
        rl_scope_close(s);
        return ok && !rl_thread.failed ? Py_NewRef(Py_None) : raise_pending();
    }
    static PyObject *general;
    if (!general) {
        PyObject *module = PyImport_ImportModule("rushlight._tensor");
        general = module ? PyObject_GetAttrString(module, "_backward") : NULL;
        Py_XDECREF(module);
        if (!general) return NULL;
    }
    PyObject *all[8] = {self};
    Py_ssize_t total = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    if (total > 6) return PyErr_Format(PyExc_TypeError, "backward() takes at most 4 arguments (gradient, retain_graph, create_graph, inputs), not %zd", total);
    for (Py_ssize_t i = 0; i < total; i++) all[i + 1] = args[i];
    return PyObject_Vectorcall(general, all, (size_t)n + 1, kwnames);
}

static PyObject *current_run(PyObject *unused, PyObject *none) {
    return running ? PyLong_FromUnsignedLongLong(running->id) : PyLong_FromLong(-1);
}
static PyObject *runs_for_inputs(PyObject *unused, PyObject *none) { return PyBool_FromLong(running && running->ninputs > 0); }

/* Whether one node can be reached from another; -1 with an exception set. */
static int reaches(Node *from, Node *to) {
    PyObject *stack = PyList_New(0), *seen = PySet_New(NULL);
    int found = stack && seen ? 0 : -1;
    if (found == 0 && PyList_Append(stack, object_of(from)) < 0) found = -1;
    while (found == 0 && PyList_GET_SIZE(stack)) {
        Py_ssize_t last = PyList_GET_SIZE(stack) - 1;
        Node *node = node_of(PyList_GET_ITEM(stack, last));
        PyList_SetSlice(stack, last, last + 1, NULL);
        if (node == to) found = 1;
        for (int i = 0; found == 0 && i < node->nslots; i++) {
            Node *next = node->slot[i].next;
            if (!next || next->seq < to->seq) continue;
            PyObject *id = PyLong_FromUnsignedLongLong(next->id);
            int known = id ? PySet_Contains(seen, id) : -1;
            if (known < 0 || (known == 0 && (PySet_Add(seen, id) < 0 || PyList_Append(stack, object_of(next)) < 0))) found = -1;
            Py_XDECREF(id);
        }
    }
    Py_XDECREF(stack);
    Py_XDECREF(seen);
    return found;
}

/* The same between a node and any of n tensors. */
static int any_reaches(int n, Tensor **from, Node *to) {
    int found = 0;
    for (int i = 0; found == 0 && i < n; i++) {
        int32_t nr;
        Node *edge = rl_edge_of(from[i], &nr);
        if (edge) found = reaches(edge, to);
        rl_drop(edge);
    }
    return found;
}
static int reaches_any(Node *from, int n, Tensor **to) {
    int found = 0;
    for (int i = 0; found == 0 && i < n; i++) {
        int32_t nr;
        Node *edge = rl_edge_of(to[i], &nr);
        if (edge) found = reaches(from, edge);
        rl_drop(edge);
    }
    return found;
}

static PyObject *will_run(PyObject *unused, PyObject *o) {
    if (!running) return PyErr_Format(PyExc_RuntimeError, "there is no running backward");
    if (!PyObject_TypeCheck(o, NodeType)) return PyErr_Format(PyExc_TypeError, "expected a node, not %s", type_name(o));
    int found = any_reaches(running->n, running->roots, node_of(o));
    if (found == 1 && running->ninputs) found = reaches_any(node_of(o), running->ninputs, running->inputs);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

/* ---- modes ---- */

static bool as_bool(PyObject *o, bool *value) {
    int truth = PyObject_IsTrue(o);
    *value = truth == 1;
    return truth >= 0;
}
static PyObject *set_grad_enabled(PyObject *unused, PyObject *o) { return as_bool(o, &rl_thread.grad_mode) ? Py_NewRef(Py_None) : NULL; }
static PyObject *is_grad_enabled(PyObject *unused, PyObject *none) { return PyBool_FromLong(rl_thread.grad_mode); }
static PyObject *set_inference(PyObject *unused, PyObject *o) { return as_bool(o, &rl_thread.inference) ? Py_NewRef(Py_None) : NULL; }
static PyObject *is_inference(PyObject *unused, PyObject *none) { return PyBool_FromLong(rl_thread.inference); }
static PyObject *set_anomaly(PyObject *unused, PyObject *args) {
    int on, check = 1;
    if (!PyArg_ParseTuple(args, "p|p:_set_anomaly_enabled", &on, &check)) return NULL;
    rl_thread.anomaly = on;
    rl_thread.anomaly_check_nan = check;
    Py_RETURN_NONE;
}
static PyObject *is_anomaly(PyObject *unused, PyObject *none) { return PyBool_FromLong(rl_thread.anomaly); }
static PyObject *is_anomaly_check(PyObject *unused, PyObject *none) { return PyBool_FromLong(rl_thread.anomaly_check_nan); }
static PyObject *set_sites(PyObject *unused, PyObject *o) { return as_bool(o, &rl_thread.sites) ? Py_NewRef(Py_None) : NULL; }
static PyObject *set_autocast(PyObject *unused, PyObject *o) {
    Dtype d = 0;
    if (o != Py_None && (!dtype_from(o, &d) || !rl_dtype_is(d, CLASS_HALF))) return PyErr_Format(PyExc_TypeError, "autocast takes bfloat16, float16 or None, not %R", o);
    rl_thread.autocast = (uint8_t)d;
    Py_RETURN_NONE;
}
static PyObject *increment_version(PyObject *unused, PyObject *o) {
    if (!is_tensor(o)) return PyErr_Format(PyExc_TypeError, "increment_version expects a Tensor, not %s", type_name(o));
    rl_bump_version(tensor_of(o));
    Py_RETURN_NONE;
}

/* ---- forward mode ---- */

static PyObject *enter_dual_level(PyObject *unused, PyObject *none) { return rl_forward_enter() ? PyLong_FromLong(0) : raise_pending(); }
static PyObject *exit_dual_level(PyObject *unused, PyObject *none) { return rl_forward_exit() ? Py_NewRef(Py_None) : raise_pending(); }

/* A tangent as its tensor lies in memory, so that views of the one are views of the other. */
static Tensor *laid_out(Tensor *tangent, Tensor *like) {
    if (!memcmp(tangent->stride, like->stride, (size_t)like->ndim * sizeof *like->stride) || !rl_is_dense(like)) return tangent;
    Tensor *t = rl_empty_strided(like->ndim, like->shape, like->stride, tangent->dtype);
    return t ? rl_apply_inplace(RL_OP("copy_"), (Arg[]){a_t(t), a_t(tangent), a_b(false)}) : NULL;
}

static bool may_have(Tensor *t, Tensor *tangent) {
    if (!rl_forward_active) return rl_fail(RL_RUNTIME_ERROR, "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.");
    if (!rl_dtype_is(t->dtype, CLASS_INEXACT) || !rl_dtype_is(tangent->dtype, CLASS_INEXACT))
        return rl_fail(RL_RUNTIME_ERROR, "Expected both tensor and its forward grad to be floating point or complex, not %s and %s", rl_dtypes[t->dtype].name, rl_dtypes[tangent->dtype].name);
    if (rl_same_shape(t, tangent)) return true;
    return rl_fail(RL_RUNTIME_ERROR, "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. "
                   "Tensor is of size %s while the given forward gradient is of size %s.", rl_text_shape(t), rl_text_shape(tangent));
}

static PyObject *make_dual(PyObject *unused, PyObject *args) {
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "O!O!:_make_dual", TensorType, &a, TensorType, &b)) return NULL;
    Tensor *t = tensor_of(a), *tangent = tensor_of(b);
    Scope s = rl_scope_open();
    Tensor *y = NULL;
    if (t->flags & T_DUAL) rl_fail(RL_RUNTIME_ERROR, "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported.");
    else if (tangent->flags & T_DUAL) rl_fail(RL_RUNTIME_ERROR, "Setting a forward grad that itself has a forward gradient at the same level 0 is not supported.");
    else if (may_have(t, tangent)) y = rl_do("_alias", a_t(t));
    if (y && !rl_set_tangent(y, laid_out(rl_cast(tangent, t->dtype), t))) y = NULL;
    return finish(s, y);
}

static PyObject *unpack_dual(PyObject *unused, PyObject *o) {
    if (!is_tensor(o)) return PyErr_Format(PyExc_TypeError, "_unpack_dual expects a Tensor, not %s", type_name(o));
    Tensor *t = tensor_of(o);
    bool resting = rl_thread.resting;
    Scope s = rl_scope_open();
    rl_inherit_tangent(t);
    rl_thread.resting = true;
    PyObject *tangent = none_or(rl_tangent(t)), *primal = finish(s, rl_do("_alias", a_t(t)));
    rl_thread.resting = resting;
    if (primal) return Py_BuildValue("NN", primal, tangent);
    Py_DECREF(tangent);
    return NULL;
}
static PyObject *set_tangent(PyObject *unused, PyObject *args) {
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "O!O!:_set_tangent", TensorType, &a, TensorType, &b)) return NULL;
    Scope s = rl_scope_open();
    Tensor *t = tensor_of(a), *tangent = tensor_of(b);
    bool ok = may_have(t, tangent) && rl_set_tangent(t, rl_cast(tangent, t->dtype));
    rl_scope_close(s);
    return ok ? Py_NewRef(Py_None) : raise_pending();
}
static PyObject *has_tangent(PyObject *unused, PyObject *o) { return PyBool_FromLong(is_tensor(o) && tensor_of(o)->flags & T_DUAL); }
static PyObject *is_forward_on(PyObject *unused, PyObject *none) { return PyBool_FromLong(!rl_thread.resting); }
static PyObject *set_forward_on(PyObject *unused, PyObject *o) {
    bool on;
    if (!as_bool(o, &on)) return NULL;
    rl_thread.resting = !on;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"_enter_dual_level", enter_dual_level, METH_NOARGS, NULL}, {"_exit_dual_level", exit_dual_level, METH_NOARGS, NULL}, {"_make_dual", make_dual, METH_VARARGS, NULL},
    {"_unpack_dual", unpack_dual, METH_O, NULL}, {"_set_tangent", set_tangent, METH_VARARGS, NULL}, {"_has_tangent", has_tangent, METH_O, NULL},
    {"_is_fwd_grad_enabled", is_forward_on, METH_NOARGS, NULL}, {"_set_fwd_grad_enabled", set_forward_on, METH_O, NULL},
    {"_run_backward", entry_backward, METH_VARARGS, "_run_backward(roots, grads, keep_graph, create_graph, inputs, allow_unused, accumulate)"},
    {"_queue_callback", queue_callback, METH_O, "_queue_callback(function): called without arguments when the running backward is done."},
    {"_current_run_id", current_run, METH_NOARGS, "A number for the running backward; -1 outside."},
    {"_runs_for_inputs", runs_for_inputs, METH_NOARGS, "Whether the running backward was asked for certain inputs alone."}, {"_will_run_node", will_run, METH_O, "Whether the running backward reaches a node, on its way to the inputs if it was asked for some."},
    {"_set_grad_enabled", set_grad_enabled, METH_O, NULL}, {"is_grad_enabled", is_grad_enabled, METH_NOARGS, "is_grad_enabled($module)\n--\n\nWhether operations are recorded."},
    {"_set_inference_mode", set_inference, METH_O, NULL}, {"is_inference_mode_enabled", is_inference, METH_NOARGS, "is_inference_mode_enabled($module)\n--\n\nWhether inference mode is on."},
    {"_set_anomaly_enabled", set_anomaly, METH_VARARGS, NULL}, {"is_anomaly_enabled", is_anomaly, METH_NOARGS, NULL},
    {"is_anomaly_check_nan_enabled", is_anomaly_check, METH_NOARGS, NULL}, {"_set_sites_enabled", set_sites, METH_O, "Whether nodes note which line of code made them."},
    {"_set_autocast", set_autocast, METH_O, "_set_autocast(dtype): the lower precision of listed operations in this thread; None: off."},
    {"_increment_version", increment_version, METH_O, NULL}, {NULL},
};
PyMethodDef autograd_methods[] = {
    {"backward", AS_METHOD(tensor_backward), METH_FASTCALL | METH_KEYWORDS, "backward($self, gradient=None, retain_graph=None, create_graph=False, inputs=None)\n--\n\nAdd gradients to the leaves' .grad."},
    {"requires_grad_", AS_METHOD(tensor_requires_grad_), METH_FASTCALL | METH_KEYWORDS, "requires_grad_($self, requires_grad=True)\n--\n\nWhether operations on the tensor are recorded from now on."},
    {"retain_grad", tensor_retain_grad, METH_NOARGS, "retain_grad($self)\n--\n\nKeep .grad of a result too."}, {"detach", tensor_detach, METH_NOARGS, "detach($self)\n--\n\nThe same numbers without history."},
    {"detach_", tensor_detach_, METH_NOARGS, "detach_($self)\n--\n\nForget the history, in place."}, {NULL},
};

bool autograd_start(PyObject *module) {
    NodeType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &node_spec, NULL);
    if (!NodeType || PyModule_AddObjectRef(module, "_Node", (PyObject *)NodeType) < 0 || PyModule_AddFunctions(module, functions) < 0) return false;
    AccumulateType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &accumulate_spec, (PyObject *)NodeType);
    return AccumulateType != NULL;
}

/* Once the rows are there. */
bool autograd_bind(void) {
    Op *op = rl_find("_accumulate_grad");
    if (op) op->binding = AccumulateType;
    return true;
}
