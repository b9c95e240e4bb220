"""The training script of the demo, as anybody would write it: a data set, a model, a plain loop.

It uses torch's names only. Put `import torch` for the import below and it runs on PyTorch, unchanged, and with the
same seed prints the same losses until rounding parts them.
"""

import rushlight as torch


class Pictures(torch.utils.data.Dataset):
    """Grey pictures (uint8, height x width) and their labels; `transform` makes a tensor of a picture."""

    def __init__(self, pictures, labels, transform):
        self.pictures = pictures
        self.labels = labels
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {"model_inputs": self.transform(self.pictures[index]), "labels": int(self.labels[index])}


class Classifier(torch.nn.Module):
    """Two convolutions and two linear layers; `side` is the height and width of a picture, halved early if it is large."""

    def __init__(self, side, classes=10):
        super().__init__()
        early = [torch.nn.MaxPool2d(2)] if side > 16 else []
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(1, 32, kernel_size=3, padding=1), torch.nn.ReLU(), *early,
            torch.nn.Conv2d(32, 64, kernel_size=3, padding=1), torch.nn.ReLU(),
            torch.nn.MaxPool2d(2), torch.nn.Dropout(0.25))
        left = side // 4 if early else side // 2
        self.head = torch.nn.Sequential(
            torch.nn.Flatten(),
            torch.nn.Linear(64 * left ** 2, 128), torch.nn.ReLU(), torch.nn.Dropout(0.25),
            torch.nn.Linear(128, classes))

    @property
    def criterion(self):
        return torch.nn.CrossEntropyLoss()

    def forward(self, model_inputs, labels=None, **kwargs):
        outputs = self.head(self.features(model_inputs))
        loss = self.criterion(outputs, labels) if labels is not None else None
        return {"outputs": outputs, "loss": loss}


def train(model, loader, epochs, learning_rate=3e-3):
    """Train, and after every step yield (epoch, number of pictures, loss)."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))
    for epoch in range(epochs):
        model.train()
        for batch in loader:
            optimizer.zero_grad()
            loss = model(**batch)["loss"]
            loss.backward()
            optimizer.step()
            schedule.step()
            yield epoch, len(batch["labels"]), loss.item()


def evaluate(model, loader):
    """(share of pictures read right, what each was read as)."""
    model.eval()
    answers, right = [], 0
    with torch.no_grad():
        for batch in loader:
            answer = model(batch["model_inputs"])["outputs"].argmax(dim=1)
            right += (answer == batch["labels"]).sum().item()
            answers.extend(answer.tolist())
    return right / len(answers), answers
