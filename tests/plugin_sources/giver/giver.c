/* Offers points and functions; built as C and as C++. */
#include "giver/giver.h"

#ifdef __cplusplus
extern "C" {
#endif
#include "giver/giver_int_fns.h"
bool init_plugin(void *self);
void uninit_plugin(void *self);
PPP_PROT_REG_CB(on_plain)
PPP_PROT_REG_CB(on_both);
#ifdef __cplusplus
}
#endif

PPP_CB_BOILERPLATE(on_plain)
PPP_CB_BOILERPLATE(on_both);
PPP_CB_BOILERPLATE(on_vote)
PPP_CB_BOILERPLATE(on_nothing)

void giver_run(void)
{
    const char *text = "a, b";

    printf("giver: run %d %d\n", PPP_CHECK_CB(on_plain), PPP_CHECK_CB(on_both));
    if (PPP_CHECK_CB(on_plain)) {
        PPP_RUN_CB(on_plain, NULL, -1, 200, text);
    }
    PPP_RUN_CB(on_both, NULL, -2, text[1] == ',')
    PPP_RUN_CB(on_nothing);
    IF_PPP_RUN_BOOL_CB(on_vote, 5)
    {
        printf("giver: voted\n");
    }
}

bool giver_is(const struct giver_box *box, enum giver_colour colour)
{
    return box->low == 1 && box->high == 2 && colour == GIVER_BLUE;
}

struct giver_box giver_boxed(target_ulong low, target_ulong high)
{
    struct giver_box box = {low, high};

    return box;
}

const char *giver_text(const char *const texts[], size_t n)
{
    return texts[n - 1];
}

int64_t giver_call(int64_t (*function)(int64_t, void *), int64_t x, void *y)
{
    return function(x, y);
}

on_plain_t giver_point(CPUState *cpu)
{
    return cpu ? ppp_on_plain_cb[0] : NULL;
}

uint32_t giver_sum(const uint8_t numbers[4])
{
    return (uint32_t)numbers[0] + numbers[1] + numbers[2] + numbers[3];
}

bool init_plugin(void *self)
{
    (void)self;
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    printf("giver: ends\n");
}
