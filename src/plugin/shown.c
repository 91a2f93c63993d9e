/* The struct with registers that plugins see: see steer.h. */
#include "plugin/plugins.h"

#include "base/error.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* So many calls without a write, and the next one is waited for again. */
#define QUIET_MAX 10000u

static size_t offset_of_shown(const struct plugins *p)
{
    return (size_t)(p->steer.shown - (uint8_t *)p->steer.pages);
}

/*
 * The pages of the CPU that hold the struct become those of a file in memory,
 * which are mapped a second time. Without such a file the struct is seen where
 * it is, and always compared.
 */
static bool map_twice(struct plugins *p)
{
    struct steer *s = &p->steer;
    int fd = memfd_create("panda-registers", MFD_CLOEXEC);
    bool good = fd >= 0 && ftruncate(fd, (off_t)s->size) == 0 &&
                pwrite(fd, s->pages, s->size, 0) == (ssize_t)s->size;

    s->mapped = MAP_FAILED;
    if (good) {
        s->mapped = mmap(NULL, s->size, PROT_READ, MAP_SHARED, fd, 0);
    }
    if (s->mapped != MAP_FAILED &&
        mmap(s->pages, s->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
             fd, 0) == MAP_FAILED) {
        munmap(s->mapped, s->size);
        s->mapped = MAP_FAILED;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (s->mapped == MAP_FAILED) {
        s->mapped = NULL;
    }
    return s->mapped;
}

void shown_open(struct plugins *p)
{
    struct steer *s = &p->steer;
    struct cpu *cpu = p->machine->cpu;
    const struct guest_plugin *guest = cpu->guest->plugin;
    uintptr_t first, last;

    cpu->shown_current = 0;
    s->shown = guest->show(cpu, cpu->guest->get_pc(cpu), p->cache);
    first = (uintptr_t)s->shown & PAGE_MASK_;
    last = ((uintptr_t)s->shown + guest->shown_size - 1) | ~PAGE_MASK_;
    s->pages = (void *)first;
    s->size = last + 1 - first;
    s->was = panda_must(malloc(guest->shown_size));
    s->armed = !map_twice(p);
    only_update(p);
    s->seen = s->mapped ? (uint8_t *)s->mapped + offset_of_shown(p) : s->shown;
    p->cpu.env_ptr = s->seen;
}

/* The CPU gets pages of its own back. */
void shown_close(struct plugins *p)
{
    struct steer *s = &p->steer;

    if (s->mapped) {
        munmap(s->mapped, s->size);
        if (mmap(s->pages, s->size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                 0) == MAP_FAILED) {
            panda_bug("out of memory");
        }
    }
    free(s->was);
    *s = (struct steer){.allowed = s->allowed};
}

static void allow(struct steer *s, bool allowed)
{
    if (s->mapped && mprotect(s->mapped, s->size,
                              allowed ? PROT_READ | PROT_WRITE : PROT_READ)) {
        panda_bug("the plugins' registers cannot be protected");
    }
}

static size_t size_of(const struct plugins *p)
{
    return p->machine->cpu->guest->plugin->shown_size;
}

bool shown_touched(struct plugins *p, uintptr_t address)
{
    struct steer *s = &p->steer;

    if (!s->mapped || s->armed || address - (uintptr_t)s->mapped >= s->size) {
        return false;
    }
    memcpy(s->was, s->shown, size_of(p));
    s->armed = true;
    s->quiet = 0;
    allow(s, true);
    only_update(p);
    return true;
}

void shown_before(struct plugins *p)
{
    memcpy(p->steer.was, p->steer.shown, size_of(p));
}

static void wrote(void *opaque, uint32_t number, const void *bytes, size_t size)
{
    struct plugins *p = opaque;
    const struct plugin *plugin;

    if (number != UINT32_MAX) {
        steer_write_register(p, number, bytes, size);
        return;
    }
    plugin = p->calling ? plugins_of_handle(p, p->calling->owner) : NULL;
    panda_warn("plugin %s writes a register that the struct only shows: it "
               "is without effect (panda_write_control_register(), "
               "panda_write_debug_register(), panda_write_msr())",
               plugin ? plugin->name : "?");
}

void shown_after(struct plugins *p)
{
    struct steer *s = &p->steer;

    if (memcmp(s->was, s->shown, size_of(p))) {
        uint8_t is[size_of(p)];

        memcpy(is, s->shown, sizeof(is));
        memcpy(s->shown, s->was, sizeof(is));
        p->machine->cpu->guest->plugin->compare(s->was, is, wrote, p);
        s->quiet = 0;
    } else if (++s->quiet > QUIET_MAX && s->mapped) {
        s->armed = false;
        allow(s, false);
        only_update(p);
    }
}
