#!/usr/bin/python3
"""Prints a pandalog: as JSON, one list of all entries, or an entry a line.

usage: plog_reader.py [--lines] [--schema DESC] FILE

As a module: `with PLogReader(FILE) as log:`, then `for entry in log:` gives
LogEntry messages. DESC is the plog.desc that was made with the plugins; it is
looked for in $PANDA_DIR, in the build beside this script, and beside it.
"""
import argparse
import os
import struct
import sys
import zlib

try:
    from google.protobuf import (descriptor_pb2, descriptor_pool, json_format,
                                 message_factory)
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import DecodeError
except ImportError:
    sys.exit(f"plog_reader.py: {sys.executable} has no google.protobuf: "
             "install Debian's python3-protobuf, and run this with "
             "/usr/bin/python3")

HEAD = struct.Struct("<IIQII")
HEAD_SIZE = 128
ROW = struct.Struct("<QQQ")
VERSION = 2
CHUNK_MAX = 256 << 20
PIECE = 1 << 16
NEVER = (1 << 64) - 1


class PLogError(Exception):
    """What is wrong with a file, in a sentence."""


# -- The schema ----------------------------------------------------------------


def find_schema():
    here = os.path.dirname(os.path.realpath(__file__))
    places = [os.path.join(here, "../build"), here]
    if "PANDA_DIR" in os.environ:
        places.insert(0, os.environ["PANDA_DIR"])
    tried = [os.path.join(place, part, "plog.desc") for place in places
             for part in ("x86_64-softmmu", "")]
    for path in tried:
        if os.path.exists(path):
            return path
    raise PLogError("there is no schema: plog.desc is none of\n    " +
                    "\n    ".join(tried) + "\ngive --schema DESC")


def entry_class(path=None):
    """LogEntry, of a plog.desc."""
    path = path or find_schema()
    files = descriptor_pb2.FileDescriptorSet()
    try:
        with open(path, "rb") as file:
            files.ParseFromString(file.read())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        entry = pool.FindMessageTypeByName("panda.LogEntry")
    except (OSError, DecodeError, KeyError, TypeError) as error:
        raise PLogError(f"{path} is no schema of pandalogs: {error}")
    return message_factory.MessageFactory(pool).GetPrototype(entry)


# -- The file ------------------------------------------------------------------


class PLogReader:
    """Iterates over the entries; raises PLogError behind the last sound one.
    `whole` tells whether the log was closed."""

    def __init__(self, path, schema=None):
        self.path = path
        self.entry = entry_class(schema)
        try:
            self.file = open(path, "rb")
        except OSError as error:
            raise PLogError(f"{path} cannot be read: {error.strerror}")
        self.size = os.fstat(self.file.fileno()).st_size
        head = self.file.read(HEAD_SIZE)
        if len(head) < HEAD_SIZE:
            raise PLogError(f"{path} is no pandalog: it has no head")
        version, _, self.end, _, _ = HEAD.unpack_from(head)
        if version != VERSION:
            raise PLogError(f"{path} is no pandalog of version {VERSION} (it "
                            f"begins with {version})")
        self.whole = self.end != 0
        if self.whole:
            self.rows = self.read_directory()
        else:
            self.rows, self.end = [], self.size

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.file.close()

    def read_directory(self):
        """(instr, position, entries) a chunk."""
        if not HEAD_SIZE <= self.end <= self.size - 4:
            raise PLogError(f"{self.path} has no directory where its head "
                            "says: it is damaged, or cut short")
        self.file.seek(self.end)
        count, = struct.unpack("<I", self.file.read(4))
        if count > (self.size - self.end - 4) // ROW.size:
            raise PLogError(f"{self.path} is cut short: its directory has "
                            f"not all of {count} rows")
        rows = list(ROW.iter_unpack(self.file.read(count * ROW.size)))
        for number, (_, at, _) in enumerate(rows):
            if (at <= rows[number - 1][1] if number else at != HEAD_SIZE):
                raise PLogError(f"{self.path} is damaged: row {number} of "
                                "its directory")
        if rows[-1][1] >= self.end if rows else self.end != HEAD_SIZE:
            raise PLogError(f"{self.path} is damaged: its directory names "
                            "chunks beyond their end")
        return rows

    def chunk(self, at):
        """The bytes of the one there, and where it ends in the file."""
        unpacker = zlib.decompressobj()
        text = bytearray()
        self.file.seek(at)
        while not unpacker.eof:
            piece = self.file.read(min(PIECE, self.end - self.file.tell()))
            try:
                text += unpacker.decompress(piece)
            except zlib.error:
                raise PLogError(f"{self.path} is damaged: there is no sound "
                                f"chunk at {at}")
            if len(text) > CHUNK_MAX:
                raise PLogError(f"{self.path} is damaged: there is no sound "
                                f"chunk at {at}")
            if not piece and not unpacker.eof:
                raise PLogError(f"{self.path} ends in the midst of its last "
                                "chunk: its writer was killed, or the file "
                                "has been cut")
        return bytes(text), self.file.tell() - len(unpacker.unused_data)

    def split(self, text, chunk):
        found, at = [], 0
        while at < len(text):
            size = int.from_bytes(text[at:at + 4], "little")
            if at + 4 + size > len(text):
                raise PLogError(f"{self.path} is damaged: an entry goes "
                                f"beyond the chunk at {chunk}")
            found.append(text[at + 4:at + 4 + size])
            at += 4 + size
        return found

    def chunks(self):
        """Lists of entries' bytes."""
        number, at = 0, HEAD_SIZE
        places = [row[1] for row in self.rows] + [self.end]
        while at < self.end:
            text, behind = self.chunk(at)
            found = self.split(text, at)
            if self.whole and (behind != places[number + 1] or
                               len(found) != self.rows[number][2]):
                raise PLogError(f"{self.path} is damaged: its directory does "
                                f"not fit the chunk at {at}")
            yield found
            number, at = number + 1, behind

    def __iter__(self):
        number = 0
        for chunk in self.chunks():
            for text in chunk:
                entry = self.entry()
                try:
                    entry.ParseFromString(text)
                    good = entry.IsInitialized()
                except (DecodeError, UnicodeDecodeError):
                    good = False
                if not good:
                    raise PLogError(f"{self.path}: entry {number} is damaged, "
                                    "or not of this schema")
                yield entry
                number += 1


# -- Lines ---------------------------------------------------------------------

# As the manual has them: what is shown, and how.
NAMES = {"asid": ("asid", "%x"), "process_id": ("pid", "%d"),
         "process_name": ("process", None)}


def printable(text):
    return "".join(f"\\x{ord(c):02x}" if c < " " or c in "\x7f\\" else c
                   for c in text)


def value_text(field, value, form):
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return "{" + fields_text(value) + "}"
    if field.type == FieldDescriptor.TYPE_STRING:
        return f"[{printable(value)}]"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return f"<{value.hex()}>"
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "true" if value else "false"
    if field.type == FieldDescriptor.TYPE_ENUM:
        number = field.enum_type.values_by_number.get(value)
        return number.name if number else str(value)
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return "%.9g" % value
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return "%.17g" % value
    return (form or "%d") % value


def fields_text(message, leave_out=()):
    parts = []
    for field, value in message.ListFields():
        if field.name in leave_out:
            continue
        shown, form = NAMES.get(field.name, (field.name, None))
        many = field.label == FieldDescriptor.LABEL_REPEATED
        parts += [f"{shown}={value_text(field, v, form)}"
                  for v in (value if many else [value])]
    return " ".join(parts)


def line(entry):
    return (f"instr={entry.instr}  pc=0x{entry.pc:x} :  " +
            fields_text(entry, ("pc", "instr")))


def is_dummy(entry):
    """What each log begins with, which says nothing."""
    # Two fields, a byte of tag and ten of value each.
    return entry.pc == entry.instr == NEVER and entry.ByteSize() == 22


def count_unknown(message):
    return len(message.UnknownFields())


# -- The program ---------------------------------------------------------------


def print_log(log, lines):
    """How many fields the schema does not know."""
    unknown = first = 0
    if not lines:
        print("[")
    try:
        for entry in log:
            unknown += count_unknown(entry)
            if not lines:
                print(("," + "\n" if first else "") +
                      json_format.MessageToJson(entry), end="")
                first = 1
            elif not is_dummy(entry):
                print(line(entry))
    finally:
        if not lines:
            print("\n]" if first else "]")
    return unknown


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__.split("\n\n")[2])
    parser.add_argument("--lines", action="store_true")
    parser.add_argument("--schema", metavar="DESC")
    parser.add_argument("file")
    args = parser.parse_args()
    try:
        with PLogReader(args.file, args.schema) as log:
            unknown = print_log(log, args.lines)
            sys.stdout.flush()
            if unknown:
                print(f"plog_reader.py: {args.file}: {unknown} fields are not "
                      "shown: this schema has no such tags", file=sys.stderr)
            if not log.whole:
                print(f"plog_reader.py: {args.file} was not closed: its "
                      "writer runs, or was killed; this is what it had "
                      "written", file=sys.stderr)
    except PLogError as error:
        sys.stdout.flush()
        sys.exit(f"plog_reader.py: {error}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
