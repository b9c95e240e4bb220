"""serialization's switches: places by name, byte order, mapping, bytes left out; beside torch where it has them too."""

import io
import mmap
import sys
import zipfile

import pytest
import rushlight as rl
from rushlight import serialization
from rushlight._pt import options

torch = pytest.importorskip("torch")


def saved(obj, library=rl):
    file = io.BytesIO()
    library.save(obj, file)
    return file.getvalue()


def without(data, record):
    """The same archive without one record."""
    old, new = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(new, "w") as out:
        for name in old.namelist():
            if not name.endswith(record):
                out.writestr(name, old.read(name))
    return new.getvalue()


def test_skip_data_leaves_room_and_reads_nothing():
    x = rl.arange(1.0, 5.0)
    with serialization.skip_data():
        hollow = saved({"x": x})
        with serialization.skip_data():
            pass
        assert rl.load(io.BytesIO(saved(x))).tolist() == [0, 0, 0, 0]
    assert len(hollow) == len(saved({"x": x}))
    assert rl.load(io.BytesIO(hollow))["x"].tolist() == torch.load(io.BytesIO(hollow))["x"].tolist() == [0, 0, 0, 0]
    with serialization.skip_data():
        assert rl.load(io.BytesIO(saved(x))).shape == (4,)
    assert rl.load(io.BytesIO(saved(x))).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("order", [None, "NATIVE", "LITTLE", "BIG"])
def test_byte_order_of_files_that_do_not_say(order):
    data = without(saved(torch.tensor([1.0, 2.0]), torch), "byteorder")
    assert serialization.get_default_load_endianness() is None
    serialization.set_default_load_endianness(order and serialization.LoadEndianness[order])
    try:
        values = rl.load(io.BytesIO(data)).tolist()
    finally:
        serialization.set_default_load_endianness(None)
    little = order == "LITTLE" or order != "BIG" and sys.byteorder == "little"
    assert (values == [1, 2]) == little
    with pytest.raises(TypeError, match="Invalid argument type in function set_default_load_endianness"):
        serialization.set_default_load_endianness("big")


def test_mapping_shared_or_private(tmp_path):
    path = tmp_path / "x.pt"
    rl.save(rl.zeros(3), path)
    rl.load(path, mmap=True).fill_(1)
    assert rl.load(path).tolist() == [0, 0, 0] and serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        mapped = rl.load(path, mmap=True)
        mapped.fill_(2)
        del mapped
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    data = path.read_bytes()
    assert data.count(b"\0\0\0\x40") >= 3      # 2.0 in the file
    with pytest.raises(ValueError, match="expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got 3"):
        serialization.set_default_mmap_options(3)


def test_packages_name_places_and_go_there():
    storage = rl.ones(2).untyped_storage()
    assert serialization.location_tag(storage) == "cpu" and serialization.default_restore_location(storage, "cpu") is storage
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        serialization.default_restore_location(storage, "attic")
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        serialization.default_restore_location(storage, "cuda:0")
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        serialization.validate_cuda_device("cpu")
    seen = []

    def restore(found, location):
        seen.append((location, found.nbytes()))
        return found if location == "attic" else None

    before = list(options._packages)
    serialization.register_package(5, lambda found: "attic" if found.nbytes() == 8 else None, restore)
    try:
        assert serialization.location_tag(storage) == "attic" and serialization.location_tag(rl.ones(3).untyped_storage()) == "cpu"
        data = saved([rl.ones(2), rl.zeros(3)])
        assert [t.tolist() for t in rl.load(io.BytesIO(data))] == [[1, 1], [0, 0, 0]]
    finally:
        options._packages[:] = before
    assert seen == [("attic", 8), ("cpu", 12)]
    with pytest.raises(RuntimeError, match="attic"):
        torch.load(io.BytesIO(data))
    assert rl.load(io.BytesIO(data))[0].tolist() == [1, 1]


def test_what_libraries_import(tmp_path):
    assert serialization.StorageType("HalfStorage").dtype is rl.float16 and str(serialization.StorageType("FloatStorage")) == f"StorageType(dtype={rl.float32})"
    with pytest.raises(KeyError, match="not recognized"):
        serialization.StorageType("XStorage")
    assert serialization.normalize_storage_type(rl.LongStorage) is rl.LongStorage
    assert serialization.storage_to_tensor_type(rl.ones(2, dtype=rl.int64).storage()) is rl.LongTensor
    with serialization.mkdtemp() as folder:
        (tmp_path.__class__(folder) / "file").touch()
    assert not tmp_path.__class__(folder).exists()
    assert issubclass(serialization.SourceChangeWarning, Warning)
    check = serialization.check_module_version_greater_or_equal
    assert check(torch, (2, 0)) and not check(torch, (99,))
    with pytest.raises(RuntimeError, match="version string is malformed"):
        check(torch, (2, 0, 0, 0, 0))
    with pytest.warns(UserWarning, match="version string is malformed"):
        assert check(torch, (2, 0, 0, 0, 0), error_if_malformed=False)


def test_small_names_of_other_modules():
    import logging

    from rushlight import _logging, vision
    assert vision.__version__ == rl.__version__ and rl.distributed.get_default_backend_for_device("cpu") == "gloo"
    with rl.accelerator.device_index(None):
        pass
    with pytest.raises(RuntimeError, match="Cannot access accelerator device"), rl.accelerator.device_index(0):
        pass
    _logging.set_logs(dynamo=logging.DEBUG, graph=True)
    assert logging.getLogger("rushlight.dynamo").level == logging.DEBUG
    rl._inductor.config.coordinate_descent_tuning = rl._inductor.config.triton.unique_kernel_names = True
    import rushlight._inductor.config as config
    assert config.coordinate_descent_tuning is True and config.fx_graph_cache is False
