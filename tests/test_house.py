"""The rules of the house, checked by reading the source: who may include whom, how long things are, what may not appear."""

import ast
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
CSRC, PYTHON = ROOT / "csrc", ROOT / "python"
GENERATED = {"python/rushlight/_C.pyi"}
MAX_LINES = 1000
LONG_FUNCTION = 60  # above this, a function says why: "Long because ..."

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="needs the source tree")


def sources(*suffixes, under=("csrc", "python", "tests", "benchmarks", "examples", "lessons")):
    """Files of ours, without what builds leave behind."""
    found = [path for folder in under for path in (ROOT / folder).rglob("*") if path.suffix in suffixes and path.is_file()]
    return sorted(path for path in found if "__pycache__" not in path.parts and "_libs" not in path.parts)


def label(path):
    return path.relative_to(ROOT).as_posix()


def without_comments(text):
    """C text with comments and string literals blanked, line by line as before."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


# Who may include whom


def allowed_include(folder, name, system):
    """Whether a file of csrc/FOLDER may include NAME."""
    if name.startswith(("scipy", "cblas", "lapacke")):
        return False  # the BLAS is declared by hand, in core, with its private prefix
    if folder == "bind":
        return system or name == "rushlight.h" or (CSRC / "bind" / name).exists()
    if name.startswith(("Python", "numpy/")):
        return False
    if system:
        return True
    base = name.rpartition("/")[2]
    here = (CSRC / folder / base).exists() and name in (base, f"{folder}/{base}")
    if folder == "kernels":
        return here
    if folder == "core":
        return here or name == "rushlight.h"
    return here or name == "rushlight.h" or base.endswith((".h", ".def")) and name.rpartition("/")[0] in ("kernels", "core")


def test_includes_point_one_way():
    wrong = []
    for path in sources(".c", ".h", ".def", under=("csrc",)):
        folder = path.parent.name
        if folder == "csrc":
            continue
        for bracket, name in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', path.read_text(), flags=re.M):
            if not allowed_include(folder, name, bracket == "<"):
                wrong.append(f"{label(path)} includes {name}")
    assert not wrong, "\n".join(wrong)


def test_python_stays_in_bind():
    wrong = [
        f"{label(path)}: {word}"
        for path in sources(".c", ".h", ".def", under=("csrc",))
        if path.parent.name != "bind"
        for word in set(re.findall(r"\bPy[A-Z]\w+|\bPy_\w+|\bPyObject\b", without_comments(path.read_text())))
    ]
    assert not wrong, "\n".join(wrong)


def test_blas_has_one_door():
    doors = {label(path) for path in sources(".c", ".h", under=("csrc",)) if re.search(r"\bscipy_\w+", without_comments(path.read_text()))}
    assert all(re.fullmatch(r"csrc/core/(blas|lapack)\w*\.[ch]", door) for door in doors), doors


# What may not appear


def test_core_never_aborts_nor_prints():
    banned = re.compile(r"(?<![\w.>])(printf|fprintf|vprintf|puts|putchar|perror|abort|exit|_exit|assert|sprintf|strcpy|strcat|gets|alloca)\s*\(")
    wrong = []
    for path in sources(".c", ".h", ".def", under=("csrc/core", "csrc/ops", "csrc/kernels")):
        for number, line in enumerate(without_comments(path.read_text()).splitlines(), 1):
            if found := banned.search(line):
                wrong.append(f"{label(path)}:{number}: {found.group(1)}")
    assert not wrong, "\n".join(wrong)


def test_fast_math_is_off():
    """It would lose NaN and infinity, and change the rounding mode of the whole process."""
    wrong = [label(path) for path in [*sources(".c", ".h", ".def", under=("csrc",)), ROOT / "setup.py"] if re.search(r"-(Ofast|ffast-math)\b|fast-math\"", path.read_text())]
    assert not wrong


def test_nothing_is_left_for_later():
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "place" + "holder", "not implemented " + "yet")
    pattern = re.compile("|".join(rf"\b{word}\b" for word in words))
    wrong = []
    for path in [*sources(".c", ".h", ".def", ".py", ".pyi", ".md"), ROOT / "setup.py", ROOT / "README.md"]:
        wrong += [f"{label(path)}:{number}: {line.strip()}" for number, line in enumerate(path.read_text().splitlines(), 1) if pattern.search(line)]
    assert not wrong, "\n".join(wrong)


def test_no_paths_of_some_machine():
    pattern = re.compile(r"(?<![\w.])/(work|root|home|Users|mnt)/\w")
    wrong = []
    for path in [*sources(".c", ".h", ".def", ".py", ".pyi", ".md", ".toml", ".txt"), ROOT / "setup.py", ROOT / "pyproject.toml", ROOT / "README.md"]:
        if path != pathlib.Path(__file__).resolve():
            wrong += [f"{label(path)}:{number}" for number, line in enumerate(path.read_text().splitlines(), 1) if pattern.search(line)]
    assert not wrong, "\n".join(wrong)


# Lengths and openings


def test_files_are_short():
    long = {label(path): count for path in sources(".c", ".h", ".def", ".py") if (count := len(path.read_text().splitlines())) > MAX_LINES}
    assert not long


def test_files_open_with_what_they_are():
    wrong = []
    for path in sources(".c", ".h", ".def", under=("csrc", "tests")):
        if not path.read_text().lstrip().startswith("/*"):
            wrong.append(label(path))
    for path in [*sources(".py"), ROOT / "setup.py"]:
        text = path.read_text()
        if text.strip() and ast.get_docstring(ast.parse(text)) is None:
            wrong.append(label(path))
    assert not wrong, "\n".join(wrong)


def c_functions(path):
    """(name, first line, length, comment and body) of each function that starts in the first column."""
    lines = path.read_text().splitlines()
    start = None
    for i, line in enumerate(lines):
        if start is None and re.match(r"[A-Za-z_].*\)\s*\{", line) and not re.match(r"(struct|union|enum|typedef|switch|if|for|while)\b", line):
            start = i
            if line.rstrip().endswith("}"):
                yield re.search(r"(\w+)\s*\(", line).group(1), i + 1, 1, line
                start = None
        elif start is not None and line.startswith("}"):
            above = start
            while above and (lines[above - 1].startswith(("/*", " *")) or lines[above - 1].endswith("*/")):
                above -= 1
            yield re.search(r"(\w+)\s*\(", lines[start]).group(1), start + 1, i - start + 1, "\n".join(lines[above : i + 1])
            start = None


def py_functions(path):
    """The same for Python; a docstring does not count."""
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            doc = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) is not None else 0
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1 - doc, "\n".join(lines[node.lineno - 1 : node.end_lineno])


def all_functions():
    for path in sources(".c", ".h", under=("csrc",)):
        yield from ((path, *function) for function in c_functions(path))
    for path in sources(".py", under=("python",)):
        yield from ((path, *function) for function in py_functions(path))


def test_functions_are_short():
    functions = list(all_functions())
    for suffix in (".c", ".py"):
        lengths = sorted(length for path, _, _, length, _ in functions if path.suffix == suffix)
        if lengths:
            print(
                f"{len(lengths)} functions in {suffix} files: median {statistics.median(lengths):g} lines, "
                f"90 % at most {lengths[int(len(lengths) * 0.9)]}, longest {lengths[-1]}"
            )
            assert statistics.median(lengths) <= 12
    unexplained = [
        f"{label(path)}:{line}: {name} has {length} lines and no 'Long because ...'"
        for path, name, line, length, text in functions
        if length > LONG_FUNCTION and "long because" not in text.lower()
    ]
    assert not unexplained, "\n".join(unexplained)


# What is generated, and what was built


def test_stub_is_fresh():
    """_C.pyi is written from the table of operations and committed."""
    stubs = pytest.importorskip("rushlight.stubs")
    committed = PYTHON / "rushlight" / "_C.pyi"
    assert committed.exists(), "write it with: python -m rushlight.stubs"
    assert committed.read_text() == stubs.text(), "the table has changed; run: python -m rushlight.stubs"


def built_library():
    from rushlight import _C

    return _C.__file__


def tool(*command):
    if not shutil.which(command[0]):
        pytest.skip(f"needs {command[0]}")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def is_sanitized():
    return "libasan" in tool("readelf", "-d", built_library()) or "libtsan" in tool("readelf", "-d", built_library())


def test_extension_asks_for_old_glibc_only():
    if is_sanitized():
        pytest.skip("a sanitized build is for this machine")
    asked = set(re.findall(r"GLIBC_(\d+\.\d+)", tool("objdump", "-T", built_library())))
    assert all(tuple(map(int, version.split("."))) <= (2, 28) for version in asked), asked


def test_extension_takes_little_static_tls():
    """All libraries of a process share some 1,600 bytes; whoever comes last and finds too few cannot be loaded."""
    if is_sanitized():
        pytest.skip("sanitizers enlarge it")
    segment = re.search(r"^\s*TLS\s+\S+\s+\S+\s+\S+\s+\S+\s+(0x[0-9a-f]+)", tool("readelf", "-lW", built_library()), flags=re.M)
    assert segment is None or int(segment.group(1), 16) <= 256


def test_extension_exports_its_start_alone():
    exported = re.findall(r" g\s+D?F?\s.*?\s(\S+)$", tool("objdump", "-T", built_library()), flags=re.M)
    ours = [name for name in exported if name.startswith(("rl_", "PyInit"))]
    assert ours == ["PyInit__C"]


def test_blas_is_a_private_copy():
    needed = re.findall(r"NEEDED.*\[(.+)\]", tool("readelf", "-d", built_library()))
    assert "librushlight_blas.so" in needed
    assert not any("openblas" in name for name in needed)


def loaded_by(statement):
    code = f"{statement}; import sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_import_needs_numpy_only():
    more = loaded_by("import rushlight") - loaded_by("import numpy") - set(sys.stdlib_module_names)
    assert more == {"rushlight"}
