/* Dates and seconds, in the Gregorian calendar, years 0 to 9999. */
#ifndef DEVICE_CALENDAR_H
#define DEVICE_CALENDAR_H

#include <stdint.h>

struct date {
    unsigned second, minute, hour;
    unsigned day, month; /* from 1 */
    unsigned year;       /* 0 to 9999 */
    unsigned weekday;    /* 0: Sunday */
};

/* Since 1970-01-01. Any value: 10,000 years are a circle. */
struct date calendar_date(int64_t seconds);
/* Any value: what is out of range is taken as the nearest in it. */
int64_t calendar_seconds(const struct date *date);

#endif
