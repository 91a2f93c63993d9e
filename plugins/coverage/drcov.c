/*
 * drcov, version 2: a head of lines that names the modules, then 8 bytes a
 * block: its offset in the module, its size, the module's number. The number
 * of blocks in the head has a fixed width and is put right behind them each
 * time some are written: so the file is whole at any time.
 */
#include "coverage.h"

#include <fcntl.h>
#include <unistd.h>

struct module {
    char *name;
    target_ulong base, end;
};

static struct module *modules;
static unsigned n_modules;

static struct set seen;
static int fd = -1;
static off_t count_at, end_at; /* in the file: the number of blocks; the end */
static uint64_t n_blocks;      /* in the file */

struct block {
    uint32_t start;
    uint16_t size, module;
};
static struct block waiting[1024];
static unsigned n_waiting;

/* -- Modules --------------------------------------------------------------- */

/* The table has a comma and a blank between its columns, a line a module. */
static bool is_name(const char *name)
{
    return *name && !strstr(name, ", ") && !strchr(name, '\n');
}

static bool add_module(char *text)
{
    char *colon = strrchr(text, ':');
    struct module module;

    if (colon) {
        *colon = '\0';
    }
    if (!colon || !is_name(text) ||
        !parse_two(colon + 1, &module.base, &module.end) ||
        module.base == module.end || module.end - module.base > UINT32_MAX) {
        fprintf(stderr,
                PANDA_MSG " module=%s%s%s is not NAME:BASE-END (of at "
                          "most 4 GiB)\n",
                text, colon ? ":" : "", colon ? colon + 1 : "");
        return false;
    }
    module.name = strdup(text);
    modules = realloc(modules, (n_modules + 1) * sizeof(*modules));
    if (!modules || !module.name) {
        abort();
    }
    modules[n_modules++] = module;
    return true;
}

bool drcov_modules(const char *text)
{
    char *copy = strdup(text), *save = NULL;
    bool good = copy;

    for (char *one = good ? strtok_r(copy, "|", &save) : NULL; one && good;
         one = strtok_r(NULL, "|", &save)) {
        good = add_module(one);
    }
    if (good && n_modules > UINT16_MAX) {
        fprintf(stderr, PANDA_MSG " too many modules\n");
        good = false;
    }
    free(copy);
    return good;
}

/* -- The file -------------------------------------------------------------- */

static void put(const void *bytes, size_t size, off_t at)
{
    if (fd >= 0 && pwrite(fd, bytes, size, at) != (ssize_t)size) {
        fprintf(stderr, PANDA_MSG " the drcov file cannot be written: %m\n");
        close(fd);
        fd = -1;
    }
}

void drcov_flush(void)
{
    char text[16];

    if (n_waiting) {
        put(waiting, n_waiting * sizeof(waiting[0]), end_at);
        end_at += (off_t)(n_waiting * sizeof(waiting[0]));
        n_blocks += n_waiting;
        n_waiting = 0;
        snprintf(text, sizeof(text), "%010" PRIu64, n_blocks);
        put(text, 10, count_at);
    }
}

bool drcov_open(const char *name)
{
    FILE *out = fopen(name, "w");

    if (!out) {
        fprintf(stderr, PANDA_MSG " %s cannot be written: %m\n", name);
        return false;
    }
    fprintf(out,
            "DRCOV VERSION: 2\nDRCOV FLAVOR: drcov\n"
            "Module Table: version 2, count %u\n"
            "Columns: id, base, end, entry, path\n",
            n_modules);
    for (unsigned i = 0; i < n_modules; i++) {
        fprintf(out, "%u, 0x%" PRIx64 ", 0x%" PRIx64 ", 0x0, %s\n", i,
                (uint64_t)modules[i].base, (uint64_t)modules[i].end,
                modules[i].name);
    }
    fprintf(out, "BB Table: ");
    fflush(out);
    count_at = ftello(out);
    n_blocks = 0;
    fprintf(out, "%010" PRIu64 " bbs\n", n_blocks);
    fflush(out);
    end_at = ftello(out);
    fd = dup(fileno(out));
    return !fclose(out) && fd >= 0;
}

void drcov_add(target_ulong pc, uint32_t size)
{
    for (unsigned i = 0; i < n_modules && fd >= 0; i++) {
        const struct module *module = &modules[i];
        struct record record = {i, pc, size, 0};

        if (pc < module->base || pc >= module->end ||
            !set_add(&seen, &record)) {
            continue;
        }
        if (size > module->end - pc) {
            size = (uint32_t)(module->end - pc);
        }
        waiting[n_waiting++] = (struct block){(uint32_t)(pc - module->base),
                                              (uint16_t)size, (uint16_t)i};
        if (n_waiting == sizeof(waiting) / sizeof(waiting[0])) {
            drcov_flush();
        }
    }
}

void drcov_close(void)
{
    drcov_flush();
    if (fd >= 0) {
        close(fd);
        fd = -1;
    }
    set_forget(&seen);
}

void drcov_forget_modules(void)
{
    while (n_modules) {
        free(modules[--n_modules].name);
    }
    free(modules);
    modules = NULL;
}
