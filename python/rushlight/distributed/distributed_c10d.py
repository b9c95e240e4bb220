"""Process groups of one rank and their collectives.

What is checked is what a script could get wrong even so: a group that was not made, a rank that is not in it, lists of the wrong length,
tensors of the wrong shape. A world of more than one process raises NotImplementedError in init_process_group.
"""

import datetime
import enum
import os
import pickle

import rushlight as rl

__all__ = ["Backend", "DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "GroupMember", "HashStore", "P2POp", "ProcessGroup", "ReduceOp", "Store", "Work",
           "all_gather", "all_gather_into_tensor", "all_gather_object", "all_reduce", "all_to_all", "all_to_all_single", "barrier",
           "batch_isend_irecv", "broadcast", "broadcast_object_list", "default_pg_timeout", "destroy_process_group", "gather", "gather_object",
           "get_backend", "get_default_backend_for_device", "get_global_rank", "get_group_rank", "get_node_local_rank", "get_process_group_ranks", "get_rank", "get_world_size",
           "group", "init_process_group", "irecv", "is_backend_available", "is_gloo_available", "is_initialized", "is_mpi_available",
           "is_nccl_available", "is_torchelastic_launched", "is_ucc_available", "isend", "monitored_barrier", "new_group", "recv", "reduce",
           "reduce_op", "reduce_scatter", "reduce_scatter_tensor", "scatter", "scatter_object_list", "send"]

default_pg_timeout = datetime.timedelta(minutes=30)


class DistError(RuntimeError):
    """What goes wrong between processes."""


class DistBackendError(DistError):
    """What goes wrong in the library that carries messages."""


class DistNetworkError(DistError):
    """What goes wrong on the network."""


class DistStoreError(DistError):
    """What goes wrong in the store where processes meet."""


class Backend(str):
    """The name of a library that carries messages between processes, in lower case."""

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL, FAKE = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl", "fake"
    default_device_backend_map = {"cpu": GLOO, "cuda": NCCL, "xpu": XCCL, "mps": GLOO}
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE]

    def __new__(cls, name):
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return super().__new__(cls, name.lower())


class ReduceOp:
    """How a reduction joins what the ranks bring."""

    class RedOpType(enum.Enum):
        """The ways."""

        SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = RedOpType


reduce_op = ReduceOp


class Work:
    """An exchange that is under way; with one process it is done when it begins."""

    def __init__(self, result=()):
        self._result = list(result)

    def wait(self, timeout=None):
        """True: it is done."""
        return True

    def is_completed(self):
        """True."""
        return True

    is_success = is_completed

    def exception(self):
        """None."""
        return None

    def result(self):
        """The tensors that were exchanged."""
        return self._result

    def get_future(self):
        """A future that has the result."""
        from ..futures import Future
        future = Future()
        future.set_result(self._result)
        return future


class ProcessGroup:
    """A group of ranks: this process alone."""

    def __init__(self, backend="gloo", ranks=(0,), group_desc="undefined"):
        self._backend, self._ranks, self.group_desc = Backend(backend), list(ranks), group_desc

    def rank(self):
        """0"""
        return 0

    def size(self):
        """1"""
        return len(self._ranks)

    def name(self):
        """The name of the backend."""
        return self._backend


class GroupMember:
    """WORLD, the group of all processes, and NON_GROUP_MEMBER, what new_group gives to those outside."""

    WORLD = None
    NON_GROUP_MEMBER = -100


class _Group:
    @property
    def WORLD(self):
        return GroupMember.WORLD


group = _Group()


class Store:
    """A dictionary of bytes where processes meet."""

    def __init__(self, *args, **kwargs):
        self._values, self.timeout = {}, default_pg_timeout

    def set(self, key, value):
        """Keep a value."""
        self._values[key] = value.encode() if isinstance(value, str) else bytes(value)

    def get(self, key):
        """The value of a key, which nobody else will ever set."""
        if key not in self._values:
            raise DistStoreError(f"wait timeout: no key {key!r} in the store of the only process")
        return self._values[key]

    def add(self, key, amount):
        """Add to a number; returns the sum."""
        self._values[key] = str(int(self._values.get(key, b"0")) + amount).encode()
        return int(self._values[key])

    def check(self, keys):
        """Whether all keys are there."""
        return all(key in self._values for key in keys)

    def wait(self, keys, timeout=None):
        """Nothing, if the keys are there."""
        for key in keys:
            self.get(key)

    def delete_key(self, key):
        """Forget a key; whether it was there."""
        return self._values.pop(key, None) is not None

    def num_keys(self):
        """How many keys there are."""
        return len(self._values)


HashStore = Store


# ---- making groups -------------------------------------------------------------------------------------------------------


def is_initialized() -> bool:
    """Whether init_process_group has been called."""
    return GroupMember.WORLD is not None


def _refuse_world(world_size):
    raise NotImplementedError(f"world_size is {world_size}, and rushlight.distributed knows one process; start the script once, with WORLD_SIZE=1")


def _asked(value, variable, method):
    if value is not None and value != -1:
        return int(value)
    if method in (None, "env://"):
        found = os.environ.get(variable)
        if found is None:
            raise ValueError(f"Error initializing torch.distributed using env:// rendezvous: environment variable {variable} expected, but not set")
        return int(found)
    raise ValueError(f"init_process_group with init_method={method!r} needs world_size and rank")


def init_process_group(backend=None, init_method=None, timeout=None, world_size=-1, rank=-1, store=None, group_name="", pg_options=None, device_id=None):
    """Make the group of all processes: this one."""
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    method = init_method if store is None else "store"
    size, own = _asked(world_size, "WORLD_SIZE", method), _asked(rank, "RANK", method)
    if size != 1:
        _refuse_world(size)
    if own != 0:
        raise ValueError(f"rank {own} is not in a world of {size}")
    name = (backend or "gloo").split(",")[0].rpartition(":")[2]
    if name == "nccl":
        raise ValueError("ProcessGroupNCCL is only supported with GPUs, no GPUs found! Use backend='gloo'")
    GroupMember.WORLD = ProcessGroup(name, group_desc="default_pg")


def destroy_process_group(group=None):
    """Forget the group; without an argument, the group of all processes."""
    _group(group)
    if group in (None, GroupMember.WORLD):
        GroupMember.WORLD = None


def new_group(ranks=None, timeout=None, backend=None, pg_options=None, use_local_synchronization=False, group_desc=None, device_id=None):
    """A group of some of the ranks."""
    _group(None)
    ranks = [0] if ranks is None else list(ranks)
    if any(rank != 0 for rank in ranks):
        raise ValueError("the new group's rank should be within the world_size set by init_process_group")
    return ProcessGroup(backend or get_backend(), ranks, group_desc or "undefined") if ranks else GroupMember.NON_GROUP_MEMBER


def _group(group):
    if not is_initialized():
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return GroupMember.WORLD if group is None else group


def get_rank(group=None) -> int:
    """0, or -1 outside the group."""
    return -1 if _group(group) == GroupMember.NON_GROUP_MEMBER else 0


def get_world_size(group=None) -> int:
    """1, or -1 outside the group."""
    return -1 if _group(group) == GroupMember.NON_GROUP_MEMBER else 1


def get_backend(group=None):
    """The name of the backend that init_process_group was given."""
    return _group(group).name()


def get_default_backend_for_device(device):
    """The name of the backend that tensors on a device travel by: gloo for the CPU."""
    backend = Backend.default_device_backend_map.get(rl.device(device).type)
    if backend is None:
        raise ValueError(f"Default backend not registered for device : {device}")
    return backend


def get_global_rank(group, group_rank):
    """The rank in the world of a rank in the group."""
    return _check_rank(group_rank, group)


get_group_rank = get_global_rank


def get_process_group_ranks(group=None):
    """[0]"""
    return list(_group(group)._ranks)


def get_node_local_rank(fallback_rank=None):
    """LOCAL_RANK of the environment."""
    found = os.environ.get("LOCAL_RANK", fallback_rank)
    if found is None:
        raise RuntimeError("LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work")
    return int(found)


def is_gloo_available():
    """True: what gloo does for one process is done."""
    return True


def is_nccl_available():
    """False."""
    return False


is_mpi_available = is_ucc_available = is_nccl_available


def is_backend_available(backend):
    """Whether init_process_group takes this backend."""
    return backend.lower() == "gloo"


def is_torchelastic_launched():
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


# ---- exchanging ----------------------------------------------------------------------------------------------------------


def _check_rank(rank, group):
    _group(group)
    if rank not in (None, 0):
        raise RuntimeError(f"ProcessGroupGloo: invalid root rank: {rank}: the group has rank 0 alone")
    return 0


def _check_list(values, name):
    if not isinstance(values, (list, tuple)) or len(values) != 1:
        count = len(values) if isinstance(values, (list, tuple)) else type(values).__name__
        raise ValueError(f"{name} should have one element for each rank of the group, that is 1, not {count}")


def _check_tensor(tensor, name="tensor"):
    if not isinstance(tensor, rl.Tensor):
        raise TypeError(f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor, but got {type(tensor)} instead.")


def _copy(target, source):
    if target.numel() != source.numel() or target.dtype != source.dtype:
        raise RuntimeError(f"the output is {list(target.shape)} of {target.dtype} and the input {list(source.shape)} of {source.dtype}: with one process they must agree")
    with rl.no_grad():
        target.copy_(source.reshape(target.shape))


def _done(async_op, *result):
    return Work(result) if async_op else None


def barrier(group=None, async_op=False, device_ids=None):
    """All processes are here."""
    _group(group)
    return _done(async_op)


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """All processes are here."""
    _group(group)


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """tensor, joined with those of the other ranks, of which there are none."""
    _check_tensor(tensor)
    _group(group)
    return _done(async_op, tensor)


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """all_reduce for the rank dst alone."""
    _check_tensor(tensor)
    _check_rank(group_dst if dst is None else dst, group)
    return _done(async_op, tensor)


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """tensor of the rank src, which is this one."""
    _check_tensor(tensor)
    _check_rank(group_src if src is None else src, group)
    return _done(async_op, tensor)


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """One tensor of each rank, written into tensor_list."""
    _group(group)
    _check_list(tensor_list, "tensor_list")
    _copy(tensor_list[0], tensor)
    return _done(async_op, *tensor_list)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """The tensors of all ranks one behind the other."""
    _group(group)
    _copy(output_tensor, input_tensor)
    return _done(async_op, output_tensor)


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """all_gather for the rank dst alone."""
    _check_rank(group_dst if dst is None else dst, group)
    _check_list(gather_list, "gather_list")
    _copy(gather_list[0], tensor)
    return _done(async_op, *gather_list)


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """The piece of the rank src's list that is for this rank."""
    _check_rank(group_src if src is None else src, group)
    _check_list(scatter_list, "scatter_list")
    _copy(tensor, scatter_list[0])
    return _done(async_op, tensor)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """Each rank gets the reduction of one place of the lists."""
    _group(group)
    _check_list(input_list, "input_list")
    _copy(output, input_list[0])
    return _done(async_op, output)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """Each rank gets the reduction of one piece of the inputs."""
    _group(group)
    _copy(output, input)
    return _done(async_op, output)


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """Rank i's list at j goes to rank j's list at i."""
    _group(group)
    _check_list(output_tensor_list, "output_tensor_list")
    _check_list(input_tensor_list, "input_tensor_list")
    _copy(output_tensor_list[0], input_tensor_list[0])
    return _done(async_op, *output_tensor_list)


def all_to_all_single(output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False):
    """all_to_all of the pieces of one tensor."""
    _group(group)
    _copy(output, input)
    return _done(async_op, output)


# ---- objects, and what two processes would do ------------------------------------------------------------------------------


def _sent(value):
    """What arrives when an object is sent: a copy."""
    return pickle.loads(pickle.dumps(value))


def all_gather_object(object_list, obj, group=None):
    """One object of each rank, written into object_list."""
    _group(group)
    _check_list(object_list, "object_list")
    object_list[0] = _sent(obj)


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """all_gather_object for the rank dst alone."""
    _check_rank(group_dst if dst is None else dst, group)
    _check_list(object_gather_list, "object_gather_list")
    object_gather_list[0] = _sent(obj)


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """The objects of the rank src, which is this one."""
    _check_rank(group_src if src is None else src, group)


def scatter_object_list(scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None):
    """The object of the rank src's list that is for this rank, written into the first place of the output list."""
    _check_rank(group_src if src is None else src, group)
    _check_list(scatter_object_input_list, "scatter_object_input_list")
    scatter_object_output_list[0] = _sent(scatter_object_input_list[0])


def _no_partner(role):
    def exchange(tensor, *args, **kwargs):
        _group(kwargs.get("group"))
        raise ValueError(f"Invalid {role} rank: {role} rank should not be the same as the rank of the current process, and there is no other")
    return exchange


send, isend = _no_partner("destination"), _no_partner("destination")
recv, irecv = _no_partner("source"), _no_partner("source")


class P2POp:
    """A send or a receive for batch_isend_irecv."""

    def __init__(self, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        self.op, self.tensor, self.peer, self.group, self.tag = op, tensor, peer, group, tag


def batch_isend_irecv(p2p_op_list):
    """Begin several sends and receives."""
    return [each.op(each.tensor, each.peer, group=each.group, tag=each.tag) for each in p2p_op_list]
