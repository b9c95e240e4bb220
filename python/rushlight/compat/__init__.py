"""Scripts and packages that say `import torch`, run on rushlight as they are.

`install()` answers imports of `torch` and `torchvision`, and of everything under them, with rushlight's modules: the same module objects
under a second name, each imported when it is first asked for. `python -m rushlight.compat script.py` (or `-m module`, or `-c code`) does
that and runs the script. What rushlight does not have is an error that says so; nothing is ever taken from an installed torch, and
processes that multiprocessing spawns have the names too.

While it is installed, rushlight gives the version of the torch whose interface it follows, and reprs say torch (torch.float32,
torch.Size([2, 3]), <class 'torch.Tensor'>), because packages read them.
"""

import importlib
import importlib.machinery
import importlib.metadata
import multiprocessing.spawn
import os
import sys

__all__ = ["install", "uninstall", "is_installed", "TORCH_VERSION", "TORCHVISION_VERSION"]

TORCH_VERSION, TORCHVISION_VERSION = "2.13.0+cpu", "0.28.0+cpu"
_HOMES = {"torch": "rushlight", "torchvision": "rushlight.vision"}
_VERSIONS = {"torch": TORCH_VERSION, "torchvision": TORCHVISION_VERSION}


def _counterpart(name):
    """rushlight's name for a module of torch, or None for a module of something else."""
    top, dot, rest = name.partition(".")
    home = _HOMES.get(top)
    return home and home + dot + rest


class _Loader:
    """Gives back a module that exists under another name, as it is."""

    def __init__(self, module):
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        module.__spec__ = self.spec             # importlib has written the alias's


class _Distribution(importlib.metadata.Distribution):
    """What importlib.metadata says of torch: its name and its version."""

    def __init__(self, name):
        self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {_VERSIONS[name]}\n"

    def read_text(self, filename):
        return self._text if filename == "METADATA" else None

    def locate_file(self, path):
        raise FileNotFoundError(f"{path}: torch is not installed, rushlight answers for it")


def _also_below(name, own):
    """Name what a package brought with it as well: a later import of it would put a module where the package has, under the same name, a
    function of it (torch.autograd.gradcheck)."""
    for each in [each for each in sys.modules if each.startswith(own + ".")]:
        sys.modules.setdefault(name + each[len(own):], sys.modules[each])


class _Finder:
    """The import hook: asked before the file system is, and for torch's names its answer is the last word."""

    def find_spec(self, name, path=None, target=None):
        own = _counterpart(name)
        if own is None:
            return None
        try:
            module = importlib.import_module(own)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{own}.".startswith(f"{error.name}."):
                raise
            if sys._getframe(2).f_code.co_name == "find_spec":      # importlib.util.find_spec: a question, no import
                return None
            raise ModuleNotFoundError(f"No module named {name!r}: this part of torch is not in rushlight", name=name) from None
        if hasattr(module, "__path__"):
            _also_below(name, own)
        return importlib.machinery.ModuleSpec(name, _Loader(module), origin=getattr(module, "__file__", None), is_package=hasattr(module, "__path__"))

    def find_distributions(self, context=None):
        name = getattr(context, "name", None)
        return [_Distribution(each) for each in _HOMES if name in (None, each)]


_finder = _Finder()


def _command_line(**keywords):
    """How multiprocessing starts a fresh interpreter: with torch's names installed there too."""
    line = _plain_command_line(**keywords)
    if "-c" in line:
        place = line.index("-c") + 1
        home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        line[place] = f"import sys; sys.path.insert(0, {home!r}); from rushlight import compat; compat.install(); sys.path.pop(0); {line[place]}"
    return line


_plain_command_line = multiprocessing.spawn.get_command_line


def is_installed():
    """Whether `import torch` gives rushlight."""
    return _finder in sys.meta_path


def _versions():
    """The modules that tell a version, each with torch's."""
    from .. import vision
    from ..torch_version import TorchVersion
    import rushlight
    return [(rushlight, TorchVersion(TORCH_VERSION)), (importlib.import_module("rushlight.version"), TORCH_VERSION), (vision, TORCHVISION_VERSION)]


_own = {}


def _call(name):
    """The name that the package has, that reprs begin with and that the engine's types say they are from: some packages choose by it."""
    import rushlight
    from .. import _C
    rushlight.__name__ = name
    _C._called(name)
    for type_ in (_C.Tensor, _C.Size, _C.dtype, _C.device, _C.layout, _C.memory_format, _C.Generator):
        type_.__module__ = name


def install():
    """From now on `import torch` and `import torchvision` give rushlight; harmless when done twice."""
    if is_installed():
        return
    for name in _HOMES:
        module = sys.modules.get(name)
        if module is not None:
            raise RuntimeError(f"{name} has been imported already, from {getattr(module, '__file__', 'somewhere')}; install() goes before that import")
    for module, version in _versions():
        _own[module] = vars(module).get("__version__")
        module.__version__ = version
    _call("torch")
    sys.meta_path.insert(0, _finder)
    multiprocessing.spawn.get_command_line = _command_line


def uninstall():
    """Forget torch's names again. Modules that have imported them keep what they have."""
    if not is_installed():
        return
    sys.meta_path.remove(_finder)
    multiprocessing.spawn.get_command_line = _plain_command_line
    for name in [name for name in sys.modules if _counterpart(name)]:
        del sys.modules[name]
    for module, version in _own.items():
        if version is None:
            del module.__version__
        else:
            module.__version__ = version
    _own.clear()
    _call("rushlight")
