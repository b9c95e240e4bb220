"""Measures rushlight beside torch and NumPy where they are installed, in one process, one thread, taking turns.

    python -m benchmarks [--only GLOB] [--quick] [--json FILE] [--gate]

A round measures every library once, in changing order, each for the same length of time; the figure is the median over
rounds of the ratio within a round, with a 95 % interval by resampling.  Each row is built anew three times: where memory happens to
lie matters.  A row misses its gate only if the whole interval lies below.
"""

import argparse
import fnmatch
import gc
import json
import os
import pathlib
import random
import statistics
import sys
import time
import timeit

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
if not __package__:  # run as a file
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.rows import ROWS  # noqa: E402

BUILDS = 3


def arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--only", default="*", metavar="GLOB", help="rows whose number or name matches; several, separated by commas")
    add("--rounds", type=int, default=15, help="rounds per row (default: 15)")
    add("--slice", type=float, default=0.02, metavar="SECONDS", help="time per library and round (default: 0.02)")
    add("--quick", action="store_true", help="6 rounds of 5 ms; a single one where a run takes more than 20 ms")
    add("--json", metavar="FILE", help="write the figures there")
    add("--gate", action="store_true", help="exit status 1 if a row misses its gate")
    return parser.parse_args()


def libraries():
    """What can be measured here, by name; rushlight first."""
    import importlib

    found = {"rushlight": importlib.import_module("rushlight")}
    for name in ("torch", "numpy"):
        try:
            found[name] = importlib.import_module(name)
        except ImportError:
            pass
    for name in ("rushlight", "torch"):
        if name in found:
            found[name].set_num_threads(1)
    return found


def timer(row, name, library):
    """A timeit.Timer for one row and library, or None where the row is not for it."""
    made = row.numpy(library) if name == "numpy" and row.numpy else row.make(library) if name != "numpy" else None
    if made is None:
        return None
    statement, names = made if isinstance(made, tuple) else ("step()", {"step": made})
    return timeit.Timer(statement, globals=names)


def calibrate(clock, slice):
    """How often to run the statement so that it takes about slice seconds."""
    number, taken = 1, clock.timeit(1)
    while taken < slice / 4 and number < 1 << 22:
        number *= 2 if taken < slice / 64 else 4
        taken = clock.timeit(number)
    return max(1, round(number * slice / max(taken, 1e-9)))


def measure(row, found, rounds, slice, longest):
    """Seconds per run: {library: [per round]}; and {library: why not}."""
    times, why = {name: [] for name in found}, {}
    for build in range(BUILDS):
        clocks = {}
        for name, library in found.items():
            if name in why:
                continue
            try:
                clock = timer(row, name, library)
                if clock is not None:
                    clocks[name] = clock, calibrate(clock, slice)
            except Exception as error:
                why[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        for turn in range(-(-rounds // BUILDS)):
            order = list(clocks)
            random.Random(build * 100 + turn).shuffle(order)
            for name in order:
                clock, number = clocks[name]
                gc.collect()
                times[name].append(clock.timeit(number) / number)
            if longest and any(values and values[-1] > longest for values in times.values()):
                return times, why
    return times, why


def ratio_of(theirs, ours):
    """Median of the paired ratios, and a 95 % interval."""
    ratios = [a / b for a, b in zip(theirs, ours)]
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(500))
    return statistics.median(ratios), medians[12], medians[487]


def pretty(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def describe(found):
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown CPU")
    versions = ", ".join(f"{name} {getattr(library, '__version__', '?')}" for name, library in found.items())
    isa = getattr(found["rushlight"], "__isa__", os.environ.get("RUSHLIGHT_ISA", "best"))
    return f"{model}; kernels: {isa}; load {os.getloadavg()[0]:.1f}; {versions}; one thread"


def report(row, times, why):
    """One line, and the row's figures."""
    figures = {"row": row.number, "name": row.name, "gate": row.gate, "stretch": row.stretch, "why_not": why}
    for name, values in times.items():
        if values:
            figures[name] = statistics.median(values)
    cells = [f"{row.number:>4} {row.name[:52]:52}"]
    for name in ("rushlight", "torch", "numpy"):
        cells.append(f"{pretty(figures[name]) if name in figures else '-':>9}")
    if "rushlight" in figures and "torch" in figures:
        figures["ratio"], figures["low"], figures["high"] = ratio_of(times["torch"], times["rushlight"])
        figures["passed"] = figures["high"] >= row.gate
        cells.append(f"{figures['ratio']:6.2f}x ({figures['low']:.2f}-{figures['high']:.2f}), gate {row.gate}x{'' if figures['passed'] else '  BELOW'}")
    if "rushlight" in why:
        cells.append(why["rushlight"][:90])
    print(" ".join(cells), flush=True)
    return figures


def main():
    args = arguments()
    if args.quick:
        args.rounds, args.slice = 6, 0.005
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = libraries()
    print(describe(found))
    print(f"{'row':>4} {'':52} {'rushlight':>9} {'torch':>9} {'numpy':>9}  torch's time / ours")
    patterns = args.only.split(",")
    chosen = [row for row in ROWS if any(fnmatch.fnmatch(word, pattern) for word in (row.number, row.name) for pattern in patterns)]
    results = []
    began = time.monotonic()
    for row in chosen:
        results.append(report(row, *measure(row, found, args.rounds, args.slice, 0.02 if args.quick else 0)))
    ratios = [result["ratio"] for result in results if "ratio" in result]
    if ratios:
        print(f"{len(ratios)} rows, geometric mean {statistics.geometric_mean(ratios):.2f}x, {time.monotonic() - began:.0f} s")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"machine": describe(found), "rows": results}, indent=1))
    missed = [result["row"] for result in results if not result.get("passed", True)]
    if missed:
        print("below their gate: " + ", ".join(missed))
    sys.exit(bool(args.gate and missed))


if __name__ == "__main__":
    main()
