"""torch.fft against NumPy in double precision: every kind of size, along every dim, and what the gradient and the inverse give back."""

import numpy
import pytest
import rushlight as rl

# 1; powers of 2; small factors alone and mixed; primes (61, 67, 1009) and twice one; long lines
SIZES = (1, 2, 3, 4, 5, 7, 8, 11, 12, 16, 30, 49, 61, 64, 67, 105, 128, 202, 243, 256, 258, 360, 514, 1009, 1024, 2187, 5000)
KINDS = {"float32": ("complex64", 1.2e-7), "float64": ("complex128", 2.3e-16)}


def near(ours, expected, eps, n):
    """Relative to the root mean square: the error of a transform of n places grows with the number of passes."""
    size = numpy.sqrt((abs(expected) ** 2).mean()) + 1e-300
    assert ours.shape == expected.shape
    assert abs(ours - expected).max() / size < eps * (2 + 1.5 * numpy.log2(n + 1))


@pytest.fixture(params=["loops", "functions"])
def door(request):
    """The two ways to NumPy's transforms: the loops of its ufuncs, and numpy.fft as a NumPy before 2.0 has it."""
    rl._C._fourier_by_numpy_fft(request.param == "functions")
    yield
    rl._C._fourier_by_numpy_fft(False)


@pytest.mark.parametrize("real", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_sizes(n, real, door):
    rng = numpy.random.default_rng(n)
    kind, eps = KINDS[real]
    for shape, dim in (((n,), 0), ((3, n), 1), ((n, 5), 0), ((2, n, 20), 1)):
        x = rng.standard_normal(shape).astype(real)
        z = (x + 1j * rng.standard_normal(shape)).astype(kind)
        half = numpy.fft.rfft(x.astype("f8"), axis=dim)
        near(rl.fft.fft(rl.from_numpy(z), dim=dim).numpy(), numpy.fft.fft(z.astype("c16"), axis=dim), eps, n)
        near(rl.fft.ifft(rl.from_numpy(z), dim=dim).numpy(), numpy.fft.ifft(z.astype("c16"), axis=dim), eps, n)
        near(rl.fft.fft(rl.from_numpy(x), dim=dim).numpy(), numpy.fft.fft(x.astype("f8"), axis=dim), eps, n)
        near(rl.fft.rfft(rl.from_numpy(x), dim=dim).numpy(), half, eps, n)
        near(rl.fft.irfft(rl.from_numpy(half.astype(kind)), n, dim=dim).numpy(), x.astype("f8"), eps, n)


def test_threads_change_nothing():
    x = rl.randn(64, 1024)
    before = rl.get_num_threads()
    try:
        results = []
        for threads in (1, 4):
            rl.set_num_threads(threads)
            results.append(rl.fft.fft(x))
        assert rl.equal(*results)
    finally:
        rl.set_num_threads(before)


def test_dims_in_any_layout(door):
    x = numpy.random.default_rng(0).standard_normal((3, 4, 5, 6))
    for dims in ((0, 1), (1, 3), (3, 0, 1), (0, 1, 2, 3)):
        for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
            t = rl.from_numpy(x.transpose(order)).permute(*numpy.argsort(order).tolist())
            near(rl.fft.fftn(t, dim=dims).numpy(), numpy.fft.fftn(x, axes=dims), 2.3e-16, 360)
            near(rl.fft.rfftn(t, dim=dims).numpy(), numpy.fft.rfftn(x, axes=dims), 2.3e-16, 360)
            near(rl.fft.irfftn(rl.fft.rfftn(t, dim=dims), [x.shape[d] for d in dims], dims).numpy(), x, 2.3e-16, 360)


def test_not_a_number_stays_in_its_line():
    x = rl.randn(40, 12)
    x[7, 3] = float("nan")
    bad = rl.fft.rfft(x).abs().isnan()
    assert bad[7].all() and bad.sum() == 7


def test_no_lines_and_no_dims():
    assert rl.fft.fft(rl.zeros(0, 4)).shape == (0, 4)
    assert rl.fft.rfft(rl.zeros(3, 0, 4)).shape == (3, 0, 3)
    assert rl.fft.fftn(rl.tensor(2.0), dim=()).item() == 2.0
    with pytest.raises(RuntimeError, match=r"Invalid number of data points \(0\)"):
        rl.fft.fft(rl.zeros(3, 0))
    with pytest.raises(IndexError, match="no dimensions"):
        rl.fft.fft(rl.tensor(1.0))


def test_half_a_spectrum_ignores_what_it_must():
    """Real results have a real first place, and a real middle one if their number is even."""
    z = rl.randn(5, dtype=rl.complex128)
    y = rl.fft.irfft(z, 8)
    z.imag[0] = z.imag[4] = 7.0
    assert rl.equal(rl.fft.irfft(z, 8), y)


def test_transforms_over_no_dims_are_complex():
    for function in (rl.fft.fftn, rl.fft.ifftn):
        assert function(rl.ones(2, 3), dim=()).dtype == rl.complex64 and function(rl.ones(2).double(), s=(), dim=()).dtype == rl.complex128
    assert rl.fft.fftn(rl.ones(2, 2, dtype=rl.int64), dim=()).tolist() == [[1, 1], [1, 1]]


def test_frequencies_are_inexact_and_say_when_out_is_resized():
    for function, size in ((rl.fft.fftfreq, 5), (rl.fft.rfftfreq, 3)):
        for bad in ({"dtype": rl.int64}, {"out": rl.zeros(5, dtype=rl.int64)}):
            with pytest.raises(RuntimeError, match="requires a floating point or complex dtype"):
                function(5, **bad)
        with pytest.warns(UserWarning, match="out tensor will be resized"):
            assert function(5, out=rl.zeros(7)).shape == (size,)


def test_stft_says_what_it_leaves_out():
    s, c = rl.rand(64), rl.rand(64, dtype=rl.complex64)
    with pytest.warns(UserWarning, match="A window was not provided"):
        z = rl.stft(s, 16, return_complex=True)
    with pytest.warns(UserWarning, match="A window was not provided"):
        rl.istft(z, 16)
    with pytest.warns(UserWarning, match="length of signal is shorter"):
        rl.istft(z, 16, window=rl.ones(16), length=100)
    with pytest.warns(UserWarning, match="return_complex=False is deprecated"):
        rl.stft(s, 16, window=rl.ones(16), return_complex=False)
    for signal, window in ((c, rl.ones(16)), (s, rl.ones(16, dtype=rl.complex64))):
        with pytest.raises(RuntimeError, match="Cannot have onesided output if window or input is complex"):
            rl.stft(signal, 16, window=window, onesided=True, return_complex=True)
