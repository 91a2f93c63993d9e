/*
 * Where characters go to and come from:
 *
 *     stdio         the terminal, or what is in its place
 *     mon:stdio     the same, with Ctrl-C for the guest and not for us
 *     file:PATH     written to
 *     unix:PATH     a socket that somebody has made; with `,server` ours, for
 *                   whose first peer we wait, unless `,nowait`
 *     null, none
 *
 * Reading never blocks; what cannot be written at once to a socket is lost
 * with its peer.
 */
#ifndef BACKEND_STREAM_H
#define BACKEND_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;

/* NULL: *message (to be freed) says why. */
struct stream *stream_open(const char *spec, char **message);
void stream_close(struct stream *stream);

void stream_write(struct stream *stream, const void *bytes, size_t size);
void stream_print(struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Up to `size` bytes that are there; 0: none now. */
size_t stream_read(struct stream *stream, void *bytes, size_t size);
/* Waits up to `ns` (negative: without limit) for input on one of several
 * streams; NULL entries are skipped. False: the time is over, and no signal
 * came meanwhile. */
bool stream_wait(struct stream *const *streams, unsigned n, int64_t ns);
/* How many there have been at the other end so far. */
unsigned stream_peers(struct stream *stream);
/* Input may come, now or later. */
bool stream_is_open(const struct stream *stream);
/* A terminal that does not show what is typed. */
bool stream_wants_echo(const struct stream *stream);

#endif
