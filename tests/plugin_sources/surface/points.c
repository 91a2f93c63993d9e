/*
 * A callback point of one's own, with listeners in the same plugin.
 *
 * > points: 3 and 30, once each
 * > points: nobody listens
 */
#include "panda/plugin.h"
#include "panda/plugin_plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

PPP_CB_TYPEDEF(void, on_thing, CPUState *cpu, int what)
PPP_CB_TYPEDEF(bool, on_question, int what)
PPP_PROT_REG_CB(on_thing)
PPP_CB_BOILERPLATE(on_thing)
PPP_CB_EXTERN(on_thing)
PPP_PROT_REG_CB(on_question)
PPP_CB_BOILERPLATE(on_question)

static int sum, times;

static void listener(CPUState *cpu, int what)
{
    sum += cpu ? 0 : what;
    times++;
}

static void listener_with_context(void *context, CPUState *cpu, int what)
{
    *(int *)context += cpu ? 0 : 10 * what;
    times++;
}

static bool even(int what)
{
    return what % 2 == 0;
}

bool init_plugin(UNUSED(void *self))
{
    int tens = 0;

    PPP_REG_CB("points", on_thing, listener);
    PPP_REG_CB_WITH_CONTEXT("points", on_thing, listener_with_context, &tens);
    PPP_RUN_CB(on_thing, NULL, 3)
    PPP_REMOVE_CB("points", on_thing, listener);
    PPP_REMOVE_CB_WITH_CONTEXT("points", on_thing, listener_with_context,
                               &tens);
    PPP_RUN_CB(on_thing, NULL, 5)
    if (times == 2) {
        printf("points: %d and %d, once each\n", sum, tens);
    }
    PPP_REG_CB("points", on_question, even);
    IF_PPP_RUN_BOOL_CB(on_question, 4)
    {
        printf("points: %s\n", PPP_CHECK_CB(on_thing) || PPP_MAX_CB != 256
                                   ? "somebody listens"
                                   : "nobody listens");
    }
    return true;
}

void uninit_plugin(UNUSED(void *self)) {}
