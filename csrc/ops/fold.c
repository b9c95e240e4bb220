/* fold.c -- an image taken apart into sliding blocks, one column each, and columns added up to an image.
 *
 * Either is the other's adjoint.  The kernels are those of convolution; halves are added up in float32. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>

/* Blocks of a picture of h by w; parameters come as (kernel_size, dilation, padding, stride), two numbers each. */
static bool blocks_of(const Arg *p, int64_t h, int64_t w, Window *win) {
    static const struct { const char *name, *rule; int64_t least; } parts[] = {
        {"kernel size", "should be greater than zero, but got kernel", 1}, {"dilation", "should be greater than zero, but got dilation", 1},
        {"padding", "should be non-negative, but got pad", 0}, {"stride", "should be greater than zero, but got stride", 1}};
    int64_t pair[4][2];
    for (int k = 0; k < 4; k++) {
        if (p[k].n != 1 && p[k].n != 2) return rl_fail(RL_RUNTIME_ERROR, "It is expected %s equals to 2, but got size %d", k == 0 ? "kernel_size" : parts[k].name, p[k].n);
        for (int i = 0; i < 2; i++) pair[k][i] = p[k].ints[p[k].n == 1 ? 0 : i];
        for (int i = 0; i < 2; i++)
            if (pair[k][i] < parts[k].least || pair[k][i] > INT32_MAX)
                return rl_fail(RL_RUNTIME_ERROR, "%s %s_height: %" PRId64 " %s_width: %" PRId64, parts[k].name, parts[k].rule, pair[k][0], k == 0 ? "kernel" : k == 1 ? "dilation" : k == 2 ? "pad" : "stride", pair[k][1]);
    }
    if (h > INT32_MAX || w > INT32_MAX) return rl_fail_memory(INT64_MAX);
    *win = (Window){.in = {1, h, w}, .size = {1, pair[0][0], pair[0][1]}, .dilation = {1, pair[1][0], pair[1][1]}, .pad = {0, pair[2][0], pair[2][1]}, .stride = {1, pair[3][0], pair[3][1]}, .out = {1, 0, 0}};
    for (int d = 1; d < 3; d++) {
        int64_t room = win->in[d] + 2 * win->pad[d] - win->dilation[d] * (win->size[d] - 1) - 1;
        win->out[d] = room < 0 ? 0 : room / win->stride[d] + 1;
    }
    if (win->out[1] > 0 && win->out[2] > 0) return true;
    return rl_fail(RL_RUNTIME_ERROR, "Given %s with spatial size (%" PRId64 ", %" PRId64 "), kernel_size=(%" PRId64 ", %" PRId64 "), dilation=(%" PRId64 ", %" PRId64 "), padding=(%" PRId64 ", %" PRId64
                   "), calculated shape of the array of sliding blocks as (%" PRId64 ", %" PRId64 "), but its components must be at least one.",
                   "input", h, w, pair[0][0], pair[0][1], pair[1][0], pair[1][1], pair[2][0], pair[2][1], win->out[1], win->out[2]);
}

typedef struct Work { const Window *window; char *image, *columns; int64_t image_bytes, column_bytes; Dtype dtype; int bytes; } Work;

static void take_apart(int64_t begin, int64_t end, void *state) {
    const Work *k = state;
    for (; begin < end; begin++) rl_kernels->im2col[rl_size_index(k->bytes)](k->window, k->image + begin * k->image_bytes, k->columns + begin * k->column_bytes);
}

static void add_up(int64_t begin, int64_t end, void *state) {
    const Work *k = state;
    for (; begin < end; begin++) rl_kernels->col2im[k->dtype](k->window, k->columns + begin * k->column_bytes, k->image + begin * k->image_bytes);
}

static bool each_plane(const Tensor *image, const Tensor *columns, Window *win, RangeFn *fn) {
    win->channels = 1;
    int bytes = rl_dtype_bytes(image->dtype);
    int64_t area = win->in[1] * win->in[2], block = win->size[1] * win->size[2] * win->out[1] * win->out[2];
    Work k = {win, rl_data(image), rl_data(columns), area * bytes, block * bytes, image->dtype, bytes};
    return image->numel == 0 || rl_parallel_for(image->numel / area, 1 + 40000 / (block + 1), fn, &k);
}

static Tensor *im2col_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Window w;
    bool sizes = x->ndim >= 3;
    for (int i = x->ndim == 4; i < x->ndim; i++) sizes &= x->shape[i] != 0;
    if ((x->ndim != 3 && x->ndim != 4) || !sizes)
        return rl_fail(RL_RUNTIME_ERROR, "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: %s", rl_text_shape(x));
    if (!blocks_of(c->arg + 1, rl_size(x, -2), rl_size(x, -1), &w) || !(x = rl_contiguous(x))) return NULL;
    int64_t shape[3] = {x->shape[0], 0, 0};
    if (!rl_mul_size(w.size[1], w.size[2], &shape[1]) || !rl_mul_size(shape[1], rl_size(x, -3), &shape[1]) || !rl_mul_size(w.out[1], w.out[2], &shape[2])) return rl_fail_memory(INT64_MAX);
    Tensor *y = rl_empty(x->ndim - 1, x->ndim == 4 ? shape : shape + 1, x->dtype);
    return y && each_plane(x, y, &w, take_apart) ? y : NULL;
}

static bool columns_fit(const Tensor *x, const Window *w) {
    int64_t block = w->size[1] * w->size[2], count = w->out[1] * w->out[2];
    bool sizes = x->ndim == 2 || x->ndim == 3;
    for (int i = x->ndim == 3; i < x->ndim; i++) sizes &= x->shape[i] != 0;
    if (!sizes) return rl_fail(RL_RUNTIME_ERROR, "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: %s", rl_text_shape(x));
    if (rl_size(x, -2) % block)
        return rl_fail(RL_RUNTIME_ERROR, "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=%" PRId64 " and kernel_size=(%" PRId64 ", %" PRId64 ").", rl_size(x, -2), w->size[1], w->size[2]);
    if (rl_size(x, -1) != count)
        return rl_fail(RL_RUNTIME_ERROR, "Given output_size=(%" PRId64 ", %" PRId64 "), kernel_size=(%" PRId64 ", %" PRId64 "), dilation=(%" PRId64 ", %" PRId64 "), padding=(%" PRId64 ", %" PRId64 "), stride=(%" PRId64 ", %" PRId64
                       "), expected size of input's dimension 2 to match the calculated number of sliding blocks %" PRId64 " * %" PRId64 " = %" PRId64 ", but got input.size(2)=%" PRId64 ".",
                       w->in[1], w->in[2], w->size[1], w->size[2], w->dilation[1], w->dilation[2], w->pad[1], w->pad[2], w->stride[1], w->stride[2], w->out[1], w->out[2], count, rl_size(x, -1));
    return true;
}

static Tensor *col2im_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const Arg *size = &c->arg[1];
    int64_t h = size->n ? size->ints[0] : 0, width = size->n == 1 ? h : size->n == 2 ? size->ints[1] : 0;
    Window w;
    if (h <= 0 || width <= 0) return rl_fail(RL_RUNTIME_ERROR, "It is expected output_size equals to 2, both greater than zero, but got %s", rl_text_sizes(size->n, size->ints));
    if (!blocks_of(c->arg + 2, h, width, &w)) return NULL;
    int64_t block, count;
    if (!rl_mul_size(w.size[1], w.size[2], &block) || !rl_mul_size(w.out[1], w.out[2], &count)) return rl_fail_memory(INT64_MAX);
    if (!columns_fit(x, &w)) return NULL;
    Dtype work = rl_dtype_is(x->dtype, CLASS_HALF) ? RL_FLOAT32 : rl_dtype_is(x->dtype, CLASS_INTEGRAL) ? RL_INT64 : x->dtype;
    int64_t shape[4] = {x->shape[0], rl_size(x, -2) / block, h, width};
    Tensor *columns = rl_contiguous(rl_cast(x, work)), *y = rl_zeros(x->ndim + 1, x->ndim == 3 ? shape : shape + 1, work);
    return columns && y && each_plane(y, columns, &w, add_up) ? rl_cast(y, x->dtype) : NULL;
}

static void im2col_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    dx[0] = rl_do("col2im", a_t(g[0]), a_ints(2, m->shape + m->ndim - 2), c->arg[1], c->arg[2], c->arg[3], c->arg[4]);
}

static void col2im_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("im2col", a_t(g[0]), c->arg[2], c->arg[3], c->arg[4], c->arg[5]); }

#define BLOCKS "kernel_size: int | list[int], dilation: int | list[int] = 1, padding: int | list[int] = 0, stride: int | list[int] = 1) -> Tensor"

Op rl_fold_ops[] = {
    {
        .sig = "im2col(input: Tensor, " BLOCKS, .where = NN, .forward = im2col_forward, .vjp = im2col_vjp, .node = "Im2ColBackward0",
        .samples = "x(2, 3, 4, 5), 2; x(3, 5, 4), [2, 3], 1, 1, [2, 1]; x(1, 2, 6, 6), 2, 2, 1, 3",
        .doc = "Every sliding block of an image as a column: [N, C, H, W] -> [N, C k, L].\n\n>>> rl._C._nn.im2col(rl.arange(4.).view(1, 2, 2), 2).flatten()\ntensor([0., 1., 2., 3.])",
    },
    {
        .sig = "col2im(input: Tensor, output_size: int | list[int], " BLOCKS, .where = NN, .forward = col2im_forward, .vjp = col2im_vjp, .node = "Col2ImBackward0",
        .samples = "x(2, 12, 12), [4, 5], 2; x(9, 1), 3, 3, 1, 0, 1; x(1, 8, 4), [6, 6], 2, 2, 1, 3",
        .doc = "Columns added up to the image that im2col takes apart.\n\n>>> rl._C._nn.col2im(rl.ones(4, 2), [2, 3], 2)\ntensor([[[1., 2., 1.],\n         [1., 2., 1.]]])",
    },
    {0},
};
