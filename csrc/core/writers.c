/* writers.c -- who wrote last to a storage: a ring of two notes, for the error that says a saved tensor has changed.
 *
 * A note is an operation, the line of the host's code that called it, and the storage's version after the write.  Notes are
 * taken while calls are recorded and sites are kept; a write under no_grad pays one test and leaves a gap, which the text
 * does not hide.  Room is made before the write, because after it nothing may fail. */
#include "rushlight.h"

#include <stdio.h>

typedef struct Note { const Op *op; void *code /* owned */; int32_t offset; uint32_t version; } Note;

struct Writers { Note last, before; };

bool rl_writers_room(Storage *s) {
    if (!rl_noting() || s->writers) return true;
    s->writers = rl_alloc_zero(sizeof *s->writers);
    return s->writers != NULL;
}

void rl_note_write(const Tensor *t, const Op *op) {
    Storage *s = t->storage;
    Writers *w = s->writers;
    if (!w || !rl_noting()) return;
    if (w->last.op && w->last.version == s->version) {      /* a composite, whose last step has said where */
        w->last.op = op;
        return;
    }
    void *old = w->before.code;
    w->before = w->last;
    w->last = (Note){.op = op, .version = s->version};
    w->last.code = rl_host.code_here(&w->last.offset);
    if (old) rl_host.foreign_drop(old);
}

void rl_writers_drop(Storage *s) {
    Writers *w = s->writers;
    s->writers = NULL;
    if (w->last.code) rl_host.foreign_drop(w->last.code);
    if (w->before.code) rl_host.foreign_drop(w->before.code);
    rl_free(w);
}

const char *rl_text_site(void *code, int32_t offset) {
    static char text[256];       /* under the lock, and read at once */
    int n = snprintf(text, sizeof text, " at ");
    return code && rl_host.name_site(code, offset, text + n, (int)sizeof text - n) ? text : "";
}

static int describe(const Note *note, char *text, int room) {
    const char *name = note->op->parsed->name, *own = note->op->where & METHOD_ONLY_INPLACE ? "" : "_";
    return snprintf(text, (size_t)room, "%s%s()%s", name, own, rl_text_site(note->code, note->offset));
}

/* " Written since by add_() at train.py:12, then by mul_() at train.py:13 (and by 3 more that were not noted)." */
void rl_text_writers(const Storage *s, uint32_t since, char *text, int room) {
    const Writers *w = s->writers;
    uint32_t writes = s->version - since, told = 0;
    int n = 0;
    text[0] = 0;
    for (const Note *note = w ? &w->before : NULL; note; note = note == &w->before ? &w->last : NULL) {
        if (!note->op || note->version - since - 1 >= writes) continue;
        n += snprintf(text + n, (size_t)(room - n), told++ ? ", then by " : " Written since by ");
        if (n < room) n += describe(note, text + n, room - n);
        if (n >= room) return;
    }
    if (told) snprintf(text + n, (size_t)(room - n), writes > told ? " (and by %u more: earlier, or under no_grad)." : ".", writes - told);
    else snprintf(text, (size_t)room, " Written since under no_grad, or by code that is not an operation.");
}
