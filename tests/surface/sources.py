"""The plugins of tests/plugin_sources/surface: compiled in every way that a
user may, and run on the guest of guest.S. What they must say stands in the
comment at their head:

    > LINE      on the standard output; no other line may begin with NAME:
    ! TEXT      somewhere on the standard error
    run: ...    options of the program
    with: NAME  another plugin, built beside it
    ends: TEXT  how the replay ends (identical)
    monitor: .. typed at the monitor, before the first instruction
"""
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from checks import FULL, TOP, expect

FOLDER = os.path.join(TOP, "tests/plugin_sources/surface")
GUEST = ["-kernel", "guest.elf", "-m", "8", "-serial", "null", "-device",
         "isa-debug-exit,iobase=0x501"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
COMPILERS = {".c": [("gcc", "gnu17"), ("clang", "gnu99"), ("gcc", "gnu99"),
                    ("clang", "gnu17")],
             ".cpp": [("g++", "c++11"), ("clang++", "c++17"),
                      ("g++", "c++17"), ("clang++", "c++11")]}


class Source:
    def __init__(self, path):
        self.path = path
        self.name, self.kind = os.path.splitext(os.path.basename(path))
        with open(path) as file:
            self.text = file.read()
        head = self.text[:self.text.index("*/")]
        marked = lambda mark: re.findall(rf"^ \* {mark} (.*)$", head, re.M)
        self.says, self.complains = marked(">"), marked("!")
        self.options = " ".join(marked("run:")).split()
        self.others = marked("with:")
        self.end = (marked("ends:") or ["identical"])[0]
        self.commands = marked("monitor:")


def all_sources():
    return [Source(os.path.join(FOLDER, f))
            for f in sorted(os.listdir(FOLDER)) if f.endswith((".c", ".cpp"))]


def compile_all(tree, sources, folder):
    """One way into plugins to run; the others for the compiler's verdict: with
    FULL all of them and both targets, else one of them in turn."""
    flags = tree.flags()
    other_target = ["-DTARGET_I386" if f.startswith("-DTARGET") else f
                    for f in flags]
    jobs = []
    for i, source in enumerate(sources):
        ways = COMPILERS[source.kind]
        first = i % len(ways)
        for j, (compiler, standard) in enumerate(ways):
            both = (flags, other_target) if FULL else (
                flags if (i + j) % 2 else other_target,)
            command = [compiler, f"-std={standard}", *WARNINGS,
                       f'-DPLUGIN_NAME="{source.name}"', source.path]
            if j == first:
                jobs.append((source, command + flags + [
                    "-O2", "-shared", "-fPIC", "-o",
                    f"{folder}/panda_{source.name}.so", *tree.libraries_for(
                        source.kind)]))
            if FULL or j == (first + 1 + i // 4) % len(ways):
                jobs += [(source, command + f + (
                    ["-O2", "-fPIC", "-c", "-o", "/dev/null"] if FULL
                    else ["-fsyntax-only"])) for f in both]

    def run(job):
        done = subprocess.run(job[1], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=folder)
        return job, done
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, jobs))
    for source in sources:
        mine = [done for job, done in results if job[0] is source]
        wrong = [d for d in mine if d.returncode]
        expect(not wrong, f"{source.name}{source.kind}: compiles in "
               f"{len(mine)} ways", wrong and
               " ".join(wrong[0].args) + "\n" + wrong[0].stdout)


def record(tree, folder):
    """A recording of the guest: its options."""
    guest = os.path.join(TOP, "tests/surface/guest.S")
    for command in (
            ["gcc", "-m32", "-c", "-o", "guest.o", guest],
            ["ld", "-m", "elf_i386", "-Ttext", "0x101000", "-e", "_start",
             "-o", "guest.elf", "guest.o"]):
        subprocess.run(command, check=True, cwd=folder)
    done = subprocess.run(
        [tree.panda, *GUEST, "-monitor", "null", "-record", "recording"],
        cwd=folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    expect(os.path.exists(f"{folder}/recording-rr-nondet.log"),
           "the guest is recorded", done.stdout)
    return ["-replay", "recording"]


def run_all(tree, sources, folder, recording):
    for source in sources:
        if not source.says:
            continue
        how = GUEST + ["-monitor", "stdio", "-S"] if source.commands \
            else recording
        done = subprocess.run(
            [tree.panda, *how, *source.options, "-panda", source.name],
            cwd=folder, text=True, timeout=60,
            input="".join(c + "\n" for c in source.commands),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=tree.environment(folder))
        said = [line for line in
                done.stdout.replace("(qemu) ", "").splitlines() if
                line.startswith(tuple(f"{n}: " for n in
                                      [source.name, *source.others]))]
        expect(done.returncode == 0 and sorted(said) == sorted(source.says) and
               all(c in done.stderr for c in source.complains) and
               (source.commands or f": {source.end}," in done.stdout),
               f"{source.name}: says what is expected",
               f"status {done.returncode}\nexpected:\n" +
               "\n".join(source.says) + "\nbut:\n" + "\n".join(said) +
               "\n" + done.stdout[-300:] + done.stderr[-1500:])
