"""ModelOutput: a dict that hides None, read by name, attribute and position."""

import copy
import dataclasses
import pickle

import pytest

import rushlight as rl
from rushlight.hf import ModelOutput
from rushlight.utils.data import default_collate


@dataclasses.dataclass
class Classified(ModelOutput):
    loss: object = None
    logits: object = None
    hidden: object = None


@pytest.mark.parametrize("make", [Classified, ModelOutput])
def test_none_is_hidden(make):
    out = make(loss=None, logits=2, hidden=3)
    assert out.loss is None and "loss" not in out and list(out) == ["logits", "hidden"] and len(out) == 2
    assert out["logits"] == out.logits == out[0] == 2 and out[-1] == 3 and out[:] == (2, 3) == out.to_tuple()
    assert {**out} == {"logits": 2, "hidden": 3} == out and out.get("loss", 9) == 9
    with pytest.raises(KeyError):
        out["loss"]
    with pytest.raises(IndexError):
        out[2]
    with pytest.raises(AttributeError, match="nothing"):
        out.nothing


def test_setting():
    out = Classified(logits=2)
    out.loss = 1
    assert out["loss"] == 1 and list(out) == ["logits", "loss"]
    out["hidden"] = 5
    assert out.hidden == 5
    out.loss = None
    assert "loss" not in out and out.loss is None
    empty = Classified()
    empty.hidden = 4
    assert list(empty) == ["hidden"]


def test_first_field_may_be_all_of_them():
    assert list(Classified({"logits": 1, "hidden": 2})) == ["logits", "hidden"]
    assert Classified([("loss", 1), ("hidden", 2)]).hidden == 2
    assert Classified((1, 2)).loss == (1, 2)
    tensor = rl.tensor([1.0, 2.0])
    assert Classified(tensor).loss is tensor


@pytest.mark.parametrize("method, arguments", [("pop", ("loss",)), ("update", ({},)), ("setdefault", ("loss", 1)),
                                               ("__delitem__", ("loss",)), ("popitem", ())])
def test_removing_is_refused(method, arguments):
    with pytest.raises(Exception, match=f"You cannot use ``{method}`` on a Classified instance"):
        getattr(Classified(loss=1), method)(*arguments)


def test_more_than_one_required_field_is_refused():
    @dataclasses.dataclass
    class Two(ModelOutput):
        one: object
        two: object

    with pytest.raises(ValueError, match="should not have more than one required field"):
        Two(1, 2)


@pytest.mark.parametrize("make", [Classified, ModelOutput])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda out: pickle.loads(pickle.dumps(out)),
                                   lambda out: out.copy()])
def test_copies(make, again):
    out = make(logits=[1], hidden=None)
    other = again(out)
    assert type(other) is make and other == out and other.hidden is None
    other.hidden = 2
    assert "hidden" not in out and list(other) == ["logits", "hidden"]


def test_a_forward_may_return_it():
    class Model(rl.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = rl.nn.Linear(3, 2)

        def forward(self, model_inputs, labels=None):
            logits = self.layer(model_inputs)
            loss = rl.nn.functional.cross_entropy(logits, labels) if labels is not None else None
            return Classified(loss=loss, logits=logits)

    model = Model()
    out = model(rl.ones(4, 3), labels=rl.tensor([0, 1, 0, 1]))
    out.loss.backward()
    assert out[0] is out.loss and model.layer.weight.grad is not None
    assert model(rl.ones(4, 3))[0].shape == (4, 2) and "loss" not in model(rl.ones(4, 3))


def test_collating_keeps_the_class():
    batch = default_collate([ModelOutput(a=1), ModelOutput(a=2)])
    assert batch["a"].tolist() == [1, 2]
