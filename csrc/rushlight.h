/* rushlight.h -- the vocabulary: every struct and core prototype, in sections named after their files.
 *
 * Reading order: this file, kernels/unary.def, ops/softmax.c, core/op.c, core/autograd.c, core/loop.c.
 *
 * Three rules remove cleanup code from everything above the core:
 *   1. An error sticks.  rl_fail() stores it for this thread and returns NULL; the first one wins.
 *   2. NULL in, NULL out.  Whoever only passes tensors on need not look; whoever reads ->shape or data must.
 *   3. A scope owns temporaries.  Every tensor that a core function returns belongs to the innermost scope;
 *      rl_keep() takes a share of one's own.
 * All of it is touched under the host's lock only; kernels get raw pointers. */
#ifndef RUSHLIGHT_H
#define RUSHLIGHT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RL_PUBLIC      __attribute__((visibility("default")))
/* Fast, but the libraries of a process share some 1,600 bytes of it: a few words at most, the rest behind a pointer. */
#define RL_TLS         _Thread_local __attribute__((tls_model("initial-exec")))
#define RL_LIKELY(x)   __builtin_expect(!!(x), 1)
#define RL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define RL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define RL_COUNT(a)    ((int)(sizeof(a) / sizeof((a)[0])))

typedef struct Tensor Tensor;
typedef struct Storage Storage;
typedef struct Node Node;
typedef struct Op Op;
typedef struct Call Call;
typedef struct Generator Generator;
typedef struct Writers Writers;

enum { RL_MAX_DIMS = 64, RL_INLINE_DIMS = 6, RL_MAX_ARGS = 24, RL_INLINE_OUTS = 4 };

/* ---- core/error.c: one sticky error per thread ------------------------------------------------------------- */

typedef enum {
    RL_OK, RL_TYPE_ERROR, RL_VALUE_ERROR, RL_INDEX_ERROR, RL_RUNTIME_ERROR, RL_MEMORY_ERROR, RL_OVERFLOW_ERROR,
    RL_NOT_IMPLEMENTED, RL_LINALG_ERROR, RL_ZERO_DIVISION, RL_HOST_ERROR /* payload: the host's own exception */
} ErrorKind;

typedef struct Error {
    ErrorKind kind;
    void *payload;
    char text[1536];
} Error;

void rl_set_error(ErrorKind kind, const char *format, ...) RL_PRINTF(2, 3);   /* the first error wins */
static inline void *rl_nothing(void) { return NULL; }
#define rl_fail(...) (rl_set_error(__VA_ARGS__), rl_nothing())                 /* always NULL, and the compiler knows it */
void *rl_fail_memory(int64_t bytes);
void rl_fail_host(void *payload);               /* a host exception crosses the core; takes the reference */
ErrorKind rl_failed(void);                      /* RL_OK, or the kind of the pending error */
const Error *rl_error(void);
void rl_error_clear(void);                      /* also drops the payload */
void rl_error_put_aside(Error *keep);           /* moves the pending error out, so that finalisers may run ops */
void rl_error_put_back(Error *keep);            /* an error raised meanwhile is dropped */
const char *rl_text_shape(const Tensor *t);     /* "[2, 3]" in one of a few rotating buffers; for messages */
const char *rl_text_sizes(int n, const int64_t *sizes);

/* ---- core/memory.c: aligned, counted, cached; can be told to fail ------------------------------------------- */

void *rl_alloc(int64_t bytes);                  /* 64-byte aligned, uninitialised; NULL with RL_MEMORY_ERROR set */
void *rl_alloc_zero(int64_t bytes);
void *rl_resize(void *block, int64_t old_bytes, int64_t bytes);  /* the old block stays valid when NULL is returned */
void rl_free(void *block);                      /* NULL is fine */
void rl_memory_fail_after(int64_t n, bool once);/* the n-th next allocation fails (n < 0: never); and all later unless once */
int64_t rl_memory_fail_count(void);             /* failures injected so far */
int64_t rl_memory_live(void);                   /* blocks held by callers: leak tests */
int64_t rl_memory_used(void);                   /* bytes held by callers */
int64_t rl_memory_peak(void);
int64_t rl_memory_cached(void);                 /* bytes kept for reuse */
void rl_memory_trim(void);                      /* gives cached blocks back to the system */
/* False on overflow; sizes >= 0. */
static inline bool rl_mul_size(int64_t a, int64_t b, int64_t *product) { return !__builtin_mul_overflow(a, b, product) && *product >= 0; }
static inline bool rl_add_size(int64_t a, int64_t b, int64_t *sum) { return !__builtin_add_overflow(a, b, sum) && *sum >= 0; }

/* ---- core/dtype.c: the list of dtypes; promotion ------------------------------------------------------------- */

#define RL_DTYPES(X) /* enum, name, torch's word in messages, bytes, class */ \
    X(BOOL, "bool", "Bool", 1, CLASS_BOOL) X(UINT8, "uint8", "Byte", 1, CLASS_INT) \
    X(INT8, "int8", "Char", 1, CLASS_INT) X(INT16, "int16", "Short", 2, CLASS_INT) \
    X(INT32, "int32", "Int", 4, CLASS_INT) X(INT64, "int64", "Long", 8, CLASS_INT) \
    X(FLOAT16, "float16", "Half", 2, CLASS_HALF) X(BFLOAT16, "bfloat16", "BFloat16", 2, CLASS_HALF) \
    X(FLOAT32, "float32", "Float", 4, CLASS_FLOAT) X(FLOAT64, "float64", "Double", 8, CLASS_FLOAT) \
    X(COMPLEX64, "complex64", "ComplexFloat", 8, CLASS_COMPLEX) X(COMPLEX128, "complex128", "ComplexDouble", 16, CLASS_COMPLEX) \
    X(UINT16, "uint16", "UInt16", 2, CLASS_INT | CLASS_BARE) X(UINT32, "uint32", "UInt32", 4, CLASS_INT | CLASS_BARE) \
    X(UINT64, "uint64", "UInt64", 8, CLASS_INT | CLASS_BARE)   /* the bare ones come last: see TAKES_BARE */

#define RL_DTYPE_ENUM(e, name, word, bytes, class) RL_##e,
typedef enum { RL_DTYPES(RL_DTYPE_ENUM) RL_NDTYPES, RL_NO_DTYPE = 255 } Dtype;

typedef enum {   /* bits, so that a row can name what it takes */
    CLASS_BOOL = 1, CLASS_INT = 2, CLASS_HALF = 4, CLASS_FLOAT = 8, CLASS_COMPLEX = 16,
    CLASS_FLOATING = CLASS_HALF | CLASS_FLOAT, CLASS_INEXACT = CLASS_FLOATING | CLASS_COMPLEX,
    CLASS_INTEGRAL = CLASS_BOOL | CLASS_INT, CLASS_REAL = CLASS_INTEGRAL | CLASS_FLOATING, CLASS_ANY = 31,
    CLASS_BARE = 32 /* wide unsigned integers, to be stored rather than computed with */
} DtypeClass;

typedef struct DtypeInfo { const char *name, *word; int bytes; DtypeClass class; } DtypeInfo;
extern const DtypeInfo rl_dtypes[RL_NDTYPES];

static inline int rl_dtype_bytes(Dtype d) { return rl_dtypes[d].bytes; }
static inline bool rl_dtype_is(Dtype d, int classes) { return (rl_dtypes[d].class & classes) != 0; }
static inline bool rl_is_bare(Dtype d) { return d >= RL_UINT16 && d < RL_NDTYPES; }
static inline bool rl_is_signed(Dtype d) { return d != RL_BOOL && d != RL_UINT8 && !rl_is_bare(d); }
Dtype rl_promote(Dtype a, Dtype b);             /* torch.promote_types; an error is set, and a returned, for a bare dtype with another but a floating one */
bool rl_can_cast(Dtype from, Dtype to);         /* torch.can_cast: never to a lower category */
Dtype rl_to_real(Dtype d);                      /* complex64 -> float32; others as they are */
Dtype rl_to_complex(Dtype d);                   /* float32 -> complex64, float16 -> complex64 (no half complex) */
Dtype rl_dtype_find(const char *name);          /* RL_NO_DTYPE if unknown; "float", "long", "half" too */
Dtype rl_default_dtype(void);                   /* set_default_dtype */
bool rl_set_default_dtype(Dtype d);
Dtype rl_default_complex(void);

/* ---- Arg: one argument of a call ------------------------------------------------------------------------------ */

typedef enum {
    A_NONE, A_TENSOR, A_TENSORS, A_BOOL, A_INT, A_FLOAT, A_COMPLEX, A_STR, A_DTYPE, A_INTS, A_FLOATS, A_GENERATOR, A_OBJECT
} ArgTag;

typedef struct Arg {
    uint8_t tag;
    bool owned;                /* the list behind it was copied into the node */
    int32_t n;                 /* length of a list or string */
    union {
        Tensor *tensor;        /* A_TENSOR; NULL means that making it failed, not None */
        Tensor **tensors;      /* A_TENSORS; an entry may be NULL where the parameter allows None */
        bool b;
        int64_t i;
        double f;              /* with n != 0 it stands for an int past int64: see a_u */
        double *complex;       /* A_COMPLEX: two doubles */
        const char *str;
        Dtype dtype;
        const int64_t *ints;
        const double *floats;
        Generator *generator;
        void *object;          /* A_OBJECT: the host's own value, opaque here */
    };
} Arg;

static inline Arg a_none(void) { return (Arg){.tag = A_NONE}; }
static inline Arg a_t(Tensor *t) { return (Arg){.tag = A_TENSOR, .tensor = t}; }
static inline Arg a_maybe(Tensor *t) { return t ? a_t(t) : a_none(); }      /* NULL is None here */
static inline Arg a_ts(int n, Tensor **t) { return (Arg){.tag = A_TENSORS, .n = n, .tensors = t}; }
static inline Arg a_b(bool b) { return (Arg){.tag = A_BOOL, .b = b}; }
static inline Arg a_i(int64_t i) { return (Arg){.tag = A_INT, .i = i}; }
static inline Arg a_f(double f) { return (Arg){.tag = A_FLOAT, .f = f}; }
static inline Arg a_str(const char *s) { return (Arg){.tag = A_STR, .str = s}; }
static inline Arg a_dtype(Dtype d) { return d == RL_NO_DTYPE ? a_none() : (Arg){.tag = A_DTYPE, .dtype = d}; }
static inline Arg a_ints(int n, const int64_t *v) { return (Arg){.tag = A_INTS, .n = n, .ints = v}; }
static inline Arg a_floats(int n, const double *v) { return (Arg){.tag = A_FLOATS, .n = n, .floats = v}; }
static inline Arg a_generator(Generator *g) { return g ? (Arg){.tag = A_GENERATOR, .generator = g} : a_none(); }
static inline bool a_is_number(const Arg *a) { return a->tag >= A_BOOL && a->tag <= A_COMPLEX; }
static inline double a_double(const Arg *a) { return a->tag == A_FLOAT ? a->f : a->tag == A_INT ? (double)a->i : a->tag == A_BOOL ? a->b : a->tag == A_COMPLEX ? a->complex[0] : 0; }
static inline int64_t a_int(const Arg *a) { return a->tag == A_INT ? a->i : a->tag == A_BOOL ? a->b : a->tag == A_FLOAT ? (int64_t)a->f : 0; }
Arg a_u(uint64_t u);                            /* past int64 an A_FLOAT, near enough to all but uint64, with a note of what it lacks in n */
uint64_t a_uint(const Arg *a);                  /* as a cast to uint64: exact for ints of any size */
static inline bool a_is_past_int64(const Arg *a) { return a->tag == A_FLOAT && a->n; }
static inline Dtype a_dtype_or(const Arg *a, Dtype d) { return a->tag == A_DTYPE ? a->dtype : d; }

/* ---- core/tensor.c: shape, strides, storage, views, version counter -------------------------------------------- */

struct Storage {               /* counted by the core; header and small data are one block */
    int64_t refs;
    void *data;
    int64_t bytes;
    uint32_t version;          /* in-place writes so far; shared by all views */
    uint8_t flags;             /* STORAGE_* */
    Storage *parent;           /* an alias with a version counter of its own (tensor.data) holds the real one */
    void *foreign;             /* the host object that owns the data (NumPy array, DLPack capsule) */
    Writers *writers;          /* the last two in-place writers (core/writers.c); made by the first one */
};
enum { STORAGE_READONLY = 1, STORAGE_FIXED = 2 /* may not be resized */, STORAGE_SHARED = 4, STORAGE_META = 8 /* of the device meta: core/meta.c */ };

enum {   /* Tensor.flags */
    T_REQUIRES_GRAD = 1,       /* set on leaves by the user, on results by recording */
    T_RETAINS_GRAD = 2,
    T_VIEW = 4,                /* ->base is the tensor it looks into */
    T_INFERENCE = 8,           /* made under inference_mode */
    T_LINKED = 16,             /* the host has been told that it has an out-edge */
    T_NO_GRAD_VIEW = 32,       /* view made under no_grad: in-place on it is refused when recording */
    T_MULTI_VIEW = 64,         /* one of several views made by one call */
    T_SAVED_ALIAS = 128,
    T_HOST_MAYBE = 256,        /* free for the host */
    T_DUAL = 512,              /* has a tangent: core/forward.c */
    T_FUNCTION_VIEW = 1024,    /* given out by a custom Function, whose backward a write would get around */
    T_INFERENCE_VIEW = 2048,   /* of a tensor that is not T_INFERENCE, made under inference_mode */
    T_UNWRITABLE = T_NO_GRAD_VIEW | T_MULTI_VIEW | T_FUNCTION_VIEW | T_INFERENCE_VIEW     /* by what is recorded; views of such views are too */
};

struct Tensor {                /* under Python embedded in the PyObject: one object, one lifetime */
    Storage *storage;
    int64_t offset;            /* in elements */
    int64_t numel;
    int64_t *shape, *stride;   /* strides in elements; both point into dims, or to one allocated block */
    uint8_t dtype, ndim;
    uint16_t flags;
    int32_t out_nr;            /* which output of node this is */
    Node *node;                /* owned; NULL for a leaf */
    Tensor *base;              /* owned; the root of a view */
    Tensor *grad;              /* owned */
    Node *acc;                 /* weak: the AccumulateGrad node, while somebody holds it */
    void *hooks;               /* owned by the host: tensor hooks, post-accumulate hooks */
    uint32_t view_version;     /* storage version at which node was right, for views */
    uint8_t cut_reason;        /* why there is no node although an input required grad: CUT_* */
    uint8_t grad_dtype;        /* of a leaf: GRAD_* */
    int64_t dims[2 * RL_INLINE_DIMS];
};
enum { GRAD_OWN /* its gradient has its own dtype */, GRAD_AS /* + a Dtype: that one */, GRAD_ANY = 255 };
enum { CUT_NONE, CUT_NO_GRAD, CUT_INFERENCE, CUT_DETACH, CUT_NOT_DIFFERENTIABLE, CUT_INTEGER_RESULT, CUT_DATA };

static inline void *rl_data(const Tensor *t) { return (char *)t->storage->data + t->offset * rl_dtypes[t->dtype].bytes; }
static inline bool rl_requires_grad(const Tensor *t) { return t->flags & T_REQUIRES_GRAD; }
static inline int64_t rl_size(const Tensor *t, int dim) { return t->shape[dim < 0 ? dim + t->ndim : dim]; }

/* Making.  All return a tensor owned by the innermost scope, or NULL with an error set. */
Tensor *rl_empty(int ndim, const int64_t *shape, Dtype dtype);                   /* contiguous */
Tensor *rl_empty_strided(int ndim, const int64_t *shape, const int64_t *stride, Dtype dtype);
Tensor *rl_empty_as(const Tensor *t, Dtype dtype);      /* the geometry of t, for which rl_is_row_major holds: nothing is checked again */
Tensor *rl_empty_like(Tensor *t, Dtype dtype);          /* torch.preserve_format: dense non-overlapping strides are kept */
Tensor *rl_zeros(int ndim, const int64_t *shape, Dtype dtype);
Tensor *rl_zeros_like(Tensor *t);
Tensor *rl_full(int ndim, const int64_t *shape, Dtype dtype, double value);
Tensor *rl_scalar(Dtype dtype, const Arg *number);      /* 0-d */
Tensor *rl_from_data(void *data, int64_t bytes, void *foreign, int ndim, const int64_t *shape, const int64_t *stride, Dtype dtype, bool readonly);
/* A view without any checks or node: same storage, new geometry; ->base is set.  Internal to view ops. */
Tensor *rl_view(Tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset);
Tensor *rl_view_dtype(Tensor *t, Dtype dtype, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset);
Tensor *rl_alias(Tensor *t);                            /* same data, no node, no base: for saved outputs and detach */
Tensor *rl_data_alias(Tensor *t);                       /* tensor.data: as above with a version counter of its own */

/* Contiguous to the letter: the strides of dims of one element too.  The quick test in front of quick ways. */
static inline bool rl_is_row_major(const Tensor *t) {
    int64_t step = 1;
    for (int i = t->ndim - 1; i >= 0; step *= t->shape[i--])
        if (t->stride[i] != step) return false;
    return true;
}
bool rl_is_contiguous(const Tensor *t);
bool rl_is_channels_last(const Tensor *t);              /* 4-d or 5-d */
bool rl_steps_channels_last(const Tensor *t);           /* the dims are stepped over in that order, with or without gaps, sizes of 1 included */
bool rl_is_dense(const Tensor *t);                      /* non-overlapping and without gaps, in some order of dims */
bool rl_self_overlaps(const Tensor *t);                 /* some element may be reached by two indices (stride 0, ...) */
typedef enum { OVERLAP_NONE, OVERLAP_SAME /* same elements in the same order */, OVERLAP_PARTIAL } Overlap;
Overlap rl_overlap(const Tensor *a, const Tensor *b);
bool rl_same_shape(const Tensor *a, const Tensor *b);
void rl_strides_of(int ndim, const int64_t *shape, int64_t *stride);             /* row-major */
bool rl_numel_of(int ndim, const int64_t *shape, int64_t *numel);                /* false and error on overflow or a negative size */
int rl_wrap_dim(int ndim, int64_t dim);                 /* 0..ndim-1; -1 and torch's IndexError otherwise; ndim 0 counts as 1 */
bool rl_wrap_dims(int ndim, int n, const int64_t *dims, bool mask[RL_MAX_DIMS]);  /* duplicate dims are an error; n == 0 leaves mask empty */
bool rl_broadcast_shapes(int *ndim, int64_t shape[RL_MAX_DIMS], const Tensor *t);  /* widen shape by t's; error if they do not fit */
bool rl_set_geometry(Tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset); /* in place: out= and set_ */
void rl_swap_contents(Tensor *a, Tensor *b);    /* linked leaves that are no views: each becomes what the other was, gradient and accumulator too */
bool rl_resize_out(Tensor *t, int ndim, const int64_t *shape);  /* out= resizing; the storage grows if needed */
Storage *rl_storage_new(int64_t bytes);
void rl_storage_keep(Storage *s);
void rl_storage_drop(Storage *s);
void rl_bump_version(Tensor *t);
uint32_t rl_version(const Tensor *t);
void rl_tensor_release(Tensor *t);                      /* the host calls it once the count is 0: gives up everything owned, iteratively */
void rl_tensor_clear_edges(Tensor *t);                  /* tp_clear: gives up hooks, grad, base, node; keeps the storage */
bool rl_item(const Tensor *t, Arg *number, double complex_store[2]);  /* one element as bool, int, float or complex */
bool rl_set_item(Tensor *t, const Arg *number);         /* writes the first element; converts as a cast does */
bool rl_storage_resize(Storage *s, int64_t bytes);

/* ---- core/scope.c: who owns temporaries --------------------------------------------------------------------------- */

typedef struct Scope { int64_t mark; } Scope;
Scope rl_scope_open(void);
void rl_scope_close(Scope s);                           /* drops what was made since; a pending error is put aside meanwhile */
Tensor *rl_scope_close_with(Scope s, Tensor *result);   /* the result moves out: the caller owns one reference (NULL passes through) */
Tensor *rl_scope_return(Scope s, Tensor *result);       /* the result moves to the next outer scope */
Tensor *rl_scope_own(Tensor *t);                        /* the innermost scope takes over one reference of the caller's */
void *rl_scope_bytes(int64_t bytes);                    /* scratch memory that lives as long as the innermost scope */
typedef struct ScopeAside { void *entries; int64_t n, size; } ScopeAside;
void rl_scope_put_aside(ScopeAside *a);                 /* around every call into the host language */
void rl_scope_put_back(ScopeAside *a);

/* ---- core/host.c: what the core asks of whoever embeds it ------------------------------------------------------------ */

typedef enum { KIND_TENSOR, KIND_NODE } Kind;
typedef enum { HOOK_TENSOR /* one grad, may replace it */, HOOK_POST_ACCUMULATE /* the leaf */, HOOK_NODE_PRE, HOOK_NODE_POST } HookKind;

typedef enum { FOURIER_COMPLEX, FOURIER_REAL, FOURIER_HALF } FourierKind;     /* complex to complex; real to half a spectrum; half a spectrum to real */

typedef struct FourierLines {  /* the lines of a dense [outer, size, inner], to be transformed into another */
    FourierKind kind;
    bool inverse;
    Dtype real;                /* RL_FLOAT32, RL_FLOAT64 */
    int64_t outer, inner, n;   /* n: places of the real side, or of both */
    int64_t x_size, y_size;    /* places of the sides from one line to the next; half a spectrum fills its n / 2 + 1 */
    const void *x;
    void *y;
    double scale;
} FourierLines;

typedef struct Host {
    void *(*make)(Kind kind);                 /* count 1; header fields zeroed, arrays not; NULL with an error set.  Refuses while an error is pending */
    void (*keep)(void *object);
    void (*drop)(void *object);               /* at 0: a tensor is released (rl_tensor_release) and freed; a node goes to rl_node_release */
    void (*free_node)(void *node);            /* the memory of a node that rl_node_release has emptied */
    int64_t (*count)(void *object);
    void (*linked)(Tensor *t);                /* t got its first out-edge: the collector must know it from now on */
    void (*foreign_keep)(void *foreign);
    void (*foreign_drop)(void *foreign);      /* owner of a storage, hooks, ctx, payload, objects in arguments */
    bool (*call_hooks)(HookKind kind, void *hooks, void *subject /* Tensor or Node */, int n, Tensor **grads, int n_out, Tensor **grads_out);
    bool (*call_function)(Node *node, Tensor **grads, Tensor **dx);      /* backward of a custom Function */
    void *(*pack)(Tensor *t, bool is_output, bool is_leaf);      /* saved-tensor hooks; NULL while none is active: save plainly */
    Tensor *(*unpack)(void *packed);
    void (*site)(Node *node);                 /* fill node->site_* */
    void *(*code_here)(int32_t *offset);      /* the line that called, for a note on a write: a reference for foreign_drop, or NULL */
    bool (*name_site)(void *code, int32_t offset, char *text, int room);   /* "train.py:12"; false if it cannot be told */
    void *(*unlock)(void);                    /* before long kernels; returns what lock() wants */
    void (*lock)(void *state);
    bool (*interrupted)(void);                /* Ctrl-C: polled between pieces of long work, on the calling thread, unlocked */
    void (*warn)(const char *text);
    bool (*fourier)(const FourierLines *lines);      /* NULL where there is none */
} Host;
extern Host rl_host;
void rl_host_install(const Host *host);       /* before anything else */
void rl_host_install_malloc(void);            /* the plain-C host of the tests */

static inline void *rl_keep(void *object) { if (object) rl_host.keep(object); return object; }
static inline void rl_drop(void *object) { if (object) rl_host.drop(object); }

/* ---- core/thread state ------------------------------------------------------------------------------------------------ */

typedef struct Thread {
    ErrorKind failed;          /* mirror of the pending error's kind */
    bool grad_mode;            /* no_grad / enable_grad; also off inside a primitive's forward */
    bool inference;
    bool anomaly, anomaly_check_nan;
    bool in_backward;
    bool create_graph;         /* of the running backward */
    bool packing;              /* saved-tensor hooks are active */
    bool sites;                /* record call sites */
    uint8_t autocast;          /* the lower precision that autocast uses; 0: off */
    bool resting;              /* forward mode: inside a primitive, or while tangents are made */
    int64_t scope_top;
    Node *running;             /* the node whose vjp runs, for anomaly parents */
} Thread;
extern RL_TLS Thread rl_thread;

/* ---- core/op.c: rows, and applying them ------------------------------------------------------------------------------- */

typedef enum {
    P_TENSOR, P_TENSORS, P_NUMBER, P_TENSOR_OR_NUMBER, P_BOOL, P_INT, P_FLOAT, P_STR, P_DTYPE, P_INTS, P_FLOATS,
    P_GENERATOR, P_LAYOUT, P_DEVICE, P_MEMORY_FORMAT, P_OBJECT
} ParamKind;

/* How arguments of these kinds arrive: a memory format as A_INT, one of the numbers below; a device or layout as A_NONE once the
 * binding has checked that it is the CPU and strided; an object borrowed from the caller. */
enum { FORMAT_CONTIGUOUS, FORMAT_PRESERVE, FORMAT_CHANNELS_LAST, FORMAT_CHANNELS_LAST_3D };

typedef struct Param {
    const char *name;
    uint8_t kind;
    bool optional;             /* None is allowed */
    bool entries_optional;     /* list[Tensor | None] */
    bool has_default;
    bool keyword_only;
    bool variadic;             /* *size: int -- the rest of the positional arguments, or one sequence */
    bool single;               /* int | list[int] -- a single int stands for a list of one */
    Arg value;                 /* the default */
    const char *default_text;  /* as written; NULL without one */
    const char *type_text;
    void *key;                 /* the binding's interned name */
} Param;

typedef struct Sig {           /* parsed once from Op.sig */
    const char *name;          /* "softmax", "linalg.solve" */
    const char *returns_text;
    int nparams, npositional;  /* npositional: those before "*" */
    Param param[RL_MAX_ARGS];
    int nout;                  /* tensors returned; -1 for a list */
    bool returns_none, returns_tuple /* of a number known only at run time; else a list */, returns_number /* in Call.result */;
    const char *out_name[8];   /* (values: Tensor, indices: Tensor) makes a named tuple */
} Sig;

enum {   /* Op.where: where Python finds it */
    FUNCTION = 1, METHOD = 2, NN = 4, LINALG = 8, FFT = 16, SPECIAL = 32,
    INPLACE = 64,              /* derive name_() */
    OUT = 128,                 /* derive out= */
    PRIVATE = 256,             /* reachable as _C._ops.name only */
    METHOD_ONLY_INPLACE = 512, /* the name itself ends in _: fill_, uniform_, copy_: arg 0 is written */
    COPY = 1024                /* a view: derive the function name_copy() */
};

enum {   /* Op.flags */
    COMPOSITE = 1,             /* forward is written in ops that record themselves: no node of its own */
    ELEMENTWISE = 2,           /* out[i] depends on input[i] only: may write onto its input */
    VIEW = 4,                  /* results look into argument 0 */
    PROMOTES = 8,              /* tensor arguments take their common dtype (with number arguments) first: see rl_common_dtype */
    TO_FLOAT = 16,             /* ... and integers become the default float */
    RANDOM = 32,
    NO_VERSION_BUMP = 64,
    SELF_WRITES = 128,         /* fill_-like: forward itself writes argument 0 through c->dest */
    HOST_FORWARD = 256,
    FLAT = 512,                /* the gradient does not depend on the input; when it is itself recorded, torch gives zeros, not None */
    EXACT_OUT = 1024,          /* out= must have the dtype of the result */
    KEEPS_OUT = 16384,         /* an out= of as many elements keeps its shape */
    NUMBERS_ALONE = 32768,     /* takes two numbers as well: the first becomes a tensor without dims */
    NO_OVERLAP = 4096,         /* out= may share no memory with an argument */
    TAKES_BARE = 8192,         /* uint16, uint32 and uint64 too, as tensors or as dtype=: its forward refuses those it has no kernel for.  All others refuse them unseen */
    OVERLAPS = 2048            /* in place it may write to a tensor of which several elements are one: it gives all the same value */
};

#define SAVE(k)     (UINT64_C(1) << (k))          /* argument k is kept alive for the vjp */
#define SAVE_OUT(k) (UINT64_C(1) << (48 + (k)))   /* output k is */
#define SAVE_ARGS   (SAVE(24) - 1)

struct Op {
    const char *sig;           /* "softmax(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor" */
    const char *shape;         /* "input[N,C,*] weight?[C] | stride>=1"; checked before forward runs (core/check.c) */
    uint32_t dtypes;           /* DtypeClass bits that tensor arguments may have; 0 means any */
    uint32_t flags, where;
    uint64_t saves;            /* SAVE(k), SAVE_OUT(k): what the vjp reads.  Derived from .formula where there is one */
    uint64_t saves_for[6];     /* the same per argument that needs a gradient, where that differs: [0] = SAVE(1), [1] = SAVE(0) for a product */
    Tensor *(*forward)(Call *c);                        /* returns output 0; more go to rl_outputs(c, n)[k] */
    void (*vjp)(Call *c, Tensor **g, Tensor **dx);      /* g per output (NULL: no gradient arrived), dx per slot */
    Tensor *(*jvp)(Call *c, Tensor **tangent);          /* forward mode where it is not derived */
    const char *formula;       /* "input: g * conj(other); other: g * conj(input)": printed, run as NumPy, and the vjp where .vjp is NULL */
    const char *doc;           /* text with a doctest; rl is the module */
    const char *samples;       /* "x(3, 4), 1; x(0, 4), -1": argument lists the tests draw; see tests/samples.py */
    const char *aliases;       /* further names: "absolute special.thing" */
    uint32_t constant_outs;    /* bit k: output k is not differentiable (statistics, indices as floats) */
    const char *node;          /* torch's node name where it is not <Name>Backward0 */
    int data;                  /* for families that share one forward: a kernel number */
    int data2;
    /* Filled by rl_ops_start(): */
    Sig *parsed;
    void *program;             /* compiled .formula */
    void *checks;              /* compiled .shape */
    bool saves_by_need;        /* .saves_for says something */
    void *binding;             /* the binding's record */
    int grad_param;            /* the binding's: which parameter is a creating function's requires_grad; 0: none */
    Op *next;                  /* next overload of the same name */
    Op *view;                  /* of a derived name_copy: what it copies */
    const char *file;          /* family */
    uint8_t autocast;          /* rl_autocast_policy */
};

/* A call in progress, and, inside a vjp, a remembered one. */
struct Call {
    Op *op;
    Arg *arg;                  /* one per parameter, defaults filled in */
    int nargs, nout;
    int nslots;                /* tensors and lists of tensors, entry by entry, and all other arguments; counted when the call is checked */
    Tensor **out;
    Tensor *out_inline[RL_INLINE_OUTS];
    Tensor *dest;              /* forward should write here if it fits (in-place, out=): see rl_out */
    Tensor **dests;            /* the same for several outputs */
    int ndests;
    bool inplace;
    Node *node;                /* inside a vjp */
    Arg result;                /* for rows that return a plain number */
};

typedef struct Meta { uint8_t dtype, ndim; int64_t *shape; int64_t dims[RL_INLINE_DIMS]; } Meta;

bool rl_ops_start(void);                        /* parse every row once; an error here is a bug in a row */
Op *rl_find(const char *name);                  /* first overload; NULL if unknown (no error) */
Op *rl_find_overload(const char *name, int index);
int rl_op_count(void);
Op *rl_op_at(int i);
bool rl_sig_parse(const char *text, Sig *sig);  /* core/sig.c */

/* Applying.  args has one entry per parameter; rl_apply_n fills the missing tail with defaults. */
bool rl_call(Call *c);                          /* c->op and c->arg set: checks, runs, records.  Results in c->out */
Tensor *rl_apply(Op *op, Arg *args);            /* first result */
Tensor *rl_apply_n(Op *op, int n, const Arg *args);
bool rl_apply_many(Op *op, int n, const Arg *args, int nout, Tensor **out);   /* the first nout results */
Tensor *rl_apply_inplace(Op *op, Arg *args);    /* argument 0 is written and returned */
bool rl_call_inplace(Call *c);
bool rl_call_out(Call *c, int n, Tensor **out); /* out=: resized if needed; torch's checks */
#define RL_OP(name) (__extension__({ static Op *op_; if (RL_UNLIKELY(!op_)) op_ = rl_find(name); op_; }))
#define RL_OVERLOAD(name, k) (__extension__({ static Op *op_; if (RL_UNLIKELY(!op_)) op_ = rl_find_overload(name, k); op_; }))
#define rl_do(name, ...) rl_apply_n(RL_OP(name), RL_COUNT(((Arg[]){__VA_ARGS__})), (Arg[]){__VA_ARGS__})
#define rl_do_overload(name, k, ...) rl_apply_n(RL_OVERLOAD(name, k), RL_COUNT(((Arg[]){__VA_ARGS__})), (Arg[]){__VA_ARGS__})

/* For forwards. */
static inline Tensor *rl_arg_tensor(Call *c, int k) { return c->arg[k].tag == A_TENSOR ? c->arg[k].tensor : NULL; }
Tensor **rl_outputs(Call *c, int n);            /* room for n results; returns c->out */
Tensor *rl_out(Call *c, int k, int ndim, const int64_t *shape, Dtype dtype);   /* c's destination if it fits, else new and contiguous */
Tensor *rl_out_strided(Call *c, int k, int ndim, const int64_t *shape, const int64_t *stride, Dtype dtype);
Tensor *rl_out_like(Call *c, int k, Dtype dtype, int n, Tensor **inputs);      /* broadcast shape; strides in the inputs' common order, as TensorIterator */
bool rl_can_take(Call *c, Dtype from, const Tensor *to);   /* may results of dtype from be written to this tensor; torch's error */
Dtype rl_common_dtype(Call *c);                 /* torch.result_type over the tensor and number arguments (0-d and numbers yield within a category) */
Dtype rl_result_type(int n, const Arg *args);

/* For vjps. */
int rl_slot(Call *c, int k);                    /* first slot of argument k (arguments before it may be lists) */
bool rl_need(Call *c, int slot);                /* whether a gradient for that slot is wanted: ask before computing */
Tensor *rl_grad_to_add(Call *c, int slot);      /* a row-major .grad that all of slot's gradient may be added to, to be returned as that gradient; NULL: return one as ever */
const Meta *rl_meta(Call *c, int slot);         /* shape and dtype of a tensor argument, saved or not; NULL if it was None */
const Meta *rl_out_meta(Call *c, int k);
Tensor *rl_zeros_meta(const Meta *m);
/* The engine itself sums a gradient to the slot's shape, takes the real part for a real slot and casts it: vjps need not. */

/* ---- core/formula.c: gradient expressions that run ------------------------------------------------------------------ */
bool rl_formula_compile(Op *op);
void rl_formula_vjp(Call *c, Tensor **g, Tensor **dx);

/* ---- core/check.c: the .shape notation ------------------------------------------------------------------------------ */
bool rl_check_compile(Op *op);
bool rl_check(Call *c);

/* ---- core/record.c: remembered calls; core/autograd.c: backward ---------------------------------------------------------------------------------------- */

typedef struct Slot {          /* one tensor argument of a remembered call */
    Node *next;                /* owned; where its gradient goes.  NULL: none wanted */
    int32_t out_nr;            /* which output of next */
    uint32_t version;          /* of the saved tensor when saved */
    Tensor *saved;             /* owned, or NULL */
    void *packed;              /* owned by the host: what a pack hook returned */
    Meta meta;
} Slot;

enum { NODE_FREED = 1, NODE_FUNCTION = 2, NODE_ACCUMULATE = 4, NODE_INPLACE = 8, NODE_QUEUED = 16, NODE_BLOCKS = 32 /* owns memory: lists among the arguments, or more of anything than fits inside */ };
enum { RL_NODE_ARGS = 6, RL_NODE_SLOTS = 3, RL_NODE_OUTS = 1 };

struct Node {                  /* under Python embedded in the PyObject; a remembered call */
    Op *op;
    uint64_t id, seq;          /* id is never reused; seq orders backward: users have larger ones */
    uint32_t flags;
    int16_t nargs, nslots, nouts;
    Arg *arg;                  /* tensors in it are NULL: they are in slot */
    Slot *slot;
    Slot *out;                 /* saved = alias of the output, meta = its shape; next unused */
    Tensor *leaf;              /* AccumulateGrad: owned */
    void *hooks_pre, *hooks_post;   /* owned by the host */
    void *retain;              /* tensors whose .grad is to be kept: host-independent weak list */
    void *tensor_hooks;        /* owned by the host: hooks of non-leaf outputs, moved here so that they fire on the gradient buffer */
    void *ctx;                 /* owned by the host */
    void *metadata;            /* owned by the host: anomaly traceback, user dict */
    void *site_code;           /* owned by the host: code object */
    int32_t site_offset;
    void *module_entry;        /* owned by the host */
    uint64_t parent_id;        /* the node whose backward made this one (create_graph) */
    Node *link;                /* graveyard */
    Arg arg_inline[RL_NODE_ARGS];
    Slot slot_inline[RL_NODE_SLOTS];
    Slot out_inline[RL_NODE_OUTS];
};

enum { RUN_KEEP_GRAPH = 1, RUN_CREATE_GRAPH = 2, RUN_ALLOW_UNUSED = 4, RUN_ACCUMULATE = 8 };

typedef struct Run Run;
Run *rl_run_prepare(int n, Tensor **roots, Tensor **grads /* entries may be NULL: ones */, int ninputs, Tensor **inputs, int flags);
Node *rl_run_pop(Run *run);                     /* next node, highest seq first; NULL when done */
bool rl_run_one(Run *run, Node *node);          /* hooks, vjp, hand the gradients on */
Tensor **rl_run_gradient(Run *run, Node *node, int *n);   /* what has arrived for it: for the stepper */
bool rl_run_finish(Run *run, Tensor **results); /* frees run; results[i] for inputs, owned by the scope */
bool rl_backward(int n, Tensor **roots, Tensor **grads, int ninputs, Tensor **inputs, int flags, Tensor **results);  /* the loop over the four */

bool rl_node_run(Node *node, Tensor **g, Tensor **dx);          /* its rule alone, outside of any run; an accumulator adds to its leaf */
Node *rl_node_of(Tensor *t);                    /* grad_fn; made anew for a view whose base was written; NULL for leaves */
Node *rl_edge_of(Tensor *t, int32_t *out_nr);   /* grad_fn, or the AccumulateGrad of a leaf that requires grad */
Node *rl_accumulator(Tensor *leaf);             /* kept for the caller by the scope rules of nodes: a new reference */
bool rl_record(Call *c);                        /* make the node of a call and link outputs to it */
bool rl_record_inplace(Call *c, Tensor *self, Tensor *original);
bool rl_needs_grad(Call *c);
Node *rl_node_new(Op *op, int nargs, int nslots, int nouts);
bool rl_node_link(Node *node, int slot, Tensor *input);           /* edge and meta */
bool rl_node_save(Node *node, int slot, Tensor *t);
Tensor *rl_slot_unpack(Node *node, int slot, bool is_output);     /* the saved tensor: version check, unpack hook, torch's errors */
void rl_set_history(Tensor *t, Node *node, int out_nr);
Dtype rl_grad_dtype(const Tensor *leaf, Dtype came);              /* which dtype a gradient that came for a leaf is to have */
void rl_set_grad_dtype(Tensor *leaf, uint8_t how);                /* GRAD_* */
bool rl_require_grad(Tensor *t, bool on);       /* requires_grad_: torch's checks */
bool rl_require_grad_new(Tensor *t);            /* requires_grad=True of a function that makes a tensor */
bool rl_retain_grad(Tensor *t);
Tensor *rl_detach(Tensor *t);
void rl_node_release(Node *node);               /* the host calls it at count 0; calls host.free_node, maybe later: dead nodes queue up instead of recursing */
void rl_node_free_saved(Node *node);            /* after its backward: saved tensors go, and if there were any NODE_FREED is set; edges stay */
void rl_node_clear(Node *node);                 /* tp_clear: gives up everything owned */
void rl_forget_retained(Tensor *t);
Tensor *rl_retained(Node *node, int i, int32_t *out_nr);          /* i-th tensor that wants the gradient of an output kept; NULL past the last */
bool rl_check_inplace(Tensor *self);            /* leaf, view and overlap rules; error texts as torch */
bool rl_check_history_inplace(Tensor *self);    /* without the rule of overlap */
bool rl_check_view_inplace(Tensor *self);       /* of a write that is recorded, whatever of it requires grad: may this view be written to */
bool rl_rebase(Tensor *view, Node *write);      /* a write to a view, as history of its base; the view finds its own anew */
const char *rl_node_name(const Node *node);     /* "MulBackward0" */

/* ---- core/writers.c: who wrote last to a storage ----------------------------------------------------------------------------- */

static inline bool rl_noting(void) { return rl_thread.sites && rl_thread.grad_mode; }
bool rl_writers_room(Storage *s);               /* before a write: room for a note on it, if one is to be taken */
void rl_note_write(const Tensor *t, const Op *op);                /* after it, once the version has moved on; never fails */
void rl_writers_drop(Storage *s);
void rl_text_writers(const Storage *s, uint32_t since, char *text, int room);   /* a sentence on the writes after version `since` */
const char *rl_text_site(void *code, int32_t offset);             /* " at train.py:12", or nothing */

/* ---- core/forward.c: forward mode ------------------------------------------------------------------------------------------------ */

extern bool rl_forward_active;                  /* a level is open: tensors may have tangents */
bool rl_forward_enter(void);
bool rl_forward_exit(void);                     /* all tangents go */
Tensor *rl_tangent(const Tensor *t);            /* borrowed; NULL: none */
bool rl_set_tangent(Tensor *t, Tensor *tangent);                  /* of its shape and dtype */
void rl_forget_tangent(Tensor *t);
void rl_inherit_tangent(Tensor *t);             /* a view's from its base */
bool rl_push_tangents(Call *c);                 /* from the arguments of a call that is done to its results */
bool rl_push_tangents_inplace(Call *c, Tensor *before);
static inline bool rl_is_followed(const Tensor *t) { return t->flags & (T_REQUIRES_GRAD | T_DUAL); }      /* derivatives of it are wanted */
static inline bool rl_carries_tangents(void) { return rl_forward_active && !rl_thread.resting; }

/* ---- core/autocast.c: precision chosen for operations ---------------------------------------------------------------------- */

Dtype rl_autocast_policy(const char *name);     /* RL_BFLOAT16: in lower precision; RL_FLOAT32: in single; RL_NO_DTYPE: left alone; 0: unknown */
bool rl_autocast_arguments(Call *c, Dtype dtype);

/* ---- core/loop.c: visit strided operands together ------------------------------------------------------------------------ */

typedef void LoopFn(int64_t n, char *const *p, const int64_t *stride /* bytes */, const void *extra);
/* Operands (outputs first) are broadcast to operand 0's shape.  cost: rough ns per element, for cutting among threads. */
bool rl_loop(LoopFn *fn, int n, Tensor *const *operands, const void *extra, double cost);
/* Strides of a new output of this (broadcast) shape: the inputs' common order of dims, without gaps, as TensorIterator chooses it. */
void rl_common_strides(int n, Tensor *const *inputs, int ndim, const int64_t *shape, int64_t *stride);
/* The same, but every operand but the first nouts must already have equal shape along dims other than `dim`, which is left whole:
 * fn is called once per line along dim with the strides of that dim (n = its length). */
bool rl_loop_lines(LoopFn *fn, int n, Tensor *const *operands, int dim, const void *extra, double cost_per_line);
/* For row-major operands of one shape and kernels that take many lines at once: extra is int64_t[1 + n], how many and how far apart in bytes. */
bool rl_loop_beside(LoopFn *fn, int n, Tensor *const *operands, int dim, double cost_per_line);

/* ---- core/threads.c: a pool and parallel_for; survives fork --------------------------------------------------------------- */
typedef void RangeFn(int64_t begin, int64_t end, void *state);
bool rl_parallel_for(int64_t n, int64_t grain, RangeFn *fn, void *state);   /* false: interrupted.  Unlocks the host for long work */
int rl_threads(void);
bool rl_set_threads(int n);
int rl_thread_number(void);                     /* 0 on the calling thread */

/* ---- core/random.c: the generator behind manual_seed ------------------------------------------------------------------------ */
struct Generator {
    int64_t refs;
    uint32_t state[624];
    int32_t left, next;
    uint64_t seed;
    bool seeded, has_next_normal_float, has_next_normal_double;
    float next_normal_float;
    double next_normal_double;
    void *host;                /* the host object that wraps it, weak */
};
Generator *rl_default_generator(void);
Generator *rl_generator_of(const Arg *a);       /* the argument's, or the default one */
Generator *rl_generator_new(void);
void rl_generator_keep(Generator *g);
void rl_generator_drop(Generator *g);
void rl_generator_seed(Generator *g, uint64_t seed);
uint64_t rl_generator_reseed(Generator *g);     /* from the system; torch.seed() */
uint32_t rl_random32(Generator *g);
uint64_t rl_random64(Generator *g);
void rl_random_fill32(Generator *g, uint32_t *out, int64_t n);    /* many at once */
int64_t rl_generator_state_bytes(void);         /* 5056, torch's layout */
void rl_generator_get_state(const Generator *g, uint8_t *bytes);
bool rl_generator_set_state(Generator *g, const uint8_t *bytes, int64_t n);
void rl_generator_copy(Generator *to, const Generator *from);

/* ---- core/meta.c: tensors whose numbers nobody may ask for ------------------------------------------------------------------------ */
extern bool rl_meta_seen;                       /* whether there may be any; until then nothing looks for them */
static inline bool rl_is_meta(const Tensor *t) { return t->storage->flags & STORAGE_META; }
bool rl_reads_meta(Call *c);
bool rl_call_meta(Call *c, bool (*plainly)(Call *c));     /* a call some of whose tensors are meta: so are its results, and it draws nothing */
bool rl_write_meta(Call *c, Tensor *self, bool *done);    /* in-place calls: done where self is meta; false where only another tensor is */
void rl_mark_meta(Call *c, bool meta);          /* the new tensors among the results of a call whose device= says so */

/* ---- core/blas.c: row-major gemm over OpenBLAS/LAPACK ------------------------------------------------------------------------ */
/* C[m,n] = alpha * op(A) op(B) + beta * C; row-major with leading dimensions; float32, float64, complex64, complex128. */
bool rl_gemm(Dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const double alpha[2], const void *a, int64_t lda,
             const void *b, int64_t ldb, const double beta[2], void *c, int64_t ldc);
bool rl_gemm_batch(Dtype dtype, bool ta, bool tb, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, int64_t step_a,
                   const void *b, int64_t ldb, int64_t step_b, void *c, int64_t ldc, int64_t step_c);   /* C = op(A) op(B) */
const char *rl_blas_name(void);
typedef void GemmFn(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
void rl_gemm_offer(GemmFn *own);                /* a product of float matrices that is better for middling shapes; NULL: none */

/* Overloads that others rely on: sum and mean: 0 all, 1 (dim: int | list[int], keepdim, dtype); squeeze: 0 all, 1 (dim: int | list[int]);
 * max, min, median: 0 all, 1 (dim, keepdim), 2 (other); std, var: 0 (dim, correction, keepdim).  `_cast(input, dtype)` is the recorded cast. */
/* ---- ops by name, for forwards and vjps; thin wrappers over rl_do in ops/call.c ------------------------------------------------ */
Tensor *rl_add(Tensor *a, Tensor *b);
Tensor *rl_sub(Tensor *a, Tensor *b);
Tensor *rl_mul(Tensor *a, Tensor *b);
Tensor *rl_div(Tensor *a, Tensor *b);
Tensor *rl_add_number(Tensor *a, double b);
Tensor *rl_mul_number(Tensor *a, double b);
Tensor *rl_div_number(Tensor *a, double b);
Tensor *rl_pow_number(Tensor *a, double b);
Tensor *rl_neg(Tensor *a);
Tensor *rl_conj(Tensor *a);                     /* real tensors come back as they are */
Tensor *rl_exp(Tensor *a);
Tensor *rl_log(Tensor *a);
Tensor *rl_sqrt(Tensor *a);
Tensor *rl_where(Tensor *condition, Tensor *a, Tensor *b);
Tensor *rl_sum_all(Tensor *a);
Tensor *rl_sum(Tensor *a, int n, const int64_t *dims, bool keepdim);
Tensor *rl_sum_dim(Tensor *a, int64_t dim, bool keepdim);
Tensor *rl_mean_dim(Tensor *a, int64_t dim, bool keepdim);
Tensor *rl_sum_to(Tensor *a, int ndim, const int64_t *shape);    /* undo broadcasting */
Tensor *rl_expand(Tensor *a, int ndim, const int64_t *shape);
Tensor *rl_reshape(Tensor *a, int ndim, const int64_t *shape);
Tensor *rl_permute(Tensor *a, int n, const int64_t *dims);
Tensor *rl_transpose(Tensor *a, int64_t d0, int64_t d1);
Tensor *rl_movedim(Tensor *a, int64_t from, int64_t to);
Tensor *rl_unsqueeze(Tensor *a, int64_t dim);
Tensor *rl_squeeze(Tensor *a, int64_t dim);
Tensor *rl_select(Tensor *a, int64_t dim, int64_t index);
Tensor *rl_narrow(Tensor *a, int64_t dim, int64_t start, int64_t length);
Tensor *rl_cat(int n, Tensor **t, int64_t dim);
Tensor *rl_contiguous(Tensor *a);
Tensor *rl_clone(Tensor *a);
Tensor *rl_empty_in_format(Tensor *x, Dtype dtype, const Arg *format);   /* as x, in a memory format given as A_INT; none preserves */
Tensor *rl_channels_last_as(Tensor *y, const Tensor *x);   /* y, or if x steps channels last, a copy of y (without history) that does too */
Tensor *rl_as_signed(Tensor *a, bool in_order); /* the bits of a bare dtype in the signed dtype of that width; in order: a copy whose numbers compare as the unsigned ones do */
Tensor *rl_cast(Tensor *a, Dtype dtype);        /* a itself if it has the dtype */
Tensor *rl_copy_into(Tensor *to, Tensor *from); /* raw: broadcasts, casts, no history, no version bump */
Tensor *rl_matmul(Tensor *a, Tensor *b);
Tensor *rl_mm(Tensor *a, Tensor *b);
Tensor *rl_bmm(Tensor *a, Tensor *b);
Tensor *rl_fill(Tensor *t, const Arg *number);  /* raw: no history, no version bump */
bool rl_number_fits(Dtype dtype, const Arg *number);   /* whether a cast keeps its size; torch's error if not */
static inline bool rl_number_is_real(Dtype dtype, const Arg *number) { return RL_LIKELY(number->tag != A_COMPLEX) || number->complex[1] == 0 || rl_dtype_is(dtype, CLASS_COMPLEX) || rl_number_fits(dtype, number); }     /* or the dtype is complex */

#endif
