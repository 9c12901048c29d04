/* Tests of the list macros, each against the order of elements it promises.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/queue.h"

typedef struct Item {
    int n;
    QSLIST_ENTRY(Item) s;
    QLIST_ENTRY(Item) l;
    QSIMPLEQ_ENTRY(Item) q;
    QTAILQ_ENTRY(Item) t;
} Item;

typedef QSLIST_HEAD(SHead, Item) SHead;
typedef QLIST_HEAD(LHead, Item) LHead;
typedef QSIMPLEQ_HEAD(QHead, Item) QHead;
typedef QTAILQ_HEAD(THead, Item) THead;

/* Five elements; n is the index. */
static Item *items(Item storage[5])
{
    memset(storage, 0, 5 * sizeof(Item));
    for (int i = 0; i < 5; i++) {
        storage[i].n = i;
    }
    return storage;
}

/* Check that walking @head gives the digits of @expected. */
#define CHECK(KIND, head, field, expected)                   \
    do {                                                     \
        GString *seen_ = g_string_new(NULL);                 \
        Item *item_;                                         \
        KIND##_FOREACH(item_, head, field)                   \
        {                                                    \
            g_string_append_c(seen_, '0' + item_->n);        \
        }                                                    \
        g_assert_cmpstr(seen_->str, ==, expected);           \
        g_assert_true(KIND##_EMPTY(head) == !(expected)[0]); \
        g_string_free(seen_, TRUE);                          \
    } while (0)

static void test_qslist(void)
{
    SHead head = QSLIST_HEAD_INITIALIZER(head);
    Item storage[5], *i = items(storage), *it, *next;

    CHECK(QSLIST, &head, s, "");
    QSLIST_INSERT_HEAD(&head, &i[1], s);
    QSLIST_INSERT_HEAD(&head, &i[0], s);
    QSLIST_INSERT_AFTER(&i[1], &i[3], s);
    QSLIST_INSERT_AFTER(&i[1], &i[2], s);
    CHECK(QSLIST, &head, s, "0123");
    QSLIST_REMOVE(&head, &i[1], Item, s);
    QSLIST_REMOVE_AFTER(&i[2], s);
    CHECK(QSLIST, &head, s, "02");
    QSLIST_REMOVE_HEAD(&head, s);
    CHECK(QSLIST, &head, s, "2");
    g_assert_null(i[0].s.sle_next);

    QSLIST_INSERT_HEAD(&head, &i[4], s);
    QSLIST_FOREACH_SAFE (it, &head, s, next) {
        memset(it, 0xff, sizeof(*it));
    }
    QSLIST_INIT(&head);
    CHECK(QSLIST, &head, s, "");
}

static void test_qslist_atomic(void)
{
    SHead shared = QSLIST_HEAD_INITIALIZER(shared), mine;
    Item storage[5], *i = items(storage);

    QSLIST_MOVE_ATOMIC(&mine, &shared);
    CHECK(QSLIST, &mine, s, "");
    for (int n = 0; n < 3; n++) {
        QSLIST_INSERT_HEAD_ATOMIC(&shared, &i[n], s);
    }
    QSLIST_MOVE_ATOMIC(&mine, &shared);
    CHECK(QSLIST, &mine, s, "210");
    CHECK(QSLIST, &shared, s, "");
}

enum { PUSHERS = 3, PUSHES = 5000 };

static SHead pushed;

static void *push_many(void *opaque)
{
    Item *mine = opaque;

    for (int n = 0; n < PUSHES; n++) {
        QSLIST_INSERT_HEAD_ATOMIC(&pushed, &mine[n], s);
    }
    return NULL;
}

/* Several threads push while one takes all, again and again: everything arrives once. */
static void test_qslist_threads(void)
{
    Item *all = g_new0(Item, PUSHERS * PUSHES);
    GThread *threads[PUSHERS];
    int arrived = 0;

    for (int i = 0; i < PUSHERS; i++) {
        threads[i] = g_thread_new("push", push_many, all + i * PUSHES);
    }
    while (arrived < PUSHERS * PUSHES) {
        SHead mine;
        Item *it;

        QSLIST_MOVE_ATOMIC(&mine, &pushed);
        QSLIST_FOREACH (it, &mine, s) {
            g_assert_cmpint(it->n++, ==, 0);
            arrived++;
        }
    }
    for (int i = 0; i < PUSHERS; i++) {
        g_thread_join(threads[i]);
    }
    g_assert_true(QSLIST_EMPTY(&pushed));
    g_free(all);
}

static void test_qlist(void)
{
    LHead head = QLIST_HEAD_INITIALIZER(head);
    Item storage[5], *i = items(storage), *it, *next;

    g_assert_false(QLIST_IS_INSERTED(&i[2], l));
    QLIST_INSERT_HEAD(&head, &i[2], l);
    QLIST_INSERT_BEFORE(&i[2], &i[0], l);
    QLIST_INSERT_AFTER(&i[0], &i[1], l);
    QLIST_INSERT_AFTER(&i[2], &i[3], l);
    CHECK(QLIST, &head, l, "0123");
    g_assert_true(QLIST_IS_INSERTED(&i[2], l));
    QLIST_REMOVE(&i[2], l);
    g_assert_false(QLIST_IS_INSERTED(&i[2], l));
    CHECK(QLIST, &head, l, "013");
    QLIST_SAFE_REMOVE(&i[2], l);
    QLIST_SAFE_REMOVE(&i[0], l);
    CHECK(QLIST, &head, l, "13");
    QLIST_FOREACH_SAFE (it, &head, l, next) {
        QLIST_REMOVE(it, l);
    }
    CHECK(QLIST, &head, l, "");
}

static void test_qlist_rcu(void)
{
    LHead head = QLIST_HEAD_INITIALIZER(head);
    Item storage[5], *i = items(storage), *it, *next;
    int sum = 0;

    g_assert_true(QLIST_EMPTY_RCU(&head));
    QLIST_INSERT_HEAD_RCU(&head, &i[3], l);
    QLIST_INSERT_HEAD_RCU(&head, &i[0], l);
    QLIST_INSERT_AFTER_RCU(&i[0], &i[1], l);
    QLIST_INSERT_BEFORE_RCU(&i[3], &i[2], l);
    QLIST_INSERT_AFTER_RCU(&i[3], &i[4], l);
    CHECK(QLIST, &head, l, "01234");

    /* Who stands on a removed element can go on. */
    QLIST_FOREACH_RCU(it, &head, l)
    {
        QLIST_REMOVE_RCU(it, l);
        g_assert_false(QLIST_IS_INSERTED(it, l));
        sum += it->n;
    }
    g_assert_cmpint(sum, ==, 10);
    CHECK(QLIST, &head, l, "");

    QLIST_INSERT_HEAD_RCU(&head, &i[1], l);
    QLIST_INSERT_HEAD_RCU(&head, &i[0], l);
    QLIST_FOREACH_SAFE_RCU(it, &head, l, next)
    {
        QLIST_REMOVE(it, l);
    }
    CHECK(QLIST, &head, l, "");
}

static void test_qsimpleq(void)
{
    QHead head = QSIMPLEQ_HEAD_INITIALIZER(head);
    Item storage[5], *i = items(storage), *it, *next;

    g_assert_null(QSIMPLEQ_LAST(&head, Item, q));
    QSIMPLEQ_INSERT_TAIL(&head, &i[1], q);
    QSIMPLEQ_INSERT_HEAD(&head, &i[0], q);
    QSIMPLEQ_INSERT_TAIL(&head, &i[3], q);
    QSIMPLEQ_INSERT_AFTER(&head, &i[1], &i[2], q);
    QSIMPLEQ_INSERT_AFTER(&head, &i[3], &i[4], q);
    CHECK(QSIMPLEQ, &head, q, "01234");
    g_assert_true(QSIMPLEQ_LAST(&head, Item, q) == &i[4]);
    QSIMPLEQ_REMOVE(&head, &i[4], Item, q);
    QSIMPLEQ_REMOVE_HEAD(&head, q);
    QSIMPLEQ_INSERT_TAIL(&head, &i[0], q);
    CHECK(QSIMPLEQ, &head, q, "1230");
    QSIMPLEQ_FOREACH_SAFE (it, &head, q, next) {
        QSIMPLEQ_REMOVE_HEAD(&head, q);
    }
    CHECK(QSIMPLEQ, &head, q, "");
    QSIMPLEQ_INSERT_TAIL(&head, &i[0], q);
    CHECK(QSIMPLEQ, &head, q, "0");
}

static void fill(QHead *head, Item *i, const char *which)
{
    QSIMPLEQ_INIT(head);
    for (; *which; which++) {
        QSIMPLEQ_INSERT_TAIL(head, &i[*which - '0'], q);
    }
}

/* Each result is appended to: the tail pointers must be right as well. */
static void test_qsimpleq_concat(void)
{
    static const char *const cases[][2] = { { "", "" }, { "01", "" }, { "", "01" }, { "0", "12" } };
    Item storage[5], *i = items(storage);
    QHead a, b;

    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        g_autofree char *joined = g_strconcat(cases[n][0], cases[n][1], "4", NULL);

        fill(&a, i, cases[n][0]);
        fill(&b, i, cases[n][1]);
        QSIMPLEQ_CONCAT(&a, &b);
        QSIMPLEQ_INSERT_TAIL(&a, &i[4], q);
        CHECK(QSIMPLEQ, &a, q, joined);
        QSIMPLEQ_INSERT_TAIL(&b, &i[3], q);
        CHECK(QSIMPLEQ, &b, q, "3");

        fill(&a, i, cases[n][0]);
        fill(&b, i, cases[n][1]);
        QSIMPLEQ_PREPEND(&b, &a);
        QSIMPLEQ_INSERT_TAIL(&b, &i[4], q);
        CHECK(QSIMPLEQ, &b, q, joined);
        QSIMPLEQ_INSERT_TAIL(&a, &i[3], q);
        CHECK(QSIMPLEQ, &a, q, "3");
    }
}

static void test_qsimpleq_split(void)
{
    Item storage[5], *i = items(storage);
    QHead a, b;

    fill(&a, i, "0123");
    QSIMPLEQ_SPLIT_AFTER(&a, &i[1], q, &b);
    QSIMPLEQ_INSERT_TAIL(&a, &i[4], q);
    CHECK(QSIMPLEQ, &a, q, "014");
    CHECK(QSIMPLEQ, &b, q, "23");

    fill(&a, i, "01");
    QSIMPLEQ_SPLIT_AFTER(&a, &i[1], q, &b);
    CHECK(QSIMPLEQ, &b, q, "");
    QSIMPLEQ_INSERT_TAIL(&b, &i[2], q);
    CHECK(QSIMPLEQ, &a, q, "01");
    CHECK(QSIMPLEQ, &b, q, "2");
}

static void test_qtailq(void)
{
    THead head = QTAILQ_HEAD_INITIALIZER(head), other = QTAILQ_HEAD_INITIALIZER(other);
    Item storage[5], *i = items(storage), *it, *next;

    g_assert_null(QTAILQ_LAST(&head, Item, t));
    QTAILQ_INSERT_TAIL(&head, &i[2], t);
    QTAILQ_INSERT_HEAD(&head, &i[0], t);
    QTAILQ_INSERT_BEFORE(&i[2], &i[1], t);
    QTAILQ_INSERT_AFTER(&head, &i[2], &i[3], t);
    CHECK(QTAILQ, &head, t, "0123");
    g_assert_true(QTAILQ_LAST(&head, Item, t) == &i[3]);
    g_assert_true(QTAILQ_PREV(&i[2], &head, Item, t) == &i[1]);
    g_assert_null(QTAILQ_PREV(&i[0], &head, Item, t));
    g_assert_true(QTAILQ_IN_USE(&i[3], t));
    QTAILQ_REMOVE(&head, &i[3], t);
    g_assert_false(QTAILQ_IN_USE(&i[3], t));
    QTAILQ_REMOVE(&head, &i[1], t);
    QTAILQ_INSERT_TAIL(&head, &i[4], t);
    CHECK(QTAILQ, &head, t, "024");
    QTAILQ_CONCAT(&head, &other, t);
    CHECK(QTAILQ, &head, t, "024");
    QTAILQ_INSERT_TAIL(&other, &i[1], t);
    QTAILQ_INSERT_TAIL(&other, &i[3], t);
    QTAILQ_CONCAT(&head, &other, t);
    CHECK(QTAILQ, &head, t, "02413");
    g_assert_true(QTAILQ_EMPTY(&other));
    QTAILQ_FOREACH_SAFE (it, &head, t, next) {
        QTAILQ_REMOVE(&head, it, t);
    }
    CHECK(QTAILQ, &head, t, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/qslist", test_qslist);
    g_test_add_func("/queue/qslist-atomic", test_qslist_atomic);
    g_test_add_func("/queue/qslist-threads", test_qslist_threads);
    g_test_add_func("/queue/qlist", test_qlist);
    g_test_add_func("/queue/qlist-rcu", test_qlist_rcu);
    g_test_add_func("/queue/qsimpleq", test_qsimpleq);
    g_test_add_func("/queue/qsimpleq-concat", test_qsimpleq_concat);
    g_test_add_func("/queue/qsimpleq-split", test_qsimpleq_split);
    g_test_add_func("/queue/qtailq", test_qtailq);
    return g_test_run();
}
