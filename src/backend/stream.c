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
    bool socket;  /* ours to connect, without a listener */
    bool terminal;
    unsigned n_peers; /* of the listener so far */
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

/* A terminal gives each key at once and as it is, but for those that are
 * signals. */
static void open_stdio(struct stream *stream, bool signals)
{
    struct termios raw;

    stream->in = STDIN_FILENO;
    stream->out = STDOUT_FILENO;
    if (tcgetattr(STDIN_FILENO, &stream->before) == 0) {
        stream->terminal = true;
        raw = stream->before;
        raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON | ISTRIP | INLCR);
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
        if (!signals) {
            raw.c_lflag &= ~(tcflag_t)ISIG;
        }
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
}

struct socket_spec {
    struct sockaddr_un address;
    bool server, wait;
};

/* PATH,server[=on],nowait or wait=off. False: errno says why. */
static bool parse_socket(const char *text, struct socket_spec *spec)
{
    static const struct {
        const char *text;
        bool server, wait, value;
    } words[] = {
        {"server", true, false, true},      {"server=on", true, false, true},
        {"server=off", true, false, false}, {"nowait", false, true, false},
        {"wait=off", false, true, false},   {"wait", false, true, true},
        {"wait=on", false, true, true},
    };
    size_t length = strcspn(text, ","), n = sizeof(words) / sizeof(words[0]);

    *spec = (struct socket_spec){.address.sun_family = AF_UNIX, .wait = true};
    if (length == 0 || length >= sizeof(spec->address.sun_path)) {
        errno = length ? ENAMETOOLONG : ENOENT;
        return false;
    }
    memcpy(spec->address.sun_path, text, length);
    for (text += length; *text == ','; text += length) {
        size_t i = 0;

        length = strcspn(++text, ",");
        while (i < n && (strlen(words[i].text) != length ||
                         strncmp(words[i].text, text, length))) {
            i++;
        }
        if (i == n) {
            errno = EINVAL;
            return false;
        }
        spec->server = words[i].server ? words[i].value : spec->server;
        spec->wait = words[i].wait ? words[i].value : spec->wait;
    }
    return true;
}

static bool open_server(struct stream *stream, const struct socket_spec *spec)
{
    stream->path = panda_message("%s", spec->address.sun_path);
    unlink(stream->path);
    stream->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->listener < 0 ||
        bind(stream->listener, (const struct sockaddr *)&spec->address,
             sizeof(spec->address)) ||
        listen(stream->listener, 1)) {
        return false;
    }
    if (spec->wait) {
        stream->in = accept4(stream->listener, NULL, NULL, SOCK_CLOEXEC);
        stream->out = stream->in;
        stream->n_peers = 1;
    }
    return (!spec->wait || stream->in >= 0) &&
           fcntl(stream->listener, F_SETFL, O_NONBLOCK) == 0;
}

static bool open_unix(struct stream *stream, const char *text)
{
    struct socket_spec spec;

    if (!parse_socket(text, &spec)) {
        return false;
    }
    if (spec.server) {
        return open_server(stream, &spec);
    }
    stream->in = stream->out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stream->socket = true;
    return stream->in >= 0 &&
           connect(stream->in, (const struct sockaddr *)&spec.address,
                   sizeof(spec.address)) == 0;
}

struct stream *stream_open(const char *spec, char **message)
{
    struct stream *stream = stream_new();
    bool good = true;

    if (!strcmp(spec, "stdio") || !strcmp(spec, "mon:stdio")) {
        open_stdio(stream, spec[0] == 's');
    } else if (!strncmp(spec, "file:", 5)) {
        stream->out = open(spec + 5, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                           0644);
        good = stream->out >= 0;
    } else if (!strncmp(spec, "unix:", 5)) {
        good = open_unix(stream, spec + 5);
    } else if (strcmp(spec, "null") && strcmp(spec, "none")) {
        *message = panda_message("'%s' is none of stdio, mon:stdio, "
                                 "file:PATH, unix:PATH,server,nowait, null, "
                                 "none",
                                 spec);
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
        stream->n_peers += stream->in >= 0;
    }
}

unsigned stream_peers(struct stream *stream)
{
    accept_peer(stream);
    return stream->listener >= 0 ? stream->n_peers : 1;
}

void stream_write(struct stream *stream, const void *bytes, size_t size)
{
    const char *at = bytes;

    accept_peer(stream);
    while (size && stream->out >= 0) {
        ssize_t done = stream->listener >= 0 || stream->socket
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

bool stream_is_open(const struct stream *stream)
{
    return stream && (stream->in >= 0 || stream->listener >= 0);
}

bool stream_wants_echo(const struct stream *stream)
{
    return stream->terminal;
}

bool stream_wait(struct stream *const *streams, unsigned n, int64_t ns)
{
    const struct timespec time = {ns / 1000000000, ns % 1000000000};
    struct pollfd fds[STREAMS_MAX];
    unsigned used = 0;

    for (unsigned i = 0; i < n && used < STREAMS_MAX; i++) {
        if (streams[i]) {
            int fd = streams[i]->in >= 0 ? streams[i]->in
                                         : streams[i]->listener;

            fds[used++] = (struct pollfd){fd, POLLIN, 0};
        }
    }
    return ppoll(fds, used, ns < 0 ? NULL : &time, NULL) != 0;
}
