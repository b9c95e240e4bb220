/* py_args.c -- the arguments of one call against the signatures of one name.
 *
 * Overloads are tried in the order of their rows.  Keywords are told by pointer first (both sides are interned), by text
 * second, then by the names NumPy gives them.  Whoever passes tensors of the exact types pays nothing for __torch_function__. */
#include "bind.h"

#include <string.h>

RL_TLS int torch_function_off;
static PyObject *torch_function_key, *disabled_torch_function, *default_torch_function;

/* ---- __torch_function__ ---- */

/* How a type overrides: 0 not at all, 1 by the inherited default (results keep the subclass), 2 by a method of its own. */
static int override_kind(PyTypeObject *type) {
    PyObject *found = _PyType_Lookup(type, torch_function_key);
    if (!found || found == disabled_torch_function) return 0;
    if (found == default_torch_function) return 1;
    return 2;
}

bool wants_torch_function(PyObject *o) { return !torch_function_off && override_kind(Py_TYPE(o)) != 0; }

PyObject *torch_function_of(PyObject *o) {
    if (torch_function_off || is_exact(o) || PyType_Check(o)) return NULL;
    PyObject *found = _PyType_Lookup(Py_TYPE(o), torch_function_key);
    return found && found != disabled_torch_function ? found : NULL;
}

static bool add_overloaded(PyObject *list, PyObject *o) {
    if (!torch_function_of(o)) return true;
    Py_ssize_t at = PyList_GET_SIZE(list);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyTypeObject *other = Py_TYPE(PyList_GET_ITEM(list, i));
        if (other == Py_TYPE(o)) return true;
        if (at == PyList_GET_SIZE(list) && PyType_IsSubtype(Py_TYPE(o), other)) at = i;   /* subclasses first */
    }
    return PyList_Insert(list, at, o) == 0;
}

static bool collect(PyObject *list, PyObject *o) {
    if (!PyTuple_Check(o) && !PyList_Check(o)) return add_overloaded(list, o);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); i++)
        if (!add_overloaded(list, PySequence_Fast_GET_ITEM(o, i))) return false;
    return true;
}

static PyObject *ask_in_turn(PyObject *func, PyObject *list, PyObject *args, PyObject *kwargs) {
    Py_ssize_t n = PyList_GET_SIZE(list);
    PyObject *types = PyTuple_New(n);
    for (Py_ssize_t i = 0; types && i < n; i++) PyTuple_SET_ITEM(types, i, Py_NewRef(Py_TYPE(PyList_GET_ITEM(list, i))));
    PyObject *result = types ? Py_NewRef(Py_NotImplemented) : NULL;
    for (Py_ssize_t i = 0; result == Py_NotImplemented && i < n; i++) {
        PyObject *o = PyList_GET_ITEM(list, i);
        Py_DECREF(result);
        result = PyObject_CallMethodObjArgs(o, torch_function_key, func, types, args, kwargs, NULL);
    }
    if (result == Py_NotImplemented) {
        Py_DECREF(result);
        result = PyErr_Format(PyExc_TypeError, "Multiple dispatch failed for %R; all __torch_function__ handlers returned NotImplemented: %R", func, types);
    }
    Py_XDECREF(types);
    return result;
}

PyObject *call_torch_function(PyObject *func, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    PyObject *list = PyList_New(0), *tuple = PyTuple_New(nargs), *kwargs = PyDict_New(), *result = NULL;
    if (!list || !tuple || !kwargs) goto done;
    for (Py_ssize_t i = 0; i < nargs; i++) {
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
        if (!collect(list, args[i])) goto done;
    }
    for (Py_ssize_t i = 0; i < nkw; i++) {
        if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0 || !collect(list, args[nargs + i])) goto done;
    }
    result = ask_in_turn(func, list, tuple, kwargs);
done:
    Py_XDECREF(list);
    Py_XDECREF(tuple);
    Py_XDECREF(kwargs);
    return result;
}

/* ---- keywords ---- */

typedef struct Alias { const char *theirs, *ours; PyObject *key; } Alias;

/* NumPy's names, and the names torch's own functions and methods use for the same argument. */
static Alias aliases[] = {
    {"axis", "dim", NULL}, {"keepdims", "keepdim", NULL}, {"x", "input", NULL}, {"a", "input", NULL}, {"x1", "input", NULL},
    {"x2", "other", NULL}, {"axis", "dims", NULL}, {"self", "input", NULL}, {"input", "self", NULL}, {"input", "A", NULL}, {"input", "x", NULL},
    {"axis0", "dim0", NULL}, {"axis1", "dim1", NULL}, {"from", "from_", NULL},
};

static int find_alias(const Sig *sig, PyObject *key) {
    for (int k = 0; k < RL_COUNT(aliases); k++) {
        if (aliases[k].key != key) continue;
        for (int i = 0; i < sig->nparams; i++)
            if (!strcmp(sig->param[i].name, aliases[k].ours)) return i;
    }
    return -1;
}

/* Keys that Python code writes down are interned, so that one pointer tells; others are looked up first. */
static int find_key(const Sig *sig, PyObject *key) {
    for (int i = 0; i < sig->nparams; i++)
        if (sig->param[i].key == (void *)key) return i;
    if (RL_LIKELY(PyUnicode_CHECK_INTERNED(key))) return find_alias(sig, key);
    const char *text = PyUnicode_AsUTF8(key);
    PyObject *same = text ? PyUnicode_InternFromString(text) : NULL;
    int found = same ? find_key(sig, same) : -1;
    Py_XDECREF(same);
    PyErr_Clear();
    return found;
}

/* Keywords that a creating function takes although they do not change what it computes. */
static int extra_keyword(const Op *op, PyObject *key, PyObject *value, Frame *f) {
    if (PyUnicode_CompareWithASCIIString(key, "out") == 0 && op->where & OUT) {
        f->out = value == Py_None ? NULL : value;
        return MATCH;
    }
    return MISMATCH;
}

/* ---- one signature ---- */

enum { WHY_TYPE = 1, WHY_MISSING, WHY_TOO_MANY, WHY_UNKNOWN_KEY, WHY_TWICE, WHY_NO_TENSOR };

static int because(Frame *f, int why, const Param *p, PyObject *value) {
    f->why = why;
    f->why_param = p;
    if (!f->why_text) f->why_value = value;
    return MISMATCH;
}

static inline int place(Frame *f, const Sig *sig, int k, PyObject *value) {
    uint8_t kind = sig->param[k].kind;
    if (RL_LIKELY(is_exact(value)) && (kind == P_TENSOR || kind == P_TENSOR_OR_NUMBER)) {
        f->arg[k] = a_t(tensor_of(value));
        return MATCH;
    }
    int ok = convert(f, &sig->param[k], value, &f->arg[k]);
    return RL_LIKELY(ok == MATCH) ? MATCH : ok == MISMATCH ? because(f, WHY_TYPE, &sig->param[k], value) : RAISED;
}

/* *size: one sequence, or all that is left. */
static int place_rest(Frame *f, const Sig *sig, int k, PyObject *const *args, Py_ssize_t n) {
    const Param *p = &sig->param[k];
    if (n == 1 && (PyTuple_Check(args[0]) || PyList_Check(args[0]))) return place(f, sig, k, args[0]);
    if (p->kind == P_INTS) {
        int ok = convert_ints(f, args, n, &f->arg[k]);
        return ok == MISMATCH ? because(f, WHY_TYPE, p, args[0]) : ok;
    }
    PyObject *rest = PyTuple_New(n);
    if (!rest) return RAISED;
    for (Py_ssize_t i = 0; i < n; i++) PyTuple_SET_ITEM(rest, i, Py_NewRef(args[i]));
    int ok = convert(f, p, rest, &f->arg[k]);
    if (ok == MISMATCH) because(f, WHY_TYPE, p, n ? args[0] : Py_None);
    Py_DECREF(rest);        /* its items live on in the caller's arguments */
    return ok;
}

static int bind_keywords(const Op *op, PyObject *const *values, PyObject *kwnames, Frame *f, uint32_t *given) {
    const Sig *sig = op->parsed;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); i++) {
        PyObject *key = PyTuple_GET_ITEM(kwnames, i);
        int k = find_key(sig, key);
        if (k < 0) {
            if (extra_keyword(op, key, values[i], f) == MATCH) continue;
            return because(f, WHY_UNKNOWN_KEY, NULL, key);
        }
        if (*given >> k & 1) return because(f, WHY_TWICE, &sig->param[k], values[i]);
        int ok = place(f, sig, k, values[i]);
        if (ok != MATCH) return ok;
        *given |= UINT32_C(1) << k;
    }
    return MATCH;
}

static int bind_one(const Op *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Frame *f) {
    const Sig *sig = op->parsed;
    uint32_t given = 0;
    Py_ssize_t i = 0;
    int k = 0;
    for (; i < nargs; k++) {
        if (RL_UNLIKELY(k >= sig->npositional)) return because(f, WHY_TOO_MANY, NULL, NULL);
        bool rest = sig->param[k].variadic;
        int ok = rest ? place_rest(f, sig, k, args + i, nargs - i) : place(f, sig, k, args[i]);
        if (RL_UNLIKELY(ok != MATCH)) {
            if (!rest && !f->why_text) f->why_position = (int)i;
            return ok;
        }
        given |= UINT32_C(1) << k;
        i = rest ? nargs : i + 1;
    }
    if (kwnames) {
        int ok = bind_keywords(op, args + nargs, kwnames, f, &given);
        if (ok != MATCH) return ok;
    }
    for (k = kwnames ? 0 : k; k < sig->nparams; k++) {
        if (given >> k & 1) continue;
        const Param *p = &sig->param[k];
        if (RL_UNLIKELY(!p->has_default)) {
            if (p->variadic && p->kind == P_TENSORS) {
                f->arg[k] = a_ts(0, f->tensors);
                continue;
            }
            return because(f, WHY_MISSING, p, NULL);
        }
        f->arg[k] = p->value;
    }
    /* pow(2, x) is a call, pow(2, 3) is none, add(2, 3) is one */
    if (RL_UNLIKELY(sig->param[0].kind == P_TENSOR_OR_NUMBER && sig->npositional == 2 && sig->param[1].kind == P_TENSOR_OR_NUMBER) && f->arg[0].tag != A_TENSOR &&
        f->arg[1].tag != A_TENSOR) {
        if (!(op->flags & NUMBERS_ALONE)) return because(f, WHY_NO_TENSOR, NULL, NULL);
        Tensor *first = rl_scalar(rl_result_type(1, f->arg), &f->arg[0]);
        if (!first) return RAISED;
        f->arg[0] = a_t(first);
    }
    return MATCH;
}

static void reset(Frame *f) {
    f->nints = f->ntensors = f->ncomplex = f->why = 0;
    f->out = f->overloaded = f->why_value = NULL;
    f->why_param = NULL;
    f->why_text = NULL;
    f->why_position = -1;
    f->device = DEVICE_UNSAID;
}

/* ---- what to say when nothing fits ---- */

/* A parameter's type in torch's words. */
static const char *kind_words(const Param *p) {
    switch ((ParamKind)p->kind) {
    case P_TENSOR: return "Tensor";
    case P_TENSORS: return "tuple of Tensors";
    case P_NUMBER: return "Number";
    case P_TENSOR_OR_NUMBER: return "Tensor";
    case P_BOOL: return "bool";
    case P_INT: return "int";
    case P_FLOAT: return "float";
    case P_STR: return "str";
    case P_DTYPE: return "torch.dtype";
    case P_INTS: return "tuple of ints";
    case P_FLOATS: return "tuple of floats";
    case P_GENERATOR: return "torch.Generator";
    case P_LAYOUT: return "torch.layout";
    case P_DEVICE: return "torch.device";
    case P_MEMORY_FORMAT: return "torch.memory_format";
    case P_OBJECT: return "object";
    }
    return "object";
}

static const char *call_name(const Op *op) {
    const char *dot = strrchr(op->parsed->name, '.');
    return dot ? dot + 1 : op->parsed->name;
}

static int missing_count(const Op *op, Py_ssize_t nargs, PyObject *kwnames, PyObject **names) {
    int n = 0;
    *names = PyList_New(0);
    for (int k = (int)nargs; k < op->parsed->npositional; k++) {
        const Param *p = &op->parsed->param[k];
        bool given = p->has_default;
        for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); i++)
            given |= PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i), p->name) == 0;
        if (given) continue;
        n++;
        PyObject *quoted = PyUnicode_FromFormat("\"%s\"", p->name);
        if (*names && quoted) PyList_Append(*names, quoted);
        Py_XDECREF(quoted);
    }
    return n;
}

static void say_missing(const Op *op, Py_ssize_t nargs, PyObject *kwnames) {
    PyObject *names, *comma = PyUnicode_FromString(", ");
    int n = missing_count(op, nargs, kwnames, &names);
    PyObject *text = names && comma ? PyUnicode_Join(comma, names) : NULL;
    if (text) PyErr_Format(PyExc_TypeError, "%s() missing %d required positional arguments: %U", call_name(op), n, text);
    Py_XDECREF(text);
    Py_XDECREF(names);
    Py_XDECREF(comma);
}

static void say_too_many(const Op *op, bool method, Py_ssize_t nargs) {
    const Sig *sig = op->parsed;
    int least = 0, most = sig->npositional - method;
    for (int k = method; k < sig->npositional; k++) least += !sig->param[k].has_default;
    nargs -= method;
    if (most == 0) PyErr_Format(PyExc_TypeError, "%s() takes no arguments (%zd given)", call_name(op), nargs);
    else if (least == most) PyErr_Format(PyExc_TypeError, "%s() takes %d positional argument%s but %zd %s given", call_name(op), most, most == 1 ? "" : "s", nargs, nargs == 1 ? "was" : "were");
    else PyErr_Format(PyExc_TypeError, "%s() takes from %d to %d positional arguments but %zd were given", call_name(op), least, most, nargs);
}

static void say_type(const Op *op, bool method, const Frame *f) {
    const Param *p = f->why_param;
    const char *got = f->why_value ? type_name(f->why_value) : "nothing";
    if (p->kind == P_TENSORS && f->why_text && !strcmp(f->why_text, "element")) {
        PyErr_Format(PyExc_TypeError, "expected Tensor as element %d in argument 0, but got %s (%s(): argument '%s')", f->why_position, got, call_name(op), p->name);
        return;
    }
    if (f->why_text && !strcmp(f->why_text, "item")) {
        PyErr_Format(PyExc_TypeError, "%s(): argument '%s' failed to unpack the object at pos %d with error \"type must be %s,but got %s\"",
                     call_name(op), p->name, f->why_position + 1, kind_words(p), got);
        return;
    }
    int position = f->why_position >= 0 ? f->why_position + 1 - method : 0;
    if (position > 0) PyErr_Format(PyExc_TypeError, "%s(): argument '%s' (position %d) must be %s, not %s", call_name(op), p->name, position, kind_words(p), got);
    else PyErr_Format(PyExc_TypeError, "%s(): argument '%s' must be %s, not %s", call_name(op), p->name, kind_words(p), got);
}

/* "(Tensor, dim=str)": what came. */
static PyObject *describe_given(bool method, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    PyObject *text = PyUnicode_FromString("(");
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = method; text && i < nargs; i++) PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("%s%s", i > method ? ", " : "", type_name(args[i])));
    for (Py_ssize_t i = 0; text && i < nkw; i++)
        PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("%s%U=%s", i || nargs > method ? ", " : "", PyTuple_GET_ITEM(kwnames, i), type_name(args[nargs + i])));
    if (text) PyUnicode_AppendAndDel(&text, PyUnicode_FromString(")"));
    return text;
}

/* "(Tensor input, int dim, bool keepdim = False, *, torch.dtype dtype = None)": what fits. */
static PyObject *describe_wanted(const Op *op, bool method) {
    const Sig *sig = op->parsed;
    PyObject *text = PyUnicode_FromString("(");
    for (int k = method; text && k < sig->nparams; k++) {
        const Param *p = &sig->param[k];
        bool star = p->keyword_only && (k == 0 || !sig->param[k - 1].keyword_only) && !(k && sig->param[k - 1].variadic);
        PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("%s%s%s %s%s%s", k > method ? ", " : "", star ? "*, " : "", kind_words(p), p->name,
                                                           p->has_default ? " = " : "", p->has_default ? p->default_text : ""));
    }
    bool starred = sig->nparams && (sig->param[sig->nparams - 1].keyword_only || sig->param[sig->nparams - 1].variadic);
    if (text && op->where & OUT && !method) PyUnicode_AppendAndDel(&text, PyUnicode_FromString(starred ? ", Tensor out = None" : ", *, Tensor out = None"));
    if (text) PyUnicode_AppendAndDel(&text, PyUnicode_FromString(")"));
    return text;
}

static void say_none_of_many(const Op *first, bool method, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    PyObject *given = describe_given(method, args, nargs, kwnames), *wanted = PyUnicode_FromString("");
    for (const Op *op = first; op && wanted; op = op->next) {
        PyObject *line = describe_wanted(op, method);
        PyUnicode_AppendAndDel(&wanted, line ? PyUnicode_FromFormat(" * %U\n", line) : NULL);
        Py_XDECREF(line);
    }
    if (given && wanted) PyErr_Format(PyExc_TypeError, "%s() received an invalid combination of arguments - got %U, but expected one of:\n%U", call_name(first), given, wanted);
    Py_XDECREF(given);
    Py_XDECREF(wanted);
}

/* An argument that is no tensor may still bring a __torch_function__ of its own. */
static PyObject *foreign_override(PyObject *const *args, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; i++) {
        if (torch_function_of(args[i])) return args[i];
        if (!PyTuple_Check(args[i]) && !PyList_Check(args[i])) continue;
        for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(args[i]); k++)
            if (torch_function_of(PySequence_Fast_GET_ITEM(args[i], k))) return PySequence_Fast_GET_ITEM(args[i], k);
    }
    return NULL;
}

static int explain(Op *first, bool method, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Frame *f) {
    f->overloaded = foreign_override(args, nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0));
    if (f->overloaded) return MATCH;
    if (first->next || f->why == WHY_NO_TENSOR) say_none_of_many(first, method, args, nargs, kwnames);
    else if (f->why == WHY_MISSING) say_missing(first, nargs, kwnames);
    else if (f->why == WHY_TOO_MANY) say_too_many(first, method, nargs);
    else if (f->why == WHY_UNKNOWN_KEY) PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", call_name(first), f->why_value);
    else if (f->why == WHY_TWICE) PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", call_name(first), f->why_param->name);
    else say_type(first, method, f);
    return RAISED;
}

int bind_args(Op *first, bool method, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Frame *f, Op **chosen) {
    for (Op *op = first; op; op = op->next) {
        reset(f);
        int ok = bind_one(op, args, nargs, kwnames, f);
        if (RL_LIKELY(ok == MATCH)) {
            *chosen = op;
            return MATCH;
        }
        if (ok == RAISED) return RAISED;
    }
    *chosen = first;
    return explain(first, method, args, nargs, kwnames, f);
}

/* ---- methods bound by hand ---- */

PyObject *only_argument(const char *method, const char *key, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    Py_ssize_t named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < named; i++)
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i), key)) return PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", method, PyTuple_GET_ITEM(kwnames, i));
    if (n + named > 1) return PyErr_Format(PyExc_TypeError, "%s() takes one argument, %s, but %zd were given", method, key, n + named);
    return n + named ? args[0] : NULL;
}

PyObject *needed_argument(const char *method, const char *key, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
    PyObject *o = only_argument(method, key, args, n, kwnames);
    return o || PyErr_Occurred() ? o : PyErr_Format(PyExc_TypeError, "%s() missing 1 required positional arguments: \"%s\"", method, key);
}

bool args_start(void) {
    torch_function_key = PyUnicode_InternFromString("__torch_function__");
    for (int k = 0; k < RL_COUNT(aliases); k++) aliases[k].key = PyUnicode_InternFromString(aliases[k].theirs);
    disabled_torch_function = PyObject_GetAttrString(the_module, "_disabled_torch_function_impl");
    default_torch_function = PyDict_GetItemString(TensorType->tp_dict, "__torch_function__");
    return torch_function_key && disabled_torch_function && default_torch_function;
}
