/* py_hooks.c -- hooks: on gradients of tensors, after accumulation, around nodes, and on what nodes save.
 *
 * A leaf carries [gradient hooks, post-accumulate hooks]; the gradient hooks of a result live in its node, by output number, so
 * that they see the gradient whoever asks for it.  Each table is an OrderedDict from a handle's id to the hook.  The scope is
 * set aside around every call: Python may run operations, or another backward. */
#include "bind.h"

#include <string.h>

static PyObject *handle_class, *ordered_dict;

static bool need_classes(void) {
    if (handle_class) return true;
    PyObject *hooks = PyImport_ImportModule("rushlight.utils.hooks"), *collections = hooks ? PyImport_ImportModule("collections") : NULL;
    if (collections) {
        ordered_dict = PyObject_GetAttrString(collections, "OrderedDict");
        handle_class = PyObject_GetAttrString(hooks, "RemovableHandle");
    }
    Py_XDECREF(hooks);
    Py_XDECREF(collections);
    return handle_class && ordered_dict;
}

/* ---- registering ---- */

PyObject *hooks_add(PyObject *table, PyObject *hook) {
    PyObject *handle = need_classes() ? PyObject_CallOneArg(handle_class, table) : NULL;
    PyObject *id = handle ? PyObject_GetAttrString(handle, "id") : NULL;
    if (!id || PyObject_SetItem(table, id, hook) < 0) Py_CLEAR(handle);
    Py_XDECREF(id);
    return handle;
}

PyObject *hooks_table(void **field) {        /* borrowed; made on first use */
    if (!*field && need_classes()) *field = PyObject_CallNoArgs(ordered_dict);
    return *field;
}

/* Which of a leaf's two tables. */
static PyObject *leaf_table(Tensor *t, int which, bool make) {
    if (!t->hooks) {
        if (!make) return NULL;
        ensure_linked(t);
        t->hooks = Py_BuildValue("[OO]", Py_None, Py_None);
        if (!t->hooks) return NULL;
    }
    PyObject *table = PyList_GET_ITEM((PyObject *)t->hooks, which);
    if (table != Py_None || !make) return table == Py_None ? NULL : table;
    table = need_classes() ? PyObject_CallNoArgs(ordered_dict) : NULL;
    if (!table || PyList_SetItem((PyObject *)t->hooks, which, table) < 0) return NULL;
    return table;
}

static PyObject *output_table(Node *node, int out_nr, bool make) {
    if (!node->tensor_hooks) {
        if (!make || !(node->tensor_hooks = PyDict_New())) return NULL;
    }
    PyObject *key = PyLong_FromLong(out_nr), *table = key ? PyDict_GetItemWithError((PyObject *)node->tensor_hooks, key) : NULL;
    if (!table && make && key && need_classes()) {
        table = PyObject_CallNoArgs(ordered_dict);
        if (table && PyDict_SetItem((PyObject *)node->tensor_hooks, key, table) < 0) Py_CLEAR(table);
        Py_XDECREF(table);       /* the dict holds it */
    }
    Py_XDECREF(key);
    return table;
}

static PyObject *register_hook(PyObject *self, PyObject *hook) {
    Tensor *t = tensor_of(self);
    Node *node = rl_node_of(t);
    if (rl_thread.failed) return raise_pending();
    if (!rl_requires_grad(t)) return PyErr_Format(PyExc_RuntimeError, "cannot register a hook on a tensor that doesn't require gradient");
    PyObject *table = node ? output_table(node, t->out_nr, true) : leaf_table(t, 0, true);
    return table ? hooks_add(table, hook) : NULL;
}

static PyObject *register_post_accumulate(PyObject *self, PyObject *hook) {
    Tensor *t = tensor_of(self);
    if (!rl_requires_grad(t)) return PyErr_Format(PyExc_RuntimeError, "cannot register a hook on a tensor that doesn't require gradient");
    if (rl_node_of(t)) return PyErr_Format(PyExc_RuntimeError, "post accumulate grad hooks cannot be registered on non-leaf tensors");
    PyObject *table = leaf_table(t, 1, true);
    return table ? hooks_add(table, hook) : NULL;
}

TAKES_ONE(register_hook_by_name, register_hook, "register_hook", "hook")
TAKES_ONE(register_post_accumulate_by_name, register_post_accumulate, "register_post_accumulate_grad_hook", "hook")

static PyObject *get_backward_hooks(PyObject *self, void *unused) {
    Tensor *t = tensor_of(self);
    Node *node = rl_node_of(t);
    PyObject *table = node ? output_table(node, t->out_nr, false) : leaf_table(t, 0, false);
    return Py_NewRef(table ? table : Py_None);
}

static int set_backward_hooks(PyObject *self, PyObject *value, void *unused) {
    Tensor *t = tensor_of(self);
    if (rl_node_of(t) || value == Py_None || !value) return 0;
    PyObject *table = leaf_table(t, 0, true), *done = table ? PyObject_CallMethod(table, "update", "O", value) : NULL;
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static PyObject *get_post_hooks(PyObject *self, void *unused) {
    PyObject *table = rl_node_of(tensor_of(self)) ? NULL : leaf_table(tensor_of(self), 1, false);
    return Py_NewRef(table ? table : Py_None);
}

/* ---- calling ---- */

static PyObject *hook_list(PyObject *table) {
    PyObject *values = PyObject_CallMethod(table, "values", NULL), *list = values ? PySequence_List(values) : NULL;
    Py_XDECREF(values);
    return list;
}

static bool is_gradient(PyObject *o, PyObject *hook, const Tensor *old) {
    if (!is_tensor(o)) {
        PyErr_Format(PyExc_TypeError, "expected Variable, but hook %R returned '%s'", hook, type_name(o));
        return false;
    }
    if (!old || rl_same_shape(tensor_of(o), old)) return true;
    PyErr_Format(PyExc_RuntimeError, "hook %R has changed the size of value (from %s to %s)", hook, rl_text_shape(old), rl_text_shape(tensor_of(o)));
    return false;
}

/* Every hook on one gradient in turn; *grad is an owned object. */
static bool each_on_gradient(PyObject *table, PyObject **grad) {
    PyObject *list = hook_list(table);
    if (!list) return false;
    bool ok = true;
    for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(list); i++) {
        PyObject *hook = PyList_GET_ITEM(list, i), *result = PyObject_CallOneArg(hook, *grad);
        ok = result && (result == Py_None || is_gradient(result, hook, tensor_of(*grad)));
        if (ok && result != Py_None) {
            Py_DECREF(*grad);
            *grad = Py_NewRef(result);
        }
        Py_XDECREF(result);
    }
    Py_DECREF(list);
    return ok;
}

/* Puts an owned object into the place of a gradient; the scope takes it over. */
static bool put_gradient(Tensor **place, PyObject *o) {
    Tensor *t = rl_scope_own(tensor_of(o));
    if (!t) return false;
    *place = t;
    return true;
}

static bool tensor_hooks_on(PyObject *table, Tensor **place) {
    if (!table || table == Py_None || !*place || PyObject_Size(table) == 0) return true;
    PyObject *grad = Py_NewRef(object_of(*place));
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    bool ok = each_on_gradient(table, &grad);
    rl_scope_put_back(&aside);
    if (!ok) {
        fail_from_python();
        Py_DECREF(grad);
        return false;
    }
    return put_gradient(place, grad);
}

static bool call_tensor_hooks(PyObject *hooks, int n, Tensor **grads) {
    if (PyList_Check(hooks)) return n < 1 || tensor_hooks_on(PyList_GET_ITEM(hooks, 0), &grads[0]);
    Py_ssize_t at = 0;
    PyObject *key, *table;
    Py_INCREF(hooks);
    bool ok = true;
    while (ok && PyDict_Next(hooks, &at, &key, &table)) {
        long nr = PyLong_AsLong(key);
        if (nr >= 0 && nr < n) ok = tensor_hooks_on(table, &grads[nr]);
    }
    Py_DECREF(hooks);
    return ok;
}

static bool call_post_accumulate(PyObject *hooks, Tensor *leaf) {
    PyObject *table = PyList_GET_ITEM(hooks, 1), *subject = Py_NewRef(object_of(leaf)), *list = table == Py_None ? NULL : hook_list(table);
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    bool ok = table == Py_None || list;
    for (Py_ssize_t i = 0; ok && list && i < PyList_GET_SIZE(list); i++) {
        PyObject *result = PyObject_CallOneArg(PyList_GET_ITEM(list, i), subject);
        ok = result && (result == Py_None || is_gradient(result, PyList_GET_ITEM(list, i), NULL));   /* p.add_(..) is a fine last line */
        Py_XDECREF(result);
    }
    Py_XDECREF(list);
    rl_scope_put_back(&aside);
    if (!ok) fail_from_python();
    Py_DECREF(subject);
    return ok;
}

static PyObject *gradient_tuple(int n, Tensor **grads) {
    PyObject *tuple = PyTuple_New(n);
    for (int i = 0; tuple && i < n; i++) PyTuple_SET_ITEM(tuple, i, none_or(grads[i]));
    return tuple;
}

/* A hook's answer in place of the tuple it was given. */
static PyObject *checked_answer(PyObject *hook, PyObject *before, PyObject *answer) {
    PyObject *tuple = is_tensor(answer) ? PyTuple_Pack(1, answer) : PySequence_Tuple(answer);
    if (!tuple) return NULL;
    if (PyTuple_GET_SIZE(tuple) != PyTuple_GET_SIZE(before)) {
        PyErr_Format(PyExc_RuntimeError, "hook %R has returned an incorrect number of values (got %zd, but expected %zd)", hook, PyTuple_GET_SIZE(tuple), PyTuple_GET_SIZE(before));
        Py_CLEAR(tuple);
    }
    for (Py_ssize_t i = 0; tuple && i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *o = PyTuple_GET_ITEM(tuple, i), *old = PyTuple_GET_ITEM(before, i);
        if (o != Py_None && !is_gradient(o, hook, old == Py_None ? NULL : tensor_of(old))) Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *each_on_node(PyObject *table, PyObject *grads, PyObject *outs) {
    PyObject *list = hook_list(table);
    for (Py_ssize_t i = 0; list && grads && i < PyList_GET_SIZE(list); i++) {
        PyObject *hook = PyList_GET_ITEM(list, i);
        PyObject *answer = outs ? PyObject_CallFunctionObjArgs(hook, grads, outs, NULL) : PyObject_CallOneArg(hook, grads);
        PyObject *changed = answer && answer != Py_None ? checked_answer(hook, grads, answer) : NULL;
        if (!answer || (answer != Py_None && !changed)) Py_CLEAR(grads);
        else if (changed) Py_SETREF(grads, changed);
        Py_XDECREF(answer);
    }
    if (!list) Py_CLEAR(grads);
    Py_XDECREF(list);
    return grads;
}

static bool call_node_hooks(PyObject *hooks, int n, Tensor **grads, PyObject *outs) {
    PyObject *tuple = gradient_tuple(n, grads);
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    Py_INCREF(hooks);
    tuple = tuple ? each_on_node(hooks, tuple, outs) : NULL;
    Py_DECREF(hooks);
    rl_scope_put_back(&aside);
    if (!tuple) {
        fail_from_python();
        return false;
    }
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        PyObject *o = PyTuple_GET_ITEM(tuple, i);
        if (o == Py_None) grads[i] = NULL;
        else if (!grads[i] || o != object_of(grads[i])) ok = put_gradient(&grads[i], Py_NewRef(o));
    }
    Py_DECREF(tuple);
    return ok;
}

/* Hooks see the gradients of the node's inputs alone; its other slots have none.  Takes `outs` over. */
static bool call_post_hooks(PyObject *hooks, const Node *node, int n, Tensor **grads, PyObject *outs) {
    Tensor **inputs = outs ? rl_scope_bytes((n + 1) * (int64_t)sizeof *inputs) : NULL;
    int count = 0, k = 0;
    for (int i = node_input(node, 0); inputs && i < n; i = node_input(node, i + 1)) inputs[count++] = grads[i];
    bool ok = inputs && call_node_hooks(hooks, count, inputs, outs);
    for (int i = node_input(node, 0); ok && i < n; i = node_input(node, i + 1)) grads[i] = inputs[k++];
    Py_XDECREF(outs);
    return outs ? ok : fail_from_python() != NULL;
}

bool host_call_hooks(HookKind kind, void *hooks, void *subject, int n, Tensor **grads, int n_out, Tensor **grads_out) {
    switch (kind) {
    case HOOK_TENSOR: return call_tensor_hooks(hooks, n, grads);
    case HOOK_POST_ACCUMULATE: return call_post_accumulate(hooks, subject);
    case HOOK_NODE_PRE: return call_node_hooks(hooks, n, grads, NULL);
    case HOOK_NODE_POST: break;
    }
    return call_post_hooks(hooks, subject, n, grads, gradient_tuple(n_out, grads_out));
}

/* ---- saved-tensor hooks ---- */

static PyObject *pack_stack, *disabled_message;

void *host_pack(Tensor *t, bool is_output, bool is_leaf) {
    Py_ssize_t n = pack_stack ? PyList_GET_SIZE(pack_stack) : 0;
    if (!n) return NULL;
    PyObject *pair = Py_NewRef(PyList_GET_ITEM(pack_stack, n - 1)), *subject = Py_NewRef(object_of(t));
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    bool packing = rl_thread.packing, mode = rl_thread.grad_mode;
    uint32_t version = rl_version(t);
    rl_thread.packing = rl_thread.grad_mode = false;        /* what a pack hook computes is not part of the graph */
    PyObject *packed = PyObject_CallOneArg(PyTuple_GET_ITEM(pair, 0), subject);
    if (packed && rl_version(t) != version) {
        PyErr_SetString(PyExc_RuntimeError, "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by in-place operations "
                        "as this can lead to unexpected side-effects. clone() the tensor in the hook first.");
        Py_CLEAR(packed);
    }
    rl_thread.packing = packing;
    rl_thread.grad_mode = mode;
    rl_scope_put_back(&aside);
    PyObject *kept = packed ? PyTuple_Pack(2, PyTuple_GET_ITEM(pair, 1), packed) : NULL;
    if (!kept) fail_from_python();
    Py_XDECREF(packed);
    Py_DECREF(subject);
    Py_DECREF(pair);
    return kept;
}

Tensor *host_unpack(void *packed) {
    PyObject *kept = Py_NewRef((PyObject *)packed);
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    PyObject *o = PyObject_CallOneArg(PyTuple_GET_ITEM(kept, 0), PyTuple_GET_ITEM(kept, 1));
    rl_scope_put_back(&aside);
    Py_DECREF(kept);
    if (!o) return fail_from_python();
    if (is_tensor(o)) return rl_scope_own(tensor_of(o));
    rl_fail(RL_TYPE_ERROR, "Output of saved tensor unpack_hook expected to be a Tensor but got result of type %s", type_name(o));
    Py_DECREF(o);
    return NULL;
}

static PyObject *push_saved_hooks(PyObject *unused, PyObject *args) {
    if (disabled_message) {
        PyErr_SetObject(PyExc_RuntimeError, disabled_message);
        return NULL;
    }
    if (PyTuple_GET_SIZE(args) != 2) return PyErr_Format(PyExc_TypeError, "expected a pack hook and an unpack hook");
    if (!pack_stack && !(pack_stack = PyList_New(0))) return NULL;
    if (PyList_Append(pack_stack, args) < 0) return NULL;
    rl_thread.packing = true;
    Py_RETURN_NONE;
}

static PyObject *pop_saved_hooks(PyObject *unused, PyObject *none) {
    Py_ssize_t n = pack_stack ? PyList_GET_SIZE(pack_stack) : 0;
    if (n && PyList_SetSlice(pack_stack, n - 1, n, NULL) < 0) return NULL;
    rl_thread.packing = n > 1;
    Py_RETURN_NONE;
}

static PyObject *disable_saved_hooks(PyObject *unused, PyObject *message) {
    if (message != Py_None && pack_stack && PyList_GET_SIZE(pack_stack)) {
        PyErr_SetObject(PyExc_RuntimeError, message);
        return NULL;
    }
    Py_XSETREF(disabled_message, message == Py_None ? NULL : Py_NewRef(message));
    Py_RETURN_NONE;
}

static PyObject *disabled_hooks_message(PyObject *unused, PyObject *none) { return Py_NewRef(disabled_message ? disabled_message : Py_None); }

static PyMethodDef functions[] = {
    {"_push_saved_tensors_hooks", push_saved_hooks, METH_VARARGS, "_push_saved_tensors_hooks(pack, unpack)"},
    {"_pop_saved_tensors_hooks", pop_saved_hooks, METH_NOARGS, NULL},
    {"_saved_tensors_hooks_disable", disable_saved_hooks, METH_O, "Forbid such hooks with this message; None allows them again."},
    {"_saved_tensors_hooks_disabled_message", disabled_hooks_message, METH_NOARGS, NULL},
    {NULL},
};
PyMethodDef hook_methods[] = {
    {"register_hook", AS_METHOD(register_hook_by_name), METH_FASTCALL | METH_KEYWORDS, "register_hook($self, hook)\n--\n\nhook(grad) runs whenever the gradient is computed; a result replaces it."},
    {"register_post_accumulate_grad_hook", AS_METHOD(register_post_accumulate_by_name), METH_FASTCALL | METH_KEYWORDS, "register_post_accumulate_grad_hook($self, hook)\n--\n\nhook(tensor) runs after .grad has been added to."},
    {NULL},
};
PyGetSetDef hook_getset[] = {
    {"_backward_hooks", get_backward_hooks, set_backward_hooks, NULL, NULL}, {"_post_accumulate_grad_hooks", get_post_hooks, NULL, NULL, NULL}, {NULL},
};

bool hooks_start(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
