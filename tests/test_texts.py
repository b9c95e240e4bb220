"""Two texts from the project's first page, run as they stand, on rushlight and (where installed) on torch.

They are in `tests/texts`; a text reaches everything through the name `torch`, so only its import line changes.
"""

import pathlib
import subprocess
import sys

import pytest

TEXTS = pathlib.Path(__file__).with_name("texts")
IMPORT = "import rushlight as torch\n"


def run(path):
    done = subprocess.run([sys.executable, "-W", "ignore", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(text):
    """Words of the text; those that are numbers as floats."""
    words = text.replace(",", " ").replace("[", " ").replace("]", " ").split()
    out = []
    for word in words:
        try:
            out.append(float(word))
        except ValueError:
            out.append(word)
    return out


@pytest.mark.parametrize("name", ["lstm", "data", "stream"])
def test_text_runs(name):
    assert run(TEXTS / f"{name}.py")


@pytest.mark.parametrize("name", ["lstm", "data", "stream"])
def test_text_prints_torch_numbers(name, tmp_path):
    pytest.importorskip("torch")
    text = (TEXTS / f"{name}.py").read_text()
    assert text.count("rushlight") == text.count(IMPORT) == 1
    twin = tmp_path / f"{name}.py"
    twin.write_text(text.replace(IMPORT, "import torch\n"))
    ours, theirs = numbers(run(TEXTS / f"{name}.py")), numbers(run(twin))
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        # Printed with six digits; the engines may round the last bit of a sum differently.
        assert one == (pytest.approx(other, abs=2e-6, rel=2e-6) if isinstance(other, float) else other)
