"""Runs one guest and takes the time between two lines of its console."""

import os
import select
import socket
import subprocess
import time

import guests

MEGABYTES = 256
DEADLINE = 600  # seconds without a line of the console: it hangs
START, STOP, HOLD = b"BENCH START", b"BENCH STOP", b"BENCH HOLD"
USERLAND = b"BENCH USERLAND"


class Failed(Exception):
    """A guest or a program did not do what was to be measured."""

    def __init__(self, reason, details=""):
        super().__init__(reason + "\n" + details if details else reason)
        self.reason = reason


def cpu_seconds(pid):
    """User and system time of a running process, all its threads."""
    return time.clock_gettime(((~pid) << 3) | 2)


class Moment:
    """Both clocks at one moment; their difference is a Stretch."""

    def __init__(self, pid, steps=None):
        self.cpu = cpu_seconds(pid)
        self.wall = time.monotonic()
        self.steps = steps


class Stretch:
    def __init__(self, cpu, wall, steps=None):
        self.cpu, self.wall, self.steps = cpu, wall, steps

    @staticmethod
    def between(start, end):
        steps = None
        if start.steps is not None and end.steps is not None:
            steps = end.steps - start.steps
        return Stretch(end.cpu - start.cpu, end.wall - start.wall, steps)


# -- Command lines -------------------------------------------------------------


def kernel_line(work, more=""):
    return "console=ttyS0 quiet panic=-1 work=%s %s" % (work, more)


def common(append, initrd):
    return ["-m", str(MEGABYTES), "-kernel", guests.KERNEL, "-initrd", initrd,
            "-append", append, "-serial", "stdio", "-display", "none"]


def qemu(append, initrd=guests.INITRD):
    """The peer. -nodefaults: no disk, network or display, as our board."""
    return (["qemu-system-x86_64", "-M", "pc", "-cpu", "qemu64", "-accel",
             "tcg,thread=single", "-smp", "1", "-nodefaults", "-monitor",
             "none", "-no-reboot"] + common(append, initrd))


def panda(append, initrd=guests.INITRD):
    return ([guests.PROGRAM, "-no-reboot", "-monitor",
             "unix:%s,server,nowait" % monitor_path()] +
            common(append, initrd))


def monitor_path():
    return os.path.join(guests.OWN, "monitor-%d" % os.getpid())


# -- Guests --------------------------------------------------------------------


class Guest:
    """A running machine whose console is ours."""

    def __init__(self, command):
        self.start = time.monotonic()
        self.log = open(os.path.join(guests.OWN, "messages"), "w+b")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        stderr=self.log)
        self.monitor = None
        self.text = b""
        self.seen = 0  # bytes of the text that are lines looked at

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.monitor:
            self.monitor.close()
        if self.process.returncode is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def fail(self, what):
        self.log.seek(0)
        raise Failed(
            "%s: %s" % (os.path.basename(self.process.args[0]), what),
            "%s\n%s\n%s" % (" ".join(self.process.args),
                            self.text[-1000:].decode(errors="replace"),
                            self.log.read()[-2000:].decode(errors="replace")))

    def more(self):
        """More of the console; False when it is closed."""
        out = self.process.stdout.fileno()
        if not select.select([out], [], [], DEADLINE)[0]:
            self.fail("no line for %d s" % DEADLINE)
        data = os.read(out, 65536)
        self.text += data
        return bool(data)

    def wait_for(self, marker):
        """Up to a line that is the marker; the moment when it came."""
        while True:
            at = self.text.find(marker + b"\r\n", self.seen)
            if at >= 0:
                self.seen = at + len(marker)
                return Moment(self.process.pid)
            if not self.more():
                self.fail("ended before '%s'" % marker.decode())

    def wait_end(self):
        """Up to the end of the process; its status."""
        while self.more():
            pass
        return self.process.wait()

    def type(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    # -- Our monitor

    def connect(self):
        """An empty line makes a prompt, whether or not we were greeted."""
        self.monitor = socket.socket(socket.AF_UNIX)
        self.monitor.settimeout(DEADLINE)
        self.monitor.connect(monitor_path())
        self.monitor.sendall(b"\n")
        self.answer()
        while select.select([self.monitor], [], [], 0.1)[0]:
            self.answer()

    def command(self, line):
        """A line to the monitor and its answer."""
        self.monitor.sendall(line.encode() + b"\n")
        return self.answer()

    def answer(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            try:
                data = self.monitor.recv(4096)
            except OSError:
                data = b""
            if not data:
                self.fail("the monitor closed")
            text += data
        return text.decode()

    def steps(self):
        for line in self.command("info status").splitlines():
            if line.startswith("count: "):
                return int(line[7:])
        return self.fail("info status tells no count")


# -- Measurements --------------------------------------------------------------


def boot(command):
    """From the start of the process to userland."""
    with Guest(command) as guest:
        end = guest.wait_for(USERLAND)
        return Stretch(end.cpu, end.wall - guest.start)


def work(command, ours):
    """From START to STOP; of our program also the steps."""
    with Guest(command) as guest:
        guest.wait_for(USERLAND)
        if ours:
            guest.connect()
        start = guest.wait_for(START)
        if ours:
            start.steps = guest.steps()
        end = guest.wait_for(STOP)
        if ours:
            end.steps = guest.steps()
        return Stretch.between(start, end)


def held(name, record=None, more=""):
    """A piece of work in our program that waits for us before it begins;
    recorded from there to its end if a name is given. more: variables of
    the init's."""
    line = kernel_line(name, "hold=1 " + more)
    with Guest(panda(line)) as guest:
        guest.wait_for(HOLD)
        guest.connect()
        if record:
            tell(guest, "begin_record " + record)
        guest.type(b"go\n")
        start = guest.wait_for(START)
        start.steps = guest.steps()
        end = guest.wait_for(STOP)
        end.steps = guest.steps()
        if record:
            tell(guest, "end_record")
        return Stretch.between(start, end)


def tell(guest, line):
    """A command that says nothing when all is well."""
    answer = guest.command(line)
    said = [part for part in answer.replace("(qemu)", "\n").splitlines()
            if part.strip() and part.strip() != line]
    if said:
        guest.fail("%s: %s" % (line, " ".join(said)))


def replay(name, options=()):
    """A whole replay, from the start of the process to its end."""
    begin = time.monotonic()
    child = subprocess.Popen([guests.PROGRAM, "-replay", name, *options],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = child.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stdout.close()
    return (Stretch(usage.ru_utime + usage.ru_stime,
                    time.monotonic() - begin), text, child.returncode)
