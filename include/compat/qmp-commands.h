#error "There are no QMP commands here to call from a plugin."
