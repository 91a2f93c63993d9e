"""The guest of the measurements: Debian's kernel and our RAM disk."""

import gzip
import os
import stat
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
GUEST = os.path.join(TOP, "build/guest")
OWN = os.path.join(TOP, "build/bench")
KERNEL = os.path.join(GUEST, "vmlinuz")
DEMO_INITRD = os.path.join(GUEST, "initrd")
INITRD = os.path.join(OWN, "initrd")
PROGRAM = os.path.join(TOP, "build/x86_64-softmmu/panda-system-x86_64")

APPLETS = """sh mount cat dd head sort sha256sum gzip awk cp rm true mkfifo
""".split()


def cpio_entry(number, name, mode, data):
    """One file of a cpio archive of kind `newc`."""
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0,
              len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields)
    head += name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def archive(busybox, init):
    files = [(name, stat.S_IFDIR | 0o755, b"")
             for name in ("bin", "proc", "dev")]
    files.append(("bin/busybox", stat.S_IFREG | 0o755, busybox))
    files += [("bin/" + name, stat.S_IFLNK | 0o777, b"busybox")
              for name in APPLETS]
    files.append(("init", stat.S_IFREG | 0o755, init))
    files.append(("TRAILER!!!", 0, b""))
    return b"".join(cpio_entry(number + 1, *file)
                    for number, file in enumerate(files))


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def prepare():
    """Kernel, busybox and both RAM disks; the program in release."""
    subprocess.run([os.path.join(TOP, "scripts/guest")], check=True)
    subprocess.run([os.path.join(TOP, "scripts/build"), "program"],
                   check=True)
    os.makedirs(OWN, exist_ok=True)
    busybox = contents(os.path.join(GUEST, "busybox/bin/busybox"))
    init = contents(os.path.join(HERE, "init"))
    with open(INITRD, "wb") as file:
        file.write(gzip.compress(archive(busybox, init), 1, mtime=0))
