"""A line between two parts that can be made bad: a relay of the test's own in front of a Unix socket.

    passing     what comes is handed on
    slow        what comes is handed on late, each piece by `delay` seconds
    silent      connections stand and nothing comes through, in either direction: a partition that nobody is told of
    refused     whoever connects is hung up on, and so is who was connected

`cut(after)` breaks every connection once that many more bytes have gone through: in the middle of a message, whatever the message is.
A stream of bytes can not be reordered or doubled by a line; that is the deterministic simulation's part.
"""

import asyncio
import threading
from pathlib import Path

PIECE = 64 * 1024


class Relay:
    """One line. Its state may be changed from any thread."""

    def __init__(self, relays, path, target):
        self.relays, self.path, self.target = relays, Path(path), str(target)
        self.delay = 0.0
        self.refused = False
        self.cut_after = None
        self.open = asyncio.Event()
        self.pairs = set()
        self.server = None

    async def listen(self):
        self.path.unlink(missing_ok=True)
        self.open.set()
        self.server = await asyncio.start_unix_server(self._accept, self.path, backlog=64)
        self.path.chmod(0o600)

    async def _accept(self, reader, writer):
        pair = {writer}
        self.pairs.add(task := asyncio.current_task())
        try:
            if self.refused:
                return
            other_reader, other_writer = await asyncio.open_unix_connection(self.target)
            pair.add(other_writer)
            ways = [asyncio.create_task(self._carry(reader, other_writer)), asyncio.create_task(self._carry(other_reader, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        except (OSError, asyncio.CancelledError):
            pass  # Nobody serves the target just now, or the line was cut: the peer sees a connection that ends.
        finally:
            self.pairs.discard(task)
            for end in pair:
                end.transport.abort()

    async def _carry(self, reader, writer):
        while piece := await reader.read(PIECE):
            await self.open.wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            if self.cut_after is not None:
                piece, self.cut_after = piece[: self.cut_after], max(0, self.cut_after - len(piece))
            writer.write(piece)
            await writer.drain()
            if self.cut_after == 0:
                self._hang_up()

    def _hang_up(self):
        self.cut_after = None
        for task in list(self.pairs):
            task.cancel()

    def _set(self, change):
        asyncio.run_coroutine_threadsafe(change(), self.relays.loop).result(timeout=20)

    # What a test asks for

    def heal(self):
        async def change():
            self.delay, self.refused, self.cut_after = 0.0, False, None
            self.open.set()

        self._set(change)

    def slow(self, seconds):
        async def change():
            self.delay = seconds

        self._set(change)

    def silence(self):
        async def change():
            self.open.clear()

        self._set(change)

    def refuse(self):
        async def change():
            self.refused = True
            self._hang_up()

        self._set(change)

    def cut(self, after=0):
        async def change():
            self.cut_after = after
            if after == 0:
                self._hang_up()

        self._set(change)


class Relays:
    """The lines of one cloud, in a thread of their own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.lines = []
        self.thread = threading.Thread(target=self.loop.run_forever, name="relays", daemon=True)
        self.thread.start()

    def line(self, path, target):
        relay = Relay(self, path, target)
        asyncio.run_coroutine_threadsafe(relay.listen(), self.loop).result(timeout=20)
        self.lines.append(relay)
        return relay

    def close(self):
        async def end():
            for relay in self.lines:
                relay.server.close()
                relay._hang_up()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(timeout=20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=20)
        self.loop.close()
