"""The tables, for the terminal and for docs/measurements.md."""

import datetime
import os
import subprocess

import guests

DOCS = os.path.join(guests.TOP, "docs/measurements.md")


def cell(figure):
    low, high = figure.spread()
    spread = ("%.2f to %.2f" % (low, high) if len(figure.samples) > 1
              else "")
    bar = str(figure.bar) if figure.bar else ""
    verdict = ("" if not figure.bar else "pass" if figure.passed
               else "**fail**")
    best = "%.2f" % figure.best if figure.best is not None else ""
    return [figure.name, "%.2f" % figure.value, spread, best, bar, verdict,
            figure.note]


def table(figures):
    rows = [["work", "median", "spread", "of the best", "bar", "",
             "what"]]
    rows += [cell(figure) for figure in figures]
    widths = [max(len(row[k]) for row in rows) for k in range(7)]
    rows.insert(1, ["-" * max(3, width) for width in widths])
    return "\n".join(
        ("| " + " | ".join(text.ljust(max(3, width))
                           for text, width in zip(row, widths))).rstrip() +
        " |" for row in rows)


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


def document(sections, repeats):
    """sections: (title, sentence, figures, skipped)"""
    text = """# Measurements

Written by `tests/bench/run --docs` on %s,
on %s; medians of %d runs, interleaved.
All figures are ratios or sizes; times are CPU seconds (user and system) of
the process between two lines of the guest's console. `of the best`: the
least time of the one side over the least of the other, which a busy machine
disturbs less than it does a median.
""" % (datetime.date.today().isoformat(), machine(), repeats)
    for title, sentence, figures, skipped in sections:
        text += "\n## %s\n\n%s\n" % (title, sentence)
        if figures:
            text += "\n" + table(figures) + "\n"
        if skipped:
            text += "\nNot measured:\n\n" + "".join(
                "- %s\n" % line for line in skipped)
    return text
