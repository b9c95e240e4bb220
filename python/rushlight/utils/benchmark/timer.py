"""Timer runs a statement in blocks and gives a Measurement: times per run, their median and spread."""

import statistics
import textwrap
import timeit

import rushlight as rl

__all__ = ["Measurement", "Timer"]


def _units(seconds):
    """(unit, scale) that a time is read in."""
    for limit, unit, scale in ((1e-6, "ns", 1e9), (1e-3, "us", 1e6), (1.0, "ms", 1e3)):
        if seconds < limit:
            return unit, scale
    return "s", 1.0


class Measurement:
    """What a Timer measured: the times of blocks of `number_per_run` runs."""

    def __init__(self, number_per_run, raw_times, label=None, sub_label=None, description=None, env=None, num_threads=1, stmt="", setup="pass"):
        self.number_per_run, self.raw_times = number_per_run, list(raw_times)
        self.label, self.sub_label, self.description, self.env, self.num_threads = label, sub_label, description, env, num_threads
        self.stmt, self.setup, self.metadata = stmt, setup, None
        self.times = sorted(t / number_per_run for t in self.raw_times)

    @property
    def median(self):
        """The median of seconds per run."""
        return statistics.median(self.times)

    @property
    def mean(self):
        """The mean of seconds per run."""
        return statistics.fmean(self.times)

    def _quantile(self, q):
        place = q * (len(self.times) - 1)
        low = int(place)
        high = min(low + 1, len(self.times) - 1)
        return self.times[low] + (self.times[high] - self.times[low]) * (place - low)

    @property
    def iqr(self):
        """From the first to the third quartile of seconds per run."""
        return self._quantile(0.75) - self._quantile(0.25)

    @property
    def has_warnings(self):
        """Whether the spread is more than a tenth of the median."""
        return self.iqr / self.median > 0.1 if self.median else False

    meets_confidence = lambda self, threshold=0.1: self.iqr / self.median <= threshold  # noqa: E731

    @property
    def title(self):
        """The label, or the statement."""
        return f"{self.label or ''}{': ' if self.label and self.sub_label else ''}{self.sub_label or ''}" or self.stmt.split("\n")[0]

    as_row_name = property(lambda self: self.sub_label or self.stmt or "[Unknown]")

    def __repr__(self):
        unit, scale = _units(self.median)
        lines = [f"<rushlight.utils.benchmark.Measurement object at {hex(id(self))}>", self.title]
        lines += [self.description] if self.description else []
        if len(self.times) > 1:
            lines += [f"  Median: {self.median * scale:.2f} {unit}", f"  IQR:    {self.iqr * scale:.2f} {unit} ({self._quantile(0.25) * scale:.2f} to {self._quantile(0.75) * scale:.2f})"]
        else:
            lines += [f"  {self.median * scale:.2f} {unit}"]
        count = "1 measurement" if len(self.times) == 1 else f"{len(self.times)} measurements"
        return "\n".join([*lines, f"  {count}, {self.number_per_run} runs {'per measurement, ' if self.number_per_run > 1 else ''}{self.num_threads} thread{'s' * (self.num_threads > 1)}"])


class Timer:
    """Runs `stmt` after `setup`, with the names of `globals`, on num_threads threads."""

    def __init__(self, stmt="pass", setup="pass", global_setup="", timer=timeit.default_timer, globals=None, label=None, sub_label=None,
                 description=None, env=None, num_threads=1, language="python"):
        if str(language).lower() not in ("python", "py", "language.python"):
            raise NotImplementedError(f"Timer(language={language!r}): rushlight times Python")
        self._about = {"label": label, "sub_label": sub_label, "description": description, "env": env, "num_threads": num_threads, "setup": setup}
        names = dict(globals or {})
        names.setdefault("torch", rl)
        if isinstance(stmt, str):
            stmt, setup = textwrap.dedent(stmt).strip(), textwrap.dedent(setup).strip()
        self._about["stmt"] = stmt if isinstance(stmt, str) else getattr(stmt, "__name__", repr(stmt))
        self._timer = timeit.Timer(stmt=stmt, setup=setup, timer=timer, globals=names)

    def _time(self, number):
        before = rl.get_num_threads()
        rl.set_num_threads(self._about["num_threads"])
        try:
            return max(self._timer.timeit(number), 1e-9)
        finally:
            rl.set_num_threads(before)

    def _measured(self, number, times):
        return Measurement(number, times, **self._about)

    def timeit(self, number=1000000):
        """One block of this many runs."""
        self._time(max(number // 100, 2))
        return self._measured(number, [self._time(number)])

    def repeat(self, repeat=-1, number=-1):
        """Refused, as in torch: use timeit or blocked_autorange."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    autorange = repeat

    def _block_size(self, min_run_time):
        number, taken = 1, self._time(1)
        while taken < min_run_time / 1000 and number < 10 ** 9:
            number *= 10
            taken = self._time(number)
        return number

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Blocks of at least a thousandth of min_run_time until min_run_time has passed."""
        number, times = self._block_size(min_run_time), []
        while sum(times) < min_run_time:
            times.append(self._time(number))
            if callback:
                callback(number, times[-1])
        return self._measured(number, times)

    def adaptive_autorange(self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None):
        """Blocks until the spread is below threshold times the median, or max_run_time has passed."""
        number, times = self._block_size(min_run_time), []
        while sum(times) < max_run_time:
            times.append(self._time(number))
            if callback:
                callback(number, times[-1])
            found = self._measured(number, times)
            if len(times) >= 4 and sum(times) >= min_run_time and found.meets_confidence(threshold):
                break
        return self._measured(number, times)
