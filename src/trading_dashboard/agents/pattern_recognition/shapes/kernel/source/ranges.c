/* Triangles, rectangle, channels and wedges: the twin of `ranges.py`. */
#include "kernel.h"

#include <string.h>

static const double BETTER = 0.05;

static int parallel(double rise, double lift, const Settings *settings) {
    double drift = (rise + lift) / 2;
    if (larger(fabs(rise), fabs(lift)) <= settings->rectangle_slope) {
        return PATTERN_rectangle;
    }
    if (fabs(drift) < settings->channel_slope) {
        return -1;
    }
    return drift > 0 ? PATTERN_ascending_channel : PATTERN_descending_channel;
}

static int converging(double rise, double lift, const Settings *settings) {
    double flat = settings->flat_slope, steep = settings->triangle_slope;
    if (fabs(rise) <= flat && lift >= steep) {
        return PATTERN_ascending_triangle;
    }
    if (fabs(lift) <= flat && rise <= -steep) {
        return PATTERN_descending_triangle;
    }
    if (rise < -flat && lift > flat) {
        return PATTERN_symmetrical_triangle;
    }
    if (rise >= steep) {
        return PATTERN_rising_wedge;
    }
    return lift <= -steep ? PATTERN_falling_wedge : -1;
}

static int name(const Line *upper, const Line *lower, double at_start, double at_end,
                const Settings *settings) {
    double height = larger(at_start, at_end);
    double rise = (upper->end_price - upper->start_price) / height;
    double lift = (lower->end_price - lower->start_price) / height;
    if (smaller(at_start, at_end) >= settings->parallel_ratio * height) {
        return parallel(rise, lift, settings);
    }
    if (at_end > settings->converging_ratio * at_start) {
        return -1;
    }
    return converging(rise, lift, settings);
}

static bool contains(const Line *upper, const Line *lower, double allowed, const Series *series,
                     int64_t bar) {
    int64_t first = upper->start;
    double run = (double)(upper->end - first);
    double top = upper->start_price + allowed, bottom = lower->start_price - allowed;
    double climb = (upper->end_price - upper->start_price) / run;
    double lift = (lower->end_price - lower->start_price) / run;
    int64_t left = whole(series->settings.outside_share * (double)(bar + 1 - first));
    for (int64_t place = first; place <= bar; place++) {
        double close = series->close[place];
        if ((close > top || close < bottom) && --left < 0) {
            return false;
        }
        top += climb;
        bottom += lift;
    }
    return true;
}

static int direction_of(int pattern) {
    switch (pattern) {
    case PATTERN_ascending_triangle:
    case PATTERN_falling_wedge:
        return 1;
    case PATTERN_descending_triangle:
    case PATTERN_rising_wedge:
        return -1;
    default:
        return 0;
    }
}

/* Say how far each turning point is off its line, those of the upper one first. */
static void measure(const Pivot *group, int count, int high, const Line *upper, const Line *lower,
                    double allowed, double *off) {
    for (int place = high; place < count; place += 2) {
        *off++ = fabs(group[place].price - line_at(upper, group[place].bar)) / allowed;
    }
    for (int place = 1 - high; place < count; place += 2) {
        *off++ = fabs(group[place].price - line_at(lower, group[place].bar)) / allowed;
    }
}

static bool between_lines(const Pivot *group, int count, double smallest, const Series *series,
                          int64_t bar, Candidate *found) {
    const Settings *settings = &series->settings;
    int64_t first = group[0].bar, last = group[count - 1].bar;
    int high = group[0].is_high ? 0 : 1;
    int peaks = (count + 1 - high) / 2;
    Line upper = line_through(group + high, 2, peaks, ROLE_upper, first, last);
    Line lower = line_through(group + 1 - high, 2, count - peaks, ROLE_lower, first, last);
    double at_start = upper.start_price - lower.start_price;
    double at_end = upper.end_price - lower.end_price, height = larger(at_start, at_end);
    if (height < smallest || at_end <= 0) {
        return false;
    }
    int pattern = name(&upper, &lower, at_start, at_end, settings);
    if (pattern < 0) {
        return false;
    }
    double allowed = settings->line_tolerance * height + settings->line_atr * series->atrs[bar];
    double off[MAX_PIVOTS];
    measure(group, count, high, &upper, &lower, allowed, off);
    double fit = fit_of(off, count);
    if (highest_of(off, 0, count) > 1 || fit < settings->range_fit ||
        !contains(&upper, &lower, allowed, series, bar)) {
        return false;
    }
    int64_t expires = bar + whole(settings->forming_share * (double)(last - first));
    if (at_end < settings->converging_ratio * at_start) {
        int64_t apex = last + whole((double)(last - first) * at_end / (at_start - at_end));
        expires = apex < expires ? apex : expires;
    }
    *found = (Candidate){
        .pattern = pattern,
        .direction = direction_of(pattern),
        .pivot_count = count,
        .line_count = 2,
        .lines = {upper, lower},
        .above = upper,
        .below = lower,
        .height = height,
        .fit = fit,
        .touches = count,
        .expires = expires,
    };
    memcpy(found->pivots, group, (size_t)count * sizeof(Pivot));
    return true;
}

bool find_range(const ZigZag *zigzag, const Series *series, int64_t bar, Candidate *found) {
    const Settings *settings = &series->settings;
    const Pivot *end = zigzag->pivots + zigzag->count;
    double smallest = settings->min_height_atr * series->atrs[bar];
    int most = (int)smaller(zigzag->count, settings->range_max_pivots);
    bool is_found = false;
    if (smallest <= 0) {
        return false;
    }
    for (int count = most; count >= settings->range_pivots; count--) {
        const Pivot *group = end - count;
        int64_t span = end[-1].bar - group[0].bar, longest = 0;
        if ((double)span < settings->range_min_bars) {
            break;
        }
        for (const Pivot *pivot = group + 1; pivot < end; pivot++) {
            longest = later(longest, pivot->bar - pivot[-1].bar);
        }
        bool uneven = (double)(longest * (count - 1)) > settings->range_leg_ratio * (double)span;
        if ((double)span > settings->range_max_bars || uneven || group[0].bar < oldest_at(bar)) {
            continue;
        }
        Candidate one;
        if (between_lines(group, count, smallest, series, bar, &one) &&
            (!is_found || one.fit > found->fit + BETTER * (double)(found->touches - count))) {
            *found = one;
            is_found = true;
        }
    }
    return is_found;
}
