"""A data set whose transforms are callable objects, composed, read by index and through a loader with four workers."""

import rushlight as torch


class MyTransform:
    def __init__(self, ratio):
        self.ratio = ratio

    def __call__(self, sample):
        return sample * self.ratio


class MyOtherTransform:
    def __init__(self, bias):
        self.bias = bias

    def __call__(self, sample):
        return sample + self.bias


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, sample):
        for transform in self.transforms:
            sample = transform(sample)
        return sample


class MyDataset(torch.utils.data.Dataset):
    def __init__(self, size, transform=None):
        self.data = torch.randn(size, 3)
        self.labels = torch.randint(0, 5, (size,))
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        sample = self.data[index]
        if self.transform:
            sample = self.transform(sample)
        return sample, self.labels[index]


def show(values):
    return [round(value, 6) for value in values]


if __name__ == "__main__":
    torch.manual_seed(0)
    dataset = MyDataset(10, transform=Compose([MyTransform(ratio=2), MyOtherTransform(bias=0.2)]))
    for index in range(len(dataset)):
        sample, label = dataset[index]
        print(index, show(sample.tolist()), label.item())
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=True, num_workers=4)
    for epoch in range(2):
        for samples, labels in loader:
            print(epoch, show(samples.view(-1).tolist()), labels.tolist())
