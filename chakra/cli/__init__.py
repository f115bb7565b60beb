"""The command `chakra`: finds the command's module and runs it; nothing in Chakra imports this package."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of the console script; says what to install when its libraries are missing."""
    try:
        import click  # noqa: F401
        import rich  # noqa: F401
    except ImportError as error:
        sys.exit(
            f'error: the command line needs {error.name}; install it with: pip install "chakra-orm[cli]"'
        )
    from chakra.cli.group import chakra_command

    chakra_command()
