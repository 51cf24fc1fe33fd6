"""`rushlight run` beside `python`: arguments, paths, exit codes and tracebacks are the same."""

import pytest

TELLS = """
    import sys, os, __main__
    print(sys.argv, __name__, __file__, os.path.realpath(sys.path[0]) == os.getcwd(), __main__.__file__, __spec__)
    print(sorted(k for k in vars() if k not in ("__annotations__", "__cached__", "__loader__")))
    if len(sys.argv) > 1:
        exec(sys.argv[1])
"""


@pytest.mark.parametrize("then", ["sys.exit('a message')", "quit(4)", "1 / 0", "sys.exit()"])
def test_as_python_runs_it(program, then):
    ours, pythons = (program(TELLS, then, "--flag", python=p) for p in (("-m", "rushlight", "run"), ()))
    assert ours.returncode == pythons.returncode
    assert ours.stdout == pythons.stdout
    assert ours.stderr == pythons.stderr


def test_a_module(program):
    (program.folder / "package").mkdir()
    (program.folder / "package" / "__main__.py").write_text(
        "import sys, torch; print(sys.argv[1:], __name__, __package__)"
    )
    result = program("", "--x", name="unused.py", python=("-m", "rushlight", "run", "-m", "package"))
    assert result.stdout == "['unused.py', '--x'] __main__ package\n", result.stderr


def test_a_syntax_error_is_told_as_python_tells_it(program):
    ours, pythons = (program("x = (\n", python=p) for p in (("-m", "rushlight", "run"), ()))
    assert ours.returncode == pythons.returncode == 1
    assert ours.stderr == pythons.stderr and "SyntaxError" in ours.stderr


def test_ctrl_c(program):
    result = program("raise KeyboardInterrupt")
    assert result.returncode == 130 and result.stderr.endswith("KeyboardInterrupt\n")


def test_wrong_usage(program):
    assert program("", python=("-m", "rushlight", "run", "missing.py")).returncode == 2
    assert "can't open file" in program("", python=("-m", "rushlight", "run", "missing.py")).stderr
    result = program("", python=("-m", "rushlight", "run", "-m", "no_such_module"))
    assert result.returncode == 1 and "no_such_module" in result.stderr
