"""Figures that a run counted (failures injected, bad calls made), summed over its tests and printed above the closing line."""

import collections

import pytest

FIGURES = collections.Counter()


@pytest.fixture
def figure():
    """figure(name, n): add n to what is counted under this name."""

    def add(name, n):
        FIGURES[name] += n

    return add


def pytest_terminal_summary(terminalreporter):
    for name, n in FIGURES.items():
        terminalreporter.write_line(f"{n:,} {name}")
