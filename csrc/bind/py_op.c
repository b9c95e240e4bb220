/* py_op.c -- the callables: one row of the table becomes a function that does not bind and a method descriptor.
 *
 * Both are vectorcall objects over the same record, so `rl.relu(x)` and `x.relu()` run the same code.  In-place forms
 * (`add_`) and `out=` are derived here; `inspect.signature`, `help` and pickling by name read the row. */
#include "bind.h"

#include <string.h>

PyTypeObject *FunctionType, *MethodType;

enum { PLAIN, INPLACE_FORM };

typedef struct PyOp {
    PyObject_HEAD
    vectorcallfunc call;
    Op *op;
    PyObject *name, *module;       /* module: where pickle finds a function; NULL for methods */
    PyObject *weakrefs, *dict;
    uint8_t form;
    bool method;
} PyOp;

/* ---- results ---- */

static PyObject *tensors_result(PyObject *tuple, Call *c, int n, Scope s) {
    for (int i = 0; tuple && i < n; i++) {
        Tensor *t = c->out[i];
        PyObject *o = t ? object_of(t) : Py_None;
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(o));
    }
    rl_scope_close(s);
    if (RL_UNLIKELY(rl_thread.failed)) {
        Error keep;
        rl_error_put_aside(&keep);
        Py_XDECREF(tuple);
        rl_error_put_back(&keep);
        return raise_pending();
    }
    return tuple;
}

static PyObject *number_result(Call *c, Scope s) {
    PyObject *number = rl_thread.failed ? NULL : number_object(&c->result);
    rl_scope_close(s);
    return number || PyErr_Occurred() ? number : raise_pending();
}

static PyObject *several(Call *c, Scope s) {
    const Sig *sig = c->op->parsed;
    if (sig->nout < 0) return tensors_result(PyTuple_New(c->nout), c, c->nout, s);
    if (!sig->out_name[0]) return tensors_result(PyTuple_New(sig->nout), c, sig->nout, s);
    PyObject *type = structseq_type(c->op);
    return tensors_result(type ? PyStructSequence_New((PyTypeObject *)type) : NULL, c, sig->nout, s);
}

PyObject *op_results(Call *c, Scope s) {
    const Sig *sig = c->op->parsed;
    if (RL_LIKELY(sig->nout == 1)) return finish(s, c->out[0]);
    if (sig->returns_number) return number_result(c, s);
    if (sig->nout == 0) {
        rl_scope_close(s);
        return rl_thread.failed ? raise_pending() : Py_NewRef(Py_None);
    }
    return several(c, s);
}

/* ---- calling ---- */

static PyObject *failed(Scope s) {
    rl_scope_close(s);
    return raise_pending();
}

/* out=: one tensor, or a sequence of as many as there are results. */
static PyObject *call_out(Call *c, Frame *f, Scope s) {
    Tensor *out[64];
    int n = 0;
    if (is_tensor(f->out)) out[n++] = tensor_of(f->out);
    else if (PyTuple_Check(f->out) || PyList_Check(f->out)) {
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(f->out) && n < RL_COUNT(out); i++) {
            PyObject *o = PySequence_Fast_GET_ITEM(f->out, i);
            if (!is_tensor(o)) {
                rl_scope_close(s);
                return PyErr_Format(PyExc_TypeError, "%s(): argument 'out' must be tuple of Tensors, not %s at pos %zd", c->op->parsed->name, type_name(o), i + 1);
            }
            out[n++] = tensor_of(o);
        }
    }
    if (n == 0 || (c->op->parsed->nout >= 0 && n != c->op->parsed->nout)) {
        rl_scope_close(s);
        return PyErr_Format(PyExc_TypeError, "%s(): argument 'out' must be %s, not %s", c->op->parsed->name,
                            c->op->parsed->nout == 1 ? "Tensor" : "tuple of Tensors, one for each result", type_name(f->out));
    }
    if (!rl_call_out(c, n, out)) return failed(s);
    rl_scope_close(s);
    if (rl_thread.failed) return raise_pending();
    if (c->op->parsed->nout < 0) Py_RETURN_NONE;
    if (n == 1) return Py_NewRef(f->out);
    PyObject *type = c->op->parsed->out_name[0] ? structseq_type(c->op) : NULL;
    PyObject *tuple = type ? PyStructSequence_New((PyTypeObject *)type) : PyTuple_New(n);
    for (int i = 0; tuple && i < n; i++) PyTuple_SET_ITEM(tuple, i, Py_NewRef(object_of(out[i])));
    return tuple;
}

static PyObject *call_inplace(Call *c, Scope s) {
    Tensor *self = c->arg[0].tag == A_TENSOR ? c->arg[0].tensor : NULL;
    if (!self) {
        rl_scope_close(s);
        return PyErr_Format(PyExc_TypeError, "%s_(): argument 'input' must be Tensor", c->op->parsed->name);
    }
    if (!rl_call_inplace(c)) return failed(s);
    rl_scope_close(s);
    return RL_UNLIKELY(rl_thread.failed) ? raise_pending() : Py_NewRef(object_of(self));
}

/* requires_grad=True of the creating functions. */
static bool ask_grad(const Arg *given, Call *c) { return !given->b || (c->out[0] && rl_require_grad_new(c->out[0])); }

/* device=, or the default device where tensors are made from nothing. */
static bool call_on_device(Call *c, const Frame *f) {
    bool takes = false, from_tensors = false;
    for (int k = 0; k < c->nargs; k++) {
        takes |= c->op->parsed->param[k].kind == P_DEVICE;
        from_tensors |= c->arg[k].tag == A_TENSOR || c->arg[k].tag == A_TENSORS;
    }
    bool meta = takes && (f->device == DEVICE_META || (!f->device && !from_tensors && device_default() == DEVICE_META));
    if (meta) return rl_call_meta(c, rl_call);
    if (!rl_call(c)) return false;
    if (f->device == DEVICE_CPU) rl_mark_meta(c, false);
    return true;
}

static PyObject *dispatch(PyOp *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    return call_torch_function((PyObject *)self, args, nargs, kwnames);
}

static PyObject *op_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
    PyOp *self = (PyOp *)callable;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    Frame f;
    Op *op;
    Scope s = rl_scope_open();
    if (RL_UNLIKELY(bind_args(self->op, self->method, args, nargs, kwnames, &f, &op) != MATCH)) {
        rl_scope_close(s);
        return older_form(callable, self->name, self->method, self->op->parsed->name, args, nargs, kwnames);
    }
    if (RL_UNLIKELY(f.overloaded != NULL)) {
        rl_scope_close(s);
        return dispatch(self, args, nargs, kwnames);
    }
    Call c;             /* what a forward has to fill in itself is not cleared */
    c.op = op;
    c.arg = f.arg;
    c.nargs = op->parsed->nparams;
    c.nout = 0;
    c.out = c.out_inline;
    c.dest = NULL;
    c.dests = NULL;
    c.ndests = 0;
    c.inplace = false;
    c.node = NULL;
    c.result = a_none();
    if (RL_UNLIKELY(self->form == INPLACE_FORM)) return call_inplace(&c, s);
    if (RL_UNLIKELY(f.out != NULL)) return call_out(&c, &f, s);
    if (RL_UNLIKELY(!(RL_UNLIKELY(rl_meta_seen) ? call_on_device(&c, &f) : rl_call(&c)))) return failed(s);
    if (RL_UNLIKELY(op->grad_param > 0 && op->parsed->nout == 1 && !ask_grad(&f.arg[op->grad_param], &c))) return failed(s);
    return op_results(&c, s);
}

/* What is contiguous is its own result. */
static PyObject *contiguous_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
    if (PyVectorcall_NARGS(nargsf) == 1 && !kwnames && is_exact(args[0]) && rl_is_contiguous(tensor_of(args[0]))) return Py_NewRef(args[0]);
    return op_call(callable, args, nargsf, kwnames);
}

/* ---- what the objects say about themselves ---- */

PyObject *op_text_signature(const Op *op, bool method) {
    const Sig *sig = op->parsed;
    PyObject *text = PyUnicode_FromString(method ? "($self" : "(");
    for (int k = method; text && k < sig->nparams; k++) {
        const Param *p = &sig->param[k];
        bool star = p->keyword_only && !(k && (sig->param[k - 1].keyword_only || sig->param[k - 1].variadic));
        const char *value = p->has_default ? p->kind == P_DTYPE || p->kind == P_MEMORY_FORMAT || p->kind == P_LAYOUT ? "None" : p->default_text : "";
        PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("%s%s%s%s%s%s", k ? ", " : "", star ? "*, " : "", p->variadic ? "*" : "", p->name, p->has_default && !p->variadic ? "=" : "",
                                                           p->variadic ? "" : value));
    }
    bool out = op->where & OUT && !method;
    bool star = sig->nparams == sig->npositional && !(sig->nparams && sig->param[sig->nparams - 1].variadic);
    if (text && out) PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("%s%sout=None", sig->nparams ? ", " : "", star ? "*, " : ""));
    if (text) PyUnicode_AppendAndDel(&text, PyUnicode_FromString(")"));
    return text;
}

static PyObject *op_signature(PyObject *self, void *unused) { return op_text_signature(((PyOp *)self)->op, ((PyOp *)self)->method); }

/* All overloads as one inspect.Signature, which Python builds. */
static PyObject *op_signature_object(PyObject *self, void *unused) {
    const PyOp *o = (PyOp *)self;
    PyObject *texts = PyList_New(0), *result = NULL, *module = PyImport_ImportModule("rushlight._signatures");
    bool ok = texts && module;
    for (const Op *op = o->op; ok && op; op = op->next) {
        PyObject *text = PyUnicode_FromString(op->sig);
        ok = text && PyList_Append(texts, text) == 0;
        Py_XDECREF(text);
    }
    if (ok) result = PyObject_CallMethod(module, "signature", "OOOO", o->name, texts, o->method ? Py_True : Py_False, o->op->where & OUT ? Py_True : Py_False);
    Py_XDECREF(texts);
    Py_XDECREF(module);
    return result;
}

static PyObject *op_name(PyObject *self, void *unused) { return Py_NewRef(((PyOp *)self)->name); }
static PyObject *op_qualname(PyObject *self, void *unused) {
    PyOp *o = (PyOp *)self;
    return o->method ? PyUnicode_FromFormat("Tensor.%U", o->name) : Py_NewRef(o->name);
}
static PyObject *op_module(PyObject *self, void *unused) {
    PyOp *o = (PyOp *)self;
    return o->module ? Py_NewRef(o->module) : PyUnicode_FromString("rushlight");
}
static PyObject *op_objclass(PyObject *self, void *unused) {
    if (!((PyOp *)self)->method) return PyErr_Format(PyExc_AttributeError, "a function has no __objclass__");
    return Py_NewRef((PyObject *)TensorType);
}
static PyObject *op_self(PyObject *self, void *unused) { Py_RETURN_NONE; }

static PyObject *op_doc(PyObject *self, void *unused) {
    const Op *op = ((PyOp *)self)->op;
    PyObject *text = PyUnicode_FromString("");
    for (const Op *o = op; text && o; o = o->next) PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("%s\n", o->sig));
    for (const Op *o = op; text && o; o = o->next)
        if (o->doc) PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("\n%s\n", o->doc));
    if (text && op->formula) PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("\nGradient: %s\n", op->formula));
    return text;
}

static PyObject *op_repr(PyObject *self) {
    PyOp *o = (PyOp *)self;
    return o->method ? PyUnicode_FromFormat("<method '%U' of 'rushlight.Tensor' objects>", o->name) : PyUnicode_FromFormat("<built-in function %U>", o->name);
}

static PyObject *op_reduce(PyObject *self, PyObject *unused) {
    PyOp *o = (PyOp *)self;
    if (!o->method) return Py_NewRef(o->name);
    PyObject *builtins = PyEval_GetBuiltins(), *getattr = builtins ? PyDict_GetItemString(builtins, "getattr") : NULL;
    return getattr ? Py_BuildValue("O(OO)", getattr, TensorType, o->name) : NULL;
}
static PyObject *op_copy(PyObject *self, PyObject *unused) { return Py_NewRef(self); }

static PyObject *function_get(PyObject *self, PyObject *o, PyObject *type) { return Py_NewRef(self); }
static PyObject *method_get(PyObject *self, PyObject *o, PyObject *type) { return o && o != Py_None ? PyMethod_New(self, o) : Py_NewRef(self); }

static void op_dealloc(PyObject *self) {
    PyOp *o = (PyOp *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (o->weakrefs) PyObject_ClearWeakRefs(self);
    Py_CLEAR(o->dict);
    Py_CLEAR(o->name);
    Py_CLEAR(o->module);
    type->tp_free(self);
    Py_DECREF(type);
}
static int op_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((PyOp *)self)->dict);
    return 0;
}
static int op_clear(PyObject *self) {
    Py_CLEAR(((PyOp *)self)->dict);
    return 0;
}

static PyGetSetDef op_getset[] = {
    {"__name__", op_name, NULL, NULL, NULL}, {"__qualname__", op_qualname, NULL, NULL, NULL}, {"__module__", op_module, NULL, NULL, NULL},
    {"__doc__", op_doc, NULL, NULL, NULL}, {"__text_signature__", op_signature, NULL, NULL, NULL}, {"__signature__", op_signature_object, NULL, NULL, NULL}, {"__self__", op_self, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL},
};
static PyGetSetDef method_getset[] = {
    {"__name__", op_name, NULL, NULL, NULL}, {"__qualname__", op_qualname, NULL, NULL, NULL}, {"__module__", op_module, NULL, NULL, NULL},
    {"__doc__", op_doc, NULL, NULL, NULL}, {"__text_signature__", op_signature, NULL, NULL, NULL}, {"__signature__", op_signature_object, NULL, NULL, NULL}, {"__objclass__", op_objclass, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL},
};
static PyMethodDef op_methods[] = {
    {"__reduce__", op_reduce, METH_NOARGS, NULL}, {"__copy__", op_copy, METH_NOARGS, NULL}, {"__deepcopy__", op_copy, METH_O, NULL}, {NULL},
};
static PyMemberDef op_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyOp, call), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyOp, weakrefs), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(PyOp, dict), READONLY, NULL},
    {NULL},
};
#define COMMON_SLOTS                                                                                              \
    {Py_tp_dealloc, op_dealloc}, {Py_tp_traverse, op_traverse}, {Py_tp_clear, op_clear}, {Py_tp_repr, op_repr},   \
    {Py_tp_call, PyVectorcall_Call}, {Py_tp_methods, op_methods}, {Py_tp_members, op_members}
static PyType_Slot function_slots[] = {COMMON_SLOTS, {Py_tp_getset, op_getset}, {Py_tp_descr_get, function_get}, {0, NULL}};
static PyType_Slot method_slots[] = {COMMON_SLOTS, {Py_tp_getset, method_getset}, {Py_tp_descr_get, method_get}, {0, NULL}};
enum { OP_FLAGS = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION };
static PyType_Spec function_spec = {"rushlight._C.builtin_function", sizeof(PyOp), 0, OP_FLAGS, function_slots};
static PyType_Spec method_spec = {"rushlight._C.method_descriptor", sizeof(PyOp), 0, OP_FLAGS | Py_TPFLAGS_METHOD_DESCRIPTOR, method_slots};

/* ---- one object per row and place ---- */

static PyObject *make_callable(Op *op, const char *name, int form, bool method, const char *module) {
    PyTypeObject *type = method ? MethodType : FunctionType;
    PyOp *o = (PyOp *)type->tp_alloc(type, 0);
    if (!o) return NULL;
    o->call = method && !strcmp(name, "contiguous") ? contiguous_call : op_call;
    o->op = op;
    o->form = (uint8_t)form;
    o->method = method;
    o->name = PyUnicode_InternFromString(name);
    o->module = module ? PyUnicode_InternFromString(module) : NULL;
    if (!o->name) Py_CLEAR(o);
    return (PyObject *)o;
}

typedef struct Space { uint32_t flag; const char *prefix, *attribute, *module; PyObject *object; } Space;

static Space spaces[] = {
    {FUNCTION, NULL, "_VariableFunctions", "rushlight", NULL}, {NN, "nn", "_nn", "rushlight._C._nn", NULL},
    {LINALG, "linalg", "_linalg", "rushlight._C._linalg", NULL}, {FFT, "fft", "_fft", "rushlight._C._fft", NULL},
    {SPECIAL, "special", "_special", "rushlight._C._special", NULL}, {0, NULL, "_ops", "rushlight._C._ops", NULL},
};
enum { ALL_OPS = RL_COUNT(spaces) - 1 };

static bool put_function(Space *space, Op *op, const char *name, int form) {
    PyObject *function = make_callable(op, name, form, false, space->module);
    bool ok = function && PyObject_SetAttrString(space->object, name, function) == 0;
    Py_XDECREF(function);
    return ok;
}

static bool put_method(Op *op, const char *name, int form) {
    if (PyDict_GetItemString(TensorType->tp_dict, name)) return true;     /* written by hand */
    PyObject *method = make_callable(op, name, form, true, NULL);
    bool ok = method && PyObject_SetAttrString((PyObject *)TensorType, name, method) == 0;
    Py_XDECREF(method);
    return ok;
}

PyObject *op_method(const char *name) { return PyDict_GetItemString(TensorType->tp_dict, name); }

/* Whether a function form `name_` makes sense anyway: one tensor and nothing else that must be given.  Rows of nn always have it. */
static bool is_unary(const Op *op) {
    for (int k = 1; k < op->parsed->nparams; k++)
        if (!op->parsed->param[k].has_default) return false;
    return true;
}

static bool put_everywhere(Op *op, const char *name, uint32_t where, const char *only) {
    char inplace[128], flat[128];
    snprintf(inplace, sizeof inplace, "%s_", name);
    int form = where & METHOD_ONLY_INPLACE ? INPLACE_FORM : PLAIN;
    for (int i = 0; i < ALL_OPS; i++) {
        bool here = only ? spaces[i].prefix && !strcmp(spaces[i].prefix, only) : (where & spaces[i].flag) != 0;
        if (!here) continue;
        if (!put_function(&spaces[i], op, name, form)) return false;
        if (where & INPLACE && (is_unary(op) || where & NN) && spaces[i].flag & (FUNCTION | NN) && !put_function(&spaces[i], op, inplace, INPLACE_FORM)) return false;
    }
    if (only) {
        snprintf(flat, sizeof flat, "%s_%s", only, name);
        return put_function(&spaces[ALL_OPS], op, flat, form);
    }
    if (!put_function(&spaces[ALL_OPS], op, name, form)) return false;
    if (where & (METHOD | METHOD_ONLY_INPLACE) && !put_method(op, name, form)) return false;
    if (where & INPLACE && where & (METHOD | FUNCTION) && !put_method(op, inplace, INPLACE_FORM)) return false;
    return !(where & INPLACE) || put_function(&spaces[ALL_OPS], op, inplace, INPLACE_FORM);
}

/* "linalg.solve" goes to one namespace, "solve" to those its flags name. */
static bool put_name(Op *op, const char *full, uint32_t where) {
    char prefix[32];
    const char *dot = strrchr(full, '.');
    if (!dot) return put_everywhere(op, full, where, NULL);
    snprintf(prefix, sizeof prefix, "%.*s", (int)(dot - full), full);
    return put_everywhere(op, dot + 1, where, prefix);
}

static bool put_row(Op *op) {
    uint32_t where = 0;
    for (Op *o = op; o; o = o->next) where |= o->where;
    if (!put_name(op, op->parsed->name, where)) return false;
    char word[96];
    for (const char *p = op->aliases; p && *p;) {
        size_t n = strcspn(p, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        if (n && !put_name(op, word, where)) return false;
        p += n + strspn(p + n, " ");
    }
    return true;
}

static void intern_keys(Op *op) {
    for (int k = 0; k < op->parsed->nparams; k++) {
        op->parsed->param[k].key = PyUnicode_InternFromString(op->parsed->param[k].name);
        if (k >= op->parsed->npositional && !strcmp(op->parsed->param[k].name, "requires_grad")) op->grad_param = k;
    }
}

/* Modules, so that pickle and `import rushlight._C._nn` find what is inside. */
static bool make_spaces(PyObject *module) {
    for (int i = 0; i < RL_COUNT(spaces); i++) {
        char full[64];
        snprintf(full, sizeof full, "rushlight._C.%s", spaces[i].attribute);
        PyObject *space = PyImport_AddModule(full);
        if (!space || PyModule_AddObjectRef(module, spaces[i].attribute, space) < 0) return false;
        spaces[i].object = space;
    }
    return true;
}

bool ops_bind(PyObject *module) {
    FunctionType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &function_spec, NULL);
    MethodType = (PyTypeObject *)PyType_FromModuleAndSpec(module, &method_spec, NULL);
    if (!FunctionType || !MethodType || !make_spaces(module)) return false;
    if (PyModule_AddType(module, FunctionType) < 0 || PyModule_AddType(module, MethodType) < 0) return false;
    for (int i = 0; i < rl_op_count(); i++) intern_keys(rl_op_at(i));
    for (int i = 0; i < rl_op_count(); i++) {
        Op *op = rl_op_at(i);
        if (rl_find(op->parsed->name) == op && !put_row(op)) return false;
    }
    return true;
}
