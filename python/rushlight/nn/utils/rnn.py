"""Sequences of different lengths in one tensor, padded or packed.

Packed, the rows of all sequences lie time step by time step, longest sequence first: step t is `batch_sizes[t]` rows, one of
each sequence that is still running. Packing and unpacking are one gather and one scatter, so gradients pass both ways.
"""

from collections import namedtuple
from collections.abc import Iterable

import rushlight as rl

__all__ = ["PackedSequence", "invert_permutation", "pack_padded_sequence", "pad_packed_sequence", "pad_sequence", "unpad_sequence",
           "pack_sequence", "unpack_sequence"]

PackedSequence_ = namedtuple("PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])
PackedSequence_.__annotations__ = {name: "Tensor" for name in PackedSequence_._fields}


class PackedSequence(PackedSequence_):
    """The rows, how many belong to each time step, and in which order the sequences were sorted and were before."""

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def __getnewargs__(self):
        return tuple(self)

    def _with(self, data):
        return self if data is self.data else type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def to(self, *args, **kwargs):
        """The rows converted; the same object if nothing changes."""
        return self._with(self.data.to(*args, **kwargs))

    def cpu(self):
        return self._with(self.data.cpu())

    def cuda(self, *args, **kwargs):
        return self._with(self.data.cuda(*args, **kwargs))

    def pin_memory(self):
        return self._with(self.data.pin_memory())

    def double(self):
        return self.to(dtype=rl.float64)

    def float(self):
        return self.to(dtype=rl.float32)

    def half(self):
        return self.to(dtype=rl.float16)

    def long(self):
        return self.to(dtype=rl.int64)

    def int(self):
        return self.to(dtype=rl.int32)

    def short(self):
        return self.to(dtype=rl.int16)

    def char(self):
        return self.to(dtype=rl.int8)

    def byte(self):
        return self.to(dtype=rl.uint8)

    @property
    def is_cuda(self):
        return self.data.is_cuda

    def is_pinned(self):
        return self.data.is_pinned()


def invert_permutation(permutation):
    """The permutation that undoes this one; None for None."""
    if permutation is None:
        return None
    inverse = rl.empty_like(permutation)
    inverse[permutation] = rl.arange(permutation.numel())
    return inverse


def _running_rows(lengths, time, batch, batch_first):
    """Row numbers, in a padded tensor whose first two dimensions are flattened, of all steps before each sequence's end; time major."""
    running = rl.arange(time).unsqueeze(1) < lengths.unsqueeze(0)
    step, sequence = running.nonzero().unbind(1)
    return sequence * time + step if batch_first else step * batch + sequence


def _check_lengths(lengths, batch, time):
    if lengths.dim() != 1:
        raise RuntimeError(f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D cpu tensor")
    if lengths.numel() != batch:
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.numel()} (batch_size={batch})")
    values = lengths.tolist()
    if min(values) <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    if any(a < b for a, b in zip(values, values[1:])):
        raise RuntimeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                           "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement "
                           f"if you do not need ONNX exportability. Got lengths {values}")
    if values[0] > time:
        raise RuntimeError(f"'lengths' asks for {values[0]} steps, but the padded input has {time}")
    return values


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack a padded batch, (T, B, *) or with `batch_first` (B, T, *), whose sequences have these lengths.

    >>> packed = rl.nn.utils.rnn.pack_padded_sequence(rl.tensor([[1, 2], [3, 0]]), [2, 1])
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 2, 3], [2, 1])
    """
    lengths = lengths.to(rl.int64) if isinstance(lengths, rl.Tensor) else rl.tensor(lengths, dtype=rl.int64)
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = rl.sort(lengths, descending=True)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    batch, time = (input.size(0), input.size(1)) if batch_first else (input.size(1), input.size(0))
    values = _check_lengths(lengths, batch, time)
    rows = input.reshape(batch * time, *input.shape[2:])
    data = rows.index_select(0, _running_rows(lengths, time, batch, batch_first))
    batch_sizes = rl.tensor([sum(v > step for v in values) for step in range(values[0])], dtype=rl.int64)
    return PackedSequence(data, batch_sizes, sorted_indices, None)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """The padded batch and the lengths that a packed one stands for, in its original order."""
    data, batch_sizes, _, unsorted_indices = sequence
    sizes = batch_sizes.tolist()
    time, batch = len(sizes), sizes[0]
    if total_length is not None:
        if total_length < time:
            raise ValueError("Expected total_length to be at least the length of the longest sequence in input, but got "
                             f"total_length={total_length} and max sequence length being {time}")
        time = total_length
    lengths = rl.tensor([sum(size > b for size in sizes) for b in range(batch)], dtype=rl.int64)
    rows = data.new_full((batch * time, *data.shape[1:]), padding_value)
    padded = rows.index_copy(0, _running_rows(lengths, time, batch, batch_first), data)
    padded = padded.view(*((batch, time) if batch_first else (time, batch)), *data.shape[1:])
    if unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, unsorted_indices)
        lengths = lengths[unsorted_indices]
    return padded, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Stack sequences (L, *) into (T, B, *), T being the longest length, or with `batch_first` into (B, T, *)."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    sequences = list(sequences.unbind(0) if isinstance(sequences, rl.Tensor) else sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    first = sequences[0]
    for other in sequences[1:]:
        if other.shape[1:] != first.shape[1:]:
            raise RuntimeError(f"The size of tensor a {tuple(first.shape[1:])} must match the size of tensor b {tuple(other.shape[1:])}: "
                               "sequences may differ in their first dimension only")
    sizes = [s.size(0) for s in sequences]
    time, beside, left = max(sizes), [0, 0] * (first.dim() - 1), padding_side == "left"
    padded = [s if size == time else rl.constant_pad_nd(s, [*beside, time - size, 0] if left else [*beside, 0, time - size], padding_value)
              for s, size in zip(sequences, sizes)]
    if [s for s in padded if s.dtype != first.dtype]:
        padded = [s.to(first.dtype) for s in padded]
    return rl.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences of a padded batch, as a list."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    lengths = lengths.tolist() if isinstance(lengths, rl.Tensor) else lengths
    return [sequence[:length] for sequence, length in zip(padded_sequences.unbind(0), lengths)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of sequences (L, *)."""
    lengths = rl.tensor([s.size(0) for s in sequences], dtype=rl.int64)
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The sequences of a packed batch, as a list."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
