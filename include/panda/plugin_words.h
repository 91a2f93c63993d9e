/* PANDA_EACH_(M, a, b, c) is `, M(a), M(b), M(c)`, up to 16 of them. */
#ifndef PANDA_PLUGIN_WORDS_H
#define PANDA_PLUGIN_WORDS_H

#define PANDA_COUNT_(...) \
    PANDA_COUNT_OF_(0 __VA_OPT__(, ) __VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, \
                    9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define PANDA_COUNT_OF_(z, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, N, \
                        ...) \
    N
#define PANDA_JOIN_(a, b) PANDA_JOIN_AGAIN_(a, b)
#define PANDA_JOIN_AGAIN_(a, b) a##b

#define PANDA_EACH_(M, ...) \
    PANDA_JOIN_(PANDA_EACH_, PANDA_COUNT_(__VA_ARGS__)) \
    (M __VA_OPT__(, ) __VA_ARGS__)
#define PANDA_EACH_0(M)
#define PANDA_EACH_1(M, a) , M(a)
#define PANDA_EACH_2(M, a, ...) , M(a) PANDA_EACH_1(M, __VA_ARGS__)
#define PANDA_EACH_3(M, a, ...) , M(a) PANDA_EACH_2(M, __VA_ARGS__)
#define PANDA_EACH_4(M, a, ...) , M(a) PANDA_EACH_3(M, __VA_ARGS__)
#define PANDA_EACH_5(M, a, ...) , M(a) PANDA_EACH_4(M, __VA_ARGS__)
#define PANDA_EACH_6(M, a, ...) , M(a) PANDA_EACH_5(M, __VA_ARGS__)
#define PANDA_EACH_7(M, a, ...) , M(a) PANDA_EACH_6(M, __VA_ARGS__)
#define PANDA_EACH_8(M, a, ...) , M(a) PANDA_EACH_7(M, __VA_ARGS__)
#define PANDA_EACH_9(M, a, ...) , M(a) PANDA_EACH_8(M, __VA_ARGS__)
#define PANDA_EACH_10(M, a, ...) , M(a) PANDA_EACH_9(M, __VA_ARGS__)
#define PANDA_EACH_11(M, a, ...) , M(a) PANDA_EACH_10(M, __VA_ARGS__)
#define PANDA_EACH_12(M, a, ...) , M(a) PANDA_EACH_11(M, __VA_ARGS__)
#define PANDA_EACH_13(M, a, ...) , M(a) PANDA_EACH_12(M, __VA_ARGS__)
#define PANDA_EACH_14(M, a, ...) , M(a) PANDA_EACH_13(M, __VA_ARGS__)
#define PANDA_EACH_15(M, a, ...) , M(a) PANDA_EACH_14(M, __VA_ARGS__)
#define PANDA_EACH_16(M, a, ...) , M(a) PANDA_EACH_15(M, __VA_ARGS__)

#endif
