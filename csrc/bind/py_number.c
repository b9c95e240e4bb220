/* py_number.c -- the operators: a + b, -a, a < b, a += b.
 *
 * Two exact tensors, or one and a Python number, go straight to the row; everything else takes the way of the method,
 * with subclasses and error texts.  What no row can take is handed back to Python as NotImplemented. */
#include "bind.h"

#include <string.h>

typedef struct Operator { const char *name, *reflected; Op *op; Op *reflected_op; } Operator;

enum { ADD, SUB, MUL, DIV, FLOORDIV, MOD, POW, MATMUL, AND, OR, XOR, SHL, SHR, LT, LE, EQ, NE, GT, GE, NEG, POS, ABS, INVERT, OPERATORS };

static Operator operators[OPERATORS] = {
    [ADD] = {"add", NULL, NULL, NULL}, [SUB] = {"sub", "rsub", NULL, NULL}, [MUL] = {"mul", NULL, NULL, NULL}, [DIV] = {"div", NULL, NULL, NULL},
    [FLOORDIV] = {"floor_divide", NULL, NULL, NULL}, [MOD] = {"remainder", NULL, NULL, NULL}, [POW] = {"pow", NULL, NULL, NULL}, [MATMUL] = {"matmul", NULL, NULL, NULL},
    [AND] = {"bitwise_and", NULL, NULL, NULL}, [OR] = {"bitwise_or", NULL, NULL, NULL}, [XOR] = {"bitwise_xor", NULL, NULL, NULL},
    [SHL] = {"bitwise_left_shift", NULL, NULL, NULL}, [SHR] = {"bitwise_right_shift", NULL, NULL, NULL},
    [LT] = {"lt", NULL, NULL, NULL}, [LE] = {"le", NULL, NULL, NULL}, [EQ] = {"eq", NULL, NULL, NULL}, [NE] = {"ne", NULL, NULL, NULL}, [GT] = {"gt", NULL, NULL, NULL}, [GE] = {"ge", NULL, NULL, NULL},
    [NEG] = {"neg", NULL, NULL, NULL}, [POS] = {"positive", NULL, NULL, NULL}, [ABS] = {"abs", NULL, NULL, NULL}, [INVERT] = {"bitwise_not", NULL, NULL, NULL},
};

static const bool commutes[OPERATORS] = {[ADD] = true, [MUL] = true, [AND] = true, [OR] = true, [XOR] = true};

bool number_start(void) {
    for (int i = 0; i < OPERATORS; i++) {
        operators[i].op = rl_find(operators[i].name);
        operators[i].reflected_op = operators[i].reflected ? rl_find(operators[i].reflected) : NULL;
    }
    return true;
}

static inline void fill(Op *op, Arg *arg, int from) {
    for (int k = from; k < op->parsed->nparams; k++) arg[k] = op->parsed->param[k].value;
}

static PyObject *absent(const Operator *o) { return PyErr_Format(PyExc_NotImplementedError, "the operation '%s' is not part of this build", o->name); }

/* A Python number as an argument; false for anything else. */
static inline bool plain_number(PyObject *o, Arg *a, double store[2]) {
    if (PyFloat_CheckExact(o)) *a = a_f(PyFloat_AS_DOUBLE(o));
    else if (PyLong_CheckExact(o)) {
        int overflow;
        long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
        if (overflow) return false;
        *a = a_i(v);
    } else if (PyBool_Check(o)) *a = a_b(o == Py_True);
    else if (PyComplex_CheckExact(o)) {
        store[0] = PyComplex_RealAsDouble(o), store[1] = PyComplex_ImagAsDouble(o);
        *a = (Arg){.tag = A_COMPLEX, .complex = store};
    } else return false;
    return true;
}

/* A scalar on the left as a 0-d tensor of the result's dtype, which promotes nothing. */
static Tensor *scalar_left(Arg *number, Tensor *right) {
    Arg both[2] = {a_t(right), *number};
    Dtype d = rl_result_type(2, both);
    return d == RL_NO_DTYPE ? NULL : rl_scalar(d, number);
}

static PyObject *run(Op *op, Arg *arg) {
    Scope s = rl_scope_open();
    return finish(s, rl_apply(op, arg));
}

/* The overload of a name that takes these two. */
static Op *fitting(Op *op, const Arg *b) {
    for (; op; op = op->next) {
        uint8_t kind = op->parsed->param[1].kind;
        if (b->tag == A_TENSOR ? kind == P_TENSOR || kind == P_TENSOR_OR_NUMBER : kind == P_NUMBER || kind == P_TENSOR_OR_NUMBER) return op;
    }
    return NULL;
}

static PyObject *reflect(int which, Arg *number, Tensor *right) {
    Operator *o = &operators[which];
    Arg arg[RL_MAX_ARGS];
    Op *op = commutes[which] ? o->op : o->reflected_op;
    if (op && (op = fitting(op, number))) {
        arg[0] = a_t(right);
        arg[1] = *number;
        fill(op, arg, 2);
        return run(op, arg);
    }
    Scope s = rl_scope_open();
    if (which == DIV && rl_dtype_is(right->dtype, CLASS_HALF)) return finish(s, rl_do("div", *number, a_t(right)));      /* before the number is rounded */
    Tensor *left = scalar_left(number, right);
    arg[0] = a_t(left);
    arg[1] = a_t(right);
    op = fitting(o->op, &arg[1]);
    if (!left || !op) return op ? finish(s, NULL) : (rl_scope_close(s), absent(o));
    fill(op, arg, 2);
    return finish(s, rl_apply(op, arg));
}

/* Whether an operator should be left to Python: torch's answer to 1 + "a" is Python's own. */
static bool may_take(PyObject *o) { return is_tensor(o) || is_number(o) || numpy_is_array(o) || torch_function_of(o); }

static PyObject *other_as_number(PyObject *o) {
    Arg a;
    double store[2];
    return numpy_scalar(o, &a, store) ? number_object(&a) : Py_NewRef(o);
}

/* Subclasses, NumPy values, big integers: through the method, the slow way.  rtruediv and friends swap the arguments. */
static PyObject *slow(int which, PyObject *a, PyObject *b, const char *inplace) {
    if (!may_take(a) || !may_take(b)) Py_RETURN_NOTIMPLEMENTED;
    Operator *o = &operators[which];
    PyObject *func = op_method(inplace ? inplace : o->name);
    if (!func) return absent(o);
    PyObject *args[2] = {a, b}, *result;
    if (torch_function_of(a) || torch_function_of(b)) return call_torch_function(func, args, 2, NULL);
    bool array = numpy_is_array(a) || numpy_is_array(b);
    if (array) {
        Scope s = rl_scope_open();
        Tensor *x = is_tensor(a) ? tensor_of(a) : numpy_is_array(a) ? numpy_tensor(a) : NULL, *y = is_tensor(b) ? tensor_of(b) : numpy_is_array(b) ? numpy_tensor(b) : NULL;
        Arg arg[RL_MAX_ARGS] = {a_t(x), a_t(y)};
        Op *op = x && y ? fitting(o->op, &arg[1]) : NULL;
        if (op) fill(op, arg, 2);
        return finish(s, op ? (inplace ? rl_apply_inplace(op, arg) : rl_apply(op, arg)) : NULL);
    }
    args[1] = other_as_number(b);
    Arg number;
    double store[2];
    if (!is_tensor(a)) result = number_from(a, &number, store) ? reflect(which, &number, tensor_of(b)) : Py_NewRef(Py_NotImplemented);
    else result = args[1] ? PyObject_Vectorcall(func, args, 2, NULL) : NULL;
    Py_XDECREF(args[1]);
    return result;
}

static inline PyObject *binary(int which, PyObject *a, PyObject *b) {
    Operator *o = &operators[which];
    Arg arg[RL_MAX_ARGS];
    double store[2];
    if (RL_UNLIKELY(!o->op)) return absent(o);
    if (RL_LIKELY(is_exact(a))) {
        arg[0] = a_t(tensor_of(a));
        if (RL_LIKELY(is_exact(b))) arg[1] = a_t(tensor_of(b));
        else if (!plain_number(b, &arg[1], store)) return slow(which, a, b, NULL);
    } else if (is_exact(b) && plain_number(a, &arg[1], store)) return reflect(which, &arg[1], tensor_of(b));
    else return slow(which, a, b, NULL);
    Op *op = o->op;
    if (RL_UNLIKELY(op->next != NULL || op->parsed->param[1].kind != P_TENSOR_OR_NUMBER)) {
        op = fitting(op, &arg[1]);
        if (!op) return slow(which, a, b, NULL);
    }
    fill(op, arg, 2);
    return run(op, arg);
}

static PyObject *write_in_place(int which, const char *method, PyObject *a, PyObject *b) {
    Operator *o = &operators[which];
    Arg arg[RL_MAX_ARGS];
    double store[2];
    Op *op = o->op;
    if (!op) return absent(o);
    if (!is_exact(a)) return slow(which, a, b, method);
    arg[0] = a_t(tensor_of(a));
    if (is_exact(b)) arg[1] = a_t(tensor_of(b));
    else if (!plain_number(b, &arg[1], store)) return slow(which, a, b, method);
    if (!(op = fitting(op, &arg[1]))) return slow(which, a, b, method);
    fill(op, arg, 2);
    Scope s = rl_scope_open();
    return finish(s, rl_apply_inplace(op, arg));
}

static PyObject *unary(int which, PyObject *a) {
    Operator *o = &operators[which];
    Arg arg[RL_MAX_ARGS];
    if (!o->op) return absent(o);
    if (!is_exact(a) && torch_function_of(a)) return call_torch_function(op_method(o->name), &a, 1, NULL);
    arg[0] = a_t(tensor_of(a));
    fill(o->op, arg, 1);
    return run(o->op, arg);
}

#define BINARY(name, which) static PyObject *name(PyObject *a, PyObject *b) { return binary(which, a, b); }
#define WRITING(name, which, method) static PyObject *name(PyObject *a, PyObject *b) { return write_in_place(which, method, a, b); }
#define UNARY(name, which) static PyObject *name(PyObject *a) { return unary(which, a); }
BINARY(nb_add, ADD) BINARY(nb_sub, SUB) BINARY(nb_mul, MUL) BINARY(nb_div, DIV) BINARY(nb_floordiv, FLOORDIV) BINARY(nb_mod, MOD)
BINARY(nb_matmul, MATMUL) BINARY(nb_and, AND) BINARY(nb_or, OR) BINARY(nb_xor, XOR) BINARY(nb_shl, SHL) BINARY(nb_shr, SHR)
WRITING(nb_iadd, ADD, "add_") WRITING(nb_isub, SUB, "sub_") WRITING(nb_imul, MUL, "mul_") WRITING(nb_idiv, DIV, "div_")
WRITING(nb_ifloordiv, FLOORDIV, "floor_divide_") WRITING(nb_imod, MOD, "remainder_") WRITING(nb_iand, AND, "bitwise_and_")
WRITING(nb_ior, OR, "bitwise_or_") WRITING(nb_ixor, XOR, "bitwise_xor_") WRITING(nb_ishl, SHL, "bitwise_left_shift_") WRITING(nb_ishr, SHR, "bitwise_right_shift_")
UNARY(nb_neg, NEG) UNARY(nb_pos, POS) UNARY(nb_abs, ABS) UNARY(nb_invert, INVERT)

static PyObject *nb_pow(PyObject *a, PyObject *b, PyObject *modulus) {
    if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
    return binary(POW, a, b);
}
static PyObject *nb_ipow(PyObject *a, PyObject *b, PyObject *modulus) { return write_in_place(POW, "pow_", a, b); }

PyObject *tensor_compare(PyObject *a, PyObject *b, int op) {
    static const int which[] = {[Py_LT] = LT, [Py_LE] = LE, [Py_EQ] = EQ, [Py_NE] = NE, [Py_GT] = GT, [Py_GE] = GE};
    return binary(which[op], a, b);
}

/* ---- one element as a Python number ---- */

PyObject *tensor_number(Tensor *t) {
    Arg a;
    double store[2];
    if (RL_UNLIKELY(rl_is_meta(t))) return PyErr_Format(PyExc_RuntimeError, "Tensor.item() cannot be called on meta tensors: they have no numbers");
    if (!rl_item(t, &a, store)) return raise_pending();
    return number_object(&a);
}

static bool one_element(Tensor *t) {
    if (t->numel == 1) return true;
    PyErr_Format(PyExc_ValueError, "only one element tensors can be converted to Python scalars; this one has shape %s", rl_text_shape(t));
    return false;
}

static int nb_bool(PyObject *self) {
    Tensor *t = tensor_of(self);
    if (RL_UNLIKELY(t->numel != 1)) {
        PyErr_Format(PyExc_RuntimeError, "Boolean value of Tensor with %s is ambiguous (shape %s; use .any() or .all())", t->numel ? "more than one value" : "no values", rl_text_shape(t));
        return -1;
    }
    PyObject *number = tensor_number(t);
    int truth = number ? PyObject_IsTrue(number) : -1;
    Py_XDECREF(number);
    return truth;
}

static PyObject *nb_int(PyObject *self) {
    if (!one_element(tensor_of(self))) return NULL;
    PyObject *number = tensor_number(tensor_of(self)), *result = NULL;
    if (number && PyComplex_Check(number)) {
        if (PyComplex_ImagAsDouble(number) != 0) PyErr_SetString(PyExc_RuntimeError, "value cannot be converted to type int64_t without overflow: it is complex");
        else result = PyLong_FromDouble(PyComplex_RealAsDouble(number));
    } else if (number) result = PyNumber_Long(number);
    Py_XDECREF(number);
    return result;
}

static PyObject *nb_float(PyObject *self) {
    if (!one_element(tensor_of(self))) return NULL;
    PyObject *number = tensor_number(tensor_of(self)), *result = NULL;
    if (number && PyComplex_Check(number)) {
        if (PyComplex_ImagAsDouble(number) != 0) PyErr_SetString(PyExc_RuntimeError, "value cannot be converted to type double without overflow: it is complex");
        else result = PyFloat_FromDouble(PyComplex_RealAsDouble(number));
    } else if (number) result = PyNumber_Float(number);
    Py_XDECREF(number);
    return result;
}

static PyObject *nb_index(PyObject *self) {
    Tensor *t = tensor_of(self);
    if (t->numel != 1 || !rl_dtype_is(t->dtype, CLASS_INTEGRAL))
        return PyErr_Format(PyExc_TypeError, "only integer tensors of a single element can be converted to an index (this one: %s %s)", rl_dtypes[t->dtype].name, rl_text_shape(t));
    PyObject *number = tensor_number(t), *result = number ? PyNumber_Long(number) : NULL;
    Py_XDECREF(number);
    return result;
}

const PyType_Slot number_slots[] = {
    {Py_nb_add, nb_add}, {Py_nb_subtract, nb_sub}, {Py_nb_multiply, nb_mul}, {Py_nb_true_divide, nb_div}, {Py_nb_floor_divide, nb_floordiv},
    {Py_nb_remainder, nb_mod}, {Py_nb_power, nb_pow}, {Py_nb_matrix_multiply, nb_matmul}, {Py_nb_and, nb_and}, {Py_nb_or, nb_or}, {Py_nb_xor, nb_xor},
    {Py_nb_lshift, nb_shl}, {Py_nb_rshift, nb_shr}, {Py_nb_inplace_add, nb_iadd}, {Py_nb_inplace_subtract, nb_isub}, {Py_nb_inplace_multiply, nb_imul},
    {Py_nb_inplace_true_divide, nb_idiv}, {Py_nb_inplace_floor_divide, nb_ifloordiv}, {Py_nb_inplace_remainder, nb_imod}, {Py_nb_inplace_power, nb_ipow},
    {Py_nb_inplace_and, nb_iand}, {Py_nb_inplace_or, nb_ior}, {Py_nb_inplace_xor, nb_ixor}, {Py_nb_inplace_lshift, nb_ishl}, {Py_nb_inplace_rshift, nb_ishr},
    {Py_nb_negative, nb_neg}, {Py_nb_positive, nb_pos}, {Py_nb_absolute, nb_abs}, {Py_nb_invert, nb_invert},
    {Py_nb_bool, nb_bool}, {Py_nb_int, nb_int}, {Py_nb_float, nb_float}, {Py_nb_index, nb_index},
};
const int number_slot_count = RL_COUNT(number_slots);
