"""The command line, `rushlight` and `python -m rushlight`."""

from rushlight.cli.command import main
