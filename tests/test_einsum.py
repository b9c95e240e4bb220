"""einsum against NumPy, with gradients; its errors are torch's."""

import numpy as np
import pytest

import rushlight as rl

EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)), ("i,i->", (4,), (4,)), ("i,j->ij", (3,), (4,)),
    ("ii->i", (3, 3)), ("ii", (3, 3)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("ij,ij->ij", (2, 3), (2, 3)), ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    ("...ij,...jk->...ik", (2, 5, 2, 3), (5, 3, 4)), ("...i->...", (2, 3, 4)), ("i...,i...", (3, 2), (3, 2)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)), ("iij,j->i", (3, 3, 2), (2,)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)), ("ij,kj->", (2, 3), (4, 3)), ("ba,b->", (2, 3), (2,)), ("a,b,c->cab", (2,), (3,), (4,)), ("ij,j...->i...", (2, 3), (3, 4, 5)),
]


@pytest.mark.parametrize("equation, shapes", [(e[0], e[1:]) for e in EQUATIONS])
def test_values_and_gradients(equation, shapes):
    draw = np.random.default_rng(0)
    operands = [draw.standard_normal(shape) for shape in shapes]
    tensors = [rl.from_numpy(operand).requires_grad_() for operand in operands]
    got = rl.einsum(equation, *tensors)
    want = np.einsum(equation, *operands)
    assert tuple(got.shape) == want.shape
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-12, atol=1e-12)
    assert rl.autograd.gradcheck(lambda *t: rl.einsum(equation, *t), tensors, check_undefined_grad=False)


def test_sizes_of_one_are_stretched():
    torch = pytest.importorskip("torch")
    draw = np.random.default_rng(0)
    for equation, shapes in [("ij,ij->ij", ((1, 3), (2, 3))), ("ij,jk->ik", ((2, 1), (3, 4))), ("...i,...i->...", ((1, 5, 2), (3, 1, 2))), ("ij,ij->", ((1, 3), (2, 1)))]:
        operands = [draw.standard_normal(shape) for shape in shapes]
        got = rl.einsum(equation, *map(rl.from_numpy, operands)).numpy()
        want = torch.einsum(equation, *map(torch.from_numpy, operands)).numpy()
        assert got.shape == want.shape, equation
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_other_ways_to_call():
    a, b = rl.rand(2, 3), rl.rand(3, 4)
    product = (a @ b).tolist()
    assert rl.einsum("ij , jk -> ik", [a, b]).tolist() == product
    assert rl.einsum(a, [0, 1], b, [1, 2], [0, 2]).tolist() == product
    assert rl.einsum("ij,jk->ik", rl.tensor([[1, 2]]), rl.tensor([[3], [4]])).tolist() == [[11]]
    square = rl.rand(3, 3)
    assert rl.einsum("ii->i", square).data_ptr() == square.data_ptr()     # a view


@pytest.mark.parametrize("equation, shapes, message", [
    ("ij,jk", ((2, 3),), "fewer operands were provided than specified in the equation"),
    ("ij", ((2, 3), (2, 3)), "more operands were provided than specified in the equation"),
    ("i", ((2, 3),), r"the number of subscripts in the equation \(1\) does not match the number of dimensions \(2\) for operand 0 and no ellipsis was given"),
    ("ij,jk->ik", ((2, 3), (4, 5)), "subscript j has size 4 for operand 1 which does not broadcast with previously seen size 3"),
    ("ii", ((2, 3),), "subscript i is repeated for operand 0 but the sizes don't match, 3 != 2"),
    ("i->j", ((2,),), "output subscript j does not appear in the equation for any input operand"),
    ("i->ii", ((2,),), "output subscript i appears more than once in the output"),
    ("i1", ((2, 3),), "invalid subscript given at index 1 in the equation string"),
    ("..i", ((2, 3),), "found '.' for operand 0 that is not part of any ellipsis"),
])
def test_errors(equation, shapes, message):
    for name in ("rushlight", "torch"):
        lib = pytest.importorskip(name)
        with pytest.raises(RuntimeError, match=message):
            lib.einsum(equation, *[lib.rand(*shape) for shape in shapes])
