"""Tools around training: event files, profiles, timers, hub, futures, one-process groups, and names that compilers and exporters own."""

import os
import pickle
import struct

import numpy as np
import pytest

import rushlight as rl
from rushlight.utils.tensorboard import SummaryWriter, _events


# ---- event files ---------------------------------------------------------------------------------------------------------


def fields(data):
    """A protocol buffer as (number, value) pairs; blocks stay bytes."""
    found, i = [], 0

    def varint():
        nonlocal i
        n = shift = 0
        while True:
            byte = data[i]
            i += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while i < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            value, i = data[i:i + size], i + size
            value = struct.unpack("<d", value)[0] if kind == 1 else struct.unpack("<f", value)[0] if kind == 5 else value
        found.append((key >> 3, value))
    return found


def summaries(folder):
    """(step, fields of the value) of each value in the event file of a folder."""
    (name,) = [name for name in os.listdir(folder) if "tfevents" in name]
    data, found = open(os.path.join(folder, name), "rb").read(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        body = data[12:12 + length]
        assert data[:16 + length] == _events.record(body)
        event = dict(fields(body))
        found += [(event.get(2), dict(fields(value))) for _, value in fields(event.get(5, b""))]
        data = data[16 + length:]
    return found


def test_checksum_is_crc32c():
    crc = struct.unpack("<I", _events._masked_crc(b"123456789"))[0] - 0xA282EAD8 & 0xFFFFFFFF
    assert (crc << 15 | crc >> 17) & 0xFFFFFFFF == 0xE3069283         # the check value of CRC-32C


def test_summary_writer(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", rl.tensor(0.5), 3)
        writer.add_histogram("w", rl.tensor([1.0, 2.0, 2.0, -4.0]), 4)
        writer.add_image("picture", rl.ones(1, 2, 3), 5)
        writer.add_text("note", "hello", 6)
        writer.add_scalars("both", {"a": 1, "b": 2}, 7)
        with pytest.raises(ValueError, match="one element"):
            writer.add_scalar("loss", rl.ones(2))
        with pytest.raises(AssertionError, match="format"):
            writer.add_image("picture", rl.ones(2, 2), 0)
    (s1, loss), (s2, histogram), (s3, picture), (s4, note) = summaries(tmp_path)
    assert (s1, s2, s3, s4) == (3, 4, 5, 6) and loss == {1: b"loss", 2: 0.5}
    parts = dict(fields(histogram[5]))
    counts = np.frombuffer(parts[7])
    assert (parts[1], parts[2], parts[3], parts[4], parts[5]) == (-4, 2, 4, 1, 25) and counts.sum() == 4 and len(parts[6]) == len(parts[7])
    image = dict(fields(picture[4]))
    assert (image[1], image[2], image[3]) == (2, 3, 3) and image[4].startswith(b"\x89PNG")
    assert note[1] == b"note/text_summary" and (8, b"hello") in fields(note[8])
    assert summaries(tmp_path / "both_b") == [(7, {1: b"both", 2: 2.0})]


# ---- profiles and timers -------------------------------------------------------------------------------------------------


def test_profile_counts_named_blocks(tmp_path):
    from rushlight.profiler import ProfilerActivity, profile, record_function

    @record_function("inner")
    def inner():
        return rl.ones(3).sum()

    with profile(activities=[ProfilerActivity.CPU]) as prof:
        with record_function("outer"):
            inner()
            inner()
    inner()
    found = {e.key: e for e in prof.key_averages()}
    assert found["inner"].count == 2 and found["outer"].count == 1
    assert found["outer"].cpu_time_total >= found["inner"].cpu_time_total > 0
    assert found["outer"].self_cpu_time_total == pytest.approx(found["outer"].cpu_time_total - found["inner"].cpu_time_total)
    assert "outer" in prof.key_averages().table(sort_by="cpu_time_total", row_limit=1)
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    assert '"name": "outer"' in (tmp_path / "trace.json").read_text()


def test_profile_follows_its_schedule():
    from rushlight.profiler import profile, record_function, schedule
    seen = []
    plan = schedule(wait=1, warmup=1, active=2, repeat=1)
    with profile(schedule=plan, on_trace_ready=lambda p: seen.append(sorted(e.name for e in p.events()))) as prof:
        for _ in range(8):
            with record_function("step"):
                pass
            prof.step()
    assert seen == [["ProfilerStep#2", "ProfilerStep#3", "step", "step"]]
    assert [plan(i).name for i in range(5)] == ["NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE"]


def test_timer():
    from rushlight.utils import benchmark
    threads = rl.get_num_threads()
    one = benchmark.Timer("torch.add(x, y)", setup="y = x + 1", globals={"x": rl.ones(4)}, label="add", description="here").timeit(10)
    many = benchmark.Timer(lambda: rl.ones(4), label="add", description="there").blocked_autorange(min_run_time=0.001)
    assert one.number_per_run == 10 and one.median > 0 and many.iqr >= 0 and rl.get_num_threads() == threads
    table = str(benchmark.Compare([one, many]))
    assert "add" in table and "here" in table and "there" in table and "add" in repr(one)


# ---- hub, futures --------------------------------------------------------------------------------------------------------


def test_hub_loads_from_a_folder(tmp_path):
    (tmp_path / "hubconf.py").write_text("dependencies = ['json']\ndef net(n=2):\n    'A net.'\n    import rushlight as torch\n    return torch.nn.Linear(n, 1)\n")
    hub = rl.hub
    assert hub.list(str(tmp_path), source="local") == ["net"] and hub.help(str(tmp_path), "net", source="local") == "A net."
    assert hub.load(str(tmp_path), "net", 5, source="local").in_features == 5
    with pytest.raises(RuntimeError, match="Cannot find callable"):
        hub.load(str(tmp_path), "other", source="local")
    with pytest.raises(NotImplementedError, match="source='local'"):
        hub.load("pytorch/vision", "resnet18")


def test_hub_keeps_files(tmp_path):
    rl.save({"w": rl.arange(3)}, tmp_path / "state.pt")
    url = (tmp_path / "state.pt").as_uri()
    state = rl.hub.load_state_dict_from_url(url, model_dir=str(tmp_path / "kept"))
    assert state["w"].tolist() == [0, 1, 2]
    os.remove(tmp_path / "state.pt")
    assert rl.hub.load_state_dict_from_url(url, model_dir=str(tmp_path / "kept"))["w"].tolist() == [0, 1, 2]
    (tmp_path / "x").write_text("x")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        rl.hub.download_url_to_file((tmp_path / "x").as_uri(), str(tmp_path / "y"), hash_prefix="00")
    assert not (tmp_path / "y").exists() and not list(tmp_path.glob("*.partial"))


def test_futures():
    first, second = rl.futures.Future(), rl.futures.Future()
    doubled, both = first.then(lambda f: f.value() * 2), rl.futures.collect_all([first, second])
    first.set_result(3)
    assert doubled.wait() == 6 and not both.done()
    second.set_exception(ValueError("no"))
    assert both.done() and second.done()
    with pytest.raises(ValueError, match="no"):
        rl.futures.wait_all([first, second])
    with pytest.raises(RuntimeError, match="only be marked completed once"):
        first.set_result(4)


# ---- one process ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def world():
    import rushlight.distributed as dist
    dist.init_process_group("gloo", rank=0, world_size=1)
    yield dist
    if dist.is_initialized():
        dist.destroy_process_group()


def test_a_group_of_one(world):
    x, out = rl.arange(4.0), [rl.zeros(4)]
    assert world.get_rank() == 0 and world.get_world_size() == 1 and world.get_backend() == "gloo" and world.is_initialized()
    assert world.all_reduce(x, op=world.ReduceOp.SUM, async_op=True).wait() and x.tolist() == [0, 1, 2, 3]
    world.all_gather(out, x)
    assert out[0].tolist() == x.tolist()
    objects = [None]
    world.all_gather_object(objects, {"a": [1]})
    assert objects == [{"a": [1]}]
    with pytest.raises(ValueError, match="twice"):
        world.init_process_group("gloo", rank=0, world_size=1)
    with pytest.raises(ValueError, match="one element for each rank"):
        world.all_gather([rl.zeros(4), rl.zeros(4)], x)
    with pytest.raises(RuntimeError, match="invalid root rank"):
        world.broadcast(x, 3)
    with pytest.raises(ValueError, match="destination rank"):
        world.send(x, 0)
    sampler = rl.utils.data.DistributedSampler(range(4), shuffle=False)
    assert list(sampler) == [0, 1, 2, 3]
    world.destroy_process_group()
    with pytest.raises(ValueError, match="has not been initialized"):
        world.barrier()


def test_a_larger_world_is_refused(monkeypatch):
    import rushlight.distributed as dist
    assert dist.is_available() and not dist.is_initialized()
    with pytest.raises(NotImplementedError, match="world_size is 2"):
        dist.init_process_group("gloo", rank=0, world_size=2)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(ValueError, match="RANK expected, but not set"):
        dist.init_process_group("gloo")


# ---- lists of tensors ----------------------------------------------------------------------------------------------------


FOREACH = {
    "_foreach_add": [(2,), (([1, 2],)), ("tensors",), ("tensors", 3)], "_foreach_mul": [(2.5,), ([1, 2],), ("tensors",)], "_foreach_pow": [(2,), ("tensors",)],
    "_foreach_maximum": [(0.5,), ("tensors",)], "_foreach_clamp_min": [(0.5,)], "_foreach_norm": [(), (1,)], "_foreach_sqrt": [()], "_foreach_neg": [()],
    "_foreach_lerp": [("tensors", 0.25), ("tensors", "tensors")], "_foreach_addcmul": [("tensors", "tensors", 2.0), ("tensors", "tensors", [1.0, 2.0])],
    "_foreach_addcdiv": [("tensors", "tensors", -0.5)], "_foreach_sub": [("tensors", 2)], "_foreach_div": [("tensors",), (4,)], "_foreach_max": [()],
}


@pytest.mark.parametrize("name", FOREACH)
def test_foreach_agrees_with_torch(name):
    torch = pytest.importorskip("torch")

    def lists(lib):
        return [[lib.tensor([[0.1, 0.7], [1.5, 2.0]]), lib.tensor([0.3, 1.25])], [lib.tensor([[1.0, 0.2], [0.6, 1.1]]), lib.tensor([0.9, 2.5])]]

    for args in FOREACH[name]:
        results = []
        for lib in (torch, rl):
            own, other = lists(lib)
            given = [other if a == "tensors" else a for a in args]
            if len(given) == 2 and name in ("_foreach_add", "_foreach_sub"):
                result = getattr(lib, name)(own, given[0], alpha=given[1])
            else:
                result = getattr(lib, name)(own, *given)
            if hasattr(lib, name + "_"):
                again = lists(lib)[0]
                extra = {"alpha": given[1]} if len(given) == 2 and name in ("_foreach_add", "_foreach_sub") else {}
                getattr(lib, name + "_")(again, *given[:1 if extra else None], **extra)
                assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(again, result))
            results.append([t.numpy() for t in result])
        for expected, got in zip(*results):
            np.testing.assert_allclose(got, expected, rtol=1e-6)       # sums in another order


def test_foreach_takes_the_second_operand_under_each_of_torchs_words():
    a = [rl.ones(2), rl.ones(2)]
    rl._foreach_mul_(a, scalar=3.0)
    rl._foreach_add_(a, scalars=[1.0, 2.0])
    assert [t.tolist() for t in a] == [[4, 4], [5, 5]]
    assert rl._foreach_pow(a, exponent=2)[0].tolist() == [16, 16] and rl._foreach_clamp_max(a, scalar=4)[1].tolist() == [4, 4]
    with pytest.raises(TypeError, match="multiple values"):
        rl._foreach_mul(a, other=1, scalar=2)


def test_foreach_copies_and_refuses():
    a, b = [rl.zeros(2), rl.zeros(3)], [rl.ones(2), rl.arange(3.0)]
    rl._foreach_copy_(a, b)
    assert a[1].tolist() == [0, 1, 2]
    rl._foreach_zero_(a)
    assert a[0].tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="same number of tensors"):
        rl._foreach_add(a, b[:1])
    with pytest.raises(RuntimeError, match="at least one tensor"):
        rl._foreach_add([], 1)
    with pytest.raises(AttributeError):
        rl._foreach_nothing


# ---- names of compilers and exporters ------------------------------------------------------------------------------------


def test_nothing_is_compiled():
    import rushlight._dynamo
    net = rl.nn.Linear(2, 2)
    assert rl.compile(net) is net and rl._dynamo.optimize("eager")(net) is net and not rl._dynamo.is_compiling()
    rl._dynamo.config.suppress_errors = True
    assert rl._dynamo.config.suppress_errors and not rl._dynamo.config.verbose and not isinstance(net, rl._dynamo.OptimizedModule)
    assert not isinstance(3, rl.SymInt) and not rl.xpu.is_available() and rl.fx.wrap(len) is len


@pytest.mark.parametrize("call", [lambda: rl.onnx.export(None, (), "x"), lambda: rl.export.export(None, ()), lambda: rl.fx.symbolic_trace(None)])
def test_what_needs_a_graph_is_refused(call):
    with pytest.raises(NotImplementedError, match="rushlight"):
        call()


def test_capsules_and_flat_lists():
    x = rl.arange(6.0).reshape(2, 3)
    y = rl.utils.dlpack.from_dlpack(rl.utils.dlpack.to_dlpack(x))
    y[0, 0] = 9
    assert x[0, 0] == 9
    from rushlight._utils import _flatten_dense_tensors, _unflatten_dense_tensors
    flat = _flatten_dense_tensors([x, rl.ones(2)])
    back = _unflatten_dense_tensors(flat, [x, rl.ones(2)])
    assert flat.shape == (8,) and back[0].equal(x) and back[1].equal(rl.ones(2))


# ---- names of what no tensor has -----------------------------------------------------------------------------------------


def test_absent_dtypes_are_names():
    assert isinstance(rl.qint8, rl.dtype) and rl.qint8 != rl.int8 and rl.complex32.itemsize == 4 and rl.float8_e5m2.is_floating_point
    assert not rl.quint8.is_signed and rl.complex32.is_complex and {rl.qint8: 1}[rl.qint8] == 1 and repr(rl.qint8) == "rushlight.qint8"
    assert (rl.finfo(rl.float8_e4m3fn).max, rl.finfo(rl.float8_e5m2).max, rl.finfo(rl.float8_e4m3fn).tiny) == (448.0, 57344.0, 2 ** -6)
    assert rl.ones(2).layout != rl.sparse_coo
    for call in (lambda: rl.zeros(2, dtype=rl.qint8), lambda: rl.tensor([1], dtype=rl.qint8), lambda: rl.ones(2).to(rl.qint8),
                 lambda: rl.promote_types(rl.qint8, rl.int8)):
        with pytest.raises(TypeError, match=r"qint8 \(no tensor here has that dtype\)"):
            call()
    with pytest.raises(RuntimeError, match="Unknown Complex ScalarType for float8_e5m2"):
        rl.float8_e5m2.to_complex()
    with pytest.raises(NotImplementedError, match="every tensor is strided"):
        rl.zeros(2, layout=rl.sparse_csr)


def test_operations_by_the_names_of_their_library():
    assert rl.ops.aten.add.Tensor(rl.ones(2), 1).tolist() == [2, 2] and rl.ops.aten.relu.default is rl.ops.aten.relu
    with pytest.raises(NotImplementedError, match="aten.no_such_thing"):
        rl.ops.aten.no_such_thing(1)
    assert not hasattr(rl.ops.torchvision, "nms")


def test_what_a_compiler_would_be_told():
    from rushlight.jit.annotations import List
    assert rl.jit.isinstance([1], List[int]) and not rl.jit.isinstance(3, List[int])

    @rl.jit.script_if_tracing
    def f(x):
        return x + 1

    @rl.jit.script
    def g(x: rl.Tensor) -> rl.Tensor:
        return f(x)

    assert g(rl.ones(1)).item() == 2 and not isinstance(rl.nn.Linear(1, 1), rl.jit.RecursiveScriptModule)


def test_an_optimizer_over_one_process():
    from rushlight.distributed.optim import ZeroRedundancyOptimizer
    w = rl.nn.Parameter(rl.ones(2))
    optimizer = ZeroRedundancyOptimizer([w], rl.optim.SGD, lr=0.5)
    w.sum().backward()
    optimizer.step()
    assert w.tolist() == [0.5, 0.5] and optimizer.param_groups[0]["lr"] == 0.5 and "SGD" in repr(optimizer.optim)


def test_tensors_grouped_by_dtype():
    from rushlight.utils._foreach_utils import _group_tensors_by_device_and_dtype
    a, b, c = rl.ones(1), rl.ones(2, dtype=rl.float64), rl.ones(3)
    groups = _group_tensors_by_device_and_dtype([[a, b, c], [1, 2, 3]], with_indices=True)
    assert groups[a.device, rl.float32] == ([[a, c], [1, 3]], [0, 2]) and groups[a.device, rl.float64][1] == [1]


def test_trees():
    from collections import OrderedDict, defaultdict, deque, namedtuple

    from rushlight.utils import _pytree as pytree
    Point = namedtuple("Point", "x y")
    tree = {"a": [1, (2, 3)], "b": OrderedDict(c=Point(4, 5)), "d": defaultdict(list, e=6), "f": deque([7], maxlen=3)}
    leaves, spec = pytree.tree_flatten(tree)
    assert leaves == [1, 2, 3, 4, 5, 6, 7] and spec.num_leaves == 7 and not spec.is_leaf()
    back = pytree.tree_unflatten(leaves, spec)
    assert back == tree and isinstance(back["b"]["c"], Point) and back["d"].default_factory is list and back["f"].maxlen == 3
    assert pytree.tree_map(lambda a, b: a + b, [1, {"k": 2}], [10, {"k": 20}]) == [11, {"k": 22}]
    assert pytree.tree_map_only(int, str, [1, "x", 2.5]) == ["1", "x", 2.5] and pytree.tree_any(lambda v: v == 3, tree)
    assert [pytree.keystr(path) for path, _ in pytree.tree_leaves_with_path(tree)][:5] == ["['a'][0]", "['a'][1][0]", "['a'][1][1]", "['b']['c'].x", "['b']['c'].y"]
    assert pytree.key_get(tree, pytree.tree_leaves_with_path(tree)[4][0]) == 5
    with pytest.raises(ValueError, match="arity"):
        pytree.tree_map(lambda a, b: a, [1, 2], [1, 2, 3])

    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    assert pytree.tree_leaves([Pair(1, 2)])[0].a == 1
    pytree.register_pytree_node(Pair, lambda p: ((p.a, p.b), None), lambda children, _: Pair(*children))
    try:
        assert pytree.tree_map(lambda v: v + 1, [Pair(1, 2)])[0].b == 3
        with pytest.raises(ValueError, match="already registered"):
            pytree.register_pytree_node(Pair, None, None)
    finally:
        pytree._deregister_pytree_node(Pair)


# ---- operations of one's own, attention by functions ---------------------------------------------------------------------


def test_an_operation_of_ones_own():
    from rushlight import library

    @library.custom_op("tests::scaled", mutates_args=())
    def scaled(x: rl.Tensor, by: float = 2.0) -> rl.Tensor:
        return x * by

    @scaled.register_fake
    def _(x, by=2.0):
        return rl.empty_like(x)

    x = rl.ones(3, requires_grad=True)
    assert scaled(x).requires_grad and "WithoutFormula" in repr(scaled(x)) and rl.ops.tests.scaled(x, 3.0).tolist() == [3, 3, 3]
    scaled.register_autograd(lambda ctx, grad: (grad * ctx.by, None), setup_context=lambda ctx, inputs, output: setattr(ctx, "by", inputs[1]))
    scaled(x, by=5.0).sum().backward()
    assert x.grad.tolist() == [5, 5, 5]
    lib = library.Library("tests", "FRAGMENT")
    lib.define("twice(Tensor x) -> Tensor")
    with pytest.raises(NotImplementedError, match="no function for the CPU"):
        rl.ops.tests.twice(x)
    lib.impl("twice", lambda x: x + x, "CompositeExplicitAutograd")
    assert rl.ops.tests.twice.default(rl.ones(1)).item() == 2
    with pytest.raises(ValueError, match="namespace::name"):
        library.custom_op("plain", mutates_args=())(len)
    assert library.custom_op("_tests::hidden", mutates_args=())(lambda x: x + 1)(rl.ones(1)).item() == 2 and rl.ops._tests.hidden(rl.ones(1)).item() == 2
    with pytest.raises(RuntimeError, match="no custom operation"):
        library.register_autograd("tests::nothing", len)


def test_attention_by_functions():
    from rushlight.nn.attention.flex_attention import and_masks, create_block_mask, create_mask, flex_attention, or_masks
    rl.manual_seed(0)
    q, k, v = (rl.randn(2, 4, 20, 8, requires_grad=True) for _ in range(3))

    def causal(b, h, i, j):
        return i >= j

    def near(b, h, i, j):
        return i - j < 5

    plain = rl.nn.functional.scaled_dot_product_attention(q, k, v)
    np.testing.assert_allclose(flex_attention(q, k, v).detach().numpy(), plain.detach().numpy(), rtol=1e-4, atol=1e-6)      # another order of sums
    mask = create_block_mask(and_masks(causal, near), None, None, 20, 20, BLOCK_SIZE=4)
    dense = rl.ones(20, 20).tril().bool() & ~rl.ones(20, 20).tril(-5).bool()
    assert mask.as_mask()[0, 0].equal(dense) and mask.to_dense()[0, 0, 4].tolist() == [0, 0, 0, 1, 1]
    assert create_mask(or_masks(causal, near), 1, 1, 3, 3).all()
    bias = rl.randn(4)
    got = flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: s + bias[h] * (i - j), block_mask=mask)
    table = bias[:, None, None] * (rl.arange(20)[:, None] - rl.arange(20)) + rl.zeros(20, 20).masked_fill(~dense, -np.inf)
    wanted = rl.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=table)
    np.testing.assert_allclose(got.detach().numpy(), wanted.detach().numpy(), rtol=1e-4, atol=1e-6)
    out, lse = flex_attention(q, k[:, :2], v[:, :2], enable_gqa=True, return_lse=True)
    assert out.shape == q.shape and lse.shape == (2, 4, 20)
    out.sum().backward()
    assert q.grad.shape == q.shape
    with pytest.raises(ValueError, match="enable_gqa"):
        flex_attention(q, k[:, :2], v[:, :2])
    hidden = flex_attention(q, k, v, block_mask=create_block_mask(lambda b, h, i, j: j > 100, None, None, 20, 20))
    assert (hidden == 0).all()


@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(reverse):
    from rushlight._higher_order_ops.associative_scan import associative_scan
    x = rl.arange(1.0, 8.0).reshape(1, 7)
    sums = associative_scan(lambda a, b: a + b, x, 1, reverse=reverse)
    assert sums.tolist() == [x[0].flip(0).cumsum(0).flip(0).tolist() if reverse else x[0].cumsum(0).tolist()]
    if not reverse:         # h = a h + b, as pairs
        a, b = rl.full((5,), 0.5), rl.ones(5)
        _, h = associative_scan(lambda p, q: (p[0] * q[0], p[1] * q[0] + q[1]), (a, b), 0)
        assert h.tolist() == [1, 1.5, 1.75, 1.875, 1.9375]


def test_flops_of_layers():
    from rushlight.utils.flop_counter import FlopCounterMode
    net = rl.nn.Sequential(rl.nn.Conv2d(3, 4, 3), rl.nn.Flatten(), rl.nn.Linear(4 * 36, 5))
    with FlopCounterMode(display=False) as counter:
        net(rl.randn(2, 3, 8, 8))
    net(rl.randn(2, 3, 8, 8))
    assert counter.get_total_flops() == 2 * 2 * 4 * 36 * 27 + 2 * 2 * 5 * 144 and counter.get_flop_counts()["Global"]["Linear"] == 2880
    assert "Conv2d" in counter.get_table()


def test_what_a_futures_callback_raises():
    done = rl.futures.Future()
    done.set_result(1)
    with pytest.raises(RuntimeError, match="Got the following error when running the callback: ZeroDivisionError: division by zero"):
        done.then(lambda f: 1 / 0).wait()
    with pytest.raises(RuntimeError, match="Got the following error when running the callback: TypeError.*0 positional arguments"):
        done.then(lambda: 1).wait()
    with pytest.raises(TypeError, match=r"then\(\): incompatible function arguments"):
        done.then(None)
    with pytest.raises(RuntimeError, match="Future can't be None"):
        rl.futures.collect_all([done, None])
    with pytest.raises(RuntimeError, match="Can not pickle torch.futures.Future"):
        pickle.dumps(done)


def test_a_done_callback_that_raises_is_logged(caplog):
    later, seen = rl.futures.Future(), []
    later.add_done_callback(lambda f: 1 / 0)
    later.add_done_callback(seen.append)
    later.set_result(1)
    assert seen == [later] and "ZeroDivisionError: division by zero" in caplog.text


def test_collected_futures_fail_when_all_are_done():
    one, other = rl.futures.Future(), rl.futures.Future()
    both = rl.futures.collect_all([one, other])
    one.set_exception(ValueError("no"))
    assert not both.done()
    other.set_result(2)
    with pytest.raises(ValueError, match="no"):
        both.wait()


def test_compiler_switches_are_blocks_and_decorators():
    import rushlight._dynamo
    patch = rl._dynamo.config.patch
    with patch(suppress_errors=False):
        pass
    assert patch({"cache_size_limit": 2})(lambda x: x + 1)(1) == 2


def test_quantization_can_be_imported_and_says_that_it_is_not_there():
    from rushlight.ao import quantization
    assert not isinstance(rl.nn.ReLU(), (quantization.FakeQuantizeBase, quantization.ObserverBase)) and rl.quantization.QuantStub is quantization.QuantStub
    x = rl.ones(2)
    assert quantization.QuantWrapper(rl.nn.ReLU())(x).equal(x) and rl.ao.quantization is quantization
    for use in (quantization.ObserverBase, lambda: quantization.quantize_dynamic(rl.nn.ReLU()), lambda: rl.quantization.prepare(rl.nn.ReLU())):
        with pytest.raises(NotImplementedError, match="quantised"):
            use()


def test_custom_operations_tell_of_writes_and_of_missing_derivatives():
    @rl.library.custom_op("tools::halve_", mutates_args={"x"})
    def halve_(x: rl.Tensor) -> None:
        x.numpy()[:] /= 2

    @rl.library.custom_op("tools::pair", mutates_args=())
    def pair(x: rl.Tensor):
        return [x.detach() * 2, x.detach() * 3]

    weight, factor = rl.ones(2, requires_grad=True), rl.ones(2)
    product, version = weight * factor, factor._version
    halve_(factor)
    halve_(x=factor)
    assert factor.tolist() == [0.25, 0.25] and factor._version > version
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()
    made = pair(weight)
    assert type(made) is list and made[1].tolist() == [3, 3] and all(t.requires_grad for t in made)
    with pytest.raises(RuntimeError, match="tools::pair but no autograd formula was registered"):
        made[0].sum().backward()
    with rl.no_grad():
        assert not pair(weight)[0].requires_grad
    assert not pair(rl.ones(2))[0].requires_grad
    with pytest.raises(ValueError, match="mutates_args"):
        rl.library.custom_op("tools::wrong", lambda x: None, mutates_args={"y"})


def test_a_graph_of_a_run_is_refused_when_asked_for():
    from rushlight.jit import _get_trace_graph
    with pytest.raises(NotImplementedError, match="hooks"):
        _get_trace_graph(rl.nn.ReLU(), (rl.ones(1),))
