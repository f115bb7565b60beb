"""`chakra warmup`: compile every columnar kernel now instead of at its first use."""

from __future__ import annotations

import click


@click.command("warmup")
def command() -> None:
    """Compile the columnar kernels into the cache on disk (seconds, once per install)."""
    from chakra.columnar.warmup import warmup

    done = warmup()
    click.echo(
        f"kernels ready after {done.seconds:.1f} s: {done.compiled} compiled, "
        f"{done.cached} from the cache in {done.folder}"
    )
