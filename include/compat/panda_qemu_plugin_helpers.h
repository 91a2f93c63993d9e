#error "This header is of the first PANDA; include panda/plugin.h instead."
