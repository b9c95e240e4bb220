"""x[...] and x[...] = v: every form of index, against torch where it is installed and against NumPy; views, gradients, errors."""

import numpy as np
import pytest

import rushlight as rl

READS = [
    'x[5]', 'x[0,5]', 'x[0,0,0,0]', "x['a']", 'x[1.5]', 'x[::-1]', 'x[...,...]', 'x[None]', 'x[True]', 'x[False]', 'x[True,0]',
    'x[0,True]', 'x[[0,1]]', 'x[[0,1],[1,2]]', 'x[:, [0,2]]', 'x[0,[0,1],1:2]', 'x[[0],:,[1]]', 'x[torch.tensor([True,False])]',
    'x[torch.tensor([True,False,True])]', 'x[x>5]', 'x[torch.tensor(1)]', 'x[torch.tensor([5])]', 'x[torch.tensor([-3])]',
    'x[np.array([0,1])]', 'x[np.int64(1)]', 'x[range(2)]', 'x[(0,1)]', 'x[[[0,1],[1,0]]]', 'x[[True,False]]', 'x[torch.tensor(True)]',
    'x[torch.tensor([1.5])]', 'x[torch.tensor([0,1],dtype=torch.uint8)]', 'x[torch.tensor([0,1],dtype=torch.int32)]',
    'x[torch.tensor([0,1],dtype=torch.int16)]', 'x[1:0]', 'x[:,1:100]', 'x[-5:1]', 'x[torch.tensor(0):torch.tensor(2)]',
    'torch.tensor(5)[0]', 'torch.tensor(5)[...]', 'torch.tensor(5)[None]', 'torch.tensor(5)[True]', 'x[0,...,0]', 'x[()]', 'x[[]]',
    'x[[slice(0,1),0]]', 'x[[0,slice(None)]]', 'x[{}]', "x['a',0]", 'x[0:1:0]', 'x[[0,1],[0,1,2]]',
    'x[torch.tensor([[True,False,True],[False,True,True]])]', 'x[torch.tensor([[True,False],[False,True]])]',
    'x[:,torch.tensor([True,False,True]),0]', 'x[None,0,[1]]', 'x[[1],None,[1]]', 'x[..., None]', 'x[slice(1.5)]', "x[:'a']",
    'x[0][0][0]', 'x[np.array([True,False])]', 'x[2**70]', 'x[[2**70]]', 'x[torch.empty(0,dtype=torch.int64)]', 'x[[None]]',
    'x[:,:,:,0]', 'x[[0,1],:,True]', 'x[torch.tensor([0]),1,torch.tensor([2])]', 'x[1,torch.tensor([0,1])]',
    'x[[torch.tensor(0),torch.tensor(1)]]', 'x[[x[0,0,0]]]', 'x[(slice(None),[0,1])]', 'x[[(0,1)]]', 'x[((0,1),)]',
]

WRITES = [
    'y[0]=1', 'y[0,1]=5', 'y[5]=1', 'y[0]=torch.ones(3)', 'y[0]=torch.ones(2)', 'y[:]=7', 'y[...]=7', 'y[y>2]=0',
    'y[[0,1],[1,2]]=torch.tensor([8.,9.])', 'y[[0,1]]=3', "y[0]='a'", 'y[0]=[1,2,3]', 'y[None]=1', 'y[True]=1', 'y[False]=1',
    'y[y>2]=torch.ones(3)', 'y[y>2]=torch.ones(2)', 'y[[0,0]]=torch.tensor([[1.,1,1],[2,2,2]])', 'y[0]=torch.ones(1,3)',
    'y[0]=torch.ones(2,3)', 'y[0]=1j', 'y[0]=True', 'y[0,0]=torch.tensor(3)', 'y[:,1]=np.array([1,2])', 'y[...,0]=torch.tensor([1,2])',
    'y[0]=None', 'y[[]]=1', 'y[torch.tensor([0]),1]=4', 'y[1:]=y[:1]', 'del y[0]', 'y[0,0]=torch.ones(1)',
    'y[(y>2).nonzero(as_tuple=True)]=1', 'y[[0],1:]=torch.ones(1,2,dtype=torch.int64)', 'y[[0]]=torch.ones(3,dtype=torch.float64)',
    'y[y>2]=torch.tensor(1,dtype=torch.float64)', 'y[0]=torch.ones(3,dtype=torch.float64)', 'y[0:0]=torch.ones(5)',
    'y[y>100]=torch.ones(3)',
]


def plain(value):
    """A result in a form that both libraries share."""
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return tuple(value.shape), str(value.dtype).split(".")[-1], value.tolist()
    return value


def outcome(action):
    try:
        return plain(action())
    except Exception as error:
        return type(error)


def read(lib, text):
    return outcome(lambda: eval(text, {"torch": lib, "x": lib.arange(24).reshape(2, 3, 4), "np": np}))


def write(lib, text):
    y = lib.arange(6.0).reshape(2, 3)

    def action():
        exec(text, {"y": y, "torch": lib, "np": np})
        return y
    return outcome(action), y.tolist()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", READS)
def test_read_is_torchs(text):
    torch = pytest.importorskip("torch")
    assert read(rl, text) == read(torch, text)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", WRITES)
def test_write_is_torchs(text):
    torch = pytest.importorskip("torch")
    assert write(rl, text) == write(torch, text)


# Forms that mean the same in NumPy.
NUMPY = ["x[0]", "x[-1]", "x[1, 2]", "x[0, :, 1]", "x[..., 0]", "x[:, None]", "x[1:, ::2]", "x[:, 1:3, -2:]", "x[[0, 1], [1, 2]]", "x[:, [0, 2]]",
         "x[x > 5]", "x[[1], :, [0]]", "x[None, ..., None]", "x[0, [0, 2], 1:3]", "x[:, [[0, 1], [2, 0]]]", "x[True]", "x[[True, False]]",
         "x[:, [True, False, True], 1]", "x[-2:5]", "x[5:]", "x[()]", "x[...]"]


@pytest.mark.parametrize("text", NUMPY)
def test_read_is_numpys(text):
    array = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(eval(text, {"x": rl.from_numpy(array)}).numpy(), eval(text, {"x": array}))


@pytest.mark.parametrize("text", [t for t in NUMPY if "None" not in t])
def test_write_is_numpys(text):
    array = np.arange(24.0).reshape(2, 3, 4)
    mine = rl.tensor(array)
    exec(f"{text} = -1.0", {"x": array})
    exec(f"{text} = -1.0", {"x": mine})
    np.testing.assert_array_equal(mine.numpy(), array)


@pytest.mark.parametrize("text", ["x[0]", "x[:, 1]", "x[..., None]", "x[1:, ::2]", "x[0, 1]", "x[...]", "x[()]"])
def test_views_share_memory(text):
    x = rl.zeros(2, 3)
    view = eval(text)
    assert view._base is x
    view.fill_(7)
    assert (x == 7).sum() == view.numel() and x._version == 1


@pytest.mark.parametrize("text", ["x[[0, 1]]", "x[x > 0]", "x[:, [0]]"])
def test_chosen_elements_are_copies(text):
    x = rl.ones(2, 3)
    eval(text).fill_(7)
    assert x.tolist() == rl.ones(2, 3).tolist()


@pytest.mark.parametrize("text", ["x[0]", "x[:, 1]", "x[[0, 0, 1]]", "x[x > 0]", "x[..., None, 0]", "x[[0, 1], [1, 1]]", "x[None]", "x[1:, ::2]"])
def test_gradient_of_an_index(text):
    x = rl.tensor([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]], dtype=rl.float64, requires_grad=True)
    assert rl.autograd.gradcheck(lambda x: eval(text, {"x": x}), (x,))


def test_gradient_through_a_write():
    x = rl.ones(3, requires_grad=True)
    v = rl.tensor(5.0, requires_grad=True)
    y = x * 2
    y[1] = v
    y[rl.tensor([True, False, False])] = 0.0
    y.backward(rl.tensor([1.0, 2.0, 3.0]))
    assert x.grad.tolist() == [0, 0, 6] and v.grad == 2


def test_index_objects_with_index_method():
    class Two:
        def __index__(self):
            return 2

    x = rl.arange(5)
    assert x[Two()] == 2 and x[:Two()].tolist() == [0, 1]
    assert x[np.int64(3)] == 3 and x[rl.tensor(1)] == 1


def test_a_list_that_changes_while_it_is_read():
    x, key = rl.zeros(2, 2), []

    class Evil:
        def __index__(self):
            key.clear()
            return 0

    key.extend([Evil(), slice(None)])
    assert x[key].shape == (2,)


def test_assigned_values_may_begin_with_dims_of_one_element():
    """Their gradient has those dims again."""
    for index in ([0, -1, 0], ([0, 1], slice(None)), rl.tensor([True, False, True])):
        x = rl.zeros(3, 4, requires_grad=True)
        n = x[index].shape[0]
        value = rl.arange(4.0 * n).reshape(1, 1, n, 4).requires_grad_()
        y = x * 1
        y[index] = value
        (y * y).sum().backward()
        assert value.grad.shape == value.shape
        narrow = rl.ones(1, 1, 1, requires_grad=True)
        y = x * 1
        y[index] = narrow
        (g,) = rl.autograd.grad(y.sum(), narrow)
        assert g.shape == (1, 1, 1) and g.item() == x[index].numel()


def test_true_is_all_of_it():
    x = rl.zeros(3, dtype=rl.float64)
    x[True] = rl.tensor([1.0, 2.0, 3.0], dtype=rl.float32)
    assert x.tolist() == [1, 2, 3] and x.dtype == rl.float64


def test_fills_of_expanded_tensors_warn():
    def mask(*rows):
        return rl.tensor(rows)
    for base, write, expected, name in (
            (rl.zeros(2, 1).expand(2, 3), lambda x: x.masked_fill_(mask([True, False, False], [False] * 3), 1.0), [[1] * 3, [0] * 3], "masked_fill_"),
            (rl.zeros(()).expand(3), lambda x: x.masked_fill_(mask(False, True, False), 5), [5] * 3, "masked_fill_"),
            (rl.zeros(1, 2).expand(3, 2), lambda x: x.index_fill_(0, rl.tensor([1]), 2.0), [[2, 2]] * 3, "index_fill_"),
            (rl.zeros(1, 2).expand(3, 2), lambda x: x.index_fill_(1, rl.tensor([1]), 2.0), [[0, 2]] * 3, "index_fill_")):
        version = base._version
        with pytest.warns(UserWarning, match=f"Use of {name} on expanded tensors is deprecated"):
            assert write(base) is base
        assert base.tolist() == expected and base._version > version
    leaf = rl.zeros(1, 2, requires_grad=True)
    for write in (lambda x: x.masked_fill_(mask([True, False]), 5), lambda x: x.index_fill_(0, rl.tensor([1]), 2.0)):
        with pytest.raises(RuntimeError, match="single memory location"):
            write((leaf * 1).expand(3, 2))
