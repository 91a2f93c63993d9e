/*
 * Devices: their memory, and what goes on inside them in a replay.
 *
 * > devices: written 20 0, read 20, at fee00080
 * > devices: surface, sent as written
 * > devices: nobody was asked; no disk, no packets, no DMA
 */
#include "panda/plugin.h"
#include "panda/network.h"
#include <string>

extern "C" {
bool init_plugin(void *);
void uninit_plugin(void *);
}

static std::string written, read_back, sent, line;
static target_ulong place;
static unsigned disks, packets, dma, nobody, received;

static void mmio_after_read(CPUState *, target_ptr_t physaddr, target_ptr_t,
                            size_t, uint64_t *val)
{
    char text[20];

    snprintf(text, sizeof(text), " %" PRIx64, *val);
    read_back += text;
    place = physaddr;
}

static void mmio_before_write(CPUState *, target_ptr_t physaddr, target_ptr_t,
                              size_t size, uint64_t *val)
{
    char text[20];

    snprintf(text, sizeof(text), " %" PRIx64, *val);
    written += size == 4 && physaddr == 0xfee00080 ? text : " ?";
}

static bool unassigned_io_read(CPUState *, target_ptr_t, hwaddr, size_t,
                               uint64_t *)
{
    nobody++;
    return false;
}

static bool unassigned_io_write(CPUState *, target_ptr_t, hwaddr, size_t,
                                uint64_t)
{
    nobody++;
    return false;
}

static int replay_hd_transfer(CPUState *, uint32_t type, uint64_t, uint64_t,
                              uint32_t)
{
    switch (type) {
    case HD_TRANSFER_HD_TO_IOB:
    case HD_TRANSFER_IOB_TO_HD:
    case HD_TRANSFER_PORT_TO_IOB:
    case HD_TRANSFER_IOB_TO_PORT:
    case HD_TRANSFER_HD_TO_RAM:
    case HD_TRANSFER_RAM_TO_HD:
        disks++;
    }
    return 0;
}

static void replay_net_transfer(CPUState *, uint32_t type, uint64_t, uint64_t,
                                size_t)
{
    Net_transfer_type kind = static_cast<Net_transfer_type>(type);

    packets += kind == NET_TRANSFER_RAM_TO_IOB ||
               kind == NET_TRANSFER_IOB_TO_RAM ||
               kind == NET_TRANSFER_IOB_TO_IOB;
}

static void replay_handle_packet(CPUState *, uint8_t *, size_t,
                                 uint8_t direction, uint64_t)
{
    packets += direction == PANDA_NET_RX || direction == PANDA_NET_TX;
}

static void on_dma(CPUState *, const uint8_t *, hwaddr, size_t, bool)
{
    dma++;
}

static void replay_serial_write(CPUState *, target_ptr_t, uint32_t port_addr,
                                uint8_t value)
{
    if (port_addr == 0x3f8 && value != '\n') {
        line += static_cast<char>(value);
    }
}

static void replay_serial_send(CPUState *, target_ptr_t, uint8_t value)
{
    if (value != '\n') {
        sent += static_cast<char>(value);
    }
}

bool init_plugin(void *self)
{
    panda_cb pcb;

    pcb.mmio_after_read = mmio_after_read;
    panda_register_callback(self, PANDA_CB_MMIO_AFTER_READ, pcb);
    pcb.mmio_before_write = mmio_before_write;
    panda_register_callback(self, PANDA_CB_MMIO_BEFORE_WRITE, pcb);
    pcb.unassigned_io_read = unassigned_io_read;
    panda_register_callback(self, PANDA_CB_UNASSIGNED_IO_READ, pcb);
    pcb.unassigned_io_write = unassigned_io_write;
    panda_register_callback(self, PANDA_CB_UNASSIGNED_IO_WRITE, pcb);
    pcb.replay_hd_transfer = replay_hd_transfer;
    panda_register_callback(self, PANDA_CB_REPLAY_HD_TRANSFER, pcb);
    pcb.replay_net_transfer = replay_net_transfer;
    panda_register_callback(self, PANDA_CB_REPLAY_NET_TRANSFER, pcb);
    pcb.replay_handle_packet = replay_handle_packet;
    panda_register_callback(self, PANDA_CB_REPLAY_HANDLE_PACKET, pcb);
    pcb.replay_before_dma = on_dma;
    panda_register_callback(self, PANDA_CB_REPLAY_BEFORE_DMA, pcb);
    pcb.replay_after_dma = on_dma;
    panda_register_callback(self, PANDA_CB_REPLAY_AFTER_DMA, pcb);
    pcb.replay_serial_write = replay_serial_write;
    panda_register_callback(self, PANDA_CB_REPLAY_SERIAL_WRITE, pcb);
    pcb.replay_serial_send = replay_serial_send;
    panda_register_callback(self, PANDA_CB_REPLAY_SERIAL_SEND, pcb);
    pcb.replay_serial_receive = [](CPUState *, target_ptr_t, uint8_t) {
        received++;
    };
    panda_register_callback(self, PANDA_CB_REPLAY_SERIAL_RECEIVE, pcb);
    pcb.replay_serial_read = [](CPUState *, target_ptr_t, uint32_t, uint8_t) {
        received++;
    };
    panda_register_callback(self, PANDA_CB_REPLAY_SERIAL_READ, pcb);
    pcb.hd_read = [](CPUState *) { disks++; };
    panda_register_callback(self, PANDA_CB_HD_READ, pcb);
    pcb.hd_write = [](CPUState *) { disks++; };
    panda_register_callback(self, PANDA_CB_HD_WRITE, pcb);
    return true;
}

void uninit_plugin(void *)
{
    printf("devices: written%s, read%s, at %x\n", written.c_str(),
           read_back.c_str(), static_cast<unsigned>(place));
    printf("devices: %s, sent %s written\n", line.c_str(),
           sent == line ? "as" : "not as");
    if (!nobody && !disks && !packets && !dma && !received) {
        printf("devices: nobody was asked; no disk, no packets, no DMA\n");
    }
}
