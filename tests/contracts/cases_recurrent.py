"""Recurrent layers, all options, and their cells."""

import itertools

from harness import Case, Refusal


def parameters(t, gates, layers=1, directions=1, bias=True, projection=0, inputs=3, hidden=2):
    made, width = [], projection or hidden
    for layer, _ in itertools.product(range(layers), range(directions)):
        made += [t(gates * hidden, inputs if layer == 0 else width * directions), t(gates * hidden, width)]
        made += [t(gates * hidden), t(gates * hidden)] if bias else []
        made += [t(projection, hidden)] if projection else []
    return made


def states(t, kind, count, batch=2, hidden=2, projection=0):
    h = t(count, batch, projection or hidden)
    return (h, t(count, batch, hidden)) if kind == "lstm" else h


def cases():
    for kind, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
        yield from layers(kind, gates)
        yield from cells(kind, gates)


def layers(kind, gates):
    def call(t, layers=1, directions=1, bias=True, batch_first=False, projection=0):
        x = t(2, 4, 3) if batch_first else t(4, 2, 3)
        hx = states(t, kind, layers * directions, projection=projection)
        return (
            x,
            hx,
            parameters(t, gates, layers, directions, bias, projection),
            bias,
            layers,
            0.0,
            False,
            directions == 2,
            batch_first,
        )

    def packed(t):
        hx = states(t, kind, 2, batch=3)
        return t(6, 3), t.const([3, 2, 1]), hx, parameters(t, gates, 1, 2), True, 1, 0.0, False, True

    yield Case(kind, lambda t: call(t))
    yield Case(kind, lambda t: call(t, bias=False, batch_first=True), id="batch-first")
    yield Case(kind, lambda t: call(t, layers=2, directions=2), id="stacked-both-ways", gradgrad=False)
    yield Case(kind, packed, id="packed", gradgrad=False)
    if kind == "lstm":
        yield Case(kind, lambda t: call(t, projection=1), id="projected")


def cells(kind, gates):
    def call(t):
        hx = (t(3, 2), t(3, 2)) if kind == "lstm" else t(3, 2)
        return t(3, 4), hx, t(gates * 2, 4), t(gates * 2, 2), t(gates * 2), t(gates * 2)

    yield Case(kind + "_cell", call, gradgrad=kind == "gru")


def refusals():
    yield Refusal(
        "gru_cell",
        lambda t: (t(3, 4), t(3, 2), t(6, 5), t(6, 2)),
        RuntimeError,
        "gru_cell: input has inconsistent input_size",
    )
    yield Refusal(
        "gru_cell", lambda t: (t(3, 4), t(2, 2), t(6, 4), t(6, 2)), RuntimeError, "gru_cell: Input batch size"
    )
