"""Shows how far an import is: a bar on a terminal, a line now and then elsewhere."""

import sys
from time import monotonic
from typing import Self, TextIO

from typing_extensions import override

LINE_SECONDS = 5.0


class Progress:
    """Shows nothing."""

    @staticmethod
    def silent() -> "Progress":
        """For callers without anybody to show it to."""
        return Progress()

    @staticmethod
    def on(stream: TextIO = sys.stderr) -> "Progress":
        """What suits the stream."""
        return Bar(stream) if stream.isatty() else Lines(stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def begin(self, file: str, size: int) -> None:
        """A file of this many bytes is next."""

    def move(self, position: int, rows: int, bad: int) -> None:
        """So many bytes and rows of it are done."""

    def end(self, rows: int, bad: int, seconds: float) -> None:
        """The file is done."""


class Lines(Progress):
    """For logs and pipes: a line every 5 s, and one at the end of each file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._file, self._size, self._told = "", 0, monotonic()

    @override
    def begin(self, file: str, size: int) -> None:
        self._file, self._size, self._told = file, size, monotonic()

    @override
    def move(self, position: int, rows: int, bad: int) -> None:
        if monotonic() - self._told >= LINE_SECONDS:
            self._told = monotonic()
            share = min(100, 100 * position // max(self._size, 1))
            self._stream.write(f"{self._file}: {share} %, {rows:,} rows, {bad:,} bad\n")
            self._stream.flush()

    @override
    def end(self, rows: int, bad: int, seconds: float) -> None:
        rate = f"{rows / seconds:,.0f} rows/s" if seconds else ""
        self._stream.write(f"{self._file}: {rows:,} rows, {bad:,} bad, {seconds:.1f} s {rate}\n")
        self._stream.flush()


class Bar(Progress):
    """For people: a bar per file, with rows and rows per second."""

    def __init__(self, stream: TextIO) -> None:
        from rich import progress as rich_progress
        from rich.console import Console

        self._bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description:<24}"),
            rich_progress.BarColumn(),
            rich_progress.TaskProgressColumn(),
            rich_progress.TextColumn("{task.fields[rows]:>10,} rows"),
            rich_progress.TextColumn("{task.fields[rate]:>8,.0f} rows/s"),
            rich_progress.TextColumn("{task.fields[bad]} bad"),
            rich_progress.TimeElapsedColumn(),
            console=Console(file=stream),
        )
        self._task: rich_progress.TaskID | None = None
        self._size, self._begun = 0, monotonic()

    @override
    def __enter__(self) -> Self:
        self._bar.start()
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @override
    def begin(self, file: str, size: int) -> None:
        self._size, self._begun = size, monotonic()
        self._task = self._bar.add_task(file, total=max(size, 1), rows=0, rate=0.0, bad=0)

    @override
    def move(self, position: int, rows: int, bad: int) -> None:
        if self._task is not None:
            rate = rows / max(monotonic() - self._begun, 0.001)
            self._bar.update(self._task, completed=position, rows=rows, rate=rate, bad=bad)

    @override
    def end(self, rows: int, bad: int, seconds: float) -> None:
        self.move(max(self._size, 1), rows, bad)
