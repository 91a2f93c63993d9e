/*
 * The contract for errors, in four kinds:
 *   bug      ours: print where, and abort            panda_bug()
 *   fatal    the user's: one sentence, exit status 1  panda_fatal()
 *   error    a function returns false or NULL and sets a message
 *   warning  the run goes on                          panda_warn()
 * Only programs (src/cmd) and option parsing may call panda_fatal().
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

_Noreturn void panda_bug_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define panda_bug(...) panda_bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define panda_assert(c) ((c) ? (void)0 : panda_bug("not so: %s", #c))

_Noreturn void panda_fatal(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void panda_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A message for a caller; to be freed. Never NULL. */
char *panda_message(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* What an allocation returned; there being no memory is a bug of ours. */
void *panda_must(void *memory);

#endif
