"""Data sets, samplers and the DataLoader, under torch.utils.data's names."""

from .dataloader import DataLoader, _DatasetKind, default_collate, default_convert, get_worker_info
from .dataset import (ChainDataset, ConcatDataset, Dataset, IterableDataset, StackDataset, Subset, TensorDataset,
                      random_split)
from .distributed import DistributedSampler
from .sampler import (BatchSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler,
                      WeightedRandomSampler)

__all__ = ["BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler",
           "IterableDataset", "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset",
           "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler", "_DatasetKind", "default_collate", "default_convert",
           "get_worker_info", "random_split"]

_ELSEWHERE = {
    "IterDataPipe": "IterableDataset",
    "MapDataPipe": "Dataset",
    "DFIterDataPipe": "IterableDataset",
    "functional_datapipe": "a plain function over an IterableDataset",
}


def __getattr__(name):
    if name in _ELSEWHERE:
        raise AttributeError(f"rushlight.utils.data has no {name}: data pipes are left out, because torch gives them "
                             f"up too. Use {_ELSEWHERE[name]}")
    raise AttributeError(f"module 'rushlight.utils.data' has no attribute {name!r}")
