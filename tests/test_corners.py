"""Corners of making, viewing, indexing and reducing tensors: what torch answers there, and what it refuses and in which words.

Each case is a line of Python, run with torch's module under the name torch and then with rushlight's.  ANSWERED: what it prints is the
same.  REFUSED: the class of the error is the same, and the words given are part of both texts.
"""

import itertools

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


def of_copied(torch):
    """A number copied in leaves no gradient behind it."""
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.copy_(5)
    y.sum().backward()
    return y.tolist(), x.grad.tolist()


def real_and_imaginary(torch):
    x = torch.ones(2, dtype=torch.complex64)
    x.real, x.imag = 0, 1.5
    return x


def looped():
    made = []
    made.append(made)
    return made


def both(text):
    torch = pytest.importorskip("torch")
    for library in (torch, rl):
        names = {"torch": library, "np": np, "Lender": Lender, "Unreadable": Unreadable, "looped": looped, "of_copied": of_copied, "real_and_imaginary": real_and_imaginary,
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
torch.randperm(300, dtype=torch.bfloat16).shape, torch.randperm(256, out=torch.empty(0, dtype=torch.uint8)).shape, torch.randperm(128, dtype=torch.int8).shape
torch.vander(torch.tensor([1, 2], dtype=torch.int8), N=3)
torch.float16.to_complex(), torch.complex32.to_real(), torch.chalf, torch.qint8.to_real()
torch.zeros(3, 0).index_select(1, torch.tensor([], dtype=torch.int64))
torch.zeros(3).copy_(2.5)
of_copied(torch)
real_and_imaginary(torch)
torch.device('cuda:0'), torch.device('cuda:10')
torch.tensor(torch.arange(3, dtype=torch.int16).untyped_storage(), dtype=torch.int16)
torch.ones(3).int().type(torch.Tensor).dtype
torch.ones(3).new(size=(3, 4)).shape
torch.tensor([3, 1, 2]).sort(stable=None).indices
torch.nonzero(torch.tensor([1, 0]), as_tuple=False, out=torch.empty(0, dtype=torch.int64))
torch.all(torch.ones(2, 3), keepdim=True).shape, torch.any(torch.ones(2, 3), dim=[]).shape, torch.all(torch.ones(2, 3), dim=(), keepdim=True).shape
torch.all(torch.ones(2, 3, dtype=torch.uint8), 1, out=torch.empty(2, dtype=torch.bool))
torch.any(torch.ones(2, 3), 1, out=torch.empty(2, dtype=torch.uint8))
torch.fft.fftfreq(0)
torch.linalg.norm(torch.ones(0, 3), ord=2), torch.linalg.norm(torch.ones(3, 0), ord=1), torch.linalg.cond(torch.ones(2, 0, 0))
torch.addr(torch.ones(2, 2, dtype=torch.int64), torch.ones(2, dtype=torch.int32), torch.ones(2))
torch._check_index(True), torch._check_value(True), torch._assert_async(torch.tensor(1))
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
Invalid device string | torch.device('cuda: 2')
Invalid device string | torch.device('cuda:02')
be the same dimension as input | torch.diff(torch.ones(3), prepend=torch.ones(2, 3))
except along the differencing dimension | torch.diff(torch.ones(3, 4), prepend=torch.ones(2, 3))
unique cannot be applied | torch.unique_consecutive(torch.zeros(0, 2, 0), dim=1)
does not support the out kwarg | torch.nonzero(torch.tensor([1, 0]), as_tuple=True, out=torch.empty(0, dtype=torch.int64))
not a multiple of the element byte size | torch.from_numpy(np.zeros(20, dtype=np.uint8).view([('a', np.uint8), ('b', np.float32)])['b'])
single nonzero value, but got zero | torch._assert_async(torch.tensor(0))
well | torch._check_index(False, lambda: 'well')
well | torch._check_type(False, lambda: 'well')
well | torch._check_value(False, lambda: 'well')
well | torch._check_not_implemented(False, lambda: 'well')
Expected out tensor to have dtype | torch.sum(torch.ones(3, 4), 0, out=torch.ones(4), dtype=torch.float64)
Expected out tensor to have dtype | torch.prod(torch.ones(3, 4, dtype=torch.uint8), 0, out=torch.ones(4, dtype=torch.uint8), dtype=torch.int32)
does not support complex inputs | torch.nansum(torch.ones(2, dtype=torch.complex64))
not implemented for | torch.bincount(torch.tensor([1.0, 2.0]))
not implemented for | torch.histogram(torch.ones(3, dtype=torch.int64), 3)
range of [1, inf] is not finite | torch.histc(torch.tensor([1.0]), 3, min=1, max=float("inf"))
only supported on CUDA inputs | torch.linalg.svd(torch.ones(2, 3), driver='gesvd')
linalg.cholesky: The factorization could not be completed | torch.linalg.cholesky(-torch.eye(2))
linalg.inv: The diagonal element 1 is zero | torch.linalg.inv(torch.zeros(2, 2))
linalg.cond got an invalid norm type: 3 | torch.linalg.cond(torch.eye(2), p=3)
only supports bool tensor for result | torch.all(torch.ones(2, 3), 1, out=torch.empty(2))
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
    assert theirs is not None and mine is not None and (isinstance(mine, type(theirs)) or type(theirs).__name__ == "_" + type(mine).__name__), (theirs, mine)
    assert words in str(theirs) and words in str(mine)


def test_no_memory_is_pythons_and_torchs_error():
    with pytest.raises(MemoryError, match="11258999068426.. bytes"):
        rl.empty(2 ** 50, dtype=rl.uint8)
    with pytest.raises(rl.cuda.OutOfMemoryError):
        rl.empty(2 ** 50)


def test_numbers_alone_resize_out_without_a_warning(recwarn):
    rl.zeros(3, out=rl.empty(2))
    assert not recwarn


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64, rl.float16, rl.int64, rl.uint8])
@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (4, 3, 2, 3, 2), (2, 40, 3, 30)])
def test_extremes_over_dims_that_lie_apart(shape, dtype):
    """Any choice of dims in any order of memory: the elements met first in each line are not better than those met before."""
    numbers = np.random.RandomState(0).randint(0, 200, shape)
    for order in itertools.islice(itertools.permutations(range(len(shape))), 0, None, 5):
        x, known = rl.tensor(numbers).to(dtype).permute(order), numbers.transpose(order)
        for count in range(1, len(shape) + 1):
            for dims in itertools.combinations(range(len(shape)), count):
                assert (x.amax(dims).long().numpy() == known.max(dims)).all(), (order, dims)
                assert (x.amin(dims).long().numpy() == known.min(dims)).all(), (order, dims)


@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("name", ["bartlett", "blackman", "cosine", "exponential", "gaussian", "hamming", "hann", "kaiser", "nuttall"])
def test_windows_of_few_places(name, sym):
    """A window of one place is 1, also as a period of a longer signal."""
    torch = pytest.importorskip("torch")
    for places in (0, 1, 2, 3):
        ours, theirs = (getattr(t.signal.windows, name)(places, sym=sym).numpy() for t in (rl, torch))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)      # float32, another order of operations


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0, 1, 1.5, 2, 3, float("inf")])
def test_pdist_without_a_graph(p, dtype):
    """One loop over rows gives what the recorded way gives and torch does, NaN and infinity included."""
    torch = pytest.importorskip("torch")
    for shape in ((0, 3), (1, 3), (2, 0), (5, 1), (40, 7)):
        x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        if shape == (40, 7):
            x[3, 2], x[5, 1], x[6] = np.nan, np.inf, x[7]
        bound = {"float32": 1e-5, "float64": 1e-13}[dtype]      # sums and powers in another order
        ours = rl.pdist(rl.tensor(x), p).numpy()
        np.testing.assert_allclose(ours, torch.pdist(torch.tensor(x), p).numpy(), rtol=bound, atol=bound)
        finite = np.nan_to_num(x, posinf=1.0)
        np.testing.assert_allclose(rl.pdist(rl.tensor(finite), p).numpy(), rl.pdist(rl.tensor(finite, requires_grad=True), p).detach().numpy(), rtol=bound, atol=bound)


def test_histograms_refuse_what_does_not_fit():
    x = rl.rand(3, 4)
    for text, function in (
            ("same dtype", lambda: rl.histogram(x, rl.tensor([0, 1]))), ("one dimension", lambda: rl.histogram(x, rl.tensor(0.0))), ("same shape", lambda: rl.histogram(x, 3, weight=rl.ones(3))),
            ("same dtype", lambda: rl.histogram(x, 3, weight=rl.ones(3, 4).double())), ("not finite", lambda: rl.histogram(x, 3, range=(0.0, float("inf")))),
            ("min should not exceed max", lambda: rl.histogram(x, 3, range=(1.0, 0.0))), ("bins must be > 0", lambda: rl.histogramdd(x, [2, 2, 0, 1])),
            ("same dtype", lambda: rl.histogram(x, 3, out=(rl.empty(3).double(), rl.empty(4))))):
        with pytest.raises(RuntimeError, match=text):
            function()
    assert rl.histogramdd(rl.empty(5, 0), []).hist.item() == 0


def test_nansum_keeps_dims_by_keyword_alone():
    assert rl.nansum(rl.tensor([[1.0, float("nan")]]), keepdim=True).tolist() == [[1]]


def test_running_sums_of_exponentials_of_nothing():
    inf = float("inf")
    for start in (complex(-inf, 1), complex(-inf, inf)):
        assert rl.logcumsumexp(rl.tensor([start, complex(-inf, -3), 2 + 1j]), 0).tolist() == [complex(-inf, 0), complex(-inf, 0), 2 + 1j]


def test_arithmetic_of_two_numbers():
    for function, args, result, dtype in (
            (rl.add, (1, 2), 3, rl.int64), (rl.add, (1, 2.5), 3.5, rl.float32), (rl.sub, (3.0, 2), 1, rl.float32), (rl.mul, (1j, 2), 2j, rl.complex64), (rl.div, (3, 2), 1.5, rl.float32),
            (rl.true_divide, (1, 2), 0.5, rl.float32), (rl.floor_divide, (7, 2), 3, rl.int64), (rl.add, (True, False), True, rl.bool)):
        y = function(*args)
        assert (y.item(), y.dtype, y.shape) == (result, dtype, ())
    assert rl.add(1, 2, alpha=3).item() == 7 and rl.div(7, 2, rounding_mode="floor").dtype == rl.int64
    for function in (rl.pow, rl.remainder, rl.eq, rl.maximum):
        with pytest.raises(TypeError):
            function(1, 2)


@pytest.mark.parametrize("dtype, low, high, step", [(rl.float16, 5.960464477539063e-08, 65504.0, 5.00390625), (rl.bfloat16, 9.183549615799121e-41, 3.3895313892515355e38, 5.03125)])
def test_next_numbers_of_half_dtypes(dtype, low, high, step):
    inf, nan = float("inf"), float("nan")
    for a, b, expected in ((0, 1, low), (0, -inf, -low), (-0.0, 1, low), (low, 0, 0), (inf, 0, high), (-inf, inf, -high), (high, inf, inf), (5, 6, step), (-5, -6, -step), (step, 0, 5), (5, 5, 5), (-0.0, 0.0, 0)):
        for n in (1, 33):
            got = rl.nextafter(rl.full((n,), a, dtype=dtype), rl.full((n,), b, dtype=dtype))
            assert got.dtype == dtype and got[-1].item() == pytest.approx(expected, rel=1e-7, abs=0)
    assert rl.nextafter(rl.tensor([nan, 1], dtype=dtype), rl.tensor([1, nan], dtype=dtype)).isnan().all()
    assert rl.nextafter(rl.zeros(2, 1, dtype=dtype), rl.ones(3, dtype=dtype)).tolist() == [[low] * 3] * 2


def test_complex_factors_of_real_tensors_are_refused():
    """Their imaginary parts would be lost."""
    x, m, b = rl.ones(2), rl.ones(2, 2), rl.ones(1, 2, 2)
    F = rl.nn.functional
    for call in (
            lambda: rl.addcmul(x, x, x, value=1j), lambda: rl.addcdiv(x, x, x, value=1j), lambda: rl.lerp(x, x, 1j), lambda: rl.addmm(m, m, m, alpha=1j), lambda: rl.baddbmm(b, b, b, beta=1j),
            lambda: rl.addmv(x, m, x, beta=1j), lambda: rl.addr(x, x, x, alpha=1j), lambda: F.threshold(x, 0.5, 1j), lambda: rl.celu(x, 1j), lambda: rl.hardshrink(x, 1j), lambda: F.leaky_relu(x, 1j),
            lambda: F.elu(x, 1j), lambda: rl.arange(1j), lambda: x.index_add(0, rl.tensor([0]), x[:1], alpha=1j), lambda: x.addcmul_(x, x, value=2j), lambda: rl.addmm(m.half(), m.half(), m.half(), alpha=1j)):
        with pytest.raises(RuntimeError, match="cannot be converted to type .* without overflow"):
            call()
    z = x.to(rl.complex64)
    assert rl.addcmul(z, z, z, value=1j).tolist() == [1 + 1j] * 2 and rl.addmm(m.to(z.dtype), m.to(z.dtype), m.to(z.dtype), alpha=1j).tolist() == [[1 + 2j] * 2] * 2
    assert rl.addcmul(x, x, x, value=2 + 0j).tolist() == [3, 3]
