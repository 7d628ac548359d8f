/*
 * Included first by every source file: a vendored build does not have our
 * compiler flags, so what we need of the system's headers is asked for here.
 * The one private place for what compilers spell differently.
 */
#ifndef CORDON__DIALECT_H
#define CORDON__DIALECT_H

#ifndef _GNU_SOURCE
#    define _GNU_SOURCE 1 /* Linux: accept4, struct ucred */
#endif
#ifndef _DARWIN_C_SOURCE
#    define _DARWIN_C_SOURCE 1 /* macOS: LOCAL_PEERCRED, confstr names */
#endif
#ifndef _NETBSD_SOURCE
#    define _NETBSD_SOURCE 1
#endif
#ifndef _FILE_OFFSET_BITS
#    define _FILE_OFFSET_BITS 64
#endif
#ifndef _WIN32_WINNT
#    define _WIN32_WINNT 0x0A00
#endif
#ifndef WIN32_LEAN_AND_MEAN
#    define WIN32_LEAN_AND_MEAN 1
#endif
#ifndef UNICODE
#    define UNICODE 1
#endif

#if defined(_MSC_VER) || !defined(__GNUC__)
#    define CORDON__PRINTF(text, first)
#else
#    define CORDON__PRINTF(text, first) __attribute__((format(printf, text, first)))
#endif

/* Hardly ever called: it, and what leads to it, is laid out of the way. */
#if defined(_MSC_VER) || !defined(__GNUC__)
#    define CORDON__COLD
#else
#    define CORDON__COLD __attribute__((cold))
#endif

/* What is seldom asked for keeps its registers and its room on the stack to itself. */
#if defined(_MSC_VER)
#    define CORDON__APART __declspec(noinline)
#elif !defined(__GNUC__)
#    define CORDON__APART
#else
#    define CORDON__APART __attribute__((noinline))
#endif

/* A volatile int that another thread or a signal handler sets. (C11's atomics are still an
 * experiment in one compiler; there volatile is enough.) */
#if defined(_MSC_VER) || !defined(__GNUC__)
#    define CORDON__FLAG_SET(flag)    ((flag) = 1)
#    define CORDON__FLAG_IS_SET(flag) ((flag) != 0)
#else
#    define CORDON__FLAG_SET(flag)    __atomic_store_n(&(flag), 1, __ATOMIC_SEQ_CST)
#    define CORDON__FLAG_IS_SET(flag) (__atomic_load_n(&(flag), __ATOMIC_SEQ_CST) != 0)
#endif

#endif
