"""The code blocks of PANDA's manual (blocks.txt), each compiled as it stands
and run.

A declaration is compiled without our own (another prototype of the same
function may be as good), and called from a unit by itself. The prototypes of
Appendix A become callbacks, in C++ and in C with the manual's signatures. Uses
stand in a function.

With MANUAL=FILE, the manual, its blocks are compared with ours.
"""
import os
import re
import subprocess
import zlib

from checks import TOP, expect

# What is not compiled: (chapter, first words of the block): why.
EXCEPTIONS = {
    ("LLVM control", "void panda_enable_llvm"): "no LLVM in this version",
    ("Building LLVM", "cd panda"): "how to build LLVM",
    ("How to use it for analysis", 'extern "C"'): "no LLVM in this version",
    ("C interface", 'extern "C" {'): "a listing with gaps; its parts are "
                                     "blocks of their own",
    ("C++ Interface", "extern PandaLog"): "its entry is of a plugin that "
                                          "lifts to LLVM; plog's own test "
                                          "has the class",
}

# Declarations: an expression that is true.
CALLS = {
    "flush": "(panda_do_flush_tb(), 1)",
    "chaining": "(panda_disable_tb_chaining(), panda_enable_tb_chaining(), 1)",
    "precise_pc": "(panda_enable_precise_pc(), panda_disable_precise_pc(), 1)",
    "memcb": "(panda_disable_memcb(), panda_enable_memcb(), 1)",
    "physical_rw": "!panda_physical_memory_rw(0x101000, bytes, 4, 0) &&"
                   " bytes[0] == 2",
    "virtual_rw": "!panda_virtual_memory_rw(cpu, 0x101000, bytes, 4, 0) &&"
                  " panda_virtual_memory_rw(cpu, 0xf0000000, bytes, 4, 0) < 0",
    "record_replay": "panda_record_end() < 0 &&"
                     ' panda_record_begin("x", NULL) < 0 &&'
                     ' panda_replay_begin("x") < 0',
    "memsavep": "(panda_memsavep(file), ftell(file) == 8 << 20)",
    "asid": "panda_current_asid(cpu) == 0x302000",
    "in_kernel": "panda_in_kernel(cpu)",
    "sp": "panda_current_sp(cpu) > 0x102000",
    "retval": "panda_get_retval(cpu) != 0x1234",
    "disas": "(panda_disas(file, nop, 1), ftell(file) > 4)",
    "register": "(panda_register_callback(self,"
                " PANDA_CB_BEFORE_BLOCK_EXEC, pcb), 1)",
    "by_name": 'panda_get_plugin_by_name("blocks_c") == self &&'
               ' panda_get_plugin_by_name("panda_blocks_c.so") == self',
    "load": '!panda_load_plugin("./panda_nobody.so")',
    "unload": "(panda_unload_plugin(NULL), 1)",
    "disable": "(panda_disable_plugin(self), 1)",
    "enable": "(panda_enable_plugin(self), 1)",
    "arguments": '(args = panda_get_args("blocks_c")) &&'
                 ' panda_parse_ulong(args, "a", 1) == 1 &&'
                 ' panda_parse_uint32(args, "a", 2) == 2 &&'
                 ' panda_parse_uint64(args, "a", 3) == 3 &&'
                 ' panda_parse_double(args, "a", 4.5) == 4.5 &&'
                 ' !panda_parse_bool(args, "a") &&'
                 ' !panda_parse_string(args, "a", NULL)',
    "free_args": "(panda_free_args(NULL), 1)",
}
HEADERS_OF = {
    # The manual's bools have their functions in headers of their own.
    "chaining": "panda/plugin.h", "precise_pc": "panda/plugin.h",
    "memcb": "panda/plugin.h", "load": "panda/plugin.h",
}

UNIT = """
#include "{header}"
#undef panda_load_plugin
typedef struct panda_arg_list panda_arg_list;
panda_arg_list *panda_get_args(const char *name);
{block}
static void nothing(CPUState *cpu, TranslationBlock *tb)
{{
    (void)cpu, (void)tb;
}}
int block_{name}(void *self, CPUState *cpu, FILE *file);
int block_{name}(void *self, CPUState *cpu, FILE *file)
{{
    static panda_arg_list *args;
    static uint8_t bytes[4], nop[] = {{0x90}};
    panda_cb pcb;

    pcb.before_block_exec = nothing;
    (void)self, (void)cpu, (void)file, (void)args, (void)bytes, (void)nop;
    (void)pcb;
    return {call};
}}
"""

# Calls all units once, in the 302000 address space.
MAIN = """
#include "panda/plugin.h"
bool init_plugin(void *);
void uninit_plugin(void *);
{declared}
static void *plugin;
static bool done;
static void on_block(CPUState *cpu, TranslationBlock *tb)
{{
    if (!done && tb->pc == 0x1010b4) {{
        done = true;
        {calls}
    }}
}}
bool init_plugin(void *self)
{{
    panda_cb pcb = {{.before_block_exec = on_block}};

    plugin = self;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}}
void uninit_plugin(void *self) {{ (void)self; }}
"""

CALLBACKS = """
#include "panda/plugin.h"
#ifdef __cplusplus
extern "C" {{
#endif
bool init_plugin(void *);
void uninit_plugin(void *);
int hear(unsigned i);
static unsigned heard[64];
int hear(unsigned i)
{{
    heard[i]++;
    return 0;
}}
{functions}
#ifdef __cplusplus
}}
#endif
{blocks}
bool init_plugin(void *self)
{{
    panda_cb pcb;

    {registrations}
    return true;
}}
void uninit_plugin(void *self)
{{
    (void)self;
    {reports}
}}
"""

# Members whose enumerators have another name than theirs.
ENUMERATORS = {"before_loadvm": "BEFORE_REPLAY_LOADVM"}
# What the guest of guest.S raises in a replay.
RAISED = """before_block_translate after_block_translate before_block_exec
    before_block_exec_invalidate_opt after_block_exec insn_translate
    virt_mem_before_read virt_mem_before_write phys_mem_before_read
    phys_mem_before_write virt_mem_after_read virt_mem_after_write
    phys_mem_after_read phys_mem_after_write guest_hypercall before_loadvm
    asid_changed after_cpu_exec_enter before_cpu_exec_exit
    after_machine_init after_vmload""".split()


def read():
    """Chapter and text of each that can be tested, by name."""
    with open(os.path.join(TOP, "tests/surface/blocks.txt")) as file:
        text = re.sub(r"\A(#.*\n)+", "", file.read())
    parts = re.split(r"^== (.*): (\w+)\n", text, flags=re.M)[1:]
    return {name: (chapter, block) for chapter, name, block in
            zip(parts[::3], parts[1::3], parts[2::3])}


def appendix(blocks):
    """The source of a plugin of all prototypes."""
    functions, texts, registrations, reports = [], [], [], []
    names = [n for n, (c, _) in blocks.items() if c.startswith("Appendix")]
    for i, name in enumerate(names):
        text = blocks[name][1]
        member = name
        number = ENUMERATORS.get(name, name.upper())
        if f"(*{name})" in text:
            functions.append(f"static int hear_{name}(void) "
                             f"{{ return hear({i}); }}")
            registrations.append(
                f"{name} = (__typeof__({name}))(void (*)(void))hear_{name};")
        else: # given as a function
            text += re.sub(r";\s*$", "", text.strip()) + (
                f" {{ (void)env; hear({i}); "
                f"{'return 0; ' if text.startswith('int') else ''}}}\n")
            if "ranBlock" in text:
                text = text.replace("(void)env;", "(void)env, (void)ranBlock;")
        texts.append("static " * (f"(*{name})" in text) + text.strip())
        registrations.append(
            f"pcb.{member} = {name};\n    "
            f"panda_register_callback(self, PANDA_CB_{number}, pcb);")
        reports.append(f'printf("heard {name} %d\\n", heard[{i}] > 0);')
    return names, CALLBACKS.format(
        functions="\n".join(functions), blocks="\n".join(texts),
        registrations="\n    ".join(registrations),
        reports="\n    ".join(reports))


def build(command, source, folder, name):
    with open(f"{folder}/{name}", "w") as file:
        file.write(source)
    done = subprocess.run([*command, f"{folder}/{name}"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done


def run(tree, folder, recording, plugin, *options):
    return subprocess.run(
        [tree.panda, *recording, "-panda", plugin, *options], cwd=folder,
        text=True, timeout=60, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=tree.environment(folder))


def declarations(tree, folder, recording, blocks):
    shared = ["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fPIC",
              "-shared", *tree.flags()]
    units, compiled = [], []
    for name, call in CALLS.items():
        if name not in blocks:
            continue
        done = build(["gcc", "-c", "-std=gnu17", "-Wall", "-Wextra", "-Werror",
                      "-fPIC", *tree.flags(), "-o", f"{folder}/{name}.o"],
                     UNIT.format(
                         name=name, call=call, block=blocks[name][1],
                         header=HEADERS_OF.get(
                             name, "panda/callbacks/cb-defs.h")),
                     folder, f"block_{name}.c")
        if expect(done.returncode == 0, f"block {name} compiles",
                  done.stdout):
            compiled.append(name)
            units.append(f"{folder}/{name}.o")
    main = MAIN.format(
        declared="\n".join(f"int block_{n}(void *, CPUState *, FILE *);"
                           for n in compiled),
        calls="\n        ".join(
            f'printf("block {n} %d\\n", block_{n}(plugin, cpu, tmpfile()));'
            for n in compiled))
    done = build([*shared, "-o", f"{folder}/panda_blocks_c.so", *units], main,
                 folder, "blocks_c.c")
    expect(done.returncode == 0, "and all together", done.stdout)
    done = run(tree, folder, recording, "blocks_c")
    wrong = [n for n in compiled if f"block {n} 1\n" not in done.stdout]
    expect(done.returncode == 0 and not wrong,
           f"{len(compiled)} declarations do what they say",
           f"{wrong}\n{done.stdout[-2000:]}")


def prototypes(tree, folder, recording, blocks):
    names, source = appendix(blocks)
    for compiler, kind, more in (
            ("gcc", ".c", ["-std=gnu17", "-DPANDA_MANUAL_SIGNATURES",
                           "-Wno-cast-function-type"]),
            ("g++", ".cpp", ["-std=c++11", "-Wno-cast-function-type"])):
        plugin = f"appendix_{kind[1:]}"
        done = build([compiler, *more, "-Wall", "-Wextra", "-Werror", "-fPIC",
                      "-shared", *tree.flags(), "-o",
                      f"{folder}/panda_{plugin}.so"], source, folder,
                     plugin + kind)
        expect(done.returncode == 0,
               f"{compiler}: {len(names)} prototypes of Appendix A",
               done.stdout)
        done = run(tree, folder, recording, plugin)
        missing = [n for n in RAISED if f"heard {n} 1\n" not in done.stdout]
        expect(done.returncode == 0 and not missing,
               f"{compiler}: and {len(RAISED)} of them are heard",
               f"{missing}\n{done.stdout[-1500:]}")


USES = """
#include "panda/plugin.h"
{before}
static int count;
static int after_block_callback(CPUState *env, TranslationBlock *tb,
                                uint8_t exitCode)
{{
    count += env && tb && exitCode < 2;
    return 0;
}}
static const panda_cb_type all[] = {{
{enumerators}
}};
static void register_use(void *self)
{{
    panda_cb pcb;
{register_use}
}}
static bool arguments_use(void)
{{
{arguments_use}
    return foo == 6 && !strcmp(base, "/tmp");
}}
static int target(void)
{{
{targets}
    return 86;
#endif
    return 0;
}}
extern "C" {{
{init}
}}
bool init_plugin(void *self)
{{
    register_use(self);
    return arguments_use() && target() == 86 &&
           all[0] == 0 && sizeof(all) / sizeof(all[0]) == 40;
}}
void uninit_plugin(void *)
{{
    printf("uses: %d\\n", count > 100);
}}
"""


def uses(tree, folder, recording, blocks):
    text = lambda name: blocks[name][1]
    source = USES.format(
        before="", enumerators=text("enumerators"), init=text("init"),
        register_use=text("register_use"),
        arguments_use=text("arguments_use"),
        targets=text("targets").replace("#elif", "    return 86;\n#elif", 1)
        .replace("#endif\n", ""))
    done = build(["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fPIC",
                  "-shared", *tree.flags(), "-o",
                  f"{folder}/panda_uses.so"], source, folder, "uses.cpp")
    expect(done.returncode == 0, "uses compile", done.stdout)
    done = run(tree, folder, recording, "uses", "-panda-arg",
               "llvm_trace:base=/tmp", "-panda-arg", "llvm_trace:foo=6")
    expect(done.returncode == 0 and "uses: 1\n" in done.stdout,
           "and do what they say", done.stdout)


API = """
#include "panda/plugin.h"
void some_other_callback();
bool init_plugin(void *self);
void uninit_plugin(void *self);
{block}
void uninit_plugin(void *self)
{{
    some_other_callback();
    printf("api: %d\\n", self && sample_function() > 100);
}}
"""


def api(tree, folder, recording, blocks):
    """Calling the plugin `sample`; and the header of a plugin that is called,
    whose other header is named as in the block."""
    done = build(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror",
                  "-Wno-unused-parameter", "-fPIC", "-shared", *tree.flags(),
                  "-o", f"{folder}/panda_api.so"],
                 API.format(block=blocks["api_use"][1]), folder, "api.c")
    expect(done.returncode == 0, "block api_use compiles", done.stdout)
    done = run(tree, folder, recording, "sample;api")
    expect(done.returncode == 0 and "api: 1\n" in done.stdout,
           "and calls the plugin sample", done.stdout)
    # A plugin may have that very name.
    place = f"{folder}/<plugin>"
    os.makedirs(place)
    for name, text in (
            ("<plugin>_int_fns.h", "void use(YourCustomType *a, "
             "YourOtherCustomType *b);\n"),
            ("<plugin>_int.h", blocks["api_types"][1])):
        with open(f"{place}/{name}", "w") as file:
            file.write(text)
    made = f"{place}/made.h"
    done = subprocess.run(
        [f"{tree.path}/share/panda/panda-api-generate",
         f"-I{tree.path}/include/panda-plugin", "-o", made, place],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    expect(done.returncode == 0 and os.path.exists(made) and
           "(*use_t)(" in open(made).read(),
           "block api_types is understood", done.stdout)


LOG = """
#include "panda/plugin.h"
#include "panda/plog.h"
bool init_plugin(void *self);
void uninit_plugin(void *self);
static void log_it(void)
{{
    struct {{
        target_ulong asid, pid;
        char *name;
    }} here = {{0x3000, 171, (char *)(uintptr_t)"sshd"}}, *p = &here;

{entry}{fields}{write}
}}
bool init_plugin(void *self)
{{
    return self != NULL;
}}
void uninit_plugin(void *self)
{{
    (void)self;
    log_it();
}}
"""


def logs(tree, folder, recording, blocks):
    """An entry with fields of the plugin's own, in a folder of its own."""
    place = f"{folder}/blocklog"
    os.makedirs(place)
    with open(f"{place}/blocklog.proto", "w") as file:
        file.write("optional uint64 process_id = 1001;\n"
                   "optional string process_name = 1002;\n")
    with open(f"{place}/blocklog.c", "w") as file:
        file.write(LOG.format(**{n: blocks[n][1] for n in
                                 ("entry", "fields", "write")}))
    done = subprocess.run([tree.panda_plugin, "build", place], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    expect(done.returncode == 0, "blocks of an entry compile", done.stdout)
    done = run(tree, place, [w if w != "recording" else "../recording" for w in
                             recording], f"{place}/panda_blocklog.so",
               "-pandalog", "log")
    with open(f"{place}/log", "rb") as file:
        found = zlib.decompressobj().decompress(file.read()[128:])
    expect(done.returncode == 0 and b"sshd" in found,
           "and are logged", done.stdout)


def of_manual(path):
    """Chapter and text of each code block of the manual itself."""
    head, block = None, None
    with open(path, errors="replace") as file:
        for line in file:
            if block is None and re.match(r"#+ ", line):
                head = line.strip("# \n")
            elif block is None and re.match(r"\s*(\* )?```\w*\s*$", line):
                block = ""
            elif block is not None and re.match(r"\s*```\s*$", line):
                yield head, re.sub(r"^ *//.*\n| *//.*", "", block, flags=re.M)
                block = None
            elif block is not None:
                block += line


def compare(path):
    ours = {text for _, text in read().values()}
    missing = [(head, text) for head, text in of_manual(path)
               if text not in ours and not any(
                   head == h and text.startswith(t) for h, t in EXCEPTIONS)]
    expect(not missing, "every block of the manual is here",
           "\n".join(f"{h}: {t}" for h, t in missing))


def check(tree, folder, recording):
    blocks = read()
    covered = set(CALLS) | {"enumerators", "init", "register_use",
                            "arguments_use", "targets", "record_replay",
                            "memsavep", "api_types", "api_use", "entry",
                            "fields", "write"} | {
        n for n, (c, _) in blocks.items() if c.startswith("Appendix")}
    expect(covered == set(blocks),
           f"{len(blocks)} blocks, each has a test", covered ^ set(blocks))
    declarations(tree, folder, recording, blocks)
    prototypes(tree, folder, recording, blocks)
    uses(tree, folder, recording, blocks)
    api(tree, folder, recording, blocks)
    logs(tree, folder, recording, blocks)
    if os.environ.get("MANUAL"):
        compare(os.environ["MANUAL"])
