"""How far a training run is: one line that is redrawn in a terminal, one line per epoch anywhere else."""

import shutil
import sys
import time

__all__ = ["Progress"]

WIDTH, TEXT = 28, 66   # characters of the bar at most, and of all that stands beside it
CLEAR = "\x1b[K"       # to the end of the line
EVERY = 0.1            # seconds between two drawings
FORGET = 0.95          # weight of the past in the loss that is shown


class Progress:
    """Counts pictures over epochs; `step` after each batch, `close` at the end.

    The clock and the stream can be given, for tests."""

    def __init__(self, pictures, epochs, stream=None, clock=time.perf_counter):
        self.total = pictures * epochs
        self.pictures, self.epochs = pictures, epochs
        self.stream = sys.stdout if stream is None else stream
        self.live = hasattr(self.stream, "isatty") and self.stream.isatty()
        self.width = max(4, min(WIDTH, shutil.get_terminal_size().columns - TEXT)) if self.live else WIDTH
        self.clock = clock
        self.start = self.drawn = clock()
        self.done = self.epoch = 0
        self.loss = None
        self.full, self.empty = ("\u2588", "\u2591") if _speaks_unicode(self.stream) else ("#", ".")

    def step(self, epoch, count, loss):
        """One batch of `count` pictures of `epoch` (from 0) is done."""
        self.epoch = epoch
        self.done += count
        self.loss = loss if self.loss is None else FORGET * self.loss + (1 - FORGET) * loss
        if not self.live and self.done >= self.pictures * (epoch + 1):
            self._print_line()
        now = self.clock()
        if self.live and now - self.drawn >= EVERY:
            self.drawn = now
            self.stream.write("\r" + self.line() + CLEAR)
            self.stream.flush()

    @property
    def seconds(self):
        return self.clock() - self.start

    @property
    def rate(self):
        """Pictures per second so far."""
        return self.done / max(self.seconds, 1e-9)

    def line(self):
        share = self.done / self.total if self.total else 1.0
        filled = int(self.width * share)
        bar = self.full * filled + self.empty * (self.width - filled)
        left = (self.total - self.done) / self.rate if self.done else 0.0
        loss = "-" if self.loss is None else f"{self.loss:.4f}"
        return (f"epoch {self.epoch + 1:>2}/{self.epochs} {bar} {100 * share:3.0f} %  loss {loss}  "
                f"{self.rate:8,.0f} images/s  ETA {_clock_text(left)}")

    def _print_line(self):
        self.stream.write(self.line() + "\n")
        self.stream.flush()

    def close(self):
        """Draw the last state and leave the line."""
        if self.live:
            self.stream.write("\r" + self.line() + CLEAR + "\n")
            self.stream.flush()
        elif self.done < self.total:
            self._print_line()


def _clock_text(seconds):
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _speaks_unicode(stream):
    try:
        "\u2588\u2591".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
