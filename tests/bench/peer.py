"""Each piece of work in the peer and in our program, in turn."""

import bars
import measure


def pair(name):
    """(peer, ours), run one after the other."""
    line = measure.kernel_line("none" if name == "boot" else name)
    if name == "boot":
        return (measure.boot(measure.qemu(line)),
                measure.boot(measure.panda(line)))
    return (measure.work(measure.qemu(line), False),
            measure.work(measure.panda(line), True))


def describe(ours):
    return "" if ours.steps is None else "%.0f million steps, %.0f a second" % (
        ours.steps / 1e6, ours.steps / 1e6 / ours.cpu)


def figures(names, repeats, say):
    """A figure a work, the pairs spread over the whole run; and a sentence
    for each work that failed."""
    pairs = {name: [] for name in names}
    failed = {}
    for number in range(repeats):
        for name in names:
            if name in failed:
                continue
            try:
                peer, ours = pair(name)
            except measure.Failed as failure:
                say("%s: %s" % (name, failure))
                failed[name] = "%s failed: %s" % (name, failure.reason)
                continue
            pairs[name].append((peer, ours))
            say("%-10s %d of %d: peer %.2f s, ours %.2f s (wall %.2f, %.2f)"
                % (name, number + 1, repeats, peer.cpu, ours.cpu, peer.wall,
                   ours.wall))
    return [bars.pair_figure(
        name, [(p.cpu, o.cpu) for p, o in pairs[name]], bars.WORKS.get(name),
        describe(pairs[name][-1][1]))
            for name in names if name not in failed], list(failed.values())
