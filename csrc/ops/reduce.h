/* reduce.h -- how families run reductions over any dims of any layout. */
#ifndef RUSHLIGHT_OPS_REDUCE_H
#define RUSHLIGHT_OPS_REDUCE_H

#include "rushlight.h"
#include "kernels/kernels.h"

/* Reduces the masked dims of x into out (and out2, for reductions that have a second result; either may be NULL).  The outputs have
 * rl_reduced_shape's shape.  Reductions that report indices take one masked dim, or all dims of a contiguous tensor. */
bool rl_reduce(Reduce kind, Tensor *x, const bool *mask, bool keepdim, Tensor *out, Tensor *out2, const double *extra);

void rl_reduced_shape(const Tensor *x, const bool *mask, bool keepdim, int *ndim, int64_t *shape);
bool rl_dims_mask(const Arg *dim, int ndim, bool mask[RL_MAX_DIMS]);   /* None and () mean all dims */
int64_t rl_masked_count(const int64_t *shape, int ndim, const bool *mask);

/* Undoes the removal of the reduced dims: the gradient of a result, with size 1 there.  dim: the argument of the call; slot 0 is the input. */
Tensor *rl_restore_dims(Call *c, Tensor *g, const Arg *dim, bool keepdim);
Tensor *rl_spread(Call *c, Tensor *g, const Arg *dim, bool keepdim);   /* and expanded to the input's shape */

/* A rule: all places that hold the one value taken of all elements share its gradient.  Of calls that save their input and result. */
void rl_share_of_all(Call *c, Tensor **g, Tensor **dx);

#endif
