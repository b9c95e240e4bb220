/* image.c -- channels that become neighbouring pixels, and back: a reshape, a permutation, a reshape. */
#include "rushlight.h"

#include <inttypes.h>

enum { SHUFFLE, UNSHUFFLE };

/* (*, C r^2, H, W) -> (*, C, H r, W r), and back; the batch dims are one meanwhile. */
static Tensor *shuffle_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const char *name = c->op->parsed->name;
    int64_t r = c->arg[1].i, shape[RL_MAX_DIMS];
    bool out = c->op->data == SHUFFLE;
    if (x->ndim < 3) return rl_fail(RL_RUNTIME_ERROR, "%s expects input to have at least 3 dimensions, but got input with %d dimension(s)", name, x->ndim);
    if (r <= 0) return rl_fail(RL_RUNTIME_ERROR, "%s expects a positive %s, but got %" PRId64, name, c->op->parsed->param[1].name, r);
    int n = x->ndim - 3;
    int64_t ch = x->shape[n], h = x->shape[n + 1], w = x->shape[n + 2], batch = 1, square;
    if (!rl_mul_size(r, r, &square)) {
        if (out) return rl_fail(RL_VALUE_ERROR, "upscale factor is too large, (upscale_factor)^2 overflowed: upscale_factor=%" PRId64, r);
        square = 0;
    }
    if (out && ch % square)
        return rl_fail(RL_RUNTIME_ERROR, "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=%" PRId64 " is not divisible by %" PRId64, ch, square);
    for (int k = 1; !out && k < 3; k++)
        if (x->shape[n + k] % r)
            return rl_fail(RL_RUNTIME_ERROR, "pixel_unshuffle expects %s to be divisible by downscale_factor, but input.size(%d)=%" PRId64 " is not divisible by %" PRId64,
                           k == 1 ? "height" : "width", k - 3, x->shape[n + k], r);
    for (int i = 0; i < n; i++) batch *= shape[i] = x->shape[i];
    Tensor *parts = out ? rl_reshape(x, 6, (int64_t[]){batch, ch / square, r, r, h, w}) : rl_reshape(x, 6, (int64_t[]){batch, ch, h / r, r, w / r, r});
    Tensor *turned = rl_permute(parts, 6, out ? (int64_t[]){0, 1, 4, 2, 5, 3} : (int64_t[]){0, 1, 3, 5, 2, 4});
    shape[n] = out ? ch / square : 0;
    shape[n + 1] = h / r;
    shape[n + 2] = w / r;
    bool fits = out ? rl_mul_size(h, r, &shape[n + 1]) && rl_mul_size(w, r, &shape[n + 2]) : square && rl_mul_size(ch, square, &shape[n]);
    if (!fits) return rl_fail(RL_RUNTIME_ERROR, "%s: %s=%" PRId64 " is too large for an input of shape %s", name, c->op->parsed->param[1].name, r, rl_text_shape(x));
    Tensor *y = rl_reshape(rl_do("clone", a_t(turned), a_i(FORMAT_CONTIGUOUS)), x->ndim, shape);
    return y && x->ndim == 4 && rl_steps_channels_last(x) ? rl_do("clone", a_t(y), a_i(FORMAT_CHANNELS_LAST)) : y;
}

Op rl_image_ops[] = {
    {
        .sig = "pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor", .forward = shuffle_forward, .flags = COMPOSITE, .where = FUNCTION | NN, .data = SHUFFLE,
        .samples = "x(1, 4, 2, 2), 2; x(8, 1, 3), 2",
        .doc = "(*, C r^2, H, W) -> (*, C, H r, W r).\n\n>>> rl.pixel_shuffle(rl.tensor([[[1]], [[2]], [[3]], [[4]]]), 2)\ntensor([[[1, 2],\n         [3, 4]]])",
    },
    {
        .sig = "pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor", .forward = shuffle_forward, .flags = COMPOSITE, .where = FUNCTION | NN, .data = UNSHUFFLE,
        .samples = "x(1, 1, 4, 4), 2; x(2, 2, 6), 2",
        .doc = "(*, C, H r, W r) -> (*, C r^2, H, W).\n\n>>> rl.pixel_unshuffle(rl.tensor([[[1, 2], [3, 4]]]), 2).flatten()\ntensor([1, 2, 3, 4])",
    },
    {0},
};
