"""The file that FullyShardedDataParallel has in torch."""

from . import CPUOffload, FullyShardedDataParallel, MixedPrecision, ShardingStrategy, StateDictType, _refuse

__all__ = ["BackwardPrefetch", "CPUOffload", "FullStateDictConfig", "FullyShardedDataParallel", "MixedPrecision", "ShardingStrategy", "StateDictType"]

BackwardPrefetch = FullStateDictConfig = FullOptimStateDictConfig = ShardedStateDictConfig = ShardedOptimStateDictConfig = _refuse
