"""Lists of tensors by dtype, for packages that ask torch's private helpers."""

import rushlight as rl

__all__ = []


def _get_foreach_kernels_supported_devices():
    return ["cpu"]


def _get_fused_kernels_supported_devices():
    return ["cpu"]


def _has_foreach_support(tensors, device):
    return all(t is None or isinstance(t, rl.Tensor) for t in tensors)


_device_has_foreach_support = _has_foreach_support


def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
    """{(device, dtype of the first list): (lists of those places, numbers of the places)}"""
    groups = {}
    for i, first in enumerate(tensorlistlist[0]):
        key = (first.device, first.dtype)
        lists, places = groups.setdefault(key, ([[] for _ in tensorlistlist], []))
        for target, source in zip(lists, tensorlistlist):
            if source:
                target.append(source[i])
        places.append(i)
    return groups if with_indices else {key: (lists, []) for key, (lists, _) in groups.items()}
