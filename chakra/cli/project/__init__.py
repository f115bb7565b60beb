"""The project a command is run in: its apps, their models and migrations, as ``chakra.toml`` says."""

from chakra.cli.project.apps import App, app_of, apps, default_values, graph_of, models_of, root, wanted_state

__all__ = ["App", "app_of", "apps", "default_values", "graph_of", "models_of", "root", "wanted_state"]
