/*
 * What a device tells of a transfer inside it: without effect on the guest,
 * for analyses that follow data through devices. Addresses of buffers are
 * names that a device makes up, the same in every run.
 */
#ifndef BASE_TRANSFER_H
#define BASE_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

enum transfer_kind {                /* numbers are part of the log's format */
                     TRANSFER_DISK, /* type: see the disk; size bytes */
                     TRANSFER_NETWORK, /* type: see the network card; size bytes
                                        */
                     TRANSFER_PACKET,  /* type 0 received, 1 sent; bytes; from:
                                          buffer */
                     TRANSFER_SERIAL_RECEIVE, /* a byte came; to: its place */
                     TRANSFER_SERIAL_READ,    /* the guest took it; from: place,
                                                 to: port */
                     TRANSFER_SERIAL_WRITE,   /* the guest gave one; from: port,
                                                 to: place */
                     TRANSFER_SERIAL_SEND,    /* it went out; from: place */
                     N_TRANSFERS
};

struct transfer {
    enum transfer_kind kind;
    uint32_t type;
    uint64_t from, to, size;
    uint8_t value;
    const uint8_t *bytes; /* `size` of them, of a packet */
};

/* Where a device tells of them. */
struct transfer_listener {
    void (*tell)(void *opaque, const struct transfer *transfer);
    void *opaque;
};

static inline void transfer_tell(const struct transfer_listener *listener,
                                 const struct transfer *transfer)
{
    if (listener->tell) {
        listener->tell(listener->opaque, transfer);
    }
}

#endif
