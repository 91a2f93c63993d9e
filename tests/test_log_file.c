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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES 60000u

static int passed, failed;
static uint64_t state = 1442695040888963407ull;
static char path[64];
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
    struct log_writer *log = log_writer_open(path, force, &identity, &message);

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
    while ((*result = log_reader_next(log, stream, &entry)) == LOG_READ_ENTRY) {
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

/* -- In memory, so that very many files can be tried ----------------------- */

static int memory = -1;
static char memory_path[40];

/* A log of `n` entries with `size` random bytes each, which do not pack; a
 * chunk for each four. Its size. */
static off_t write_to_memory(uint32_t n, size_t size)
{
    uint8_t *bytes = malloc(size);
    struct log_entry entry = {
        .event = {.kind = INWARD_WRITE, .bytes = bytes, .size = size}};
    struct log_writer *log;
    struct stat status;
    char *message;

    memory = memfd_create("log", 0);
    snprintf(memory_path, sizeof(memory_path), "/proc/self/fd/%d", memory);
    log = log_writer_open(memory_path, true, &identity, &message);
    for (uint32_t i = 0; i < n; i++) {
        entry.count = i * 1000;
        entry.event.what = i;
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)rnd();
        }
        log_writer_put(log, i % 2 ? LOG_OUTSIDE : LOG_INWARD, &entry);
        if (i % 4 == 3) {
            log_writer_flush(log);
        }
    }
    if (!log_writer_close(log, &message) || fstat(memory, &status) < 0) {
        abort();
    }
    free(bytes);
    return status.st_size;
}

/* Entries of the first stream, all checked to be in order, or -1. */
static long read_memory(enum log_result *result)
{
    char *message = NULL;
    struct log_reader *log = log_reader_open(memory_path, &message);
    struct log_entry entry;
    long n = 0;

    *result = LOG_READ_TORN;
    if (!log) {
        n = message ? 0 : -1;
        free(message);
        return n;
    }
    while ((*result = log_reader_next(log, LOG_INWARD, &entry)) ==
           LOG_READ_ENTRY) {
        if (entry.event.what != 2 * n || entry.count != 2000ul * n) {
            log_reader_close(log);
            return -1;
        }
        n++;
    }
    n = *result == LOG_READ_TORN && !log_reader_problem(log) ? -1 : n;
    log_reader_close(log);
    return n;
}

/* The file is cut shorter and shorter. */
static void test_cuts(void)
{
    off_t size = write_to_memory(100, 1024);
    enum log_result result;
    bool good = read_memory(&result) == 50 && result == LOG_READ_END;
    bool falls = true;
    long before = 50;

    for (off_t cut = size - 1; cut >= size - 65536; cut--) {
        long n;

        if (ftruncate(memory, cut) < 0) {
            abort();
        }
        n = read_memory(&result);
        good = good && n >= 0 && result == LOG_READ_TORN;
        falls = falls && n <= before;
        before = n;
    }
    expect(good, "each cut of the last 64 KiB: a sound prefix, called torn");
    expect(falls && before < 30, "a later cut never loses an entry");
    close(memory);
}

static void test_flips(void)
{
    off_t size = write_to_memory(60, 100);
    bool good = true;

    for (unsigned i = 0; i < 100000; i++) {
        off_t at = (off_t)(rnd() % (uint64_t)size);
        uint8_t byte, bit = (uint8_t)(1u << rnd() % 8);
        enum log_result result;
        long n;

        if (pread(memory, &byte, 1, at) != 1) {
            abort();
        }
        byte ^= bit;
        good = good && pwrite(memory, &byte, 1, at) == 1;
        n = read_memory(&result);
        good = good && n >= 0 && result == LOG_READ_TORN;
        byte ^= bit;
        good = good && pwrite(memory, &byte, 1, at) == 1;
    }
    expect(good, "100000 flipped bits: each is noticed, none believed");
    close(memory);
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
    test_whole();
    test_cuts();
    test_flips();
    test_full_disk();
    unlink(path);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
