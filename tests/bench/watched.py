"""Replays that plugins watch, on three recordings, against plain ones."""

import os
import re
import shutil
import textwrap

import bars
import guests
import measure
import ourselves
import programs

EVENTS = "events"  # counts what the others hear of, in a run of its own
STRINGS = ["password", "secret", "root:x:0:0", "/bin/true", "BENCH START",
           "PATH=/bin", "Linux version", "busybox", "-----BEGIN RSA",
           "sha256sum"]
ONCE = ["insn"]  # takes too long for more, and is far from what disturbs


def watchers():
    """[(title, plugin and arguments, bar, what events of its are called)]"""
    folder = ourselves.RECORDINGS
    return [
        ("an empty C callback a block", "block", bars.BLOCK, "block"),
        ("`insn_exec` on everything", "insn", bars.INSN, "insn"),
        ("a C call an access", "accesses", bars.ACCESS, "access"),
        ("`coverage`", "coverage:filename=%s/coverage.csv" % folder,
         bars.WATCHED_COVERAGE, "new block"),
        ("`callstack_instr`", "callstack_instr:stack_type=asid",
         bars.CALLSTACK, "transfer"),
        ("`stringsearch`", "stringsearch:name=%s/list" % folder,
         bars.STRINGSEARCH, "access"),
    ]


SENTENCE = textwrap.fill(
    "Against plain replay of the same recording: the demo's workload, sha256 "
    "of a file, a loop of fork and exec. The bar is for the geometric mean; "
    "`worst` is the worst of the three, `spread` that of their mean in each "
    "round (`insn_exec` has one). What is counted as events: blocks; "
    "instructions; accesses; blocks that are new in their address space; "
    "calls and returns; accesses. `stringsearch` looks for %d strings: %s." %
    (len(STRINGS), ", ".join("`%s`" % s for s in STRINGS)), 79,
    break_on_hyphens=False)


def record():
    """{name: recording}"""
    found = {"demo": ourselves.demo_log()}
    for work, more in (("sha256", "passes=4"), ("fork", "")):
        found[work] = ourselves.fresh(work)
        measure.held(work, found[work], more)
    with open(os.path.join(ourselves.RECORDINGS, "list_search_strings.txt"),
              "w", encoding="ascii") as file:
        file.write("".join('"%s"\n' % string for string in STRINGS))
    return found


def events_of(text):
    """{kind: number} of what a plugin of tests/bench printed."""
    told = re.search(r"^events: (.*)$", text, re.MULTILINE)
    return {kind: int(number) for kind, number in
            re.findall(r"([a-z][a-z ]*) (\d+)", told.group(1))} if told else {}


def watched_replay(recording, plugin):
    """(watched, plain), both without what it costs to load; and events."""
    load = ourselves.load_seconds(recording)
    plain = ourselves.replay(recording)[0]
    watched, _, text = ourselves.replay(recording, "-panda", plugin)
    return (watched - load, plain - load), events_of(text)


def figures(repeats, say):
    """A figure a plugin; and what was left out."""
    all_of_them = watchers()
    kept = [row for row in all_of_them
            if programs.plugin(row[1].split(":")[0])]
    recordings = record()
    pairs = {title: {name: [] for name in recordings}
             for title, _, _, _ in kept}
    events = {}
    programs.plugin(EVENTS)
    for name, recording in recordings.items():
        events[name] = events_of(
            ourselves.replay(recording, "-panda", EVENTS)[2])
        say("%s: %s" % (name, events[name]))
    for number in range(repeats):
        for title, plugin, _, _ in kept:
            if number and plugin in ONCE:
                continue
            for name, recording in recordings.items():
                pair, counted = watched_replay(recording, plugin)
                events[name].update(counted)
                pairs[title][name].append(pair)
                say("%s, %s: %.2f s, plain %.2f s" % (title, name, *pair))
    shutil.rmtree(ourselves.RECORDINGS)
    return [bars.Watched(title, pairs[title], bar,
                         {name: events[name][kind] for name in recordings})
            for title, _, bar, kind in kept], [
                "%s: there is no such plugin in this tree" % row[0]
                for row in all_of_them if row not in kept]
