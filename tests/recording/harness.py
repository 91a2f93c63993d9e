"""Runs the program for tests of recordings: guests with monitor and console,
replays, and the count of what passed."""
import atexit
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "shared"))
from checks import BUILD, FULL, PANDA, TOP, end, expect

CHECKED = f"{BUILD}/src/panda-system-x86_64-checked"
GUEST = os.path.join(TOP, "build/guest")
PROMPT = b"(qemu) "
LIMIT = 60  # seconds that anything may take

dice = random.Random(int(os.environ.get("SEED", "1")))
work = tempfile.mkdtemp(prefix="panda-recordings-")
begun = {}  # recordings' first counts


def close():
    shutil.rmtree(work, ignore_errors=True)
    end()


def path(name):
    return os.path.join(work, name)


guest_lock = threading.Lock()  # guests are begun by several threads


def bare_guest():
    """The guest of guest.S, as a kernel to boot."""
    image = path("guest")
    with guest_lock:
        build_bare_guest(image)
    return image


def build_bare_guest(image):
    if not os.path.exists(image):
        source = os.path.join(os.path.dirname(__file__), "guest.S")
        run = lambda *command: subprocess.run(command, check=True, cwd=work)
        run("gcc", "-m32", "-c", "-o", "guest.o", source)
        run("ld", "-m", "elf_i386", "-Ttext", "0x100000",
            "--section-start=.setup=0", "-e", "_start", "-o", "guest.elf",
            "guest.o")
        for part in "setup", "text":
            run("objcopy", "-O", "binary", "-j", "." + part, "guest.elf",
                part)
        with open(image, "wb") as out:
            for part in "setup", "text":
                with open(path(part), "rb") as file:
                    out.write(file.read())


class Guest:
    """A live guest. What is typed on its console goes through a socket."""

    def __init__(self, *options, linux=False, program=None):
        self.console = path(f"console-{time.monotonic_ns()}")
        kernel = [f"{GUEST}/vmlinuz", "-initrd", f"{GUEST}/initrd",
                  "-append", "console=ttyS0 panic=-1", "-m", "128"] \
            if linux else [bare_guest(), "-m", "4"]
        self.process = subprocess.Popen(
            [program or PANDA, "-kernel", *kernel, "-monitor", "stdio",
             "-serial", f"unix:{self.console},server,nowait", "-device",
             "isa-debug-exit,iobase=0x501", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=open(self.console + ".err", "wb"))
        atexit.register(self.process.kill)
        self.socket = None
        self.answer()

    def answer(self):
        """What the monitor prints up to its prompt."""
        text, limit = b"", time.monotonic() + LIMIT
        while not text.endswith(PROMPT):
            if not select.select([self.process.stdout], [], [],
                                 limit - time.monotonic())[0]:
                raise TimeoutError(f"no prompt after {text!r}")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                raise EOFError(f"the program ended: {self.errors()}")
            text += piece
        return text[:-len(PROMPT)].decode(errors="replace").strip()

    def ask(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def begin(self, name):
        told = self.ask(f"begin_record {path(name)}")
        if told:
            raise ValueError(told)
        begun[name] = int(re.search(r"begun at (\d+)",
                                    self.ask("info record"))[1])

    def end_record(self):
        """And the guest goes on."""
        told = self.ask("end_record")
        self.ask("cont")
        return told

    def type(self, text):
        import socket
        if not self.socket:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(self.console)
        self.socket.sendall(text.encode())

    def count(self):
        return int(re.search(r"count: (\d+)", self.ask("info status"))[1])

    def run_steps(self, steps):
        """Lets at least so many pass."""
        end, limit = self.count() + steps, time.monotonic() + LIMIT
        while self.count() < end:
            if time.monotonic() > limit:
                raise TimeoutError("the guest does not go on")
            time.sleep(0.002)

    def errors(self):
        with open(self.console + ".err", errors="replace") as file:
            return file.read()

    def end(self, how="quit"):
        """The exit status."""
        if isinstance(how, signal.Signals):
            self.process.send_signal(how)
        elif self.process.poll() is None:
            try:
                self.process.stdin.write(how.encode() + b"\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                pass
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        atexit.unregister(self.process.kill)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()
        if self.socket:
            self.socket.close()
        return self.process.returncode


class Replay:
    def __init__(self, name, *options, program=None):
        try:
            done = subprocess.run(
                [program or PANDA, "-replay", path(name), "-replay-verify",
                 *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, timeout=LIMIT, errors="replace")
            self.status, self.out, self.err = (done.returncode, done.stdout,
                                               done.stderr)
        except subprocess.TimeoutExpired:
            self.status, self.out, self.err = "hangs", "", ""
        verdict = re.search(r"^replay of .*: (.*), (\d+) steps", self.out,
                            re.M)
        self.verdict = verdict[1] if verdict else None
        self.steps = int(verdict[2]) if verdict else 0
        self.hashes = re.findall(r"^(?:recorded|own) +(\w+)$", self.out, re.M)
        self.said = f"status {self.status}\n{self.out}{self.err}"

    def identical(self):
        return (self.status == 0 and self.verdict == "identical" and
                len(set(self.hashes)) == 1)


def copy(name, new):
    for end in "-rr-snp", "-rr-nondet.log":
        shutil.copyfile(path(name) + end, path(new) + end)


def files(name):
    return [path(name) + "-rr-snp", path(name) + "-rr-nondet.log"]
