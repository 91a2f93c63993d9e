#ifndef PANDA_RR_LOG_H
#define PANDA_RR_LOG_H

#include "panda/rr/rr_api.h"

#endif
