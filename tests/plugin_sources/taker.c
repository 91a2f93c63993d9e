/* Uses giver by all that panda/plugin_plugin.h has; built as C and as C++. */
#define PLUGIN_MAIN
#include "panda/plugin.h"

#include "../giver/giver_ext.h"

#ifdef __cplusplus
extern "C" {
#endif
bool init_plugin(void *self);
void uninit_plugin(void *self);
#ifdef __cplusplus
}
#endif

typedef void (*on_plain_with_context_t)(void *context, CPUState *cpu,
                                        uint64_t number, uint8_t byte,
                                        const char *text);

static void first(CPUState *cpu, uint64_t number, uint8_t byte,
                  const char *text)
{
    printf("taker: first %d %" PRIx64 " %u '%s'\n", cpu != NULL, number, byte,
           text);
}

static void second(CPUState *cpu, uint64_t number, uint8_t byte,
                   const char *text)
{
    (void)cpu, (void)number, (void)byte;
    printf("taker: second '%s'\n", text);
}

static void with_context(void *context, CPUState *cpu, uint64_t number,
                         uint8_t byte, const char *text)
{
    printf("taker: context %s %d %" PRIx64 " %u '%s'\n", (const char *)context,
           cpu != NULL, number, byte, text);
}

static void both(void *context, CPUState *cpu, int64_t number, bool flag)
{
    printf("taker: both %s %d %" PRId64 " %d\n", (const char *)context,
           cpu != NULL, number, flag);
}

static bool yes(int number)
{
    return number == 5;
}

static bool no(int number)
{
    return number != 5;
}

static void nothing(void)
{
    printf("taker: nothing\n");
}

static int64_t add(int64_t x, void *y)
{
    return x + *(int64_t *)y;
}

static char one[] = "one", two[] = "two";

static void points(void)
{
    PPP_REG_CB("giver", on_plain, second);
    PPP_REG_CB("giver", on_plain, first);
    PPP_REG_CB("giver", on_plain, first);
    PPP_REG_CB_WITH_CONTEXT("giver", on_plain, with_context, one);
    PPP_REG_CB_WITH_CONTEXT("giver", on_both, both, one);
    PPP_REG_CB_WITH_CONTEXT("giver", on_both, both, two);
    PPP_REG_CB("giver", on_vote, yes);
    PPP_REG_CB("giver", on_vote, no);
    PPP_REG_CB("giver", on_nothing, nothing);
    giver_run();
    PPP_REMOVE_CB("giver", on_plain, second);
    PPP_REMOVE_CB("giver", on_plain, first);
    PPP_REMOVE_CB_WITH_CONTEXT("giver", on_plain, with_context, two);
    PPP_REMOVE_CB_WITH_CONTEXT("giver", on_both, both, one);
    PPP_REMOVE_CB("giver", on_vote, yes);
    giver_run();
    PPP_REMOVE_CB("giver", on_plain, first);
    PPP_REMOVE_CB_WITH_CONTEXT("giver", on_plain, with_context, one);
    PPP_REMOVE_CB_WITH_CONTEXT("giver", on_both, both, two);
    giver_run();
    PPP_REG_CB("giver", on_plain, first);
}

bool init_plugin(void *self)
{
    static const char *const texts[] = {"x", "last"};
    const uint8_t numbers[] = {1, 2, 3, 4};
    panda_arg_list *args = panda_get_args("taker");
    bool fails = panda_parse_bool_opt(args, "fails", "after all, init does");
    int64_t y = -3;
    struct giver_box box;

    (void)self;
    panda_free_args(args);
    panda_require("giver");
    if (!init_giver_api()) {
        return false;
    }
    points();
    box = giver_boxed(1, 2);
    printf("taker: %d '%s' %" PRId64 " %d %u\n", giver_is(&box, GIVER_BLUE),
           giver_text(texts, 2), giver_call(add, 1, &y),
           giver_point(NULL) == NULL, giver_sum(numbers));
    return !fails;
}

void uninit_plugin(void *self)
{
    (void)self;
    giver_run();
    printf("taker: ends\n");
}
