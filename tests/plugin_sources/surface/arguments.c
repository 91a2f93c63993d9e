/*
 * Arguments of every type, given, left out and in lists.
 *
 * run: -panda-arg general:whole=1 -panda-arg arguments:n=0x10 -panda-arg
 * run: arguments:big=18446744073709551615 -panda-arg arguments:real=2.5
 * run: -panda-arg arguments:flag -panda-arg arguments:off=no -panda-arg
 * run: arguments:text=a:b=c -panda-arg arguments:n32=4294967295
 * > arguments: 16 4294967295 18446744073709551615 2.5 1 0 a:b=c
 * > arguments: 1 2 3 0.5 0 none
 * > arguments: 16 4294967295 18446744073709551615 2.5 1 a:b=c
 * > arguments: 16 4294967295 18446744073709551615 2.5 0 a:b=c
 * > arguments: 7 of 7 for arguments, whole=1, more=5
 */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static void plain(panda_arg_list *args)
{
    printf("arguments: %u %u %" PRIu64 " %g %d %d %s\n",
           (unsigned)panda_parse_ulong(args, "n", 1),
           panda_parse_uint32(args, "n32", 2),
           panda_parse_uint64(args, "big", 3),
           panda_parse_double(args, "real", 0.5),
           panda_parse_bool(args, "flag"), panda_parse_bool(args, "off"),
           panda_parse_string(args, "text", "none"));
    printf("arguments: %u %u %" PRIu64 " %g %d %s\n",
           (unsigned)panda_parse_ulong_opt(args, "no_n", 1, "a number"),
           panda_parse_uint32_opt(args, "no_n32", 2, "a shorter one"),
           panda_parse_uint64_opt(args, "no_big", 3, "a longer one"),
           panda_parse_double_opt(args, "no_real", 0.5, "a fraction"),
           panda_parse_bool_opt(args, "no_flag", "yes or no"),
           panda_parse_string_opt(args, "no_text", "none", "anything"));
}

static void required(panda_arg_list *args, const char *flag)
{
    const char *text = panda_parse_string_req(args, "text", "anything");

    printf("arguments: %u %u %" PRIu64 " %g %d %s\n",
           (unsigned)panda_parse_ulong_req(args, "n", "a number"),
           panda_parse_uint32_req(args, "n32", "a shorter one"),
           panda_parse_uint64_req(args, "big", "a longer one"),
           panda_parse_double_req(args, "real", "a fraction"),
           panda_parse_bool_req(args, flag, "yes or no"), text);
}

static void lists(void)
{
    panda_arg_list *general = panda_get_args("general"), *args;
    int fit = 0;

    assert(panda_add_arg("arguments_of_nobody", "more=5"));
    args = panda_get_args("arguments");
    for (int i = 0; i < args->nargs; i++) {
        panda_arg *arg = &args->list[i];

        fit += !strncmp(arg->argptr, arg->key, strlen(arg->key)) &&
               strstr(arg->argptr, arg->value);
    }
    printf("arguments: %d of %d for %s, %s, ", fit, args->nargs,
           args->plugin_name, general->list[0].argptr);
    panda_free_args(args);
    panda_free_args(general);
    args = panda_get_args("arguments_of_nobody");
    printf("%s\n", args->list[0].argptr);
    panda_free_args(args);
    panda_free_args(NULL);
}

bool init_plugin(UNUSED(void *self))
{
    panda_arg_list *args = panda_get_args("arguments");

    plain(args);
    required(args, "flag");
    required(args, "off");
    panda_free_args(args);
    lists();
    return panda_argc <= MAX_PANDA_PLUGIN_ARGS && MAX_PANDA_PLUGINS >= 16;
}

void uninit_plugin(UNUSED(void *self)) {}
