/* Tail queues, by the names that sources use: those of <sys/queue.h>. */
#ifndef PANDA_QUEUE_H
#define PANDA_QUEUE_H

#include <sys/queue.h>

#define QTAILQ_HEAD TAILQ_HEAD
#define QTAILQ_HEAD_INITIALIZER TAILQ_HEAD_INITIALIZER
#define QTAILQ_ENTRY TAILQ_ENTRY
#define QTAILQ_INIT TAILQ_INIT
#define QTAILQ_EMPTY TAILQ_EMPTY
#define QTAILQ_FIRST TAILQ_FIRST
#define QTAILQ_NEXT TAILQ_NEXT
#define QTAILQ_LAST TAILQ_LAST
#define QTAILQ_PREV TAILQ_PREV
#define QTAILQ_INSERT_HEAD TAILQ_INSERT_HEAD
#define QTAILQ_INSERT_TAIL TAILQ_INSERT_TAIL
#define QTAILQ_INSERT_AFTER TAILQ_INSERT_AFTER
#define QTAILQ_REMOVE(head, element, field) TAILQ_REMOVE(head, element, field)
#define QTAILQ_FOREACH(variable, head, field) \
    TAILQ_FOREACH(variable, head, field)
/* The element may be removed within. */
#define QTAILQ_FOREACH_SAFE(variable, head, field, next) \
    for ((variable) = TAILQ_FIRST(head); \
         (variable) && ((next) = TAILQ_NEXT(variable, field), 1); \
         (variable) = (next))

#endif
