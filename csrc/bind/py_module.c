/* py_module.c -- the base of nn.Module: calling it and reading its attributes.
 *
 * A module is an ordinary Python object: everything it knows is in its __dict__, under the names torch uses (_parameters,
 * _buffers, _modules, the hook registries), where subclasses, pickle, copy and users find and change it.  And its class is an
 * ordinary Python class, made by type() like any other, so layout, garbage collection, weak references, multiple inheritance and
 * assignment to __class__ are Python's own.  What is ours are five methods written in C and, in each subclass that overrides
 * neither of them, two type slots that reach __call__ and __getattr__ without the detour through a look-up.  Where the slots
 * are not in place (a class that was changed later), Python finds the methods: slower, never different.
 *
 * - A call looks at the four instance registries and the four global ones that could change it; if all are empty it is
 *   self.forward(...), else self._call_impl(...), which is Python (nn/modules/_hooks.py).
 * - Reading an attribute is Python's own order (data descriptor, instance dictionary, class), then the three registries.
 *   No exception is made and caught on the way to a parameter.
 * - While call sites are recorded, a running call is known to the nodes that are recorded in it (_module_entry): a tuple of a
 *   weak reference to the module, the call around it or None, and the code object and offset of the line that called.  It is
 *   made when the first node asks.
 * - Writing is plain for plain values; what might register or unregister something is _assign, which is Python
 *   (nn/modules/module.py).
 *
 * Refused here: knowing what a hook does, what a parameter is for, and every rule about names. */
#include "bind.h"

enum { PARAMETERS, BUFFERS, MODULES, REGISTRIES };
enum { GLOBAL_HOOKS = 4, LOCAL_HOOKS = 4 };

static const char *const registry_names[REGISTRIES] = {"_parameters", "_buffers", "_modules"};
static const char *const hook_names[LOCAL_HOOKS] = {"_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"};

/* Interned names and the types that decide what an assignment means; filled once at import, never freed. */
static PyObject *registry_name[REGISTRIES], *hook_name[LOCAL_HOOKS], *global_hooks[GLOBAL_HOOKS];
static PyObject *str_forward, *str_call_impl, *str_assign, *str_getattr, *str_getattribute, *str_call, *str_init_subclass, *str_nonpersistent;
static PyTypeObject *base_type, *tensor_type;
static PyObject *our_getattr, *our_call, *object_getattribute;    /* borrowed from their classes */

/* ---- registries ---- */

/* Borrowed instance dictionary, or NULL without an error where none was made yet. */
static PyObject *instance_dict(PyObject *self) {
    PyObject **place = _PyObject_GetDictPtr(self);
    return place ? *place : NULL;
}

/* Borrowed value of an interned or hashed name, NULL without an error when absent. */
static PyObject *look_up(PyObject *dict, PyObject *name) {
    return dict && PyDict_Check(dict) ? PyDict_GetItemWithError(dict, name) : NULL;
}

/* Borrowed member of one of the three registries; NULL with or without an error. */
static PyObject *find_member(PyObject *dict, PyObject *name) {
    for (int r = 0; r < REGISTRIES; r++) {
        PyObject *found = look_up(look_up(dict, registry_name[r]), name);
        if (found || PyErr_Occurred()) return found;
    }
    return NULL;
}

static PyObject *raise_no_attribute(PyObject *self, PyObject *name) {
    PyErr_Format(PyExc_AttributeError, "'%.100s' object has no attribute '%U'", Py_TYPE(self)->tp_name, name);
    return NULL;
}

/* ---- attributes ---- */

/* Module.__getattr__(name): what super().__getattr__ reaches from a subclass that overrides it. */
static PyObject *module_getattr_method(PyObject *self, PyObject *name) {
    if (!PyUnicode_Check(name)) return PyErr_Format(PyExc_TypeError, "attribute name must be string, not '%.200s'", Py_TYPE(name)->tp_name);
    PyObject *found = find_member(instance_dict(self), name);
    if (found) return Py_NewRef(found);
    return PyErr_Occurred() ? NULL : raise_no_attribute(self, name);
}

static PyObject *module_getattro(PyObject *self, PyObject *name) {
    if (!PyUnicode_Check(name)) return PyObject_GenericGetAttr(self, name);
    PyTypeObject *type = Py_TYPE(self);
    PyObject *in_type = _PyType_Lookup(type, name);
    descrgetfunc get = in_type ? Py_TYPE(in_type)->tp_descr_get : NULL;
    PyObject *result;
    if (in_type && get && Py_TYPE(in_type)->tp_descr_set) {
        Py_INCREF(in_type);
        result = get(in_type, self, (PyObject *)type);
        Py_DECREF(in_type);
        return result;
    }
    PyObject *dict = instance_dict(self);
    PyObject *found = look_up(dict, name);
    if (found) return Py_NewRef(found);
    if (PyErr_Occurred()) return NULL;
    if (in_type) {
        Py_INCREF(in_type);
        if (!get) return in_type;
        result = get(in_type, self, (PyObject *)type);
        Py_DECREF(in_type);
        return result;
    }
    found = find_member(dict, name);
    if (found) return Py_NewRef(found);
    return PyErr_Occurred() ? NULL : raise_no_attribute(self, name);
}

/* Values whose assignment can register nothing.  An exact tensor counts while it has no attributes of its own: a Buffer is an
 * exact tensor with a mark among them. */
static int is_plain(PyObject *value) {
    if (PyObject_TypeCheck(value, base_type)) return 0;
    if (Py_TYPE(value) == tensor_type) {
        PyObject **dict = _PyObject_GetDictPtr(value);
        return !dict || !*dict || PyDict_GET_SIZE(*dict) == 0;
    }
    return !PyObject_TypeCheck(value, tensor_type);
}

static int is_registered(PyObject *dict, PyObject *name) {
    for (int r = 0; r < REGISTRIES; r++) {
        PyObject *registry = look_up(dict, registry_name[r]);
        if (!registry || !PyDict_Check(registry)) continue;
        int there = PyDict_Contains(registry, name);
        if (there) return there;
    }
    return 0;
}

/* Take a name out of the registry that has it; 1 when it was there. */
static int forget(PyObject *dict, PyObject *name) {
    for (int r = 0; r < REGISTRIES; r++) {
        PyObject *registry = look_up(dict, registry_name[r]);
        int there = registry && PyDict_Check(registry) ? PyDict_Contains(registry, name) : 0;
        if (there < 0 || (there && PyDict_DelItem(registry, name) < 0)) return -1;
        if (!there) continue;
        PyObject *unsaved = r == BUFFERS ? look_up(dict, str_nonpersistent) : NULL;
        return unsaved && PySet_Check(unsaved) && PySet_Discard(unsaved, name) < 0 ? -1 : 1;
    }
    return 0;
}

/* __setattr__ and __delattr__ are methods, not slots: Python then lets object.__setattr__(module, name, value) through, which is how
 * programs keep a module from being registered. */
static PyObject *module_setattr(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    if (n != 2) return PyErr_Format(PyExc_TypeError, "__setattr__ expected 2 arguments, got %zd", n);
    PyObject *dict = PyUnicode_Check(args[0]) ? instance_dict(self) : NULL;
    int registered = is_registered(dict, args[0]);
    if (registered < 0) return NULL;
    if (registered || !is_plain(args[1])) return PyObject_CallMethodObjArgs(self, str_assign, args[0], args[1], NULL);
    if (PyObject_GenericSetAttr(self, args[0], args[1]) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *module_delattr(PyObject *self, PyObject *name) {
    int gone = PyUnicode_Check(name) ? forget(instance_dict(self), name) : 0;
    if (gone < 0 || (!gone && PyObject_GenericSetAttr(self, name, NULL) < 0)) return NULL;
    Py_RETURN_NONE;
}

/* ---- calls ---- */

static int has_entries(PyObject *registry) {
    return registry && PyDict_Check(registry) && PyDict_GET_SIZE(registry) > 0;
}

/* Whether any hook could run in this call. */
static int is_hooked(PyObject *dict) {
    for (int i = 0; i < GLOBAL_HOOKS; i++)
        if (has_entries(global_hooks[i])) return 1;
    for (int i = 0; i < LOCAL_HOOKS; i++)
        if (has_entries(look_up(dict, hook_name[i]))) return 1;
    return 0;
}

/* The function behind self.<name>, to be called with self as first argument; NULL without an error when it is anything but a
 * plain method of the class. */
static PyObject *plain_method(PyObject *self, PyObject *dict, PyObject *name) {
    PyObject *method = _PyType_Lookup(Py_TYPE(self), name);
    if (!method || !PyType_HasFeature(Py_TYPE(method), Py_TPFLAGS_METHOD_DESCRIPTOR)) return NULL;
    return look_up(dict, name) ? NULL : method;
}

/* A module's call while it runs, linked to the one around it.  Counted and not on the C stack: a program that switches stacks
 * (greenlets) leaves calls in another order than it entered them. */
typedef struct Running {
    PyObject *module, *code, *entry;
    struct Running *outer;
    int32_t offset;
    int32_t count;
} Running;

static RL_TLS Running *innermost;     /* owned */
static Running *spare;

static Running *enter(PyObject *module) {
    Running *run = spare;
    if (run) spare = run->outer;
    else if (!(run = PyMem_Malloc(sizeof *run))) return NULL;
    *run = (Running){.module = Py_NewRef(module), .outer = innermost, .count = 2};   /* ours and innermost's, whose old one is outer's now */
    call_site(&run->code, &run->offset);
    return innermost = run;
}

static void drop_running(Running *run) {
    while (run && --run->count == 0) {
        Running *outer = run->outer;
        PyObject *module = run->module, *code = run->code, *entry = run->entry;
        run->outer = spare;
        spare = run;
        Py_DECREF(module);
        Py_XDECREF(code);
        Py_XDECREF(entry);
        run = outer;
    }
}

static void leave(Running *run) {
    Running *left = innermost;
    if ((innermost = run->outer)) innermost->count++;
    drop_running(left);
    drop_running(run);
}

static PyObject *entry_of(Running *run) {
    if (run->entry || !run->code) return run->entry;
    PyObject *outer = run->outer ? entry_of(run->outer) : NULL;
    PyObject *part[] = {PyWeakref_NewRef(run->module, NULL), Py_NewRef(outer ? outer : Py_None), Py_NewRef(run->code), PyLong_FromLong(run->offset)};
    PyObject *entry = part[0] && part[3] ? PyTuple_New(4) : NULL;
    for (int i = 0; i < 4; i++) {
        if (entry) PyTuple_SET_ITEM(entry, i, part[i]);
        else Py_XDECREF(part[i]);
    }
    if (!entry) PyErr_Clear();     /* a record that is missing harms nobody */
    return run->entry = entry;
}

static __attribute__((noinline)) PyObject *innermost_entry(void) {
    ScopeAside aside;
    rl_scope_put_aside(&aside);         /* making objects may collect, and finalisers may run operations */
    PyObject *entry = entry_of(innermost);
    rl_scope_put_back(&aside);
    return Py_XNewRef(entry);
}

PyObject *module_call_now(void) { return innermost ? innermost_entry() : NULL; }

/* self.<name>(*args, **kwargs), without a bound method where the class has a plain one. */
static PyObject *call_method(PyObject *self, PyObject *dict, PyObject *name, PyObject *args, PyObject *kwargs) {
    PyObject *method = plain_method(self, dict, name);
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject *stack[8], *result;
    if (!method || n >= 8) {
        if (PyErr_Occurred() || !(method = PyObject_GetAttr(self, name))) return NULL;
        result = PyObject_Call(method, args, kwargs);
        Py_DECREF(method);
        return result;
    }
    stack[0] = self;
    for (Py_ssize_t i = 0; i < n; i++) stack[i + 1] = PyTuple_GET_ITEM(args, i);
    Py_INCREF(method);
    result = PyObject_VectorcallDict(method, stack, (size_t)n + 1, kwargs);
    Py_DECREF(method);
    return result;
}

static PyObject *module_call(PyObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *dict = instance_dict(self);
    PyObject *name = is_hooked(dict) ? str_call_impl : str_forward;
    if (PyErr_Occurred()) return NULL;
    if (!rl_thread.sites || !rl_thread.grad_mode) return call_method(self, dict, name, args, kwargs);
    Running *run = enter(self);
    if (!run) return PyErr_NoMemory();
    PyObject *result = call_method(self, dict, name, args, kwargs);
    leave(run);
    return result;
}

/* ---- the type ---- */

/* Whether the class finds this name where ModuleBase has it. */
static int inherits(PyTypeObject *type, PyObject *name, PyObject *ours) {
    return _PyType_Lookup(type, name) == ours;
}

/* Put the quick slots into a class that means our methods by them. */
static void quicken(PyTypeObject *type) {
    if (inherits(type, str_getattr, our_getattr) && inherits(type, str_getattribute, object_getattribute)) type->tp_getattro = module_getattro;
    if (inherits(type, str_call, our_call)) type->tp_call = module_call;
    PyType_Modified(type);
}

/* super(ModuleBase, cls).__init_subclass__(**kwargs), then the slots. */
static PyObject *init_subclass(PyObject *cls, PyObject *args, PyObject *kwargs) {
    PyObject *parent = PyObject_CallFunctionObjArgs((PyObject *)&PySuper_Type, (PyObject *)base_type, cls, NULL);
    PyObject *next = parent ? PyObject_GetAttr(parent, str_init_subclass) : NULL;
    PyObject *done = next ? PyObject_Call(next, args, kwargs) : NULL;
    Py_XDECREF(parent);
    Py_XDECREF(next);
    if (done) quicken((PyTypeObject *)cls);
    return done;
}

/* ModuleBase._set_global_hooks(dict, dict, dict, dict): the registries whose entries apply to every module. */
static PyObject *set_global_hooks(PyObject *cls, PyObject *args) {
    PyObject *given[GLOBAL_HOOKS];
    if (!PyArg_ParseTuple(args, "O!O!O!O!:_set_global_hooks", &PyDict_Type, &given[0], &PyDict_Type, &given[1], &PyDict_Type, &given[2],
                          &PyDict_Type, &given[3]))
        return NULL;
    for (int i = 0; i < GLOBAL_HOOKS; i++) Py_XSETREF(global_hooks[i], Py_NewRef(given[i]));
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"__call__", (PyCFunction)(void (*)(void))module_call, METH_VARARGS | METH_KEYWORDS,
     "__call__($self, /, *args, **kwargs)\n--\n\nRun the hooks and forward."},
    {"__getattr__", module_getattr_method, METH_O, "__getattr__($self, name, /)\n--\n\nA parameter, buffer or submodule by name."},
    {"__setattr__", (PyCFunction)(void (*)(void))module_setattr, METH_FASTCALL,
     "__setattr__($self, name, value, /)\n--\n\nSet an attribute; tensors and modules may be registered."},
    {"__delattr__", module_delattr, METH_O, "__delattr__($self, name, /)\n--\n\nDelete an attribute or a registered member."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef class_methods[] = {
    {"__init_subclass__", (PyCFunction)(void (*)(void))init_subclass, METH_VARARGS | METH_KEYWORDS, NULL},
    {"_set_global_hooks", set_global_hooks, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* Set an attribute of the class, taking the reference; 0 or -1. */
static int define(PyTypeObject *type, const char *name, PyObject *value) {
    int failed = !value || PyObject_SetAttrString((PyObject *)type, name, value) < 0;
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

static PyTypeObject *make_type(void) {
    PyTypeObject *type = (PyTypeObject *)PyObject_CallFunction((PyObject *)&PyType_Type, "s(){s:s,s:s}", "ModuleBase", "__module__",
                                                               "rushlight._C", "__doc__", "What nn.Module does in C: calls and attributes.");
    for (PyMethodDef *m = module_methods; type && m->ml_name; m++)
        if (define(type, m->ml_name, PyDescr_NewMethod(type, m)) < 0) Py_CLEAR(type);
    for (PyMethodDef *m = class_methods; type && m->ml_name; m++)
        if (define(type, m->ml_name, PyDescr_NewClassMethod(type, m)) < 0) Py_CLEAR(type);
    return type;
}

static int intern(PyObject **place, const char *text) {
    return *place || (*place = PyUnicode_InternFromString(text)) ? 0 : -1;
}

static int intern_names(void) {
    int failed = 0;
    for (int r = 0; r < REGISTRIES; r++) failed |= intern(&registry_name[r], registry_names[r]);
    for (int i = 0; i < LOCAL_HOOKS; i++) failed |= intern(&hook_name[i], hook_names[i]);
    failed |= intern(&str_forward, "forward") | intern(&str_call_impl, "_call_impl") | intern(&str_assign, "_assign");
    failed |= intern(&str_getattr, "__getattr__") | intern(&str_getattribute, "__getattribute__") | intern(&str_call, "__call__");
    failed |= intern(&str_init_subclass, "__init_subclass__");
    return failed | intern(&str_nonpersistent, "_non_persistent_buffers_set");
}

/* Add ModuleBase to the module, which has Tensor already; -1 with an exception. */
int rl_bind_module_base(PyObject *module) {
    if (intern_names() < 0) return -1;
    PyObject *tensor = PyObject_GetAttrString(module, "Tensor");
    if (!tensor) return -1;
    Py_XSETREF(tensor_type, (PyTypeObject *)tensor);
    Py_XSETREF(base_type, make_type());
    if (!base_type) return -1;
    our_getattr = _PyType_Lookup(base_type, str_getattr);
    our_call = _PyType_Lookup(base_type, str_call);
    object_getattribute = _PyType_Lookup(&PyBaseObject_Type, str_getattribute);
    quicken(base_type);
    return PyModule_AddObjectRef(module, "ModuleBase", (PyObject *)base_type);
}
