/*
 * exit() of the program and its plugins: the program's functions go before
 * the library's, so that plugins that call it come here.
 */
#include "plugin/plugins.h"

void exit(int status)
{
    void (*library_exit)(int) __attribute__((noreturn));

    *(void **)(void *)&library_exit = dlsym(RTLD_NEXT, "exit");
    library_exit(crash_exit(status));
}
