"""Python as the evaluator reads it does what Python does: each function is called as it is and compiled, with changes
between calls, and both must agree in everything."""

import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.compiler.api import capture_of, explain
from tests.compiler.both_ways import bits

TABLE = [[1.0, 2.0], [3.0, 4.0]]
PAIR = {"a": 1.0, "b": [2.0]}
WORD = "ab"


def loops(x):
    total = 0
    for i, (a, b) in enumerate(zip(range(4), [1, 2, 3, 4])):
        if i == 1:
            continue
        if i == 3:
            break
        total += a * b
    else:
        total = 100
    n = 3
    while n:
        n -= 1
        total += n
    return x + total


def unpacks(x):
    first, *middle, last = [1, 2, 3, 4]
    (a, b), c = (1, 2), [3]
    return x * first + sum(middle) * last + a + b + c[0]


def slices(x):
    values = list(range(10))[2:8:2] + [7]
    values[0] = 5
    values.append(x.shape[0])
    named = {"k": values, "z": 1}
    return x * named["k"][-1] + len(named) + sum(named["k"][:2])


def compares(x):
    ok = (1 < x.dim() + 1 <= 2 and not x.is_complex()) or None
    return x if ok is None else (x + 1 if 2 in (1, 2) and "a" in WORD else x - 1)


def comprehends(x):
    n = 2
    squares = [i * i for i in range(4) if i % 2 for _ in range(n)]
    lookup = {str(i): i for i in squares}
    return x * sum(i for i in squares) + max(lookup.values()) + any(i > 8 for i in squares) + all(i for i in squares)


def texts(x):
    return x + len(f"{x.shape[0]:>5}|{WORD!r}|{3.5:.2f}" + "a,b".split(",")[0].upper() + "%d" % 3)  # noqa: UP031


def reads_tables(x):
    return torch.tensor(TABLE) * x + PAIR["a"] + PAIR["b"][0] + sum(row[0] for row in TABLE)


def calls(x, scale=2.0, *more, shift=0.0, **named):
    def_args = dict(shift=shift)
    return helper(x, *more, scale=scale, **def_args) + named.get("bonus", 0.0)


def helper(x, *more, scale, shift):
    return x * scale + shift + len(more)


def draws(x):
    return F.dropout(x, 0.5) + torch.rand(2) + torch.randn_like(x)


def in_place(x):
    y = x * 1
    y += 1
    y *= x
    y.add_(2)
    return y


def switches(x):
    with torch.no_grad():
        y = x * 2
    with torch.enable_grad():
        return y + x


FUNCTIONS = [
    loops, unpacks, slices, compares, comprehends, texts, reads_tables, calls, draws, in_place, switches,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_agrees(function, monkeypatch):
    TABLE[1][0], PAIR["b"][0] = 3.0, 2.0
    made = torch.compile(function)
    for i in range(10):
        if i == 5:
            monkeypatch.setitem(globals(), "WORD", "xyz")
            TABLE[1][0], PAIR["b"][0] = 9.0, 7.0
        x = torch.full((2,), float(i), requires_grad=function is not in_place)
        torch.manual_seed(i)
        expected = bits(function(x)), bits(torch.get_rng_state())
        torch.manual_seed(i)
        assert (bits(made(x)), bits(torch.get_rng_state())) == expected
    assert capture_of(made).replays >= 5 and not capture_of(made).refusals, explain(made)


def test_arguments_of_calls():
    made = torch.compile(calls)
    x = torch.ones(1)
    for args, kwargs in [((x,), {}), ((x, 3.0, 1, 1), {"shift": 1.0}), ((x,), {"bonus": 5.0})] * 4:
        assert bits(made(*args, **kwargs)) == bits(calls(*args, **kwargs))
    assert capture_of(made).replays >= 6
    with pytest.raises(TypeError, match="argument"):
        made()


def test_properties_class_attributes_static_and_class_methods():
    class Net(nn.Module):
        factor = 2.0

        @property
        def doubled(self):
            return self.factor * 2

        @staticmethod
        def add(x, y):
            return x + y

        @classmethod
        def scaled(cls, x):
            return x * cls.factor

        def forward(self, x):
            return self.add(self.scaled(x), self.doubled) + getattr(self, "extra", 1.0) + hasattr(self, "other")

    net = Net()
    made = torch.compile(net)
    for i in range(12):
        if i == 4:
            Net.factor = 3.0
        elif i == 7:
            net.extra = 10.0
        elif i == 9:
            net.other = None
        assert bits(made(torch.ones(1))) == bits(net(torch.ones(1)))
    assert capture_of(made).replays >= 6, explain(made)


def test_another_class():
    class Halved(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 0.5

    net = nn.Sequential(nn.Linear(2, 2))
    made = torch.compile(net)
    for i in range(8):
        if i == 4:
            net[0].__class__ = Halved
        assert bits(made(torch.ones(1, 2))) == bits(net(torch.ones(1, 2)))
    assert capture_of(made).replays >= 4


def test_a_schedule_inside_the_step():
    def training(compile_):
        torch.manual_seed(0)
        net = nn.Linear(2, 1)
        opt = optim.SGD(net.parameters(), lr=0.1)
        schedule = optim.lr_scheduler.StepLR(opt, 4, 0.5)

        @compile_
        def step(x):
            opt.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            opt.step()
            schedule.step()
            return loss

        return step, [step(torch.randn(3, 2)) for _ in range(30)], net.state_dict()

    plain, made = training(lambda f: f), training(torch.compile)
    assert bits(plain[1:]) == bits(made[1:])
    assert capture_of(made[0]).replays >= 15, explain(made[0])


def test_rates_read_after_a_scheduler_stepped_are_refused():
    w = torch.ones(1, requires_grad=True)
    opt = optim.SGD([w], lr=1.0)
    schedule = optim.lr_scheduler.ExponentialLR(opt, 0.5)

    def step():
        opt.step()
        schedule.step()
        return opt.param_groups[0]["lr"]

    made = torch.compile(step)
    assert [made() for _ in range(20)] == [0.5 ** (i + 1) for i in range(20)]
    assert "is read after a scheduler's step" in explain(made)


def test_numbers_in_texts_and_lists_are_numbers():
    seen = []

    def logs(x):
        own = [x.sum().item()]
        seen.append(own)
        own.append(x.sum().item())
        return "%.1f" % (x.sum().item(),), own  # noqa: UP031

    made = torch.compile(logs)
    for i in range(5):
        assert made(torch.full((2,), float(i))) == (f"{2.0 * i:.1f}", [2.0 * i] * 2)
    assert all(type(number) is float for own in seen for number in own)


def test_numbers_may_be_returned():
    made = torch.compile(lambda x: {"sum": x.sum().item(), "n": int(x.numel()), "first": [float(x[0]), x]})
    for i in range(5):
        found = made(torch.full((2,), float(i)))
        assert found["sum"] == 2.0 * i and found["first"][0] == float(i) and found["n"] == 2
    assert capture_of(made).replays == 3


def test_tensors_of_subclasses_run_as_they_are():
    class Mine(torch.Tensor):
        pass

    made = torch.compile(lambda x: x + 1)
    x = torch.ones(2).as_subclass(Mine)
    assert all(bits(made(x)) == bits(x + 1) for _ in range(4)) and "a Mine over" in explain(made)


def test_layout_that_is_chosen_late():
    """A result of a convolution lies channels-last until its strides are asked for; one of the user's stays so."""
    conv = nn.Conv2d(3, 8, 3)

    def head(x):
        return x.flatten(1), x.stride(), x.is_contiguous()

    made = torch.compile(head)
    for _ in range(3):
        x = conv(torch.ones(2, 3, 5, 5))
        assert bits(made(x)) == bits(head(x))
        y = torch.ones(2, 8, 3, 3).to(memory_format=torch.channels_last)
        assert bits(made(y)) == bits(head(y))


def test_attention_modules():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    made = torch.compile(nn.TransformerEncoder(layer, 2))
    plain = made._orig_mod
    for _ in range(4):
        grads = []
        x = torch.randn(2, 5, 8)
        for f in (plain, made):
            plain.zero_grad()
            f(x).square().sum().backward()
            grads.append(bits([p.grad for p in plain.parameters()]))
        assert grads[0] == grads[1]
    assert capture_of(made).replays >= 2, explain(made)


def test_attention_with_masks_runs_as_it_is():
    attend = nn.MultiheadAttention(4, 2, batch_first=True)
    made = torch.compile(lambda x, hidden: attend(x, x, x, key_padding_mask=hidden)[0])
    x = torch.randn(2, 3, 4)
    for hidden in (torch.tensor([[False] * 3] * 2), torch.tensor([[False, False, True]] * 2)) * 2:
        assert bits(made(x, hidden)) == bits(attend(x, x, x, key_padding_mask=hidden)[0])
    assert capture_of(made).replays == 0


def test_convolutions_are_recorded_while_images_are_looked_at(monkeypatch):
    monkeypatch.setattr(torch.mistakes.looks, "images", 3)
    for channels in (1, 8):
        net = nn.Conv2d(channels, 2, 3)
        made = torch.compile(net)
        for _ in range(4):
            x = torch.randn(2, channels, 5, 5)
            assert bits(made(x)) == bits(net(x))
        assert capture_of(made).replays == 2, explain(made)


def test_integers_that_may_not_be_divided():
    made = torch.compile(lambda x, y: x // y)
    for y in (1, 2, 3, 4):
        assert made(torch.tensor([7]), torch.tensor([y])).item() == 7 // y
        assert made(torch.ones(1), torch.tensor([float(y)])).item() == 1 // y
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        made(torch.tensor([7]), torch.tensor([0]))
