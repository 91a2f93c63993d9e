#error "This header is of the first PANDA; include panda/plog.h instead."
