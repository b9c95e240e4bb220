"""An iterable data set: each worker yields its own share of a range."""

import math

import rushlight as torch


class MyIterableDataset(torch.utils.data.IterableDataset):
    def __init__(self, start, end):
        super().__init__()
        self.start, self.end = start, end

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        if worker is None:
            return iter(range(self.start, self.end))
        share = math.ceil((self.end - self.start) / worker.num_workers)
        first = self.start + worker.id * share
        return iter(range(first, min(first + share, self.end)))


if __name__ == "__main__":
    dataset = MyIterableDataset(3, 12)
    print(list(dataset))
    for workers in (0, 1, 2):
        loader = torch.utils.data.DataLoader(dataset, batch_size=2, num_workers=workers)
        print(workers, [batch.tolist() for batch in loader])
