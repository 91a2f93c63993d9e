/* A halt that nothing can end. */
#include "start.S"

start:
    cli
    hlt
    say '!'
    jmp start
