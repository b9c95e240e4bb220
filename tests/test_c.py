"""The core without Python: csrc/core, ops and kernels and the tests of tests/c in one executable, under the sanitizers."""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILDS = {
    "address": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-DRL_SANITIZE"],
    "thread": ["-O1", "-g", "-fsanitize=thread", "-DRL_SANITIZE"],
    "cached": ["-O2", "-g"],  # the allocator with its cache, which sanitized builds leave out
}
QUIET = ["-Wno-maybe-uninitialized", "-Wno-stringop-overflow", "-Wno-array-bounds"]  # gcc guesses wrong in instrumented code


def load_setup():
    """setup.py as a module: how the package's own C is compiled is written there once."""
    spec = importlib.util.spec_from_file_location("rushlight_setup", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blas():
    """OpenBLAS, from the installed package."""
    import rushlight

    return pathlib.Path(rushlight.__file__).parent / "_libs" / "librushlight_blas.so"


def executable(build, monkeypatch):
    """Build it, or what changed of it, in build/tests-c."""
    if not (ROOT / "csrc").is_dir() or not shutil.which("gcc"):
        pytest.skip("needs the source tree and gcc")
    pytest.importorskip("setuptools")
    monkeypatch.chdir(ROOT)
    setup = load_setup()
    cc = setup.compiler()
    files = [path for path in setup.sources() if not path.startswith("csrc/bind/")]
    files += sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "c").glob("*.c"))
    flags = setup.FLAGS + QUIET + BUILDS[build] + ["-Itests/c"]
    objects = setup.compile_all(cc, flags, files, "build/tests-c")
    target = ROOT / "build" / "tests-c" / build
    library = blas()
    setup.call([*cc, *objects, *BUILDS[build], "-pthread", str(library), "-lm", f"-Wl,-rpath,{library.parent}", "-o", str(target)])
    return target


def run(target, *names):
    null = "allocator_may_return_null=1"
    options = dict(ASAN_OPTIONS=f"{null}:detect_leaks=1", TSAN_OPTIONS=f"{null}:halt_on_error=1", UBSAN_OPTIONS="print_stacktrace=1")
    environment = dict(os.environ, **options, OPENBLAS_NUM_THREADS="1")
    done = subprocess.run([target, *names], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=900)
    print(done.stdout[-20000:])
    return done


@pytest.mark.parametrize("build, names", [("address", ()), ("cached", ()), ("thread", ("index", "pieces", "callers", "counts", "memory"))])
def test_core_in_c(build, names, monkeypatch, figure):
    done = run(executable(build, monkeypatch), *names)
    assert done.returncode == 0, done.stdout[-8000:]
    assert " 0 failures" in done.stdout
    assert "ERROR: " not in done.stdout and "runtime error" not in done.stdout
    survived = [int(n) for n in re.findall(r"(\d+) injected failures survived", done.stdout)]
    assert bool(survived) == (not names)
    figure("injected allocation failures survived, in C alone", sum(survived))
