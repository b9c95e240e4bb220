/* error.c -- one sticky error per thread: a kind, a message, and for host exceptions a payload.
 *
 * The first error wins, since what follows it is mostly its echo.  Nothing here allocates, so running out of
 * memory can be reported.  It knows nothing of tensors but how to print a shape. */
#include "rushlight.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

RL_TLS Thread rl_thread = {.grad_mode = true};

/* What a thread keeps besides: too large for RL_TLS.  The first thread's is static; others get theirs at their first
 * error.  If there is no memory for one, those threads share the last. */
typedef struct { Error pending; char ring[4][256]; int turn; } Notes;
static RL_TLS Notes *mine;
static Notes first, shared;
static atomic_flag first_taken = ATOMIC_FLAG_INIT;
static pthread_key_t at_exit;
static pthread_once_t at_exit_once = PTHREAD_ONCE_INIT;

static void make_key(void) { pthread_key_create(&at_exit, free); }

static Notes *notes_new(void) {
    if (!atomic_flag_test_and_set(&first_taken)) return mine = &first;
    pthread_once(&at_exit_once, make_key);
    Notes *notes = calloc(1, sizeof *notes);
    if (notes && pthread_setspecific(at_exit, notes) != 0) {
        free(notes);
        notes = NULL;
    }
    return mine = notes ? notes : &shared;
}

static Notes *notes(void) { return RL_LIKELY(mine) ? mine : notes_new(); }

void rl_set_error(ErrorKind kind, const char *format, ...) {
    if (rl_thread.failed) return;
    Error *pending = &notes()->pending;
    va_list rest;
    va_start(rest, format);
    vsnprintf(pending->text, sizeof pending->text, format, rest);
    va_end(rest);
    pending->payload = NULL;
    rl_thread.failed = pending->kind = kind;
}

void *rl_fail_memory(int64_t bytes) {
    return rl_fail(RL_MEMORY_ERROR, "DefaultCPUAllocator: can't allocate memory: you tried to allocate %" PRId64 " bytes, and there is not enough memory", bytes);
}

void rl_fail_host(void *payload) {
    if (rl_thread.failed) {
        rl_host.foreign_drop(payload);
        return;
    }
    Error *pending = &notes()->pending;
    pending->text[0] = 0;
    pending->payload = payload;
    rl_thread.failed = pending->kind = RL_HOST_ERROR;
}

ErrorKind rl_failed(void) { return rl_thread.failed; }
const Error *rl_error(void) { return &notes()->pending; }

void rl_error_clear(void) {
    Error *pending = &notes()->pending;
    void *payload = pending->payload;
    rl_thread.failed = pending->kind = RL_OK;
    pending->payload = NULL;
    if (payload) rl_host.foreign_drop(payload);
}

/* Dropping objects may run finalisers, these may run operations, and those refuse to start, or clear the error, while
 * one is pending.  So whoever drops under an error moves it out first. */
void rl_error_put_aside(Error *keep) {
    Error *pending = &notes()->pending;
    keep->kind = pending->kind;
    keep->payload = pending->payload;
    if (keep->kind) memcpy(keep->text, pending->text, sizeof keep->text);
    rl_thread.failed = pending->kind = RL_OK;
    pending->payload = NULL;
}

void rl_error_put_back(Error *keep) {
    Error *pending = &notes()->pending;
    rl_error_clear();
    if (!keep->kind) return;
    pending->kind = rl_thread.failed = keep->kind;
    pending->payload = keep->payload;
    memcpy(pending->text, keep->text, sizeof pending->text);
}

const char *rl_text_sizes(int n, const int64_t *sizes) {
    Notes *own = notes();
    char *text = own->ring[own->turn++ & 3], *end = text + sizeof own->ring[0] - 32, *p = text;
    *p++ = '[';
    int i = 0;
    for (; i < n && p < end; i++) p += snprintf(p, 24, i ? ", %" PRId64 : "%" PRId64, sizes[i]);
    if (i < n) p += snprintf(p, 8, ", ...");
    *p++ = ']';
    *p = 0;
    return text;
}

const char *rl_text_shape(const Tensor *t) { return t ? rl_text_sizes(t->ndim, t->shape) : "[]"; }
