/* scope.c -- who owns temporaries.
 *
 * A stack of references per thread.  A scope is a mark on it; closing drops everything above the mark.  So an
 * operation never frees anything: it builds what it needs, returns its result, and whoever opened the scope keeps
 * that and lets the rest go.  The stack also holds scratch memory, told apart by its lowest bit. */
#include "rushlight.h"

enum { FIRST = 256 };
static RL_TLS uintptr_t *entry;
static RL_TLS int64_t top, room;

static bool grow(void) {
    int64_t more = room ? room * 2 : FIRST;
    uintptr_t *bigger = rl_resize(entry, room * (int64_t)sizeof *entry, more * (int64_t)sizeof *entry);
    if (!bigger) return false;
    entry = bigger;
    room = more;
    return true;
}

Scope rl_scope_open(void) { return (Scope){top}; }

static void drop_entry(uintptr_t e) {
    if (e & 1) rl_free((void *)(e & ~(uintptr_t)1));
    else rl_host.drop((void *)e);
}

static void drop_down_to(int64_t mark) {
    while (top > mark) drop_entry(entry[--top]);
}

void rl_scope_close(Scope s) {
    if (RL_LIKELY(!rl_thread.failed)) {
        drop_down_to(s.mark);
        return;
    }
    if (top == s.mark) return;
    Error keep;
    rl_error_put_aside(&keep);
    drop_down_to(s.mark);
    rl_error_put_back(&keep);
}

Tensor *rl_scope_close_with(Scope s, Tensor *result) {
    if (RL_UNLIKELY(!result)) {
        rl_scope_close(s);
        return NULL;
    }
    if (RL_LIKELY(top > s.mark && entry[top - 1] == (uintptr_t)result)) top--;
    else rl_keep(result);
    if (RL_UNLIKELY(top > s.mark)) rl_scope_close(s);
    return result;
}

Tensor *rl_scope_return(Scope s, Tensor *result) { return rl_scope_own(rl_scope_close_with(s, result)); }

Tensor *rl_scope_own(Tensor *t) {
    if (RL_UNLIKELY(!t)) return NULL;
    if (RL_UNLIKELY(top == room) && !grow()) {
        Error keep;
        rl_error_put_aside(&keep);
        rl_host.drop(t);
        rl_error_put_back(&keep);
        return NULL;
    }
    entry[top++] = (uintptr_t)t;
    return t;
}

void *rl_scope_bytes(int64_t bytes) {
    if (top == room && !grow()) return NULL;
    void *block = rl_alloc(bytes > 0 ? bytes : 1);
    if (block) entry[top++] = (uintptr_t)block | 1;
    return block;
}

void rl_scope_put_aside(ScopeAside *a) {
    *a = (ScopeAside){entry, top, room};
    entry = NULL;
    top = room = 0;
}

void rl_scope_put_back(ScopeAside *a) {
    drop_down_to(0);
    rl_free(entry);
    entry = a->entries;
    top = a->n;
    room = a->size;
}
