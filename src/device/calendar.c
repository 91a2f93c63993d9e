#include "device/calendar.h"

#define DAY 86400
#define CIRCLE_DAYS 3652425 /* of 10,000 years */

static unsigned leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(unsigned month, unsigned year)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && leap(year));
}

/* Days from the first of year 0, a leap year. */
static unsigned days_before_year(unsigned year)
{
    return year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
}

struct date calendar_date(int64_t seconds)
{
    int64_t days = seconds / DAY, rest = seconds % DAY;
    struct date date = {.month = 1};
    unsigned day;

    if (rest < 0) {
        rest += DAY;
        days--;
    }
    days = (days % CIRCLE_DAYS + days_before_year(1970)) % CIRCLE_DAYS;
    day = days < 0 ? days + CIRCLE_DAYS : days;
    date.weekday = (day + 6) % 7; /* year 0 began on a Saturday */
    date.year = day / 366;
    while (days_before_year(date.year + 1) <= day) {
        date.year++;
    }
    day -= days_before_year(date.year);
    while (day >= days_in_month(date.month, date.year)) {
        day -= days_in_month(date.month++, date.year);
    }
    date.day = day + 1;
    date.hour = rest / 3600;
    date.minute = rest / 60 % 60;
    date.second = rest % 60;
    return date;
}

static unsigned clamp(unsigned value, unsigned low, unsigned high)
{
    return value < low ? low : value > high ? high : value;
}

int64_t calendar_seconds(const struct date *date)
{
    unsigned year = clamp(date->year, 0, 9999);
    unsigned month = clamp(date->month, 1, 12);
    int64_t days = days_before_year(year);

    days += clamp(date->day, 1, days_in_month(month, year)) - 1;
    while (--month) {
        days += days_in_month(month, year);
    }
    days -= days_before_year(1970);
    return days * DAY + clamp(date->hour, 0, 23) * 3600 +
           clamp(date->minute, 0, 59) * 60 + clamp(date->second, 0, 59);
}
