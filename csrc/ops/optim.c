/* optim.c -- optimizer steps: every parameter of a group in one call, one pass over memory each.
 *
 * A row takes lists of equal length, one entry for each parameter: the parameters, their gradients, their running states, their
 * step counts.  It changes all but the gradients, in place and without history, and says whether it did: it declines, before it has
 * written anything, what it has no kernel for (half precision, complex, mixed dtypes, parameters that overlap themselves), and
 * rushlight.optim then goes the way of single operations.  The arithmetic that depends on time is done here, in double. */
#include "rushlight.h"

#include <math.h>

#include "kernels/kernels.h"

enum { PARAMS, GRADS, STATES, MOST_STATES = 3, SMALL = 16384 };

/* ---- what a row may take ---------------------------------------------------------------------------------------------- */

static bool equally_long(Call *c, int lists) {
    for (int k = 1; k < lists; k++)
        if (c->arg[k].n != c->arg[0].n) {
            rl_fail(RL_VALUE_ERROR, "%s(): %d params, but %d %s", c->op->parsed->name, c->arg[0].n, c->arg[k].n, c->op->parsed->param[k].name);
            return false;
        }
    return true;
}

static bool may_write(Tensor *t) {
    if (t->storage->flags & STORAGE_READONLY || t->flags & T_INFERENCE) return false;
    return rl_is_contiguous(t) || rl_is_dense(t);
}

/* All tensors of one parameter: one shape, float or double, and whatever is written may be. */
static bool takes(Call *c, int i, int lists) {
    Tensor *p = c->arg[PARAMS].tensors[i];
    if (!rl_dtype_is(p->dtype, CLASS_FLOAT)) return false;
    for (int k = 0; k < lists; k++) {
        Tensor *t = c->arg[k].tensors[i];
        if (t->dtype != p->dtype || !rl_same_shape(t, p) || (k != GRADS && !may_write(t))) return false;
    }
    return true;
}

/* A number that a step reads and writes: 0-d, float or double. */
static bool is_counter(const Tensor *t) {
    return t->ndim == 0 && rl_dtype_is(t->dtype, CLASS_FLOAT) && !(t->storage->flags & STORAGE_READONLY);
}

/* Lists 0..lists-1 hold tensors like the parameters, the rest up to `all` hold counters. */
static bool fits(Call *c, int lists, int all) {
    if (!equally_long(c, all)) return false;
    for (int i = 0; i < c->arg[0].n; i++) {
        if (!takes(c, i, lists)) return false;
        for (int k = lists; k < all; k++)
            if (!is_counter(c->arg[k].tensors[i])) return false;
    }
    return true;
}

/* ---- taking the step ---------------------------------------------------------------------------------------------------- */

static double counter(const Tensor *t) {
    return t->dtype == RL_FLOAT64 ? *(const double *)rl_data(t) : *(const float *)rl_data(t);
}

static void set_counter(Tensor *t, double value) {
    if (t->dtype == RL_FLOAT64) *(double *)rl_data(t) = value;
    else *(float *)rl_data(t) = (float)value;
    rl_bump_version(t);
}

static double count_up(Tensor *t) {
    set_counter(t, counter(t) + 1);
    return counter(t);
}

static bool run(Tensor *const operands[STEP_OPERANDS], const StepSpec *spec) {
    Tensor *p = operands[0];
    LoopFn *step = rl_kernels->step[p->dtype];
    bool small = p->numel <= SMALL;
    char *at[STEP_OPERANDS];
    int64_t stride[STEP_OPERANDS], bytes = rl_dtype_bytes(p->dtype);
    for (int k = 0; small && k < STEP_OPERANDS; k++) {
        small = rl_is_contiguous(operands[k]);
        at[k] = rl_data(operands[k]);
        stride[k] = bytes;
    }
    if (small) step(p->numel, at, stride, spec);
    return small || rl_loop(step, STEP_OPERANDS, operands, spec, 1.5);
}

/* One parameter; states are lists STATES .. STATES + nstates - 1, and places that a kind has no state for repeat the parameter. */
static bool step_one(Call *c, int i, int nstates, const StepSpec *spec) {
    Tensor *p = c->arg[PARAMS].tensors[i], *operands[STEP_OPERANDS] = {p, p, p, p, c->arg[GRADS].tensors[i]};
    for (int k = 0; k < nstates; k++) operands[1 + k] = c->arg[STATES + k].tensors[i];
    if (!run(operands, spec)) return false;
    for (int k = 0; k <= nstates; k++) rl_bump_version(operands[k]);
    return true;
}

static Tensor *answer(Call *c, bool done) {
    c->result = a_b(done);
    return NULL;
}

/* The numbers of a call in the order of the signature, from parameter k on. */
static double number(Call *c, int k) { return a_double(&c->arg[k]); }

static bool flag(Call *c, int k) { return c->arg[k].b; }

/* ---- SGD ------------------------------------------------------------------------------------------------------------------ */

/* params grads buffers | lr momentum dampening weight_decay nesterov maximize */
static Tensor *sgd_forward(Call *c) {
    int lists = c->arg[STATES].n ? 3 : 2;
    if (!fits(c, lists, lists)) return answer(c, false);
    StepSpec s = {.kind = lists == 3 ? STEP_MOMENTUM : STEP_SGD, .rate = number(c, 3), .keep = number(c, 4), .take = 1 - number(c, 5),
                  .decay = number(c, 6), .variant = flag(c, 7), .maximize = flag(c, 8), .shrink = 1};
    for (int i = 0; i < c->arg[0].n; i++)
        if (!step_one(c, i, lists - 2, &s)) return NULL;
    return answer(c, true);
}

/* ---- the Adam family -------------------------------------------------------------------------------------------------------- */

/* What the Adam family shares: | lr beta1 beta2 eps weight_decay decoupled maximize, from parameter k on. */
static StepSpec adam_spec(Call *c, int k, StepKind kind) {
    double lr = number(c, k), decay = number(c, k + 4);
    bool decoupled = flag(c, k + 5);
    return (StepSpec){.kind = kind, .rate = lr, .take = 1 - number(c, k + 1), .keep2 = number(c, k + 2), .take2 = 1 - number(c, k + 2),
                      .eps = number(c, k + 3), .decay = decoupled ? 0 : decay, .shrink = decoupled ? 1 - lr * decay : 1, .maximize = flag(c, k + 6)};
}

/* params grads means squares largest steps | ...; `largest` is empty without amsgrad */
static Tensor *adam_forward(Call *c) {
    bool amsgrad = c->arg[4].n > 0;
    Arg largest = c->arg[4];
    if (!amsgrad) c->arg[4] = c->arg[5];
    bool known = fits(c, amsgrad ? 5 : 4, amsgrad ? 6 : 5);
    c->arg[4] = largest;
    if (!known) return answer(c, false);
    StepSpec s = adam_spec(c, 6, amsgrad ? STEP_AMSGRAD : STEP_ADAM);
    double lr = s.rate, beta1 = number(c, 7), last = -1;
    for (int i = 0; i < c->arg[0].n; i++) {
        double step = count_up(c->arg[5].tensors[i]);
        if (step != last) {
            s.rate = lr / (1 - pow(beta1, step));
            s.root = sqrt(1 - pow(s.keep2, step));
            last = step;
        }
        if (!step_one(c, i, amsgrad ? 3 : 2, &s)) return NULL;
    }
    return answer(c, true);
}

/* params grads means squares products steps | ... momentum_decay */
static Tensor *nadam_forward(Call *c) {
    if (!fits(c, 4, 6)) return answer(c, false);
    StepSpec s = adam_spec(c, 6, STEP_NADAM);
    double lr = s.rate, beta1 = number(c, 7), fading = number(c, 13);
    for (int i = 0; i < c->arg[0].n; i++) {
        double step = count_up(c->arg[5].tensors[i]);
        double mu = beta1 * (1 - 0.5 * pow(0.96, step * fading)), mu_next = beta1 * (1 - 0.5 * pow(0.96, (step + 1) * fading));
        Tensor *product = c->arg[4].tensors[i];
        set_counter(product, product->dtype == RL_FLOAT64 ? counter(product) * mu : (float)counter(product) * (float)mu);
        s.rate = lr * (1 - mu) / (1 - counter(product));
        s.rate2 = lr * mu_next / (1 - counter(product) * mu_next);
        s.root = 1 - pow(s.keep2, step);
        if (!step_one(c, i, 2, &s)) return NULL;
    }
    return answer(c, true);
}

/* params grads means squares steps | ... */
static Tensor *radam_forward(Call *c) {
    if (!fits(c, 4, 5)) return answer(c, false);
    StepSpec s = adam_spec(c, 5, STEP_RADAM);
    double beta1 = number(c, 6), most = 2 / (1 - s.keep2) - 1;
    for (int i = 0; i < c->arg[0].n; i++) {
        double step = count_up(c->arg[4].tensors[i]), left = 1 - pow(s.keep2, step), rho = most - 2 * step * pow(s.keep2, step) / left;
        s.whole = 1 - pow(beta1, step);
        s.root = sqrt(left);
        s.variant = rho > 5;
        s.rate2 = s.variant ? sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)) : 1;
        if (!step_one(c, i, 2, &s)) return NULL;
    }
    return answer(c, true);
}

/* params grads means largest steps | ...; there is no decoupled decay */
static Tensor *adamax_forward(Call *c) {
    if (!fits(c, 4, 5)) return answer(c, false);
    StepSpec s = adam_spec(c, 5, STEP_ADAMAX);
    double lr = s.rate, beta1 = number(c, 6);
    for (int i = 0; i < c->arg[0].n; i++) {
        s.rate = lr / (1 - pow(beta1, count_up(c->arg[4].tensors[i])));
        if (!step_one(c, i, 2, &s)) return NULL;
    }
    return answer(c, true);
}

/* ---- the others ----------------------------------------------------------------------------------------------------------------- */

/* params grads sums steps | lr lr_decay eps weight_decay maximize */
static Tensor *adagrad_forward(Call *c) {
    if (!fits(c, 3, 4)) return answer(c, false);
    StepSpec s = {.kind = STEP_ADAGRAD, .eps = number(c, 6), .decay = number(c, 7), .maximize = flag(c, 8), .shrink = 1};
    for (int i = 0; i < c->arg[0].n; i++) {
        s.rate = number(c, 4) / (1 + (count_up(c->arg[3].tensors[i]) - 1) * number(c, 5));
        if (!step_one(c, i, 1, &s)) return NULL;
    }
    return answer(c, true);
}

/* params grads squares deltas steps | lr rho eps weight_decay maximize */
static Tensor *adadelta_forward(Call *c) {
    if (!fits(c, 4, 5)) return answer(c, false);
    StepSpec s = {.kind = STEP_ADADELTA, .rate = number(c, 5), .keep2 = number(c, 6), .take2 = 1 - number(c, 6), .eps = number(c, 7),
                  .decay = number(c, 8), .maximize = flag(c, 9), .shrink = 1};
    for (int i = 0; i < c->arg[0].n; i++) {
        count_up(c->arg[4].tensors[i]);
        if (!step_one(c, i, 2, &s)) return NULL;
    }
    return answer(c, true);
}

/* params grads squares means buffers steps | lr alpha eps weight_decay momentum maximize; means and buffers may be empty */
static Tensor *rmsprop_forward(Call *c) {
    int n = c->arg[0].n, lists = 3;
    bool centered = c->arg[3].n > 0, buffered = c->arg[4].n > 0;
    Arg own[RL_MAX_ARGS], *given = c->arg;
    own[0] = given[0], own[1] = given[1], own[2] = given[2];
    if (centered) own[lists++] = given[3];
    if (buffered) own[lists++] = given[4];
    own[lists] = given[5];
    c->arg = own;
    bool known = fits(c, lists, lists + 1);
    c->arg = given;
    if (!known) return answer(c, false);
    StepSpec s = {.kind = centered ? (buffered ? STEP_RMSPROP_BOTH : STEP_RMSPROP_CENTERED) : buffered ? STEP_RMSPROP_MOMENTUM : STEP_RMSPROP,
                  .rate = number(c, 6), .keep2 = number(c, 7), .take2 = 1 - number(c, 7), .eps = number(c, 8), .decay = number(c, 9),
                  .keep = number(c, 10), .maximize = flag(c, 11), .shrink = 1};
    for (int i = 0; i < n; i++) {
        Tensor *p = given[0].tensors[i], *operands[STEP_OPERANDS] = {p, given[2].tensors[i], centered ? given[3].tensors[i] : p,
                                                                   buffered ? given[4].tensors[i] : p, given[1].tensors[i]};
        count_up(given[5].tensors[i]);
        if (!run(operands, &s)) return NULL;
        for (int k = 0; k < STEP_OPERANDS - 1; k++) rl_bump_version(operands[k]);
    }
    return answer(c, true);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------------- */

#define L "list[Tensor]"
#define ADAM "lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool, maximize: bool"

Op rl_optim_ops[] = {
    {
        .sig = "_fused_sgd_(params: " L ", grads: " L ", buffers: " L ", lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, maximize: bool) -> bool",
        .doc = "One step of SGD for all params; without momentum `buffers` is empty. False: nothing done.",
        .samples = "[x(3)], [x(3)], [], 0.1, 0.0, 0.0, 0.0, False, False; [x(3)], [x(3)], [x(3)], 0.1, 0.9, 0.0, 0.1, True, False",
        .where = PRIVATE, .forward = sgd_forward,
    },
    {
        .sig = "_fused_adam_(params: " L ", grads: " L ", exp_avgs: " L ", exp_avg_sqs: " L ", max_exp_avg_sqs: " L ", steps: " L ", " ADAM ") -> bool",
        .doc = "One step of Adam or, with decoupled decay, AdamW; without amsgrad `max_exp_avg_sqs` is empty. False: nothing done.",
        .samples = "[x(3)], [x(3)], [x(3)], [pos(3)], [], [pos()], 0.1, 0.9, 0.999, 1e-8, 0.1, True, False",
        .where = PRIVATE, .forward = adam_forward,
    },
    {
        .sig = "_fused_nadam_(params: " L ", grads: " L ", exp_avgs: " L ", exp_avg_sqs: " L ", mu_products: " L ", steps: " L ", " ADAM ", momentum_decay: float) -> bool",
        .doc = "One step of NAdam. False: nothing done.",
        .samples = "[x(3)], [x(3)], [x(3)], [pos(3)], [pos()], [pos()], 0.1, 0.9, 0.999, 1e-8, 0.1, False, False, 0.004",
        .where = PRIVATE, .forward = nadam_forward,
    },
    {
        .sig = "_fused_radam_(params: " L ", grads: " L ", exp_avgs: " L ", exp_avg_sqs: " L ", steps: " L ", " ADAM ") -> bool",
        .doc = "One step of RAdam. False: nothing done.",
        .samples = "[x(3)], [x(3)], [x(3)], [pos(3)], [pos()], 0.1, 0.9, 0.999, 1e-8, 0.1, False, False",
        .where = PRIVATE, .forward = radam_forward,
    },
    {
        .sig = "_fused_adamax_(params: " L ", grads: " L ", exp_avgs: " L ", exp_infs: " L ", steps: " L ", " ADAM ") -> bool",
        .doc = "One step of Adamax. False: nothing done.",
        .samples = "[x(3)], [x(3)], [x(3)], [pos(3)], [pos()], 0.1, 0.9, 0.999, 1e-8, 0.1, False, False",
        .where = PRIVATE, .forward = adamax_forward,
    },
    {
        .sig = "_fused_adagrad_(params: " L ", grads: " L ", sums: " L ", steps: " L ", lr: float, lr_decay: float, eps: float, weight_decay: float, maximize: bool) -> bool",
        .doc = "One step of Adagrad. False: nothing done.",
        .samples = "[x(3)], [x(3)], [pos(3)], [pos()], 0.1, 0.0, 1e-10, 0.1, False",
        .where = PRIVATE, .forward = adagrad_forward,
    },
    {
        .sig = "_fused_adadelta_(params: " L ", grads: " L ", square_avgs: " L ", acc_deltas: " L ", steps: " L ", lr: float, rho: float, eps: float, weight_decay: float, maximize: bool) -> bool",
        .doc = "One step of Adadelta. False: nothing done.",
        .samples = "[x(3)], [x(3)], [pos(3)], [pos(3)], [pos()], 1.0, 0.9, 1e-6, 0.1, False",
        .where = PRIVATE, .forward = adadelta_forward,
    },
    {
        .sig = "_fused_rmsprop_(params: " L ", grads: " L ", square_avgs: " L ", grad_avgs: " L ", buffers: " L ", steps: " L ", lr: float, alpha: float, eps: float, weight_decay: float, momentum: float, maximize: bool) -> bool",
        .doc = "One step of RMSprop; `grad_avgs` is empty unless centered, `buffers` without momentum. False: nothing done.",
        .samples = "[x(3)], [x(3)], [pos(3)], [], [], [pos()], 0.1, 0.99, 1e-8, 0.1, 0.0, False",
        .where = PRIVATE, .forward = rmsprop_forward,
    },
    {0},
};
