/* py_index.c -- x[...] and x[...] = v.
 *
 * An index is read from left to right.  Ints, slices, None and ... become views, one operation each; tensors, lists and masks
 * are noted for the dim they stand at and applied together at the end.  Views share memory and know their base, so
 * writing is: find the view, then copy_, fill_ or index_put_. */
#include "bind.h"

#include <string.h>

typedef struct Walk {
    Tensor *view;              /* the tensor after the steps so far */
    int dim;                   /* the next dim of view that an index applies to */
    int place;                 /* the dim of the original, for messages */
    int nspecified;            /* dims that the whole index speaks of */
    Tensor *at[RL_MAX_DIMS + 1];   /* noted tensors, by dim of view */
    int nat;
} Walk;

static Op *select_op, *slice_op, *unsqueeze_op, *index_op, *index_put_op, *copy_op, *fill_op, *masked_fill_op;

static bool need_rows(void) {
    if (RL_LIKELY(select_op != NULL)) return true;
    slice_op = rl_find("_slice");
    unsqueeze_op = rl_find("unsqueeze");
    index_op = rl_find("_index");
    index_put_op = rl_find("index_put");
    copy_op = rl_find("copy_");
    fill_op = rl_find("fill");
    masked_fill_op = rl_find("masked_fill");
    select_op = rl_find("select");
    return select_op || rl_fail(RL_NOT_IMPLEMENTED, "indexing is not part of this build");
}

/* ---- one step ---- */

static bool step_int(Walk *w, int64_t i) {
    Tensor *t = w->view;
    if (t->ndim == 0)
        return rl_fail(RL_INDEX_ERROR, "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number");
    int64_t size = t->shape[w->dim];
    if (i < -size || i >= size)
        return rl_fail(RL_INDEX_ERROR, "index %lld is out of bounds for dimension %d with size %lld", (long long)i, w->place, (long long)size);
    Arg arg[3] = {a_t(t), a_i(w->dim), a_i(i)};
    w->view = rl_apply(select_op, arg);
    w->place++;
    return w->view != NULL;
}

static bool step_slice(Walk *w, PyObject *slice) {
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0) return fail_from_python();
    if (step <= 0) return rl_fail(RL_VALUE_ERROR, "step must be greater than zero (got %zd); use flip for the reverse order", step);
    int64_t size = w->view->shape[w->dim];
    Py_ssize_t length = PySlice_AdjustIndices((Py_ssize_t)size, &start, &stop, step);
    if (start > stop) stop = start;
    if (length != size || step != 1) {
        Arg arg[5] = {a_t(w->view), a_i(w->dim), a_i(start), a_i(stop), a_i(step)};
        w->view = rl_apply(slice_op, arg);
    }
    w->dim++;
    w->place++;
    return w->view != NULL;
}

static bool step_new_dim(Walk *w) {
    Arg arg[2] = {a_t(w->view), a_i(w->dim)};
    w->view = rl_apply(unsqueeze_op, arg);
    if (!w->view) return false;
    for (int d = w->nat; d > w->dim; d--) w->at[d] = w->at[d - 1];
    return true;
}

static bool note(Walk *w, Tensor *index, int dims) {
    if (!index) return false;
    while (w->nat < w->dim + dims) w->at[w->nat++] = NULL;
    w->at[w->dim] = index;
    w->dim += dims;
    w->place += dims;
    return true;
}

/* x[True]: a new dim of size one, of which one element, or none, is taken. */
static bool step_bool(Walk *w, bool taken) {
    if (!step_new_dim(w)) return false;
    w->place--;
    return note(w, taken ? rl_zeros(1, (int64_t[]){1}, RL_INT64) : rl_empty(1, (int64_t[]){0}, RL_INT64), 1);
}

static bool is_mask(const Tensor *t) { return t->dtype == RL_BOOL || t->dtype == RL_UINT8; }

static bool step_tensor(Walk *w, Tensor *t) {
    Arg number;
    double store[2];
    if (t->ndim == 0 && rl_dtype_is(t->dtype, CLASS_INTEGRAL)) {
        if (!rl_item(t, &number, store)) return false;
        return is_mask(t) ? step_bool(w, a_int(&number) != 0) : step_int(w, a_int(&number));
    }
    if (t->dtype != RL_BOOL && t->dtype != RL_UINT8 && t->dtype != RL_INT32 && t->dtype != RL_INT64)
        return rl_fail(RL_INDEX_ERROR, "tensors used as indices must be long, int, byte or bool tensors, not %s", rl_dtypes[t->dtype].name);
    if (t->dtype == RL_UINT8) rl_host.warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.");
    if (is_mask(t) && t->numel == 0 && t->ndim == 1 && w->view->shape[w->dim] != 0) t = rl_cast(t, RL_INT64);
    return t && note(w, t, is_mask(t) ? t->ndim : 1);
}

/* A list, a range, an array as a tensor of indices. */
static Tensor *sequence_tensor(PyObject *o) {
    bool mode = rl_thread.grad_mode;
    rl_thread.grad_mode = false;
    Tensor *t = numpy_is_array(o) ? numpy_tensor(o) : data_tensor(o, RL_NO_DTYPE);
    if (t && (t->numel == 0 || (t->dtype != RL_BOOL && rl_dtype_is(t->dtype, CLASS_INTEGRAL) && t->dtype != RL_UINT8))) t = rl_cast(t, RL_INT64);
    rl_thread.grad_mode = mode;
    return t;
}

static bool refuse(PyObject *o) {
    return rl_fail(RL_INDEX_ERROR, "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got %s)", type_name(o));
}

static bool step_other(Walk *w, PyObject *o) {
    int64_t i;
    if (is_tensor(o)) return step_tensor(w, tensor_of(o));
    if (PyBool_Check(o) || numpy_is_bool(o)) return step_bool(w, PyObject_IsTrue(o) == 1);
    int ok = index_from(o, &i);
    if (ok == MATCH) return step_int(w, i);
    if (ok == RAISED) {
        PyErr_Clear();
        return rl_fail(RL_VALUE_ERROR, "Overflow when unpacking long long: an index is too large");
    }
    if (PyFloat_Check(o) || PyDict_Check(o) || !PySequence_Check(o)) return refuse(o);
    Tensor *t = sequence_tensor(o);
    return t && step_tensor(w, t);
}

/* ---- without history ---- */

/* Ints, slices, None and ... alone, on a tensor that is not recorded: the steps only move numbers, and one view is made at the end.
 * Whatever is not as simple, or is an error, takes the other way. */
typedef struct Picture { int n, dim; int64_t offset, shape[RL_MAX_DIMS], stride[RL_MAX_DIMS]; } Picture;

static inline bool draw_int(Picture *p, const Tensor *t, int64_t i) {
    if (p->dim >= t->ndim) return false;
    int64_t size = t->shape[p->dim];
    if (i < -size || i >= size) return false;
    p->offset += (i < 0 ? i + size : i) * t->stride[p->dim++];
    return true;
}

static bool draw_slice(Picture *p, const Tensor *t, PyObject *slice) {
    PySliceObject *o = (PySliceObject *)slice;
    if (p->dim >= t->ndim) return false;
    int64_t size = t->shape[p->dim], step_bytes = t->stride[p->dim];
    if (o->start == Py_None && o->stop == Py_None && o->step == Py_None) {
        p->shape[p->n] = size;
        p->stride[p->n++] = step_bytes;
        p->dim++;
        return true;
    }
    bool plain = (o->start == Py_None || PyLong_CheckExact(o->start)) && (o->stop == Py_None || PyLong_CheckExact(o->stop)) && (o->step == Py_None || PyLong_CheckExact(o->step));
    Py_ssize_t start, stop, step;
    if (!plain) return false;
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0 || step <= 0) {
        PyErr_Clear();
        return false;
    }
    p->shape[p->n] = PySlice_AdjustIndices((Py_ssize_t)size, &start, &stop, step);
    p->stride[p->n++] = step_bytes * step;
    p->offset += start * step_bytes;
    p->dim++;
    return true;
}

static void draw_whole(Picture *p, const Tensor *t, int dims) {
    for (; dims > 0; dims--, p->dim++) {
        p->shape[p->n] = t->shape[p->dim];
        p->stride[p->n++] = t->stride[p->dim];
    }
}

static inline bool draw(Picture *p, const Tensor *t, PyObject *o, int uses) {
    if (PyLong_CheckExact(o)) {
        int overflow;
        long long i = PyLong_AsLongLongAndOverflow(o, &overflow);
        return !overflow && draw_int(p, t, i);
    }
    if (PySlice_Check(o)) return draw_slice(p, t, o);
    if (o == Py_Ellipsis) draw_whole(p, t, t->ndim - p->dim - uses);
    else if (o == Py_None && p->n < RL_MAX_DIMS) {
        p->shape[p->n] = 1;
        p->stride[p->n] = p->dim < t->ndim ? t->shape[p->dim] * t->stride[p->dim] : 1;
        p->n++;
    } else return false;
    return true;
}

static Tensor *quick_view(Tensor *t, PyObject *key) {
    Picture p;
    p.n = p.dim = 0;
    p.offset = t->offset;
    bool tuple = PyTuple_CheckExact(key);
    Py_ssize_t n = tuple ? PyTuple_GET_SIZE(key) : 1;
    if (t->ndim + n > RL_MAX_DIMS) return NULL;
    int uses = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = tuple ? PyTuple_GET_ITEM(key, i) : key;
        uses += PyLong_CheckExact(o) || PySlice_Check(o);
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = tuple ? PyTuple_GET_ITEM(key, i) : key;
        uses -= PyLong_CheckExact(o) || PySlice_Check(o);
        if (!draw(&p, t, o, uses)) return NULL;
    }
    draw_whole(&p, t, t->ndim - p.dim);
    Tensor *view = rl_view(t, p.n, p.shape, p.stride, p.offset);
    if (view && !rl_thread.grad_mode) {
        view->flags |= (uint16_t)((rl_thread.inference ? 0 : T_NO_GRAD_VIEW) | (view->flags & T_VIEW ? t->flags & T_REQUIRES_GRAD : 0));
        if (rl_requires_grad(t)) view->cut_reason = CUT_NO_GRAD;
    }
    return view;
}

static inline bool is_recorded(Tensor *t) {
    if (t->flags & T_VIEW) rl_node_of(t);
    return (rl_requires_grad(t) && rl_thread.grad_mode) || t->flags & T_DUAL;
}

/* ---- the whole index ---- */

/* Dims that one item uses up. */
static int dims_of(PyObject *o) {
    if (o == Py_None || o == Py_Ellipsis || PyBool_Check(o) || numpy_is_bool(o)) return 0;
    if (is_tensor(o)) return is_mask(tensor_of(o)) ? tensor_of(o)->ndim : 1;
    if (PyList_Check(o) && PyList_GET_SIZE(o) && PyList_Check(PyList_GET_ITEM(o, 0))) {       /* nested lists may be a mask */
        int depth = 0;
        PyObject *inner = o;
        while (PyList_Check(inner) && PyList_GET_SIZE(inner)) inner = PyList_GET_ITEM(inner, 0), depth++;
        return PyBool_Check(inner) ? depth : 1;
    }
    if (numpy_is_array(o) && PyObject_CheckBuffer(o)) {
        Scope s = rl_scope_open();
        Tensor *t = numpy_tensor(o);
        int n = t && is_mask(t) ? t->ndim : 1;
        rl_scope_close(s);
        rl_error_clear();
        return n;
    }
    return 1;
}

static bool step(Walk *w, PyObject *o) {
    if (o == Py_Ellipsis) {
        int skip = w->view->ndim - w->dim - w->nspecified;
        w->dim += skip > 0 ? skip : 0;
        w->place += skip > 0 ? skip : 0;
        return true;
    }
    if (o == Py_None) {
        if (!step_new_dim(w)) return false;
        w->dim++;
        return true;
    }
    int uses = dims_of(o);
    if (uses && w->dim + uses > w->view->ndim) {
        if (w->view->ndim == 0 && w->place == 0) return step_int(w, 0);
        return rl_fail(RL_INDEX_ERROR, "too many indices for tensor of dimension %d", w->place + w->view->ndim - w->dim);
    }
    w->nspecified -= uses;
    return PySlice_Check(o) ? step_slice(w, o) : step_other(w, o);
}

/* A list that holds slices, tensors, sequences, None or ... means a tuple, as in NumPy's old days. */
static bool means_tuple(PyObject *key) {
    if (PyTuple_Check(key)) return true;
    if (!PyList_Check(key) || PyList_GET_SIZE(key) >= 32) return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(key); i++) {
        PyObject *o = PyList_GET_ITEM(key, i);
        if (is_tensor(o) || PyList_Check(o) || PyTuple_Check(o) || PySlice_Check(o) || o == Py_Ellipsis || o == Py_None) return true;
    }
    return false;
}

static bool walk(Walk *w, Tensor *t, PyObject *key) {
    w->view = t;
    w->dim = w->place = w->nat = w->nspecified = 0;
    if (!need_rows()) return false;
    if (!means_tuple(key)) {
        w->nspecified = dims_of(key);
        return step(w, key);
    }
    PyObject *items = PySequence_Tuple(key);        /* items may run Python, which may change a list */
    if (!items) return fail_from_python();
    Py_ssize_t n = PyTuple_GET_SIZE(items);
    for (Py_ssize_t i = 0; i < n; i++) w->nspecified += dims_of(PyTuple_GET_ITEM(items, i));
    bool ok = w->nspecified <= t->ndim ||
              rl_fail(RL_INDEX_ERROR, t->ndim || n != 1 ? "too many indices for tensor of dimension %d" : "invalid index of a %d-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number", t->ndim);
    for (Py_ssize_t i = 0; ok && i < n; i++) ok = step(w, PyTuple_GET_ITEM(items, i));
    Py_DECREF(items);
    return ok;
}

/* The noted tensors in the row's form: one entry per index, None where a dim is left alone. */
static int index_list(const Walk *w, Tensor **list) {
    int n = 0;
    for (int d = 0; d < w->nat;) {
        Tensor *t = w->at[d];
        list[n++] = t;
        d += t && is_mask(t) ? t->ndim : 1;
    }
    return n;
}

static Tensor *another_look(Tensor *t) {
    Op *view = RL_OP("view");
    Arg arg[2] = {a_t(t), a_ints(t->ndim, t->shape)};
    return rl_apply(view, arg);
}

static PyObject *through_subclass(const char *name, PyObject *self, PyObject *key, PyObject *value) {
    PyObject *func = PyObject_GetAttrString((PyObject *)TensorType, name), *args[3] = {self, key, value};
    PyObject *result = func ? call_torch_function(func, args, value ? 3 : 2, NULL) : NULL;
    Py_XDECREF(func);
    return result;
}

PyObject *tensor_getitem(PyObject *self, PyObject *key) {
    if (RL_UNLIKELY(!is_exact(self)) && torch_function_of(self)) return through_subclass("__getitem__", self, key, NULL);
    Scope s = rl_scope_open();
    Tensor *t = tensor_of(self);
    if (RL_LIKELY(!is_recorded(t))) {
        Tensor *view = quick_view(t, key);
        if (RL_LIKELY(view != NULL) || rl_thread.failed) return finish(s, view);
    }
    Walk w;
    if (!walk(&w, t, key)) return finish(s, NULL);
    if (!w.nat) return finish(s, w.view == t ? another_look(t) : w.view);
    Tensor *list[RL_MAX_DIMS + 1];
    int n = index_list(&w, list);
    Arg arg[2] = {a_t(w.view), a_ts(n, list)};
    return finish(s, rl_apply(index_op, arg));
}

/* ---- writing ---- */

/* Leading dims of one are dropped until the value could broadcast. */
static Tensor *without_leading_ones(Tensor *v, int most) {
    int lead = 0;
    while (v && v->ndim - lead > most && v->shape[lead] == 1) lead++;
    return lead ? rl_reshape(v, v->ndim - lead, v->shape + lead) : v;
}

static bool write_number(Tensor *to, const Arg *number) {
    if (number->tag == A_COMPLEX && !rl_dtype_is(to->dtype, CLASS_COMPLEX))
        return rl_fail(RL_RUNTIME_ERROR, "value cannot be converted to type %s without overflow: it is complex", rl_dtypes[to->dtype].name);
    Arg arg[2] = {a_t(to), *number};
    return rl_apply_inplace(fill_op, arg) != NULL;
}

static bool write_view(Tensor *to, Tensor *value) {
    value = without_leading_ones(value, to->ndim);
    Arg arg[3] = {a_t(to), a_t(value), a_b(false)};
    return value && rl_apply_inplace(copy_op, arg);
}

static bool write_indexed(Walk *w, Tensor *value, const Arg *number) {
    Tensor *list[RL_MAX_DIMS + 1];
    int n = index_list(w, list);
    if (n == 1 && list[0] && list[0]->dtype == RL_BOOL && number && masked_fill_op && rl_same_shape(list[0], w->view) && number->tag != A_COMPLEX) {
        Arg arg[3] = {a_t(w->view), a_t(list[0]), *number};
        Op *op = masked_fill_op;
        while (op && op->parsed->param[2].kind == P_TENSOR) op = op->next;
        if (op) return rl_apply_inplace(op, arg) != NULL;
    }
    if (number) value = rl_scalar((Dtype)w->view->dtype, number);
    else if (value && value->ndim == 0 && value->dtype != w->view->dtype) value = rl_cast(value, (Dtype)w->view->dtype);
    Arg arg[4] = {a_t(w->view), a_ts(n, list), a_t(value), a_b(false)};
    return value && rl_apply_inplace(index_put_op, arg);
}

static bool take_value(PyObject *o, Tensor *to, Tensor **value, Arg *number, double store[2]) {
    *value = NULL;
    if (is_tensor(o)) *value = tensor_of(o);
    else if (PyLong_CheckExact(o)) {
        int overflow;
        *number = a_i(PyLong_AsLongLongAndOverflow(o, &overflow));
        if (overflow) return rl_fail(RL_VALUE_ERROR, "Overflow when unpacking long long: the integer does not fit 64 bits");
    } else if (numpy_is_array(o) || !number_from(o, number, store))
        return rl_fail(RL_TYPE_ERROR, "can't assign a %s to a torch.%sTensor", type_name(o), rl_dtypes[to->dtype].word);
    return true;
}

int tensor_setitem(PyObject *self, PyObject *key, PyObject *o) {
    if (!o) {
        PyErr_SetString(PyExc_TypeError, "Tensor does not support deleting items");
        return -1;
    }
    if (RL_UNLIKELY(!is_exact(self)) && torch_function_of(self)) {
        PyObject *done = through_subclass("__setitem__", self, key, o);
        Py_XDECREF(done);
        return done ? 0 : -1;
    }
    Walk w;
    Tensor *value, *t = tensor_of(self);
    Arg number;
    double store[2];
    if (key == Py_True) key = Py_None;       /* all of it: copied to, in any dtype */
    Scope s = rl_scope_open();
    w.nat = 0;
    w.view = is_recorded(t) || !need_rows() ? NULL : quick_view(t, key);
    bool ok = (w.view || (!rl_thread.failed && walk(&w, t, key))) && take_value(o, t, &value, &number, store);
    if (ok && w.nat) ok = write_indexed(&w, value, value ? NULL : &number);
    else if (ok) ok = value ? write_view(w.view, value) : write_number(w.view, &number);
    rl_scope_close(s);
    if (ok && !rl_thread.failed) return 0;
    raise_pending();
    return -1;
}
