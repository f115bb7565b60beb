"""`chakra shell`: IPython with the models, a connected `db`, and `await` at the prompt."""

from __future__ import annotations

from typing import Any

import click

import chakra
from chakra import config
from chakra.cli import project
from chakra.errors import ConfigError


@click.command("shell")
@click.option("--url", help="The database; default: the setting database.url.")
@click.option("-c", "--command", "code", help="Run this and end.")
def command(url: str | None, code: str | None) -> None:
    """Open IPython: `db` is connected, the project's models are there by name, and `await` works at the prompt.

    `await User.objects.filter(…)` shows rows; `%%chakra_profile` shows what a cell asked the server.
    """
    try:
        import IPython
        from traitlets.config import Config
    except ImportError as error:
        raise click.ClickException(
            "chakra shell needs IPython: install ipython beside Chakra (pip install ipython)"
        ) from error
    names: dict[str, Any] = {"chakra": chakra, "config": config, **_models()}
    for name in ("Q", "F", "Count", "Sum", "Avg", "Min", "Max", "Prefetch", "QuerySet"):
        names.setdefault(name, getattr(chakra, name, None))
    settings = Config()
    settings.TerminalInteractiveShell.banner1 = _banner(names)
    settings.TerminalInteractiveShell.autoawait = True
    settings.InteractiveShellApp.exec_lines = [f"db = await chakra.connect({url!r})", "%load_ext chakra"]
    if code is not None:
        settings.InteractiveShellApp.code_to_run = code
        settings.TerminalInteractiveShell.banner1 = ""
    IPython.start_ipython(argv=["--no-confirm-exit"], user_ns=names, config=settings)


def _models() -> dict[str, Any]:
    """The project's models by name; none where no project is set up."""
    try:
        known = project.apps()
    except ConfigError:
        return {}
    return {model.__name__: model for app in known for model in project.models_of(app)}


def _banner(names: dict[str, Any]) -> str:
    models = sorted(name for name, value in names.items() if hasattr(value, "__chakra__"))
    shown = ", ".join(models) or "none: [migrations] models in chakra.toml names them"
    return f"chakra {chakra.__version__}: db is connected; models: {shown}\n"


__all__ = ["command"]
