"""What small calls cost: every row of the table that torch has under the same name, with the row's own first sample (about 16 elements).

    python -m benchmarks.small [--only GLOB] [--rounds N] [--slice SECONDS] [--floor RATIO] [--gate]

Forward without a graph, forward with backward where the row has a derivative, and the statements of statements.py: each library in turn in one process on one thread.
The figure is the ratio of the two shortest times over the rounds: what disturbs a machine only ever adds.  Printed are the rows below the floor, the
median, and with --all every row.
"""

import argparse
import fnmatch
import functools
import gc
import os
import pathlib
import statistics
import sys
import timeit
import warnings

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import rushlight  # noqa: E402
import samples  # noqa: E402
import torch  # noqa: E402

from benchmarks.run import calibrate, describe, pretty  # noqa: E402
from benchmarks.statements import STATEMENTS  # noqa: E402

MEDIAN = 5.0  # asked of the median over rows


def public(row, library):
    """The function that a script finds under the row's name, or None."""
    prefix, _, name = row["name"].rpartition(".")
    if prefix:
        return getattr(getattr(library, prefix, None), name, None)
    places = [library, library.nn.functional] if row["where"] & samples.FUNCTION else [library.nn.functional, library]
    places += [library.Tensor, library._C._nn, library._C._VariableFunctions]
    return next((getattr(place, name) for place in places if callable(getattr(place, name, None))), None)


def timer(function, row, library, backward):
    """A timeit.Timer of the row's first sample, in float32 or what the row takes; None where a graph is asked for and there is none."""
    for dtype in ("float32", "int64", "bool", "complex64"):
        try:
            _, args, kwargs, made = next(samples.calls(row, library, dtype=dtype, grad=backward))
            result = function(*args, **kwargs)
            break
        except (RuntimeError, TypeError, NotImplementedError, ValueError):
            continue
    else:
        return None
    names = {"f": function, "args": args, "kwargs": kwargs}
    if not backward:
        return timeit.Timer("f(*args, **kwargs)", globals=names)
    places = [i for i, t in enumerate(samples.tensors(result, library)) if t.requires_grad]
    one = isinstance(result, library.Tensor)
    if not places or not (one or all(isinstance(t, library.Tensor) for t in result)):
        return None
    ones = [library.ones_like(t) for t in samples.tensors(result, library) if t.requires_grad]
    names.update(ones=ones, places=places, inputs=[t for t in made if t.requires_grad], grad=library.autograd.grad)
    outputs = "(f(*args, **kwargs),)" if one else "[r[i] for r in (f(*args, **kwargs),) for i in places]"
    return timeit.Timer(f"grad({outputs}, inputs, ones, allow_unused=True)", globals=names)


def shortest(clocks, rounds, slice):
    """Seconds per run of each library, the least of all rounds."""
    number = {name: calibrate(clock, slice) for name, clock in clocks.items()}
    best = dict.fromkeys(clocks, float("inf"))
    for turn in range(rounds):
        for name in list(clocks)[:: 1 if turn % 2 else -1]:
            best[name] = min(best[name], clocks[name].timeit(number[name]) / number[name])
    return best


def measure(row, backward, rounds, slice):
    """(seconds of ours, seconds of torch's), or None where the row cannot be compared."""
    theirs = public(row, torch)
    if theirs is None or row["where"] & samples.METHOD_ONLY_INPLACE:
        return None
    ours = public(row, rushlight)
    clocks = {
        "rushlight": (ours and timer(ours, row, rushlight, backward)) or timer(samples.function(row), row, rushlight, backward),
        "torch": timer(theirs, row, torch, backward),
    }
    if None in clocks.values():
        return None
    best = shortest(clocks, rounds, slice)
    return best["rushlight"], best["torch"]


def rows_of(rows, backward):
    """(name, what measures it) of each row."""
    for row, name in zip(rows, samples.row_ids(rows)):
        if not backward or row["differentiable"] or row["flags"] & samples.COMPOSITE:
            yield name, functools.partial(measure, row, backward)


def statements_of(globs):
    for statement, setup in STATEMENTS.items():
        if any(fnmatch.fnmatch(statement, glob) for glob in globs.split(",")):
            yield statement, functools.partial(measure_statement, statement, setup)


def report(kind, calls, args):
    """Prints the figures of one kind; the names of those below the floor."""
    ratios, below, alone = [], [], 0
    for name, run in calls:
        try:
            times = run(args.rounds, args.slice)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}", flush=True)
            continue
        if not times:
            alone += 1
            continue
        ratios.append(times[1] / times[0])
        low = ratios[-1] < args.floor
        below += [name] if low else []
        if args.all or low:
            print(f"{kind[:9]:9} {name:56} {pretty(times[0]):>9} {pretty(times[1]):>9} {ratios[-1]:6.2f}x{'  BELOW' if low else ''}", flush=True)
    if not ratios:
        return []
    median = statistics.median(ratios)
    print(f"{kind}: {len(ratios)} ({alone} that torch lacks or that are called otherwise there), median {median:.2f}x (asked: {MEDIAN}x), {len(below)} below {args.floor}x", flush=True)
    return below + (["the median"] if median < MEDIAN else [])


def arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--only", default="*", metavar="GLOB", help="rows whose name matches; several, separated by commas")
    add("--rounds", type=int, default=12, help="rounds per row (default: 12)")
    add("--slice", type=float, default=0.0008, metavar="SECONDS", help="time per library and round (default: 0.0008)")
    add("--floor", type=float, default=1.5, metavar="RATIO", help="rows below it are listed (default: 1.5)")
    add("--all", action="store_true", help="list every row")
    add("--gate", action="store_true", help="exit status 1 if a row lies below the floor or the median below what is asked")
    return parser.parse_args()


def measure_statement(statement, setup, rounds, slice):
    clocks = {}
    for library in (rushlight, torch):
        names = {"t": library, "nn": library.nn, "F": library.nn.functional, "optim": library.optim}
        exec(setup, names)
        clocks[library.__name__] = timeit.Timer(statement, globals=names)
    best = shortest(clocks, rounds, slice)
    return best["rushlight"], best["torch"]


def main():
    args = arguments()
    warnings.simplefilter("ignore")
    rushlight.set_num_threads(1)
    torch.set_num_threads(1)
    gc.disable()
    print(describe({"rushlight": rushlight, "torch": torch}))
    rows = [row for row in samples.rows() if any(fnmatch.fnmatch(row["name"], glob) for glob in args.only.split(","))]
    below = []
    for kind, calls in (("forward", rows_of(rows, False)), ("forward and backward", rows_of(rows, True)), ("statements", statements_of(args.only))):
        below += report(kind, calls, args)
    sys.exit(bool(args.gate and below))


if __name__ == "__main__":
    main()
