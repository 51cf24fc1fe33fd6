"""`rushlight check` beside programs whose missing names are known."""

import pytest

CHECK = ("-m", "rushlight", "check")


def test_missing_names_with_their_lines(program):
    (program.folder / "part.py").write_text("import torch.fx\n\ntrace = torch.fx.symbolic_trace\n")
    result = program(
        """
        import torch, part
        import torch.nn as nn
        import torch.nn.functional as F
        from torch.fx import Node
        from torch.nn import Linear, quantized
        from torch.utils import data, nowhere

        fast = F
        fast.relu(nn.Linear(1, 1)(torch.ones(1)))
        fast.no_such(torch.float32.itemsize)

        def later(x, node: Node):
            return torch.quantize_per_tensor(x.view(1).to_mkldnn(), 1, 1, torch.float32)

        torch.mine = 1
        """,
        python=CHECK,
    )
    found = [line.split(": ") for line in result.stdout.splitlines()]
    assert [tuple(line[:2]) for line in found[:-1]] == [
        ("part.py:3", "torch.fx.symbolic_trace"),
        ("program.py:5", "torch.fx.Node"),
        ("program.py:7", "torch.utils.nowhere"),
        ("program.py:11", "torch.nn.functional.no_such"),
        ("program.py:13", "torch.fx.Node"),
        ("program.py:14", "torch.Tensor.to_mkldnn"),
        ("program.py:14", "torch.quantize_per_tensor"),
    ]
    assert "leave the tracing out" in found[0][2] and found[2][2] == "PyTorch 2.13 does not have it either"
    assert found[-1][0].endswith("names used are missing") and result.returncode == 1


def test_nothing_is_run_and_nothing_is_missing(program):
    result = program("import torch\nraise SystemExit(torch.ones(3).sum().item())\n", python=CHECK)
    assert result.stdout == "none of the 4 names used is missing\n" and result.returncode == 0


@pytest.mark.parametrize(
    "module", ["activation.MultiheadAttention", "utils._pair", "loss.Tensor", "transformer._get_clones"]
)
def test_names_that_lie_elsewhere_here(passes, module):
    path, name = module.rsplit(".", 1)
    passes(f"from torch.nn.modules.{path} import {name}; import torch.nn; assert torch.nn.modules.{module} is {name}")


def test_files_that_are_not_read(program):
    result = program("x = (", python=CHECK)
    assert "program.py is not read" in result.stderr and result.returncode == 0
    assert program("", name="gone.py", python=(*CHECK, "missing.py")).returncode == 2
