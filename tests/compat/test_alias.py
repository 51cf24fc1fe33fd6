"""`import torch` answered by Rushlight: the modules, the classes' places, and what stands for what we lack."""


def test_modules_are_rushlights_own(passes):
    passes(
        """
        import sys
        import rushlight
        import torch, torch.nn as nn, torch.nn.functional as F, torch.utils.data
        from torch.nn.modules.batchnorm import _BatchNorm
        from torch.utils.data.dataloader import DataLoader
        from torch.optim.adamw import AdamW
        import torch.optim.lr_scheduler

        assert F is rushlight.nn.functional and torch.nn.functional is F
        assert torch.Tensor is rushlight.Tensor and torch.float32 is rushlight.float32
        assert issubclass(nn.BatchNorm2d, _BatchNorm) and AdamW is rushlight.optim.AdamW
        assert torch.utils.data.DataLoader is DataLoader
        assert torch.__name__ == "torch" and rushlight.__version__ != torch.__version__
        assert not hasattr(torch, "train") and not hasattr(torch, "no_such_name")
        torch.mine = 1
        from torch import mine
        """
    )


def test_classes_say_where_pytorch_has_them(passes):
    out = passes(
        """
        import torch, pickle, rushlight
        print(type(torch.ones(1)), torch.nn.Linear, torch.optim.SGD, torch.nn.Parameter, torch.Size)
        model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU())
        assert type(pickle.loads(pickle.dumps(model))[0]) is torch.nn.Linear
        torch.save(model, "model.pt")
        assert type(torch.load("model.pt", weights_only=False)[0]) is rushlight.nn.Linear
        """
    )
    assert out.split("<class ")[1:] == [
        "'torch.Tensor'> ",
        "'torch.nn.modules.linear.Linear'> ",
        "'torch.optim.sgd.SGD'> ",
        "'torch.nn.parameter.Parameter'> ",
        "'torch.Size'>\n",
    ]


def test_names_that_we_lack_import_and_raise_when_used(passes):
    passes(
        """
        import torch, torch.onnx, torch.fx as fx, torch.distributed as dist
        from torch.fx import Node, GraphModule
        from torch.ao.quantization import quantize_dynamic
        from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
        from torch.utils.cpp_extension import load
        from torch.nn.parallel import DistributedDataParallel
        from torch import SymInt

        class Tracer(fx.Tracer):
            pass

        def annotated(node: fx.Node | None, other: "list[GraphModule]") -> torch.onnx.ExportOptions: ...

        assert not isinstance(1, SymInt) and not isinstance(torch.ones(1), (Node, torch.SymInt))
        assert not dist.is_nccl_available() and not dist.is_initialized() and not torch.onnx.is_in_onnx_export()
        for use in (
            lambda: torch.onnx.export(torch.nn.Linear(1, 1), torch.ones(1), "f"),
            lambda: Tracer(),
            lambda: quantize_dynamic(torch.nn.Linear(1, 1)),
            lambda: FSDP(torch.nn.Linear(1, 1)),
            lambda: load("x"),
            lambda: dist.init_process_group("nccl"),
            lambda: torch.jit.load("x"),
            lambda: torch.hub.load("pytorch/vision", "resnet18"),
        ):
            try:
                use()
            except NotImplementedError as error:
                assert len(str(error)) > 30, error
            else:
                raise SystemExit("not refused")
        for use in (dist.get_rank, lambda: DistributedDataParallel(torch.nn.Linear(1, 1))):
            try:
                use()
            except ValueError as error:
                assert "process group" in str(error)
            else:
                raise SystemExit("there is no group")
        """
    )


def test_what_pytorch_does_not_have_is_not_there(program):
    for statement, error in (
        ("from torch._six import inf", "ModuleNotFoundError: No module named 'torch._six'"),
        ("from torch.nn import Foo", "ImportError: cannot import name 'Foo'"),
        ("import torch.train", "ModuleNotFoundError: No module named 'torch.train'"),
        ("import torch; torch.foo", "AttributeError: module 'torch' has no attribute 'foo'"),
        ("import torch; torch.cudnn_convolution", "'cudnn_convolution': PyTorch has it, Rushlight does not"),
    ):
        assert error in program(statement).stderr


def test_version_passes_checks(passes):
    passes(
        """
        import torch
        from torch import __version__, version
        major, minor, patch = torch.__version__.split(".")
        assert (int(major), int(minor)) == (2, 13) and torch.__version__ >= "1.10" and torch.__version__ > (2, 4)
        assert not torch.__version__ < "2.9.1" and torch.__version__ >= "2.13.0" and torch.__version__ != "2.12"
        assert torch.version.cuda is None is torch.version.hip and str(torch.__version__) == version.__version__
        assert isinstance(torch.__version__, str) and torch.torch_version.TorchVersion("1.8.1") < (1, 9)
        try:
            from packaging.version import parse
        except ImportError:
            parse = None
        if parse:
            assert parse(torch.__version__) >= parse("2.13") and parse(torch.__version__).base_version == "2.13.0"
        """
    )


def test_pytorch_itself_is_not_replaced(program):
    text = """
        import torch, rushlight
        try:
            rushlight.install_as_torch()
        except NotImplementedError as error:
            print(error)
        """
    result = program(text, python=())
    if "No module named 'torch'" not in result.stderr:
        assert "imported already" in result.stdout


def test_spawned_and_started_processes_find_it_too(passes):
    out = passes(
        """
        import subprocess, sys
        import torch
        import torch.multiprocessing as mp

        def work(rank, shared, plain):
            shared[rank] = rank + 1.0
            plain[rank] = 5

        if __name__ == "__main__":
            shared, plain = torch.zeros(2).share_memory_(), torch.zeros(2)
            assert shared.is_shared() and not plain.is_shared()
            mp.spawn(work, (shared, plain), nprocs=2)
            print(shared.tolist(), plain.tolist())
            print(subprocess.check_output([sys.executable, "-c", "import torch; print(torch.__version__)"], text=True))
        """
    )
    assert out.split("\n")[:2] == ["[1.0, 2.0] [0.0, 0.0]", "2.13.0+rushlight"]


def test_a_spawned_failure_is_raised(program):
    result = program(
        """
        import torch.multiprocessing as mp

        def work(rank):
            raise KeyError("inside")

        if __name__ == "__main__":
            mp.spawn(work, nprocs=1)
        """
    )
    assert (
        result.returncode == 1 and "ProcessRaisedException" in result.stderr and "KeyError: 'inside'" in result.stderr
    )


def test_waiting_for_processes_that_have_ended(passes):
    passes(
        """
        import sys, time
        import torch.multiprocessing as mp

        def work(rank, code):
            sys.exit(code)

        def ended(code):
            context = mp.spawn(work, (code,), nprocs=2, join=False)
            for process in context.processes:
                process.join()
            return context

        if __name__ == "__main__":
            assert ended(0).join() is True
            try:
                ended(3).join()
            except mp.ProcessExitedException as error:
                assert error.exit_code == 3 and error.error_index == 0
            else:
                raise SystemExit("nothing raised")
        """
    )
