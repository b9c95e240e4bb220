"""DeviceMesh: processes as an array; here an array with one element, however many dims it has."""

from .distributed_c10d import _group

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """The only process, under as many names as the mesh has dims."""

    def __init__(self, device_type, mesh=(0,), *, mesh_dim_names=None, **kwargs):
        import rushlight as rl
        self.device_type, self.mesh = device_type, rl.as_tensor(mesh).reshape(rl.as_tensor(mesh).shape or (1,))
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if self.mesh.numel() != 1:
            raise NotImplementedError(f"a mesh of {self.mesh.numel()} processes, and rushlight.distributed knows one")

    ndim = property(lambda self: self.mesh.dim())
    shape = property(lambda self: tuple(self.mesh.shape))

    def size(self, mesh_dim=None):
        """1"""
        return 1

    def get_rank(self):
        """0"""
        return 0

    def get_local_rank(self, mesh_dim=None):
        """0"""
        return 0

    def get_coordinate(self):
        """Zeros."""
        return [0] * self.ndim

    def get_group(self, mesh_dim=None):
        """The group of all processes."""
        return _group(None)

    def get_all_groups(self):
        """The group of all processes, for each dim."""
        return [_group(None)] * self.ndim

    def __getitem__(self, names):
        names = (names,) if isinstance(names, str) else tuple(names)
        unknown = [name for name in names if name not in (self.mesh_dim_names or ())]
        if unknown:
            raise KeyError(f"Invalid mesh_dim_names {unknown} specified. Valid mesh_dim_names are {self.mesh_dim_names}.")
        return DeviceMesh(self.device_type, self.mesh.reshape((1,) * len(names)), mesh_dim_names=names)

    def __repr__(self):
        return f"DeviceMesh({self.device_type!r}, {self.mesh.tolist()}" + (f", mesh_dim_names={self.mesh_dim_names})" if self.mesh_dim_names else ")")


def init_device_mesh(device_type, mesh_shape, *, mesh_dim_names=None, backend_override=None):
    """A mesh of this shape, all of whose sizes are 1."""
    total = 1
    for n in mesh_shape:
        total *= n
    if total != 1:
        raise NotImplementedError(f"mesh_shape is {tuple(mesh_shape)}, and rushlight.distributed knows one process")
    return DeviceMesh(device_type, [0] if len(mesh_shape) == 1 else _nested(len(mesh_shape)), mesh_dim_names=mesh_dim_names)


def _nested(depth):
    return 0 if depth == 0 else [_nested(depth - 1)]
