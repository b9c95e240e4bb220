"""torch.distributed.fsdp: parameters cut over several processes, of which there is one. The names exist for isinstance and for imports."""

import enum

__all__ = ["CPUOffload", "CPUOffloadPolicy", "FSDPModule", "FullyShardedDataParallel", "MixedPrecision", "MixedPrecisionPolicy", "ShardingStrategy", "StateDictType", "fully_shard"]


def _refuse(*args, **kwargs):
    raise NotImplementedError("rushlight.distributed knows one process: a module holds all of its parameters, and needs no wrapper")


class FullyShardedDataParallel:
    """Never made; every isinstance is answered with no."""

    __new__ = _refuse


FSDPModule = FullyShardedDataParallel
fully_shard = CPUOffload = MixedPrecision = CPUOffloadPolicy = MixedPrecisionPolicy = OffloadPolicy = _refuse


class ShardingStrategy(enum.Enum):
    """How parameters would be cut."""

    FULL_SHARD, SHARD_GRAD_OP, NO_SHARD, HYBRID_SHARD = range(1, 5)


class StateDictType(enum.Enum):
    """How a state dict would be cut."""

    FULL_STATE_DICT, LOCAL_STATE_DICT, SHARDED_STATE_DICT = range(1, 4)
