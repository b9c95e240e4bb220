"""torch.distributed.tensor: tensors cut over several processes, of which there is one. DTensor is a type that no tensor has."""

from ..device_mesh import DeviceMesh, init_device_mesh
from .placement_types import Partial, Placement, Replicate, Shard

__all__ = ["DTensor", "DeviceMesh", "Partial", "Placement", "Replicate", "Shard", "distribute_module", "distribute_tensor", "init_device_mesh"]


def _refuse(*args, **kwargs):
    raise NotImplementedError("rushlight.distributed knows one process: a tensor is whole, and there is nothing to cut it over")


class DTensor:
    """Never made; every isinstance is answered with no."""

    __new__ = _refuse
    from_local = staticmethod(_refuse)


distribute_tensor = distribute_module = _refuse
