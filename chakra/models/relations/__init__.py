"""Relations between models: declared in ``specs``, followed by ``forward``, ``reverse`` and ``many``."""
