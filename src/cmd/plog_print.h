/* Entries of a pandalog as text, whatever plugins put into them. */
#ifndef CMD_PLOG_PRINT_H
#define CMD_PLOG_PRINT_H

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

/* instr=16356  pc=0xc12c3586 :  asid=2 asid_info={...} */
void plog_print_line(const ProtobufCMessage *entry, FILE *out);
/* As protobuf's mapping to JSON has it, by two columns. */
void plog_print_json(const ProtobufCMessage *entry, FILE *out);

#endif
