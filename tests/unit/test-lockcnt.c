/* Tests of QemuLockCnt: the transitions one by one, who waits for whom, and a list under load.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/lockcnt.h"
#include "base/queue.h"

static void test_count(void)
{
    QemuLockCnt c;

    qemu_lockcnt_init(&c);
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 0);
    qemu_lockcnt_inc(&c);
    qemu_lockcnt_inc(&c);
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 2);
    qemu_lockcnt_dec(&c);
    qemu_lockcnt_dec(&c);
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 0);
    qemu_lockcnt_destroy(&c);
}

static void test_dec_and_lock(void)
{
    QemuLockCnt c;

    qemu_lockcnt_init(&c);
    qemu_lockcnt_inc(&c);
    qemu_lockcnt_inc(&c);
    g_assert_false(qemu_lockcnt_dec_and_lock(&c));
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 1);
    g_assert_true(qemu_lockcnt_dec_and_lock(&c));
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 0);
    qemu_lockcnt_unlock(&c);
    qemu_lockcnt_destroy(&c);
}

static void test_dec_if_lock(void)
{
    QemuLockCnt c;

    qemu_lockcnt_init(&c);
    g_assert_false(qemu_lockcnt_dec_if_lock(&c));
    qemu_lockcnt_inc(&c);
    qemu_lockcnt_inc(&c);
    g_assert_false(qemu_lockcnt_dec_if_lock(&c));
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 2);
    qemu_lockcnt_dec(&c);
    g_assert_true(qemu_lockcnt_dec_if_lock(&c));
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 0);
    qemu_lockcnt_inc_and_unlock(&c);
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 1);
    qemu_lockcnt_dec(&c);
    qemu_lockcnt_destroy(&c);
}

/* Walkers come and go while somebody holds the lock, as long as one is there. */
static void test_visit_while_locked(void)
{
    QemuLockCnt c;

    qemu_lockcnt_init(&c);
    qemu_lockcnt_inc(&c);
    qemu_lockcnt_lock(&c);
    qemu_lockcnt_inc(&c);
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 2);
    g_assert_false(qemu_lockcnt_dec_and_lock(&c));
    qemu_lockcnt_dec(&c);
    g_assert_cmpuint(qemu_lockcnt_count(&c), ==, 0);
    qemu_lockcnt_unlock(&c);
    qemu_lockcnt_destroy(&c);
}

typedef struct Attempt {
    QemuLockCnt c;
    void (*op)(QemuLockCnt *);
    int done;
} Attempt;

static void *attempt_thread(void *opaque)
{
    Attempt *a = opaque;

    a->op(&a->c);
    qatomic_store_release(&a->done, 1);
    return NULL;
}

/* Another thread does @op, which has to wait until this one unlocks. */
static void check_waits(Attempt *a, void (*op)(QemuLockCnt *))
{
    GThread *threads[3];
    bool early;

    a->op = op;
    qatomic_set(&a->done, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        threads[i] = g_thread_new("attempt", attempt_thread, a);
    }
    g_usleep(30000);
    early = qatomic_load_acquire(&a->done);
    qemu_lockcnt_unlock(&a->c);
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        g_thread_join(threads[i]);
    }
    g_assert_false(early);
    g_assert_true(qatomic_read(&a->done));
}

static void op_inc_dec(QemuLockCnt *c)
{
    qemu_lockcnt_inc(c);
    qemu_lockcnt_dec(c);
}

static void op_lock_unlock(QemuLockCnt *c)
{
    qemu_lockcnt_lock(c);
    qemu_lockcnt_unlock(c);
}

static void op_dec_and_lock(QemuLockCnt *c)
{
    if (qemu_lockcnt_dec_and_lock(c)) {
        qemu_lockcnt_inc_and_unlock(c);
    } else {
        qemu_lockcnt_inc(c);
    }
}

static void op_dec_if_lock(QemuLockCnt *c)
{
    if (qemu_lockcnt_dec_if_lock(c)) {
        qemu_lockcnt_inc_and_unlock(c);
    }
}

static void test_waits(void)
{
    Attempt a;

    qemu_lockcnt_init(&a.c);
    qemu_lockcnt_lock(&a.c);
    check_waits(&a, op_inc_dec);
    qemu_lockcnt_lock(&a.c);
    check_waits(&a, op_lock_unlock);
    qemu_lockcnt_inc(&a.c);
    qemu_lockcnt_lock(&a.c);
    check_waits(&a, op_dec_if_lock);
    g_assert_cmpuint(qemu_lockcnt_count(&a.c), ==, 1);
    qemu_lockcnt_dec(&a.c);
    qemu_lockcnt_destroy(&a.c);
}

static void test_dec_and_lock_waits(void)
{
    QemuLockCnt *c;
    Attempt a;
    GThread *thread;

    c = &a.c;
    a.op = op_dec_and_lock;
    a.done = 0;
    qemu_lockcnt_init(c);
    qemu_lockcnt_inc(c);
    qemu_lockcnt_lock(c);
    thread = g_thread_new("attempt", attempt_thread, &a);
    g_usleep(30000);
    /* Still counted while it waits: the holder must not think that nobody walks. */
    g_assert_cmpuint(qemu_lockcnt_count(c), ==, 1);
    g_assert_false(qatomic_load_acquire(&a.done));
    qemu_lockcnt_unlock(c);
    g_thread_join(thread);
    g_assert_cmpuint(qemu_lockcnt_count(c), ==, 1);
    qemu_lockcnt_dec(c);
    qemu_lockcnt_destroy(c);
}

/* --- the use it is made for --- */

typedef struct Node {
    QLIST_ENTRY(Node) next;
    int deleted;
    int magic;
} Node;

enum { MAGIC = 0x600d, WALKERS = 3, WALKS = 3000, CHANGES = 2000 };

typedef struct Shared {
    QemuLockCnt c;
    QLIST_HEAD(, Node) nodes;
} Shared;

static void free_deleted_locked(Shared *s)
{
    Node *node, *next;

    QLIST_FOREACH_SAFE (node, &s->nodes, next, next) {
        if (qatomic_read(&node->deleted)) {
            QLIST_REMOVE(node, next);
            node->magic = 0;
            g_free(node);
        }
    }
}

static void *walk(void *opaque)
{
    Shared *s = opaque;

    for (int i = 0; i < WALKS; i++) {
        Node *node;

        qemu_lockcnt_inc(&s->c);
        QLIST_FOREACH_RCU(node, &s->nodes, next)
        {
            g_assert_cmpint(node->magic, ==, MAGIC);
        }
        if (qemu_lockcnt_dec_and_lock(&s->c)) {
            free_deleted_locked(s);
            qemu_lockcnt_unlock(&s->c);
        }
    }
    return NULL;
}

static void change(Shared *s)
{
    Node *node = g_new0(Node, 1), *first;

    node->magic = MAGIC;
    qemu_lockcnt_lock(&s->c);
    QLIST_FOREACH (first, &s->nodes, next) {
        qatomic_set(&first->deleted, 1);
    }
    QLIST_INSERT_HEAD_RCU(&s->nodes, node, next);
    if (qemu_lockcnt_count(&s->c) == 0) {
        free_deleted_locked(s);
    }
    qemu_lockcnt_unlock(&s->c);
}

/* Nobody meets a freed node, and in the end nothing is left to free. */
static void test_list(void)
{
    GThread *threads[WALKERS];
    Shared s;

    qemu_lockcnt_init(&s.c);
    QLIST_INIT(&s.nodes);
    for (int i = 0; i < WALKERS; i++) {
        threads[i] = g_thread_new("walk", walk, &s);
    }
    for (int i = 0; i < CHANGES; i++) {
        change(&s);
    }
    for (int i = 0; i < WALKERS; i++) {
        g_thread_join(threads[i]);
    }
    qemu_lockcnt_lock(&s.c);
    g_assert_cmpuint(qemu_lockcnt_count(&s.c), ==, 0);
    qatomic_set(&QLIST_FIRST(&s.nodes)->deleted, 1);
    free_deleted_locked(&s);
    qemu_lockcnt_unlock(&s.c);
    g_assert_true(QLIST_EMPTY(&s.nodes));
    qemu_lockcnt_destroy(&s.c);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lockcnt/count", test_count);
    g_test_add_func("/lockcnt/dec-and-lock", test_dec_and_lock);
    g_test_add_func("/lockcnt/dec-if-lock", test_dec_if_lock);
    g_test_add_func("/lockcnt/visit-while-locked", test_visit_while_locked);
    g_test_add_func("/lockcnt/waits-for-the-holder", test_waits);
    g_test_add_func("/lockcnt/dec-and-lock-waits-counted", test_dec_and_lock_waits);
    g_test_add_func("/lockcnt/list", test_list);
    return g_test_run();
}
