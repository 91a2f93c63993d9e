#error "There is no translation to LLVM in this version."
