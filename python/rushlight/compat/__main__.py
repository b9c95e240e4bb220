"""`python -m rushlight.compat script.py [arguments]`: run a torch script, module (-m) or piece of code (-c) on rushlight."""

import os
import runpy
import sys

from . import install

USAGE = """usage: python -m rushlight.compat SCRIPT [arguments]
       python -m rushlight.compat -m MODULE [arguments]
       python -m rushlight.compat -c CODE [arguments]
Runs it with rushlight in the place of torch and torchvision."""


def main(argv=None):
    """Run what the arguments name as Python itself would."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help") or argv[0] in ("-m", "-c") and len(argv) < 2:
        print(USAGE, file=sys.stdout if argv[:1] and argv[0] in ("-h", "--help") else sys.stderr)
        return 0 if argv[:1] and argv[0] in ("-h", "--help") else 2
    install()
    if argv[0] == "-m":
        sys.argv, sys.path[0] = argv[1:], os.getcwd()
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    elif argv[0] == "-c":
        sys.argv, sys.path[0] = ["-c", *argv[2:]], ""
        _run_code(argv[1])
    else:
        sys.argv, sys.path[0] = argv, os.path.dirname(os.path.abspath(argv[0]))
        _run_file(argv[0])
    return 0


def _main_module(file=None):
    """A fresh __main__, kept in sys.modules: what the script defines must be found there by pickle and by worker processes."""
    import types
    module = types.ModuleType("__main__")
    module.__builtins__ = __builtins__
    if file is not None:
        module.__file__ = file
    sys.modules["__main__"] = module
    return module


def _run_code(code):
    exec(compile(code, "<string>", "exec"), vars(_main_module()))


def _run_file(path):
    with open(path, "rb") as file:
        source = file.read()
    exec(compile(source, path, "exec"), vars(_main_module(path)))


if __name__ == "__main__":
    sys.exit(main())
