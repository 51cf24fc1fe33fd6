"""`python -m torch.distributed.run`, which is torchrun: as `rushlight launch`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..cli import launch
from ..cli.outcome import UsageError


def main(args: Sequence[str] | None = None) -> int:
    """Starts the processes and waits for them; the exit code is mpiexec's."""
    parser = argparse.ArgumentParser(prog="torchrun", description=launch.SUMMARY)
    launch.add_arguments(parser)
    try:
        return launch.run(parser.parse_args(args))
    except UsageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
