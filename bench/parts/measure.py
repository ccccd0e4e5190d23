"""Repeat contestants in alternating order, and print what came out beside the target."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def alternate(
    contestants: Mapping[str, Callable[[], Any]],
    n: int,  # times each, after one that does not count
) -> dict[str, list[Any]]:  # what each call gave
    "Call each contestant n times, taking turns, so that a busy minute of the machine is everybody's."
    for contestant in contestants.values():
        contestant()  # files into the page cache, connections open
    given: dict[str, list[Any]] = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(n):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            given[name].append(contestants[name]())
    return given


def seconds(function: Callable[[], Any]) -> float:
    "How long a call takes."
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def process(
    command: Sequence[str],
    env: Mapping[str, str] | None = None,  # beside this process's own
) -> dict[str, Any]:  # the JSON of the last line it printed, and `wall_s`, start and end included
    "Run a program in a fresh process."
    began = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    wall_s = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    lines = done.stdout.strip().splitlines()
    return {**(json.loads(lines[-1]) if lines else {}), "wall_s": wall_s}


def table(
    title: str,
    samples: Mapping[str, Sequence[float]],
    unit: str = "ms",  # "ms" multiplies seconds by 1000; anything else is printed as it is
    base: str | None = None,  # the row that the ratios are against; None for no ratios
) -> None:
    "Print medians, ranges and ratios."
    scale = 1000 if unit == "ms" else 1
    width = max(map(len, samples))
    first = next(iter(samples.values()))
    print(f"\n{title} (n={len(first)} each, {unit})")
    for name, values in samples.items():
        middle = statistics.median(values) * scale
        spread = f"{min(values) * scale:.3g} .. {max(values) * scale:.3g}"
        ratio = ""
        if base is not None:
            ratio = f"{statistics.median(values) / statistics.median(samples[base]):8.3f} x {base}"
        print(f"  {name:<{width}}  {middle:10.4g}   {spread:<20} {ratio}".rstrip())


def target(
    what: str,
    value: float,
    limit: float,
    unit: str = "",
    *,
    at_least: bool = False,  # the limit is the least that will do, not the most
) -> None:
    "Print whether a target is met."
    met = value >= limit if at_least else value <= limit
    sign = "at least" if at_least else "at most"
    print(f"  {'met   ' if met else 'MISSED'}  {what}: {value:.3g}{unit} ({sign} {limit:g}{unit})")


def median(values: Sequence[float]) -> float:
    "The median."
    return statistics.median(values)


def interval(values: Sequence[float]) -> tuple[float, float]:
    "The 95% interval of the median, by ranks: it assumes nothing of the noise."
    ordered, half = sorted(values), 0.98 * math.sqrt(len(values))
    low, high = math.floor(len(values) / 2 - half), math.ceil(len(values) / 2 + half)
    return ordered[max(low, 0)], ordered[min(high, len(values) - 1)]
