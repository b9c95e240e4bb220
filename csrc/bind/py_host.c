/* py_host.c -- the core's host under Python: objects, reference counts, exceptions, call sites, the lock.
 *
 * Tensors and nodes of the exact types come from free lists bounded by bytes: a reused object is no allocation for the
 * collector, so loops that fit the list trigger no collections.  Header fields are cleared on reuse, arrays are not.
 * A node is known to the collector from birth, a tensor from its first out-edge on: without one it cannot be in a cycle. */
#include "bind.h"

/* On 3.11 the collector's lists and the running frame are reached inline, as the interpreter itself does; later versions hide
 * what that needs, and offer functions. */
#if PY_VERSION_HEX < 0x030C0000
#define Py_BUILD_CORE
#include <internal/pycore_frame.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_pystate.h>
#undef Py_BUILD_CORE

static inline void track(PyObject *o) {
    PyGC_Head *head = _Py_AS_GC(o), *young = _PyInterpreterState_GET()->gc.generation0, *last = (PyGC_Head *)young->_gc_prev;
    _PyGCHead_SET_NEXT(last, head);
    _PyGCHead_SET_PREV(head, last);
    _PyGCHead_SET_NEXT(head, young);
    young->_gc_prev = (uintptr_t)head;
}

static inline void untrack(PyObject *o) {
    PyGC_Head *head = _Py_AS_GC(o), *last = _PyGCHead_PREV(head), *next = _PyGCHead_NEXT(head);
    if (!next) return;
    _PyGCHead_SET_NEXT(last, next);
    _PyGCHead_SET_PREV(next, last);
    head->_gc_next = 0;
    head->_gc_prev &= _PyGC_PREV_MASK_FINALIZED;
}
#else
static inline void track(PyObject *o) { PyObject_GC_Track(o); }
static inline void untrack(PyObject *o) { PyObject_GC_UnTrack(o); }
#endif

#include <string.h>
#include <time.h>

#ifdef RL_SANITIZE
bool host_pools = false;
#else
bool host_pools = true;
#endif

enum { POOL_BYTES = 16 << 20 };
enum { TENSOR_POOL = POOL_BYTES / (sizeof(PyTensor) + 16), NODE_POOL = POOL_BYTES / (sizeof(PyNode) + 16) };

static PyTensor *free_tensors;      /* linked through dict */
static PyNode *free_nodes;
static int free_tensor_count, free_node_count;
static PyTypeObject *next_tensor_type, *next_node_type;

/* ---- making and freeing ---- */

/* memset of a constant size becomes `rep stos` at -O3, whose start-up costs as much as the rest of host_make. */
typedef int64_t Pair __attribute__((vector_size(16), aligned(8), may_alias));
static inline void zero(void *from, size_t bytes) {
    char *p = from;
#pragma GCC unroll 16
    for (size_t i = 0; i < bytes / 16; i++) {
        *(Pair *)(p + 16 * i) = (Pair){0};
        __asm__("" ::: "memory");
    }
    if (bytes & 8) *(int64_t *)(p + bytes - 8) = 0;
}
_Static_assert(offsetof(Tensor, dims) % 8 == 0 && offsetof(Node, arg_inline) % 8 == 0, "headers are cleared in words");

void host_tensor_type_next(PyTypeObject *type) { next_tensor_type = type == TensorType ? NULL : type; }

static void *make_subclass_tensor(PyTypeObject *type) {
    next_tensor_type = NULL;
    PyTensor *self = (PyTensor *)type->tp_alloc(type, 0);
    if (!self) return fail_from_python();
    self->t.flags |= T_LINKED;          /* instances of other types are known to the collector from birth */
    return &self->t;
}

static void *make_tensor(void) {
    if (RL_UNLIKELY(next_tensor_type != NULL)) return make_subclass_tensor(next_tensor_type);
    PyTensor *self = free_tensors;
    if (RL_LIKELY(self != NULL)) {
        free_tensors = (PyTensor *)self->dict;
        free_tensor_count--;
        Py_SET_REFCNT((PyObject *)self, 1);
    } else {
        self = PyObject_GC_New(PyTensor, TensorType);
        if (!self) {
            PyErr_Clear();
            return rl_fail_memory(sizeof(PyTensor));
        }
        self->weakrefs = NULL;
    }
    zero(&self->t, offsetof(Tensor, dims));
    self->dict = NULL;
    return &self->t;
}

void host_node_type_next(PyTypeObject *type) { next_node_type = type; }

static void *make_subclass_node(PyTypeObject *type) {
    next_node_type = NULL;
    PyNode *self = (PyNode *)type->tp_alloc(type, 0);
    if (!self) return fail_from_python();
    return &self->n;
}

static void *make_node(void) {
    if (RL_UNLIKELY(next_node_type != NULL)) return make_subclass_node(next_node_type);
    PyNode *self = free_nodes;
    if (RL_LIKELY(self != NULL)) {
        free_nodes = (PyNode *)self->dict;
        free_node_count--;
        Py_SET_REFCNT((PyObject *)self, 1);
    } else {
        self = PyObject_GC_New(PyNode, NodeType);
        if (!self) {
            PyErr_Clear();
            return rl_fail_memory(sizeof(PyNode));
        }
        self->weakrefs = NULL;
    }
    zero(&self->n, offsetof(Node, arg_inline));
    self->dict = NULL;
    track((PyObject *)self);
    return &self->n;
}

static void *host_make(Kind kind) {
    if (RL_UNLIKELY(rl_thread.failed)) return NULL;
    return kind == KIND_TENSOR ? make_tensor() : make_node();
}

static void host_keep(void *object) { Py_INCREF(object_of(object)); }
static void host_drop(void *object) { Py_DECREF(object_of(object)); }
static int64_t host_count(void *object) { return Py_REFCNT(object_of(object)); }
static void host_linked(Tensor *t) { track(object_of(t)); }
static void host_foreign_keep(void *foreign) { Py_INCREF((PyObject *)foreign); }
static void host_foreign_drop(void *foreign) { Py_DECREF((PyObject *)foreign); }

void ensure_linked(Tensor *t) {
    if (t->flags & T_LINKED) return;
    t->flags |= T_LINKED;
    track(object_of(t));
}

/* ---- the Tensor type's memory slots ---- */

int tensor_traverse(PyObject *self, visitproc visit, void *arg) {
    PyTensor *o = (PyTensor *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(o->dict);
    Py_VISIT((PyObject *)o->t.hooks);
    if (o->t.grad) Py_VISIT(object_of(o->t.grad));
    if (o->t.base) Py_VISIT(object_of(o->t.base));
    if (o->t.node) Py_VISIT(object_of(o->t.node));
    return 0;
}

/* A finaliser that still sees a cleared tensor sees its numbers: the storage stays. */
int tensor_clear(PyObject *self) {
    PyTensor *o = (PyTensor *)self;
    Py_CLEAR(o->dict);
    rl_tensor_clear_edges(&o->t);
    return 0;
}

void tensor_dealloc(PyObject *self) {
    PyTensor *o = (PyTensor *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (RL_UNLIKELY(type != TensorType && type->tp_dealloc == tensor_dealloc && type->tp_finalize)) {
        if (PyObject_CallFinalizerFromDealloc(self) < 0) return;
    }
    if (o->t.flags & T_LINKED || type != TensorType) untrack(self);
    if (RL_UNLIKELY(o->weakrefs != NULL)) PyObject_ClearWeakRefs(self);
    if (RL_UNLIKELY(o->dict != NULL)) Py_CLEAR(o->dict);
    rl_tensor_release(&o->t);
    if (RL_LIKELY(type == TensorType && free_tensor_count < TENSOR_POOL && host_pools)) {
        o->dict = (PyObject *)free_tensors;
        free_tensors = o;
        free_tensor_count++;
        return;
    }
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- the Node type's ---- */

static int visit_slots(Slot *slot, int n, visitproc visit, void *arg) {
    for (int i = 0; slot && i < n; i++) {
        if (slot[i].next) Py_VISIT(object_of(slot[i].next));
        if (slot[i].saved) Py_VISIT(object_of(slot[i].saved));
        Py_VISIT((PyObject *)slot[i].packed);
    }
    return 0;
}

int node_traverse(PyObject *self, visitproc visit, void *arg) {
    PyNode *o = (PyNode *)self;
    Node *n = &o->n;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(o->dict);
    int r = visit_slots(n->slot, n->nslots, visit, arg);
    if (r) return r;
    r = visit_slots(n->out, n->nouts, visit, arg);
    if (r) return r;
    if (n->leaf) Py_VISIT(object_of(n->leaf));
    Py_VISIT((PyObject *)n->hooks_pre);
    Py_VISIT((PyObject *)n->hooks_post);
    Py_VISIT((PyObject *)n->tensor_hooks);
    Py_VISIT((PyObject *)n->ctx);
    Py_VISIT((PyObject *)n->metadata);
    Py_VISIT((PyObject *)n->site_code);
    Py_VISIT((PyObject *)n->module_entry);
    return 0;
}

int node_clear(PyObject *self) {
    Py_CLEAR(((PyNode *)self)->dict);
    rl_node_clear(node_of(self));
    return 0;
}

void node_dealloc(PyObject *self) {
    PyNode *o = (PyNode *)self;
    untrack(self);
    if (RL_UNLIKELY(o->weakrefs != NULL)) PyObject_ClearWeakRefs(self);
    if (RL_UNLIKELY(o->dict != NULL)) Py_CLEAR(o->dict);
    rl_node_release(&o->n);
}

static void host_free_node(void *node) {
    PyNode *o = (PyNode *)object_of(node);
    PyTypeObject *type = Py_TYPE(o);
    if (RL_UNLIKELY(type != NodeType) && type->tp_dealloc == node_dealloc && type->tp_basicsize == sizeof(PyNode)) {    /* named when Python looked at it */
        Py_SET_TYPE(o, NodeType);
        Py_INCREF(NodeType);
        Py_DECREF(type);
        type = NodeType;
    }
    if (RL_LIKELY(type == NodeType && free_node_count < NODE_POOL && host_pools)) {
        o->dict = (PyObject *)free_nodes;
        free_nodes = o;
        free_node_count++;
        return;
    }
    type->tp_free(o);
    Py_DECREF(type);
}

/* ---- errors ---- */

static PyObject *exception_class(ErrorKind kind) {
    switch (kind) {
    case RL_TYPE_ERROR: return PyExc_TypeError;
    case RL_VALUE_ERROR: return PyExc_ValueError;
    case RL_INDEX_ERROR: return PyExc_IndexError;
    case RL_MEMORY_ERROR: return memory_error;
    case RL_OVERFLOW_ERROR: return PyExc_OverflowError;
    case RL_NOT_IMPLEMENTED: return PyExc_NotImplementedError;
    case RL_LINALG_ERROR: return linalg_error;
    case RL_ZERO_DIVISION: return PyExc_ZeroDivisionError;
    default: return PyExc_RuntimeError;
    }
}

#if PY_VERSION_HEX < 0x030C0000
static PyObject *take_exception(void) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value && trace) PyException_SetTraceback(value, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return value;
}

static void give_exception(PyObject *value) {
    PyErr_Restore(Py_NewRef(Py_TYPE(value)), value, PyException_GetTraceback(value));
}
#else
#define take_exception PyErr_GetRaisedException
#define give_exception PyErr_SetRaisedException
#endif

void *raise_pending(void) {
    const Error *e = rl_error();
    if (!rl_thread.failed) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "an operation failed without saying why");
        return NULL;
    }
    if (e->payload) {
        give_exception(Py_NewRef((PyObject *)e->payload));
        rl_error_clear();
        return NULL;
    }
    PyObject *class = exception_class(e->kind);
    PyObject *text = PyUnicode_DecodeUTF8(e->text, (Py_ssize_t)strlen(e->text), "replace");
    rl_error_clear();
    if (!text) return NULL;
    PyErr_SetObject(class, text);
    Py_DECREF(text);
    return NULL;
}

void *fail_from_python(void) {
    PyObject *value = take_exception();
    if (!value) return rl_fail(RL_RUNTIME_ERROR, "a callback failed without an exception");
    rl_fail_host(value);
    return NULL;
}

PyObject *finish(Scope s, Tensor *result) {
    result = rl_scope_close_with(s, result);
    if (RL_UNLIKELY(!result || rl_thread.failed)) {
        if (result) {
            Error keep;
            rl_error_put_aside(&keep);
            rl_drop(result);
            rl_error_put_back(&keep);
        }
        return raise_pending();
    }
    return object_of(result);
}

PyObject *none_or(Tensor *t) { return Py_NewRef(t ? object_of(t) : Py_None); }

/* ---- call sites ---- */

/* Anomaly mode: the whole stack as text, for the warning when the node's backward fails. */
static void note_traceback(Node *node) {
    ScopeAside aside;
    rl_scope_put_aside(&aside);
    PyObject *module = PyImport_ImportModule("traceback"), *lines = module ? PyObject_CallMethod(module, "format_stack", NULL) : NULL;
    if (lines && !node->metadata) node->metadata = PyDict_New();
    if (lines && node->metadata) PyDict_SetItemString((PyObject *)node->metadata, "traceback_", lines);
    PyErr_Clear();
    Py_XDECREF(lines);
    Py_XDECREF(module);
    rl_scope_put_back(&aside);
}

void call_site(PyObject **code, int32_t *offset) {
    *code = NULL;
#if PY_VERSION_HEX < 0x030C0000
    PyThreadState *ts = _PyThreadState_GET();
    _PyInterpreterFrame *frame = ts->cframe->current_frame;
    while (frame && _PyFrame_IsIncomplete(frame)) frame = frame->previous;
    if (!frame) return;
    *code = Py_NewRef((PyObject *)frame->f_code);
    *offset = (int32_t)((char *)frame->prev_instr - (char *)_PyCode_CODE(frame->f_code));
#else
    PyThreadState *ts = PyThreadState_GET();
#if PY_VERSION_HEX < 0x030D0000
    struct _PyInterpreterFrame *frame = ts->cframe->current_frame;
#else
    struct _PyInterpreterFrame *frame = ts->current_frame;
#endif
    if (!frame) return;
    *code = PyUnstable_InterpreterFrame_GetCode(frame);
    *offset = PyUnstable_InterpreterFrame_GetLasti(frame);
#endif
}

static void host_site(Node *node) {
    PyObject *code;
    call_site(&code, &node->site_offset);
    if (!code) return;
    node->site_code = code;
    if (RL_UNLIKELY(rl_thread.anomaly)) note_traceback(node);
    node->module_entry = module_call_now();
}

/* Whether this code is the package's own Python: the line that a reader looks for is the one that called it. */
static bool is_ours(PyObject *code) {
    static char folder[1024];
    static size_t length;
    if (!length) {
        PyObject *file = PyModule_GetFilenameObject(the_module);
        const char *text = file ? PyUnicode_AsUTF8(file) : NULL, *slash = text ? strrchr(text, '/') : NULL;
        if (slash && slash - text < (ptrdiff_t)sizeof folder) memcpy(folder, text, length = (size_t)(slash - text) + 1);
        else length = 1;            /* no file begins with a null */
        Py_XDECREF(file);
        PyErr_Clear();
    }
    const char *name = PyUnicode_AsUTF8(((PyCodeObject *)code)->co_filename);
    if (!name) PyErr_Clear();
    return name && !strncmp(name, folder, length);
}

static void *host_code_here(int32_t *offset) {
#if PY_VERSION_HEX < 0x030C0000
    _PyInterpreterFrame *frame = _PyThreadState_GET()->cframe->current_frame;
    while (frame && (_PyFrame_IsIncomplete(frame) || (frame->previous && is_ours((PyObject *)frame->f_code)))) frame = frame->previous;
    if (!frame) return NULL;
    *offset = (int32_t)((char *)frame->prev_instr - (char *)_PyCode_CODE(frame->f_code));
    return Py_NewRef((PyObject *)frame->f_code);
#else
    PyObject *code;
    call_site(&code, offset);
    if (code && is_ours(code)) Py_CLEAR(code);      /* frames further out cannot be reached cheaply */
    return code;
#endif
}

static bool host_name_site(void *code, int32_t offset, char *text, int room) {
    const char *name = PyUnicode_AsUTF8(((PyCodeObject *)code)->co_filename);
    if (!name) PyErr_Clear();
    return name && snprintf(text, (size_t)room, "%s:%d", name, PyCode_Addr2Line((PyCodeObject *)code, offset)) < room;
}

/* ---- the lock ---- */

static void *host_unlock(void) { return PyEval_SaveThread(); }
static void host_lock(void *state) { PyEval_RestoreThread(state); }

/* Ctrl-C, looked for at most every 50 ms.  The exception waits in the core's error until the call returns. */
static bool host_interrupted(void) {
    static int64_t last;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (ms - last < 50) return false;
    last = ms;
    PyGILState_STATE state = PyGILState_Ensure();
    bool stop = PyErr_CheckSignals() < 0;
    if (stop) fail_from_python();
    PyGILState_Release(state);
    return stop;
}

static void host_warn(const char *text) {
    if (PyErr_WarnEx(PyExc_UserWarning, text, 1) < 0) fail_from_python();
}

bool host_start(void) {
    const char *pools = getenv("RUSHLIGHT_POOLS"), *sites = getenv("RUSHLIGHT_SITES");
    if (pools) host_pools = strcmp(pools, "0") != 0;
    rl_host_install(&(Host){
        .make = host_make, .keep = host_keep, .drop = host_drop, .free_node = host_free_node, .count = host_count, .linked = host_linked,
        .foreign_keep = host_foreign_keep, .foreign_drop = host_foreign_drop, .call_hooks = host_call_hooks,
        .call_function = host_call_function, .pack = host_pack, .unpack = host_unpack, .site = host_site, .code_here = host_code_here, .name_site = host_name_site,
        .unlock = host_unlock, .lock = host_lock, .interrupted = host_interrupted, .warn = host_warn, .fourier = host_fourier,
    });
    rl_thread.sites = !sites || strcmp(sites, "0") != 0;
    return true;
}
