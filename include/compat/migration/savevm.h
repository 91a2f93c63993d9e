#error "There is no migration stream here; a snapshot has another form."
