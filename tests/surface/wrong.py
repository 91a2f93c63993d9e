"""Plugins with one mistake each, which compilers must find, beside the same
without it, which they must not."""
import subprocess
from concurrent.futures import ThreadPoolExecutor

from checks import FULL, expect

# A name, what goes before, what is right, what is wrong; in a function that
# has `self`, `env`, `tb` and `pcb`.
CALLBACK = "{result} f({parameters}) {{ return {value}; }}"


def callback(member, result, parameters, other, value=""):
    """A function of another type than the member's."""
    end = {"void": "", "bool": "true", "int": "0", "int32_t": "0"}
    right = CALLBACK.format(result=result, parameters=parameters,
                            value=end[result])
    return (f"{member}: {other}", right.replace("f(", f"right_{member}(", 1) +
            "\n" + other.replace("f(", f"wrong_{member}(", 1),
            f"pcb.{member} = right_{member};",
            f"pcb.{member} = wrong_{member};")


TB = "CPUState *, TranslationBlock *"
PC = "CPUState *, target_ptr_t"
MEM = f"{PC}, target_ptr_t, size_t"
BUF = f"{MEM}, uint8_t *"

BOTH = [ # in C and in C++
    callback("before_block_exec", "void", TB, "bool f(CPUState *, "
             "TranslationBlock *) { return true; }"),
    callback("after_block_exec", "void", f"{TB}, uint8_t",
             f"void f({TB}) {{ }}"),
    callback("before_block_translate", "void", PC, f"void f({TB}) {{ }}"),
    callback("after_block_translate", "void", TB, "void f(CPUState *) { }"),
    callback("before_block_exec_invalidate_opt", "bool", TB,
             f"void f({TB}) {{ }}"),
    callback("insn_translate", "bool", PC, f"int f({PC}) {{ return 0; }}"),
    callback("insn_exec", "int", PC, f"void f({PC}) {{ }}"),
    callback("virt_mem_before_read", "void", MEM, f"void f({BUF}) {{ }}"),
    callback("virt_mem_after_read", "void", BUF, f"void f({MEM}) {{ }}"),
    callback("virt_mem_before_write", "void", BUF,
             f"void f({MEM}, uint64_t *) {{ }}"),
    callback("phys_mem_after_write", "void", BUF, "void f(uint8_t *) { }"),
    callback("mmio_after_read", "void",
             f"{PC}, target_ptr_t, size_t, uint64_t *",
             f"void f({PC}, target_ptr_t, size_t, uint64_t) {{ }}"),
    callback("asid_changed", "bool", f"{PC}, target_ptr_t",
             f"bool f({PC}) {{ return true; }}"),
    callback("guest_hypercall", "bool", "CPUState *",
             "void f(CPUState *) { }"),
    callback("monitor", "int", "Monitor *, const char *",
             "int f(const char *) { return 0; }"),
    callback("before_loadvm", "int", "void", "void f(CPUState *) { }"),
    callback("replay_hd_transfer", "void", "CPUState *, uint32_t, "
             "target_ptr_t, target_ptr_t, size_t",
             "void f(CPUState *, uint32_t) { }"),
    callback("replay_before_dma", "void",
             "CPUState *, const uint8_t *, hwaddr, size_t, bool",
             "void f(CPUState *, uint32_t, uint64_t, uint64_t, uint32_t) { }"),
    callback("replay_handle_packet", "void",
             "CPUState *, uint8_t *, size_t, uint8_t, uint64_t",
             "void f(CPUState *, uint8_t *, size_t) { }"),
    callback("before_handle_exception", "int32_t", "CPUState *, int32_t",
             "void f(CPUState *, int32_t) { }"),
    callback("before_cpu_exec_exit", "void", "CPUState *, bool",
             "void f(CPUState *) { }"),
    callback("pre_shutdown", "void", "void", "void f(void *) { }"),
    ("a callback that is none", "", "pcb.top_loop = NULL;",
     "pcb.toplevel_loop = NULL;"),
    ("a number that is none", "",
     "panda_register_callback(self, PANDA_CB_TOP_LOOP, pcb);",
     "panda_register_callback(self, PANDA_CB_TOPLEVEL_LOOP, pcb);"),
    ("an argument too few", "",
     "panda_register_callback(self, PANDA_CB_TOP_LOOP, pcb);",
     "panda_register_callback(self, PANDA_CB_TOP_LOOP);"),
    ("a function in place of the union", "",
     "panda_enable_callback(self, PANDA_CB_TOP_LOOP, pcb);",
     "panda_enable_callback(self, PANDA_CB_TOP_LOOP, memcpy);"),
    ("a register that is none", "", "(void)env->regs[R_EAX];",
     "(void)env->regs[R_RAX];"),
    ("a member of another CPU", "", "(void)env->eip;",
     "(void)env->uncached_cpsr;"),
    ("a member that a block has not", "", "(void)tb->icount;",
     "(void)tb->n_insns;"),
    ("the architecture's state for the CPU", "",
     "(void)panda_current_asid(cpu);", "(void)panda_current_asid(env);"),
    ("a length too few", "",
     "panda_virtual_memory_read(cpu, 0, buf, 4);",
     "panda_virtual_memory_read(cpu, 0, buf);"),
    ("a number for a buffer", "",
     "panda_physical_memory_rw(0, buf, 4, false);",
     "panda_physical_memory_rw(0, 4, buf, false);"),
    ("a default of another type", "",
     'panda_parse_string(args, "x", "y");',
     'panda_parse_string(args, "x", args);'),
    ("a kind of argument that is none", "",
     'panda_parse_uint64(args, "x", 1);',
     'panda_parse_uint16(args, "x", 1);'),
    ("no text for a plugin's name", "", 'panda_get_plugin_by_name("x");',
     "panda_get_plugin_by_name(7.5);"),
]

CALL = """#include "panda/tcg-utils.h"
static void called(CPUState *, uint64_t) { }
static int answers(CPUState *) { return 0; }
static void weighs(double) { }"""
CPP = [ # of a template
    ("a call without its last argument", CALL,
     "insert_call(&op, called, cpu, 1);", "insert_call(&op, called, cpu);"),
    ("a call of a function that answers", CALL,
     "(void)answers, insert_call(&op, called, cpu, 1);",
     "insert_call(&op, answers, cpu);"),
    ("a call with another pointer", CALL,
     "insert_call(&op, called, cpu, 1);",
     "insert_call(&op, called, env, 1);"),
    ("a call with what fits no register", CALL,
     "(void)weighs, insert_call(&op, called, cpu, 1);",
     "insert_call(&op, weighs, 1.5);"),
    ("a place for calls by its value", CALL,
     "insert_call(&op, called, cpu, 1);", "insert_call(op, called, cpu, 1);"),
]

PROGRAM = """
#include "panda/plugin.h"
{before}
#ifdef __cplusplus
extern "C"
#endif
bool init_plugin(void *self);
bool init_plugin(void *self)
{{
    panda_cb pcb = {{}};
    CPUState *cpu = first_cpu;
    CPUX86State *env = (CPUX86State *)(cpu ? cpu->env_ptr : NULL);
    TranslationBlock *tb = NULL;
    panda_arg_list *args = panda_get_args("x");
    uint8_t buf[4];

    (void)pcb, (void)tb, (void)buf, (void)args, (void)env, (void)self;
    {line}
    return true;
}}
"""


def compiles(command, before, line):
    return subprocess.run(
        command, input=PROGRAM.format(before=before, line=line), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def check(tree):
    flags = [*tree.flags(), "-fsyntax-only", "-Wno-unused-function",
             "-Wno-missing-field-initializers", "-Wno-c2x-extensions"]
    c = ["-xc", "-std=gnu17", "-Werror", *flags, "-"]
    cpp = ["-xc++", "-std=c++11", *flags, "-"]
    ways = [["gcc", *c], ["clang++", *cpp]]
    if FULL:
        ways += [["clang", *c], ["g++", *cpp], ["gcc", "-xc", "-std=gnu99",
                 "-DPANDA_MANUAL_SIGNATURES", "-Werror", *flags, "-"]]
    for way in ways:
        rows = BOTH
        manual = "-DPANDA_MANUAL_SIGNATURES" in way
        if manual: # today's functions, being right, are wrong there
            rows = [r for r in BOTH if not r[1]]
        if way[1] == "-xc++":
            rows = rows + [(name, before, "TCGOp *op = NULL; " + right,
                            "TCGOp *op = NULL; " + wrong)
                           for name, before, right, wrong in CPP]
        # All that is right at once; each mistake alone.
        whole = compiles(
            way, "\n".join(dict.fromkeys(r[1] for r in rows)),
            "\n    ".join(f"{{ {r[2]} }}" for r in rows))
        expect(whole.returncode == 0, f"{way[0]} {way[2]}: without mistakes",
               whole.stdout)
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(
                lambda r: compiles(way, r[1], r[3]).returncode, rows))
        missed = [r[0] for r, status in zip(rows, done) if not status]
        expect(len(rows) >= (10 if manual else 30) and not missed,
               f"{way[0]} {way[2]}: {len(rows)} mistakes are found", missed)
