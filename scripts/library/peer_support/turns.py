# SPDX-License-Identifier: Apache-2.0
"""Sides that take turns, and the ratios that come of it."""

import dataclasses
import statistics

US = "Counterbias"


@dataclasses.dataclass
class Row:
    name: str
    # Per side and round; ours among them.
    measured: dict
    # Seconds, not rates.
    is_time: bool = False

    def median(self, side):
        return statistics.median(self.measured[side])

    def ratios(self, side):
        """Per round; above 1 where Counterbias is faster."""
        pairs = zip(self.measured[US], self.measured[side])
        return [theirs / ours if self.is_time else ours / theirs for ours, theirs in pairs]

    def record(self):
        ratios = {side: {"median": statistics.median(r), "least": min(r), "most": max(r)}
                  for side in self.measured if side != US for r in [self.ratios(side)]}
        return {"name": self.name, "measured": self.measured, "ratios": ratios}

    def line(self):
        cells = [f"{self.name:28} {US} {self.median(US):.2f}"]
        for side, ratio in self.record()["ratios"].items():
            cells.append(f"{side} {self.median(side):.2f}, ratio {ratio['median']:.2f} "
                         f"({ratio['least']:.2f} to {ratio['most']:.2f})")
        return "; ".join(cells)


def take(sides, rounds):
    """`sides`: functions that measure once, by name."""
    measured = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            measured[name].append(measure())
    return measured


def markdown(found):
    sides = list(
        dict.fromkeys(side for row in found["rows"] for side in row["measured"] if side != US)
    )
    lines = [f"# {found['title'][0].upper()}{found['title'][1:]}", "",
             f"Medians of {found['rounds']} rounds in turns; ratio above 1: Counterbias is faster "
             "(smallest to largest round). By `scripts/benchmarks/peers`.", ""]
    lines += [f"- {key}: {value}" for key, value in found["machine"].items()]
    lines += [
        "",
        "| network | " + " | ".join([US] + [c for s in sides for c in (s, "ratio")]) + " |",
        "|---|" + "---|" * (1 + 2 * len(sides)),
    ]
    for row in found["rows"]:
        cells = [row["name"], f"{statistics.median(row['measured'][US]):.2f}"]
        for side in sides:
            if side not in row["measured"]:
                cells += ["", ""]
                continue
            ratio = row["ratios"][side]
            cells += [f"{statistics.median(row['measured'][side]):.2f}",
                      f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
