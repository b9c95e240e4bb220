"""Time and memory of `import rushlight` beside `import numpy`: medians over fresh processes, taking turns."""

import statistics
import subprocess
import sys

ROUNDS = 15
CODE = """
import time, resource
start = time.perf_counter()
import {name}
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def sample(name):
    """(seconds, megabytes) of one import; the interpreter's own start is not counted in the seconds."""
    done = subprocess.run([sys.executable, "-c", CODE.format(name=name)], capture_output=True, text=True, check=True)
    return tuple(map(float, done.stdout.split()))


def main():
    names = ("numpy", "rushlight")
    for name in names:
        sample(name)  # warm the file cache
    taken = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            taken[name].append(sample(name))
    seconds = {name: statistics.median(t for t, _ in values) for name, values in taken.items()}
    memory = {name: statistics.median(m for _, m in values) for name, values in taken.items()}
    ratio = statistics.median(b[0] / a[0] for a, b in zip(taken["numpy"], taken["rushlight"]))
    more = memory["rushlight"] - memory["numpy"]
    print(
        f"import: numpy {seconds['numpy'] * 1e3:.0f} ms, rushlight {seconds['rushlight'] * 1e3:.0f} ms: {ratio:.2f} times (at most 1.5); "
        f"memory {more:+.1f} MB over numpy's (at most 25)"
    )
    sys.exit(ratio > 1.5 or more > 25)


if __name__ == "__main__":
    main()
