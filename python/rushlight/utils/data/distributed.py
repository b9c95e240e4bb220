"""Each of several processes reads its own share of a data set."""

import math

import rushlight as rl

from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler):
    """Rank r of W reads the samples r, r + W, r + 2W ... of one order that all ranks share.

    The order is a permutation seeded with `seed + epoch` (call `set_epoch` before each epoch) and is padded by
    repeating from its start until W divides it, or cut with `drop_last`. `pad=False` does neither: no sample is
    seen twice, and the first ranks get one sample more; use it for evaluation.
    """

    def __init__(self, dataset, num_replicas=None, rank=None, shuffle=True, seed=0, drop_last=False, *, pad=True):
        if num_replicas is None or rank is None:
            distributed = _initialised()
            num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
            rank = distributed.get_rank() if rank is None else rank
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        self.pad = pad
        n = len(dataset)
        if not pad:
            self.num_samples = len(range(rank, n, num_replicas))
            self.total_size = n
            return
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self):
        n = len(self.dataset)
        if self.shuffle:
            generator = rl.Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = rl.randperm(n, generator=generator).tolist()
        else:
            indices = list(range(n))
        if n and len(indices) < self.total_size:
            indices *= math.ceil(self.total_size / n)
        return iter(indices[self.rank:self.total_size:self.num_replicas])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        """Choose the permutation: a new one for each epoch, the same on every rank."""
        self.epoch = epoch


def _initialised():
    try:
        import rushlight.distributed as distributed
    except ImportError:
        distributed = None
    if distributed is None or not distributed.is_available():
        raise RuntimeError("Requires distributed package to be available; "
                           "or give DistributedSampler num_replicas= and rank=")
    return distributed
