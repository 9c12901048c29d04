/* Linked lists under QEMU's names: <sys/queue.h> where it has the operation, macros where not.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   QSLIST     one pointer per element and head: push and pop at the head
 *   QLIST      can remove any element without knowing the head
 *   QSIMPLEQ   single links, head knows the tail: a FIFO that can be concatenated
 *   QTAILQ     double links, head knows the tail: everything, both directions
 *
 * Elements are never owned by a list. Removal clears the links of the element, so that
 * QLIST_IS_INSERTED and QTAILQ_IN_USE tell the truth of an element that was zeroed at first.
 * Nothing here locks; the two *_ATOMIC and the *_RCU operations say what they allow.
 */
#ifndef QAIO_BASE_QUEUE_H
#define QAIO_BASE_QUEUE_H

#include <sys/queue.h>
#include "base/atomic.h"

/* --- QSLIST --- */

#define QSLIST_HEAD(name, type)                  SLIST_HEAD(name, type)
#define QSLIST_HEAD_INITIALIZER(head)            SLIST_HEAD_INITIALIZER(head)
#define QSLIST_ENTRY(type)                       SLIST_ENTRY(type)
#define QSLIST_INIT(head)                        SLIST_INIT(head)
#define QSLIST_EMPTY(head)                       SLIST_EMPTY(head)
#define QSLIST_FIRST(head)                       SLIST_FIRST(head)
#define QSLIST_NEXT(elm, field)                  SLIST_NEXT(elm, field)
#define QSLIST_FOREACH(var, head, field)         SLIST_FOREACH(var, head, field)
#define QSLIST_INSERT_HEAD(head, elm, field)     SLIST_INSERT_HEAD(head, elm, field)
#define QSLIST_INSERT_AFTER(listelm, elm, field) SLIST_INSERT_AFTER(listelm, elm, field)

#define QSLIST_REMOVE_HEAD(head, field)                             \
    do {                                                            \
        __typeof__((head)->slh_first) removed_ = (head)->slh_first; \
        (head)->slh_first = removed_->field.sle_next;               \
        removed_->field.sle_next = NULL;                            \
    } while (0)

#define QSLIST_REMOVE_AFTER(listelm, field)                                         \
    do {                                                                            \
        __typeof__((listelm)->field.sle_next) removed_ = (listelm)->field.sle_next; \
        (listelm)->field.sle_next = removed_->field.sle_next;                       \
        removed_->field.sle_next = NULL;                                            \
    } while (0)

#define QSLIST_REMOVE(head, elm, type, field) \
    do {                                      \
        SLIST_REMOVE(head, elm, type, field); \
        (elm)->field.sle_next = NULL;         \
    } while (0)

#define QSLIST_FOREACH_SAFE(var, head, field, next_var)                                  \
    for ((var) = QSLIST_FIRST(head); (var) && ((next_var) = QSLIST_NEXT(var, field), 1); \
         (var) = (next_var))

/* Push while others push and while one takes all with QSLIST_MOVE_ATOMIC. There is no atomic pop:
 * it would suffer from the head being popped and pushed again in between (ABA). */
#define QSLIST_INSERT_HEAD_ATOMIC(head, elm, field)                                         \
    do {                                                                                    \
        __typeof__(elm) pushed_ = (elm);                                                    \
        __typeof__(pushed_) first_ = __atomic_load_n(&(head)->slh_first, __ATOMIC_RELAXED); \
        do {                                                                                \
            pushed_->field.sle_next = first_;                                               \
        } while (!__atomic_compare_exchange_n(&(head)->slh_first, &first_, pushed_, true,   \
                                              __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));         \
    } while (0)

/* Take everything out of @src at once, last pushed first. @dest is overwritten; it is private. */
#define QSLIST_MOVE_ATOMIC(dest, src)                              \
    do {                                                           \
        (dest)->slh_first = qatomic_xchg(&(src)->slh_first, NULL); \
    } while (0)

/* --- QLIST --- */

#define QLIST_HEAD(name, type)                   LIST_HEAD(name, type)
#define QLIST_HEAD_INITIALIZER(head)             LIST_HEAD_INITIALIZER(head)
#define QLIST_ENTRY(type)                        LIST_ENTRY(type)
#define QLIST_INIT(head)                         LIST_INIT(head)
#define QLIST_EMPTY(head)                        LIST_EMPTY(head)
#define QLIST_FIRST(head)                        LIST_FIRST(head)
#define QLIST_NEXT(elm, field)                   LIST_NEXT(elm, field)
#define QLIST_FOREACH(var, head, field)          LIST_FOREACH(var, head, field)
#define QLIST_INSERT_HEAD(head, elm, field)      LIST_INSERT_HEAD(head, elm, field)
#define QLIST_INSERT_BEFORE(listelm, elm, field) LIST_INSERT_BEFORE(listelm, elm, field)
#define QLIST_INSERT_AFTER(listelm, elm, field)  LIST_INSERT_AFTER(listelm, elm, field)
#define QLIST_IS_INSERTED(elm, field)            ((elm)->field.le_prev != NULL)

#define QLIST_REMOVE(elm, field)     \
    do {                             \
        LIST_REMOVE(elm, field);     \
        (elm)->field.le_next = NULL; \
        (elm)->field.le_prev = NULL; \
    } while (0)

/* Remove @elm if it is in a list. */
#define QLIST_SAFE_REMOVE(elm, field)        \
    do {                                     \
        if (QLIST_IS_INSERTED(elm, field)) { \
            QLIST_REMOVE(elm, field);        \
        }                                    \
    } while (0)

#define QLIST_FOREACH_SAFE(var, head, field, next_var)                                 \
    for ((var) = QLIST_FIRST(head); (var) && ((next_var) = QLIST_NEXT(var, field), 1); \
         (var) = (next_var))

/* Readers that are counted by a QemuLockCnt walk a QLIST with these while one modifier, holding the
 * lock, inserts or removes. Insertion publishes with release, walking acquires. Removal leaves
 * the forward link of the element alone for those who stand on it; it may be freed or inserted
 * anew only when no reader is left. */
#define QLIST_EMPTY_RCU(head)      (QLIST_FIRST_RCU(head) == NULL)
#define QLIST_FIRST_RCU(head)      qatomic_load_acquire(&(head)->lh_first)
#define QLIST_NEXT_RCU(elm, field) qatomic_load_acquire(&(elm)->field.le_next)

#define QLIST_FOREACH_RCU(var, head, field) \
    for ((var) = QLIST_FIRST_RCU(head); (var); (var) = QLIST_NEXT_RCU(var, field))

#define QLIST_FOREACH_SAFE_RCU(var, head, field, next_var)                                     \
    for ((var) = QLIST_FIRST_RCU(head); (var) && ((next_var) = QLIST_NEXT_RCU(var, field), 1); \
         (var) = (next_var))

#define QLIST_INSERT_HEAD_RCU(head, elm, field) \
    QLIST_INSERT_AT_RCU_(&(head)->lh_first, (head)->lh_first, elm, field)
#define QLIST_INSERT_AFTER_RCU(listelm, elm, field) \
    QLIST_INSERT_AT_RCU_(&(listelm)->field.le_next, (listelm)->field.le_next, elm, field)
#define QLIST_INSERT_BEFORE_RCU(listelm, elm, field) \
    QLIST_INSERT_AT_RCU_((listelm)->field.le_prev, (listelm), elm, field)

/* Put @elm where *@link points to @next now; the store to *@link is what readers see first. */
#define QLIST_INSERT_AT_RCU_(link, next, elm, field)     \
    do {                                                 \
        __typeof__(elm) new_ = (elm);                    \
        __typeof__(new_) next_ = (next);                 \
        __typeof__(&new_->field.le_next) link_ = (link); \
        new_->field.le_next = next_;                     \
        new_->field.le_prev = link_;                     \
        if (next_) {                                     \
            next_->field.le_prev = &new_->field.le_next; \
        }                                                \
        qatomic_store_release(link_, new_);              \
    } while (0)

#define QLIST_REMOVE_RCU(elm, field)                                    \
    do {                                                                \
        if ((elm)->field.le_next) {                                     \
            (elm)->field.le_next->field.le_prev = (elm)->field.le_prev; \
        }                                                               \
        qatomic_set((elm)->field.le_prev, (elm)->field.le_next);        \
        (elm)->field.le_prev = NULL;                                    \
    } while (0)

/* --- QSIMPLEQ --- */

#define QSIMPLEQ_HEAD(name, type)                     SIMPLEQ_HEAD(name, type)
#define QSIMPLEQ_HEAD_INITIALIZER(head)               SIMPLEQ_HEAD_INITIALIZER(head)
#define QSIMPLEQ_ENTRY(type)                          SIMPLEQ_ENTRY(type)
#define QSIMPLEQ_INIT(head)                           SIMPLEQ_INIT(head)
#define QSIMPLEQ_EMPTY(head)                          SIMPLEQ_EMPTY(head)
#define QSIMPLEQ_FIRST(head)                          SIMPLEQ_FIRST(head)
#define QSIMPLEQ_NEXT(elm, field)                     SIMPLEQ_NEXT(elm, field)
#define QSIMPLEQ_FOREACH(var, head, field)            SIMPLEQ_FOREACH(var, head, field)
#define QSIMPLEQ_INSERT_HEAD(head, elm, field)        SIMPLEQ_INSERT_HEAD(head, elm, field)
#define QSIMPLEQ_INSERT_TAIL(head, elm, field)        SIMPLEQ_INSERT_TAIL(head, elm, field)
#define QSIMPLEQ_INSERT_AFTER(head, prev, elm, field) SIMPLEQ_INSERT_AFTER(head, prev, elm, field)

/* The last element, NULL if empty. */
#define QSIMPLEQ_LAST(head, type, field) \
    (QSIMPLEQ_EMPTY(head) ? NULL : container_of((head)->sqh_last, struct type, field.sqe_next))

#define QSIMPLEQ_REMOVE_HEAD(head, field)                           \
    do {                                                            \
        __typeof__((head)->sqh_first) removed_ = (head)->sqh_first; \
        SIMPLEQ_REMOVE_HEAD(head, field);                           \
        removed_->field.sqe_next = NULL;                            \
    } while (0)

#define QSIMPLEQ_REMOVE(head, elm, type, field) \
    do {                                        \
        SIMPLEQ_REMOVE(head, elm, type, field); \
        (elm)->field.sqe_next = NULL;           \
    } while (0)

#define QSIMPLEQ_FOREACH_SAFE(var, head, field, next_var)                                    \
    for ((var) = QSIMPLEQ_FIRST(head); (var) && ((next_var) = QSIMPLEQ_NEXT(var, field), 1); \
         (var) = (next_var))

/* Move all of @tail behind the last element of @head; @tail is empty afterwards. */
#define QSIMPLEQ_CONCAT(head, tail)                \
    do {                                           \
        if (!QSIMPLEQ_EMPTY(tail)) {               \
            *(head)->sqh_last = (tail)->sqh_first; \
            (head)->sqh_last = (tail)->sqh_last;   \
            QSIMPLEQ_INIT(tail);                   \
        }                                          \
    } while (0)

/* Move all of @front before the first element of @head; @front is empty afterwards. */
#define QSIMPLEQ_PREPEND(head, front)                 \
    do {                                              \
        if (!QSIMPLEQ_EMPTY(front)) {                 \
            *(front)->sqh_last = (head)->sqh_first;   \
            if (QSIMPLEQ_EMPTY(head)) {               \
                (head)->sqh_last = (front)->sqh_last; \
            }                                         \
            (head)->sqh_first = (front)->sqh_first;   \
            QSIMPLEQ_INIT(front);                     \
        }                                             \
    } while (0)

/* Cut @head behind its element @elm; what followed goes to @removed, whose old content is lost. */
#define QSIMPLEQ_SPLIT_AFTER(head, elm, field, removed)               \
    do {                                                              \
        QSIMPLEQ_INIT(removed);                                       \
        if (((removed)->sqh_first = (elm)->field.sqe_next) != NULL) { \
            (removed)->sqh_last = (head)->sqh_last;                   \
            (head)->sqh_last = &(elm)->field.sqe_next;                \
            (elm)->field.sqe_next = NULL;                             \
        }                                                             \
    } while (0)

/* --- QTAILQ --- */

#define QTAILQ_HEAD(name, type)                     TAILQ_HEAD(name, type)
#define QTAILQ_HEAD_INITIALIZER(head)               TAILQ_HEAD_INITIALIZER(head)
#define QTAILQ_ENTRY(type)                          TAILQ_ENTRY(type)
#define QTAILQ_INIT(head)                           TAILQ_INIT(head)
#define QTAILQ_EMPTY(head)                          TAILQ_EMPTY(head)
#define QTAILQ_FIRST(head)                          TAILQ_FIRST(head)
#define QTAILQ_NEXT(elm, field)                     TAILQ_NEXT(elm, field)
#define QTAILQ_FOREACH(var, head, field)            TAILQ_FOREACH(var, head, field)
#define QTAILQ_INSERT_HEAD(head, elm, field)        TAILQ_INSERT_HEAD(head, elm, field)
#define QTAILQ_INSERT_TAIL(head, elm, field)        TAILQ_INSERT_TAIL(head, elm, field)
#define QTAILQ_INSERT_BEFORE(listelm, elm, field)   TAILQ_INSERT_BEFORE(listelm, elm, field)
#define QTAILQ_INSERT_AFTER(head, prev, elm, field) TAILQ_INSERT_AFTER(head, prev, elm, field)
#define QTAILQ_IN_USE(elm, field)                   ((elm)->field.tqe_prev != NULL)

/* The last element and the one before @elm, NULL if there is none. Unlike <sys/queue.h>'s they do
 * not need the name of the head's type. */
#define QTAILQ_LAST(head, type, field) \
    (QTAILQ_EMPTY(head) ? NULL : container_of((head)->tqh_last, struct type, field.tqe_next))
#define QTAILQ_PREV(elm, head, type, field) \
    ((elm) == QTAILQ_FIRST(head)            \
         ? NULL                             \
         : container_of((elm)->field.tqe_prev, struct type, field.tqe_next))

/* Move all of @head2 behind what is in @head1. */
#define QTAILQ_CONCAT(head1, head2, field) TAILQ_CONCAT(head1, head2, field)

#define QTAILQ_REMOVE(head, elm, field) \
    do {                                \
        TAILQ_REMOVE(head, elm, field); \
        (elm)->field.tqe_next = NULL;   \
        (elm)->field.tqe_prev = NULL;   \
    } while (0)

#define QTAILQ_FOREACH_SAFE(var, head, field, next_var)                                  \
    for ((var) = QTAILQ_FIRST(head); (var) && ((next_var) = QTAILQ_NEXT(var, field), 1); \
         (var) = (next_var))

#endif
