#error "The engine as a library has another interface; " \
       "plugins include panda/plugin.h."
