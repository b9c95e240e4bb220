"""Mixed precision: autocast's states and casts, GradScaler's steps."""

import warnings

import pytest

import rushlight as rl


def test_states_nest_and_are_restored():
    assert not rl.is_autocast_enabled("cpu")
    with rl.autocast("cpu"):
        assert rl.is_autocast_enabled("cpu") and rl.get_autocast_dtype("cpu") == rl.bfloat16
        with rl.autocast("cpu", enabled=False):
            assert not rl.is_autocast_enabled("cpu")
        with rl.autocast("cpu", dtype=rl.float16):
            assert rl.get_autocast_dtype("cpu") == rl.float16
        assert rl.get_autocast_dtype("cpu") == rl.bfloat16
    assert not rl.is_autocast_enabled("cpu")


def test_products_are_cast_and_losses_are_not():
    a, b = rl.ones(2, 2), rl.ones(2, 2)
    with rl.autocast("cpu"):
        product = a @ b
        assert product.dtype == rl.bfloat16 and rl.nn.functional.linear(a, b).dtype == rl.bfloat16
        assert (a + b).dtype == rl.float32
        assert rl.nn.functional.mse_loss(product, b).dtype == rl.float32
        assert rl.mm(a.double(), b.double()).dtype == rl.float64
    assert (a @ b).dtype == rl.float32


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN", "Linear", "Conv1d", "LayerNorm", "MultiheadAttention", "Bilinear"])
def test_layers_give_the_dtype_that_torch_gives(name):
    torch = pytest.importorskip("torch")
    sizes = {"LSTM": (8, 4), "GRU": (8, 4), "RNN": (8, 4), "Linear": (8, 4), "Conv1d": (5, 4, 3), "LayerNorm": (8,),
             "MultiheadAttention": (8, 2), "Bilinear": (8, 8, 3)}[name]
    inputs = {"MultiheadAttention": 3, "Bilinear": 2}.get(name, 1)

    def result(lib):
        layer, x = getattr(lib.nn, name)(*sizes), lib.ones(2, 5, 8)
        with lib.autocast("cpu"):
            y = layer(*[x] * inputs)
        y = y[0] if isinstance(y, tuple) else y
        y.float().sum().backward()
        return str(y.dtype).rpartition(".")[2], [str(p.grad.dtype).rpartition(".")[2] for p in layer.parameters()]

    assert result(rl) == result(torch)


@pytest.mark.parametrize("expression", ["x @ x", "t.mm(x, x)", "x[0].dot(x[0])", "x.mv(x[0])", "t.einsum('ij,jk', x, x)", "(x @ x).sum()",
                                        "(x @ x).softmax(-1)", "(x @ x).prod()", "t.cat([x @ x, x])", "t.addmm(x, x, x)",
                                        "t.nn.functional.cross_entropy(x @ x, t.arange(3))", "(x @ x).exp() + x"])
def test_operations_give_the_dtype_that_torch_gives(expression):
    torch = pytest.importorskip("torch")

    def result(lib):
        with lib.autocast("cpu"):
            return str(eval(expression, {"t": lib, "x": lib.ones(3, 3)}).dtype).rpartition(".")[2]

    assert result(rl) == result(torch)


def test_gradients_come_back_in_the_parameters_dtype():
    layer = rl.nn.Linear(3, 2)
    with rl.autocast("cpu"):
        loss = layer(rl.ones(4, 3)).float().sum()
    loss.backward()
    assert layer.weight.grad.dtype == rl.float32 and layer.weight.grad.tolist() == [[4.0] * 3] * 2


def test_decorated_functions():
    @rl.autocast("cpu")
    def f(x):
        return x @ x

    assert f(rl.ones(2, 2)).dtype == rl.bfloat16
    with pytest.raises(TypeError, match="requires a callable"):
        rl.autocast("cpu")(3)


def test_devices_that_are_not_there():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        with rl.autocast("cuda"):
            assert not rl.is_autocast_enabled("cuda")
    with pytest.raises(RuntimeError, match="device type"):
        rl.autocast("toaster")
    with pytest.warns(UserWarning, match="not supported"):
        rl.autocast("cpu", dtype=rl.float32)


def test_scaler_without_cuda_is_off():
    with pytest.warns(UserWarning, match="Disabling"):
        scaler = rl.amp.GradScaler()
    assert not scaler.is_enabled() and scaler.state_dict() == {} and scaler.scale(3) == 3 and scaler.get_scale() == 1.0


@pytest.mark.parametrize("fused", [False, True])
def test_scaler_steps_grows_and_falls(fused):
    p = rl.ones(2, requires_grad=True)
    optimizer = rl.optim.SGD([p], lr=1.0, fused=fused)
    scaler = rl.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    for _ in range(2):
        optimizer.zero_grad()
        scaler.scale(p.sum()).backward()
        assert p.grad.tolist() == [4, 4]
        scaler.step(optimizer)
        scaler.update()
    assert p.tolist() == [-1, -1] and scaler.get_scale() == 8.0
    optimizer.zero_grad()
    scaler.scale((p * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert p.tolist() == [-1, -1] and scaler.get_scale() == 4.0


def test_scaler_order_of_calls():
    p = rl.ones(2, requires_grad=True)
    optimizer, scaler = rl.optim.SGD([p], lr=1.0), rl.amp.GradScaler("cpu", init_scale=4.0)
    with pytest.raises(AssertionError, match="_scale is None"):
        scaler.step(optimizer)
    scaler.scale(p.sum()).backward()
    scaler.unscale_(optimizer)
    assert p.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    scaler.update()
    other = rl.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 4.0


def test_custom_functions_choose_their_precision():
    class Square(rl.autograd.Function):
        @staticmethod
        @rl.amp.custom_fwd(device_type="cpu", cast_inputs=rl.float32)
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x @ x

        @staticmethod
        @rl.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            x, = ctx.saved_tensors
            return grad @ x.t() + x.t() @ grad

    x = rl.ones(2, 2, requires_grad=True)
    with rl.autocast("cpu"), warnings.catch_warnings():
        warnings.simplefilter("error")
        y = Square.apply(x)
    assert y.dtype == rl.float32
    y.sum().backward()
    assert x.grad.tolist() == [[4, 4], [4, 4]]


HALVES = ["t.linalg.norm(b)", "t.linalg.vector_norm(b)", "t.norm(b)", "t.renorm(b, 2, 0, 1.0)", "F.kl_div(b, b)", "F.huber_loss(b, b)", "F.l1_loss(b, b)", "F.poisson_nll_loss(b, b)",
          "F.cosine_embedding_loss(b, b, t.ones(2))", "F.soft_margin_loss(b, b)", "F.hinge_embedding_loss(b, b)", "F.margin_ranking_loss(b[0], b[0], b[0])", "F.triplet_margin_loss(b, b, b)",
          "F.multi_margin_loss(b, t.tensor([0, 1]))", "F.pad(b, (1, 1), 'reflect')", "F.bilinear(x, x, t.ones(1, 2, 2))", "t.cdist(b, b)", "F.interpolate(b[None], scale_factor=2)",
          "F.scaled_dot_product_attention(x, x, x)", "F.embedding_bag(t.tensor([[0, 1]]), b)", "F.grid_sample(b[None, None], t.zeros(1, 1, 1, 2).bfloat16(), align_corners=False)"]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", HALVES)
def test_halves_give_the_dtype_that_torch_gives(expression):
    torch = pytest.importorskip("torch")

    def result(lib):
        x = lib.ones(2, 2) + lib.eye(2)
        with lib.autocast("cpu", dtype=lib.bfloat16):
            return str(eval(expression, {"t": lib, "F": lib.nn.functional, "x": x, "b": x.bfloat16()}).dtype).rpartition(".")[2]

    assert result(rl) == result(torch)


@pytest.mark.parametrize("transform", ["fft", "rfft", "ifft2", "rfftn"])
def test_fourier_transforms_run_in_single_precision(transform):
    x = rl.ones(2, 4, dtype=rl.bfloat16, requires_grad=True)
    with pytest.raises(RuntimeError, match="Unsupported dtype"):
        getattr(rl.fft, transform)(x)
    with rl.autocast("cpu"):
        y = getattr(rl.fft, transform)(x)
    assert y.dtype is rl.complex64
    y.abs().sum().backward()
    assert x.grad.dtype is rl.bfloat16
