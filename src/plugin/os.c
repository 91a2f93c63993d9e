/* Which system the guest runs: FAMILY-BITS-VARIANT of the -os option. */
#include "plugin/plugins.h"

#include "base/error.h"

static const struct system {
    const char *family;
    PandaOsFamily number;
    uint32_t bits;
    const char *variants; /* NULL: any */
} systems[] = {
    {"windows", OS_WINDOWS, 32, "xpsp2 xpsp3 2000 7sp0 7sp1"},
    {"windows", OS_WINDOWS, 64, "7sp0 7sp1"},
    {"linux", OS_LINUX, 32, NULL},
    {"linux", OS_LINUX, 64, NULL},
    {"freebsd", OS_FREEBSD, 32, NULL},
    {"freebsd", OS_FREEBSD, 64, NULL},
};
#define N_SYSTEMS (sizeof(systems) / sizeof(systems[0]))

/* One of the words of a list. */
static bool is_among(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == length && !strncmp(at, word, length)) {
            return true;
        }
    }
    return false;
}

static const struct system *find(const char *family, const char *bits,
                                 const char *variant)
{
    char number[12];

    for (unsigned i = 0; i < N_SYSTEMS; i++) {
        const struct system *s = &systems[i];

        snprintf(number, sizeof(number), "%u", s->bits);
        if (!strcmp(s->family, family) && !strcmp(number, bits) && *variant &&
            (!s->variants || is_among(s->variants, variant))) {
            return s;
        }
    }
    return NULL;
}

bool plugins_set_os(const char *name, char **message)
{
    char *family = panda_must(strdup(name)), *bits, *variant;
    const struct system *system = NULL;

    /* Separated by `-` or `_`, at the first two. */
    bits = strpbrk(family, "-_");
    variant = bits ? strpbrk(bits + 1, "-_") : NULL;
    if (variant) {
        *bits++ = *variant++ = '\0';
        system = find(family, bits, variant);
    }
    if (!system) {
        *message = panda_message(
            "-os %s: there is no such system; there are linux-32-..., "
            "linux-64-..., freebsd-32-..., freebsd-64-..., windows-32- with "
            "%s, windows-64- with %s",
            name, systems[0].variants, systems[1].variants);
        free(family);
        return false;
    }
    free(panda_os_name);
    free(panda_os_family);
    panda_os_name = panda_must(strdup(name));
    panda_os_family = family;
    panda_os_variant = variant; /* in the same memory */
    panda_os_bits = system->bits;
    panda_os_familyno = system->number;
    return true;
}

void panda_set_os_name(char *os_name)
{
    char *message;

    if (!plugins_set_os(os_name, &message)) {
        panda_fatal("%s", message);
    }
}
