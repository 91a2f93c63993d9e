/* A bare-metal guest whose accesses to an array are known. */
#include "bare.h"

static uint64_t array[8] __attribute__((aligned(64)));

__attribute__((noipa)) static void access_it(void)
{
    volatile uint64_t *words = array;
    volatile uint8_t *bytes = (volatile uint8_t *)array;

    words[0] = 0x1111;                           /* before the region */
    words[1] = 0x2222;                           /* covers it whole */
    bytes[12] = 0x33;                            /* in it */
    (void)bytes[13];                             /* in it */
    (void)bytes[14];                             /* behind it */
    *(volatile uint32_t *)(bytes + 9) = 0x44444; /* over its start */
    *(volatile uint16_t *)(bytes + 10) = 0x5555; /* ends before it */
    (void)*(volatile uint64_t *)(bytes + 13);    /* over its end */
}

int main(void)
{
    print("array %x\n", (uint64_t)array);
    access_it();
    return 0;
}
