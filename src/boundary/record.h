/* Recording: the live boundary, with everything inward written to a log. */
#ifndef BOUNDARY_RECORD_H
#define BOUNDARY_RECORD_H

#include "boundary/live.h"
#include "boundary/log_file.h"

#define SYNC_STEPS 1000000u /* at most, between two sync entries */

/* Takes over the machine's boundary, which is `live`; the log is owned. */
struct boundary *record_begin(struct live *live, struct log_writer *log);
/* Once a second: what is pending goes to the file. */
void record_flush(struct boundary *record);
/* NULL, or why the log cannot be written any more. */
const char *record_failure(struct boundary *record);
/* Writes the end with the state's hash and gives the machine back to `live`.
 * False: *message (to be freed) says what could not be written. */
bool record_end(struct boundary *record, char **message);

#endif
