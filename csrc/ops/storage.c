/* storage.c -- tensors as windows onto storages: what saving takes apart and loading puts together.
 *
 * A storage has no object of its own in the host language; it is shown as the uint8 tensor of all its bytes. */
#include "rushlight.h"

#include <inttypes.h>

static Tensor *storage_bytes_forward(Call *c) {
    Tensor *x = rl_arg_tensor(c, 0), *y = rl_alias(x);
    if (!y) return NULL;
    int64_t bytes = x->storage->bytes, one = 1;
    if (!rl_set_geometry(y, 1, &bytes, &one, 0)) return NULL;
    y->dtype = RL_UINT8;
    return y;
}

/* The last element that geometry reaches, counted from the start of the storage; -1 if it has none. */
static bool reach(int n, const int64_t *size, const int64_t *stride, int64_t offset, int64_t *last) {
    *last = offset;
    for (int i = 0; i < n; i++) {
        int64_t step;
        if (size[i] == 0) {
            *last = -1;
            return true;
        }
        if (size[i] < 0 || stride[i] < 0 || !rl_mul_size(size[i] - 1, stride[i], &step) || !rl_add_size(*last, step, last)) return false;
    }
    return true;
}

static Tensor *from_storage_forward(Call *c) {
    Tensor *data = rl_arg_tensor(c, 0);
    Dtype dtype = c->arg[1].dtype;
    int n = c->arg[2].n, width = rl_dtype_bytes(dtype);
    const int64_t *size = c->arg[2].ints, *stride = c->arg[3].ints;
    int64_t offset = c->arg[4].i, last, room = data->storage->bytes / width;
    if (data->dtype != RL_UINT8 || c->arg[3].n != n || offset < 0)
        return rl_fail(RL_VALUE_ERROR, "_from_storage: needs a uint8 tensor, as many strides as sizes, and an offset of 0 or more");
    if (!reach(n, size, stride, offset, &last) || last >= room)
        return rl_fail(RL_RUNTIME_ERROR, "setStorage: sizes %s, strides %s, storage offset %" PRId64 ", and itemsize %d are out of bounds for storage of size %" PRId64,
                       rl_text_sizes(n, size), rl_text_sizes(n, stride), offset, width, data->storage->bytes);
    Tensor *y = rl_alias(data);
    if (!y || !rl_set_geometry(y, n, size, stride, offset)) return NULL;
    y->dtype = dtype;
    return y;
}

Op rl_storage_ops[] = {
    {
        .sig = "_storage_bytes(input: Tensor) -> Tensor", .where = PRIVATE,
        .doc = "All bytes of a tensor's storage, as a uint8 tensor that shares them.\n\n"
               ">>> rl._C._ops._storage_bytes(rl.zeros(2)[1:]).shape\nrushlight.Size([8])",
        .forward = storage_bytes_forward, .samples = "x(2, 3)",
    },
    {
        .sig = "_from_storage(data: Tensor, dtype: dtype, size: list[int], stride: list[int], storage_offset: int = 0) -> Tensor",
        .where = PRIVATE,
        .doc = "A tensor over the storage of a uint8 tensor; no view of it, so that it may become a leaf.\n\n"
               ">>> rl._C._ops._from_storage(rl.zeros(8, dtype=rl.uint8), rl.float32, [2], [1])\ntensor([0., 0.])",
        .forward = from_storage_forward, .samples = "-",
    },
    {0},
};
