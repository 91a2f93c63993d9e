#include "backend/stream.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define STREAMS_MAX 16u

struct stream {
    int in, out;  /* -1: none (yet) */
    int listener; /* of a socket that waits for its peer, or -1 */
    char *path;   /* of that socket */
    bool terminal;
    struct termios before;
};

/* -- Opening --------------------------------------------------------------- */

static struct stream *stream_new(void)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (!stream) {
        panda_bug("out of memory");
    }
    stream->in = stream->out = stream->listener = -1;
    return stream;
}

/* A terminal gives each key at once, and Ctrl-C to us as a signal. */
static void open_stdio(struct stream *stream)
{
    struct termios raw;

    stream->in = STDIN_FILENO;
    stream->out = STDOUT_FILENO;
    if (tcgetattr(STDIN_FILENO, &stream->before) == 0) {
        stream->terminal = true;
        raw = stream->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
}

static bool open_unix(struct stream *stream, const char *spec)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strcspn(spec, ",");

    if (length == 0 || length >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, spec, length);
    stream->path = panda_message("%s", address.sun_path);
    unlink(stream->path);
    stream->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
                                           SOCK_CLOEXEC, 0);
    return stream->listener >= 0 &&
           bind(stream->listener, (struct sockaddr *)&address,
                sizeof(address)) == 0 &&
           listen(stream->listener, 1) == 0;
}

struct stream *stream_open(const char *spec, char **message)
{
    struct stream *stream = stream_new();
    bool good = true;

    if (!strcmp(spec, "stdio")) {
        open_stdio(stream);
    } else if (!strncmp(spec, "file:", 5)) {
        stream->out = open(spec + 5, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                           0644);
        good = stream->out >= 0;
    } else if (!strncmp(spec, "unix:", 5)) {
        good = open_unix(stream, spec + 5);
    } else if (strcmp(spec, "null") && strcmp(spec, "none")) {
        *message = panda_message("'%s' is none of stdio, file:PATH, "
                                 "unix:PATH,server,nowait, null, none", spec);
        stream_close(stream);
        return NULL;
    }
    if (!good) {
        *message = panda_message("cannot open %s: %s", spec, strerror(errno));
        stream_close(stream);
        return NULL;
    }
    return stream;
}

static void drop_peer(struct stream *stream)
{
    if (stream->listener >= 0 && stream->in >= 0) {
        close(stream->in);
        stream->in = stream->out = -1;
    }
}

void stream_close(struct stream *stream)
{
    if (!stream) {
        return;
    }
    if (stream->terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &stream->before);
    }
    drop_peer(stream);
    if (stream->listener >= 0) {
        close(stream->listener);
        unlink(stream->path);
    }
    if (stream->out > STDERR_FILENO) {
        close(stream->out);
    }
    free(stream->path);
    free(stream);
}

/* -- Use ------------------------------------------------------------------- */

static void accept_peer(struct stream *stream)
{
    if (stream->listener >= 0 && stream->in < 0) {
        stream->in = stream->out = accept4(stream->listener, NULL, NULL,
                                           SOCK_CLOEXEC);
    }
}

void stream_write(struct stream *stream, const void *bytes, size_t size)
{
    const char *at = bytes;

    accept_peer(stream);
    while (size && stream->out >= 0) {
        ssize_t done = stream->listener >= 0
            ? send(stream->out, at, size, MSG_NOSIGNAL)
            : write(stream->out, at, size);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            drop_peer(stream);
            return;
        }
        at += done;
        size -= (size_t)done;
    }
}

void stream_print(struct stream *stream, const char *format, ...)
{
    va_list args;
    char *text;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    if (length >= 0) {
        stream_write(stream, text, (size_t)length);
        free(text);
    }
}

static bool ready(int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    return fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}

size_t stream_read(struct stream *stream, void *bytes, size_t size)
{
    ssize_t done;

    accept_peer(stream);
    if (!ready(stream->in)) {
        return 0;
    }
    done = read(stream->in, bytes, size);
    if (done > 0) {
        return (size_t)done;
    }
    if (stream->listener >= 0) {
        drop_peer(stream);
    } else {
        stream->in = -1; /* the end of a pipe */
    }
    return 0;
}

bool stream_wait(struct stream *const *streams, unsigned n, int ms)
{
    struct pollfd fds[STREAMS_MAX];
    unsigned used = 0;

    for (unsigned i = 0; i < n && used < STREAMS_MAX; i++) {
        if (streams[i]) {
            int fd = streams[i]->in >= 0 ? streams[i]->in
                                         : streams[i]->listener;

            fds[used++] = (struct pollfd){fd, POLLIN, 0};
        }
    }
    return poll(fds, used, ms) > 0;
}
