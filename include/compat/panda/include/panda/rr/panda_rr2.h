#error "A recording has another form here; PANDA's archives are not read."
