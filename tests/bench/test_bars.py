#!/usr/bin/env python3
"""The arithmetic of the measurements, on figures worked out by hand."""

import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bars  # noqa: E402
import guests  # noqa: E402
import ourselves  # noqa: E402
import programs  # noqa: E402
import report  # noqa: E402
import watched  # noqa: E402

results = [0, 0]


def expect(what, good):
    results[0 if good else 1] += 1
    if not good:
        print("FAILED", what)


def near(a, b):
    return abs(a - b) < 1e-9


def works(**changed):
    values = dict.fromkeys(bars.WORKS, 1.0)
    values.update(changed)
    return [bars.Figure(name, [value], bars.WORKS[name])
            for name, value in values.items()]


def test_bars():
    expect("ratio", bars.ratios([(6, 3), (1, 4)]) == [2, 0.25])
    expect("ratio of the best",
           bars.best_ratio([(6, 3), (4, 4), (8, 2)]) == 2)
    expect("mean", near(bars.capped_mean([0.5, 0.72]), 0.6))
    expect("cap", near(bars.capped_mean([9, 1.5]), 1.5))
    expect("low values are not capped", near(bars.capped_mean([0.1]), 0.1))
    expect("at least is met by its limit", bars.at_least(0.5).passed(0.5))
    expect("at least", not bars.at_least(0.5).passed(0.499))
    expect("at most is met by its limit", bars.at_most(1.05).passed(1.05))
    expect("at most", not bars.at_most(1.05).passed(1.051))
    try:
        bars.capped_mean([])
        expect("no mean of nothing", False)
    except ValueError:
        expect("no mean of nothing", True)


def test_figures():
    figure = bars.Figure("x", [3, 1, 2], bars.at_least(2))
    expect("median", figure.value == 2 and figure.passed)
    expect("spread", figure.spread() == (1, 3))
    expect("without a bar", bars.Figure("x", [0]).passed)
    expect("mean of all works", near(bars.mean_figure(works()).value, 1))
    slow = bars.mean_figure(works(sort=0.01, awk=0.1))
    expect("a slow mean fails", near(slow.value, 0.001 ** (1 / 6)) and
           not slow.passed)
    expect("no mean when a work is missing",
           bars.mean_figure(works()[1:]) is None)
    expect("a slow gzip fails", [figure.name for figure in works(gzip=0.4)
                                 if not figure.passed] == ["gzip"])
    expect("sort has no bar of its own", works(sort=0.1)[3].passed)


def a_watched_one():
    pairs = {"demo": [(2, 1), (6, 2), (4, 1)], "sha256": [(9, 1)] * 3,
             "fork": [(1, 1)] * 3}
    return bars.Watched("x", pairs, bars.at_most(3.1),
                        {"demo": 12, "sha256": 2345678, "fork": 3456})


def test_watched():
    figure = a_watched_one()
    expect("of each recording the median",
           figure.ratios == {"demo": 3, "sha256": 9, "fork": 1})
    expect("the mean is geometric", near(figure.value, 27 ** (1 / 3)))
    expect("the worst", figure.worst == 9)
    expect("the bar is for the mean", figure.passed and
           not bars.at_most(2.9).passed(figure.value))
    expect("the means of the rounds", all(map(
        near, figure.spread(), (18 ** (1 / 3), 36 ** (1 / 3)))))
    row = report.watched_table([figure]).splitlines()[2]
    expect("a row has it all", [cell.strip() for cell in row.split("|")][1:-1]
           == ["x", "3.00", "9.00", "1.00", "3.00", "2.62 to 3.30", "9.00",
               "at most 3.1", "pass", "12, 2.35 M, 3.46 k"])
    expect("what a plugin counted", watched.events_of(
        "replay\nevents: block 12, new block 3\nend") ==
           {"block": 12, "new block": 3} and watched.events_of("x 1") == {})


def test_log():
    counts = {"READ": (100, 300), "DELIVER": (10, 100), "file": (1, 200)}
    expect("bytes a read", near(ourselves.an_entry(counts, "READ"), 1.5))
    expect("bytes an interrupt", near(ourselves.an_entry(counts, "DELIVER"),
                                      5))


def test_report():
    rows = report.table(works(gzip=0.4)).splitlines()
    expect("a row a work, and a head", len(rows) == 2 + len(bars.WORKS))
    expect("who fails", [row.split("|")[1].strip() for row in rows
                         if "**fail**" in row] == ["gzip"])


def test_page():
    """A section that was not measured stays as it is."""
    with open(report.DOCS, encoding="utf-8") as file:
        before = file.read()
    order = ["Against the peer", "Record, replay, plugins", "New",
             "Size of recordings"]
    same = report.page({}, order, before).split("\n## ")
    expect("nothing new", len(same) >= 4 and all(
        "\n## " + part.rstrip("\n") in before for part in same[1:]))
    section = report.Section("New", "Hello.", works(), ["this"])
    new = report.page({"New": section.text(2)}, order, before).split("\n## ")
    expect("one more, in its place", new[:3] + new[4:] == same and
           new[3].startswith("New\n") and "medians of 2" in new[3] and
           new[3].endswith("Not measured:\n\n- this\n"))
    again = report.page({"New": "## New\n\nOther.\n"}, order,
                        "\n## ".join(new))
    expect("and measured anew", again.split("\n## ") ==
           same[:3] + ["New\n\nOther.\n"] + same[3:])


def test_archive():
    made = guests.archive(b"program", b"#!/bin/sh\n")
    expect("entries begin at multiples of 4", len(made) % 4 == 0 and
           all(made.index(name) % 4 == 2 for name in (b"bin\0", b"init\0")))
    expect("it ends", b"TRAILER!!!" in made)


def test_programs():
    """They are built when they are needed, which a test should be, too."""
    programs.build_log_count()
    expect("log_count refuses what is no log", subprocess.run(
        [programs.LOG_COUNT, os.devnull],
        stderr=subprocess.DEVNULL).returncode)
    for name in ["accesses", "block", "insn", watched.EVENTS]:
        expect("the plugin " + name, programs.plugin(name))


for test in (test_bars, test_figures, test_watched, test_log, test_report,
             test_page, test_archive, test_programs):
    test()
print("%d passed, %d failed" % tuple(results))
sys.exit(1 if results[1] else 0)
