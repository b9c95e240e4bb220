"""Builds rushlight: every C file of csrc/ into the one extension rushlight._C, with a private copy of OpenBLAS beside it.

The metadata is in pyproject.toml.  This file knows the C compiler and nothing else.  Objects are compiled in parallel and
only when a file that they were made of has changed.  Switches, all read from the environment:

    CC, CFLAGS, LDFLAGS       as usual; CC may be several words ("ccache gcc")
    RUSHLIGHT_JOBS            how many files to compile at a time (default: the cores this process may use)
    RUSHLIGHT_DEBUG=1         -O1 -g -DRL_DEBUG
    RUSHLIGHT_SANITIZE=LIST   -fsanitize=LIST, for example address,undefined
    RUSHLIGHT_COVERAGE=1      counters for gcov
"""

import glob
import hashlib
import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

SOURCES = ["csrc/kernels/isa_*.c", "csrc/kernels/cpu.c", "csrc/kernels/special.c", "csrc/kernels/implicit.c", "csrc/core/*.c", "csrc/ops/*.c", "csrc/bind/*.c"]
FLAGS = ["-std=gnu11", "-fPIC", "-pthread", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fopenmp-simd",
         "-fvisibility=hidden", "-fno-strict-aliasing", "-fwrapv", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
BLAS_THEIRS, BLAS_OURS = "libscipy_openblas.so", "librushlight_blas.so"  # equally long: the name is patched in place


def sources():
    """The C files, the slow ones (kernels) first; *.inc.c files are included by others."""
    found = dict.fromkeys(path for pattern in SOURCES for path in sorted(glob.glob(pattern)))
    return [path for path in found if not path.endswith(".inc.c")]


def switch(name):
    return os.environ.get(name, "") not in ("", "0")


def compiler():
    """The compiler as a list of words: $CC, or the one that built Python, or whatever is there."""
    words = shlex.split(os.environ.get("CC", ""))
    if words:
        return words
    built_with = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    return [next((name for name in (built_with, "gcc", "cc", "clang") if shutil.which(name)), "cc")]


def variant_flags():
    """What the environment switches add; used for compiling and for linking."""
    sanitize = os.environ.get("RUSHLIGHT_SANITIZE", "")
    flags = ["-O1", "-g"] if switch("RUSHLIGHT_DEBUG") or sanitize or switch("RUSHLIGHT_COVERAGE") else ["-O3"]
    if switch("RUSHLIGHT_DEBUG"):
        flags += ["-DRL_DEBUG"]
    if sanitize:
        flags += [f"-fsanitize={sanitize}", "-fno-omit-frame-pointer", "-DRL_SANITIZE"]
    if switch("RUSHLIGHT_COVERAGE"):
        flags += ["--coverage"]
    return flags


def compile_flags(cc):
    version = subprocess.run([*cc, "--version"], capture_output=True, text=True).stdout
    quirks = ["-Wno-pass-failed"] if "clang" in version else []  # clang warns where `omp simd` finds nothing to gain
    return FLAGS + quirks + variant_flags() + shlex.split(os.environ.get("CFLAGS", ""))


def is_fresh(obj, dep):
    """True if obj is newer than every file that the compiler read to make it."""
    try:
        with open(dep) as file:
            made_of = file.read().replace("\\\n", " ").split(":", 1)[1].split()
        made = os.path.getmtime(obj)
        return all(os.path.getmtime(path) < made for path in made_of)
    except (OSError, IndexError):
        return False


def replace_file(source, target):
    """Copy in one step, so that a process which has the old file mapped keeps it."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, target + ".new")
    os.replace(target + ".new", target)


def stage_blas(folder):
    """Write OpenBLAS into folder under a name and a SONAME of our own.

    A process may hold NumPy's or SciPy's copy of the same library.  The loader tells libraries apart by SONAME, so ours must
    differ.  The name appears once in the dynamic string table; one of the same length takes its place.
    """
    import scipy_openblas32

    target = os.path.join(folder, BLAS_OURS)
    source = os.path.join(scipy_openblas32.get_lib_dir(), BLAS_THEIRS)
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        with open(source, "rb") as file:
            image = file.read()
        theirs, ours = (b"\0%s\0" % name.encode() for name in (BLAS_THEIRS, BLAS_OURS))
        if image.count(theirs) != 1 or len(theirs) != len(ours):
            raise CompileError(f"{source}: its SONAME is not the expected {BLAS_THEIRS}")
        os.makedirs(folder, exist_ok=True)
        with open(target + ".new", "wb") as file:
            file.write(image.replace(theirs, ours))
        os.chmod(target + ".new", 0o755)
        os.replace(target + ".new", target)
    for file in importlib.metadata.files("scipy-openblas32") or ():
        if file.name.upper().startswith("LICENSE"):
            shutil.copyfile(file.locate(), os.path.join(folder, "LICENSE.openblas"))
    return target


def compile_one(cc, flags, source, folder, force=False):
    """The object of one source, compiled if it is stale."""
    obj, dep = (os.path.join(folder, os.path.splitext(source)[0] + suffix) for suffix in (".o", ".d"))
    if is_fresh(obj, dep) and not force:
        return obj
    os.makedirs(os.path.dirname(obj), exist_ok=True)
    include = ["-Icsrc", "-include", "csrc/glibc.h"]
    if source.startswith("csrc/bind/"):  # the only folder that may include Python.h
        import numpy
        include += ["-isystem", sysconfig.get_paths()["include"], "-isystem", numpy.get_include()]
    call([*cc, *flags, *include, "-MD", "-MF", dep, "-c", source, "-o", obj])
    return obj


def compile_all(cc, flags, files, folder, force=False):
    """The objects of all sources, several at a time; a folder of their own for each set of flags."""
    folder = os.path.join(folder, hashlib.sha1(repr((cc, flags)).encode()).hexdigest()[:8])
    jobs = int(os.environ.get("RUSHLIGHT_JOBS") or 0) or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda source: compile_one(cc, flags, source, folder, force), files))


def call(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise CompileError(f"{' '.join(command)}\n{done.stdout}")


class BuildExt(build_ext):
    """build_ext with a compiler driver of our own: parallel, incremental, one flag set."""

    def build_extension(self, ext):
        cc = compiler()
        objects = compile_all(cc, compile_flags(cc), ext.sources, self.build_temp, self.force)
        self.link(cc, objects, os.path.abspath(self.get_ext_fullpath(ext.name)))

    def link(self, cc, objects, target):
        """Objects and the private OpenBLAS into the extension, which finds that library beside itself."""
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        blas = stage_blas(os.path.join(folder, "_libs"))
        flags = ["-shared", "-pthread", *variant_flags(), *shlex.split(os.environ.get("LDFLAGS", ""))]
        call([*cc, *objects, *flags, blas, "-lm", "-Wl,-rpath,$ORIGIN/_libs", "-o", target + ".new"])
        os.replace(target + ".new", target)

    def copy_extensions_to_source(self):
        """For --inplace and editable installs: the extension and its library into python/rushlight."""
        build_py = self.get_finalized_command("build_py")
        package = build_py.get_package_dir("rushlight")
        built = os.path.join(self.build_lib, self.get_ext_filename("rushlight._C"))
        replace_file(built, os.path.join(package, os.path.basename(built)))
        stage_blas(os.path.join(package, "_libs"))


if __name__ == "__main__":  # tests/test_c.py uses the functions above
    setup(ext_modules=[Extension("rushlight._C", sources())], cmdclass={"build_ext": BuildExt})
