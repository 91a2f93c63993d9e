/* Arguments of plugins: kept as given, parsed when the plugin asks. */
#include "plugin/plugins.h"

#include "base/error.h"

#include <errno.h>
#include <strings.h>

/* -- The list -------------------------------------------------------------- */

static void argument_free(struct argument *argument)
{
    free(argument->plugin);
    free(argument->whole);
    free(argument->key);
    free(argument->value);
    free(argument);
}

/* A later value of the same key counts. */
static void drop(struct argument **link, const char *plugin, const char *key)
{

    while (*link) {
        struct argument *argument = *link;

        if (!strcmp(argument->plugin, plugin) && !strcmp(argument->key, key)) {
            *link = argument->next;
            argument_free(argument);
        } else {
            link = &argument->next;
        }
    }
}

/* KEY[=VALUE], to a list in place of an earlier one. */
static struct argument *append(struct argument **list, const char *plugin,
                               const char *text)
{
    size_t key = strcspn(text, "=");
    struct argument *argument = panda_must(calloc(1, sizeof(*argument)));

    argument->plugin = panda_must(strdup(plugin));
    argument->whole = panda_message("%s:%s", argument->plugin, text);
    argument->text = argument->whole + strlen(plugin) + 1;
    argument->key = panda_must(strndup(text, key));
    argument->value = panda_must(strdup(text[key] ? text + key + 1 : ""));
    drop(list, plugin, argument->key);
    while (*list) {
        list = &(*list)->next;
    }
    *list = argument;
    return argument;
}

bool arguments_add(struct plugins *p, const char *plugin, const char *text)
{
    struct argument *argument = append(&p->arguments, plugin, text);

    fprintf(stderr, "PANDA[%s]:adding argument %s.\n", plugin, text);
    if (!strcmp(argument->key, "help")) {
        argument->asked = true;
        p->help = true;
    }
    variables_show(p);
    return true;
}

static void free_list(struct argument *list)
{
    while (list) {
        struct argument *next = list->next;

        argument_free(list);
        list = next;
    }
}

void arguments_free(struct plugins *p)
{
    free_list(p->arguments);
    free_list(p->known);
    p->arguments = p->known = NULL;
}

/* -- Those that nobody asked for ------------------------------------------- */

/* How many letters are to be put in, taken out or changed to make one word of
 * the other; of long words only the first letters count. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[32], size = (unsigned)strnlen(b, 31), before, above;

    for (unsigned j = 0; j <= size; j++) {
        row[j] = j;
    }
    for (unsigned i = 0; a[i]; i++) {
        before = row[0];
        row[0] = i + 1;
        for (unsigned j = 1; j <= size; j++) {
            above = row[j];
            before += a[i] != b[j - 1];
            row[j] = above + 1 < before ? above + 1 : before;
            row[j] = row[j - 1] + 1 < row[j] ? row[j - 1] + 1 : row[j];
            before = above;
        }
    }
    return row[size];
}

/* The known key that looks most like it, or NULL. */
static const char *nearest(const struct plugins *p, const char *plugin,
                           const char *key)
{
    unsigned least = (unsigned)strlen(key) / 2 + 2;
    const char *found = NULL;

    for (const struct argument *a = p->known; a; a = a->next) {
        unsigned far = distance(key, a->key);

        if (!strcmp(a->plugin, plugin) && far < least) {
            least = far;
            found = a->key;
        }
    }
    return found;
}

char *arguments_unasked(struct plugins *p, const char *plugin)
{
    struct argument *a = p->arguments;
    const char *like;

    while (a && (a->asked || strcmp(a->plugin, plugin))) {
        a = a->next;
    }
    if (!a) {
        return NULL;
    }
    a->asked = true; /* told of once */
    like = nearest(p, plugin, a->key);
    return like ? panda_message("it has no argument '%s'; did you mean '%s'?",
                                a->key, like)
                : panda_message("it has no argument '%s' (%s:help lists them)",
                                a->key, plugin);
}

/* -- The interface: lists -------------------------------------------------- */

bool panda_add_arg(const char *plugin_name, const char *arg)
{
    return arguments_add(plugins_current(), plugin_name, arg);
}

panda_arg_list *panda_get_args(const char *plugin_name)
{
    struct plugins *p = plugins_current();
    panda_arg_list *args = panda_must(calloc(1, sizeof(*args)));

    args->plugin_name = panda_must(strdup(plugin_name));
    for (struct argument *a = p->arguments; a; a = a->next) {
        panda_arg *to;

        if (strcmp(a->plugin, plugin_name)) {
            continue;
        }
        args->list = panda_must(realloc(
            args->list, (unsigned)(args->nargs + 1) * sizeof(*args->list)));
        to = &args->list[args->nargs++];
        to->argptr = panda_must(strdup(a->text));
        to->key = panda_must(strdup(a->key));
        to->value = panda_must(strdup(a->value));
    }
    if (p->help) {
        printf("Options for plugin %s:\n%-20s%-24s%-10s%s\n", plugin_name,
               "PLUGIN", "ARGUMENT", "", "DESCRIPTION");
    }
    return args;
}

void panda_free_args(panda_arg_list *args)
{
    if (!args) {
        return;
    }
    for (int i = 0; i < args->nargs; i++) {
        free(args->list[i].argptr);
        free(args->list[i].key);
        free(args->list[i].value);
    }
    free(args->list);
    free(args->plugin_name);
    free(args);
}

/* -- Looking up ------------------------------------------------------------ */

struct wish {
    panda_arg_list *args;
    const char *key;
    const char *type; /* for messages: "a number" */
    const char *help; /* or NULL */
    bool required;
    bool ignore_case;
};

static char *find(const struct wish *wish)
{
    struct plugins *p = plugins_current();
    char *value = NULL;

    if (p->help) {
        printf("%-20s%-24s%-10s%s\n", wish->args ? wish->args->plugin_name : "",
               wish->key, wish->required ? "Required" : "Optional",
               wish->help ? wish->help : "");
        return NULL;
    }
    for (int i = 0; wish->args && i < wish->args->nargs && !value; i++) {
        const panda_arg *arg = &wish->args->list[i];

        if (!(wish->ignore_case ? strcasecmp(arg->key, wish->key)
                                : strcmp(arg->key, wish->key))) {
            value = arg->value;
        }
    }
    if (wish->args) {
        append(&p->known, wish->args->plugin_name, wish->key);
    }
    for (struct argument *a = p->arguments; a && wish->args; a = a->next) {
        if (!strcmp(a->plugin, wish->args->plugin_name) &&
            !strcasecmp(a->key, wish->key)) {
            a->asked = true;
        }
    }
    if (!value && wish->required) {
        plugins_fail(p, panda_message("argument %s=... (%s) is missing",
                                      wish->key, wish->type));
    }
    return value;
}

static void malformed(const struct wish *wish, const char *value)
{
    plugins_fail(
        plugins_current(),
        panda_message("%s=%s: that is not %s", wish->key, value, wish->type));
}

static uint64_t number(const struct wish *wish, uint64_t otherwise,
                       uint64_t most)
{
    const char *text = find(wish);
    uint64_t value;
    char *end;

    if (!text) {
        return otherwise;
    }
    errno = 0;
    value = strtoull(text, &end, 0);
    if (end == text || *end || errno || *text == '-' || value > most) {
        malformed(wish, text);
        return otherwise;
    }
    return value;
}

static double real(const struct wish *wish, double otherwise, uint64_t most)
{
    const char *text = find(wish);
    double value;
    char *end;

    (void)most;
    if (!text) {
        return otherwise;
    }
    value = strtod(text, &end);
    if (end == text || *end) {
        malformed(wish, text);
        return otherwise;
    }
    return value;
}

static bool truth(const struct wish *wish)
{
    static const char *const words[2][4] = {{"n", "no", "false", "0"},
                                            {"y", "yes", "true", "1"}};
    const char *text = find(wish);

    if (!text) {
        return false;
    }
    for (unsigned i = 0; i < 8; i++) {
        if (!strcasecmp(text, words[i / 4][i % 4])) {
            return i / 4;
        }
    }
    if (*text) {
        malformed(wish, text);
    }
    return true;
}

/* -- The interface: values ------------------------------------------------- */

#define PARSE(kind, type, parse, what, most) \
    type panda_parse_##kind(panda_arg_list *args, const char *argname, \
                            type defval) \
    { \
        const struct wish wish = {args, argname, what, NULL, false, false}; \
        return (type)parse(&wish, defval, most); \
    } \
    type panda_parse_##kind##_req(panda_arg_list *args, const char *argname, \
                                  const char *help) \
    { \
        const struct wish wish = {args, argname, what, help, true, false}; \
        return (type)parse(&wish, 0, most); \
    } \
    type panda_parse_##kind##_opt(panda_arg_list *args, const char *argname, \
                                  type defval, const char *help) \
    { \
        const struct wish wish = {args, argname, what, help, false, false}; \
        return (type)parse(&wish, defval, most); \
    }
PARSE(ulong, target_ulong, number, "a number", UINT64_MAX)
PARSE(uint32, uint32_t, number, "a number of 32 bits", UINT32_MAX)
PARSE(uint64, uint64_t, number, "a number", UINT64_MAX)
PARSE(double, double, real, "a number", 0)
#undef PARSE

bool panda_parse_bool(panda_arg_list *args, const char *argname)
{
    return panda_parse_bool_opt(args, argname, NULL);
}

bool panda_parse_bool_req(panda_arg_list *args, const char *argname,
                          const char *help)
{
    const struct wish wish = {args, argname, "yes or no", help, true, true};

    return truth(&wish);
}

bool panda_parse_bool_opt(panda_arg_list *args, const char *argname,
                          const char *help)
{
    const struct wish wish = {args, argname, "yes or no", help, false, true};

    return truth(&wish);
}

char *panda_parse_string(panda_arg_list *args, const char *argname,
                         const char *defval)
{
    return panda_parse_string_opt(args, argname, defval, NULL);
}

char *panda_parse_string_req(panda_arg_list *args, const char *argname,
                             const char *help)
{
    const struct wish wish = {args, argname, "a text", help, true, false};
    char *value = find(&wish);

    return value ? value : (char *)"";
}

char *panda_parse_string_opt(panda_arg_list *args, const char *argname,
                             const char *defval, const char *help)
{
    const struct wish wish = {args, argname, "a text", help, false, false};
    char *value = find(&wish);

    return value ? value : (char *)(uintptr_t)defval;
}
