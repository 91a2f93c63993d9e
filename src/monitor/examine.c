/*
 * x/FMT ADDRESS and xp/FMT ADDRESS. FMT is a count, a format (x d u o c i)
 * and a size (b h w g), in this order and each optional. ADDRESS is a sum of
 * numbers and registers: $rip+0x10.
 */
#include "monitor/commands.h"

#include "exec/machine.h"
#include "monitor/disassemble.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 65536u

struct format {
    unsigned count, size;
    char how;
};

static bool parse_format(const char *text, struct format *format)
{
    static const char sizes[] = "bhwg", hows[] = "xduoci";
    const char *at;
    unsigned long count;
    char *end;

    *format = (struct format){1, 4, 'x'};
    if (isdigit((unsigned char)*text)) {
        count = strtoul(text, &end, 10);
        format->count = count > COUNT_MAX ? 0 : (unsigned)count;
        text = end;
    }
    for (; *text; text++) {
        if ((at = strchr(hows, *text))) {
            format->how = *at;
        } else if ((at = strchr(sizes, *text))) {
            format->size = 1u << (at - sizes);
        } else {
            return false;
        }
    }
    format->size = format->how == 'c' ? 1 : format->size;
    return format->count > 0;
}

/* -- Addresses ------------------------------------------------------------- */

static bool register_value(const struct cpu *cpu, const char *name,
                           size_t length, uint64_t *value)
{
    static const char *const pcs[] = {"pc", "rip", "eip"};
    const struct guest *guest = cpu->guest;

    for (unsigned i = 0; i < 3; i++) {
        if (strlen(pcs[i]) == length && !strncmp(name, pcs[i], length)) {
            *value = guest->get_pc(cpu);
            return true;
        }
    }
    for (uint32_t i = 0; i < guest->n_slots; i++) {
        const struct guest_slot *slot = &guest->slots[i];

        if (strlen(slot->name) == length && slot->size <= 8 &&
            !strncmp(name, slot->name, length)) {
            *value = 0;
            memcpy(value, (const uint8_t *)cpu + slot->offset, slot->size);
            return true;
        }
    }
    return false;
}

static bool parse_term(const struct cpu *cpu, const char **text,
                       uint64_t *value)
{
    const char *at = *text;
    char *end;

    if (*at == '$') {
        size_t length = 0;

        at++;
        while (isalnum((unsigned char)at[length]) || at[length] == '_') {
            length++;
        }
        *text = at + length;
        return register_value(cpu, at, length, value);
    }
    *value = strtoull(at, &end, 0);
    *text = end;
    return end != at && *at != '-' && *at != '+';
}

static bool parse_address(const struct cpu *cpu, const char *text,
                          uint64_t *address)
{
    char sign = '+';

    *address = 0;
    for (;;) {
        uint64_t term;

        text += strspn(text, " \t");
        if (!parse_term(cpu, &text, &term)) {
            return false;
        }
        *address += sign == '+' ? term : -term;
        text += strspn(text, " \t");
        if (!*text) {
            return true;
        }
        sign = *text++;
        if (sign != '+' && sign != '-') {
            return false;
        }
    }
}

/* -- Printing -------------------------------------------------------------- */

static void print_value(const struct format *format, const uint8_t *bytes,
                        FILE *out)
{
    uint64_t value = 0;
    unsigned shift = 64 - 8 * format->size;

    memcpy(&value, bytes, format->size);
    switch (format->how) {
    case 'x':
        fprintf(out, " 0x%0*" PRIx64, (int)format->size * 2, value);
        break;
    case 'd':
        fprintf(out, " %" PRId64, (int64_t)(value << shift) >> shift);
        break;
    case 'u':
        fprintf(out, " %" PRIu64, value);
        break;
    case 'o':
        fprintf(out, " 0%" PRIo64, value);
        break;
    default:
        fprintf(out, isprint((int)value) ? " '%c'" : " '\\x%02x'", (int)value);
        break;
    }
}

static void print_values(const struct cpu *cpu, bool physical,
                         const struct format *format, uint64_t address,
                         FILE *out)
{
    unsigned a_line = (format->size == 1 ? 8 : 16) / format->size;

    for (unsigned i = 0; i < format->count; i++) {
        uint8_t bytes[8];

        if (i % a_line == 0) {
            fprintf(out, "%s%016" PRIx64 ":", i ? "\n" : "", address);
        }
        if (examine_memory(cpu, physical, address, bytes, format->size) <
            format->size) {
            fprintf(out, " cannot access memory\n");
            return;
        }
        print_value(format, bytes, out);
        address += format->size;
    }
    fputc('\n', out);
}

static void print_code(const struct cpu *cpu, bool physical, unsigned count,
                       uint64_t address, FILE *out)
{
    while (count--) {
        uint8_t bytes[16];
        char text[160];
        size_t there = examine_memory(cpu, physical, address, bytes, 15);
        size_t size = disassemble(cpu, address, bytes, there, text,
                                  sizeof(text));

        fprintf(out, "0x%08" PRIx64 ": ", address);
        if (!there) {
            fprintf(out, " cannot access memory\n");
            return;
        }
        if (!size) { /* no instruction: a byte at a time */
            size = 1;
            snprintf(text, sizeof(text), ".byte 0x%02x", bytes[0]);
        }
        for (size_t i = 0; i < 8 || i < size; i++) {
            i < size ? fprintf(out, " %02x", bytes[i]) : fprintf(out, "   ");
        }
        fprintf(out, "  %s\n", text);
        address += size;
    }
}

void monitor_examine(const struct monitor_target *target, bool physical,
                     const char *format_text, const char *address_text,
                     FILE *out)
{
    const struct cpu *cpu = target->machine->cpu;
    struct format format;
    uint64_t address;

    if (!parse_format(format_text, &format)) {
        fprintf(out,
                "'%s' is no format: a count up to %u, one of x d u o c "
                "i, one of b h w g\n",
                format_text, COUNT_MAX);
    } else if (!parse_address(cpu, address_text, &address)) {
        fprintf(out,
                "'%s' is no address: numbers and $registers, with + and "
                "- between them\n",
                address_text);
    } else if (format.how == 'i') {
        print_code(cpu, physical, format.count, address, out);
    } else {
        print_values(cpu, physical, &format, address, out);
    }
}
