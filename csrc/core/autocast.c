/* autocast.c -- which operations autocast runs in lower precision, and which in float; casting their arguments.
 *
 * Products gain most from half the width and lose little by it; logarithms, losses and factorisations lose much.  All others run
 * in what they are given.  Only calls that make a new tensor are cast, and only single and half precision floats: double,
 * complex and integers stay.  Casts are operations, so that gradients come back in the dtype of what was cast. */
#include "rushlight.h"

#include <string.h>

static const char *const lower[] = {
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution", "bmm", "mm", "linalg.vecdot",
    "baddbmm", "addmm", "addbmm", "linear", "matmul", "prelu", "scaled_dot_product_attention", "lstm", "rnn_tanh", "rnn_relu", NULL,
};

/* Left alone, with all that they are made of. */
static const char *const plain[] = {"dot", "vdot", "mv", "addmv", "gru", NULL};

static const char *const single[] = {
    "avg_pool3d", "binary_cross_entropy", "grid_sample", "grid_sampler", "polar", "prod", "quantile", "nanquantile", "stft", "cdist", "trace",
    "view_as_complex", "cholesky", "cholesky_inverse", "cholesky_solve", "inverse", "lu_solve", "orgqr", "ormqr", "pinverse", "max_pool3d",
    "max_unpool2d", "max_unpool3d", "adaptive_avg_pool3d", "mse_loss", "cosine_embedding_loss", "nll_loss", "nll_loss2d", "hinge_embedding_loss",
    "poisson_nll_loss", "smooth_l1_loss", "cross_entropy", "l1_loss", "huber_loss", "margin_ranking_loss", "soft_margin_loss",
    "triplet_margin_loss", "multi_margin_loss", "multilabel_margin_loss", "ctc_loss", "_ctc_loss", "kl_div", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d", "replication_pad3d", "binary_cross_entropy_with_logits", "geqrf", NULL,
};

static bool listed(const char *const *names, const char *name) {
    while (*names && strcmp(*names, name)) names++;
    return *names;
}

/* Filled into op->autocast when the tables are read: RL_BFLOAT16 stands for lower precision, RL_FLOAT32 for single, RL_NO_DTYPE for
 * neither, inside too; 0 for operations that autocast does not know. */
Dtype rl_autocast_policy(const char *name) {
    if (listed(plain, name)) return RL_NO_DTYPE;
    if (listed(lower, name)) return RL_BFLOAT16;
    static const char *const as_given[] = {"linalg.multi_dot", "linalg.norm", "linalg.vector_norm", "linalg.matrix_norm", NULL};
    bool whole_family = !strncmp(name, "fft.", 4) || (!strncmp(name, "linalg.", 7) && !listed(as_given, name));
    return whole_family || listed(single, name) ? RL_FLOAT32 : 0;
}

static Tensor *cast(Tensor *t, Dtype dtype) {
    bool eligible = t && (rl_dtype_is(t->dtype, CLASS_HALF) || t->dtype == RL_FLOAT32);
    return eligible ? rl_cast(t, dtype) : t;
}

/* The arguments of a call, cast as its row asks; lists are copied, since they belong to the caller. */
bool rl_autocast_arguments(Call *c, Dtype dtype) {
    if (dtype == RL_NO_DTYPE) return true;
    for (int k = 0; k < c->op->parsed->nparams; k++) {
        Arg *a = &c->arg[k];
        if (a->tag == A_TENSOR) {
            a->tensor = cast(a->tensor, dtype);
        } else if (a->tag == A_TENSORS && a->n) {
            Tensor **own = rl_scope_bytes(a->n * (int64_t)sizeof *own);
            if (!own) return false;
            for (int i = 0; i < a->n; i++) own[i] = cast(a->tensors[i], dtype);
            a->tensors = own;
        }
    }
    return !rl_thread.failed;
}
