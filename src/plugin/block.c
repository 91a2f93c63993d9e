/*
 * The guest's blocks: from where control arrives to the first instruction
 * that ends one (the guest's list), 512 instructions, or the last one that
 * lies in the page; one that straddles two pages is a block of its own.
 *
 * Within a block each instruction is one step. So a position in it is the
 * count minus the count at its start, as long as control did not go elsewhere.
 */
#include "plugin/raise.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static unsigned bucket_of(uint64_t physical, uint64_t pc)
{
    return (unsigned)((physical * 0x9e3779b97f4a7c15ull ^ pc) >> 20) %
           BLOCK_BUCKETS;
}

unsigned block_length(struct plugins *p, uint64_t mode, const uint8_t *bytes,
                      size_t size)
{
    const struct guest_plugin *guest = p->machine->cpu->guest->plugin;
    unsigned n = 0;
    size_t at = 0, length;
    bool end = false;

    while (at < size && n < BLOCK_MAX_INSNS && !end) {
        length = guest->insn(mode, bytes + at, size - at, &end);
        if (!length) {
            break;
        }
        at += length;
        n++;
    }
    return n;
}

_Static_assert(GUEST_CALL == PANDA_ON_CALL && GUEST_RETURN == PANDA_ON_RETURN &&
                   GUEST_SYSTEM_RETURN == PANDA_ON_SYSTEM_RETURN,
               "a block's end is what filters name");

/* -- Making one ------------------------------------------------------------ */

static struct block *find(const struct plugins *p, const struct unit_key *key,
                          uint64_t physical, uint64_t pc)
{
    struct block *block = p->buckets[bucket_of(physical, pc)];

    while (block && (block->physical != physical || block->shown.pc != pc ||
                     block->mode != key->mode)) {
        block = block->next;
    }
    return block;
}

static struct block *block_new(const struct plugins *p, unsigned n, size_t size)
{
    size_t head = offsetof(struct block, offset) + (n + 1ul) * sizeof(uint16_t);
    size_t answers = heard(p, PANDA_CB_INSN_TRANSLATE) ||
                             heard(p, PANDA_CB_AFTER_INSN_TRANSLATE)
                         ? n * sizeof(struct insn_answers)
                         : 0;
    struct block *block;

    head = (head + _Alignof(struct insn_answers) - 1) &
           ~(_Alignof(struct insn_answers) - 1);
    block = panda_must(calloc(1, head + answers + size));
    if (answers) {
        block->answers = (void *)((uint8_t *)block + head);
    }
    block->bytes = (uint8_t *)block + head + answers;
    return block;
}

/* Asks about each instruction, before it is looked at and behind it. */
static void ask(struct plugins *p, struct block *block)
{
    uint64_t pc = block->shown.pc;

    for (unsigned i = 0; block->answers && i < block->shown.icount; i++) {
        block->answers[i].exec = dispatch_insn_translate(
            p, PANDA_CB_INSN_TRANSLATE, pc + block->offset[i]);
        block->answers[i].after = dispatch_insn_translate(
            p, PANDA_CB_AFTER_INSN_TRANSLATE, pc + block->offset[i + 1]);
    }
}

static unsigned transfer_of(const struct guest_plugin *guest, uint64_t mode,
                            const uint8_t *bytes, size_t size)
{
    return guest->transfer ? guest->transfer(mode, bytes, size)
                           : GUEST_NO_TRANSFER;
}

static struct block *make(struct plugins *p, const struct unit_key *key,
                          uint64_t physical, uint64_t pc, const uint8_t *bytes,
                          size_t size)
{
    struct cpu *cpu = p->machine->cpu;
    unsigned n = block_length(p, key->mode, bytes, size);
    uint16_t offset[BLOCK_MAX_INSNS + 1];
    struct block *block;
    bool end;

    if (!n) {
        return NULL;
    }
    offset[0] = 0;
    for (unsigned i = 0; i < n; i++) {
        offset[i + 1] = (uint16_t)(offset[i] + cpu->guest->plugin->insn(
                                                   key->mode, bytes + offset[i],
                                                   size - offset[i], &end));
    }
    dispatch_block_translate(p, pc);
    block = block_new(p, n, offset[n]);
    block->shown = (TranslationBlock){
        .pc = pc,
        .cs_base = cpu->guest->plugin->code_base(cpu),
        .flags = cpu->guest->plugin->block_flags(cpu),
        .size = offset[n],
        .icount = (uint16_t)n};
    block->transfer = transfer_of(cpu->guest->plugin, key->mode,
                                  bytes + offset[n - 1],
                                  (size_t)(offset[n] - offset[n - 1]));
    block->id = ++p->next_id;
    block->physical = physical;
    block->mode = key->mode;
    memcpy(block->offset, offset, (n + 1ul) * sizeof(offset[0]));
    memcpy(block->bytes, bytes, offset[n]);
    ask(p, block);
    dispatch_block_translated(p, block);
    return block;
}

/* The guest has changed its bytes. Units that go on with it are reached from
 * nowhere any more. */
static void bury(struct plugins *p, struct block *block)
{
    uint64_t rest = PAGE_SIZE_ - (block->physical & ~PAGE_MASK_);

    unit_cache_written(p->machine->units, block->physical,
                       block->shown.size < rest ? block->shown.size : rest);
    block->next = p->dead;
    p->dead = block;
}

struct block *block_intern(struct plugins *p, const struct unit_key *key,
                           uint64_t pc, const uint8_t *bytes, size_t size)
{
    uint64_t physical = key->physical + (pc - key->pc);
    struct block **head = &p->buckets[bucket_of(physical, pc)], **link = head;
    struct block *block = find(p, key, physical, pc);

    if (block) {
        if (block->shown.size <= size &&
            !memcmp(block->bytes, bytes, block->shown.size)) {
            return block;
        }
        while (*link != block) {
            link = &(*link)->next;
        }
        *link = block->next;
        bury(p, block);
    }
    block = make(p, key, physical, pc, bytes, size);
    if (block) {
        block->next = *head;
        *head = block;
    }
    return block;
}

static void free_list(struct block **list)
{
    while (*list) {
        struct block *block = *list;

        *list = block->next;
        inserted_free(block);
        free(block);
    }
}

static void forget_bit(struct plugins *p, uint64_t bit)
{
    for (unsigned i = 0; i < BLOCK_BUCKETS; i++) {
        for (struct block *b = p->buckets[i]; b; b = b->next) {
            b->seen &= ~bit;
        }
    }
    for (struct block *b = p->dead; b; b = b->next) {
        b->seen &= ~bit;
    }
}

/* When there are more than bits, the oldest one is forgotten. */
uint64_t block_asid_bit(struct plugins *p, uint64_t asid)
{
    unsigned i = 0;

    while (i < 64 && i < p->n_asids && p->asids[i] != asid) {
        i++;
    }
    if (i == 64 || i == p->n_asids) {
        i = p->n_asids++ % 64;
        p->asids[i] = asid;
        forget_bit(p, 1ull << i);
    }
    return 1ull << i;
}

void block_forget_all(struct plugins *p)
{
    for (unsigned i = 0; i < BLOCK_BUCKETS; i++) {
        free_list(&p->buckets[i]);
    }
    free_list(&p->dead);
    answers_forget(p);
    p->inserted = false;
    block_goes_on(p, NULL, 0);
}

/* -- Where in it the guest is ---------------------------------------------- */

uint64_t block_at(struct watch *watch, const struct unit_key *key)
{
    struct plugins *p = (struct plugins *)watch;
    const struct block *block = p->running;
    uint64_t position;

    if (!block) {
        return 0;
    }
    position = p->machine->cpu->count - p->running_first;
    if (position && position < block->shown.icount &&
        key->pc == block->shown.pc + block->offset[position] &&
        key->physical == block->physical + block->offset[position] &&
        key->mode == block->mode) {
        return block->id << 10 | position;
    }
    block_goes_on(p, NULL, 0);
    return 0;
}

bool block_is_open(const struct plugins *p)
{
    const struct cpu *cpu = p->machine->cpu;
    const struct block *block = p->running;
    uint64_t position = cpu->count - p->running_first;

    return block && position && position < block->shown.icount &&
           cpu->guest->get_pc(cpu) == block->shown.pc + block->offset[position];
}

/* The part of a unit that the pc lies in. */
static const struct unit_part *part_at(const struct unit *unit, uint64_t pc,
                                       unsigned *position)
{
    const struct unit_blocks *blocks = unit->blocks;

    for (unsigned i = 0; blocks && i < blocks->n; i++) {
        const struct unit_part *part = &blocks->part[i];
        const struct block *block = part->block;

        for (unsigned k = 0; k < part->n; k++) {
            *position = part->position + k;
            if (block->shown.pc + block->offset[*position] == pc) {
                return part;
            }
        }
    }
    return NULL;
}

/* Events of the step are not given twice when it is begun again. */
void block_left(struct watch *watch, enum cpu_leave why)
{
    struct plugins *p = (struct plugins *)watch;
    struct cpu *cpu = p->machine->cpu;
    const struct unit_part *part;
    unsigned position;

    part = cpu->running && p->machine->in_unit
               ? part_at(cpu->running, cpu->insn_pc, &position)
               : NULL;
    if (part) {
        dispatch_restored(p, part->block);
    }
    if (why == CPU_LEAVE_EXCEPTION) {
        block_goes_on(p, NULL, 0);
        p->given = p->skip = 0;
        return;
    }
    if (p->step == cpu->count && p->given > p->skip) {
        p->skip = p->given;
    }
    p->given = 0;
    block_goes_on(p, part ? part->block : NULL,
                  part ? cpu->count - position : 0);
}

/*
 * A block whose later bytes change ends there. A running unit that lies over
 * them is left (unit_cache_written), and its instruction runs alone; so what
 * is found here then counts for the next one.
 */
void block_written(struct watch *watch, uint64_t physical, uint64_t size)
{
    struct plugins *p = (struct plugins *)watch;
    struct machine *m = p->machine;
    const struct block *block = p->running;
    unsigned position = 0;

    if (m->in_unit) {
        const struct unit_part *part = part_at(m->cpu->running, m->cpu->insn_pc,
                                               &position);

        block = part ? part->block : NULL;
        position++;
    } else if (block) {
        position = (unsigned)(m->cpu->count - p->running_first);
    }
    if (!block || position >= block->shown.icount ||
        physical >= block->physical + block->shown.size ||
        physical + size <= block->physical + block->offset[position]) {
        return;
    }
    if (m->in_unit) {
        p->broken = m->cpu->count + 1;
    } else {
        block_goes_on(p, NULL, 0);
        m->last_exit = NULL;
    }
}
