"""The demo: it learns, shows and keeps what it says; its script also runs on torch; its pictures are sound SVG."""

import io
import json
import pathlib
import re
import subprocess
import sys
import types
import xml.etree.ElementTree as xml

import numpy as np
import pytest

import rushlight as rl
from rushlight import demo
from rushlight.demo import pictures, recipe
from rushlight.demo.progress import Progress
from rushlight.teach import draw
from rushlight.vision import Digits, datasets

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """One whole run with the defaults: (what it printed, what it measured, the folder it wrote to)."""
    out = tmp_path_factory.mktemp("demo")
    options = demo.parser().parse_args(["--out", str(out)])
    stream = io.StringIO()
    measured = demo.run(options, *demo.open_data("digits"), stream)
    return stream.getvalue(), measured, out


def test_it_learns_to_read(shown):
    _, measured, _ = shown
    assert measured["accuracy"] >= 0.97
    losses = measured["losses"]
    assert len(losses) == 15 * 45 and losses[0] > 2 and np.mean(losses[-45:]) < 0.2


def test_the_checkpoint_reads_the_same(shown):
    _, measured, out = shown
    assert measured["same_answers"] and measured["accuracy_of_checkpoint"] == measured["accuracy"]
    saved = rl.load(out / "model.pt")
    assert saved["side"] == 8 and saved["model"]["head.4.weight"].shape == (10, 128)


def test_what_it_prints(shown):
    text, measured, out = shown
    assert "1,438 pictures of 8 x 8 to learn from, 359 held out" in text
    assert len(re.findall(r"epoch +\d+/15 .* loss \d\.\d{4} +[\d,]+ images/s  ETA \d+:\d\d", text)) == 15
    assert f"reads {100 * measured['accuracy']:.2f} % of the held-out pictures right" in text
    wrong = round((1 - measured["accuracy"]) * 359)
    if wrong:
        assert f"{wrong} of 359 misread" in text and len(re.findall(r"read \d, is \d", text)) == min(wrong, 12)
    assert f"tried again: {100 * measured['accuracy']:.2f} %" in text and str(out / "graph.svg") in text


def test_its_pictures(shown):
    _, measured, out = shown
    curve = xml.parse(out / "loss.svg").getroot()
    line = curve.findall(f"{SVG}polyline")[0]
    assert len(line.get("points").split()) == len(measured["losses"])
    graph = xml.parse(out / "graph.svg").getroot()
    titles = [title.text for title in graph.iter(f"{SVG}title")]
    for name in ("features.0.weight", "features.2.bias", "head.1.weight", "head.4.bias"):
        assert sum(name in title for title in titles) == 1
    assert any("loss" in title for title in titles)


def test_the_command(tmp_path):
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", "rushlight", "demo", "--epochs", "1", "--out", str(tmp_path)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "saved, loaded back" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.svg", "loss.svg", "model.pt"]


@pytest.mark.parametrize("arguments, status, words", [
    (["nothing"], 2, "no command 'nothing'"), (["demo", "--data", "cats"], 1, "known are digits, mnist DIR"),
    (["demo", "--data", "mnist"], 1, "--data mnist DIR"), (["demo", "--data", "mnist", "nowhere"], 1, "Dataset not found"),
    (["--help"], 0, "usage: python -m rushlight COMMAND"), ([], 0, "demo"),
])
def test_the_command_line(arguments, status, words, capsys):
    from rushlight.__main__ import main
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert words in captured.out + captured.err


def test_fashion_mnist_from_files(tmp_path):
    """The real form at a small size: 28 x 28 pictures from IDX files."""
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for stem, n in (("train", 192), ("t10k", 64)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        images = (rng.integers(0, 40, (n, 28, 28)) + 20 * labels[:, None, None]).astype(np.uint8)
        for name, array in ((f"{stem}-images-idx3-ubyte", images), (f"{stem}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(int(d).to_bytes(4, "big") for d in array.shape)
            (raw / name).write_bytes(header + array.tobytes())
    options = demo.parser().parse_args(["--data", "fashion-mnist", str(tmp_path), "--epochs", "1", "--out", str(tmp_path / "out")])
    training, test = demo.open_data(*options.data)
    assert type(training) is datasets.FashionMNIST and len(training) == 192
    stream = io.StringIO()
    measured = demo.run(options, training, test, stream)
    assert measured["same_answers"] and "28 x 28" in stream.getvalue()


# The script on torch -------------------------------------------------------------------------------------------------


class Shift:
    """A transform of torch's names only, with a random draw: scale, and one of three shades."""

    def __init__(self, torch):
        self.torch = torch

    def __call__(self, picture):
        shade = self.torch.randint(0, 3, (1,)).item()
        return (self.torch.from_numpy(picture).float() / 255 - 0.1 * shade).unsqueeze(0)


def losses_of(module, torch, epochs):
    data = Digits(train=True)
    torch.manual_seed(0)
    chosen = slice(0, 256)
    part = module.Pictures(data.data.numpy()[chosen], data.targets.numpy()[chosen], Shift(torch))
    loader = torch.utils.data.DataLoader(part, batch_size=32, shuffle=True)
    model = module.Classifier(8)
    losses = [loss for _, _, loss in module.train(model, loader, epochs)]
    return losses, module.evaluate(model, torch.utils.data.DataLoader(part, batch_size=64))


def test_the_script_runs_on_torch():
    """Only its import line changes; the same seed gives the same losses until rounding parts them."""
    torch = pytest.importorskip("torch")
    source = pathlib.Path(recipe.__file__).read_text()
    assert source.count("import rushlight as torch\n") == 1
    assert "rushlight" not in source.replace("import rushlight as torch\n", "")
    twin = types.ModuleType("recipe_on_torch")
    exec(compile(source.replace("import rushlight as torch\n", "import torch\n"), "recipe", "exec"), twin.__dict__)
    ours, (accuracy, answers) = losses_of(recipe, rl, 2)
    theirs, (accuracy_of_torch, answers_of_torch) = losses_of(twin, torch, 2)
    assert len(ours) == len(theirs) == 16 and len(answers) == len(answers_of_torch) == 256
    # One step of float32 sums in another order; AdamW's division by tiny second moments widens it from step to step.
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    assert ours[:4] == pytest.approx(theirs[:4], rel=1e-3)
    assert ours[-1] == pytest.approx(theirs[-1], rel=0.2)
    assert 0.3 < accuracy <= 1 and abs(accuracy - accuracy_of_torch) < 0.2


def test_the_model_is_callable_as_the_text_says():
    model = recipe.Classifier(8)
    x = rl.zeros(2, 1, 8, 8)
    without = model(model_inputs=x, something_else=1)
    assert without["loss"] is None and without["outputs"].shape == (2, 10)
    assert model(x, labels=rl.tensor([1, 2]))["loss"].dim() == 0
    assert isinstance(model.criterion, rl.nn.CrossEntropyLoss)


# Progress and letters ------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_progress_line():
    now = [0.0]
    stream = io.StringIO()
    bar = Progress(100, 2, stream, clock=lambda: now[0])
    for epoch in range(2):
        for _ in range(4):
            now[0] += 0.5
            bar.step(epoch, 25, 1.0)
    bar.close()
    first, last = stream.getvalue().splitlines()
    assert "epoch  1/2" in first and " 50 %" in first and "loss 1.0000" in first and "50 images/s" in first and "ETA 0:02" in first
    assert "epoch  2/2" in last and "100 %" in last and "ETA 0:00" in last


@pytest.mark.parametrize("columns", [80, 200])
def test_progress_fits_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    now = [0.0]
    bar = Progress(60_000, 100, Terminal(), clock=lambda: now[0])
    now[0] = 100.0
    bar.step(99, 10**6, 12.34)
    assert len(bar.line()) < columns


def test_progress_redraws_in_a_terminal():
    now = [0.0]
    stream = Terminal()
    bar = Progress(10, 1, stream, clock=lambda: now[0])
    for _ in range(10):
        now[0] += 0.06
        bar.step(0, 1, 0.5)
    bar.close()
    assert stream.getvalue().count("\r") == 6 and stream.getvalue().count("\n") == 1 and "\u2588" in stream.getvalue()


def test_pictures_as_text(monkeypatch):
    digit = np.array([[0, 255], [255, 0], [0, 0]], np.uint8)
    text = pictures.side_by_side([digit, digit], ["read 1, is 7", "b"], io.StringIO())
    assert text.splitlines()[0].rstrip() == "  @@" + " " * 10 + "  @@" and "read 1, is 7" in text
    large = pictures.side_by_side([np.full((28, 28), 255, np.uint8)] * 2, ["a", "b"], io.StringIO()).splitlines()
    assert len(large) == 15 and large[0] == "@" * 28 + "  " + "@" * 28
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = pictures.side_by_side([digit], ["a"], Terminal())
    assert coloured.startswith("\x1b[38;5;232;48;5;255m\u2580\x1b[38;5;255;48;5;232m\u2580\x1b[0m")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in pictures.side_by_side([digit], ["a"], Terminal())


# Drawing -------------------------------------------------------------------------------------------------------------


def rectangles(svg):
    """(left, top, right, bottom) and title of each box."""
    found = []
    for group in xml.fromstring(svg).iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        x, y, w, h = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        found.append(((x, y, x + w, y + h), group.find(f"{SVG}title").text))
    return found


def graphs():
    x, w = rl.rand(3, requires_grad=True), rl.rand(3, requires_grad=True)
    yield (x * w).sum(), 5
    yield (x * w + x).sum(), 6
    chain = x
    for _ in range(150):
        chain = rl.sin(chain) * x + chain
    yield chain.sum(), 450 + 3
    model = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.Tanh(), rl.nn.Linear(4, 2))
    yield model(rl.rand(2, 3)).sum(), None


@pytest.mark.parametrize("which", range(4))
def test_boxes_do_not_overlap(which):
    result, count = list(graphs())[which]
    boxes = rectangles(draw.graph(result).svg)
    assert count is None or len(boxes) == count
    for i, (one, _) in enumerate(boxes):
        for two, _ in boxes[:i]:
            assert one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]


def test_graph_names_and_edges():
    x, w = rl.rand(2, 3, requires_grad=True), rl.rand(3, requires_grad=True)
    y = (x * w).sum()
    svg = draw.graph(y, {"x<1>": x, "y": y}).svg
    titles = [title for _, title in rectangles(svg)]
    assert any("x<1>" in title and "2\u00d73" in title for title in titles) and any("leaf" in title for title in titles)
    assert {"mul", "sum"} <= {title.split()[0] for title in titles}
    edges = [path for path in xml.fromstring(svg).iter(f"{SVG}path") if path.get("marker-end")]
    assert len(edges) == 4
    assert svg.count("http") == 1  # nothing from outside but the name of the format
    shape = draw.graph(y)
    assert shape._repr_svg_() == shape.svg and "SVG" in repr(shape)
    with pytest.raises(ValueError, match="has no grad_fn"):
        draw.graph(rl.zeros(2))


def test_graph_of_a_model_names_its_parts():
    class Model(rl.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.ReLU())

        def forward(self, x):
            return self.body(x).sum()

    model = Model()
    titles = [title for _, title in rectangles(draw.graph(model(rl.rand(2, 3))).svg)]
    assert any(title.startswith("addmm body.0 2\u00d74") for title in titles)
    assert any(title.startswith("relu body.1 2\u00d74; input: ") for title in titles)
    assert any(title.startswith("sum scalar") for title in titles)
    assert sum("test_demo.py, line " in title for title in titles) == 3


def test_curve():
    svg = draw.curve([3.0, float("nan"), 2.0, 1.0], title="a <b>").svg
    root = xml.fromstring(svg)
    lines = root.findall(f"{SVG}polyline")
    assert len(lines) == 2 and len(lines[0].get("points").split()) == 3 and "a &lt;b&gt;" in svg
    heights = [float(point.split(",")[1]) for point in lines[0].get("points").split()]
    assert heights == sorted(heights)
    assert xml.fromstring(draw.curve([1.0]).svg) is not None and xml.fromstring(draw.curve([0.0, 0.0]).svg) is not None
    with pytest.raises(ValueError, match="no finite values"):
        draw.curve([float("inf")])


def test_ticks_are_round():
    assert draw._ticks(0, 2.3) == [0, 0.5, 1.0, 1.5, 2.0]
    assert json.dumps(draw._ticks(0, 674)) == "[0.0, 200.0, 400.0, 600.0]"
