"""shown = set()"""
shown = set()
def check(expect):
    pass
