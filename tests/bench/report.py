"""The tables, for the terminal and for docs/measurements.md."""

import datetime
import os
import re
import subprocess

import guests

DOCS = os.path.join(guests.TOP, "docs/measurements.md")


def spread(figure, samples):
    return "%.2f to %.2f" % figure.spread() if len(samples) > 1 else ""


def verdict(figure):
    """The bar, and whether it is passed."""
    return (["", ""] if not figure.bar else
            [str(figure.bar), "pass" if figure.passed else "**fail**"])


def cells(figure):
    best = "%.2f" % figure.best if figure.best is not None else ""
    return [figure.name, "%.2f" % figure.value,
            spread(figure, figure.samples), best, *verdict(figure),
            figure.note]


def aligned(rows):
    widths = [max(3, *map(len, column)) for column in zip(*rows)]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    return "\n".join(
        ("| " + " | ".join(text.ljust(width)
                           for text, width in zip(row, widths))).rstrip() +
        " |" for row in rows)


def table(figures):
    return aligned([["work", "median", "spread", "of the best", "bar", "",
                     "what"], *map(cells, figures)])


def rounded(number):
    """As many digits as one looks at."""
    for size, word in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return "%.3g%s" % (number / size, word)
    return str(number)


def watched_table(figures):
    names = list(figures[0].ratios)
    return aligned([["plugin", *names, "mean", "spread", "worst", "bar", "",
                     "events: " + ", ".join(names)]] + [
        [figure.name, *("%.2f" % figure.ratios[name] for name in names),
         "%.2f" % figure.value, spread(figure, figure.rounds),
         "%.2f" % figure.worst, *verdict(figure),
         ", ".join(rounded(figure.events[name]) for name in names)]
        for figure in figures])


def machine():
    """The processor's name and how many there are; not whose it is."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        lines = file.read().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines
             if line.startswith("model name")]
    return "%d x %s" % (len(names), names[0] if names else "unknown")


def peer_version():
    out = subprocess.run(["qemu-system-x86_64", "--version"], check=True,
                         stdout=subprocess.PIPE).stdout.decode()
    return out.splitlines()[0]


class Section:
    """Of the page: figures, and sentences for what was not measured."""

    def __init__(self, title, sentence, figures, skipped, rows=table):
        self.title, self.sentence, self.rows = title, sentence, rows
        self.figures, self.skipped = figures, skipped

    def text(self, repeats):
        text = ("## %s\n\nMeasured on %s\non %s; medians of %d runs, "
                "interleaved.\n\n%s\n" % (
                    self.title, datetime.date.today().isoformat(), machine(),
                    repeats, self.sentence))
        if self.figures:
            text += "\n" + self.rows(self.figures) + "\n"
        if self.skipped:
            text += "\nNot measured:\n\n" + "".join(
                "- %s\n" % line for line in self.skipped)
        return text


HEAD = """# Measurements

Written by `tests/bench/run --docs`, some sections later than others. All
figures are ratios or sizes; times are CPU seconds (user and system) of the
process, of a live guest between two lines of its console. `of the best`: the
least time of the one side over the least of the other, which a busy machine
disturbs less than it does a median.
"""


def title_of(text):
    return text.split("\n", 1)[0][len("## "):]


def page(sections, order, before=""):
    """The page with these sections ({title: text}); those that are not among
    them stay as they were."""
    all_of_them = {title_of(text): text for text in
                   re.findall(r"^## .*?(?=\n## |\Z)", before,
                              re.MULTILINE | re.DOTALL)}
    all_of_them.update(sections)
    return "\n".join([HEAD] + [all_of_them[title].rstrip("\n") + "\n"
                               for title in order if title in all_of_them])
