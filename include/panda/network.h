/* The direction of replay_handle_packet. */
#ifndef PANDA_NETWORK_H
#define PANDA_NETWORK_H

#define PANDA_NET_RX 0
#define PANDA_NET_TX 1

#endif
