#error "There are no I/O channels here; use the host's files."
