"""`chakra warmup`: compile every columnar kernel now instead of at its first use."""

from __future__ import annotations

import click


@click.command("warmup")
def command() -> None:
    """Compile the columnar kernels into the cache on disk (seconds, once per install).

    Ends with status 1 if some could not be kept on disk.
    """
    from chakra.columnar.warmup import warmup

    done = warmup()
    if done.problem:
        where = (
            f" ({done.unsaved} of {done.compiled} compiled in {done.seconds:.1f} s)" if done.unsaved else ""
        )
        raise click.ClickException(f"kernels were not kept{where}: {done.problem}")
    click.echo(
        f"kernels ready after {done.seconds:.1f} s: {done.compiled} compiled, "
        f"{done.cached} from the cache, in {done.folder}"
    )
