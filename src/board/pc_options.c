/* The options of a PC as text: what was built, in a recording's log. */
#include "board/pc.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char first_line[] = "board: pc\n";

char *pc_options_print(const struct pc_options *o)
{
    return panda_message("%sboard.ram_size: %" PRIu64 "\n"
                         "board.rtc_base: %" PRId64 "\n"
                         "board.debug_exit_port: %u\n"
                         "board.debug_exit_size: %u\n"
                         "board.no_reboot: %u\n",
                         first_line, o->ram_size, o->rtc_base,
                         o->debug_exit_port, o->debug_exit_size, o->no_reboot);
}

/* The number behind `name`. False: it is not there. */
static bool find(const char *text, const char *name, long long *value)
{
    const char *at = strstr(text, name);
    char *end;

    if (!at || (at != text && at[-1] != '\n')) {
        return false;
    }
    at += strlen(name);
    *value = strtoll(at, &end, 10);
    return end != at && *end == '\n';
}

bool pc_options_parse(const char *text, struct pc_options *options,
                      char **message)
{
    long long ram, rtc, port, size, no_reboot;

    if (!strstr(text, first_line) || !find(text, "board.ram_size: ", &ram) ||
        !find(text, "board.rtc_base: ", &rtc) ||
        !find(text, "board.debug_exit_port: ", &port) ||
        !find(text, "board.debug_exit_size: ", &size) ||
        !find(text, "board.no_reboot: ", &no_reboot) || ram <= 0 || port < 0 ||
        port > 0xffff || size < 0 || size > 0x10000 - port) {
        *message = panda_message("the recording does not say which machine "
                                 "it is of");
        return false;
    }
    options->ram_size = (uint64_t)ram;
    options->rtc_base = rtc;
    options->debug_exit_port = (uint16_t)port;
    options->debug_exit_size = (uint16_t)size;
    options->no_reboot = no_reboot;
    return true;
}
