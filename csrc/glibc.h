/* Asks for old versions of the glibc functions that got a new one after 2.28.
 *
 * A binary names, for each function, the newest version its build machine had; built on Debian 12 it would refuse to load on
 * an older system although nothing in it needs one.  setup.py includes this file before every source (-include).  Where the
 * old version differs it does so only in what it does to errno, or in which library of a split glibc it lived. */
#ifndef RUSHLIGHT_GLIBC_H
#define RUSHLIGHT_GLIBC_H

#if defined(__x86_64__) && __has_include(<gnu/libc-version.h>) && !defined(RL_SANITIZE)
#define OLD(name, version) __asm__(".symver " #name "," #name "@GLIBC_" #version)
/* libm: 2.29 and 2.35 and 2.38 */
OLD(exp, 2.2.5);
OLD(exp2, 2.2.5);
OLD(log, 2.2.5);
OLD(log2, 2.2.5);
OLD(pow, 2.2.5);
OLD(hypot, 2.2.5);
OLD(hypotf, 2.2.5);
OLD(fmod, 2.2.5);
OLD(fmodf, 2.2.5);
/* libpthread and libdl, part of libc since 2.34 */
OLD(pthread_create, 2.2.5);
OLD(pthread_join, 2.2.5);
OLD(pthread_detach, 2.2.5);
OLD(pthread_once, 2.2.5);
OLD(pthread_key_create, 2.2.5);
OLD(pthread_key_delete, 2.2.5);
OLD(pthread_getspecific, 2.2.5);
OLD(pthread_setspecific, 2.2.5);
OLD(pthread_mutex_trylock, 2.2.5);
OLD(pthread_mutexattr_init, 2.2.5);
OLD(pthread_mutexattr_settype, 2.2.5);
OLD(pthread_mutexattr_destroy, 2.2.5);
OLD(pthread_sigmask, 2.2.5);
OLD(pthread_kill, 2.2.5);
OLD(pthread_setname_np, 2.12);
OLD(pthread_getaffinity_np, 2.3.4);
OLD(pthread_setaffinity_np, 2.3.4);
OLD(pthread_attr_setstacksize, 2.2.5);
OLD(pthread_rwlock_rdlock, 2.2.5);
OLD(pthread_rwlock_wrlock, 2.2.5);
OLD(pthread_rwlock_unlock, 2.2.5);
OLD(sem_init, 2.2.5);
OLD(sem_post, 2.2.5);
OLD(sem_wait, 2.2.5);
OLD(sem_destroy, 2.2.5);
OLD(dlopen, 2.2.5);
OLD(dlsym, 2.2.5);
OLD(dladdr, 2.2.5);
OLD(dlclose, 2.2.5);
#undef OLD
#endif

#endif
