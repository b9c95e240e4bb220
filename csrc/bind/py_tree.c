/* py_tree.c -- walking a tree of modules: itself and all below it, or the parameters or buffers that they hold.
 *
 * An iterator as lazy as a generator: depth first, in the order of registration, each object once unless asked otherwise.  What it walks
 * over are the dictionaries of nn.Module (_modules, _parameters, _buffers); one that changes its size meanwhile is an error, as in any
 * loop.  A module below the root whose class has a named_modules of its own is asked for it.  Refused: knowing what is done with it all. */
#include "bind.h"

typedef struct Level {
    PyObject *path;            /* NULL where no names are wanted */
    PyObject *children;        /* a dictionary, or an iterator over (path, module) */
    Py_ssize_t at, size;
} Level;

typedef struct Walk {
    PyObject_HEAD
    PyObject *root, *path;     /* until the first step */
    PyObject *memo, *seen;     /* sets: modules, members */
    PyObject *kind;            /* the registry whose members are wanted; NULL: the modules themselves */
    PyObject *members, *owner; /* of the module at hand, and its path */
    Py_ssize_t at, size;
    bool named, once, recurse;
    Level *frame;
    int depth, room;
} Walk;

static PyTypeObject *WalkType;
static PyObject *modules_name, *walker_name, *walker;

static int walk_traverse(PyObject *self, visitproc visit, void *arg) {
    Walk *w = (Walk *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(w->root);
    Py_VISIT(w->memo);
    Py_VISIT(w->seen);
    Py_VISIT(w->members);
    for (int i = 0; i < w->depth; i++) Py_VISIT(w->frame[i].children);
    return 0;
}

static int walk_clear(PyObject *self) {
    Walk *w = (Walk *)self;
    Py_CLEAR(w->root);
    Py_CLEAR(w->path);
    Py_CLEAR(w->memo);
    Py_CLEAR(w->seen);
    Py_CLEAR(w->members);
    Py_CLEAR(w->owner);
    while (w->depth > 0) {
        Level f = w->frame[--w->depth];
        Py_XDECREF(f.path);
        Py_XDECREF(f.children);
    }
    return 0;
}

static void walk_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    walk_clear(self);
    Py_CLEAR(((Walk *)self)->kind);
    PyMem_Free(((Walk *)self)->frame);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- one step --------------------------------------------------------------------------------------------------------------------- */

/* The next entry of a dictionary, borrowed: 1, 0 at the end, -1 with an exception. */
static int next_entry(PyObject *dict, Py_ssize_t *at, Py_ssize_t size, PyObject **key, PyObject **value) {
    if (PyDict_GET_SIZE(dict) != size) {
        PyErr_SetString(PyExc_RuntimeError, "dictionary changed size during iteration: a module was given another member while it was walked over");
        return -1;
    }
    return PyDict_Next(dict, at, key, value);
}

/* A new reference to a registry of a module. */
static PyObject *registry_of(PyObject *module, PyObject *name) {
    PyObject *found = PyObject_GetAttr(module, name);
    if (found && !PyDict_Check(found)) {
        PyErr_Format(PyExc_TypeError, "%.100s.%U is a %.100s, but must be a dict", Py_TYPE(module)->tp_name, name, Py_TYPE(found)->tp_name);
        Py_CLEAR(found);
    }
    return found;
}

static PyObject *joined(PyObject *path, PyObject *name) {
    if (!path || PyUnicode_GET_LENGTH(path) == 0) return Py_NewRef(name);
    return PyUnicode_FromFormat("%U.%U", path, name);
}

/* Takes both references. */
static bool push(Walk *w, PyObject *path, PyObject *children) {
    if (children && w->depth == w->room) {
        int room = w->room ? 2 * w->room : 8;
        Level *frame = PyMem_Realloc(w->frame, (size_t)room * sizeof *frame);
        if (!frame) {
            PyErr_NoMemory();
            Py_CLEAR(children);
        } else {
            w->frame = frame;
            w->room = room;
        }
    }
    if (!children) {
        Py_XDECREF(path);
        return false;
    }
    w->frame[w->depth++] = (Level){.path = path, .children = children, .size = PyDict_Check(children) ? PyDict_GET_SIZE(children) : 0};
    return true;
}

static void pop(Walk *w) {
    Level f = w->frame[--w->depth];
    Py_XDECREF(f.path);
    Py_DECREF(f.children);
}

/* Enters a module: it is noted, and its children come next. */
static bool enter(Walk *w, PyObject *module, PyObject *path) {
    if (!w->recurse) return true;
    if (w->once && PySet_Add(w->memo, module) < 0) return false;
    return push(w, Py_XNewRef(path), registry_of(module, modules_name));
}

static bool walks_itself(PyObject *module) {
    PyObject *method = _PyType_Lookup(Py_TYPE(module), walker_name);
    return method && walker && method != walker;
}

/* From the generator of a module that walks itself: 1 with new references, 0 at the end, -1. */
static int next_foreign(PyObject *generator, PyObject **module, PyObject **path) {
    PyObject *pair = PyIter_Next(generator);
    if (!pair) return PyErr_Occurred() ? -1 : 0;
    bool ok = PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2;
    if (ok) *path = Py_NewRef(PyTuple_GET_ITEM(pair, 0)), *module = Py_NewRef(PyTuple_GET_ITEM(pair, 1));
    else PyErr_SetString(PyExc_TypeError, "named_modules() must give pairs of a name and a module");
    Py_DECREF(pair);
    return ok ? 1 : -1;
}

/* The child of the top frame under `name`: 1 with new references, 0 if it is none or known, -1. */
static int take_child(Walk *w, PyObject *name, PyObject *child, PyObject **module, PyObject **path) {
    int known = child == Py_None ? 1 : PySet_Contains(w->memo, child);
    if (known) return known < 0 ? -1 : 0;
    bool own = walks_itself(child);
    PyObject *below = w->named || own ? joined(w->frame[w->depth - 1].path, name) : NULL;
    if ((w->named || own) && !below) return -1;
    Py_INCREF(child);
    if (own) {
        PyObject *pairs = PyObject_CallMethodObjArgs(child, walker_name, w->memo, below, w->once ? Py_True : Py_False, NULL);
        PyObject *generator = pairs ? PyObject_GetIter(pairs) : NULL;
        Py_XDECREF(pairs);
        Py_DECREF(child);
        return push(w, below, generator) ? 0 : -1;
    }
    if (!enter(w, child, below)) {
        Py_XDECREF(below);
        Py_DECREF(child);
        return -1;
    }
    *module = child;
    *path = below;
    return 1;
}

/* 1 with new references (path may be NULL where no names are wanted), 0 at the end, -1. */
static int next_module(Walk *w, PyObject **module, PyObject **path) {
    if (w->root) {
        PyObject *root = w->root, *own = w->path;
        w->root = w->path = NULL;
        int known = w->recurse ? PySet_Contains(w->memo, root) : 0;
        if (known == 0 && enter(w, root, own)) {
            *module = root;
            *path = own;
            return 1;
        }
        Py_DECREF(root);
        Py_XDECREF(own);
        return known == 1 ? 0 : -1;
    }
    while (w->depth > 0) {
        Level *f = &w->frame[w->depth - 1];
        PyObject *name, *child;
        int got = PyDict_Check(f->children) ? next_entry(f->children, &f->at, f->size, &name, &child) : next_foreign(f->children, module, path);
        if (got < 0) return -1;
        if (got == 0) {
            pop(w);
            continue;
        }
        if (PyDict_Check(f->children)) got = take_child(w, name, child, module, path);
        if (got) return got;
    }
    return 0;
}

static PyObject *pair_of(PyObject *path, PyObject *object) {
    PyObject *pair = path ? PyTuple_New(2) : NULL;
    if (!pair) {
        Py_XDECREF(path);
        Py_DECREF(object);
        return NULL;
    }
    PyTuple_SET_ITEM(pair, 0, path);
    PyTuple_SET_ITEM(pair, 1, object);
    return pair;
}

/* The next member of the module at hand that has not been seen; NULL at the end, or with an exception. */
static PyObject *next_member(Walk *w) {
    PyObject *name, *member;
    int got;
    while ((got = next_entry(w->members, &w->at, w->size, &name, &member)) == 1) {
        if (member == Py_None) continue;
        Py_INCREF(member);
        int known = PySet_Contains(w->seen, member);
        if (known == 0 && (!w->once || PySet_Add(w->seen, member) == 0)) return w->named ? pair_of(joined(w->owner, name), member) : member;
        Py_DECREF(member);
        if (known != 1) return NULL;
    }
    if (got == 0) Py_CLEAR(w->members);
    return NULL;
}

static PyObject *walk_next(PyObject *self) {
    Walk *w = (Walk *)self;
    PyObject *module = NULL, *path = NULL;
    for (;;) {
        if (w->members) {
            PyObject *member = next_member(w);
            if (member || PyErr_Occurred()) return member;
        }
        if (next_module(w, &module, &path) != 1) return NULL;
        if (!w->kind) {
            if (w->named) return pair_of(path, module);
            Py_XDECREF(path);
            return module;
        }
        Py_XSETREF(w->owner, path);
        w->members = registry_of(module, w->kind);
        w->at = 0;
        Py_DECREF(module);
        if (!w->members) return NULL;
        w->size = PyDict_GET_SIZE(w->members);
    }
}

/* ---- _walk(module, kind, named, prefix, recurse, remove_duplicate, memo) -------------------------------------------------------------- */

static PyObject *walk(PyObject *unused, PyObject *const *args, Py_ssize_t nargs) {
    if (nargs != 7 || (args[1] != Py_None && !PyUnicode_Check(args[1])) || !PyUnicode_Check(args[3]) || (args[6] != Py_None && !PyAnySet_Check(args[6]))) {
        PyErr_SetString(PyExc_TypeError, "_walk(module, kind: str | None, named, prefix: str, recurse, remove_duplicate, memo: set | None)");
        return NULL;
    }
    int flag[3] = {PyObject_IsTrue(args[2]), PyObject_IsTrue(args[4]), PyObject_IsTrue(args[5])};
    if (flag[0] < 0 || flag[1] < 0 || flag[2] < 0) return NULL;
    if (flag[1] && (args[1] != Py_None || !flag[0]) && walks_itself(args[0])) Py_RETURN_NONE;
    Walk *w = (Walk *)WalkType->tp_alloc(WalkType, 0);
    if (!w) return NULL;
    w->named = flag[0], w->recurse = flag[1], w->once = flag[2];
    w->root = Py_NewRef(args[0]);
    w->path = Py_NewRef(args[3]);
    w->kind = args[1] == Py_None ? NULL : Py_NewRef(args[1]);
    w->memo = !w->recurse ? NULL : args[6] == Py_None ? PySet_New(NULL) : Py_NewRef(args[6]);
    w->seen = w->kind ? PySet_New(NULL) : NULL;
    if ((w->memo || !w->recurse) && (w->seen || !w->kind)) return (PyObject *)w;
    Py_DECREF(w);
    return NULL;
}

static PyObject *set_walker(PyObject *unused, PyObject *function) {
    Py_XSETREF(walker, Py_NewRef(function));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"_walk", AS_METHOD(walk), METH_FASTCALL,
     "_walk(module, kind, named, prefix, recurse, remove_duplicate, memo): an iterator over modules or what they hold; None where the module walks itself."},
    {"_set_walker", set_walker, METH_O, "_set_walker(function): the named_modules of a module that does not walk itself."},
    {NULL},
};

static PyType_Slot walk_slots[] = {
    {Py_tp_doc, "Iterates over a tree of modules."}, {Py_tp_dealloc, walk_dealloc}, {Py_tp_traverse, walk_traverse}, {Py_tp_clear, walk_clear},
    {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, walk_next}, {0, NULL},
};
static PyType_Spec walk_spec = {
    .name = "rushlight._C.Walk", .basicsize = sizeof(Walk), .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, .slots = walk_slots,
};

bool tree_start(PyObject *module) {
    modules_name = PyUnicode_InternFromString("_modules");
    walker_name = PyUnicode_InternFromString("named_modules");
    WalkType = (PyTypeObject *)PyType_FromSpec(&walk_spec);
    return modules_name && walker_name && WalkType && PyModule_AddFunctions(module, functions) == 0;
}
