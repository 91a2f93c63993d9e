/* All of a range of a file, whatever single calls manage. False: errno says
 * why, or the file ended before. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool file_read_at(int fd, void *bytes, size_t size, uint64_t offset);
bool file_write_at(int fd, const void *bytes, size_t size, uint64_t offset);

#endif
