"""Cuts the interpreter's log (-trace) into blocks, with capstone, and says
what plugins have to hear of them, of instructions, and of accesses. Nothing
here has passed a plugin, nor the engine's decoder.

An event is a tuple of what teller.c writes of it: name, count, pc, arguments.
A block that was not run to its end shows less than there is of it: its size
and its instructions are then an AtLeast."""
import capstone

PAGE = 4096
BLOCK_MAX = 512  # instructions
STARTS = ("before_block_exec_invalidate_opt", "before_block_exec",
          "start_block_exec")
NAMES = {*STARTS, "end_block_exec", "after_block_exec", "insn_exec",
         "after_insn_exec"} | {
    f"{space}_mem_{when}_{what}" for space in ("virt", "phys")
    for when in ("before", "after") for what in ("read", "write")}

# -- What instructions are ----------------------------------------------------

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
# Control goes elsewhere, or what may interrupt, mode or paging do.
ENDERS = set("""
    jmp ljmp call lcall ret retf retfq loop loope loopne jcxz jecxz jrcxz int
    int1 int3 into iret iretd iretq syscall sysret sysenter sysexit hlt ud2 in
    out insb insw insd outsb outsw outsd clts lmsw wrmsr cpuid lds les lss lfs
    lgs popf popfd popfq cld std cli sti ldmxcsr fxrstor fxrstor64""".split())
STRINGS = ("movs", "stos", "lods", "scas", "cmps", "ins", "outs")
# Instructions that read descriptors and the like, which are no accesses of
# the program's: how many reads are its own, the first and those beside it,
# without and with an operand in memory.
OF_TABLES = {"iret": (5, 5), "iretd": (5, 5), "iretq": (5, 5), "retf": (4, 4),
             "retfq": (4, 4), "ljmp": (0, 2), "lcall": (0, 2), "ltr": (0, 1),
             "lldt": (0, 1), "verr": (0, 1), "verw": (0, 1), "lar": (0, 1),
             "lsl": (0, 1), "lds": (2, 2), "les": (2, 2), "lss": (2, 2),
             "lfs": (2, 2), "lgs": (2, 2), "in": (0, 0), "out": (0, 0)}
TRAP = 1 << 11  # a step without an instruction
ALONE_MODES = 1 << 6 | 1 << 10 | 1 << 18  # each instruction is a block

_decoders = {mode: capstone.Cs(capstone.CS_ARCH_X86, bits) for mode, bits in
             enumerate((capstone.CS_MODE_16, capstone.CS_MODE_32,
                        capstone.CS_MODE_64))}
_known = {}


class Insn:
    """size, whether it ends a block, and its own reads (None: all)."""

    def __init__(self, text, operands, size):
        prefix, _, name = text.rpartition(" ")
        loads_segment = (name in ("mov", "pop") and
                         operands.split(",")[0] in SEGMENTS)
        self.text = f"{text} {operands}"
        self.size = size
        self.ends = (name in ENDERS or loads_segment or
                     name[0] == "j" or
                     name == "mov" and operands[:2] in ("cr", "dr") or
                     "rep" in prefix and name.startswith(STRINGS))
        own = OF_TABLES.get(name)
        if loads_segment:
            own = (1, 1) if name == "pop" else (0, 1)
        self.own_reads = own and own["[" in operands]


def decode(mode, code):
    """NULL: not known, or more bytes are wanted."""
    key = mode & 3, code
    if key not in _known:
        found = next(_decoders[mode & 3].disasm_lite(code, 0, 1), None)
        _known[key] = found and Insn(found[2], found[3], found[1])
    return _known[key]


# -- The log ------------------------------------------------------------------

class Step:
    """An instruction that was begun, or (mode None) only a delivery."""

    def __init__(self, count, pc, mode=None, code=b"", physical=0):
        self.count, self.pc, self.mode, self.code = count, pc, mode, code
        self.physical = physical
        self.faulted = mode is None
        self.accesses, self.delivered = [], []
        self.delivery_pc = None


class Access:
    def __init__(self, words, pc):
        self.pc = pc  # of a delivery
        self.write = words[0] == "W"
        self.address, self.size = int(words[1], 16), int(words[2])
        self.probe = int(words[3], 16) & 0x80
        self.value = bytes.fromhex(words[4]) if self.write else None
        self.parts = []


def steps_of(lines):
    """The steps; of one that was begun several times, the last attempt."""
    step = last_pc = None
    for line in lines:
        words = line.split()
        if words[0] in "RW":
            accesses.append(Access(words, last_pc))
        elif words[0] == "=":
            accesses[-1].parts.append((int(words[1], 16), int(words[2]),
                                       bytes.fromhex(words[3])))
        elif words[0] == "I":
            count = int(words[1])
            if step and (step.count != count or step.mode is None):
                yield step
            pc, physical, mode = (int(x, 16) for x in words[2:5])
            if mode & TRAP:
                step = Step(count, pc)
                step.delivery_pc = pc
            else:
                step = Step(count, pc, mode, bytes.fromhex(
                    words[5] if len(words) > 5 else ""), physical)
            accesses = step.accesses
        elif words[0] == "L":
            if step and step.count == int(words[1]):
                step.faulted = words[3] == "1"
        else:
            count, pc = int(words[1]), int(words[2], 16)
            if not step or step.count != count:  # not by what began there
                if step:
                    yield step
                step = Step(count, pc)
            if step.delivery_pc is None:
                step.delivery_pc = pc
            last_pc = pc
            accesses = step.delivered
    # What the last one led to is not known.


# -- What must be heard -------------------------------------------------------

class AtLeast:
    def __init__(self, least):
        self.least = least

    def __eq__(self, other):
        return other >= self.least

    def __repr__(self):
        return f"{self.least:x} or more"


def numbers_of(value):
    """In parts of eight bytes."""
    return [int.from_bytes(value[i:i + 8], "little")
            for i in range(0, len(value), 8)]


def access_events(access, count, pc):
    """Before it, and, unless it faulted, after it."""
    what = "write" if access.write else "read"
    done = b"".join(part[2] for part in access.parts)
    made = len(done) == access.size
    for when in ("before", "after") if made else ("before",):
        value = done if made else access.value
        with_value = when == "after" or access.write
        for at in range(0, access.size, 8):
            size = min(access.size - at, 8)
            yield (f"virt_mem_{when}_{what}", count, pc, pc,
                   access.address + at, size, *(
                       numbers_of(value[at:at + size]) if with_value else ()))
            first = 0
            for physical, length, data in access.parts if made else ():
                low, high = max(first, at), min(first + length, at + size)
                if low < high:
                    yield (f"phys_mem_{when}_{what}", count, pc, pc,
                           physical + low - first, high - low, *(
                               numbers_of(data[low - first:high - first])
                               if with_value else ()))
                first += length


def pushes(accesses):
    """The longest run of writes down a stack: others are of tables."""
    best, run = [], []
    for access in accesses:
        if access.write:
            if not run or (access.size, access.address) != (
                    run[-1].size, run[-1].address - access.size):
                run = []
            run.append(access)
            best = run if len(run) > len(best) else best
    return best


def own_accesses(step, insn):
    """Without those of tables."""
    reads = []
    own_writes = pushes(step.accesses) if insn.text.startswith("lcall") else []
    for access in step.accesses:
        if access.probe:
            continue
        if insn.own_reads is not None and access.write:
            if access not in own_writes:
                continue
        elif insn.own_reads is not None:
            if len(reads) == insn.own_reads or (
                    reads and abs(access.address - reads[0]) > 8 * len(reads)):
                continue
            reads.append(access.address)
        yield access


class Block:
    def __init__(self, step):
        self.pc, self.mode, self.count = step.pc, step.mode, step.count
        self.end, self.n = step.pc, 0
        self.where = 0  # in the listing, its start

    def is_last(self, step, insn):
        """After this one, is the block over by what it consists of?"""
        after = step.pc + insn.size
        rest = PAGE - after % PAGE
        window = step.code[insn.size:]
        if (insn.ends or self.n == BLOCK_MAX or rest == PAGE or
                step.pc // PAGE != after // PAGE or
                self.mode & ALONE_MODES):
            return True
        if rest >= 15:
            return False
        following = decode(step.mode, window[:15])
        return following.size > rest if following else len(window) <= rest


def rest_of_block(step, insn_size, code):
    """How many of the bytes behind this instruction may belong to it."""
    at, rest = 0, PAGE - step.pc % PAGE - insn_size
    code = code[:max(rest, 0)]
    while at < len(code):
        insn = decode(step.mode, code[at:at + 15])
        if not insn:  # it lies across the page's edge, or of the window's
            return at if len(code) == rest else len(code)
        at += insn.size
        if insn.ends:
            break
    return at


def overwritten(step, insn):
    """Whether it has changed what follows it, as far as that is seen."""
    begin, code = step.physical + insn.size, step.code[insn.size:]
    code = code[:rest_of_block(step, insn.size, code)]
    for access in step.accesses:
        for physical, size, data in access.parts if access.write else ():
            low = max(physical, begin)
            high = min(physical + size, begin + len(code))
            if low < high and code[low - begin:high - begin] != \
                    data[low - physical:high - physical]:
                return True
    return False


# -- All of it ----------------------------------------------------------------

class Listing:
    """All that must be heard, in order."""

    def __init__(self, base, unknown):
        self.events, self.base, self.unknown = [], base, unknown
        self.block = None

    def begin_block(self, step):
        self.block = Block(step)
        self.block.where = len(self.events)
        self.events += [None] * len(STARTS)

    def end_block(self, cut):
        """What its start was told with is known only now."""
        block = self.block
        if block:
            shape = block.pc, block.end - block.pc, block.n
            if cut:
                shape = block.pc, AtLeast(shape[1]), AtLeast(shape[2])
            for i, name in enumerate(STARTS):
                self.events[block.where + i] = (
                    name, block.count - self.base, block.pc, *shape)
        self.block = None

    def tell(self, name, step, pc, *arguments):
        self.events.append((name, step.count - self.base + 1, pc, *arguments))

    def access(self, step, access, pc):
        self.events += access_events(access, step.count - self.base + 1, pc)

    def insn(self, step, next_pc):
        insn = decode(step.mode, step.code[:15])
        if not insn:
            if not step.faulted:  # else it is none, of whatever length
                self.unknown.add(step.code[:15].hex())
            insn = Insn("?", "", 1 if step.faulted else next_pc - step.pc)
        if self.block and self.block.end != step.pc:
            self.end_block(True)
        if not self.block:
            self.begin_block(step)
        block = self.block
        block.n += 1
        block.end = step.pc + insn.size
        self.tell("insn_exec", step, step.pc, step.pc)
        for access in own_accesses(step, insn):
            self.access(step, access, step.pc)
        if step.faulted:
            self.end_block(insn.text[0] == "?" or
                           not block.is_last(step, insn))
        elif block.is_last(step, insn):
            shape = block.pc, block.end - block.pc, block.n
            self.tell("end_block_exec", step, next_pc, *shape)
            self.tell("after_block_exec", step, next_pc, *shape, 0)
            self.end_block(False)
        else:
            self.tell("after_insn_exec", step, next_pc, next_pc)
            if overwritten(step, insn):
                self.end_block(True)

    def step(self, step, following):
        if step.mode is not None:
            self.insn(step, following.delivery_pc if following.mode is None
                      else following.pc)
        if step.mode is None or step.faulted:
            self.end_block(True)
        for access in pushes(step.delivered):
            self.access(step, access, access.pc)


def from_count(lines, first):
    """Without what comes before that count, but for a block's length."""
    lines = iter(lines)
    for line in lines:
        if line[0] == "I" and int(line.split()[1]) + BLOCK_MAX >= first:
            yield line
            break
    yield from lines


def events_of(lines, unknown, first=0, base=None):
    """All that must be heard from a count on, which is 0 at `base` (None:
    where the log begins). `unknown` collects the instructions that capstone
    does not know."""
    listing, step = None, None
    for following in steps_of(from_count(lines, first)):
        if step:
            listing.step(step, following)
        else:
            listing = Listing(following.count if base is None else base,
                              unknown)
        step = following
    listing.end_block(True)
    return [event for event in listing.events if event[1] >= first]


# -- What was heard -----------------------------------------------------------

def heard_events(lines):
    """The same of teller's lines."""
    for words in lines:
        if words[0] in NAMES:
            yield (words[0], int(words[1]), *(int(x, 16) for x in words[2:]))


def difference(lines, truth):
    """None, or where what was heard parts from the truth. A part of physical
    memory that was to be accessed, and then was not, is only heard of."""
    n = 0
    for event in heard_events(lines):
        if n == len(truth):
            return None
        if truth[n] == event:
            n += 1
        elif not (event[0].startswith("phys_mem_before") and n and
                  truth[n - 1][0].startswith("virt_mem_before") and
                  truth[n - 1][1] == event[1] and
                  (truth[n - 1][4] ^ event[4]) % PAGE == 0):
            return f"event {n}: heard {event}, true is {truth[n]}; before " \
                f"it {truth[max(n - 3, 0):n]}"
    return None if n == len(truth) else f"only {n} of {len(truth)} events"
