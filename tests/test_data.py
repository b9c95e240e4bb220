"""The loader and what it is made of: orders, batches, worker processes, their deaths, and going on where one stopped.

Orders and batches are compared with torch's for the same seed where torch is installed; a few are also written down.
"""

import collections
import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types

import numpy as np
import pytest

import rushlight as rl
from rushlight.utils import data as D
from rushlight.utils.data._utils import transport


class Squares(D.Dataset):
    """(tensor, int, dict) samples."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return rl.full((3, 4), float(i)), i, {"square": np.arange(2) + i * i, "name": str(i)}


class Failing(D.Dataset):
    """Does `act` at index 13."""

    def __init__(self, act):
        self.act = act

    def __len__(self):
        return 40

    def __getitem__(self, i):
        if i == 13:
            self.act()
        return i


class TwoPart(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


class Counting(D.IterableDataset):
    """0 ... n - 1, each worker its share; worker w stops `short * w` early."""

    def __init__(self, n, short=0):
        self.n, self.short = n, short

    def __len__(self):
        return self.n

    def __iter__(self):
        info = D.get_worker_info()
        if info is None:
            return iter(range(self.n))
        share = self.n // info.num_workers
        return iter(range(info.id * share, (info.id + 1) * share - self.short * info.id))


def plain(batch):
    """Tensors and arrays anywhere in a batch as lists, so that batches of two libraries compare."""
    if hasattr(batch, "tolist"):
        return batch.tolist()
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [plain(value) for value in batch]
    return batch


def torch_twin(cls):
    """The same data set over torch's classes; methods that make tensors make torch's."""
    torch = pytest.importorskip("torch")
    base = torch.utils.data.IterableDataset if issubclass(cls, D.IterableDataset) else torch.utils.data.Dataset
    scope = dict(globals(), rl=torch, D=torch.utils.data)
    methods = {name: types.FunctionType(f.__code__, scope, name, f.__defaults__, f.__closure__)
               for name, f in vars(cls).items() if isinstance(f, types.FunctionType)}
    return type(cls.__name__, (base,), methods)


def children():
    """Process ids of this process's children, without those of iterators that wait for the garbage collector."""
    gc.collect()
    path = f"/proc/self/task/{os.getpid()}/children"
    if not os.path.exists(path):
        pytest.skip("needs /proc")
    with open(path) as file:
        return set(file.read().split())


# Data sets -----------------------------------------------------------------------------------------------------------


def test_tensor_dataset():
    x, y = rl.arange(6).reshape(3, 2), rl.tensor([7, 8, 9])
    pair = D.TensorDataset(x, y)
    assert len(pair) == 3
    assert plain(pair[1]) == [[2, 3], 8] and isinstance(pair[1], tuple)
    assert plain(pair[-1]) == [[4, 5], 9]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        D.TensorDataset(x, rl.zeros(2))


def test_stack_dataset():
    both = D.StackDataset([1, 2], ["a", "b"])
    assert both[0] == (1, "a") and both.__getitems__([1, 0]) == [(2, "b"), (1, "a")] and len(both) == 2
    named = D.StackDataset(x=[1, 2], y=["a", "b"])
    assert named[1] == {"x": 2, "y": "b"} and named.__getitems__([0]) == [{"x": 1, "y": "a"}]
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        D.StackDataset([1], [1, 2])
    with pytest.raises(ValueError, match="both types are given"):
        D.StackDataset([1], x=[1])
    with pytest.raises(ValueError, match="At least one dataset"):
        D.StackDataset()


def test_concat_and_chain():
    joined = D.TensorDataset(rl.tensor([0, 1])) + D.TensorDataset(rl.tensor([2])) + D.TensorDataset(rl.tensor([3, 4]))
    assert [joined[i][0].item() for i in range(len(joined))] == [0, 1, 2, 3, 4]
    assert joined[-5][0].item() == 0 and joined[-1][0].item() == 4
    assert joined.cumulative_sizes == [3, 5]
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        joined[-6]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        D.ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        D.ConcatDataset([Counting(2)])
    chained = Counting(2) + Counting(3)
    assert list(chained) == [0, 1, 0, 1, 2] and len(chained) == 5
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(D.ChainDataset([[1]]))


def test_subset():
    part = D.Subset(list(range(0, 100, 10)), [3, 1, 4])
    assert len(part) == 3 and part[0] == 30 and part.__getitems__([2, 0]) == [40, 30]

    class Changed(D.Subset):
        def __getitem__(self, i):
            return -super().__getitem__(i)

    with pytest.raises(NotImplementedError, match="__getitems__"):
        Changed([1], [0])


def test_random_split():
    rl.manual_seed(0)
    first, second = D.random_split(range(7), [0.5, 0.5])
    assert list(first.indices) == [4, 0, 5, 3] and list(second.indices) == [2, 6, 1]  # torch's for this seed
    parts = D.random_split(range(10), [3, 7], generator=rl.Generator().manual_seed(42))
    assert [len(part) for part in parts] == [3, 7]
    assert sorted(i for part in parts for i in part.indices) == list(range(10))
    with pytest.raises(ValueError, match="Sum of input lengths does not equal"):
        D.random_split(range(10), [3, 6])
    with pytest.raises(ValueError, match="not between 0 and 1"):
        D.random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        D.random_split(range(1), [0.5, 0.5])


def test_base_classes_refuse():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        D.Dataset()[0]
    with pytest.raises(AttributeError, match="IterDataPipe"):
        D.IterDataPipe


# Samplers ------------------------------------------------------------------------------------------------------------


def test_orders_written_down():
    rl.manual_seed(0)
    loader = D.DataLoader(rl.arange(10), batch_size=3, shuffle=True)
    assert plain(list(loader)) == [[6, 7, 1], [4, 2, 0], [9, 8, 3], [5]]
    rl.manual_seed(0)
    assert list(D.WeightedRandomSampler([0.1, 0.5, 0.2, 0.2], 6)) == [3, 2, 1, 3, 2, 2]
    assert list(D.SubsetRandomSampler([5, 6, 7, 8])) == [5, 6, 7, 8]
    assert list(D.RandomSampler(range(5), True, 7)) == [0, 2, 2, 2, 0, 4, 1]
    sampler = D.RandomSampler(range(5), generator=rl.Generator().manual_seed(3))
    assert [list(sampler), list(sampler)] == [[1, 0, 3, 4, 2], [1, 4, 3, 0, 2]]


@pytest.mark.parametrize("make", [
    lambda D: D.RandomSampler(range(100)),
    lambda D: D.RandomSampler(range(7), num_samples=20),
    lambda D: D.RandomSampler(range(7), replacement=True, num_samples=100),
    lambda D: D.SubsetRandomSampler(range(3, 40)),
    lambda D: D.WeightedRandomSampler(list(range(1, 30)), 50),
    lambda D: D.WeightedRandomSampler(list(range(1, 30)), 29, replacement=False),
    lambda D: D.BatchSampler(D.RandomSampler(range(10)), 3, True),
    lambda D: D.DistributedSampler(range(11), 3, 1, seed=5),
    lambda D: D.DistributedSampler(range(2), 5, 4, shuffle=False),
    lambda D: D.DistributedSampler(range(11), 4, 3, drop_last=True),
])
@pytest.mark.parametrize("seed", [0, 1234])
def test_samplers_draw_as_torch(make, seed):
    torch = pytest.importorskip("torch")
    results = []
    for lib, data in ((rl, D), (torch, torch.utils.data)):
        lib.manual_seed(seed)
        sampler = make(data)
        orders = [list(sampler)]
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(1)
        results.append((len(sampler), orders + [list(sampler)], lib.rand(1).item()))
    assert results[0] == results[1]


def test_batch_sampler():
    assert list(D.BatchSampler(range(7), 3, False)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(D.BatchSampler(range(7), 3, True)) == [[0, 1, 2], [3, 4, 5]]
    assert len(D.BatchSampler(range(7), 3, False)) == 3 and len(D.BatchSampler(range(7), 3, True)) == 2


def test_distributed_sampler():
    shares = [list(D.DistributedSampler(range(10), 3, rank, shuffle=False)) for rank in range(3)]
    assert shares == [[0, 3, 6, 9], [1, 4, 7, 0], [2, 5, 8, 1]]
    unpadded = [D.DistributedSampler(range(10), 3, rank, shuffle=True, pad=False) for rank in range(3)]
    assert sorted(i for sampler in unpadded for i in sampler) == list(range(10))
    assert [len(sampler) for sampler in unpadded] == [4, 3, 3]
    with pytest.raises(ValueError, match="Invalid rank 3"):
        D.DistributedSampler(range(10), 3, 3)


@pytest.mark.parametrize("make, error, words", [
    (lambda: D.RandomSampler([]), ValueError, "num_samples should be a positive integer"),
    (lambda: D.RandomSampler([1], replacement=1), TypeError, "replacement should be a boolean"),
    (lambda: D.WeightedRandomSampler([1.0], 0), ValueError, "num_samples should be a positive integer"),
    (lambda: D.WeightedRandomSampler([[1.0]], 1), ValueError, "1d sequence"),
    (lambda: D.WeightedRandomSampler([1.0], 1, replacement=0), ValueError, "replacement should be a boolean"),
    (lambda: D.BatchSampler([1], True, False), ValueError, "batch_size should be a positive integer"),
    (lambda: D.BatchSampler([1], 0, False), ValueError, "batch_size should be a positive integer"),
    (lambda: D.BatchSampler([1], 1, 0), ValueError, "drop_last should be a boolean"),
    (lambda: list(D.Sampler()), NotImplementedError, "__iter__"),
])
def test_sampler_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()


# Collating -----------------------------------------------------------------------------------------------------------

Point = collections.namedtuple("Point", "x y")


class Tagged(dict):
    tag = None


def test_collate_rules():
    collate = D.default_collate
    assert plain(collate([rl.tensor([1, 2]), rl.tensor([3, 4])])) == [[1, 2], [3, 4]]
    assert collate([1.5, 2.5]).dtype == rl.float64 and collate([1, 2]).dtype == rl.int64
    assert collate([True, False]).dtype == rl.bool
    assert collate([np.float32(1), np.float32(2)]).dtype == rl.float32
    assert collate([np.float64(1)]).dtype == rl.float64
    assert collate([np.array([1, 2], np.int16)] * 2).dtype == rl.int16
    assert collate(["a", "b"]) == ["a", "b"] and collate([b"a"]) == [b"a"]
    point = collate([Point(1, "a"), Point(2, "b")])
    assert type(point) is Point and plain(point.x) == [1, 2] and point.y == ("a", "b")
    assert type(collate([(1, 2), (3, 4)])) is list and plain(collate([(1, 2), (3, 4)])) == [[1, 3], [2, 4]]
    assert plain(collate([[1, 2], [3, 4]])) == [[1, 3], [2, 4]]
    assert plain(collate([{"a": 1, "b": 2}, {"a": 3, "b": 4, "c": 5}])) == {"a": [1, 3], "b": [2, 4]}
    tagged = Tagged(a=1)
    tagged.tag = "kept"
    result = collate([tagged, tagged])
    assert type(result) is Tagged and result.tag == "kept" and plain(result["a"]) == [1, 1]
    assert type(collate([collections.OrderedDict(a=1)])) is collections.OrderedDict


@pytest.mark.parametrize("batch, error, words", [
    ([None], TypeError, "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found"),
    ([{1, 2}], TypeError, "found <class 'set'>"),
    ([np.array(["a"])], TypeError, "default_collate: batch must contain"),
    ([[1, 2], [1]], RuntimeError, "each element in list of batch should be of equal size.*sample 1 has 1"),
])
def test_collate_errors(batch, error, words):
    with pytest.raises(error, match=words):
        D.default_collate(batch)


def test_collate_names_the_sample_of_another_shape():
    with pytest.raises(RuntimeError, match=r"stack expects each tensor to be equal size, but got \[2\] at entry 0 "
                                           r"and \[3\] at entry 2"):
        D.default_collate([rl.zeros(2), rl.zeros(2), rl.zeros(3)])


def test_collate_registry():
    from rushlight.utils.data._utils.collate import collate, default_collate_fn_map
    table = {**default_collate_fn_map, Point: lambda batch, *, collate_fn_map=None: len(batch)}
    assert collate([Point(1, 2)] * 3, collate_fn_map=table) == 3
    assert list(default_collate_fn_map)[0] is rl.Tensor


def test_convert():
    convert = D.default_convert
    assert plain(convert({"a": np.arange(2), "b": [np.float32(1), "x"]})) == {"a": [0, 1], "b": [1.0, "x"]}
    assert isinstance(convert(np.float32(1)), rl.Tensor) and convert(np.array(["a"])).tolist() == ["a"]
    assert convert((1, None)) == [1, None] and convert(Point(1, 2)) == Point(1, 2)
    assert isinstance(convert(range(2)), list)


def test_collate_agrees_with_torch():
    torch = pytest.importorskip("torch")
    batches = [[(1, 2.5), (3, 4.5)], [{"a": np.arange(3), "b": "x"}] * 2, [[1, [2, 3]], [4, [5, 6]]], [np.int8(3)] * 2,
               [Point(1.0, 2)] * 2, ["a"], [np.bool_(True)]]
    for batch in batches:
        ours, theirs = D.default_collate(batch), torch.utils.data.default_collate(batch)
        assert plain(ours) == plain(theirs) and type(ours).__name__ == type(theirs).__name__
        assert str(getattr(ours, "dtype", "")).rpartition(".")[2] == str(getattr(theirs, "dtype", "")).rpartition(".")[2]


# The loader in one process -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, error, words", [
    (dict(num_workers=-1), ValueError, "num_workers option should be non-negative"),
    (dict(timeout=-1), ValueError, "timeout option should be non-negative"),
    (dict(prefetch_factor=2), ValueError, "prefetch_factor option could only be specified in multiprocessing"),
    (dict(num_workers=1, prefetch_factor=-2), ValueError, "prefetch_factor option should be non-negative"),
    (dict(persistent_workers=True), ValueError, "persistent_workers option needs num_workers > 0"),
    (dict(sampler=[0], shuffle=True), ValueError, "sampler option is mutually exclusive with shuffle"),
    (dict(batch_sampler=[[0]], batch_size=2), ValueError, "batch_sampler option is mutually exclusive"),
    (dict(batch_sampler=[[0]], drop_last=True), ValueError, "batch_sampler option is mutually exclusive"),
    (dict(batch_size=None, drop_last=True), ValueError, "batch_size=None option disables auto-batching"),
    (dict(batch_size=0), ValueError, "batch_size should be a positive integer"),
    (dict(multiprocessing_context="fork"), ValueError, "multiprocessing_context can only be used with"),
    (dict(multiprocessing_context="no", num_workers=1), ValueError, "should specify a valid start method"),
    (dict(multiprocessing_context=3, num_workers=1), TypeError, "should be a valid context"),
])
def test_loader_argument_errors(arguments, error, words):
    with pytest.raises(error, match=words):
        D.DataLoader(range(4), **arguments)


@pytest.mark.parametrize("arguments", [dict(shuffle=True), dict(sampler=[0]), dict(batch_sampler=[[0]])])
def test_iterable_sets_take_no_order(arguments):
    with pytest.raises(ValueError, match="DataLoader with IterableDataset: expected unspecified"):
        D.DataLoader(Counting(3), **arguments)


def test_locked_attributes():
    loader = D.DataLoader(range(4))
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader is initialized"):
            setattr(loader, name, None)


def test_lengths():
    assert len(D.DataLoader(range(10), batch_size=3)) == 4
    assert len(D.DataLoader(range(10), batch_size=3, drop_last=True)) == 3
    assert len(D.DataLoader(range(10), batch_size=None)) == 10
    assert len(D.DataLoader(Counting(10), batch_size=4)) == 3
    with pytest.raises(TypeError):
        len(D.DataLoader(type("Endless", (D.IterableDataset,), {"__iter__": lambda self: iter(())})()))


def test_more_than_promised_warns():
    loader = D.DataLoader(type("Liar", (Counting,), {"__len__": lambda self: 2})(4), batch_size=None)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="Length of IterableDataset .* was reported to be 2"):
        list(loader)


CONFIGS = [
    dict(batch_size=4),
    dict(batch_size=4, shuffle=True),
    dict(batch_size=4, shuffle=True, drop_last=True),
    dict(batch_size=None),
    dict(batch_size=None, shuffle=True),
    dict(batch_size=5, shuffle=True, num_workers=2),
    dict(batch_size=5, shuffle=True, num_workers=2, prefetch_factor=3, drop_last=True),
    dict(batch_size=5, shuffle=True, num_workers=2, persistent_workers=True),
    dict(batch_size=None, shuffle=True, num_workers=1),
]


def epochs(data, dataset, make_generator=None, **arguments):
    """Two epochs, with a draw from the global generator after each."""
    generator = make_generator() if make_generator else None
    loader = data.DataLoader(dataset, generator=generator, **arguments)
    rand = rl.rand if data is D else __import__("torch").rand
    return [(plain(list(loader)), rand(1).item()) for _ in range(2)]


@pytest.mark.parametrize("arguments", CONFIGS, ids=str)
@pytest.mark.parametrize("own_generator", [False, True])
def test_batches_equal_torch(arguments, own_generator):
    torch = pytest.importorskip("torch")
    results = []
    for lib, data, cls in ((rl, D, Squares), (torch, torch.utils.data, torch_twin(Squares))):
        lib.manual_seed(3)
        make = (lambda lib=lib: lib.Generator().manual_seed(9)) if own_generator else None
        results.append(epochs(data, cls(23), make, **arguments))
    assert results[0] == results[1]


@pytest.mark.parametrize("arguments", [dict(batch_size=4), dict(batch_size=4, num_workers=2), dict(batch_size=None),
                                       dict(batch_size=None, num_workers=2),
                                       dict(batch_size=4, num_workers=2, drop_last=True, persistent_workers=True)], ids=str)
def test_streams_equal_torch(arguments):
    torch = pytest.importorskip("torch")
    ours = D.DataLoader(Counting(30, short=7), **arguments)
    theirs = torch.utils.data.DataLoader(torch_twin(Counting)(30, short=7), **arguments)
    for _ in range(2):
        assert plain(list(ours)) == plain(list(theirs))


def test_gather_equals_reading_by_sample():
    """The whole-batch path of TensorDataset, and of what is built on it, against the sample path."""

    class BySample(D.TensorDataset):
        def __getitem__(self, i):
            return super().__getitem__(i)

    x, y = rl.randn(20, 3), rl.arange(20)
    fast, slow = D.TensorDataset(x, y), BySample(x, y)
    for wrap in (lambda d: d, lambda d: D.Subset(d, [5, -1, 7, 3, 3]), lambda d: D.StackDataset(d, D.TensorDataset(y)),
                 lambda d: D.StackDataset(a=d, b=D.Subset(d, list(range(20))))):
        batches = [list(D.DataLoader(wrap(d), batch_size=3)) for d in (fast, slow)]
        assert plain(batches[0]) == plain(batches[1])
        assert type(batches[0][0]) is type(batches[1][0])


def test_gather_never_hides_an_override():
    class Doubled(D.TensorDataset):
        def __getitem__(self, i):
            return super().__getitem__(i)[0] * 2

    class Batched(D.TensorDataset):
        def __getitems__(self, indices):
            return [-i for i in indices]

    x = rl.arange(4)
    assert plain(next(iter(D.DataLoader(Doubled(x), batch_size=4)))) == [0, 2, 4, 6]
    assert plain(next(iter(D.DataLoader(Batched(x), batch_size=4)))) == [0, -1, -2, -3]
    collated = D.DataLoader(D.TensorDataset(x), batch_size=4, collate_fn=lambda samples: len(samples))
    assert next(iter(collated)) == 4


def test_batches_do_not_alias_the_data():
    x = rl.zeros(6)
    next(iter(D.DataLoader(D.TensorDataset(x), batch_size=6)))[0].add_(1)
    assert x.sum().item() == 0


def test_timeout_needs_workers():
    with pytest.raises((ValueError, AssertionError), match="timeout"):
        iter(D.DataLoader(range(3), timeout=1))


def test_iterators_do_not_pickle():
    import pickle
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(iter(D.DataLoader(range(3))))


# Worker processes ----------------------------------------------------------------------------------------------------


class WhoAmI(D.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        info = D.get_worker_info()
        return [os.getpid(), info.id, info.num_workers, info.seed, info.dataset is self, rl.initial_seed(),
                rl.rand(1).item(), random.random(), np.random.rand()]


def test_workers_know_themselves():
    assert D.get_worker_info() is None
    rl.manual_seed(5)
    rows = [plain(batch) for batch in D.DataLoader(WhoAmI(), batch_size=None, num_workers=2)]
    assert len({row[0] for row in rows}) == 2 and os.getpid() not in {row[0] for row in rows}
    assert [row[1] for row in rows] == [0, 1] * 4 and {row[2] for row in rows} == {2}
    base = rows[0][3]
    assert all(row[3] == base + row[1] == row[5] and row[4] for row in rows)
    assert len({row[6] for row in rows}) == len({row[8] for row in rows}) == 8


def test_worker_streams_equal_torch():
    torch = pytest.importorskip("torch")
    results = []
    for lib, data, cls in ((rl, D, WhoAmI), (torch, torch.utils.data, torch_twin(WhoAmI))):
        lib.manual_seed(5)
        results.append([plain(row)[1:] for row in data.DataLoader(cls(), batch_size=None, num_workers=2)])
    assert results[0] == results[1]


def test_worker_init_fn():
    ids = D.DataLoader(WhoAmI(), batch_size=None, num_workers=2,
                       worker_init_fn=lambda worker_id: random.seed(100 + worker_id))
    drawn = [row[7] for row in ids][:2]
    assert drawn == [random.Random(100).random(), random.Random(101).random()]


def raise_(error):
    def act():
        raise error
    return act


@pytest.mark.parametrize("error, seen", [
    (ValueError("bad pixel"), ValueError), (KeyError("name"), KeyError), (TwoPart(1, 2), RuntimeError),
    (StopIteration(), StopIteration), (EOFError("end of file"), EOFError), (ConnectionError("lost"), ConnectionError),
])
def test_worker_exceptions_come_back(error, seen):
    loader = D.DataLoader(Failing(raise_(error)), batch_size=4, num_workers=2)
    with pytest.raises(seen) as caught:
        iterator = iter(loader)
        while True:
            next(iterator)
    text = str(caught.value)
    assert f"Caught {type(error).__name__} in DataLoader worker process 1.\nOriginal Traceback" in text
    assert "__getitem__" in text and "\n" in text
    assert "while reading Failing at index [12, 13, 14, 15]" in text or isinstance(error, StopIteration)


def test_worker_exception_leaves_the_rest_readable():
    iterator = iter(D.DataLoader(Failing(raise_(ValueError("x"))), batch_size=4, num_workers=2))
    assert [next(iterator)[0].item() for _ in range(3)] == [0, 4, 8]
    with pytest.raises(ValueError):
        next(iterator)
    assert next(iterator).tolist() == [16, 17, 18, 19]


def test_init_error_comes_back():
    loader = D.DataLoader(range(4), num_workers=1, worker_init_fn=lambda worker_id: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="in DataLoader worker process 0"):
        next(iter(loader))


def test_unpicklable_batches_are_reported():
    loader = D.DataLoader(range(4), num_workers=1, collate_fn=lambda samples: lambda: samples)
    with pytest.raises(Exception, match="(?s)in DataLoader worker process 0.*(pickle|local object)"):
        next(iter(loader))


@pytest.mark.parametrize("act, words", [
    (lambda: os.kill(os.getpid(), signal.SIGKILL), r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly.*SIGKILL"),
    (lambda: os._exit(3), r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly.*exit code 3"),
])
def test_dead_workers_are_noticed(act, words):
    before = children()
    iterator = iter(D.DataLoader(Failing(act), batch_size=4, num_workers=2))
    with pytest.raises(RuntimeError, match=words):
        list(iterator)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(iterator)
    assert children() == before


def test_timeout():
    loader = D.DataLoader(Failing(lambda: time.sleep(60)), batch_size=4, num_workers=1, timeout=0.3)
    iterator = iter(loader)
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.3 seconds"):
        list(iterator)
    for process in iterator._crew.processes:
        process.kill()
    iterator.close()


def test_no_process_is_left():
    before = children()
    loader = D.DataLoader(Squares(400), batch_size=2, num_workers=2)
    iterator = iter(loader)
    next(iterator)
    assert len(children() - before) == 2
    del iterator
    assert children() == before
    for _ in loader:
        break
    assert children() == before
    list(loader)
    assert children() == before
    gc.disable()
    try:
        lasting = D.DataLoader(Squares(8), num_workers=1, persistent_workers=True)
        list(lasting)
        process = lasting._iterator._crew.processes[0]
        del lasting
        assert not process.is_alive()
    finally:
        gc.enable()


def test_loaders_inside_one_another():
    """Closing the outer loader's workers must not wait for the inner one's, which hold copies of its sockets."""
    outer = iter(D.DataLoader(Squares(40), batch_size=2, num_workers=1))
    next(outer)
    inner = iter(D.DataLoader(Squares(40), batch_size=2, num_workers=1))
    next(inner)
    process = outer._crew.processes[0]
    outer.close()
    assert process.exitcode == 0
    inner.close()


def test_persistent_workers_stay():
    loader = D.DataLoader(WhoAmI(), batch_size=None, num_workers=2, persistent_workers=True)
    first, second = ([plain(row) for row in loader] for _ in range(2))
    assert {row[0] for row in first} == {row[0] for row in second}
    assert [row[3] for row in first] == [row[3] for row in second]
    for i, _ in enumerate(loader):
        if i == 2:
            break
    assert len(list(loader)) == 8
    loader._iterator.close()
    assert len(list(loader)) == 8  # with new ones


def test_any_order():
    loader = D.DataLoader(Squares(40), batch_size=2, num_workers=2, in_order=False)
    seen = [i for _, batch, _ in loader for i in batch.tolist()]
    assert sorted(seen) == list(range(40))


def test_slow_worker_does_not_hold_up_the_others():
    """Out of order, the batches of the quick worker come before the slow one's first."""

    class OneSlow(D.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, i):
            if i == 0:
                time.sleep(0.5)
            return i

    quick = [batch.item() for batch in D.DataLoader(OneSlow(), num_workers=2, in_order=False, prefetch_factor=1)]
    assert quick[-1] == 0 and sorted(quick) == list(range(6))
    assert [batch.item() for batch in D.DataLoader(OneSlow(), num_workers=2)] == list(range(6))


@pytest.mark.parametrize("context", ["spawn", "forkserver"])
def test_started_workers(context):
    if context not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {context} here")
    loader = D.DataLoader(Squares(6), batch_size=3, num_workers=1, multiprocessing_context=context)
    assert [plain(batch)[1] for batch in loader] == [[0, 1, 2], [3, 4, 5]]


class Products(D.Dataset):
    """Work for the thread pool, in a process that was forked beside one."""

    def __len__(self):
        return 12

    def __getitem__(self, i):
        return i, (rl.ones(300, 300) @ rl.full((300, 300), float(i)))[0, 0]


def test_loaders_in_threads():
    rl.ones(600, 600) @ rl.ones(600, 600)
    results = []

    def read():
        results.append([plain(batch) for batch in D.DataLoader(Products(), batch_size=None, num_workers=2)])

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[[i, 300.0 * i] for i in range(12)]] * 3


class Nested(D.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        return len(list(D.DataLoader(Squares(10), batch_size=3)))


def test_a_loader_inside_a_worker():
    assert [batch.item() for batch in D.DataLoader(Nested(), num_workers=1)] == [4, 4]


def test_leaving_with_a_live_iterator(tmp_path):
    """The interpreter ends without waiting and without a word."""
    script = tmp_path / "script.py"
    script.write_text("import rushlight.utils.data as D\n"
                      "iterator = iter(D.DataLoader(range(100), num_workers=2))\nprint(next(iterator).item())\n")
    done = subprocess.run([sys.executable, "-W", "ignore", str(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


class Big(D.Dataset):
    """Rows above the size that stays inside a message, in every kind the transport knows."""

    def __len__(self):
        return 12

    def __getitem__(self, i):
        rows = rl.full((100, 30), float(i))
        return {"float": rows, "half": rows.to(rl.bfloat16), "strided": rows.T, "array": np.full((50, 40), i),
                "leaf": rl.zeros(2000).requires_grad_(), "empty": rl.zeros(0, 3), "many": ["x" * 2000] * 50}


def test_large_batches_cross_whole():
    kept = list(D.DataLoader(Big(), batch_size=None, num_workers=2))
    for i, batch in enumerate(kept):
        assert batch["float"].shape == (100, 30) and (batch["float"] == i).all()
        assert batch["half"].dtype == rl.bfloat16 and (batch["half"].float() == i).all()
        assert batch["strided"].shape == (30, 100) and (batch["strided"] == i).all()
        assert (np.asarray(batch["array"]) == i).all()
        assert batch["leaf"].requires_grad and batch["empty"].shape == (0, 3) and len(batch["many"]) == 50
        batch["float"].add_(1)


def test_slots_are_used_again():
    """Memory and descriptors do not grow with the number of batches, and no batch is overwritten while it is held."""
    iterator = iter(D.DataLoader(Big(), batch_size=None, num_workers=1, sampler=list(range(12)) * 20))
    held = next(iterator)
    for count, batch in enumerate(iterator, 1):
        assert (batch["float"] == count % 12).all()
        if count == 100:
            assert len(iterator._crew.ends[0].maps) < 16
    assert (held["float"] == 0).all()


def test_long_requests_do_not_lock_up():
    """Index lists and batches larger than any socket buffer, in both directions at once."""

    class Echo(D.Dataset):
        def __len__(self):
            return 400_000

        def __getitem__(self, i):
            return i

        def __getitems__(self, indices):
            return indices

    loader = D.DataLoader(Echo(), batch_size=100_000, num_workers=2, collate_fn=lambda indices: indices)
    assert [batch[-1] for batch in loader] == [99_999, 199_999, 299_999, 399_999]


def test_graph_tensors_are_refused():
    class Graph(D.Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, i):
            return rl.ones(3, requires_grad=True) * 2

    with pytest.raises(RuntimeError, match="non-leaf tensor which requires_grad.*detach"):
        list(D.DataLoader(Graph(), batch_size=None, num_workers=1))


def test_transport_without_shared_memory(monkeypatch):
    monkeypatch.setattr(transport, "HAVE_SLOTS", False)
    batches = list(D.DataLoader(Big(), batch_size=None, num_workers=1))
    assert [batch["float"][0, 0].item() for batch in batches] == list(range(12))


def test_interrupt_ends_everything(tmp_path):
    """Ctrl-C goes to the whole process group: one traceback, no worker left, nothing printed by workers."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent("""
        import os, signal, sys, time
        import rushlight as rl
        from rushlight.utils import data as D
        signal.signal(signal.SIGINT, signal.default_int_handler)      # whoever runs the tests may have it ignored
        class Slow(D.Dataset):
            def __len__(self):
                return 10**6
            def __getitem__(self, i):
                time.sleep(0.02)
                return os.getpid()
        seen = set()
        for batch in D.DataLoader(Slow(), batch_size=2, num_workers=2):
            seen |= set(batch.tolist())
            if len(seen) == 2:
                print(*seen, flush=True)
                seen.add(0)
    """))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0 and errors.count("Traceback") == 1 and "KeyboardInterrupt" in errors
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


# Going on ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", CONFIGS[1:2] + CONFIGS[3:6] + CONFIGS[7:8], ids=str)
@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize("stop", [0, 2, None])
def test_resume(arguments, own_generator, stop):
    """The rest of the epoch, and (with a generator of the loader's own) the next one, are those of a run without a break."""
    def make():
        generator = rl.Generator().manual_seed(4) if own_generator else None
        return D.DataLoader(Squares(23), generator=generator, **arguments)

    def part(iterator, count):
        return [plain(batch)[1] for _, batch in zip(range(count), iterator)] if count is not None else \
            [plain(batch)[1] for batch in iterator]

    rl.manual_seed(1)
    loader = make()
    list(loader)
    iterator = iter(loader)
    part(iterator, stop)
    state = loader.state_dict()
    rng = rl.get_rng_state()
    rest = part(iterator, None)
    after = part(iter(loader), None)
    rl.manual_seed(99)
    fresh = make()
    fresh.load_state_dict(state)
    assert fresh.state_dict() == state or stop is None
    if stop is not None:
        assert part(iter(fresh), None) == rest
    if own_generator:
        assert part(iter(fresh), None) == after
    elif stop is None:
        rl.set_rng_state(rng)
        assert part(iter(fresh), None) == after


def test_resume_streams():
    loader = D.DataLoader(Counting(20), batch_size=3)
    iterator = iter(loader)
    next(iterator), next(iterator)
    fresh = D.DataLoader(Counting(20), batch_size=3)
    fresh.load_state_dict(loader.state_dict())
    assert plain(list(fresh)) == plain(list(iterator))


def test_resume_refuses_other_versions():
    with pytest.raises(ValueError, match="version"):
        D.DataLoader(range(3)).load_state_dict({"version": 99})


def test_a_stand_in_for_a_loader_needs_torchs_attributes_only():
    from rushlight.utils.data.dataloader import _SingleProcessDataLoaderIter

    class StandIn:
        generator, num_workers, timeout, _auto_collation, collate_fn, drop_last = None, 0, 0, True, staticmethod(sum), False
        dataset, _dataset_kind, _index_sampler = [1, 2, 3, 4], 0, [[0, 1], [2, 3]]

    assert list(_SingleProcessDataLoaderIter(StandIn())) == [3, 7]
