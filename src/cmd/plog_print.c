/*
 * What scripts/plog_reader.py prints, from the descriptors that protobuf-c
 * makes: the two are to agree.
 */
#include "cmd/plog_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* -- Values of a field ----------------------------------------------------- */

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

static const void *member(const ProtobufCMessage *message, unsigned offset)
{
    return (const uint8_t *)message + offset;
}

/* How many values the message has, and where. */
static size_t values_of(const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field,
                        const uint8_t **first)
{
    const void *at = member(message, field->offset);
    const void *quantifier = member(message, field->quantifier_offset);

    *first = at;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *first = *(const uint8_t *const *)at;
        return *(const size_t *)quantifier;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        return *(const uint32_t *)quantifier == field->id;
    }
    if (field->label == PROTOBUF_C_LABEL_REQUIRED) {
        return 1;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING ||
        field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const void *pointer = *(const void *const *)at;

        return pointer && pointer != field->default_value;
    }
    return *(const protobuf_c_boolean *)quantifier != 0;
}

static uint64_t unsigned_at(const ProtobufCFieldDescriptor *field,
                            const void *at)
{
    return size_of(field->type) == 8 ? *(const uint64_t *)at
                                     : *(const uint32_t *)at;
}

static int64_t signed_at(const ProtobufCFieldDescriptor *field, const void *at)
{
    return size_of(field->type) == 8 ? *(const int64_t *)at
                                     : *(const int32_t *)at;
}

static bool is_signed(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_SINT32 ||
           type == PROTOBUF_C_TYPE_SFIXED32 || type == PROTOBUF_C_TYPE_INT64 ||
           type == PROTOBUF_C_TYPE_SINT64 || type == PROTOBUF_C_TYPE_SFIXED64;
}

static const ProtobufCMessage *message_at(const void *at)
{
    return *(const ProtobufCMessage *const *)at;
}

static void print_enum(const ProtobufCFieldDescriptor *field, const void *at,
                       const char *quote, FILE *out)
{
    int number = *(const int *)at;
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        field->descriptor, number);

    if (value) {
        fprintf(out, "%s%s%s", quote, value->name, quote);
    } else {
        fprintf(out, "%d", number);
    }
}

/* The fewest digits that give the number again; always with a point or an
 * exponent. */
static void print_real(const ProtobufCFieldDescriptor *field, const void *at,
                       FILE *out)
{
    bool is_float = field->type == PROTOBUF_C_TYPE_FLOAT;
    double value = is_float ? (double)*(const float *)at : *(const double *)at;
    char text[40];

    for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (is_float ? strtof(text, NULL) == *(const float *)at
                     : strtod(text, NULL) == value) {
            break;
        }
    }
    fprintf(out, "%s%s", text, text[strcspn(text, ".en")] ? "" : ".0");
}

/* -- Lines ----------------------------------------------------------------- */

/* As the manual has them. */
static const struct {
    const char *name, *shown;
    bool hexadecimal;
} manual_names[] = {
    {"asid", "asid", true},
    {"process_id", "pid", false},
    {"process_name", "process", false},
};

/* Others could move the cursor of a terminal. */
static void print_text(const char *text, FILE *out)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '\\') {
            fprintf(out, "\\x%02x", (unsigned char)*c);
        } else {
            fputc(*c, out);
        }
    }
}

static void line_fields(const ProtobufCMessage *message, unsigned from,
                        FILE *out);

static void line_value(const ProtobufCFieldDescriptor *field, const void *at,
                       bool hexadecimal, FILE *out)
{
    const ProtobufCBinaryData *bytes = at;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        fputc('[', out);
        print_text(*(char *const *)at, out);
        fputc(']', out);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        fputc('<', out);
        for (size_t i = 0; i < bytes->len; i++) {
            fprintf(out, "%02x", bytes->data[i]);
        }
        fputc('>', out);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        fputc('{', out);
        line_fields(message_at(at), 0, out);
        fputc('}', out);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fputs(*(const protobuf_c_boolean *)at ? "true" : "false", out);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        print_enum(field, at, "", out);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        fprintf(out, "%.9g", (double)*(const float *)at);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        fprintf(out, "%.17g", *(const double *)at);
        break;
    default:
        if (is_signed(field->type)) {
            fprintf(out, "%" PRId64, signed_at(field, at));
        } else {
            fprintf(out, hexadecimal ? "%" PRIx64 : "%" PRIu64,
                    unsigned_at(field, at));
        }
    }
}

static void line_fields(const ProtobufCMessage *message, unsigned from,
                        FILE *out)
{
    const char *blank = "";

    for (unsigned i = from; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *name = field->name;
        bool hexadecimal = false;
        const uint8_t *at;
        size_t n = values_of(message, field, &at);

        for (unsigned k = 0; k < 3; k++) {
            if (!strcmp(name, manual_names[k].name)) {
                name = manual_names[k].shown;
                hexadecimal = manual_names[k].hexadecimal;
                break;
            }
        }
        for (size_t k = 0; k < n; k++, at += size_of(field->type)) {
            fprintf(out, "%s%s=", blank, name);
            line_value(field, at, hexadecimal, out);
            blank = " ";
        }
    }
}

void plog_print_line(const ProtobufCMessage *entry, FILE *out)
{
    const ProtobufCFieldDescriptor *fields = entry->descriptor->fields;

    fprintf(out, "instr=%" PRIu64 "  pc=0x%" PRIx64 " :  ",
            *(const uint64_t *)member(entry, fields[1].offset),
            *(const uint64_t *)member(entry, fields[0].offset));
    line_fields(entry, 2, out);
    fputc('\n', out);
}

/* -- JSON ------------------------------------------------------------------ */

/* One character of UTF-8; what is none becomes U+FFFD. */
static uint32_t character(const uint8_t **at)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t lead = *(*at)++;
    unsigned more = lead < 0xc2   ? 0
                    : lead < 0xe0 ? 1
                    : lead < 0xf0 ? 2
                    : lead < 0xf5 ? 3
                                  : 0;
    uint32_t value = lead & (0x3fu >> more);
    const uint8_t *next = *at;

    if (lead < 0x80) {
        return lead;
    }
    for (unsigned i = 0; i < more; i++) {
        if ((next[i] & 0xc0) != 0x80) {
            return 0xfffd;
        }
        value = value << 6 | (next[i] & 0x3f);
    }
    if (!more || value < least[more] || value > 0x10ffff ||
        value >> 11 == 0x1b) {
        return 0xfffd;
    }
    *at += more;
    return value;
}

static void json_text(const char *text, FILE *out)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

    fputc('"', out);
    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        uint32_t c = character(&at);
        const char *found = c < 128 ? strchr(special, (int)c) : NULL;

        if (found) {
            fprintf(out, "\\%c", letters[found - special]);
        } else if (c >= ' ' && c < 127) {
            fputc((int)c, out);
        } else if (c < 0x10000) {
            fprintf(out, "\\u%04x", c);
        } else {
            c -= 0x10000;
            fprintf(out, "\\u%04x\\u%04x", 0xd800 | c >> 10,
                    0xdc00 | (c & 0x3ff));
        }
    }
    fputc('"', out);
}

static void json_bytes(const ProtobufCBinaryData *bytes, FILE *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                 "tuvwxyz0123456789+/";

    fputc('"', out);
    for (size_t i = 0; i < bytes->len; i += 3) {
        size_t n = bytes->len - i < 3 ? bytes->len - i : 3;
        uint32_t word = 0;

        for (size_t k = 0; k < 3; k++) {
            word = word << 8 | (k < n ? bytes->data[i + k] : 0);
        }
        for (unsigned k = 0; k < 4; k++) {
            fputc(k <= n ? digits[word >> (18 - 6 * k) & 63] : '=', out);
        }
    }
    fputc('"', out);
}

static void json_real(const ProtobufCFieldDescriptor *field, const void *at,
                      FILE *out)
{
    double value = field->type == PROTOBUF_C_TYPE_FLOAT
                       ? (double)*(const float *)at
                       : *(const double *)at;

    if (isnan(value)) {
        fputs("\"NaN\"", out);
    } else if (isinf(value)) {
        fputs(value < 0 ? "\"-Infinity\"" : "\"Infinity\"", out);
    } else {
        print_real(field, at, out);
    }
}

static void json_message(const ProtobufCMessage *message, int indent,
                         FILE *out);

static void json_value(const ProtobufCFieldDescriptor *field, const void *at,
                       int indent, FILE *out)
{
    const char *quote = size_of(field->type) == 8 ? "\"" : "";

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        json_text(*(char *const *)at, out);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        json_bytes(at, out);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        json_message(message_at(at), indent, out);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fputs(*(const protobuf_c_boolean *)at ? "true" : "false", out);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        print_enum(field, at, "\"", out);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        json_real(field, at, out);
        break;
    default:
        if (is_signed(field->type)) {
            fprintf(out, "%s%" PRId64 "%s", quote, signed_at(field, at), quote);
        } else {
            fprintf(out, "%s%" PRIu64 "%s", quote, unsigned_at(field, at),
                    quote);
        }
    }
}

/* tag_name is tagName. */
static void json_name(const char *name, FILE *out)
{
    bool upper = false;

    fputc('"', out);
    for (; *name; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        fputc(upper && *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name,
              out);
        upper = false;
    }
    fputs("\": ", out);
}

static void json_field(const ProtobufCFieldDescriptor *field, const uint8_t *at,
                       size_t n, int indent, FILE *out)
{
    json_name(field->name, out);
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        json_value(field, at, indent, out);
        return;
    }
    fputc('[', out);
    for (size_t i = 0; i < n; i++, at += size_of(field->type)) {
        fprintf(out, "%s\n%*s", i ? "," : "", indent + 2, "");
        json_value(field, at, indent + 2, out);
    }
    fprintf(out, "\n%*s]", indent, "");
}

static void json_message(const ProtobufCMessage *message, int indent, FILE *out)
{
    bool any = false;

    fputc('{', out);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const uint8_t *at;
        size_t n = values_of(message, field, &at);

        if (n) {
            fprintf(out, "%s\n%*s", any ? "," : "", indent + 2, "");
            json_field(field, at, n, indent + 2, out);
            any = true;
        }
    }
    if (any) {
        fprintf(out, "\n%*s", indent, "");
    }
    fputc('}', out);
}

void plog_print_json(const ProtobufCMessage *entry, FILE *out)
{
    json_message(entry, 0, out);
}
