/* Arguments of plugins: kept as given, parsed when the plugin asks. */
#include "plugin/plugins.h"

#include "base/error.h"

#include <errno.h>
#include <strings.h>

/* -- The list -------------------------------------------------------------- */

static void argument_free(struct argument *argument)
{
    free(argument->plugin);
    free(argument->text);
    free(argument->key);
    free(argument->value);
    free(argument);
}

/* A later value of the same key counts. */
static void drop(struct plugins *p, const char *plugin, const char *key)
{
    struct argument **link = &p->arguments;

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

bool arguments_add(struct plugins *p, const char *plugin, const char *text)
{
    size_t key = strcspn(text, "=");
    struct argument *argument = panda_must(calloc(1, sizeof(*argument)));
    struct argument **link;

    argument->plugin = panda_must(strdup(plugin));
    argument->text = panda_must(strdup(text));
    argument->key = panda_must(strndup(text, key));
    argument->value = panda_must(strdup(text[key] ? text + key + 1 : ""));
    fprintf(stderr, "PANDA[%s]:adding argument %s.\n", plugin, text);
    drop(p, plugin, argument->key);
    for (link = &p->arguments; *link; link = &(*link)->next) {
    }
    *link = argument;
    if (!strcmp(argument->key, "help")) {
        argument->asked = true;
        p->help = true;
    }
    return true;
}

const struct argument *arguments_unasked(struct plugins *p, const char *plugin)
{
    for (const struct argument *a = p->arguments; a; a = a->next) {
        if (!strcmp(a->plugin, plugin) && !a->asked) {
            return a;
        }
    }
    return NULL;
}

void arguments_free(struct plugins *p)
{
    while (p->arguments) {
        struct argument *argument = p->arguments;

        p->arguments = argument->next;
        argument_free(argument);
    }
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
