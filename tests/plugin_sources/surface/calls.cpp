/*
 * Calls before chosen instructions, as those put them there who hook
 * functions and system calls.
 *
 * > calls: 5 interrupts, EBP 5 4 3 2 1
 * > calls: 64 stores of 1000 to 103f
 * > calls: each block's first: start_block_exec, 1, 2, 3, insn_exec
 * > calls: a last one of each block, one before each instruction
 * > calls: answered 1
 * > calls: try_parse 4096 -7, and 4 errors
 * > calls: no block, no instruction: nothing
 * ! find_first_guest_insn() is for callbacks before_tcg_codegen
 * ! insert_call(): no instruction is given
 */
#include "panda/plugin.h"
#include "panda/tcg-utils.h"

#include <string>
#include <vector>

extern "C" {
bool init_plugin(void *);
void uninit_plugin(void *);
}

enum kind_of_call : uint8_t { LAST_OF_BLOCK = 7 };

static std::string ebp, order;
static unsigned interrupts, stores, wrong, answers, placed;
static uint64_t blocks, lasts, all, insns, executed;

static void on_interrupt(CPUState *cpu, target_ulong pc)
{
    CPUArchState *env = static_cast<CPUArchState *>(cpu->env_ptr);

    ebp += " " + std::to_string(env->regs[R_EBP]);
    interrupts++;
    wrong += panda_current_pc(cpu) != pc;
}

static void on_store(CPUState *cpu)
{
    CPUArchState *env = static_cast<CPUArchState *>(cpu->env_ptr);

    wrong += env->regs[R_EAX] != 0x1000 + stores++;
}

static void on_all(uint64_t *counter, int one, const char *text, bool yes,
                   target_ulong pc, CPUState *cpu)
{
    *counter += one == -1 && yes && *text == 'x';
    wrong += panda_current_pc(cpu) != pc ||
             rr_get_guest_instr_count() != executed + 1;
}

static void on_order(const char *sign)
{
    order += sign;
}

static void on_last(kind_of_call kind)
{
    lasts += kind == LAST_OF_BLOCK;
}

static void on_answer(void *counter)
{
    ++*static_cast<unsigned *>(counter);
}

/* Deliveries count as steps, and have no instruction. */
static int insn_exec(CPUState *, target_ptr_t)
{
    order += "x";
    insns++;
    executed = rr_get_guest_instr_count();
    return 0;
}

static void start_block_exec(CPUState *, TranslationBlock *)
{
    static const char good[] = "s123x";

    wrong += !order.empty() && order.compare(0, 5, good, 5) != 0;
    order = "s";
    blocks++;
    executed = rr_get_guest_instr_count();
}

static void look_for(CPUState *env, const TranslationBlock *tb, target_ulong pc,
                     const uint8_t *code)
{
    TCGOp *op = find_guest_insn_by_addr(pc);

    if (code[0] == 0xcd && code[1] == 0x30) {
        insert_call(&op, on_interrupt, env, pc);
    } else if (code[0] == 0x89 && code[1] == 0x04 && code[2] == 0x8f) {
        insert_call(&op, &on_store, env);
    } else if (code[0] == 0xb8 && code[1] == 0x34 && code[2] == 0x12) {
        insert_call_1p(&op, on_answer, &answers);
    }
    (void)tb;
}

static void before_tcg_codegen(CPUState *env, TranslationBlock *tb)
{
    TCGOp *op = find_first_guest_insn();
    std::vector<uint8_t> code(tb->size + 2u);

    insert_call(&op, on_order, "1");
    insert_call(&op, on_order, "2");
    insert_call(
        &op, +[](const char *sign) { order += sign; }, "3");
    if (panda_virtual_memory_read(env, tb->pc, code.data(), tb->size)) {
        wrong++;
        return;
    }
    for (unsigned i = 0; i < tb->size; i++) {
        op = find_guest_insn_by_addr(tb->pc + i);
        if (op) {
            insert_call(&op, on_all, &all, -1, "x", true, tb->pc + i, env);
            look_for(env, tb, tb->pc + i, &code[i]);
        }
    }
    op = find_last_guest_insn();
    insert_call(&op, on_last, LAST_OF_BLOCK);
    op = find_guest_insn_by_addr(tb->pc + tb->size);
    if (!op) {
        op = find_guest_insn_by_addr(tb->pc - 1);
    }
    if (!placed++) {
        insert_call(&op, on_last, LAST_OF_BLOCK); /* NULL */
    }
    wrong += op != NULL;
}

template <typename T> static int refuses(const char *text)
{
    try {
        try_parse<T>(text);
    } catch (const std::exception &) {
        return 1;
    }
    return 0;
}

bool init_plugin(void *self)
{
    panda_cb pcb;

    pcb.before_tcg_codegen = before_tcg_codegen;
    panda_register_callback(self, PANDA_CB_BEFORE_TCG_CODEGEN, pcb);
    pcb.start_block_exec = start_block_exec;
    panda_register_callback(self, PANDA_CB_START_BLOCK_EXEC, pcb);
    pcb.insn_translate = [](CPUState *, target_ptr_t) { return true; };
    panda_register_callback(self, PANDA_CB_INSN_TRANSLATE, pcb);
    pcb.insn_exec = insn_exec;
    panda_register_callback(self, PANDA_CB_INSN_EXEC, pcb);
    return true;
}

void uninit_plugin(void *)
{
    printf("calls: %u interrupts, EBP%s\n", interrupts, ebp.c_str());
    printf("calls: %u stores of 1000 to %x\n", stores, 0xfff + stores);
    printf("calls: each block's first: start_block_exec, 1, 2, 3, %s\n",
           wrong ? "or not" : "insn_exec");
    printf("calls: a last one of %s block, one before %s instruction\n",
           lasts == blocks && blocks > 100 ? "each" : "some",
           all == insns && insns > 300 ? "each" : "some");
    printf("calls: answered %u\n", answers);
    printf("calls: try_parse %d %d, and %d errors\n", try_parse<int>("0x1000"),
           try_parse<int16_t>("-7"),
           refuses<uint8_t>("256") + refuses<int>("12x") + refuses<int>("") +
               refuses<uint64_t>("-1"));
    printf("calls: no block, no instruction: %s\n",
           find_first_guest_insn() ? "something" : "nothing");
}
