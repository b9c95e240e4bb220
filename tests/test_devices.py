"""Names of devices that are not there behave as in a torch built for the CPU alone."""

import pytest

import rushlight as rl


def test_the_usual_question():
    assert rl.device("cuda" if rl.cuda.is_available() else "cpu") == rl.device("cpu")
    assert rl.device("mps" if rl.backends.mps.is_available() else "cpu").type == "cpu"
    assert not rl.accelerator.is_available() and rl.accelerator.current_accelerator() is None
    assert rl.cuda.device_count() == 0 and rl.version.cuda is None and rl.cpu.device_count() == 1


def test_what_scripts_set_is_kept():
    from rushlight.backends import cudnn
    cudnn.deterministic, before = True, cudnn.deterministic
    assert rl.backends.cudnn.deterministic
    with cudnn.flags(enabled=True, deterministic=False):
        assert not cudnn.deterministic
    assert cudnn.deterministic
    cudnn.deterministic = before
    rl.cuda.manual_seed(1)
    rl.cuda.manual_seed_all(1)
    rl.cuda.empty_cache()
    assert rl.cuda.memory_allocated() == rl.cuda.max_memory_allocated() == 0


def test_what_needs_a_device_is_refused():
    for call in (rl.cuda.synchronize, rl.cuda.current_device, lambda: rl.cuda.get_device_name(0)):
        with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
            call()
    with pytest.raises(TypeError, match="FloatTensor not available"):
        rl.cuda.FloatTensor(3)
    with pytest.raises(RuntimeError, match="requires CUDA support"):
        rl.cuda.Stream()
    with pytest.raises(RuntimeError, match="when none is available"):
        rl.accelerator.synchronize()


def test_old_places_of_mixed_precision():
    with pytest.warns(FutureWarning, match="deprecated"), pytest.warns(UserWarning, match="CUDA is not available"):
        with rl.cuda.amp.autocast():
            assert not rl.is_autocast_enabled("cuda")
    with pytest.warns(FutureWarning, match="deprecated"), rl.cpu.amp.autocast():
        assert rl.is_autocast_enabled("cpu")


@pytest.mark.parametrize("name", ["cuda.is_available", "cuda.device_count", "cuda.is_initialized", "cuda.memory_allocated",
                                  "cuda.get_arch_list", "cuda.get_rng_state_all", "backends.cudnn.is_available",
                                  "backends.mps.is_available", "backends.mps.is_built", "backends.cuda.is_built",
                                  "accelerator.is_available", "accelerator.device_count", "cpu.current_device", "mps.device_count"])
def test_answers_are_torchs(name):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this torch has a device")

    def answer(lib):
        for part in name.split("."):
            lib = getattr(lib, part)
        return lib()

    assert answer(rl) == answer(torch)
