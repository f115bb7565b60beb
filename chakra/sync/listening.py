"""Notes that others send, with plain calls: ``for note in db.listen("news"):``."""

from __future__ import annotations

import asyncio

from chakra.db.listening import Listener, Note
from chakra.sync.calls import Stream
from chakra.sync.portal import portal


class Notes(Stream[Note]):
    """What ``db.listen("channel")`` returns: an iterator of notes, which waits for each; also for ``with``.

    It listens from the first step of the iteration on, or from the beginning of the ``with`` block.
    """

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener, 1)
        self._listener = listener

    def __enter__(self) -> Notes:
        portal.call(self._listener.__aenter__, context=self._context)
        return self

    def get(self, timeout: float) -> Note | None:
        """The next note; ``None`` if none comes in time.

        Args:
            timeout: seconds to wait for it.
        """
        return portal.call(self._get, timeout, context=self._context)  # type: ignore[no-any-return]

    async def _get(self, timeout: float) -> Note | None:
        try:
            async with asyncio.timeout(timeout):
                return await self._listener.__anext__()
        except (TimeoutError, StopAsyncIteration):
            return None


__all__ = ["Notes"]
