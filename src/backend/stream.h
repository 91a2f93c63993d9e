/*
 * Where characters go to and come from: `stdio`, `file:PATH`,
 * `unix:PATH,server,nowait`, `null`, `none`. Reading never blocks; what
 * cannot be written at once to a socket is lost with its peer.
 */
#ifndef BACKEND_STREAM_H
#define BACKEND_STREAM_H

#include <stdbool.h>
#include <stddef.h>

struct stream;

/* NULL: *message (to be freed) says why. */
struct stream *stream_open(const char *spec, char **message);
void stream_close(struct stream *stream);

void stream_write(struct stream *stream, const void *bytes, size_t size);
void stream_print(struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Up to `size` bytes that are there; 0: none now. */
size_t stream_read(struct stream *stream, void *bytes, size_t size);
/* Waits up to `ms` for input on one of several streams; NULL entries are
 * skipped. True: there is some. */
bool stream_wait(struct stream *const *streams, unsigned n, int ms);

#endif
