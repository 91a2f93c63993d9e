/*
 * Who wants to hear that an instruction runs: the owners whose own function
 * said yes when it was translated. What others say, they need not know.
 *
 * There are few different sets of them, which units hold the address of. They
 * live as long as blocks.
 */
#include "plugin/plugins.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

void answers_yes(struct plugins *p, void *owner)
{
    struct yes *yes = &p->said_yes;

    for (unsigned i = 0; i < yes->n; i++) {
        if (yes->owner[i] == owner) {
            return;
        }
    }
    yes->owner = panda_must(
        realloc(yes->owner, (yes->n + 1) * sizeof(yes->owner[0])));
    yes->owner[yes->n++] = owner;
}

const struct answer *answers_take(struct plugins *p)
{
    const struct yes *yes = &p->said_yes;
    size_t size = yes->n * sizeof(yes->owner[0]);
    struct answer *answer = p->answers;

    if (!yes->n) {
        return NULL;
    }
    while (answer &&
           (answer->n != yes->n || memcmp(answer->owner, yes->owner, size))) {
        answer = answer->next;
    }
    if (!answer) {
        answer = panda_must(malloc(sizeof(*answer) + size));
        answer->next = p->answers;
        answer->n = yes->n;
        memcpy(answer->owner, yes->owner, size);
        p->answers = answer;
    }
    return answer;
}

void answers_forget(struct plugins *p)
{
    while (p->answers) {
        struct answer *answer = p->answers;

        p->answers = answer->next;
        free(answer);
    }
    free(p->said_yes.owner);
    p->said_yes = (struct yes){0};
}
