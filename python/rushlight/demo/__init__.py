"""`python -m rushlight demo`: watch a small convolutional network learn to read.

The data set, the model and the training loop are in `recipe.py`, written the way a user of torch writes them. This
file chooses the data and shows what happens: progress, accuracy on pictures the network has not seen, the ones it
misreads, the loss curve and the autograd graph as SVG, and a checkpoint that is saved, loaded and tried again.
"""

import argparse
import pathlib
import sys

import rushlight as torch

from . import recipe
from .pictures import side_by_side
from .progress import Progress

SHOWN, SHOWN_LARGE = 12, 4     # misread pictures shown at most, of up to 16 pixels a side and above
DEFAULT_EPOCHS = {"digits": 15, "mnist": 2, "fashion-mnist": 3}
TEST_BATCH = 256


def parser():
    parse = argparse.ArgumentParser(prog="python -m rushlight demo", description="Train a small convolutional network "
                                    "on real pictures and look at what it learned.")
    parse.add_argument("--data", nargs="+", default=["digits"], metavar=("NAME", "DIR"),
                       help="digits (in the package), or mnist DIR or fashion-mnist DIR with the IDX files in DIR")
    parse.add_argument("--epochs", type=int, help="times through the training pictures")
    parse.add_argument("--batch-size", type=int, default=32)
    parse.add_argument("--seed", type=int, default=0)
    parse.add_argument("--out", default="rushlight-demo", metavar="DIR", help="folder for the SVG files and the checkpoint")
    return parse


def open_data(name, folder=None):
    """(training set, test set) of vision data sets, both with `data`, `targets` and `classes`."""
    from rushlight.vision import Digits, datasets
    if name == "digits":
        return Digits(train=True), Digits(train=False)
    kind = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}.get(name)
    if kind is None:
        raise ValueError(f"--data {name}: known are digits, mnist DIR and fashion-mnist DIR")
    if folder is None:
        raise ValueError(f"--data {name} needs the folder that holds the IDX files: --data {name} DIR")
    return kind(folder, train=True), kind(folder, train=False)


def make_loaders(training, test, batch_size):
    """Loaders over the recipe's data set: shuffled and shifted by up to a pixel for training, as they are for testing."""
    from rushlight.vision import transforms as T
    pixels = training.data.float() / 255
    mean = pixels.mean()
    scale = T.Normalize([mean.item()], [(pixels - mean).square().mean().sqrt().item()])
    side = training.data.shape[-1]
    shifted = T.Compose([T.RandomCrop(side, padding=1), T.ToTensor(), scale])
    plain = T.Compose([T.ToTensor(), scale])
    sets = [recipe.Pictures(part.data.numpy(), part.targets.numpy(), transform)
            for part, transform in ((training, shifted), (test, plain))]
    return (torch.utils.data.DataLoader(sets[0], batch_size=batch_size, shuffle=True),
            torch.utils.data.DataLoader(sets[1], batch_size=TEST_BATCH))


def draw_step(model, loader, path):
    """The autograd graph of one training step, as SVG."""
    from rushlight.teach import draw
    model.train()
    loss = model(**next(iter(loader)))["loss"]
    return draw.graph(loss, {**dict(model.named_parameters()), "loss": loss}).save(path)


def learn(model, loader, epochs, stream):
    """Train under a progress bar; (losses, pictures per second, seconds)."""
    bar, losses = Progress(len(loader.dataset), epochs, stream), []
    for epoch, count, loss in recipe.train(model, loader, epochs):
        losses.append(loss)
        bar.step(epoch, count, loss)
    bar.close()
    return losses, bar.rate, bar.seconds


def show_misread(test, answers, stream):
    """Draw some of the pictures that were read wrong."""
    truth = test.targets.tolist()
    wrong = [i for i, answer in enumerate(answers) if answer != truth[i]]
    if not wrong:
        stream.write("Nothing was misread.\n")
        return
    most = SHOWN if test.data.shape[-1] <= 16 else SHOWN_LARGE
    captions = [f"read {test.classes[answers[i]]}, is {test.classes[truth[i]]}" for i in wrong[:most]]
    pictures = [test.data[i].numpy() for i in wrong[:most]]
    stream.write(f"\n{len(wrong)} of {len(truth)} misread" + (f", {most} of them:" if len(wrong) > most else ":")
                 + "\n\n" + side_by_side(pictures, captions, stream) + "\n")


def try_checkpoint(model, side, loader, path):
    """Save the model, load it into a new one, and return that one's (accuracy, answers)."""
    torch.save({"model": model.state_dict(), "side": side}, path)
    saved = torch.load(path)
    again = recipe.Classifier(saved["side"])
    again.load_state_dict(saved["model"])
    return recipe.evaluate(again, loader)


def run(options, training, test, stream=None):
    """The whole demo on two data sets; returns what it measured."""
    from rushlight.teach import draw
    stream = sys.stdout if stream is None else stream
    epochs = options.epochs or DEFAULT_EPOCHS[options.data[0]]
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    loader, test_loader = make_loaders(training, test, options.batch_size)
    side = training.data.shape[-1]
    model = recipe.Classifier(side, len(training.classes))
    count = sum(p.numel() for p in model.parameters())
    stream.write(f"{len(training):,} pictures of {side} x {side} to learn from, {len(test):,} held out; "
                 f"a network of {count:,} numbers\n")
    losses, rate, seconds = learn(model, loader, epochs, stream)
    accuracy, answers = recipe.evaluate(model, test_loader)
    stream.write(f"trained in {seconds:.1f} s; reads {100 * accuracy:.2f} % of the held-out pictures right\n")
    show_misread(test, answers, stream)
    written = [draw.curve(losses, title="training loss").save(out / "loss.svg"),
               draw_step(model, loader, out / "graph.svg"), out / "model.pt"]
    again, answers_again = try_checkpoint(model, side, test_loader, out / "model.pt")
    stream.write(f"saved, loaded back and tried again: {100 * again:.2f} %\n")
    stream.write("written: " + ", ".join(str(path) for path in written) + "\n")
    return {"accuracy": accuracy, "accuracy_of_checkpoint": again, "same_answers": answers == answers_again,
            "losses": losses, "seconds": seconds, "images_per_second": rate}


def main(argv=None):
    """Exit status 0 when the loaded checkpoint answers as the trained network did."""
    options = parser().parse_args(argv)
    if len(options.data) > 2:
        parser().error("--data takes a name and at most one folder")
    try:
        training, test = open_data(*options.data)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"rushlight demo: {error}", file=sys.stderr)
        return 1
    try:
        measured = run(options, training, test)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0 if measured["same_answers"] else 1
