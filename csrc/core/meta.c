/* meta.c -- the device meta: tensors with a shape and a dtype, for models that are laid out before their numbers are loaded.
 *
 * They have memory like others, untouched where nothing writes to it, so every operation knows their shapes without a line of its own; what makes them
 * meta is a flag of the storage.  Results of what reads one are meta, writes to one are left out, random numbers that would end in one are not taken
 * from the stream, and the host refuses to show what is inside. */
#include "rushlight.h"

#include <string.h>

bool rl_meta_seen;

static bool lists_meta(const Arg *a) {
    for (int i = 0; i < a->n; i++)
        if (a->tensors[i] && rl_is_meta(a->tensors[i])) return true;
    return false;
}

bool rl_reads_meta(Call *c) {
    for (int k = 0; k < c->op->parsed->nparams; k++) {
        const Arg *a = &c->arg[k];
        if (a->tag == A_TENSOR ? a->tensor && rl_is_meta(a->tensor) : a->tag == A_TENSORS && lists_meta(a)) return true;
    }
    return false;
}

static bool lies_in_argument(const Call *c, const Storage *storage) {
    for (int k = 0; k < c->op->parsed->nparams; k++)
        if (c->arg[k].tag == A_TENSOR && c->arg[k].tensor && c->arg[k].tensor->storage == storage) return true;
    return false;
}

void rl_mark_meta(Call *c, bool meta) {
    for (int k = 0; k < c->nout; k++) {
        Tensor *y = c->out[k];
        if (!y || lies_in_argument(c, y->storage)) continue;
        if (meta) y->storage->flags |= STORAGE_META;
        else y->storage->flags &= (uint8_t)~STORAGE_META;
    }
}

bool rl_call_meta(Call *c, bool (*plainly)(Call *c)) {
    Generator kept, *g = rl_default_generator();
    memcpy(&kept, g, sizeof kept);
    bool ok = plainly(c);
    kept.refs = g->refs;
    kept.host = g->host;
    memcpy(g, &kept, sizeof kept);
    if (ok) rl_mark_meta(c, true);
    return ok;
}

bool rl_write_meta(Call *c, Tensor *self, bool *done) {
    *done = rl_is_meta(self);
    if (*done || !rl_reads_meta(c)) return true;
    return rl_fail(RL_NOT_IMPLEMENTED, "Cannot copy out of meta tensor; no data! %s would write it to a tensor of the CPU", c->op->parsed->name);
}
