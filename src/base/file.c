#include "base/file.h"

#include <errno.h>
#include <unistd.h>

bool file_read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    uint8_t *at = bytes;

    while (size) {
        ssize_t done = pread(fd, at, size, (off_t)offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        at += done;
        offset += (uint64_t)done;
        size -= (size_t)done;
    }
    return true;
}

bool file_write_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
    const uint8_t *at = bytes;

    while (size) {
        ssize_t done = pwrite(fd, at, size, (off_t)offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        at += done;
        offset += (uint64_t)done;
        size -= (size_t)done;
    }
    return true;
}
