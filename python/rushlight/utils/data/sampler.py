"""In which order samples are read.

Every sampler draws exactly as torch's does, lazily at the first `next()`, so the same seed gives the same order.
RandomSampler without a generator of its own takes one 63-bit seed from the global generator and permutes with a
private one; with a generator it permutes straight from it.
"""

import itertools
from typing import Generic, TypeVar

import rushlight as rl

__all__ = ["Sampler", "SequentialSampler", "RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler",
           "BatchSampler"]

_T_co = TypeVar("_T_co", covariant=True)

CHUNK = 32  # indices drawn at a time with replacement; part of the stream's definition


def draw_seed(generator=None):
    """One int64 in [0, 2^63) from the generator, or from the global one."""
    return rl.empty((), dtype=rl.int64).random_(generator=generator).item()


def _check_num_samples(num_samples):
    if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
        raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")


class Sampler(Generic[_T_co]):
    """Base of all samplers: an iterable of indices (or of lists of them, for batches)."""

    def __init__(self, data_source=None):
        """`data_source` is not used; subclasses of old pass it on."""

    def __iter__(self):
        raise NotImplementedError(f"{type(self).__name__} should implement __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ..."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """A random permutation, or with `replacement` independent draws."""

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        _check_num_samples(self.num_samples)

    @property
    def num_samples(self):
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        generator = self.generator
        if generator is None:
            seed = draw_seed()
            generator = rl.Generator()
            generator.manual_seed(seed)
        draw = self._independent if self.replacement else self._permuted
        yield from draw(len(self.data_source), generator)

    def _independent(self, n, generator):
        whole, rest = divmod(self.num_samples, CHUNK)
        for count in itertools.chain(itertools.repeat(CHUNK, whole), (rest,)):
            yield from rl.randint(high=n, size=(count,), dtype=rl.int64, generator=generator).tolist()

    def _permuted(self, n, generator):
        whole, rest = divmod(self.num_samples, n)
        for _ in range(whole):
            yield from rl.randperm(n, generator=generator).tolist()
        # Drawn even when nothing of it is used: torch's stream has it.
        yield from rl.randperm(n, generator=generator).tolist()[:rest]

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, each once."""

    def __init__(self, indices, generator=None):
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        for i in rl.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with probability proportional to `weights`."""

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        _check_num_samples(num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = rl.as_tensor(weights, dtype=rl.float64)
        if self.weights.dim() != 1:
            raise ValueError("weights should be a 1d sequence but given weights have shape "
                             f"{tuple(self.weights.shape)}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self):
        drawn = rl.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler[list]):
    """Lists of `batch_size` indices from another sampler; the short last one is kept unless `drop_last`."""

    def __init__(self, sampler, batch_size, drop_last):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self):
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)


class InfiniteConstantSampler(Sampler):
    """None for ever: the "indices" of an iterable data set."""

    def __iter__(self):
        return itertools.repeat(None)
