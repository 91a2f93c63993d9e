#include "panda/rr/rr_api.h"
