#include "host/x86_64/code_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#define AHEAD ((size_t)256 << 10)

bool code_memory_open(struct code_memory *memory, size_t size)
{
    int fd = memfd_create("code", MFD_CLOEXEC);
    void *write = MAP_FAILED, *run = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0) {
        write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        run = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (write == MAP_FAILED || run == MAP_FAILED) {
        if (write != MAP_FAILED) {
            munmap(write, size);
        }
        return false;
    }
    *memory = (struct code_memory){
        .write = write, .run = run, .size = size, .cold_start = size / 8 * 3};
    memory->cold_ready = memory->cold_start & ~(AHEAD - 1);
    return true;
}

/* A hint: without it each page is given when it is touched. */
static void make_ready(struct code_memory *memory, size_t used, size_t *ready)
{
    while (*ready < used + AHEAD / 2 && *ready < memory->size) {
        size_t size = memory->size - *ready;

        madvise(memory->write + *ready, size < AHEAD ? size : AHEAD,
                MADV_POPULATE_WRITE);
        *ready += AHEAD;
    }
}

void code_memory_used(struct code_memory *memory)
{
    make_ready(memory, memory->used, &memory->ready);
    make_ready(memory, memory->cold_used, &memory->cold_ready);
}

void code_memory_close(struct code_memory *memory)
{
    if (memory->write) {
        munmap(memory->write, memory->size);
        munmap(memory->run, memory->size);
        memory->write = NULL;
    }
}
