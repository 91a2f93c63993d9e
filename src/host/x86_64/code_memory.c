#include "host/x86_64/code_memory.h"

#include <sys/mman.h>
#include <unistd.h>

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
    return true;
}

void code_memory_close(struct code_memory *memory)
{
    if (memory->write) {
        munmap(memory->write, memory->size);
        munmap(memory->run, memory->size);
        memory->write = NULL;
    }
}
