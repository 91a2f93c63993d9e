#!/usr/bin/python3
"""Pandalogs, all the way round: fragments of plugins become one schema, in C
and C++, inside the tree and outside; entries are written live, recording and
replaying; both readers print them; killed and damaged logs are told."""
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import time
import zlib

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, folder) for folder in
             ("recording", "shared", "../scripts")]
from checks import HEADERS
from harness import (BUILD, FULL, LIMIT, PANDA, TOP, bare_guest, close, expect,
                     path)
import plog_reader

TARGET = os.path.dirname(PANDA)
READER = f"{TARGET}/plog_reader"
CHECKED = f"{BUILD}/plugins/schema/plog_reader-checked"
SCRIPT = f"{TOP}/scripts/plog_reader.py"
JOIN = f"{TOP}/scripts/join-schema"
HEAD, ROW = 128, 24

dice = random.Random(int(os.environ.get("SEED", "1")))


def run(*command, status=0):
    done = subprocess.run(command, cwd=path(""), text=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if status is not None and done.returncode != status:
        expect(False, f"{command}: status {done.returncode}",
               done.stdout + done.stderr)
    return done


# -- The schema ----------------------------------------------------------------


def test_clashes():
    def clash(what, one, other, *words):
        for name, text in ("first", one), ("second", other):
            with open(path(name + ".proto"), "w") as file:
                file.write(text)
        done = run(JOIN, "joined", "first.proto", "second.proto",
                   status=None)
        expect(done.returncode and all(w in done.stderr for w in words) and
               len(done.stderr.splitlines()) == 1, what, done.stderr)

    names = "plugin first", "plugin second"
    clash("two plugins with one tag", "optional uint64 a = 77;",
          "message M { optional uint64 x = 1; }\noptional M b = 0x4d;",
          "tag 77", "second.proto:2", *names)
    clash("two fields of one name", "optional uint64 same = 77;",
          "repeated string same = 78;", "name same", *names)
    clash("two messages of one name", "message M { }", "enum M { A = 1; }",
          "name M", *names)
    clash("names that are one in C", "optional uint64 x = 77;",
          "optional string has_x = 78;", "has_x", *names)
    clash("a tag of pandalog's own", "", "optional uint64 a = 2;", "tag 2",
          "pandalog itself", "second")
    clash("a required field", "", "required uint64 a = 80;", "second.proto:1",
          "required")
    clash("no field at all", "", "\noptional uint64 a;", "second.proto:2")
    clash("no end", "", "message M {", "second.proto:1")
    done = run(JOIN, "--base", f"{TARGET}/plog.proto", "joined",
               "first.proto")
    with open(f"{TARGET}/plog.proto") as file, open(path("joined")) as joined:
        expect(file.read() == joined.read(), "a schema with nothing added is "
               "itself", done.stderr)
    with open(path("mine.proto"), "w") as file:
        file.write("optional string theirs = 40;")
    done = run(JOIN, "--base", f"{TARGET}/plog.proto", "joined", "mine.proto",
               status=1)
    expect("plugin asidstory" in done.stderr and "plugin mine" in done.stderr,
           "a clash with a plugin of the tree", done.stderr)


def make_schema(folder, *fragments):
    """As the build of a plugin outside of the tree does it."""
    os.makedirs(path(folder))
    run(JOIN, "--base", f"{TARGET}/plog.proto", f"{folder}/plog.proto",
        *(f"{HERE}/pandalog/{name}.proto" for name in fragments))
    for tool, options in (
            ("protoc-c", [f"--c_out={folder}"]),
            ("protoc", [f"--cpp_out=lite:{folder}",
                        f"--descriptor_set_out={folder}/plog.desc"])):
        run(tool, f"--proto_path={folder}", *options, f"{folder}/plog.proto")


def build_plugin(name, compiler, source, generated, library):
    options = [*compiler, "-O1", "-fPIC", "-DTARGET_X86_64",
               f'-DPLUGIN_NAME="{name}"', *HEADERS, "-isystem", name]
    run(*options, "-w", "-fvisibility=hidden", "-c", "-o",
        f"{name}/schema.o", f"{name}/{generated}")
    run(*options, "-Wall", "-Wextra", "-Werror", "-shared", "-o",
        f"panda_{name}.so", f"{HERE}/pandalog/{source}", f"{name}/schema.o",
        library)


def build_plugins():
    make_schema("kinds", "kinds")
    make_schema("twin", "twin")
    make_schema("both", "kinds", "twin")
    build_plugin("kinds", ["gcc", "-std=gnu17"], "kinds.c", "plog.pb-c.c",
                 "-lprotobuf-c")
    build_plugin("twin", ["g++", "-std=c++11"], "twin.cpp", "plog.pb.cc",
                 "-lprotobuf-lite")


# -- Running and reading -------------------------------------------------------


def plugins(*arguments):
    # The last one closes the log when it is unloaded, after the others.
    options = ["-panda-plugin", path("panda_twin.so"), "-panda-plugin",
               path("panda_kinds.so"), "-panda", "asidstory"]
    for argument in arguments:
        options += ["-panda-arg", f"kinds:{argument}"]
    return options


def live(*options):
    return [PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
            "-icount", "sleep=off", *options]


def entries(log, schema="both"):
    """(entries, what was wrong or None), by the reader in Python."""
    found = []
    try:
        with plog_reader.PLogReader(path(log), path(f"{schema}/plog.desc")) \
                as reader:
            for entry in reader:
                found.append(entry)
    except plog_reader.PLogError as error:
        return found, str(error)
    return found, None


def told(name):
    """What the plugin says that it wrote: number, instr and pc."""
    with open(path(name)) as file:
        return [tuple(map(int, line.split())) for line in file]


def logged(found):
    return [(e.number, e.instr, e.pc) for e in found if e.HasField("number")]


def as_written(entry):
    """Whether all fields are what kinds.c puts there."""
    n = entry.number
    name = 'a "name"\n\\ \x1b[1m \u00e9\u20ac\U0001f600'
    f32 = struct.unpack("<f", struct.pack("<f", n))[0] / 3
    return (entry.HasField("inner") == bool(n % 2) and
            (not n % 2 or (
                entry.inner.deeper.text == name and
                entry.inner.raw == bytes([0, 255, n & 255, 34])[:n % 5] and
                list(entry.inner.numbers) == [0, -1, 1 << 30, n][:n % 5])) and
            [i.HasField("raw") for i in entry.inners] ==
            [False, True][:n % 3] and
            abs(entry.real32 - f32) <= f32 * 1e-6 and
            entry.real64 == n * 1e20 / 7 and entry.truth == bool(n % 2) and
            entry.colour == (7 if n % 2 else 0) and
            entry.negative == -n << 40 and
            list(entry.words) == [0xffffffff, n][:n % 3] and
            entry.process_name == (name if n % 2 else "") and
            entry.process_id == (n if n % 2 else 0))


def test_round_trip():
    done = run(*live("-limit", "6000000", "-record", "r", "-pandalog",
                     "live.plog"), *plugins("truth=live.txt"))
    expect("pandalogging to [live.plog]" in done.stdout and
           "pandalog is 1" in done.stdout, "-pandalog opens a log")
    found, wrong = entries("live.plog")
    expect(not wrong and len(told("live.txt")) > 50 and
           logged(found) == told("live.txt"),
           f"live: {len(told('live.txt'))} entries, as they were written",
           wrong)
    expect(all(map(as_written, filter(lambda e: e.HasField("number"), found))),
           "with all their fields")
    never = (1 << 64) - 1
    first, second = found[:2]
    expect((first.pc, first.instr, len(first.ListFields())) ==
           (never, never, 2) and
           (second.pc, second.instr, second.number) == (never, never, 0),
           "before there is a machine, pc and instr are 2^64-1")
    twins = [e for e in found if e.HasField("twice")]
    expect(len(twins) > 30 and all(e.twice == 2 * e.instr for e in twins),
           "C and C++ plugins with different schemas log in one run")
    expect([e.asid_info.end_instr for e in found if e.HasField("asid_info")],
           "and so does a plugin of the tree")
    run(PANDA, "-replay", "r", "-pandalog", "replay.plog",
        *plugins("truth=replay.txt"))
    replayed = entries("replay.plog")[0]
    expect(logged(replayed) == told("replay.txt") == told("live.txt"),
           "a replay logs what its recording did")
    again = run(PANDA, "-replay", "r", "-pandalog", "again.plog",
                "-unit-insns", "3", *plugins("read=live.plog"))
    same = [[e.SerializeToString() for e in some]
            for some in (replayed, entries("again.plog")[0])]
    expect(same[0] == same[1], "and by other units")
    numbers = re.findall(r"^read (\d+)$", again.stdout, re.M)
    expect(len(numbers) > 50 and
           [int(i) for i in numbers] ==
           [e.instr for e in entries("live.plog", "kinds")[0]],
           "a plugin reads a log back")
    before = [e.instr for e in replayed if e.instr <= 3000000]
    expect(f"last {before[-1]}\n" in again.stdout, "in C++, backwards")
    done = run(PANDA, "-replay", "r", *plugins())
    expect("pandalog is 0" in done.stdout and "identical" in done.stdout,
           "without -pandalog nothing is logged")
    done = run(PANDA, "-replay", "r", "-pandalog", "nowhere/log", status=1)
    expect("nowhere/log cannot be written" in done.stderr,
           "a log that cannot be written")


def test_readers():
    """Both agree; the one in C with the schema of the tree, so with a log
    that has nothing else."""
    run(PANDA, "-replay", "r", "-pandalog", "plain.plog", "-panda",
        "asidstory")
    for log in "plain.plog", "live.plog":
        by_c, by_python = (run(*command, log).stdout for command in (
            [READER, "--json"], ["/usr/bin/python3", SCRIPT]))
        expect(json.loads(by_c) == json.loads(by_python) and
               len(json.loads(by_c)) == len(entries(log)[0]),
               f"{log}: both readers give one JSON")
        lines, by_python = (run(*command, log) for command in (
            [READER], ["/usr/bin/python3", SCRIPT, "--lines"]))
        expect(lines.stdout == by_python.stdout, "and the same lines")
    expect("fields are not shown" in lines.stderr and
           "fields are not shown" in by_python.stderr,
           "fields that the schema does not know are told")


def lines_of(log, *options):
    return run(READER, *options, log).stdout.splitlines()


def test_seeking():
    """In a log of many small chunks, which a plugin opened."""
    run(PANDA, "-replay", "r", *plugins("own=chunks.plog", "chunk=512",
                                        "every=200", "truth=chunks.txt"))
    head = open(path("chunks.plog"), "rb").read()
    place, = struct.unpack_from("<Q", head, 8)
    chunks, = struct.unpack_from("<I", head, place)
    rows = [struct.unpack_from("<QQQ", head, place + 4 + ROW * i)
            for i in range(chunks)]
    lines = lines_of("chunks.plog")
    counts = [int(line.split()[0][6:]) for line in lines]
    inner = [c for c in counts if c != (1 << 64) - 1]
    expect(chunks > 50 and rows[0][0] == 0 and
           all(first in inner for first, _, _ in rows[1:]) and
           sum(n for _, _, n in rows) == len(lines) + 1,
           f"a directory of {chunks} chunks")
    expect(lines_of("chunks.plog", "--backwards") == lines[::-1],
           "backwards")
    with open(path("open.plog"), "wb") as file: # as after a kill
        file.write(head[:8] + bytes(8) + head[16:place])
    wanted = [0, 1, inner[0], inner[-1], inner[-1] + 1]
    wanted += [dice.choice(inner) + dice.randrange(-1, 2) for _ in range(20)]
    wanted += [rows[i][0] + k for i in (1, 7, chunks - 1) for k in (-1, 0, 1)]
    good = True
    for log in "chunks.plog", "open.plog":
        for count in wanted:
            ahead = [l for l, c in zip(lines, counts)
                     if count <= c < (1 << 64) - 1]
            behind = [l for l, c in zip(lines, counts)
                      if c <= count or c == (1 << 64) - 1][::-1]
            good &= lines_of(log, "--from", str(count)) == ahead
            if count >= inner[0]:
                good &= lines_of(log, "--backwards", "--from",
                                 str(count)) == behind
    expect(good, "from a count on, with a directory and without")


def test_kill():
    """Killed while it writes, and long after the last entry."""
    for name, options in (("busy", ["every=2000"]),
                          ("silent", ["every=2000", "most=100"])):
        log = f"{name}.plog"
        process = subprocess.Popen(
            live("-pandalog", path(log), *plugins(f"truth={path(name)}.txt",
                                                  *options)),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        until = time.monotonic() + LIMIT
        seen = []
        while time.monotonic() < until and len(seen) < 100:
            time.sleep(0.05)
            if os.path.exists(path(log)) and os.path.getsize(path(log)):
                seen = logged(entries(log)[0])
        expect(len(seen) >= 100 and process.poll() is None,
               f"{name}: {len(seen)} entries can be read in the midst of the "
               "run")
        process.send_signal(signal.SIGKILL)
        process.wait()
        found, wrong = entries(log)
        lines = run(READER, log, status=None)
        expect(len(logged(found)) >= len(seen) and
               logged(found) == told(f"{name}.txt")[:len(logged(found))] and
               len(lines.stdout.splitlines()) == len(found) - 1,
               f"{name}: after a kill {len(logged(found))} entries are there")
        expect((lines.returncode == 0 and "was not closed" in lines.stderr)
               if not wrong else "killed" in lines.stderr,
               "and the reader says what happened", lines.stderr)


def attempts(whole):
    """(what, bytes) of damaged logs."""
    place, = struct.unpack_from("<Q", whole, 8)
    for size in (0, 7, 127, 128, 129, place, place + 3, place + 4,
                 len(whole) - 1):
        yield f"cut to {size}", whole[:size]
    for value in 0, 127, 129, place - 1, place + 1, len(whole), 1 << 63:
        yield f"dir_pos {value}", (whole[:8] + struct.pack("<Q", value) +
                                   whole[16:])
    for value in 0, 1, 3, 0xffffffff:
        yield f"version {value}", struct.pack("<I", value) + whole[4:]
        yield f"{value} chunks", (whole[:place] + struct.pack("<I", value) +
                                  whole[place + 4:])
    for row, what in ((1, 8), (1, 16), (0, 8)):
        at = place + 4 + row * ROW + what
        for value in 0, 1, 128, place, 1 << 63:
            yield f"row {row}: {value}", (whole[:at] +
                                          struct.pack("<Q", value) +
                                          whole[at + 8:])
    bomb = zlib.compress(bytes(4) * (80 << 20), 1)
    yield "a chunk without an end", whole[:8] + bytes(120) + bomb
    for text in (b"\xff\xff\xff\xff" + bytes(50), b"\1\0\0", bytes(8),
                 struct.pack("<I", 3) + b"\x08\1\x10"):
        yield f"entry {text[:8]}", (whole[:8] + bytes(120) +
                                    zlib.compress(text))
    for _ in range(200 if FULL else 30):
        at = dice.randrange(len(whole))
        yield f"byte {at}", (whole[:at] + bytes([whole[at] ^
                                                 1 << dice.randrange(8)]) +
                             whole[at + 1:])
        size = dice.randrange(len(whole))
        yield f"cut to {size}", whole[:size]


def test_damage():
    """What can be read is what was written; else it is told, by both."""
    with open(path("chunks.plog"), "rb") as file:
        whole = file.read()
    truth = lines_of("chunks.plog")
    wrong = 0
    for what, text in attempts(whole):
        with open(path("damaged.plog"), "wb") as file:
            file.write(text)
        done = run(CHECKED, "damaged.plog", status=None)
        lines = done.stdout.splitlines()
        found, message = entries("damaged.plog", "kinds")
        good = (lines == truth[:len(lines)] and
                done.returncode == (message is not None) and
                "damaged.plog" in done.stderr + "damaged.plog" * (
                    not done.returncode) and
                len(done.stderr.splitlines()) <= 2 and
                len(lines) == max(len(found) - 1, 0))
        if not good:
            wrong += 1
            expect(False, what, f"{done.returncode} {len(lines)} lines "
                   f"{done.stderr[-500:]} {len(found)} {message}")
    expect(not wrong, "damaged logs are told, by both readers alike")


def main():
    test_clashes()
    build_plugins()
    test_round_trip()
    test_readers()
    test_seeking()
    test_kill()
    test_damage()
    close()


main()
