#include "panda/plugin.h"
