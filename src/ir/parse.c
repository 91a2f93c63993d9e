/* Reads what print.c writes. `;` begins a comment, empty lines are skipped. */
#include "ir/build.h"
#include "ir/ir.h"

#include "base/error.h"
#include "guest/guest.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct ir_unit *unit;
    const char *at;
    unsigned line;
    char *fault;
};

static bool fail(struct parser *p, const char *what)
{
    size_t rest = strcspn(p->at, "\n");

    if (!p->fault) {
        p->fault = panda_message("line %u: %s at '%.*s'", p->line, what,
                                 (int)(rest < 20 ? rest : 20), p->at);
    }
    return false;
}

static void skip_blanks(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t') {
        p->at++;
    }
}

static bool take(struct parser *p, char c)
{
    skip_blanks(p);
    if (*p->at != c) {
        return false;
    }
    p->at++;
    return true;
}

static bool take_number(struct parser *p, uint64_t *value)
{
    char *end;

    if (!isdigit((unsigned char)*p->at)) {
        return fail(p, "a number is expected");
    }
    errno = 0;
    *value = strtoull(p->at, &end, 0);
    if (errno) {
        return fail(p, "the number has more than 64 bits");
    }
    p->at = end;
    return true;
}

static bool take_word(struct parser *p, char *word, size_t room)
{
    size_t n = 0;

    skip_blanks(p);
    while (isalnum((unsigned char)*p->at) || *p->at == '_') {
        if (n + 1 >= room) {
            return fail(p, "the name is too long");
        }
        word[n++] = *p->at++;
    }
    word[n] = '\0';
    return n ? true : fail(p, "a name is expected");
}

static int find_type(const char *word)
{
    static const char *const names[] = {"void", "i32", "i64", "v128"};

    for (int i = 0; i < 4; i++) {
        if (!strcmp(word, names[i])) {
            return i;
        }
    }
    return -1;
}

static bool take_operand(struct parser *p, ir_ref *ref)
{
    union ir_value value = {.v64 = {0, 0}};
    uint64_t number;
    char word[16];
    int type;

    if (take(p, '-')) {
        *ref = IR_NONE;
        return true;
    }
    if (take(p, '%')) {
        if (!take_number(p, &number)) {
            return false;
        }
        *ref = (ir_ref)number;
        return number && number < p->unit->n_ins ? true
                                                 : fail(p, "no such value");
    }
    if (!take_word(p, word, sizeof(word)) || (type = find_type(word)) <= 0 ||
        !take(p, ':') || !take_number(p, &value.v64[0])) {
        return fail(p, "an operand is expected");
    }
    if (type == IR_V128 && (!take(p, ':') || !take_number(p, &value.v64[1]))) {
        return fail(p, "a v128 has two halves");
    }
    if (type == IR_I32 && value.v64[0] > UINT32_MAX) {
        return fail(p, "an i32 has no more than 32 bits");
    }
    if (p->unit->n_consts == IR_CONST_BIT) {
        return fail(p, "too many constants");
    }
    *ref = ir_unit_const(p->unit, (enum ir_type)type, &value);
    return true;
}

static bool find_name(struct parser *p, struct ir_ins *ins)
{
    const struct guest *guest = p->unit->guest;
    bool slot = ins->op == IR_get || ins->op == IR_set;
    uint32_t n = slot ? guest->n_slots : guest->n_helpers;
    char word[64];

    if (!slot && ins->op != IR_call && ins->op != IR_fault_if) {
        return fail(p, "no name belongs to this op");
    }
    if (!take_word(p, word, sizeof(word))) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!strcmp(word,
                    slot ? guest->slots[i].name : guest->helpers[i].name)) {
            ins->imm = i;
            return true;
        }
    }
    return fail(p, slot ? "no such slot" : "no such helper");
}

static bool take_op(struct parser *p, struct ir_ins *ins)
{
    char word[32];
    int type;

    if (!take_word(p, word, sizeof(word))) {
        return false;
    }
    while (ins->op < IR_OP_COUNT && strcmp(word, ir_op_rows[ins->op].name)) {
        ins->op++;
    }
    if (ins->op == IR_OP_COUNT) {
        return fail(p, "no such op");
    }
    if (!take_word(p, word, sizeof(word)) || (type = find_type(word)) < 0) {
        return fail(p, "a type is expected");
    }
    ins->type = (uint8_t)type;
    return true;
}

static bool parse_record(struct parser *p)
{
    struct ir_ins ins = {0};
    ir_ref refs[4] = {0};
    uint64_t number;
    unsigned n = 0;
    bool named;

    if (!take(p, '%') || !take_number(p, &number) || number != p->unit->n_ins ||
        !take(p, '=')) {
        return fail(p, "the next record's number is expected");
    }
    if (!take_op(p, &ins)) {
        return false;
    }
    while (!(named = take(p, '@')) && !take(p, '#')) {
        if (n == 4 || !take_operand(p, &refs[n++]) || !take(p, ',')) {
            return fail(p, "an operand and a comma are expected");
        }
    }
    if (named) {
        if (!find_name(p, &ins)) {
            return false;
        }
    } else if (!take_number(p, &number) || number > UINT32_MAX) {
        return fail(p, "a 32-bit number is expected");
    } else {
        ins.imm = (uint32_t)number;
    }
    ins.a = refs[0];
    ins.b = refs[1];
    ins.c = refs[2];
    ins.d = refs[3];
    if (p->unit->n_ins > IR_MAX_INS) {
        return fail(p, "the unit is too long");
    }
    ir_unit_append(p->unit, &ins);
    return true;
}

static bool parse_line(struct parser *p)
{
    skip_blanks(p);
    if (*p->at != '\n' && *p->at != ';' && *p->at && !parse_record(p)) {
        return false;
    }
    skip_blanks(p);
    if (*p->at == ';') {
        p->at += strcspn(p->at, "\n");
    }
    return !*p->at || *p->at == '\n' ? true : fail(p, "the line goes on");
}

bool ir_parse(struct ir_unit *unit, const char *text, char **message)
{
    struct parser p = {.unit = unit, .at = text, .line = 1};

    ir_unit_clear(unit);
    while (parse_line(&p)) {
        if (!*p.at) {
            return true;
        }
        p.at++;
        p.line++;
    }
    *message = p.fault;
    return false;
}
