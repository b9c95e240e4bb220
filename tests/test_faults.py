"""Memory that runs out: every allocation of every row fails in turn, forward and backward.

Each row runs in a child process, so that a crash is a failure with a name.  After each injected failure: MemoryError or success,
operands unchanged, nothing held that was not held before; and the same call without a failure gives the same bits.
"""

import os
import sys
import traceback

import pytest
import rushlight as rl
import samples
from samples import METHOD_ONLY_INPLACE, RANDOM, array, calls, function, row_ids, rows, tensors

ROWS = [row for row in rows() if not row["flags"] & RANDOM]
FAMILIES = sorted({row["family"] for row in ROWS})
MOST = 400  # failures per sample; a forward and backward seldom allocate more often


def in_child(work):
    """Run work() in a child; what it printed, and how it ended."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.dup2(write, 1)
        os.dup2(write, 2)
        sys.stdout = sys.stderr = open(1, "w", closefd=False)  # pytest has put its own there
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    os.close(write)
    with os.fdopen(read, errors="replace") as pipe:
        text = pipe.read()
    return text, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fail_after(n, once=True):
    """The n-th next allocation fails, and if not `once` all after it; -1: none.  How many have failed so far."""
    return rl._C._memory_fail_after(n, once)


def run(row, args, kwargs, made):
    """Forward, and backward of the sum of what is differentiable; all values as bytes."""
    results = tensors(function(row)(*args, **kwargs))
    values = list(results)
    wanted = [y for y in results if y.requires_grad]
    leaves = [x for x in made if x.requires_grad and x.is_leaf]
    if wanted and leaves:
        grads = rl.autograd.grad(wanted, leaves, [rl.ones_like(y) for y in wanted], allow_unused=True)
        values += [g for g in grads if g is not None]
    return [array(value).tobytes() for value in values]


def fail_each(row, fresh, expected, once):
    """Let the first, the second, ... allocation fail until none is left; how many failed."""
    injected = 0
    for n in range(MOST):
        args, kwargs, made = fresh()
        before = [array(x).tobytes() for x in made]
        failures, found = fail_after(n, once), None
        try:
            found = run(row, args, kwargs, made)
        except MemoryError:
            pass
        finally:
            happened = fail_after(-1) - failures
        injected += happened
        if found is None and not row["where"] & METHOD_ONLY_INPLACE:
            assert [array(x).tobytes() for x in made] == before, f"operands changed, failure {n}"
        assert found is None or found == expected, f"other values after failure {n}"
        assert found is not None or happened, "MemoryError out of nothing"
        if not happened:
            return injected
    raise AssertionError(f"more than {MOST} allocations")


def torture(row):
    """The count of injected failures of a row."""
    injected = 0
    known = row["differentiable"] and "_no_derivative(g" not in (row["formula"] or "")
    options = dict(grad=known and not row["where"] & METHOD_ONLY_INPLACE)
    if row["name"].startswith("empty") or "new_empty" in row["name"]:
        return 0
    for k, (text, *_) in enumerate(calls(row, **options)):
        print(row["name"], text, flush=True)

        def fresh():
            return list(calls(row, **options))[k][1:]

        try:
            expected = run(row, *fresh())
        except NotImplementedError:
            continue
        for once in (True, False):
            injected += fail_each(row, fresh, expected, once)
        assert run(row, *fresh()) == expected, "other values once failures have passed"
        live = rl._C._memory_stats()["live"]
        run(row, *fresh())
        assert rl._C._memory_stats()["live"] <= live, "blocks are lost"
    return injected


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_allocation_may_fail(family, figure):
    chosen = [row for row in ROWS if row["family"] == family]

    def work():
        total = sum(torture(row) for row in chosen)
        print(f"{total} injected failures survived", flush=True)

    text, status = in_child(work)
    assert status == 0, f"{family}: status {status}\n{text[-2500:]}"
    figure("injected allocation failures survived, through Python", int(text.splitlines()[-1].split()[0]))
