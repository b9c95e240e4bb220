"""Corners of making, viewing, indexing and reducing tensors: what torch answers there, and what it refuses and in which words.

Each case is a line of Python, run with torch's module under the name torch and then with rushlight's.  ANSWERED: what it prints is the
same.  REFUSED: the class of the error is the same, and the words given are part of both texts.
"""

import numpy as np
import pytest

import rushlight as rl

pytestmark = pytest.mark.filterwarnings("ignore")


class Lender:
    """Another library's array: memory for whoever asks, and no more."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __dlpack__(self, **wishes):
        return self.tensor.__dlpack__(**wishes)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


class Unreadable:
    """A sequence that gives nothing out."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        raise TypeError


def pulled_back(torch, size, stride, offset, make):
    """The gradient of a look at x through as_strided, each element of which counts differently."""
    x = torch.arange(6.0, dtype=torch.float64).requires_grad_()
    seen = make(x).as_strided(size, stride, offset)
    seen.backward(torch.arange(seen.numel(), dtype=torch.float64).view(seen.shape) + 1)
    return x.grad.tolist()


def written(torch, make, *args):
    """Six numbers in two rows, of which make has written to the last two columns."""
    x = torch.full((2, 3), 7.0)
    make(*args, out=x.narrow(1, 1, 2))
    return x.tolist()


def looped():
    made = []
    made.append(made)
    return made


def both(text):
    torch = pytest.importorskip("torch")
    for library in (torch, rl):
        names = {"torch": library, "np": np, "Lender": Lender, "Unreadable": Unreadable, "looped": looped,
                 "pulled_back": lambda *args, library=library: pulled_back(library, *args), "written": lambda *args, library=library: written(library, *args)}
        try:
            yield str(eval(text, names)).replace("rushlight", "torch"), None
        except Exception as error:      # which one is what is tested
            yield None, error


ANSWERED = """
pulled_back([6, 6], [0, 1], 0, lambda x: x.expand(6, 6))
pulled_back([3, 2], [2, 1], 0, lambda x: x.expand(2, 6))
pulled_back([4], [1], 0, lambda x: x.as_strided((3, 3), (1, 1)))
pulled_back([3, 3], [1, 1], 0, lambda x: x)
written(torch.linspace, 0, 3, 4)
written(torch.logspace, 0, 3, 4)
written(torch.arange, 4)
written(torch.range, 0, 3)
torch.arange(5, out=torch.zeros(2, 2))
torch.ones(4, out=torch.zeros(2, 2))
torch.empty(2, 3).t().resize_((3, 2)).stride()
torch.empty(2, 3).t().resize_as_(torch.empty(3, 2)).stride()
torch.zeros(5).resize_((10, 3, 4, 4), memory_format=torch.channels_last).stride()
torch.zeros(5).resize_(2, 3, 4, 4, 4, memory_format=torch.channels_last_3d).stride()
torch.zeros(2, 2, 2, 2).to(memory_format=torch.channels_last).resize_((2, 2, 2, 2), memory_format=torch.contiguous_format).stride()
torch.empty(0).resize_as_(torch.empty(2, 3, 4, 4).to(memory_format=torch.channels_last), memory_format=torch.preserve_format).stride()
torch.zeros(4).set_(torch.arange(4.).storage())
torch.zeros(4).set_(torch.arange(4.).storage(), 1, (2,), (2,))
torch.tensor_split(torch.arange(4), torch.tensor([1, 2]))
torch.tensor_split(torch.arange(4), tensor_indices_or_sections=torch.tensor(2))
torch.cat([torch.randn(0), torch.randn(0)], dim=1)
torch.cat([torch.arange(24.).reshape(2, 2, 3, 2).to(memory_format=torch.channels_last)[:, :, :2]] * 2, dim=-1).stride()
torch.tensor((float('nan'), 0, 2 ** 63, -2 ** 63 - 1), dtype=torch.bool)
torch.tensor(Lender(torch.ones(2)))
torch.asarray(Lender(torch.ones(2)))
torch.asarray(torch.utils.dlpack.to_dlpack(torch.ones(2)), copy=False)
torch.randperm(300, dtype=torch.bfloat16).shape
torch.vander(torch.tensor([1, 2], dtype=torch.int8), N=3)
torch.float16.to_complex(), torch.complex32.to_real(), torch.chalf, torch.qint8.to_real()
torch.zeros(3, 0).index_select(1, torch.tensor([], dtype=torch.int64))
""".strip().splitlines()

REFUSED = """
can't allocate memory: you tried to allocate | torch.empty(2 ** 50)
Storage size calculation overflowed | torch.empty(2 ** 62)
Storage size calculation overflowed | torch.empty(0).resize_(2 ** 62)
Storage size calculation overflowed | torch.empty_strided((2 ** 20,), (2 ** 60,))
Storage size calculation overflowed | torch.zeros(3).as_strided((2 ** 20,), (2 ** 60,))
integer dtype | torch.unravel_index(torch.tensor(0.5), (2, 2))
shape mismatch | torch.zeros(3, dtype=torch.int64).__setitem__(torch.tensor([True, False, True]), torch.tensor([]))
source and destination dtypes match | torch.zeros(3, dtype=torch.int64).__setitem__(torch.tensor([0]), torch.tensor([1.0]))
index is out of bounds for dimension with size 0 | torch.zeros(10, 0)[:, torch.tensor([0])]
self indexing axis dim should be positive | torch.zeros(3, 0).index_select(1, torch.tensor([0]))
Input shapes should be of type ints | torch.broadcast_shapes(1.0)
negative length | torch.broadcast_shapes((3, -1))
Unsupported memory format | torch.zeros(3).resize_((3,), memory_format=torch.preserve_format)
required rank 4 tensor | torch.zeros(3).resize_((3,), memory_format=torch.channels_last)
Expected a Storage of type | torch.zeros(4).set_(torch.zeros(4, dtype=torch.float64).storage())
to have dtype of long, but got Float | torch.tensor_split(torch.zeros(4), torch.tensor(1.1))
with 2 dims | torch.tensor_split(torch.zeros(4), torch.tensor([[1, 2]]))
put_(): Expected a long tensor | torch.zeros(3).put_(torch.tensor([0.0]), torch.tensor([0.0]))
too many dimensions 'list' | torch.tensor(looped())
could not determine the shape | torch.tensor(Unreadable())
can't alias NumPy scalars | torch.asarray(np.float32(3), copy=False)
only one element tensors | complex(torch.tensor([]))
without overflow | torch.randperm(300, out=torch.empty(0, dtype=torch.uint8))
Only Tensors of floating point and complex dtype | torch.ones(2, dtype=torch.int64, requires_grad=True)
only Tensors of floating point dtype | torch.ones(2, dtype=torch.int64).requires_grad_()
N must be non-negative | torch.vander(torch.tensor([1, 2]), N=-1)
kaiser_window expects floating point dtypes | torch.kaiser_window(5, dtype=torch.int64)
hann_window expects floating point dtypes | torch.hann_window(5, dtype=torch.int64)
Unknown Complex ScalarType | torch.int32.to_complex()
stream must be | torch.zeros(3).__dlpack__(stream="1")
stream should be None on cpu | torch.zeros(3).__dlpack__(stream=1)
""".strip().splitlines()


@pytest.mark.parametrize("text", ANSWERED)
def test_answers_are_torchs(text):
    (theirs, error), (mine, own_error) = both(text)
    assert error is None and own_error is None, (error, own_error)
    assert mine == theirs


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_torchs(case):
    words, text = case.split(" | ", 1)
    (_, theirs), (_, mine) = both(text)
    assert theirs is not None and mine is not None and isinstance(mine, type(theirs)), (theirs, mine)
    assert words in str(theirs) and words in str(mine)


def test_no_memory_is_pythons_and_torchs_error():
    with pytest.raises(MemoryError, match="11258999068426.. bytes"):
        rl.empty(2 ** 50, dtype=rl.uint8)
    with pytest.raises(rl.cuda.OutOfMemoryError):
        rl.empty(2 ** 50)


def test_numbers_alone_resize_out_without_a_warning(recwarn):
    rl.zeros(3, out=rl.empty(2))
    assert not recwarn
