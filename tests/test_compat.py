"""rushlight.compat: `import torch` in scripts, modules and packages gives rushlight, and says what is missing."""

import os
import subprocess
import sys

import rushlight
from rushlight.torch_version import TorchVersion

SCRIPT = """
import sys, pickle
import torch, torchvision
import torch.nn as nn, torch.nn.functional as F
from torch import Tensor, optim
from torch.utils.data import DataLoader, TensorDataset
from torchvision import transforms

class Squares(torch.utils.data.Dataset):
    def __len__(self):
        return 6
    def __getitem__(self, i):
        return torch.tensor([float(i)]), torch.tensor([float(i * i)])

if __name__ == "__main__":
    torch.manual_seed(0)
    net = nn.Linear(1, 1)
    step = optim.SGD(net.parameters(), lr=0.01)
    for x, y in DataLoader(Squares(), batch_size=3, num_workers=1):
        loss = F.mse_loss(net(x), y)
        step.zero_grad()
        loss.backward()
        step.step()
    print(type(pickle.loads(pickle.dumps(Squares()))).__module__, f"{loss.item():.4f}", sys.argv[1:], torch.__name__, torch.nn is nn)
    print(torch.float32, x.shape, type(x), torch.zeros(1, dtype=torch.float64))
"""


def run(*arguments, cwd=None):
    package = os.path.dirname(os.path.dirname(os.path.abspath(rushlight.__file__)))
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return subprocess.run([sys.executable, "-m", "rushlight.compat", *arguments], capture_output=True, text=True, cwd=cwd, timeout=120,
                          env={**os.environ, "PYTHONPATH": path})


def test_a_script_runs_as_it_is(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    done = run("train.py", "--lr", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines(keepends=True)
    assert second == "torch.float32 torch.Size([3, 1]) <class 'torch.Tensor'> tensor([0.], dtype=torch.float64)\n"
    module, loss, *rest = first.split(" ", 2)
    assert module == "__main__" and float(loss) > 0
    assert rest == ["['--lr', '3'] torch True\n"]
    other = run("-m", "train", "--lr", "3", cwd=tmp_path)
    assert other.stdout == done.stdout, other.stderr


def test_code_and_exit_status(tmp_path):
    done = run("-c", "import torch, sys; print(torch.ones(2).sum(), sys.argv); sys.exit(3)", "x", cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("tensor(2.) ['-c', 'x']\n", 3)
    assert run(cwd=tmp_path).returncode == 2
    assert "SCRIPT" in run("--help", cwd=tmp_path).stdout


def test_what_is_missing_says_so(tmp_path):
    done = run("-c", "import torch.nothing.at_all", cwd=tmp_path)
    assert "No module named 'torch.nothing': this part of torch is not in rushlight" in done.stderr
    done = run("-c", "from torch.nn import Lineal", cwd=tmp_path)
    assert "cannot import name 'Lineal'" in done.stderr


def test_questions_about_the_version(tmp_path):
    done = run("-c", "import importlib.util as u, importlib.metadata as m, torch, torchvision\n"
                     "print(u.find_spec('torch') is not None, u.find_spec('torch.nothing'), m.version('torch'), torch.__version__, torchvision.__version__, "
                     "torch.__version__ >= '2.9', torch.version.__version__)", cwd=tmp_path)
    assert done.stdout == "True None 2.13.0+cpu 2.13.0+cpu 0.28.0+cpu True 2.13.0+cpu\n", done.stderr


def test_engine_types_say_that_they_are_torchs(tmp_path):
    done = run("-c", "import torch; print({type(x).__module__ for x in (torch.ones(1), torch.Generator(), torch.device('cpu'), torch.float32, torch.Size([1]), torch.strided)})", cwd=tmp_path)
    assert done.stdout == "{'torch'}\n", done.stderr


def test_install_and_uninstall(tmp_path):
    done = run("-c", "import rushlight, sys\nfrom rushlight import compat\nimport torch, torch.nn.init as i\n"
                     "assert torch is rushlight and sys.modules['torch.nn.init'] is rushlight.nn.init and i.__spec__.name == 'rushlight.nn.init'\n"
                     "compat.install(); compat.uninstall()\n"
                     "assert repr(torch.float16) == 'rushlight.float16' and torch.Tensor.__module__ == torch.__name__ == 'rushlight'\n"
                     "assert not compat.is_installed() and rushlight.__version__ != compat.TORCH_VERSION and not [n for n in sys.modules if n.split('.')[0] == 'torch']\n"
                     "import types; sys.modules['torch'] = types.ModuleType('torch')\n"
                     "try: compat.install()\n"
                     "except RuntimeError as e: print(e)", cwd=tmp_path)
    assert "torch has been imported already" in done.stdout, done.stderr


def test_versions_compare_as_versions():
    v = TorchVersion("2.13.0+cpu")
    assert v > "2.9" and v >= "2.13" and v < "2.14.0.dev2026" and v == "2.13.0+cpu" and v != "2.12" and v > (2, 9) and isinstance(v, str)
    assert TorchVersion("2.0.0rc1") < "2.0.0" and TorchVersion("2.0.0a0") < "2.0" and v.split(".")[0] == "2"
    assert not v == "nightly" and hash(v) == hash("2.13.0+cpu")


def test_spawned_processes_have_the_names_too(tmp_path):
    (tmp_path / "many.py").write_text("import torch\nimport torch.multiprocessing as mp\n"
                                      "def work(rank, out):\n    out.put((rank, torch.__name__, torch.full((2,), rank).tolist(), __name__))\n"
                                      "if __name__ == '__main__':\n    context = mp.get_context('spawn')\n    out = context.SimpleQueue()\n"
                                      "    mp.spawn(work, (out,), nprocs=2)\n    print(sorted([out.get(), out.get()]))\n")
    done = run("many.py", cwd=tmp_path)
    assert done.stdout == "[(0, 'torch', [0, 0], '__mp_main__'), (1, 'torch', [1, 1], '__mp_main__')]\n", done.stderr


def test_a_function_that_is_named_like_its_module_stays_the_function(tmp_path):
    done = run("-c", "import torch\nfrom torch.autograd.gradcheck import GradcheckError\nfrom torch.nn.utils.weight_norm import WeightNorm\n"
                     "import torch.nn.utils.spectral_norm\nprint(*(type(f).__name__ for f in (torch.autograd.gradcheck, torch.nn.utils.weight_norm, torch.nn.utils.spectral_norm)))", cwd=tmp_path)
    assert done.stdout == "function function function\n", done.stderr
