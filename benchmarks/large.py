"""What large calls cost: every row of the table that torch has under the same name, with a sample of its own grown to about a million elements.

    python -m benchmarks.large [--only GLOB] [--layout NAME] [--elements N] [--rounds N] [--floor RATIO] [--all] [--gate]

A sample grows by multiplying every size of its tensors by one factor, so that what fitted together still does; where a row also takes sizes as plain
numbers (view, narrow..) it may not, and such rows are counted apart.  Forward without a graph, and forward with backward, each library in turn in one
process on one thread; the figure is the ratio of the least processor times.  Layouts other than `contiguous` are measured for the
dozen of rows that scripts call most, unless --only names others.
"""

import argparse
import fnmatch
import gc
import os
import pathlib
import statistics
import sys
import time
import timeit
import warnings

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy  # noqa: E402
import rushlight  # noqa: E402
import samples  # noqa: E402
import torch  # noqa: E402

from benchmarks.run import describe, pretty  # noqa: E402
from benchmarks.small import public  # noqa: E402

MEDIAN, LONGEST = 1.2, 0.4  # asked of the median over rows; seconds after which a sample is too large
OFTEN = "add sub mul div exp tanh relu nn.relu sum mean amax softmax where clone cat matmul argmax cumsum sort index_select".split()

REASONS = {  # rows that stay below the floor for a cause: what it is
    "prod": "multiplied in double, where torch rounds to float after each factor",
    "half": "rounded in whole numbers, alike on every processor, where torch uses the instruction for it",
    "conv3d": "windows of 12^3 places: lines of seven results fill half a vector, and on the way back are added to the image line by line",
    "max_pool1d": "windows of two: each row of 80 is set up and read back from a buffer, which costs as much as comparing",
    "upsample_trilinear3d": "the result stays small: what is measured is the set-up of three separable passes, some ten microseconds",
    "to": "from double back to float: bound by memory, eight bytes read for four written",
    "addbmm": "a product of OpenBLAS, where torch calls MKL",
    "baddbmm": "a product of OpenBLAS, where torch calls MKL",
    "bmm": "a product of OpenBLAS, where torch calls MKL",
    "linalg.householder_product": "backward goes factor by factor in operations that have derivatives themselves, three passes over the matrix for each",
    "ormqr": "LAPACK of OpenBLAS, where torch calls MKL's",
    "_fft_r2c": "NumPy's transforms, where torch calls MKL's",
}
REASONS |= {f"fft.{way}{dims}": "NumPy's transforms, where torch calls MKL's" for way in "fft ifft rfft irfft hfft ihfft".split() for dims in ("", "2", "n")}


def strided(array):
    """The same values in every other element of a wider array."""
    wide = numpy.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def expanded(array):
    """The first column, seen at every place of the last dim."""
    return numpy.lib.stride_tricks.as_strided(array, array.shape, (*array.strides[:-1], 0)) if array.ndim else array


LAYOUTS = {
    "contiguous": lambda array: array,
    "transposed": lambda array: numpy.ascontiguousarray(array.T).T,
    "strided": lambda array: strided(array) if array.ndim else array,
    "expanded": expanded,
}


class Grown(samples.Maker):
    """Makes the tensors of a sample with every size from 2 on multiplied by `factor`; remembers the largest."""

    def __init__(self, *args, factor=1, layout="contiguous", **kwargs):
        super().__init__(*args, arrange=LAYOUTS[layout], **kwargs)
        self.factor, self.largest = factor, (1, 0)

    def grown(self, shape):
        many = sum(n > 1 for n in shape)
        self.largest = max(self.largest, (int(numpy.prod(shape)), many))
        return tuple(n * self.factor if n > 1 else n for n in shape)

    def tensor(self, array, dtype, floating):
        return super().tensor(numpy.asarray(array).astype(dtype), dtype, floating)  # a cast would lay them out anew

    def values(self, shape, positive=False):
        return super().values(self.grown(shape), positive)

    def idx(self, n, *shape):
        return super().idx(n * self.factor if n > 1 else n, *self.grown(shape))

    def mask(self, *shape):
        return super().mask(*self.grown(shape))


def factor_for(row, dtype, elements):
    """By how much the sizes of the row's first sample grow until its largest tensor has that many elements."""
    makers = []

    def make(*args, **kwargs):
        makers.append(Grown(*args, **kwargs))
        return makers[-1]

    next(samples.calls(row, rushlight, make, dtype=dtype))
    numel, dims = makers[0].largest
    return max(1, int((elements / numel) ** (1 / dims))) if dims else 1


def prepared(function, row, library, backward, elements, layout):
    """(statement, names) of the grown sample, once run, in float32 or what the row takes; None where there is nothing to measure."""
    for dtype in ("float32", "int64", "bool"):
        try:
            factor = factor_for(row, dtype, elements)
            _, args, kwargs, made = next(samples.calls(row, library, Grown, dtype=dtype, grad=backward, factor=factor, layout=layout))
            result = function(*args, **kwargs)
            break
        except (RuntimeError, TypeError, NotImplementedError, ValueError, IndexError):
            continue
    else:
        return None
    if not made or factor == 1:
        return None
    names = {"f": function, "args": args, "kwargs": kwargs}
    if not backward:
        return "f(*args, **kwargs)", names
    outputs = samples.tensors(result, library)
    places = [i for i, t in enumerate(outputs) if t.requires_grad]
    if not places:
        return None
    names.update(ones=[library.ones_like(outputs[i]) for i in places], places=places, inputs=[t for t in made if t.requires_grad], grad=library.autograd.grad)
    results = "(f(*args, **kwargs),)" if isinstance(result, library.Tensor) else "[r[i] for r in (f(*args, **kwargs),) for i in places]"
    return f"grad({results}, inputs, ones, allow_unused=True)", names


def measure(row, backward, rounds, layout, elements):
    """(seconds of ours, seconds of torch's), or None where the row cannot be compared."""
    theirs, ours = public(row, torch), public(row, rushlight) or samples.function(row)
    if theirs is None or row["where"] & samples.METHOD_ONLY_INPLACE:
        return None
    made = {name: prepared(function, row, library, backward, elements, layout) for name, function, library in (("rushlight", ours, rushlight), ("torch", theirs, torch))}
    if None in made.values():
        return None
    clocks = {name: timeit.Timer(statement, globals=names, timer=time.process_time) for name, (statement, names) in made.items()}
    once = {name: min(clock.timeit(1), clock.timeit(1)) for name, clock in clocks.items()}
    if max(once.values()) > LONGEST and elements > 3000:
        return measure(row, backward, rounds, layout, elements // 10)
    best, number = dict(once), {name: max(1, int(0.004 / max(seconds, 1e-7))) for name, seconds in once.items()}
    for turn in range(rounds):
        for name in list(clocks)[:: 1 if turn % 2 else -1]:
            best[name] = min(best[name], clocks[name].timeit(number[name]) / number[name])
    return best["rushlight"], best["torch"]


def arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--only", metavar="GLOB", help="rows whose name matches; several, separated by commas")
    add("--layout", default="contiguous", choices=LAYOUTS, help="how the tensors lie in memory (default: contiguous)")
    add("--elements", type=int, default=10**6, help="of the largest tensor (default: a million)")
    add("--rounds", type=int, default=7, help="rounds per row (default: 7)")
    add("--floor", type=float, default=0.8, metavar="RATIO", help="rows below it are listed (default: 0.8)")
    add("--all", action="store_true", help="list every row")
    add("--gate", action="store_true", help="exit status 1 if a row lies below the floor or the median below what is asked")
    return parser.parse_args()


def run(rows, backward, args):
    """Measures and prints; the names of what misses."""
    ratios, apart, below = [], 0, []
    for row, name in zip(rows, samples.row_ids(rows)):
        if backward and not row["differentiable"] and not row["flags"] & samples.COMPOSITE:
            continue
        try:
            times = measure(row, backward, args.rounds, args.layout, args.elements)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}", flush=True)
            continue
        gc.collect()
        if not times:
            apart += 1
            continue
        ratios.append(times[1] / times[0])
        low, reason = ratios[-1] < args.floor, REASONS.get(row["name"])
        below += [name] if low and not reason else []
        if args.all or low:
            print(f"{'backward' if backward else 'forward':8} {name:40} {pretty(times[0]):>9} {pretty(times[1]):>9} {ratios[-1]:6.2f}x{'  ' + (reason or 'BELOW') if low else ''}", flush=True)
    if ratios:
        median = statistics.median(ratios)
        what = "forward and backward" if backward else "forward"
        print(f"{args.layout}, {what}: {len(ratios)} rows ({apart} that torch lacks or that do not grow), median {median:.2f}x (asked: {MEDIAN}x), {len(below)} below {args.floor}x without a reason", flush=True)
        below += ["the median"] if median < MEDIAN else []
    return below


def main():
    args = arguments()
    warnings.simplefilter("ignore")
    rushlight.set_num_threads(1)
    torch.set_num_threads(1)
    print(describe({"rushlight": rushlight, "torch": torch}))
    globs = args.only.split(",") if args.only else ["*"] if args.layout == "contiguous" else OFTEN
    rows = [row for row in samples.rows() if any(fnmatch.fnmatch(row["name"], glob) for glob in globs)]
    below = run(rows, False, args) + run(rows, True, args)
    sys.exit(bool(args.gate and below))


if __name__ == "__main__":
    main()
