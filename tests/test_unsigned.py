"""uint16, uint32, uint64: torch has them for storing and moving data, and for a handful of functions.

torch is asked what each call gives, an error's class and words included, and ours must give the same.  Every row of the table is
called with them in every place, since a row that was written for the other dtypes must refuse them and not read past a table.
"""

import copy
import inspect
import io
import os
import pickle
import re
import struct
import subprocess
import sys

import numpy
import pytest
import rushlight as rl
import samples
from samples import INPLACE, NN, OUT, PRIVATE, RANDOM, array, calls, function, row_ids, rows, tensors
from test_ops import OWN_SIGNATURE, by_name, theirs

BARE = ["uint16", "uint32", "uint64"]
OTHERS = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
TOP = {"uint16": 2**16 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1}
ROWS = rows()
every_row = pytest.mark.parametrize("row", ROWS, ids=row_ids(ROWS))
each_dtype = pytest.mark.parametrize("name", BARE)

SAID = 24  # letters of torch's text that ours begins with: "from is out of bounds fo"


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def told(torch, text, **names):
    """What a call gives in a library: dtype, shape and values, or the class and the words of its error."""
    torch.manual_seed(3)
    try:
        value = eval(text, {"torch": torch, "np": numpy, **names})
    except Exception as error:
        words = str(error).split("\n")[0].replace("rushlight", "torch")
        lacks = re.search(r"not implemented for '\w+'", words)
        return type(error), lacks.group() if lacks else words
    return shown(torch, value)


def shown(torch, value):
    if isinstance(value, torch.Tensor):
        return str(value.dtype).rpartition(".")[2], tuple(value.shape), value.tolist()
    if isinstance(value, (tuple, list)):
        return [shown(torch, item) for item in value]
    return repr(value).replace("rushlight", "torch")


def same(torch, text, name):
    """The same in both libraries, with x = [1, 2, 3] and z = 2 of the dtype."""
    answers = []
    for library in (torch, rl):
        d = getattr(library, name)
        answers.append(told(library, text, d=d, x=library.tensor([1, 2, 3], dtype=d), z=library.tensor(2, dtype=d), top=TOP[name], dtypes=[getattr(library, o) for o in OTHERS + BARE]))
    check(*answers, text)


def check(expected, found, text):
    if isinstance(expected, tuple) and isinstance(expected[0], type):
        assert isinstance(found, tuple) and found[0] is expected[0] and found[1].startswith(expected[1][:SAID]), (text, expected, found)
    else:
        assert found == expected, text


# ---- promotion -----------------------------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("other", OTHERS + BARE)
@pytest.mark.parametrize("text", ["torch.promote_types(d, o)", "torch.promote_types(o, d)", "torch.can_cast(d, o)", "torch.can_cast(o, d)", "torch.result_type(x, y)", "torch.result_type(y, x)",
                                  "torch.result_type(x, y[0])", "torch.result_type(y[0], x)", "torch.result_type(y, x[0])", "torch.result_type(x[0], y[0])"])
def test_promotion(torch, name, other, text):
    def answer(library):
        d, o = getattr(library, name), getattr(library, other)
        return told(library, text, d=d, o=o, x=library.ones(2, dtype=d), y=library.ones(2, dtype=o))
    check(answer(torch), answer(rl), text)


# ---- casts ---------------------------------------------------------------------------------------------------------------

NUMBERS = [0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1025, 2**63 - 1, 2**63, 2**63 + 1, 2**63 + 2**39 + 1, 2**63 + 2**40, 2**64 - 1]
FLOATS = [0.0, 0.3, 1.9, -0.7, -1.5, -200.0, -30000.0, 255.9, 32767.5, 40000.0, 65000.0]
LAYOUTS = {"plain": lambda t: t, "many": lambda t: t.repeat(40), "stepped": lambda t: t.repeat(3)[::3], "turned": lambda t: t[:10].reshape(2, 5).t(), "expanded": lambda t: t[1:2].expand(300), "0-d": lambda t: t[-1], "empty": lambda t: t[:0]}


def values_of(name):
    if name in ("bool", "uint8", "int8", "int16", "int32", "int64", *BARE):
        bits = 8 * numpy.dtype(name).itemsize
        return numpy.array([n % 2**bits for n in NUMBERS], f"u{bits // 8}").view(name) if name != "bool" else numpy.array([n % 2 == 1 for n in NUMBERS])
    return numpy.array(FLOATS, "float32" if "16" in name else name)      # a complex part is dropped; out of range is the processor's affair


@each_dtype
@pytest.mark.parametrize("other", OTHERS + BARE)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.filterwarnings("ignore:Casting complex")
def test_casts(torch, name, other, layout):
    """Both ways, values past int64 and negative ones included."""
    for source, target in ((name, other), (other, name)):
        if torch.tensor([], dtype=getattr(torch, source)).is_floating_point() and layout == "many":
            continue  # past a few elements torch's vectors wrap negative floats otherwise than its own plain loop
        both = []
        for library in (rl, torch):
            x = LAYOUTS[layout](library.from_numpy(values_of(source)).to(getattr(library, source)))
            y = x.to(getattr(library, target))
            into = library.zeros(x.shape, dtype=getattr(library, target)).copy_(x)
            assert library.equal(y, into)
            both.append(y.float() if target == "bfloat16" else y)
        numpy.testing.assert_array_equal(both[0].numpy(), both[1].numpy(), err_msg=f"{source} to {target}")


PAST_INT64 = """
import numpy, rushlight as rl
big = numpy.array([2.0**63, 2.0**63 + 2**12, 1.5e19, 2.0**64 - 2**12, 7.0, 2.0**53] * 20)
assert rl.from_numpy(big).to(rl.uint64).tolist() == [int(v) for v in big]
assert rl.from_numpy(big.astype("complex128")).to(rl.uint64).tolist() == [int(v) for v in big]
wide = rl.tensor([2**63 + 2**39 + 1, 2**64 - 1, 2**63 + 1025, 5] * 20, dtype=rl.uint64)
assert wide.double().tolist() == [float(v) for v in wide.tolist()]
assert wide.float().numpy().tobytes() == wide.numpy().astype("float32").tobytes()
assert (wide * 3).tolist() == [v * 3 % 2**64 for v in wide.tolist()]
"""


@pytest.mark.parametrize("isa", ["base", "avx2", "avx512"])
def test_past_int64_by_every_table(isa):
    environment = {**os.environ, "RUSHLIGHT_ISA": isa, "PYTHONPATH": os.path.dirname(os.path.dirname(rl.__file__))}
    subprocess.run([sys.executable, "-c", PAST_INT64], check=True, env=environment)


# ---- calls ---------------------------------------------------------------------------------------------------------------

CALLS = """
torch.iinfo(d); torch.finfo(d); d.is_signed; d.is_floating_point; d.is_complex; d.itemsize; d.to_real(); d.to_complex(); torch.set_default_dtype(d); repr(d)
x.dtype; x.is_signed(); x.element_size(); x.nbytes; x.type(); x.is_floating_point(); x.type(str(x.type())); x.requires_grad_()
torch.tensor([1, top], dtype=d); torch.tensor(top, dtype=d).item(); torch.tensor([top, 0, top // 2 + 5], dtype=d).tolist(); torch.tensor([True], dtype=d); torch.tensor([1.9], dtype=torch.float64).to(d)
torch.tensor([top + 1], dtype=d); torch.tensor([-1], dtype=d); torch.tensor([1.5], dtype=d); torch.tensor([-0.5], dtype=d); torch.tensor([2**64], dtype=d); torch.tensor(np.array([1, top], d.__repr__().split('.')[1]))
torch.zeros(2, dtype=d); torch.ones(2, dtype=d); torch.empty(2, dtype=d).dtype; torch.full((2,), 7, dtype=d); torch.full((2,), -7, dtype=d); torch.full((2,), 7.7, dtype=d); torch.full((2,), top, dtype=d); torch.full((2,), -0.5, dtype=d)
torch.zeros_like(x); torch.ones_like(x); torch.full_like(x, 5); x.new_zeros(2); x.new_ones(2); x.new_full((2,), 3); x.new_tensor([1]); x.new_empty(2).dtype; torch.scalar_tensor(3, dtype=d); torch.empty_like(x).dtype
torch.arange(5, dtype=d); torch.arange(1, 9, 3, dtype=d); torch.range(0, 3, dtype=d); torch.linspace(0, 5, 3, dtype=d); torch.logspace(0, 2, 3, dtype=d); torch.eye(2, dtype=d); torch.tril_indices(2, 2, dtype=d)
torch.rand(2, dtype=d); torch.randn(2, dtype=d); torch.randint(0, 5, (9,), dtype=d); torch.randint(3, min(top, 2**63 - 1), (9,), dtype=d); torch.randint(0, 2**32, (9,), dtype=d); torch.randint(-5, 5, (2,), dtype=d); torch.randperm(5, dtype=d)
torch.randint_like(x, 5); torch.rand_like(x); x.random_(); x.random_(5); x.random_(2, 9); x.random_(1, None); x.uniform_(); x.normal_(); x.bernoulli_(0.5); x.geometric_(0.5); x.exponential_(); torch.bernoulli(x); torch.poisson(x)
x.fill_(7); x.fill_(-1); x.fill_(top); x.fill_(1.5); x.fill_(-1.5); x.fill_(1e30); x.fill_(-70000); x.fill_(z); x.zero_(); x.fill_(torch.tensor(top, dtype=d)); x.fill_(torch.tensor(2.7))
x * x; x * 2; x * 2.5; x * -1; x * z; x * True; 3 * x; x * 1j; x * torch.ones(3); x * torch.ones(3, dtype=torch.int64); x * torch.ones(3, dtype=torch.bool); x.mul_(2); x.mul_(2.5); torch.full((3,), top, dtype=d) * x
x + x; x + 1; x + 1.5; 1 + x; 1.5 + x; x + torch.ones(3); x + 1j; x - x; 1 - x; x - 0.5; -x; +x; ~x; abs(x); x // 2; x % 2; 7 // x; 7 % x; x / 2; 1 / x; x / x; x**2; x**0.5; x**1; x**0; 2**x; 2.0**x; x.add_(1); x.add_(1.5)
x & x; x & 1; x | x; x ^ x; 1 & x; x & top; x << 1; x >> 1; x.bitwise_not(); x.div(2, rounding_mode='floor'); x.div(2, rounding_mode='trunc'); torch.float_power(x, 2); torch.floor_divide(x, 2); torch.remainder(x, 2.0); torch.fmod(x, x)
x == x; x == 2; x == -1; x == 2.0; x != x; x == torch.ones(3); x < x; x > 1; x <= x; x >= 1; x < 1.5; x < torch.ones(3); x == top; torch.full((2,), top, dtype=d) == top; x.eq_(2); x.ne_(2); x.lt_(2)
torch.logical_and(x, x); torch.logical_or(x, x); torch.logical_xor(x, x); torch.logical_not(x); torch.gcd(x, x); torch.lcm(x, x); torch.maximum(x, x); torch.minimum(x, x); torch.atan2(x, x); torch.copysign(x, x); torch.xlogy(x, x); torch.hypot(x, x)
x.sin(); x.exp(); x.sqrt(); x.log(); x.sigmoid(); x.rsqrt(); x.reciprocal(); x.sin_(); x.ceil(); x.floor(); x.trunc(); x.round(); x.round(decimals=1); x.frac(); x.sign(); x.sgn(); x.signbit(); x.square(); x.isnan(); x.isinf(); x.isfinite(); x.isneginf(); x.isposinf(); x.isreal()
x.nan_to_num(); x.nan_to_num_(); x.floor_(); x.real; x.imag; x.conj(); x.angle(); torch.conj_physical(x); torch.view_as_real(x); torch.complex(x, x); torch.ldexp(x, x); torch.relu(x); x.clamp(0, 2); x.clamp(0.5, 2.5); x.clamp(min=2); x.clamp(max=z); torch.lerp(x, x, 0.5)
x.sum(); x.sum(0); x.sum(dtype=torch.float32); x.sum(dtype=d); torch.ones(2).sum(dtype=d); x.prod(); x.prod(dtype=d); x.cumsum(0); x.cumsum(0, dtype=d); x.cumsum(0, dtype=torch.float64); x.cumprod(0); x.nansum(); x.mean(); x.mean(dtype=torch.float32); x.nanmean(); torch.logsumexp(x, 0)
x.any(); x.all(); x.any(0); x.all(0, keepdim=True); (x * 0).any(); (x ^ z).all(); x.max(); x.min(); x.max(0); x.amax(); x.argmax(); x.aminmax(); torch.count_nonzero(x); x.nonzero(); torch.argwhere(x); x.cummax(0); torch.logcumsumexp(x, 0)
torch.softmax(x, 0); torch.softmax(x, 0, dtype=torch.float32); torch.softmax(x.float(), 0, dtype=d); torch.log_softmax(x, 0); torch.nn.functional.softmax(x.float(), 0, dtype=d)
torch.sort(torch.tensor([top, 3, top // 2 + 1, 0, top // 2], dtype=d)); torch.sort(torch.tensor([top, 3, top // 2 + 1, 0], dtype=d), descending=True); torch.argsort(x, descending=True); torch.msort(x); x.topk(2); x.kthvalue(2); x.median(); torch.searchsorted(x, x); torch.bucketize(x, x)
torch.sort(torch.tensor([[top, 1, 1], [2, top // 2 + 1, 0]], dtype=d), dim=0); torch.sort(z); torch.unique(torch.tensor([top, 1, top, 0], dtype=d), return_inverse=True, return_counts=True); torch.unique_consecutive(torch.tensor([1, 1, top], dtype=d))
torch.unique(torch.tensor([[top, 1], [0, 1], [top, 1]], dtype=d), dim=0); torch.bincount(x); torch.bincount(torch.arange(3), x); torch.histc(x)
x[1]; x[1:]; x[[0, 2]]; x[torch.tensor([0, 2])]; x[torch.tensor([True, False, True])]; x[None]; x[..., -1]; torch.arange(5)[x]; torch.arange(5)[z]; [10, 20, 30][z]; x.take(torch.tensor([0])); x.gather(0, torch.tensor([0])); x[x == 2]; x[:, None].index_select(0, torch.tensor([2, 0]))
x.__setitem__(0, 7); x.__setitem__(slice(0, 2), top); x.__setitem__(0, -1); x.__setitem__(0, 2.7); x.__setitem__(0, -2.7); x.__setitem__([0, 1], 5); x.__setitem__(x == 2, 5); x.__setitem__(slice(None), torch.tensor([5.5, 6, 7])); x.__setitem__(0, torch.tensor(top, dtype=d))
x.masked_fill(x == 2, 5); x.masked_select(x == 2); x.index_fill(0, torch.tensor([0]), 1); x.index_add(0, torch.tensor([0]), x[:1]); x.index_copy(0, torch.tensor([0]), x[:1]); x.scatter(0, torch.tensor([0]), x[:1]); x.index_put((torch.tensor([0]),), x[:1])
torch.where(x == 2, x, x); torch.where(x == 2, x, 0); torch.where(x == 2, x, 1.5); torch.where(x == 2, x, torch.ones(3)); torch.where(x == 2, x, torch.ones(3, dtype=torch.int32)); torch.where(x, 1, 2); torch.where(x == 2)
torch.cat([x, x]); torch.cat([x, torch.ones(1)]); torch.cat([x, torch.ones(1, dtype=torch.int64)]); torch.stack([x, x]); torch.hstack([x, x]); torch.vstack([x, x]); torch.block_diag(x, x); torch.cartesian_prod(x, x); torch.meshgrid(x, x, indexing='ij')
x.split(2); x.chunk(2); x.unbind(); x.tensor_split(2); x.repeat(2); x.tile(2); x.repeat_interleave(2); x.roll(1); x.flip(0); torch.rot90(x[None]); x.expand(2, 3); x.reshape(3, 1); x.t(); x[None].permute(1, 0); x.unfold(0, 2, 1); x.diff(); torch.diag(x); torch.diag_embed(x); torch.diagflat(x)
x[None].tril(); x[None].trace(); torch.outer(x, x); torch.kron(x, x); torch.dot(x, x); x[None] @ x[:, None]; torch.einsum('i,i->i', x, x); torch.einsum('i,i', x, x); torch.mv(x[None], x); torch.bmm(x[None, None], x[None, :, None]); torch.nn.functional.linear(x[None], x[None]); torch.linalg.cross(x, x)
torch.nn.functional.pad(x, (1, 1)); torch.nn.functional.pad(x, (1, 1), value=9); torch.nn.functional.pad(x[None], (1, 1), mode='reflect'); torch.nn.functional.embedding(torch.tensor([0]), x[None]); torch.nn.functional.dropout(x, 0.5); torch.nn.functional.layer_norm(x, (3,))
torch.nn.functional.max_pool1d(x[None], 2); torch.conv1d(x[None], x[None, None]); torch.nn.functional.mse_loss(x, x); torch.nn.functional.interpolate(x[None, None], scale_factor=2); torch.nn.functional.hardtanh(x); torch.nn.functional.gelu(x); torch.nn.functional.leaky_relu(x)
torch.equal(x, x); torch.allclose(x, x); torch.isclose(x, x); torch.isclose(x, x, rtol=0); torch.corrcoef(x); torch.cov(x); 2 in x; len(x); [int(i) for i in x]; float(z); int(z); bool(z); complex(z); f'{z:d}'; f'{z}'; x.tolist(); z.item(); x.untyped_storage().nbytes(); x.storage().dtype
torch.eq(x, x, out=torch.zeros(3, dtype=d)); torch.mul(x, 2, out=torch.zeros(3, dtype=d)); torch.add(torch.ones(3), 1, out=torch.zeros(3, dtype=d)); torch.add(torch.ones(3, dtype=torch.int64), 1, out=torch.zeros(3, dtype=d)); torch.arange(3, out=torch.zeros(3, dtype=d))
torch.rand(3, out=torch.zeros(3, dtype=d)); torch.randint(0, 9, (3,), out=torch.zeros(3, dtype=d)); torch.linspace(0, 9, 3, out=torch.zeros(3, dtype=d)); torch.full((3,), 9, out=torch.zeros(3, dtype=d)); torch.sum(torch.ones(3), 0, out=torch.zeros((), dtype=d)); torch.cat([x, x], out=torch.zeros(6, dtype=torch.int64))
torch.ones(3).add_(x); torch.ones(3, dtype=torch.int64).add_(x); torch.zeros(3, dtype=torch.int8).copy_(x); x.copy_(torch.tensor([-1.0, 7.9, 3e4])); x.clone(); x.contiguous(); x.to('cpu'); x.to(torch.float32, copy=True); x.type_as(torch.ones(1)); x.byte(); x.char(); x.short(); x.int(); x.long(); x.half(); x.float(); x.double(); x.bool(); x.cfloat()
x.view(torch.uint8); x.view(torch.uint8).view(d); torch.arange(8).view(d); torch.tensor([-1, 5]).view(d); torch.tensor([-1.0, 5.0]).view(d); x.clone().resize_(2); x.clone().set_(); torch.frombuffer(bytearray(range(16)), dtype=d); torch.from_dlpack(x); torch.as_tensor(x.numpy()); x.numpy(); np.asarray(x); np.from_dlpack(x); x.data.dtype
"""


def split_calls(text):
    return [call.strip() for line in text.strip().split("\n") for call in line.split("; ")]


@each_dtype
@pytest.mark.parametrize("text", split_calls(CALLS))
@pytest.mark.filterwarnings("ignore")
def test_calls(torch, name, text):
    same(torch, text, name)


@each_dtype
def test_repr(torch, name):
    for values in ([], [0], [1, TOP[name]], [[1, 2], [3, 40000]], 7, list(range(1200))):
        texts = [repr(library.tensor(values, dtype=getattr(library, name))).replace("rushlight", "torch") for library in (rl, torch)]
        assert texts[0] == texts[1]


# ---- rows of the table ---------------------------------------------------------------------------------------------------

# Rows that take more than torch's: moving elements needs no kernel of their dtype.
MORE = {"index_select", "tensor_split", "special.zeta"}


@every_row
@each_dtype
@pytest.mark.filterwarnings("ignore")
def test_rows_as_torch(torch, row, name):
    """What torch gives, ours gives; what torch refuses for the dtype, ours refuses."""
    reference = theirs(row, torch)
    if reference is None or row["where"] & PRIVATE or row["flags"] & RANDOM or row["name"] in OWN_SIGNATURE or "empty" in row["name"]:
        pytest.skip("torch has no public function of this name and signature, or no sure result")
    texts = row["samples"].split(";")
    for text in texts:
        one = {**row, "samples": text}
        try:
            ((_, args, kwargs, _),) = calls(one, dtype=name)
            ((_, torch_args, torch_kwargs, _),) = calls(one, torch, dtype=name)
        except NotImplementedError:
            continue  # the sample itself adds to a tensor
        if row["where"] & NN and hasattr(torch.nn.functional, row["name"]):
            reference = getattr(torch.nn.functional, row["name"])
            torch_args, torch_kwargs = by_name(row, torch_args, torch_kwargs)
        try:
            expected = tensors(reference(*torch_args, **torch_kwargs), torch)
        except NotImplementedError:
            if row["name"] not in MORE:
                with pytest.raises((NotImplementedError, RuntimeError, TypeError, ValueError)):
                    function(row)(*args, **kwargs)
            continue
        except Exception:
            continue
        if any(0 in t.shape for t in tensors(list(torch_args), torch)) or not any(t.dtype == getattr(torch, name) for t in tensors(list(torch_args), torch)):
            continue
        found = tensors(function(row)(*args, **kwargs))
        assert [(str(f.dtype).split(".")[1], tuple(f.shape)) for f in found] == [(str(e.dtype).split(".")[1], tuple(e.shape)) for e in expected], text
        for f, e in zip(found, expected):
            numpy.testing.assert_allclose(array(f), array(e), rtol=2e-5, atol=2e-5, err_msg=text)


def places(value, path=()):
    if isinstance(value, rl.Tensor):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def put(value, paths, dtype, path=()):
    """The same arguments with the tensors at these places in another dtype."""
    if path in paths:
        return value.detach().to(dtype)
    if isinstance(value, dict):
        return {key: put(item, paths, dtype, (*path, key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(put(item, paths, dtype, (*path, i)) for i, item in enumerate(value))
    return value


@every_row
@pytest.mark.filterwarnings("ignore")
def test_rows_survive(row):
    """In every place, as dtype= and as out=: a result or one of Python's usual errors, and operands of failed calls unchanged."""
    call, names = function(row), inspect.signature(function(row)).parameters
    written = call if not row["where"] & INPLACE else function({**row, "name": row["name"] + "_"})
    for (_, args, kwargs, _), name in ((sample, name) for dtype in ("float32", "int64") for sample in calls(row, dtype=dtype) for name in BARE):
        dtype, whole = getattr(rl, name), (list(args), kwargs)
        found = list(places(whole))
        chosen = {frozenset(found), *(frozenset([path]) for path in found), *(frozenset(found) - {path} for path in found)}
        tries = [(call, put(whole, paths, dtype)) for paths in chosen]
        tries += [(call, (a, {**k, key: dtype})) for _, (a, k) in tries[:1] + [(call, whole)] for key in names if key.endswith("dtype")]
        if row["where"] & OUT:
            tries += [(call, (a, {**k, "out": out})) for _, (a, k) in tries[:1] + [(call, whole)] for out in (rl.zeros(0, dtype=dtype), rl.zeros(3, 4, dtype=dtype), (rl.zeros(3, dtype=dtype),) * 2)]
        if row["where"] & INPLACE:
            tries += [(written, put(whole, paths, dtype)) for paths in chosen]
        for run, (a, k) in tries:
            before = [(t, t.clone()) for t in samples.tensors([*a, *k.values()])]
            try:
                results = tensors(run(*a, **k))
            except (RuntimeError, TypeError, ValueError, IndexError):
                assert all(rl.equal(t, kept) or (t != t).any() for t, kept in before if t.shape == kept.shape), "a failed call wrote to an operand"
                continue
            for result in results:
                result.tolist()


@each_dtype
def test_failed_promotion_writes_nothing(name):
    x, wide, out = rl.tensor([1, 2], dtype=getattr(rl, name)), rl.tensor([5, 6]), rl.tensor([7.0, 8.0])
    for call in (lambda: wide.mul_(x), lambda: wide.div_(x), lambda: rl.div(wide, x, out=out), lambda: rl.mul(wide, x, out=out), lambda: rl.cat([wide, x], out=out), lambda: rl.where(x == 1, x, wide, out=out)):
        with pytest.raises(RuntimeError, match="Promotion for uint16, uint32, uint64 types is not supported"):
            call()
    assert wide.tolist() == [5, 6] and out.tolist() == [7.0, 8.0]


# ---- other libraries, files ----------------------------------------------------------------------------------------------


@each_dtype
def test_numpy_shares_memory(name):
    source = numpy.array([1, TOP[name]], name)
    x = rl.from_numpy(source)
    x[0] = 7
    assert source.tolist() == [7, TOP[name]] and x.numpy().dtype == source.dtype and numpy.shares_memory(x.numpy(), source)
    assert rl.tensor(numpy.array(5, name)).dtype == getattr(rl, name) and rl.as_tensor([numpy.dtype(name).type(TOP[name])]).tolist() == [TOP[name]]
    assert x.mul(numpy.dtype(name).type(1)).tolist() == x.tolist()
    assert rl.from_dlpack(numpy.array([3], name)).tolist() == [3] and numpy.from_dlpack(x).tolist() == x.tolist()


@each_dtype
def test_buffer(name):
    x = rl.tensor([[1, 2], [3, TOP[name]]], dtype=getattr(rl, name))
    view = memoryview(x)
    assert view.itemsize == numpy.dtype(name).itemsize and view.tolist() == x.tolist()
    assert struct.unpack(view.format, view.tobytes()[-view.itemsize:]) == (TOP[name],)


@each_dtype
def test_files(torch, name):
    """Copies, pickles, and checkpoints: ours read by torch, torch's read by us, old format and new."""
    x = rl.tensor([[1, 2], [3, TOP[name]]], dtype=getattr(rl, name))
    state = {"x": x, "row": x[1], "turned": x.t(), "float": rl.ones(2)}
    for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert made.dtype == x.dtype and made.tolist() == x.tolist()
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        file = io.BytesIO()
        rl.save(state, file, **options)
        for library, trust in ((rl, True), (rl, False), (torch, True), (torch, False)):
            if library is torch and options:
                continue  # its own old format does not know these dtypes
            file.seek(0)
            back = library.load(file, weights_only=trust)
            for key, value in state.items():
                assert str(back[key].dtype).split(".")[1] == str(value.dtype).split(".")[1] and back[key].tolist() == value.tolist() and back[key].stride() == value.stride()
            assert back["row"].untyped_storage().data_ptr() == back["x"].untyped_storage().data_ptr()
    file = io.BytesIO()
    torch.save({"x": torch.tensor([5, TOP[name]], dtype=getattr(torch, name))}, file)
    for trust in (True, False):
        file.seek(0)
        back = rl.load(file, weights_only=trust)["x"]
        assert back.dtype == getattr(rl, name) and back.tolist() == [5, TOP[name]]


@each_dtype
def test_make_tensor_and_assert_close(name):
    dtype = getattr(rl, name)
    x = rl.testing.make_tensor((50,), dtype=dtype, low=3, high=9)
    assert x.dtype == dtype and 3 <= min(x.tolist()) and max(x.tolist()) < 9
    rl.testing.assert_close(x, x.clone())
    with pytest.raises(AssertionError):
        rl.testing.assert_close(x, x * 2)


def test_ints_past_int64():
    """A Python int keeps every bit on its way in and out."""
    x = rl.zeros(2, dtype=rl.uint64)
    for value in (2**63, 2**63 + 1, 2**64 - 1, 2**64 - 1024, 2**63 + 1025, 12345678901234567891):
        assert x.fill_(value).tolist() == [value] * 2 and x[0].item() == value and int(x[0]) == value and rl.full((1,), value, dtype=rl.uint64).item() == value
        assert (x == value).all() and (x & value).tolist() == [value] * 2 and x.clone().fill_(x[1]).tolist() == [value] * 2
        assert rl.tensor(value, dtype=rl.uint64).item() == value and float(x[0]) == float(value)
        assert rl.zeros(1).fill_(value).item() == numpy.float32(value) and (x * 0 + 1.0).tolist() == [1.0, 1.0]
    for bad in (2**64, -2**70):
        with pytest.raises(RuntimeError, match="cannot be converted to type uint64_t without overflow"):
            x.fill_(bad)
