#error "There are no checkpoints for plugins in this version."
