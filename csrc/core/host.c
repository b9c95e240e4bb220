/* host.c -- the table through which the core reaches whoever embeds it, and a host in plain C.
 *
 * The plain host counts references in front of each object.  It serves the C tests and shows, in fifty lines, all
 * that an embedding must provide. */
#include "rushlight.h"

#include <string.h>

Host rl_host;

void rl_host_install(const Host *host) { rl_host = *host; }

typedef struct { int64_t count, kind, pad[6]; } Header;

static Header *header_of(void *object) { return (Header *)object - 1; }

static void *plain_make(Kind kind) {
    if (rl_thread.failed) return NULL;
    int64_t bytes = kind == KIND_TENSOR ? (int64_t)sizeof(Tensor) : (int64_t)sizeof(Node);
    Header *h = rl_alloc((int64_t)sizeof *h + bytes);
    if (!h) return NULL;
    h->count = 1;
    h->kind = kind;
    memset(h + 1, 0, kind == KIND_TENSOR ? offsetof(Tensor, dims) : offsetof(Node, arg_inline));
    return h + 1;
}

static void plain_keep(void *object) { header_of(object)->count++; }

static void plain_drop(void *object) {
    Header *h = header_of(object);
    if (--h->count) return;
    if (h->kind == KIND_TENSOR) {
        rl_tensor_release(object);
        rl_free(h);
    } else {
        rl_node_release(object);
    }
}

static void plain_free_node(void *node) { rl_free(header_of(node)); }
static int64_t plain_count(void *object) { return header_of(object)->count; }
static void plain_linked(Tensor *t) {}
static void plain_foreign(void *foreign) {}
static bool plain_hooks(HookKind kind, void *hooks, void *subject, int n, Tensor **grads, int n_out, Tensor **grads_out) { return true; }
static bool plain_function(Node *node, Tensor **grads, Tensor **dx) { return true; }
static void *plain_pack(Tensor *t, bool is_output, bool is_leaf) { return NULL; }
static Tensor *plain_unpack(void *packed) { return NULL; }
static void plain_site(Node *node) {}
static void *plain_code(int32_t *offset) { return NULL; }
static bool plain_name(void *code, int32_t offset, char *text, int room) { return false; }
static void *plain_unlock(void) { return NULL; }
static void plain_lock(void *state) {}
static bool plain_interrupted(void) { return false; }
static void plain_warn(const char *text) {}

void rl_host_install_malloc(void) {
    rl_host_install(&(Host){
        .make = plain_make, .keep = plain_keep, .drop = plain_drop, .free_node = plain_free_node, .count = plain_count,
        .linked = plain_linked, .foreign_keep = plain_foreign, .foreign_drop = plain_foreign, .call_hooks = plain_hooks,
        .call_function = plain_function, .pack = plain_pack, .unpack = plain_unpack, .site = plain_site, .code_here = plain_code, .name_site = plain_name,
        .unlock = plain_unlock, .lock = plain_lock, .interrupted = plain_interrupted, .warn = plain_warn,
    });
}
