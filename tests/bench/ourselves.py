"""Record, replay and plugins against our own live run; sizes of logs."""

import os
import re
import shutil

import bars
import guests
import measure
import programs

WORK = "gzip"  # the CPU-bound stretch: user code, pipes, timer interrupts
SCALE = "scale=8"  # so long that a replay's cold start does not weigh
WATCHED_SCALE = "scale=3"  # what plugins watch: both sides start cold
RECORDINGS = os.path.join(guests.OWN, "recordings")


def fresh(name):
    os.makedirs(RECORDINGS, exist_ok=True)
    path = os.path.join(RECORDINGS, name)
    for part in "-rr-snp", "-rr-nondet.log":
        if os.path.exists(path + part):
            os.remove(path + part)
    return path


def replay(name, *options):
    """CPU seconds of a replay that ended well, its steps, and its text."""
    stretch, text, status = measure.replay(name, options)
    steps = re.search(r"identical, (\d+) steps", text)
    if status or not steps:
        raise measure.Failed("replay of %s: status %d" % (name, status),
                             text[-2000:])
    return stretch.cpu, int(steps.group(1)), text


def load_seconds(name):
    """What a replay costs that ends before its first step."""
    return measure.replay(name, ["-limit", "1"])[0].cpu


# -- Time ----------------------------------------------------------------------


def round_of_runs(recording):
    """Live, recorded and replayed, one after the other."""
    live = measure.held(WORK, more=SCALE)
    recorded = measure.held(WORK, recording, SCALE)
    replayed, steps, _ = replay(recording)
    return {"live": live.cpu, "record": recorded.cpu,
            "replay": replayed - load_seconds(recording), "steps": steps,
            "live steps": live.steps}


def with_plugin(plugin, recording, repeats):
    """Pairs of replays with a plugin and without; None: no such plugin."""
    if not programs.plugin(plugin.split(":")[0]):
        return None
    pairs = []
    for _ in range(repeats):
        load = load_seconds(recording)
        plain, _, _ = replay(recording)
        watched, _, _ = replay(recording, "-panda", plugin)
        pairs.append((watched - load, plain - load))
    return pairs


def speed(repeats, say):
    """Figures of record, replay and plugins; and what was left out."""
    figures, skipped, rounds = [], [], []
    for number in range(repeats):
        recording = fresh("speed-%d" % number)
        rounds.append(round_of_runs(recording))
        say("record, replay: " + ", ".join(
            "%s %.2f s" % (name, rounds[-1][name])
            for name in ("live", "record", "replay")))
    steps = rounds[-1]["steps"]
    note = "%s, %.0f million steps" % (WORK, steps / 1e6)
    for name, bar in (("record", bars.RECORD), ("replay", bars.REPLAY)):
        figures.append(bars.pair_figure(
            name + " / live", [(one[name], one["live"]) for one in rounds],
            bar, note))
    recording = fresh("watched")
    watched = measure.held(WORK, recording, WATCHED_SCALE)
    note = "%s, %.0f million steps" % (WORK, watched.steps / 1e6)
    for plugin, title, bar in (
            ("coverage:filename=%s" % os.path.join(RECORDINGS, "coverage.csv"),
             "replay with coverage / replay", bars.COVERAGE),
            ("accesses", "replay with a C call an access / replay",
             bars.ACCESSES)):
        pairs = with_plugin(plugin, recording, repeats)
        if pairs:
            figures.append(bars.pair_figure(title, pairs, bar, note))
        else:
            skipped.append("%s: there is no plugin `%s` in this tree" % (
                title, plugin))
    shutil.rmtree(RECORDINGS)
    return figures, skipped


# -- Size ----------------------------------------------------------------------


def demo_log():
    """The demo's workload, recorded from userland to its end."""
    recording = fresh("demo")
    command = measure.panda("console=ttyS0 panic=-1", guests.DEMO_INITRD)
    with measure.Guest(command) as guest:
        guest.wait_for(b"USERLAND UP")
        guest.connect()
        measure.tell(guest, "begin_record " + recording)
        guest.wait_for(b"DONE")
        guest.wait_end()
    return recording


def print_log():
    recording = fresh("print")
    measure.held("print", recording)
    return recording


def an_entry(counts, kind):
    """Bytes of the file for one entry of a kind: the kinds share the file
    as they share what went into its compression."""
    before = sum(size for name, (_, size) in counts.items() if name != "file")
    entries, size = counts[kind]
    return counts["file"][1] * size / before / entries


def log_figures(say):
    programs.build_log_count()
    recording = demo_log()
    counts = programs.log_count(recording)
    _, steps, _ = replay(recording)
    say("the demo's log: %s" % counts)
    figures = [bars.Figure(
        "log bytes for 1000 steps", [counts["file"][1] / steps * 1000],
        bars.LOG_RATE, "the demo's workload, %d bytes, %.0f million steps" % (
            counts["file"][1], steps / 1e6))]
    recording = print_log()
    counts = programs.log_count(recording)
    replay(recording)
    say("the log of 1 MB on the console: %s" % counts)
    for kind, title, bar in (
            ("DELIVER", "log bytes an interrupt", bars.BYTES_INTERRUPT),
            ("READ", "log bytes a port or MMIO read", bars.BYTES_READ)):
        figures.append(bars.Figure(
            title, [an_entry(counts, kind)], bar,
            "printing 1 MB, %d of them; %.1f before compression" % (
                counts[kind][0], counts[kind][1] / counts[kind][0])))
    shutil.rmtree(RECORDINGS)
    return figures
