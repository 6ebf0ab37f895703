"""Small charts as inline SVG: lines and stacked bars over days or months. No script, no font of its own, fit to print.

Legends are HTML beside the drawing, so that no text has to be measured: Chinese and Latin are of different widths.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from math import ceil, floor, log10

WHOLE, HALF = 960, 470
"""How wide a chart is: across the page, or one of two beside each other."""
HEIGHT = 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 26
COLOURS = ("#1f5f8b", "#c8553d", "#6a994e", "#b08d2f", "#7d5a91")
_A_PLACE = 90
"""So much room has a word below the axis."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one colour of the bars. A value that is not known is None."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn over which places along the axis; ``written`` writes a value of the upright axis."""

    places: Sequence[str]
    series: Sequence[Series]
    written: Callable[[float], str] = "{:,g}".format
    width: int = WHOLE

    def lines(self) -> str:
        """A line a series; a lone point is a dot."""
        top = _nice(max((v for s in self.series for v in s.values if v is not None), default=0))
        drawn = [self._line(one, COLOURS[n], top) for n, one in enumerate(self.series)]
        return self._framed(0, top, drawn)

    def bars(self) -> str:
        """The series stacked on each other; what is below zero hangs below it."""
        top = _nice(max(map(self._height, range(len(self.places))), default=0))
        low = min((v for s in self.series for v in s.values if v is not None), default=0)
        bottom = -_nice(-low) if low < 0 else 0
        drawn = [self._stack(n, bottom, top) for n in range(len(self.places))]
        return self._framed(bottom, top, drawn)

    def _height(self, place: int) -> float:
        return sum(max(one.values[place] or 0, 0) for one in self.series)

    def _step(self) -> float:
        return (self.width - LEFT - RIGHT) / max(len(self.places), 1)

    def _x(self, place: int) -> float:
        return LEFT + self._step() * (place + 0.5)

    def _line(self, series: Series, colour: str, top: float) -> str:
        points = [
            None if value is None else (self._x(n), _y(value, 0, top))
            for n, value in enumerate(series.values)
        ]
        parts, pen = [], "M"
        for point in points:
            if point is None:
                pen = "M"
                continue
            parts.append(f"{pen}{point[0]:.1f},{point[1]:.1f}")
            pen = "L"
        dots = "".join(
            f'<circle cx="{p[0]:.1f}" cy="{p[1]:.1f}" r="2.5" fill="{colour}"/>'
            for p in points
            if p is not None
        )
        return f'<path d="{"".join(parts)}" fill="none" stroke="{colour}" stroke-width="2"/>' + dots

    def _stack(self, place: int, bottom: float, top: float) -> str:
        values = [one.values[place] or 0.0 for one in self.series]
        upper = list(accumulate(max(value, 0.0) for value in values))
        width = self._step() * 0.72
        drawn = ""
        for n, value in enumerate(values):
            from_, to = (upper[n] - value, upper[n]) if value >= 0 else (value, 0.0)
            y, height = _y(to, bottom, top), _y(from_, bottom, top) - _y(to, bottom, top)
            drawn += (
                f'<rect x="{self._x(place) - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
                f' fill="{COLOURS[n]}"/>'
            )
        return drawn

    def _framed(self, bottom: float, top: float, drawn: Sequence[str]) -> str:
        marks = []
        for n in range(5):
            value = bottom + (top - bottom) * n / 4
            y = _y(value, bottom, top)
            marks.append(
                f'<line x1="{LEFT}" y1="{y:.1f}" x2="{self.width - RIGHT}" y2="{y:.1f}" class="grid"/>'
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(self.written(value))}</text>'
            )
        every = max(1, ceil(len(self.places) * _A_PLACE / self.width))
        marks += [
            f'<text x="{self._x(n):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(place)}</text>'
            for n, place in enumerate(self.places)
            if n % every == 0
        ]
        return (
            f'<figure>{self._legend()}<svg viewBox="0 0 {self.width} {HEIGHT}" role="img">'
            f"{''.join(marks)}{''.join(drawn)}</svg></figure>"
        )

    def _legend(self) -> str:
        names = "".join(
            f'<span><i style="background:{COLOURS[n]}"></i>{escape(one.name)}</span>'
            for n, one in enumerate(self.series)
        )
        return f"<figcaption>{names}</figcaption>"


def _y(value: float, bottom: float, top: float) -> float:
    return HEIGHT - BOTTOM - (value - bottom) / ((top - bottom) or 1) * (HEIGHT - TOP - BOTTOM)


def _nice(value: float) -> float:
    """The next number above that quarters well."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** floor(log10(value))
    return next(step * scale for step in (1, 2, 4, 6, 8, 10) if step * scale >= value)
