"""Compare: measurements side by side in a table, one row for each sub-label and number of threads, one column for each description."""

from .timer import _units

__all__ = ["Compare"]


class Compare:
    """A table of measurements, for each label one."""

    def __init__(self, results):
        self._results, self._trim = [], False
        self.extend_results(results)

    def extend_results(self, results):
        """More measurements."""
        self._results.extend(results)

    def trim_significant_figures(self):
        """Print fewer digits."""
        self._trim = True

    def colorize(self, rowwise=False):
        """Tables have no colours here."""

    highlight_warnings = colorize

    def _table(self, label, results):
        columns = list(dict.fromkeys(m.description or "" for m in results))
        rows = list(dict.fromkeys((m.num_threads, m.as_row_name) for m in results))
        unit, scale = _units(min(m.median for m in results))
        cells = {(m.num_threads, m.as_row_name, m.description or ""): f"{m.median * scale:.{0 if self._trim else 1}f}" for m in results}
        wide = max(len(name) for _, name in rows) + 6
        widths = [max(len(c), *(len(cells.get((*row, c), "")) for row in rows)) for c in columns]
        lines = [f"[{f' {label} ':-^{wide + sum(widths) + 5 * len(widths)}}]", " " * wide + "".join(f"  |  {c:^{w}}" for c, w in zip(columns, widths))]
        threads = None
        for count, name in rows:
            if count != threads:
                threads, head = count, f"{count} threads: "
                lines.append(head + "-" * (len(lines[0]) - len(head)))
            lines.append(f"      {name:<{wide - 6}}" + "".join(f"  |  {cells.get((count, name, c), ''):^{w}}" for c, w in zip(columns, widths)))
        return "\n".join([*lines, "", f"Times are in {({'ns': 'nanoseconds', 'us': 'microseconds', 'ms': 'milliseconds', 's': 'seconds'})[unit]} ({unit})."])

    def __str__(self):
        labels = list(dict.fromkeys(m.label or m.title for m in self._results))
        return "\n\n".join(self._table(label, [m for m in self._results if (m.label or m.title) == label]) for label in labels)

    def print(self):
        """Print the tables."""
        print(str(self))
