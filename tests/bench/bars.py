"""The arithmetic: medians, ratios, and the bars that they have to pass."""

import math
import statistics

CAP = 1.5  # of each ratio in the geometric mean: no work makes up for all


class Bar:
    """A limit for one figure: at least, or at most."""

    def __init__(self, limit, at_least):
        self.limit, self.at_least = limit, at_least

    def passed(self, value):
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self):
        return "%s %g" % ("at least" if self.at_least else "at most",
                          self.limit)


def at_least(limit):
    return Bar(limit, True)


def at_most(limit):
    return Bar(limit, False)


# Against the peer: its time / ours. Works of the mean, and their own bars.
WORKS = {
    "boot": at_least(0.5),
    "sha256": at_least(0.5),
    "gzip": at_least(0.5),
    "sort": None,
    "awk": None,
    "fork": at_least(0.5),
}
# Measured beside them, without a bar.
OTHER_WORKS = ["pingpong", "pagefault", "copy"]
MEAN = at_least(0.6)

# Against ourselves.
RECORD = at_most(1.05)          # record / live
REPLAY = at_most(1.0)           # replay / live
COVERAGE = at_most(1.5)         # replay with the plugin / replay
ACCESSES = at_most(4)           # a C call for each access / replay
LOG_RATE = at_most(0.35)        # bytes for 1000 steps
BYTES_INTERRUPT = at_most(12)
BYTES_READ = at_most(3)

# Watched by a plugin, against plain replay: the mean of three recordings.
BLOCK = at_most(2)              # an empty callback a block
INSN = at_most(10)              # insn_exec on everything
ACCESS = at_most(3.5)           # a C call for each virtual access
WATCHED_COVERAGE = at_most(1.3)
CALLSTACK = at_most(1.6)
STRINGSEARCH = at_most(2.5)     # ten strings


class Figure:
    """A measured figure: the median of its samples, and its bar if any."""

    def __init__(self, name, samples, bar=None, note="", best=None):
        self.name, self.samples, self.bar = name, list(samples), bar
        self.note, self.best = note, best
        self.value = statistics.median(self.samples)

    @property
    def passed(self):
        return self.bar is None or self.bar.passed(self.value)

    def spread(self):
        return min(self.samples), max(self.samples)


def ratios(pairs):
    """Of interleaved pairs (above, below): each its quotient."""
    return [above / below for above, below in pairs]


def best_ratio(pairs):
    """The least above / the least below: on a busy machine others make times
    longer, never shorter."""
    return min(above for above, _ in pairs) / min(below for _, below in pairs)


def pair_figure(name, pairs, bar=None, note=""):
    return Figure(name, ratios(pairs), bar, note, best_ratio(pairs))


def mean(values):
    """The geometric one, as is right for ratios."""
    values = list(values)
    if not values:
        raise ValueError("a mean of nothing")
    return math.exp(statistics.fmean(math.log(value) for value in values))


def capped_mean(values):
    return mean([min(value, CAP) for value in values])


class Watched:
    """What a plugin costs on some recordings; the bar is for the mean."""

    def __init__(self, name, pairs, bar, events):
        """pairs: of each recording, a round a pair; events: how many."""
        self.name, self.bar, self.events = name, bar, events
        self.ratios = {recording: statistics.median(ratios(some))
                       for recording, some in pairs.items()}
        self.rounds = [mean(row) for row in zip(*map(ratios, pairs.values()))]
        self.value = mean(self.ratios.values())
        self.worst = max(self.ratios.values())

    @property
    def passed(self):
        return self.bar.passed(self.value)

    def spread(self):
        return min(self.rounds), max(self.rounds)


def mean_figure(figures):
    """The mean of the works that are in it; None if one is missing."""
    by_name = {figure.name: figure for figure in figures}
    if not all(name in by_name for name in WORKS):
        return None
    return Figure("geometric mean", [capped_mean(
        [by_name[name].value for name in WORKS])], MEAN,
        "of the six, each capped at %g" % CAP)
