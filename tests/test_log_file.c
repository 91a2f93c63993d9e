/*
 * The log's file: what was written is read back, a cut or damaged file gives
 * a prefix of it and says so, a full disk loses nothing of what was written.
 */
#include "boundary/log_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES 60000u

static int passed, failed;
static uint64_t state = 1442695040888963407ull;
static char path[64], other[80];
static const struct log_identity identity = {7, "machine: pc\nram: 512M\n"};

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Entry n is a function of n, so a reader can check it anywhere. */
static struct log_entry nth(uint32_t n)
{
    struct log_entry entry = {.count = n * 37ull};
    uint64_t hash = (n + 1) * 0x9e3779b97f4a7c15ull;

    entry.event.kind = n % 9 ? INWARD_READ : INWARD_SKIP;
    entry.event.value = hash >> 24;
    entry.event.size = n % 9 ? 4 : 0;
    return entry;
}

static struct log_writer *write_entries(uint32_t n, bool force)
{
    char *message;
    struct log_writer *log = log_writer_open(path, force, &identity,
                                             &message);

    for (uint32_t i = 0; log && i < n; i++) {
        struct log_entry entry = nth(i);

        log_writer_put(log, i % 5 ? LOG_INWARD : LOG_OUTSIDE, &entry);
        if (i % 9000 == 8999) {
            log_writer_flush(log);
        }
    }
    return log;
}

/* Reads a stream to its end: how many entries, -1 when one is wrong. */
static long read_stream(const char *name, enum log_stream stream,
                        enum log_result *result)
{
    char *message = NULL;
    struct log_reader *log = log_reader_open(name, &message);
    struct log_entry entry, right;
    uint32_t n = stream == LOG_INWARD ? 1 : 0;
    long read = 0;

    *result = LOG_READ_TORN;
    if (!log) {
        free(message);
        return 0;
    }
    while ((*result = log_reader_next(log, stream, &entry)) ==
           LOG_READ_ENTRY) {
        right = nth(n);
        if (entry.count != right.count ||
            entry.event.value != right.event.value ||
            entry.event.kind != right.event.kind) {
            read = -1;
            break;
        }
        read++;
        n += stream == LOG_OUTSIDE ? 5 : n % 5 == 4 ? 2 : 1;
    }
    if (*result == LOG_READ_TORN && !log_reader_problem(log)) {
        read = -1;
    }
    log_reader_close(log);
    return read;
}

static void test_whole(void)
{
    char *message = NULL;
    enum log_result a, b;

    expect(log_writer_close(write_entries(ENTRIES, false), &message),
           "a log is written");
    expect(read_stream(path, LOG_INWARD, &a) == ENTRIES / 5 * 4 &&
               read_stream(path, LOG_OUTSIDE, &b) == ENTRIES / 5 &&
               a == LOG_READ_END && b == LOG_READ_END,
           "both streams are read back whole");
    expect(!log_writer_open(path, false, &identity, &message) && message,
           "a used name is refused");
    free(message);
}

static uint8_t *slurp(size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    uint8_t *bytes;

    fstat(fd, &status);
    *size = (size_t)status.st_size;
    bytes = malloc(*size);
    if (read(fd, bytes, *size) != (ssize_t)*size) {
        abort();
    }
    close(fd);
    return bytes;
}

static void spill(const uint8_t *bytes, size_t size)
{
    int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (write(fd, bytes, size) != (ssize_t)size) {
        abort();
    }
    close(fd);
}

/* Every 61st cut of the last 64 KiB, and the last 600 bytes one by one. */
static void test_cuts(void)
{
    size_t size;
    uint8_t *bytes = slurp(&size);
    size_t first = size > 65536 ? size - 65536 : 0;
    bool good = true, grows = true;
    long before = -1;

    for (size_t cut = first; cut < size; cut += size - cut > 600 ? 61 : 1) {
        enum log_result result;
        long n;

        spill(bytes, cut);
        n = read_stream(other, LOG_INWARD, &result);
        good = good && n >= 0 && result == LOG_READ_TORN;
        grows = grows && n >= before;
        before = n;
    }
    expect(good, "a cut log gives a sound prefix and says that it is torn");
    expect(grows, "a later cut never loses an entry");
    free(bytes);
}

static void test_flips(void)
{
    size_t size;
    uint8_t *bytes = slurp(&size);
    bool good = true;

    for (unsigned i = 0; i < 2000; i++) {
        size_t at = rnd() % size;
        uint8_t bit = (uint8_t)(1u << rnd() % 8);
        enum log_result result;
        long n;

        bytes[at] ^= bit;
        spill(bytes, size);
        n = read_stream(other, i % 2, &result);
        good = good && n >= 0 && result == LOG_READ_TORN;
        bytes[at] ^= bit;
    }
    expect(good, "2000 flipped bits: each is noticed, none believed");
    free(bytes);
}

static void test_full_disk(void)
{
    struct rlimit limit = {60000, RLIM_INFINITY};
    struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    char *message = NULL;
    enum log_result result;
    struct log_writer *log;

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    log = write_entries(ENTRIES, true);
    expect(log && !log_writer_close(log, &message) && message,
           "a full disk is told");
    setrlimit(RLIMIT_FSIZE, &none);
    free(message);
    expect(read_stream(path, LOG_INWARD, &result) > 1000 &&
               result == LOG_READ_TORN,
           "what was written before is sound");
}

int main(void)
{
    const char *folder = getenv("TMPDIR");

    snprintf(path, sizeof(path), "%s/log-test-%d", folder ? folder : "/tmp",
             (int)getpid());
    snprintf(other, sizeof(other), "%s.damaged", path);
    test_whole();
    test_cuts();
    test_flips();
    test_full_disk();
    unlink(path);
    unlink(other);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
