"""How a command can end: its exit codes, and the error for what the user can put right."""

from __future__ import annotations

OK = 0
FAILED = 1  # it ran, but did not reach its goal
USAGE = 2  # it was asked for something it cannot do
INTERRUPTED = 130  # Ctrl-C; 128 + SIGINT, as shells have it


class UsageError(Exception):
    """Ends a command with exit code 2 and the message, without a traceback."""
