/* memory.c -- aligned, counted, cached memory that can be told to fail.
 *
 * Sizes are rounded up to classes, four per power of two.  Blocks of up to 128 KB are cut from slabs of 1 MB, one class
 * per slab; larger ones are mapped one by one.  Slabs and large blocks begin at a multiple of 1 MB with a header, so a
 * pointer leads to its header by masking.  Freed blocks wait in lists by class: fresh memory costs a page fault per 4 KB,
 * which is several times the work of most operations on it.  What waits is bounded by a quarter of the machine's memory;
 * beyond, the large block that has waited longest goes back first.
 *
 * A sanitized or debugging build has no cache: every block is malloc's own, so that tools see each one.
 * Everything here is called under the host's lock. */
#include "rushlight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(RL_DEBUG) || defined(RL_SANITIZE) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CACHED = false };
#else
enum { CACHED = true };
#endif

static int64_t live, used, peak, cached;
static int64_t fail_after = -1, failures;
static bool fail_once;

int64_t rl_memory_live(void) { return live; }
int64_t rl_memory_used(void) { return used; }
int64_t rl_memory_peak(void) { return peak; }
int64_t rl_memory_cached(void) { return cached; }
int64_t rl_memory_fail_count(void) { return failures; }

void rl_memory_fail_after(int64_t n, bool once) {
    fail_after = n;
    fail_once = once;
}

static bool inject(void) {
    if (fail_after > 0) {
        fail_after--;
        return false;
    }
    if (fail_once) fail_after = -1;
    failures++;
    return true;
}

static inline void count_in(int64_t bytes) {
    live++;
    used += bytes;
    if (used > peak) peak = used;
}

static inline void count_out(int64_t bytes) {
    live--;
    used -= bytes;
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

enum { LINE = 64, SMALL_MAX = 128 << 10, REGION = 1 << 20, HUGE_FROM = 4 << 20, HUGE_PAGE = 2 << 20 };
enum { SMALL_CLASSES = 40 /* class_of(SMALL_MAX) + 1 */, CLASSES = 224 };
static const int64_t MOST = INT64_C(1) << 56;

static inline int class_of(int64_t bytes) {      /* 1..4 lines, then 5, 6, 7, 8, 10, 12, 14, 16, 20, ... */
    uint64_t v = bytes > 0 ? (uint64_t)(bytes - 1) / LINE : 0;
    if (v < 4) return (int)v;
    int e = 63 - __builtin_clzll(v);
    return (e - 1) * 4 + (int)(v >> (e - 2) & 3);
}

static inline int64_t class_bytes(int c) { return c < 4 ? (c + 1) * LINE : (INT64_C(5) + (c & 3)) << (c / 4 - 1) << 6; }

/* At the start of every 1 MB region. */
typedef struct Region {
    int class;
    bool huge;                     /* large: has been asked for huge pages */
    int64_t mapped;                /* bytes mapped from here on */
    int64_t idle;                  /* slab: blocks found free, while trimming */
    char *block;                   /* large: what the caller has */
    struct Region *next, *prev;    /* slab: all slabs; large and waiting: same class, younger first */
    struct Region *younger, *older;/* large and waiting: all of them by age */
} Region;
_Static_assert(sizeof(Region) <= 2 * LINE, "a region header takes two lines");
enum { HEADER = 2 * LINE };

typedef struct Waiting { struct Waiting *next; } Waiting;
static Waiting *small[SMALL_CLASSES];
static struct { char *p, *end; } fresh[SMALL_CLASSES];   /* the part of a class's newest slab never handed out */
static Region *slabs;
static Region *large[CLASSES], *oldest, *youngest;

static inline Region *region_of(void *block) { return (Region *)((uintptr_t)block & ~(uintptr_t)(REGION - 1)); }

/* ---- the system ---------------------------------------------------------------------------------------------------- */

static int64_t read_limit(const char *path) {
    FILE *file = fopen(path, "r");
    long long n = -1;
    if (!file) return INT64_MAX;
    if (fscanf(file, "%lld", &n) != 1 || n <= 0) n = INT64_MAX;
    fclose(file);
    return n;
}

static int64_t cache_limit(void) {
    static int64_t limit;
    if (limit) return limit;
    int64_t memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t group = read_limit("/sys/fs/cgroup/memory.max"), old_group = read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    if (group < memory) memory = group;
    if (old_group < memory) memory = old_group;
    return limit = memory > 0 ? memory / 4 : INT64_C(1) << 30;
}

static void *map_aligned(int64_t bytes, int64_t alignment) {
    char *p = mmap(NULL, (size_t)(bytes + alignment), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    char *start = (char *)(((uintptr_t)p + (uintptr_t)alignment - 1) & ~(uintptr_t)(alignment - 1));
    if (start > p) munmap(p, (size_t)(start - p));
    if (start + bytes < p + bytes + alignment) munmap(start + bytes, (size_t)(p + alignment - start));
    return start;
}

static Region *map_region(int64_t bytes, int64_t alignment) {
    Region *r = map_aligned(bytes, alignment);
    if (!r && cached) {
        rl_memory_trim();
        r = map_aligned(bytes, alignment);
    }
    if (r) r->mapped = bytes;
    return r;
}

static void unmap_region(Region *r) { munmap(r, (size_t)r->mapped); }

/* ---- large blocks --------------------------------------------------------------------------------------------------- */

static void large_push(Region *r) {
    Region **list = &large[r->class];
    r->prev = NULL;
    r->next = *list;
    if (*list) (*list)->prev = r;
    *list = r;
    r->younger = NULL;
    r->older = youngest;
    if (youngest) youngest->younger = r;
    else oldest = r;
    youngest = r;
    cached += class_bytes(r->class);
}

static void large_remove(Region *r) {
    if (r->prev) r->prev->next = r->next;
    else large[r->class] = r->next;
    if (r->next) r->next->prev = r->prev;
    if (r->younger) r->younger->older = r->older;
    else youngest = r->older;
    if (r->older) r->older->younger = r->younger;
    else oldest = r->younger;
    cached -= class_bytes(r->class);
}

/* Every block starts at another cache line of its page: operands at equal offsets would compete for the same sets. */
static int64_t next_colour(void) {
    static uint32_t turn;
    return (turn++ & 15) * 2 * LINE;
}

static void *large_new(int c) {
    int64_t bytes = class_bytes(c), page = 4096, colour = next_colour();
    int64_t mapped = (HEADER + colour + bytes + page - 1) & -page;
    Region *r = map_region(mapped, bytes >= HUGE_FROM ? HUGE_PAGE : REGION);
    if (!r) return NULL;
    r->class = c;
    r->block = (char *)r + HEADER + colour;
    return r->block;
}

/* is_zero tells whether the memory is known to be zero. */
static void *large_alloc(int64_t bytes, bool *is_zero) {
    *is_zero = false;
    if (bytes < 0 || bytes > MOST) return rl_fail_memory(bytes);
    int c = class_of(bytes);
    Region *r = large[c];
    char *block;
    if (r) {
        large_remove(r);
        block = r->block;
        if (!r->huge && class_bytes(c) >= HUGE_FROM) {
            r->huge = true;
            madvise(r, (size_t)r->mapped, MADV_HUGEPAGE);
        }
    } else {
        block = large_new(c);
        if (!block) return rl_fail_memory(bytes);
        *is_zero = true;
    }
    count_in(class_bytes(c));
    return block;
}

static void shrink_cache(void);

static void large_free(Region *r) {
    count_out(class_bytes(r->class));
    if (class_bytes(r->class) > cache_limit()) {
        unmap_region(r);
        return;
    }
    large_push(r);
    if (cached > cache_limit()) shrink_cache();
}

/* ---- small blocks --------------------------------------------------------------------------------------------------- */

static bool slab_new(int c) {
    Region *r = map_region(REGION, REGION);
    if (!r) return false;
    r->class = c;
    r->next = slabs;
    slabs = r;
    fresh[c].p = (char *)r + HEADER;
    fresh[c].end = fresh[c].p + (REGION - HEADER) / class_bytes(c) * class_bytes(c);
    return true;
}

static __attribute__((noinline)) void *small_fresh(int c) {
    if (fresh[c].p == fresh[c].end && !slab_new(c)) return rl_fail_memory(class_bytes(c));
    char *block = fresh[c].p;
    fresh[c].p += class_bytes(c);
    count_in(class_bytes(c));
    return block;
}

/* Slabs of which every block waits go back to the system. */
static void trim_slabs(void) {
    for (Region *r = slabs; r; r = r->next) r->idle = 0;
    for (int c = 0; c < SMALL_CLASSES; c++)
        for (Waiting *b = small[c]; b; b = b->next) region_of(b)->idle++;
    for (Region *r = slabs; r; r = r->next)
        if (r->idle < (REGION - HEADER) / class_bytes(r->class)) r->idle = 0;
    for (int c = 0; c < SMALL_CLASSES; c++)
        for (Waiting **b = &small[c]; *b;) {
            if (region_of(*b)->idle) {
                *b = (*b)->next;
                cached -= class_bytes(c);
            } else b = &(*b)->next;
        }
    for (Region **r = &slabs; *r;) {
        Region *slab = *r;
        if (slab->idle) {
            *r = slab->next;
            unmap_region(slab);
        } else r = &slab->next;
    }
}

static void release_oldest(void) {
    Region *r = oldest;
    large_remove(r);
    unmap_region(r);
}

static void shrink_cache(void) {
    int64_t aim = cache_limit() / 8 * 7;
    while (oldest && cached > aim) release_oldest();
    if (cached > aim) trim_slabs();
}

void rl_memory_trim(void) {
    while (oldest) release_oldest();
    trim_slabs();
}

/* ---- without the cache ---------------------------------------------------------------------------------------------- */

typedef struct { int64_t bytes; char pad[LINE - 8]; } Plain;

static void *plain_alloc(int64_t bytes) {
    Plain *p = NULL;
    if (bytes < 0 || bytes > MOST || posix_memalign((void **)&p, LINE, sizeof *p + (size_t)bytes)) return rl_fail_memory(bytes);
    p->bytes = bytes;
    memset(p + 1, 0xFB, (size_t)bytes);
    count_in(bytes);
    return p + 1;
}

static void plain_free(void *block) {
    Plain *p = (Plain *)block - 1;
    count_out(p->bytes);
    memset(p + 1, 0xFB, (size_t)p->bytes);
    free(p);
}

/* ---- the door ------------------------------------------------------------------------------------------------------- */

void *rl_alloc(int64_t bytes) {
    if (RL_UNLIKELY(fail_after >= 0) && inject()) return rl_fail_memory(bytes);
    if (!CACHED) return plain_alloc(bytes);
    if (RL_UNLIKELY((uint64_t)bytes > SMALL_MAX)) {
        bool is_zero;
        return large_alloc(bytes, &is_zero);
    }
    int c = class_of(bytes);
    Waiting *b = small[c];
    if (RL_UNLIKELY(!b)) return small_fresh(c);
    small[c] = b->next;
    int64_t size = class_bytes(c);
    cached -= size;
    count_in(size);
    return b;
}

void *rl_alloc_zero(int64_t bytes) {
    void *block;
    bool is_zero = false;
    if (CACHED && bytes > SMALL_MAX) {
        if (RL_UNLIKELY(fail_after >= 0) && inject()) return rl_fail_memory(bytes);
        block = large_alloc(bytes, &is_zero);
    } else block = rl_alloc(bytes);
    if (block && !is_zero) memset(block, 0, (size_t)bytes);
    return block;
}

void rl_free(void *block) {
    if (!block) return;
    if (!CACHED) {
        plain_free(block);
        return;
    }
    Region *r = region_of(block);
    if (RL_UNLIKELY(r->class >= SMALL_CLASSES)) {
        large_free(r);
        return;
    }
    int64_t size = class_bytes(r->class);
    Waiting *b = block;
    b->next = small[r->class];
    small[r->class] = b;
    count_out(size);
    cached += size;
    if (RL_UNLIKELY(cached > cache_limit())) shrink_cache();
}

void *rl_resize(void *block, int64_t old_bytes, int64_t bytes) {
    void *bigger = rl_alloc(bytes);
    if (!bigger || !block) return bigger;
    memcpy(bigger, block, (size_t)(old_bytes < bytes ? old_bytes : bytes));
    rl_free(block);
    return bigger;
}
