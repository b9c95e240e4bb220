/* bind.h -- what the files of this folder share: object layouts, types, conversions.
 *
 * One object, one lifetime: the core's Tensor and Node sit inside their Python objects at the same offset, so that a
 * core pointer and a PyObject pointer are the same thing shifted by a constant. */
#ifndef RUSHLIGHT_BIND_H
#define RUSHLIGHT_BIND_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "rushlight.h"

typedef struct PyTensor {
    PyObject_HEAD
    Tensor t;
    PyObject *dict, *weakrefs;
} PyTensor;

typedef struct PyNode {
    PyObject_HEAD
    Node n;
    PyObject *dict, *weakrefs;
} PyNode;

_Static_assert(offsetof(PyTensor, t) == offsetof(PyNode, n), "keep and drop need one offset for both kinds");

extern PyTypeObject *TensorType, *ParameterType, *NodeType, *HooksType;
extern PyTypeObject *DtypeType, *DeviceType, *LayoutType, *MemoryFormatType, *SizeType, *GeneratorType;
extern PyTypeObject *FunctionType, *MethodType, *StorageType, *FunctionNodeType;
extern PyObject *the_module, *linalg_error, *memory_error;

static inline Tensor *tensor_of(PyObject *o) { return &((PyTensor *)o)->t; }
static inline Node *node_of(PyObject *o) { return &((PyNode *)o)->n; }
static inline PyObject *object_of(void *core) { return (PyObject *)((char *)core - offsetof(PyTensor, t)); }
static inline bool is_exact(PyObject *o) { return Py_TYPE(o) == TensorType || Py_TYPE(o) == ParameterType; }
static inline bool is_tensor(PyObject *o) { return is_exact(o) || PyObject_TypeCheck(o, TensorType); }

/* ---- py_host.c ---- */
bool host_start(void);
bool host_fourier(const FourierLines *lines);
PyObject *fourier_by_numpy_fft(PyObject *unused, PyObject *on);
void *raise_pending(void);                      /* the core's error becomes a Python exception; NULL */
void *fail_from_python(void);                   /* the other way round; NULL */
PyObject *finish(Scope s, Tensor *result);      /* close the scope; the result as an object, or NULL with an exception */
void ensure_linked(Tensor *t);                  /* before the binding gives a tensor an out-edge */
void host_node_type_next(PyTypeObject *type);   /* the next node made is an instance of this subclass */
void host_tensor_type_next(PyTypeObject *type);   /* the same for tensors */
PyObject *none_or(Tensor *t);                   /* new reference to t or to None */
void call_site(PyObject **code, int32_t *offset);   /* the line of Python that runs: a new reference, NULL when there is none */
extern bool host_pools;                         /* free lists; off under sanitizers */

/* ---- py_types.c ---- */
bool types_start(PyObject *module);
PyObject *construct(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames);     /* type(*args, **kwnames), as a type without a vectorcall does */
PyObject *dtype_object(Dtype d);                /* borrowed */
PyObject *types_set_default_device(PyObject *unused, PyObject *device), *types_default_device(PyObject *unused, PyObject *none);
PyObject *types_called(PyObject *unused, PyObject *name);     /* what reprs of dtypes, layouts, formats and sizes begin with */
const char *dtype_absent_text(PyObject *o);     /* what messages say of a dtype that no tensor here has; NULL for other objects */
Dtype dtype_value(PyObject *dtype);             /* of a dtype object */
bool dtype_from(PyObject *o, Dtype *d);         /* dtype objects, and the Python types bool, int, float, complex; no exception */
PyObject *size_new(int n, const int64_t *sizes);
PyObject *size_from(PyObject *tuple);           /* steals the tuple */
PyObject *device_cpu(void);                     /* new reference */
enum { DEVICE_UNSAID, DEVICE_CPU, DEVICE_META };
int device_kind(PyObject *o);                   /* the CPU in any spelling, or meta; else 0 and torch's error */
bool device_check(PyObject *o);                 /* whether it is either */
PyObject *device_of(const Tensor *t);           /* new reference */
int device_default(void);                       /* of new tensors: what a `with torch.device(..)` around says, or set_default_device */
bool device_like(PyObject *o);                  /* whether o could name a device */
PyObject *layout_strided(void);
bool layout_is_strided(PyObject *layout);
int memory_format_value(PyObject *o);
PyObject *memory_format_object(int format);
Generator *generator_of(PyObject *o);
PyObject *generator_wrap(Generator *g);
PyObject *structseq_type(const Op *op);         /* borrowed: rushlight.return_types.<name> */

/* ---- py_convert.c ---- */
typedef struct Frame Frame;
enum { MATCH = 1, MISMATCH = 0, RAISED = -1 };
int convert(Frame *f, const Param *p, PyObject *value, Arg *a);
int convert_ints(Frame *f, PyObject *const *items, Py_ssize_t n, Arg *a);
bool number_from(PyObject *o, Arg *a, double complex_store[2]);   /* any Python, NumPy or 0-d tensor number; no exception on mismatch */
int index_from(PyObject *o, int64_t *value);    /* integers of every kind, bool excepted */
int is_number(PyObject *o);                     /* whether number_from could succeed */
PyObject *number_object(const Arg *a);          /* bool, int, float or complex */
int sizes_from(PyObject *o, int64_t *out, int room);   /* a list of ints; -1 with an exception */
const char *type_name(PyObject *o);             /* as torch writes it in messages */

/* ---- py_older.c ---- */
PyObject *older_form(PyObject *callable, PyObject *title, bool method, const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);

/* ---- py_args.c: binding arguments ---- */
enum { FRAME_INTS = 72, FRAME_TENSORS = 32 };
struct Frame {
    Arg arg[RL_MAX_ARGS];
    int64_t ints[FRAME_INTS];
    int nints, ntensors;
    Tensor *tensors[FRAME_TENSORS];
    double complex[4][2];
    int ncomplex;
    PyObject *out;             /* out=, borrowed */
    int device;                /* DEVICE_*: what device= says */
    bool requires_grad;
    PyObject *overloaded;      /* a borrowed argument whose type overrides __torch_function__ */
    const Param *why_param;    /* what did not fit, for the error text */
    PyObject *why_value;
    int why, why_position;
    const char *why_text;
};
bool args_start(void);
int bind_args(Op *first, bool method, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Frame *f, Op **chosen);
/* The argument of a method bound by hand, by position or under its key, borrowed: NULL without an exception where there is none; NULL with one. */
PyObject *only_argument(const char *method, const char *key, PyObject *const *args, Py_ssize_t n, PyObject *kwnames);
PyObject *needed_argument(const char *method, const char *key, PyObject *const *args, Py_ssize_t n, PyObject *kwnames);
#define TAKES_ONE(function, inner, method, key) \
    static PyObject *function(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) { PyObject *o = needed_argument(method, key, args, n, kwnames); return o ? inner(self, o) : NULL; }
PyObject *torch_function_of(PyObject *o);       /* borrowed override of the value's type, or NULL: none, default or disabled */
PyObject *call_torch_function(PyObject *func, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
bool wants_torch_function(PyObject *o);         /* a subclass instance whose results must be handled */
extern RL_TLS int torch_function_off;

/* ---- py_op.c ---- */
bool ops_bind(PyObject *module);                /* one object per row, and the methods on Tensor */
PyObject *op_results(Call *c, Scope s);
PyObject *op_method(const char *name);          /* borrowed: the method object Tensor.<name> */
PyObject *op_text_signature(const Op *op, bool method);

/* ---- py_tensor.c and its neighbours ---- */
bool tensor_start(PyObject *module);
extern PyMethodDef tensor_methods[], cast_methods[], autograd_methods[], hook_methods[], numpy_methods[], reshape_methods[];   /* added to the type one list after the other */
extern PyGetSetDef tensor_getset[], autograd_getset[], hook_getset[];
extern const PyType_Slot number_slots[];
extern const int number_slot_count;
bool number_start(void);
bool storage_start(PyObject *module);
PyObject *tensor_storage(PyObject *self, PyObject *unused);
PyObject *tensor_compare(PyObject *a, PyObject *b, int op);
PyObject *tensor_make_subclass(PyTypeObject *type, Tensor *data, bool requires_grad);
PyObject *tensor_item(PyObject *self, PyObject *unused);
bool int_value(PyObject *o, Arg *a);            /* of a Python int; past what any dtype holds a float */
PyObject *tensor_number(Tensor *t);             /* the only element as a Python number */

/* ---- py_index.c ---- */
PyObject *tensor_getitem(PyObject *self, PyObject *key);
int tensor_setitem(PyObject *self, PyObject *key, PyObject *value);

/* ---- py_numpy.c, py_data.c ---- */
bool numpy_start(PyObject *module);
bool data_start(PyObject *module);
int numpy_scalar(PyObject *o, Arg *a, double complex_store[2]);   /* 1 if o is a NumPy scalar or 0-d array */
bool numpy_is_array(PyObject *o);
bool numpy_is_scalar(PyObject *o);
bool numpy_is_bool(PyObject *o);
Tensor *numpy_tensor(PyObject *array);          /* shares memory; owned by the scope; core error otherwise */
Tensor *data_tensor(PyObject *data, Dtype dtype);   /* torch.tensor's rules; owned by the scope; NULL with a core error */
PyObject *tensor_tolist(PyObject *self, PyObject *unused);
extern PyBufferProcs tensor_buffer;

/* ---- py_autograd.c, py_hooks.c, py_function.c ---- */
bool autograd_start(PyObject *module);
bool autograd_bind(void);                       /* once the rows are there */
bool hooks_start(PyObject *module);
bool function_start(PyObject *module);
int function_inputs(const Node *node, int n);   /* how many of a custom Function's n slots stand for inputs; n for rows */
int node_input(const Node *n, int slot);       /* the first slot from `slot` on that stands for an input; nslots if there is none */
PyObject *node_object(Node *node);              /* new reference to it under the type named after its operation, or None */
bool host_call_hooks(HookKind kind, void *hooks, void *subject, int n, Tensor **grads, int n_out, Tensor **grads_out);
bool host_call_function(Node *node, Tensor **grads, Tensor **dx);
void *host_pack(Tensor *t, bool is_output, bool is_leaf);
Tensor *host_unpack(void *packed);

/* ---- py_module.c ---- */
int rl_bind_module_base(PyObject *module);      /* add ModuleBase; -1 with an exception */
PyObject *module_call_now(void);                /* new reference: the module call that runs (see there), or NULL without an exception */

/* ---- py_optim.c ---- */
bool optim_start(PyObject *module);

/* ---- py_override.c ---- */
bool override_start(PyObject *module);

/* ---- py_tree.c ---- */
bool tree_start(PyObject *module);

/* A PyMethodDef entry's function with keywords, without casts all over. */
#define AS_METHOD(f) ((PyCFunction)(void (*)(void))(f))

#endif
