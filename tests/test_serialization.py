"""save and load: there and back, to torch and from it, and files that are damaged or hostile."""

import collections
import io
import math
import pickle
import struct
import zipfile

import numpy
import pytest
import rushlight as rl

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]


def sample(library):
    """One object with everything a checkpoint may hold."""
    base = library.arange(24.0).reshape(4, 6)
    return {
        "dtypes": [library.ones(3, 2).to(getattr(library, name)) for name in DTYPES],
        "0-d": library.tensor(3.0),
        "empty": library.empty(2, 0, 3),
        "views": [base, base.t(), base[1:, ::2], base[0]],
        "expanded": library.ones(1).expand(5),
        "leaf": library.ones(2, requires_grad=True),
        "parameter": library.nn.Parameter(library.ones(2)),
        "numbers": [0, 1, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**31, 2**63, -(2**70), 1.5, -0.0, math.inf, True, False, None],
        "texts": ["", "a", "äöü \U0001f600", "a"],
        "bytes": [b"", b"ab\xff", bytearray(b"x")],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "ordered": collections.OrderedDict(b=1, a=2),
        "counter": collections.Counter("aab"),
        "set": {1, 2},
        "complex": 1 + 2j,
        "types": [library.Size([1, 2]), library.float32, library.device("cpu"), library.strided],
        "long": list(range(2500)),
        3: {i: i for i in range(1200)},
    }


def agree(a, b, where="object"):
    """Equal values of the same kind, also across libraries."""
    if hasattr(a, "storage_offset"):
        assert (a.shape, a.stride(), a.storage_offset(), a.requires_grad) == (b.shape, b.stride(), b.storage_offset(), b.requires_grad), where
        assert str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1], where
        assert type(a).__name__ == type(b).__name__, where
        x, y = (t.detach().float() if "bfloat16" in str(t.dtype) else t.detach() for t in (a, b))
        numpy.testing.assert_array_equal(x.numpy(), y.numpy())
    elif isinstance(a, dict):
        assert type(a) is type(b) and list(a) == list(b), where
        for key in a:
            agree(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b)):
            agree(x, y, f"{where}[{i}]")
    elif type(a).__module__.split(".")[0] in ("torch", "rushlight"):
        assert str(a).split(".")[-1] == str(b).split(".")[-1], where
    else:
        assert type(a) is type(b) and a == b, where


def through(obj, save=rl.save, load=rl.load, save_args={}, **load_args):
    file = io.BytesIO()
    save(obj, file, **save_args)
    file.seek(0)
    return load(file, **load_args)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("weights_only", [True, False])
def test_there_and_back(zipped, weights_only):
    obj = sample(rl)
    agree(obj, through(obj, save_args={"_use_new_zipfile_serialization": zipped}, weights_only=weights_only))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("weights_only", [True, False])
def test_torch_reads_ours(zipped, weights_only):
    torch = pytest.importorskip("torch")
    obj = sample(rl)
    agree(obj, through(obj, rl.save, torch.load, {"_use_new_zipfile_serialization": zipped}, weights_only=weights_only))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("weights_only", [True, False])
def test_ours_reads_torch(zipped, weights_only):
    torch = pytest.importorskip("torch")
    obj = sample(torch)
    del obj["bytes"][0]  # torch cannot read its own empty bytes
    agree(obj, through(obj, torch.save, rl.load, {"_use_new_zipfile_serialization": zipped}, weights_only=weights_only))


@pytest.mark.parametrize("mmap", [True, False])
def test_files(tmp_path, mmap):
    path = tmp_path / "model.pt"
    rl.save({"w": rl.ones(2)}, path)
    rl.save(sample(rl), path)  # over an older one
    agree(sample(rl), rl.load(path, mmap=mmap))
    agree(sample(rl), rl.load(str(path), map_location="cpu", mmap=mmap))
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pt"]
    loaded = rl.load(path, mmap=mmap)["views"][0]
    loaded.add_(1)
    assert rl.load(path)["views"][0][0, 0].item() == 0
    torch = pytest.importorskip("torch")
    agree(sample(rl), torch.load(path, mmap=mmap))


def test_a_saved_file_saves_to_the_same_bytes():
    first, second = io.BytesIO(), io.BytesIO()
    rl.save(sample(rl), first)
    first.seek(0)
    rl.save(rl.load(first), second)
    assert first.getvalue() == second.getvalue()


def test_records_are_aligned_and_unstamped(tmp_path):
    path = tmp_path / "x.pt"
    rl.save([rl.ones(3), rl.ones(5)], path)
    data = path.read_bytes()
    infos = zipfile.ZipFile(path).infolist()
    assert [info.filename for info in infos][:1] == ["x/data.pkl"] and infos[-1].filename == "x/.data/serialization_id"
    for info in infos:
        name, extra = struct.unpack_from("<HH", data, info.header_offset + 26)
        assert (info.header_offset + 30 + name + extra) % 64 == 0
        assert info.compress_type == zipfile.ZIP_STORED and info.date_time[0] == 1980


def test_views_share_again():
    base = rl.arange(6.0)
    a, b = through([base, base[2:4]])
    b[0] = 99
    assert a[2].item() == 99
    a, b = through(collections.OrderedDict(x=base, y=base)).values()
    a[0] = 5
    assert b[0].item() == 5


def test_state_dicts():
    net = rl.nn.Sequential(rl.nn.Conv2d(1, 2, 3), rl.nn.BatchNorm2d(2), rl.nn.Flatten(), rl.nn.Linear(18, 4))
    optimizer = rl.optim.Adam(net.parameters())
    net(rl.randn(2, 1, 5, 5)).sum().backward()
    optimizer.step()
    state = through({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3})
    agree(net.state_dict(), state["net"])
    assert state["net"]._metadata == net.state_dict()._metadata
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    torch = pytest.importorskip("torch")
    agree(net.state_dict(), through(net.state_dict(), rl.save, torch.load))


def test_whole_modules():
    net = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.ReLU())
    with pytest.raises(pickle.UnpicklingError, match="add_safe_globals"):
        through(net)
    again = through(net, weights_only=False)
    agree(net.state_dict(), again.state_dict())
    assert repr(again) == repr(net)
    torch = pytest.importorskip("torch")
    theirs = through(torch.nn.Linear(3, 4), torch.save, rl.load, weights_only=False)
    assert isinstance(theirs, rl.nn.Linear) and theirs(rl.ones(3)).shape == (4,)


class Custom:
    def __init__(self):
        self.tensor, self.me = rl.ones(2), self


def test_allowed_classes():
    with pytest.raises(pickle.UnpicklingError, match=r"Unsupported global: GLOBAL .*Custom was not an allowed global by default"):
        through(Custom())
    with rl.serialization.safe_globals([Custom]):
        loaded = through(Custom())
        assert loaded.me is loaded and loaded.tensor.sum().item() == 2
    assert rl.serialization.get_safe_globals() == []
    file = io.BytesIO()
    rl.save(Custom(), file)
    file.seek(0)
    assert rl.serialization.get_unsafe_globals_in_checkpoint(file) == [f"{__name__}.Custom"]


def test_map_location():
    assert through(rl.ones(2), map_location=lambda storage, location: storage).shape == (2,)
    assert through(rl.ones(2), map_location={"cuda:0": "cpu"}).shape == (2,)
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        through(rl.ones(2), map_location="cuda")


def test_what_cannot_be_saved_is_named_with_its_place():
    with pytest.raises(pickle.PicklingError, match=r"Can't pickle .*lambda.*\(at object\['a'\]\[1\]\)"):
        rl.save({"a": [1, lambda: 0]}, io.BytesIO())
    with pytest.raises(TypeError, match=r"cannot pickle .*\(at object\['s'\]\['file'\]\)"):
        rl.save({"s": {"file": io.TextIOWrapper(io.BytesIO())}}, io.BytesIO())
    x = rl.ones(4)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        rl.save([x, x.view(rl.int32)], io.BytesIO())


def test_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.pt"
    rl.save(rl.ones(2), path)
    before = path.read_bytes()
    with pytest.raises(pickle.PicklingError):
        rl.save({"w": rl.ones(3), "f": lambda: 0}, path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        rl.save(rl.ones(2), tmp_path / "no" / "x.pt")


def test_waste_is_mentioned():
    big = rl.zeros(1_000_000)
    with pytest.warns(UserWarning, match=r"clone\(\)"):
        rl.save(big[:5], io.BytesIO())


# Damaged and hostile files


def container(pickled, records={}, version=b"3\n", compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in {"data.pkl": pickled, **records, "version": version}.items():
            archive.writestr(f"archive/{name}", data)
    file.seek(0)
    return file


def tensor_pickle(count=4, offset=0, size=(4,), stride=(1,), key="0"):
    def ints(values):
        return b"(" + b"".join(b"J" + struct.pack("<l", value) for value in values) + b"t"

    head = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    ref = b"X" + struct.pack("<L", len(key)) + key.encode() + b"X\x03\x00\x00\x00cpuJ" + struct.pack("<l", count) + b"tQ"
    return head + ref + b"J" + struct.pack("<l", offset) + ints(size) + ints(stride) + b"\x89ccollections\nOrderedDict\n)RtR."


FOUR = {"data/0": bytes(16)}
HOSTILE = {
    "runs a command": (b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR.", {}, "GLOBAL os.system whose module os is blocked"),
    "builtin": (b"\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.", {}, "GLOBAL builtins.eval"),
    "attribute of an allowed name": (b"\x80\x02ccollections\nOrderedDict.__init__\n.", {}, "Unsupported global"),
    "sets state of a tensor": (tensor_pickle()[:-1] + b"}X\x01\x00\x00\x00aK\x01sb.", FOUR, "Can only build Tensor"),
    "sets items of a tensor": (tensor_pickle()[:-1] + b"K\x00K\x01s.", FOUR, "keys for a Tensor"),
    "appends to a tuple": (b"\x80\x02)K\x01a.", {}, "items for a tuple"),
    "calls a string": (b"\x80\x02X\x01\x00\x00\x00a)R.", {}, "unrecognized function"),
    "huge bytearray": (b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", {}, "bytearray"),
    "stack global": (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", {}, "pickle protocol 4"),
    "INST": (b"\x80\x02(ios\nsystem\n.", {}, "Unsupported operand 105"),
    "EXT1": (b"\x80\x02\x82\x01.", {}, "Unsupported operand 130"),
    "no mark": (b"\x80\x02t.", {}, "no mark"),
    "empty stack": (b"\x80\x02a.", {}, "stack is empty"),
    "unknown memo": (b"\x80\x02h\x07.", {}, "memo 7"),
    "unhashable key": (b"\x80\x02}]K\x01s.", {}, "as a dictionary key"),
    "deep key": (b"\x80\x02}" + b")" + b"\x85" * 5000 + b"K\x01s.", {}, "as a dictionary key"),
    "text beyond the end": (b"\x80\x02X\xff\xff\xff\x7fab.", {}, "cut off"),
    "persistent id of another kind": (b"\x80\x02K\x01Q.", {}, "persistent id"),
    "short record": (tensor_pickle(), {"data/0": bytes(8)}, "has 8 bytes where its tensor says 16"),
    "long record": (tensor_pickle(), {"data/0": bytes(32)}, "has 32 bytes"),
    "missing record": (tensor_pickle(), {}, "file not found"),
    "size beyond the storage": (tensor_pickle(size=(5,)), FOUR, "over a storage of 4 elements"),
    "stride beyond the storage": (tensor_pickle(size=(2, 2), stride=(3, 1)), FOUR, "over a storage of 4 elements"),
    "offset beyond the storage": (tensor_pickle(offset=1), FOUR, "over a storage of 4 elements"),
    "negative offset": (tensor_pickle(offset=-1), FOUR, "none may be negative"),
    "negative stride": (tensor_pickle(stride=(-1,)), FOUR, "none may be negative"),
    "negative size": (tensor_pickle(size=(-4,)), FOUR, "none may be negative"),
    "huge product": (tensor_pickle(size=(2**31 - 1,) * 3, stride=(2**31 - 1,) * 3), FOUR, "over a storage of 4 elements"),
    "negative count": (tensor_pickle(count=-1), FOUR, "persistent id"),
    "key with a path": (tensor_pickle(key="../../x"), FOUR, "file not found"),
    "rank mismatch": (tensor_pickle(size=(2, 2)), FOUR, "2 sizes and 1 strides"),
    "sparse": (b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n)R.", {}, "sparse tensors do not exist"),
    "quantised": (b"\x80\x02ctorch._utils\n_rebuild_qtensor\n)R.", {}, "quantised"),
    "float8": (b"\x80\x02ctorch._utils\n_rebuild_tensor_v3\n(NNNNNNctorch\nfloat8_e5m2\ntR.", {}, "does not exist here"),
    "no dtype": (b"\x80\x02ctorch._utils\n_rebuild_tensor_v3\n)R.", {}, "seven or eight arguments"),
    "no storage": (b"\x80\x02ctorch._utils\n_rebuild_tensor_v3\n(NNNNNNctorch\nuint16\ntR.", {}, "no storage and dtype"),
    "a name for a value": (b"\x80\x02ctorch\nFloatStorage\n.", {}, "a name where a value belongs"),
}


@pytest.mark.parametrize("pickled, records, words", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pickles(pickled, records, words):
    with pytest.raises((pickle.UnpicklingError, RuntimeError, EOFError), match=words.replace("(", r"\(")):
        rl.load(container(pickled, records))


def test_hostile_containers():
    good = tensor_pickle()
    assert rl.load(container(good, FOUR)).tolist() == [0, 0, 0, 0]
    with pytest.raises(RuntimeError, match="is compressed"):
        rl.load(container(good, FOUR, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(RuntimeError, match="unknown version"):
        rl.load(container(good, FOUR, version=b"11"))
    with pytest.raises(RuntimeError, match="TorchScript"):
        rl.load(container(good, {**FOUR, "constants.pkl": b""}))
    with pytest.warns(UserWarning):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for data in (good, b"\x80\x02N."):
                archive.writestr("archive/data.pkl", data)
    with pytest.raises(RuntimeError, match="is there twice"):
        rl.load(io.BytesIO(file.getvalue()))
    damaged = bytearray(container(good, {"data/0": b"abcdefghijklmnop"}).getvalue())
    damaged[damaged.index(b"abcdefgh")] ^= 1
    with pytest.raises(RuntimeError, match="check sum"):
        rl.load(io.BytesIO(bytes(damaged)))


@pytest.mark.parametrize("data, kind, words", [
    (b"", EOFError, "Ran out of input"),
    (b"PK\x03\x04abc", RuntimeError, "PytorchStreamReader failed reading zip archive"),
    (b"plain text, nothing else", pickle.UnpicklingError, "this is no checkpoint"),
    (bytes(257) + b"ustar" + bytes(300), RuntimeError, "tar checkpoint"),
    (struct.pack("<Q", 10) + b"{}", pickle.UnpicklingError, "safetensors"),
])  # fmt: skip
def test_other_files(data, kind, words):
    with pytest.raises(kind, match=words):
        rl.load(io.BytesIO(data))


def test_every_truncation_is_an_error():
    for zipped in (True, False):
        file = io.BytesIO()
        rl.save({"a": rl.ones(3), "b": [1, 2.0]}, file, _use_new_zipfile_serialization=zipped)
        data = file.getvalue()
        for length in range(0, len(data), 7):
            with pytest.raises((pickle.UnpicklingError, RuntimeError, EOFError)):
                rl.load(io.BytesIO(data[:length]))


def test_random_damage():
    """Whatever the bytes are, load returns or raises one of three classes; nothing else, and no crash."""
    rng = numpy.random.default_rng(0)
    seeds = []
    for zipped in (True, False):
        file = io.BytesIO()
        rl.save(sample(rl), file, _use_new_zipfile_serialization=zipped)
        seeds.append(file.getvalue())
    pickled = zipfile.ZipFile(io.BytesIO(seeds[0])).read("archive/data.pkl")
    records = {info.filename[8:]: zipfile.ZipFile(io.BytesIO(seeds[0])).read(info) for info in zipfile.ZipFile(io.BytesIO(seeds[0])).infolist()}
    for round in range(1500):
        data = bytearray((pickled, *seeds)[round % 3])
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(len(data))
            if rng.random() < 0.7:
                data[at] = rng.integers(256)
            else:
                del data[at : at + rng.integers(5)]
        file = container(bytes(data), {**records, "data.pkl": bytes(data)}) if round % 3 == 0 else io.BytesIO(bytes(data))
        try:
            rl.load(file)
        except (pickle.UnpicklingError, RuntimeError, EOFError):
            pass


def test_a_file_as_a_storage(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(16)))
    own = rl.UntypedStorage.from_file(str(path), False, 16)
    part = rl.asarray(own[4:12], dtype=rl.uint8)
    assert len(own) == 16 and own[3] == 3 and part.view(rl.int32).tolist() == [117835012, 185207048]
    part[0] = 99
    assert own[4] == 99 and path.read_bytes()[4] == 4
    shared = rl.UntypedStorage.from_file(str(path), True, 16)
    shared[0] = 7
    assert path.read_bytes()[0] == 7 and len(shared[3:3]) == 0
    with pytest.raises(RuntimeError, match="step"):
        shared[::2]


# Storages as objects of their own, streams, and what a trusted file may hold


def there_and_back(value, **options):
    file = io.BytesIO()
    rl.save(value, file)
    file.seek(0)
    return rl.load(file, **options)


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_storages_are_saved_beside_the_tensors_over_them(weights_only, zipped):
    a = rl.arange(6.0)
    file = io.BytesIO()
    rl.save([a, a.storage(), a[2:].storage(), rl.arange(3).storage(), rl.zeros(2, dtype=rl.uint8).untyped_storage(), (a.storage(),)], file, _use_new_zipfile_serialization=zipped)
    file.seek(0)
    b, whole, part, other, raw, (again,) = rl.load(file, weights_only=weights_only)
    assert [type(s) for s in (whole, part, other, raw)] == [rl.TypedStorage] * 4
    assert [s.dtype for s in (whole, other, raw)] == [rl.float32, rl.int64, rl.uint8]
    assert whole is part and whole is again and whole.data_ptr() == b.data_ptr()
    b[1] = 9
    assert whole.tolist() == [0, 9, 2, 3, 4, 5] and other.tolist() == [0, 1, 2]


def test_storages_go_to_torch_and_come_from_there():
    torch = pytest.importorskip("torch")
    for one, two in ((rl, torch), (torch, rl)):
        a = one.arange(4.0)
        file = io.BytesIO()
        one.save({"t": a, "s": a.storage()}, file)
        file.seek(0)
        back = two.load(file)
        assert type(back["s"]).__name__ == "TypedStorage" and back["s"].tolist() == [0, 1, 2, 3]


def test_one_memory_cannot_be_saved_as_two_dtypes():
    a = rl.zeros(4, dtype=rl.complex64)
    for pair in ([a, a.imag], [a.storage(), a.imag], [a, a.real.storage()], [rl.ones(2), None]):
        if pair[1] is None:
            pair[1] = rl.TypedStorage(wrap_storage=pair[0].untyped_storage(), dtype=rl.uint8)
        with pytest.raises(RuntimeError, match="view the same data as different types"):
            rl.save(pair, io.BytesIO())


def test_a_tensor_with_attributes_from_a_trusted_file():
    t = rl.ones(2)
    t.note = "kept"
    back = there_and_back([t, rl.nn.Parameter(t)], weights_only=False)
    assert back[0].note == "kept" and back[0].tolist() == [1, 1]


class Slotted:
    __slots__ = ("a", "b", "__dict__")

    def __init__(self):
        self.a, self.b, self.c = 1, [2], 3


def test_slots_of_allowed_classes():
    with rl.serialization.safe_globals([Slotted]):
        back = there_and_back(Slotted())
    assert (back.a, back.b, back.c) == (1, [2], 3)


def test_names_in_refusals_are_those_of_python_3():
    import os
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global: GLOBAL builtins.print"):
        there_and_back(print)
    with pytest.raises(pickle.UnpicklingError, match=f"unsupported GLOBAL {os.name}.getpid whose module {os.name} is blocked"):
        there_and_back(os.getpid)


def test_older_files_follow_each_other_in_one_stream():
    file = io.BytesIO()
    pickle.dump("before", file)
    for value in ([rl.ones(3)], {"a": 2}):
        rl.save(value, file, _use_new_zipfile_serialization=False)
        pickle.dump("between", file)
    file.seek(0)
    assert pickle.load(file) == "before"
    assert rl.load(file)[0].tolist() == [1, 1, 1] and pickle.load(file) == "between"
    assert rl.load(file) == {"a": 2} and pickle.load(file) == "between"


def test_what_was_saved_to_an_open_file_is_in_it(tmp_path):
    with open(tmp_path / "x.pt", "wb") as file:
        rl.save([rl.ones(2)], file)
        assert rl.load(tmp_path / "x.pt")[0].tolist() == [1, 1]


def test_parts_of_storages_in_files_before_torch_0_4():
    """As those versions wrote them: a storage of five, and a tensor over a part of three that starts at its second."""
    from rushlight._pt import legacy
    from rushlight._pt.emit import Emitter
    text = (b"\x80\x02ctorch._utils\n_rebuild_tensor\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x05"
            b"X\x01\x00\x00\x00vK\x01K\x03\x87tQK\x01K\x02\x85K\x01\x85tR.")
    data = b"".join(Emitter().dump(value) for value in (legacy.MAGIC, legacy.PROTOCOL, legacy.MACHINE)) + text + Emitter().dump(["0"])
    data += struct.pack("<q5f", 5, *range(5))
    assert rl.load(io.BytesIO(data)).tolist() == [2, 3]
    with pytest.raises(pickle.UnpicklingError, match="outside"):
        rl.load(io.BytesIO(data.replace(b"vK\x01K\x03", b"vK\x01K\x05")))


def test_the_environment_decides_what_files_may_run(monkeypatch):
    file = io.BytesIO()
    rl.save(Slotted(), file)
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        rl.load(file, weights_only=False)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="both were set"):
        rl.load(file)
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    file.seek(0)
    with pytest.warns(UserWarning, match="forcing weights_only=False"):
        assert rl.load(file).c == 3
