"""What is measured.  A row makes, for a library t (torch, rushlight, or NumPy where it has numpy=), a statement and its names."""

from . import models

ROWS = []


class Row:
    def __init__(self, number, name, gate, stretch, make, numpy):
        self.number, self.name, self.gate, self.stretch, self.make, self.numpy = number, name, gate, stretch, make, numpy


def row(number, name, gate, stretch, numpy=None):
    """Register a function t -> (statement, names) or t -> function.  gate: rushlight is to be this many times as fast as torch."""

    def register(make):
        ROWS.append(Row(number, name, gate, stretch, make, numpy))
        return make

    return register


def sixteen(t, **kwargs):
    t.manual_seed(0)
    return t.rand(16, **kwargs)


# Small tensors: what a call costs


@row("3", "a+b, 16 elements", 10, 20, numpy=lambda np: ("a + b", {"a": np.ones(16, "f4"), "b": np.ones(16, "f4")}))
def add_16(t):
    return "a + b", {"a": sixteen(t), "b": sixteen(t)}


@row("4", "a+b, 16 elements, with a node", 12, 25)
def add_16_grad(t):
    return "a + b", {"a": sixteen(t, requires_grad=True), "b": sixteen(t)}


@row("5", "x*2.0, 16 elements", 14, 28, numpy=lambda np: ("x * 2.0", {"x": np.ones(16, "f4")}))
def mul_16(t):
    return "x * 2.0", {"x": sixteen(t)}


@row("6a", "x.view(4, 4)", 6, 10, numpy=lambda np: ("x.reshape(4, 4)", {"x": np.ones(16, "f4")}))
def view(t):
    return "x.view(4, 4)", {"x": sixteen(t)}


@row("6b", "x[3]", 6, 10, numpy=lambda np: ("x[3]", {"x": np.ones(16, "f4")}))
def index(t):
    return "x[3]", {"x": sixteen(t)}


@row("6c", "x[3].item()", 6, 10, numpy=lambda np: ("x[3].item()", {"x": np.ones(16, "f4")}))
def item(t):
    return "x[3].item()", {"x": sixteen(t)}


@row("7", "((x*y+x).sum()).backward()", 15, 28)
def backward_16(t):
    return "((x * y + x).sum()).backward()", {"x": sixteen(t, requires_grad=True), "y": sixteen(t, requires_grad=True)}


@row("8", "Linear(4, 4), batch 1", 10, 18)
def linear_4(t):
    return "net(x)", {"net": t.nn.Linear(4, 4), "x": t.rand(1, 4)}


def passing(t):
    """A module that does nothing, in a Sequential, and a parameter beside it."""

    class Pass(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = t.nn.Parameter(t.ones(1))

        def forward(self, x):
            return x

    return Pass()


@row("8b", "a module that returns its input, called", 4, 7)
def module_call(t):
    return "net(x)", {"net": passing(t), "x": 1}


@row("8c", "a parameter read from its module", 6, 12)
def module_attribute(t):
    return "net.weight", {"net": passing(t)}


@row("8d", "Module()", 2, 5)
def module_made(t):
    return "Module()", {"Module": t.nn.Module}


# Training steps


def xor(t, make_optimizer):
    inputs, targets = t.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), t.tensor([[0.0], [1], [1], [0]])
    net = t.nn.Sequential(t.nn.Linear(2, 8), t.nn.Tanh(), t.nn.Linear(8, 1))
    return models.training_step(t, net, inputs, targets, make_optimizer, t.nn.functional.mse_loss)


@row("9a", "XOR MLP 2-8-1 b4, SGD", 14, 28)
def xor_sgd(t):
    return xor(t, lambda p: t.optim.SGD(p, lr=0.1))


@row("9b", "XOR MLP 2-8-1 b4, Adam", 16, 32)
def xor_adam(t):
    return xor(t, lambda p: t.optim.Adam(p, lr=0.01))


def digits(t, n=64, features=784):
    t.manual_seed(0)
    return t.rand(n, features), t.randint(0, 10, (n,))


@row("10", "MLP 784-128-10 b64, SGD", 1.6, 1.85)
def mlp_sgd(t):
    return models.training_step(t, models.mlp(t, 784, 128, 10), *digits(t), lambda p: t.optim.SGD(p, lr=0.01))


@row("11", "MLP 784-256-128-10 b64, Adam", 1.6, 1.9)
def mlp_adam(t):
    return models.training_step(t, models.mlp(t, 784, 256, 128, 10), *digits(t), lambda p: t.optim.Adam(p, lr=1e-3))


def images(t, n, channels, size):
    t.manual_seed(0)
    return t.rand(n, channels, size, size), t.randint(0, 10, (n,))


@row("12", "LeNet b64 28x28, SGD momentum", 1.3, 1.8)
def lenet_step(t):
    return models.training_step(t, models.lenet(t), *images(t, 64, 1, 28), lambda p: t.optim.SGD(p, lr=0.01, momentum=0.9))


@row("13", "LeNet b1 inference, no_grad", 3.5, 5)
def lenet_inference(t):
    net, x = models.lenet(t).eval(), t.rand(1, 1, 28, 28)

    def step():
        with t.no_grad():
            net(x)

    return step


@row("14", "ResNet-8 CIFAR b32, SGD momentum", 1.2, 1.6)
def resnet_step(t):
    return models.training_step(t, models.resnet8(t), *images(t, 32, 3, 32), lambda p: t.optim.SGD(p, lr=0.01, momentum=0.9))


@row("15", "conv 3x3 64->64 32x32 b32, forward and backward", 0.95, 1.05)
def conv_64(t):
    net, x = t.nn.Conv2d(64, 64, 3, padding=1), t.rand(32, 64, 32, 32, requires_grad=True)
    return "net(x).sum().backward()", {"net": net, "x": x}


def characters(t, batch, length):
    t.manual_seed(0)
    return t.randint(0, 65, (batch, length)), t.randint(0, 65, (batch * length,))


@row("16", "char-LSTM E64 H128 T64 b32, Adam", 1.0, 1.2)
def char_lstm(t):
    return models.training_step(t, models.char_rnn(t, "LSTM"), *characters(t, 32, 64), lambda p: t.optim.Adam(p, lr=1e-3))


@row("17", "char-GRU E64 H128 T64 b32, Adam", 1.5, 1.9)
def char_gru(t):
    return models.training_step(t, models.char_rnn(t, "GRU"), *characters(t, 32, 64), lambda p: t.optim.Adam(p, lr=1e-3))


def gpt_step(t, batch, *shape, **kwargs):
    return models.training_step(t, models.gpt(t, *shape, **kwargs), *characters(t, batch, shape[-1]), lambda p: t.optim.AdamW(p, lr=1e-3))


@row("18", "GPT 4L4H128d T64 b12, AdamW", 1.25, 1.5)
def gpt_large(t):
    return gpt_step(t, 12, 4, 4, 128, 64)


@row("19", "GPT 2L4H64d T64 b4, AdamW", 1.8, 2.4)
def gpt_small(t):
    return gpt_step(t, 4, 2, 4, 64, 64)


@row("19s", "the same through scaled_dot_product_attention", 1.6, 2.1)
def gpt_small_fused(t):
    return gpt_step(t, 4, 2, 4, 64, 64, fused_attention=True)


# Large tensors


@row("20", "matmul 1024^3", 0.97, 1.1, numpy=lambda np: ("a @ b", {"a": np.ones((1024, 1024), "f4"), "b": np.ones((1024, 1024), "f4")}))
def matmul(t):
    return "a @ b", {"a": t.rand(1024, 1024), "b": t.rand(1024, 1024)}


@row("21a", "bmm 96x64^3", 1.0, 1.3, numpy=lambda np: ("a @ b", {"a": np.ones((96, 64, 64), "f4"), "b": np.ones((96, 64, 64), "f4")}))
def bmm(t):
    return "a @ b", {"a": t.rand(96, 64, 64), "b": t.rand(96, 64, 64)}


@row("21b", "linear 64x784 -> 256", 0.95, 1.05)
def linear_784(t):
    return "f(x, w, b)", {"f": t.nn.functional.linear, "x": t.rand(64, 784), "w": t.rand(256, 784), "b": t.rand(256)}


@row("22a", "add 10M, fresh", 3, 5, numpy=lambda np: ("a + b", {"a": np.ones(10**7, "f4"), "b": np.ones(10**7, "f4")}))
def add_10m(t):
    return "a + b", {"a": t.rand(10**7), "b": t.rand(10**7)}


@row("22b", "add 10M, out=", 0.9, 1.0, numpy=lambda np: ("add(a, b, out=c)", {"add": np.add, **{k: np.ones(10**7, "f4") for k in "abc"}}))
def add_10m_out(t):
    return "add(a, b, out=c)", {"add": t.add, "a": t.rand(10**7), "b": t.rand(10**7), "c": t.rand(10**7)}


@row("23a", "exp 1M", 1.9, 2.4, numpy=lambda np: ("f(x)", {"f": np.exp, "x": np.ones(10**6, "f4")}))
def exp_1m(t):
    return "f(x)", {"f": t.exp, "x": t.randn(10**6)}


@row("23b", "tanh 1M", 3.5, 6, numpy=lambda np: ("f(x)", {"f": np.tanh, "x": np.ones(10**6, "f4")}))
def tanh_1m(t):
    return "f(x)", {"f": t.tanh, "x": t.randn(10**6)}


@row("23c", "gelu 1M", 0.8, 1.0)
def gelu_1m(t):
    return "f(x)", {"f": t.nn.functional.gelu, "x": t.randn(10**6)}


@row("24a", "softmax 4096x1024", 1.0, 1.2)
def softmax(t):
    return "f(x, dim=1)", {"f": t.softmax, "x": t.randn(4096, 1024)}


@row("24b", "layer_norm 4096x768, forward and backward", 1.3, 1.6)
def layer_norm(t):
    return "net(x).backward(g)", {"net": t.nn.LayerNorm(768), "x": t.randn(4096, 768, requires_grad=True), "g": t.randn(4096, 768)}


@row("25", "cross_entropy 256x50257, forward and backward", 6, 8)
def cross_entropy(t):
    x = t.randn(256, 50257, requires_grad=True)
    return "f(x, y).backward()", {"f": t.nn.functional.cross_entropy, "x": x, "y": t.randint(0, 50257, (256,))}


def with_gradients(t, *shapes):
    parameters = [t.nn.Parameter(t.randn(*shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = t.randn(*parameter.shape)
    return parameters


@row("26", "Adam step, 1.2M parameters", 4, 5)
def adam_step(t):
    return "step()", {"step": t.optim.Adam(with_gradients(t, (1000, 1000), (400, 500), (1000,))).step}


@row("26b", "Adam step, 1.2M parameters, torch's fused", 1.2, 1.5)
def adam_step_fused(t):
    return "step()", {"step": t.optim.Adam(with_gradients(t, (1000, 1000), (400, 500), (1000,)), fused=True).step}


@row("26c", "SGD step, 1.2M parameters, momentum", 1.5, 2)
def momentum_step(t):
    return "step()", {"step": t.optim.SGD(with_gradients(t, (1000, 1000), (400, 500), (1000,)), lr=0.1, momentum=0.9).step}


@row("26d", "Adam step, 4 small parameters", 20, 40)
def adam_step_small(t):
    return "step()", {"step": t.optim.Adam(with_gradients(t, (8, 2), (8,), (1, 8), (1,))).step}


@row("27", "embedding 10k x 128, 2048 indices, forward and backward", 1.2, 1.6)
def embedding(t):
    return "net(i).backward(g)", {"net": t.nn.Embedding(10000, 128), "i": t.randint(0, 10000, (2048,)), "g": t.randn(2048, 128)}


@row("28", "transposed copy 4096^2", 5, 8, numpy=lambda np: ("x.T.copy()", {"x": np.ones((4096, 4096), "f4")}))
def transpose(t):
    return "x.t().contiguous()", {"x": t.rand(4096, 4096)}


@row("30a", "rand 1M", 10, 20, numpy=lambda np: ("g.random(10**6, 'f4')", {"g": np.random.default_rng(0)}))
def rand_1m(t):
    return "f(1000000)", {"f": t.rand}


@row("30b", "randn 1M", 4, 5, numpy=lambda np: ("g.standard_normal(10**6, 'f4')", {"g": np.random.default_rng(0)}))
def randn_1m(t):
    return "f(1000000)", {"f": t.randn}


@row("30c", "dropout 1M", 6, 12)
def dropout_1m(t):
    return "f(x)", {"f": t.nn.functional.dropout, "x": t.ones(10**6)}


@row("30d", "randint 1M", 2, 4, numpy=lambda np: ("g.integers(0, 10, 10**6)", {"g": np.random.default_rng(0)}))
def randint_1m(t):
    return "f(10, (1000000,))", {"f": t.randint}


@row("30e", "randperm 100k", 1.5, 2.5, numpy=lambda np: ("g.permutation(100000)", {"g": np.random.default_rng(0)}))
def randperm_100k(t):
    return "f(100000)", {"f": t.randperm}


@row("30f", "initialisation of a ResNet-18", 2, 4)
def resnet_initialisation(t):
    return "f(t)", {"f": models.resnet18_weights, "t": t}


@row("29", "DataLoader over TensorDataset 6400/64, shuffled, an epoch", 8, 12)
def loader(t):
    import importlib

    data = importlib.import_module(f"{t.__name__}.utils.data")
    dataset = data.TensorDataset(t.rand(6400, 784), t.randint(0, 10, (6400,)))
    batches = data.DataLoader(dataset, batch_size=64, shuffle=True)

    def epoch():
        for _ in batches:
            pass

    return epoch


@row("29w", "DataLoader with a worker, 64 batches of 200 kB", 1.5, 2.5)
def worker(t):
    import importlib

    data = importlib.import_module(f"{t.__name__}.utils.data")
    make = {"__len__": lambda self: 64, "__getitem__": lambda self, i: t.zeros(64, 784)}
    batches = data.DataLoader(type("Zeros", (data.Dataset,), make)(), batch_size=None, num_workers=1)

    def epoch():
        for _ in batches:
            pass

    return epoch
