"""Function transforms: grad, vjp, jvp, Jacobians, vmap, and modules as functions of their parameters."""

from ._modules import debug_unwrap, functional_call, functionalize, replace_all_batch_norm_modules_, stack_module_state
from ._rearrange import rearrange
from ._transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from ._vmap import vmap

__all__ = ["grad", "grad_and_value", "vmap", "replace_all_batch_norm_modules_", "functionalize", "hessian", "jacfwd", "jacrev", "jvp",
           "linearize", "vjp", "functional_call", "stack_module_state", "debug_unwrap", "rearrange"]
