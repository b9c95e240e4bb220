"""Spectral normalisation by a hook: a weight divided by its largest singular value, which a power iteration follows.

Each forward in training takes `n_power_iterations` more steps from where the last one ended, so the estimate keeps up with a slowly
moving weight. `parametrizations.spectral_norm` does the same as a parametrization and is to be preferred.
"""

import rushlight as rl

__all__ = ["SpectralNorm", "spectral_norm", "remove_spectral_norm"]


def as_matrix(weight, dim):
    """The weight with `dim` first and all others flattened."""
    if dim != 0:
        weight = weight.permute(dim, *[d for d in range(weight.dim()) if d != dim])
    return weight.reshape(weight.size(0), -1)


def power_iterations(matrix, u, v, steps, eps):
    """Turn u and v, in place, towards the singular vectors of the largest singular value."""
    F = rl.nn.functional
    with rl.no_grad():
        for _ in range(steps):
            v.copy_(F.normalize(rl.mv(matrix.t(), u), dim=0, eps=eps))
            u.copy_(F.normalize(rl.mv(matrix, v), dim=0, eps=eps))


def default_dim(module):
    """Where a module's weight has its outputs: second in transposed convolutions, else first."""
    nn = rl.nn
    return 1 if isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)) else 0


class SpectralNorm:
    """The hook that sets `module.<name>` from `<name>_orig` and the vectors `<name>_u`, `<name>_v`."""

    _version = 1

    def __init__(self, name="weight", n_power_iterations=1, dim=0, eps=1e-12):
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.name, self.dim, self.n_power_iterations, self.eps = name, dim, n_power_iterations, eps

    def reshape_weight_to_matrix(self, weight):
        return as_matrix(weight, self.dim)

    def compute_weight(self, module, do_power_iteration):
        weight, u, v = (getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            power_iterations(matrix, u, v, self.n_power_iterations, self.eps)
            # Copies, because the next forward writes into u and v while this one's graph may still need them.
            u, v = u.clone(), v.clone()
        return weight / rl.dot(u, rl.mv(matrix, v))

    @staticmethod
    def apply(module, name, n_power_iterations, dim, eps):
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if rl.nn.parameter.is_lazy(weight):
            raise ValueError("The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the dummy "
                             "forward before applying spectral normalization")
        with rl.no_grad():
            h, w = hook.reshape_weight_to_matrix(weight).shape
            u, v = (rl.nn.functional.normalize(weight.new_empty(n).normal_(0, 1), dim=0, eps=eps) for n in (h, w))
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.data)      # a plain attribute, so that what looks for the weight finds one
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(hook._mark_version)
        module._register_load_state_dict_pre_hook(hook._complete)
        return hook

    def _mark_version(self, module, state_dict, prefix, local_metadata):
        local_metadata.setdefault("spectral_norm", {})[self.name + ".version"] = self._version

    def _complete(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """States of before version 1 hold the weight as it was used in place of v, which follows from it, from u and from the original."""
        key = prefix + self.name
        if (local_metadata.get("spectral_norm", {}).get(self.name + ".version") or 0) >= 1 or (key not in state_dict and all(key + s in state_dict for s in ("_orig", "_u", "_v"))):
            return
        absent = [key + suffix for suffix in ("_orig", "", "_u") if key + suffix not in state_dict]
        if absent:
            missing_keys.extend(absent if strict else [])
            return
        with rl.no_grad():
            original, u = state_dict[key + "_orig"], state_dict[key + "_u"]
            sigma = (original / state_dict.pop(key)).mean()
            matrix = self.reshape_weight_to_matrix(original)
            v = rl.linalg.pinv(matrix.t() @ matrix) @ (matrix.t() @ u)
            state_dict[key + "_v"] = v * (sigma / rl.dot(u, matrix @ v))

    def remove(self, module):
        with rl.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, rl.nn.Parameter(weight.detach()))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Let the module use its parameter divided by its largest singular value."""
    SpectralNorm.apply(module, name, n_power_iterations, default_dim(module) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module, name="weight"):
    """Make the present weight an ordinary parameter again."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[number]
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    for hooks in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
        for number, registered in hooks.items():
            if getattr(registered, "__self__", getattr(registered, "hook", None)) is hook or getattr(getattr(registered, "hook", None), "__self__", None) is hook:
                del hooks[number]
                break
    return module
