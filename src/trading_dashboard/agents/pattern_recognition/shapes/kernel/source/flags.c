/* Bull and bear flags and pennants: the twin of `flags.py`. */
#include "kernel.h"

enum { LAST = 2 };

static Pole *poles_of(const Series *series) { return series->poles.items; }

static bool is_topped(const Series *series, const Pivot *top) {
    int side = top->is_high ? 1 : -1;
    for (int64_t place = 0; place < series->poles.count; place++) {
        const Pole *pole = poles_of(series) + place;
        if (pole->sign == side && side * (pole->top.price - top->price) >= 0) {
            return true;
        }
    }
    return false;
}

/* Take a new turning point: it may be the end of a pole. */
void see_pole(Series *series, const Pivot *top) {
    const Settings *settings = &series->settings;
    int64_t first = later(later(top->bar - whole(settings->pole_max_bars), 0),
                          oldest_at(top->known_at));
    if (is_topped(series, top) || first >= top->bar) {
        return;
    }
    int sign = top->is_high ? 1 : -1;
    const double *prices = sign > 0 ? series->low : series->high;
    double price =
        sign > 0 ? lowest_of(prices, first, top->bar) : highest_of(prices, first, top->bar);
    int64_t bar = top->bar - 1;
    while (bar > first && prices[bar] != price) {
        bar--;
    }
    double atr = series->atrs[bar], height = sign * (top->price - price);
    bool is_steep = height >= settings->pole_atr * atr &&
                    height >= settings->pole_speed * atr * (double)(top->bar - bar);
    if (atr <= 0 || !is_steep) {
        return;
    }
    Pole *pole = one_more(series, &series->poles, sizeof(Pole));
    if (pole != NULL) {
        *pole = (Pole){{bar, top->known_at, price, sign < 0}, *top, sign, height};
    }
}

static bool is_beaten(const Pole *pole, const Series *series, int64_t bar) {
    double margin = series->settings.breakout_atr * series->atrs[bar];
    return pole->sign * (series->close[bar] - pole->top.price) > margin;
}

static int64_t place_of(const double *values, int64_t first, int64_t stop, double value) {
    while (first < stop - 1 && values[first] != value) {
        first++;
    }
    return first;
}

/* `prices` and `count` are those of the pause. */
static Line edge(const double *prices, int64_t count, int64_t first, int role) {
    int64_t part = count * 2 / 5, rest = count - part;
    bool is_upper = role == ROLE_upper;
    double sooner = is_upper ? highest_of(prices, 0, part) : lowest_of(prices, 0, part);
    double after = is_upper ? highest_of(prices, rest, count) : lowest_of(prices, rest, count);
    int64_t start = place_of(prices, 0, part, sooner);
    int64_t end = place_of(prices, rest, count, after);
    double slope = (after - sooner) / (double)(end - start);
    double at_first = sooner - slope * (double)start;
    return (Line){role, first, first + count - 1, at_first, at_first + slope * (double)(count - 1)};
}

static int swings(const double *closes, int64_t count, double share) {
    double reach = share * (highest_of(closes, 0, count) - lowest_of(closes, 0, count));
    double highest = closes[0], lowest = closes[0];
    int turns = 0, side = 0;
    for (int64_t place = 0; place < count; place++) {
        double close = closes[place];
        if (close > highest) {
            highest = close;
        } else if (close < lowest) {
            lowest = close;
        }
        if (side >= 0 && highest - close >= reach) {
            turns++;
            side = -1;
            lowest = close;
        } else if (side <= 0 && close - lowest >= reach) {
            turns++;
            side = 1;
            highest = close;
        } else if (side < 0 && close == lowest) {
            highest = close;
        } else if (side > 0 && close == highest) {
            lowest = close;
        }
    }
    return turns;
}

/* The square of how far a close is off the line through all of them. */
static double square_at(const double *closes, int64_t count, double mean, double slope,
                        int64_t place) {
    double off = closes[place] - mean - slope * ((double)place - (double)(count - 1) / 2);
    return off * off;
}

static double narrowing(const double *closes, int64_t count) {
    double sum = 0.0, rise = 0.0, ratio = 1.0;
    for (int64_t place = 0; place < count; place++) {
        sum += closes[place];
        rise += ((double)place - (double)(count - 1) / 2) * closes[place];
    }
    double mean = sum / (double)count;
    double slope = rise / ((double)(count * (count * count - 1)) / 12);
    int64_t parts[] = {count / 2, count * 2 / 5};
    for (int which = 0; which < 2; which++) {
        double sooner = 0.0, after = 0.0;
        for (int64_t place = 0; place < parts[which]; place++) {
            sooner += square_at(closes, count, mean, slope, place);
        }
        for (int64_t place = count - parts[which]; place < count; place++) {
            after += square_at(closes, count, mean, slope, place);
        }
        ratio *= sooner > 0 ? after / sooner : 1.0;
    }
    return sqrt(sqrt(ratio));
}

static int name(int sign, double ratio, double drift, const Settings *settings) {
    if (ratio <= settings->pennant_ratio) {
        return sign > 0 ? PATTERN_bull_pennant : PATTERN_bear_pennant;
    }
    if (ratio <= settings->flag_ratio && drift <= settings->flag_slope) {
        return sign > 0 ? PATTERN_bull_flag : PATTERN_bear_flag;
    }
    return -1;
}

static double overshoot(const double *highs, const Line *upper, const double *lows,
                        const Line *lower, int64_t count) {
    double run = (double)(count - 1), farthest = 0.0;
    double climb = (upper->end_price - upper->start_price) / run;
    double lift = (lower->end_price - lower->start_price) / run;
    for (int64_t place = 0; place < count; place++) {
        double above = highs[place] - (upper->start_price + climb * (double)place);
        double below = lower->start_price + lift * (double)place - lows[place];
        farthest = larger(larger(farthest, above), below);
    }
    return farthest;
}

static void candidate(Candidate *found, int pattern, const Pole *pole, Line upper, Line lower,
                      double fit, const Settings *settings) {
    *found = (Candidate){
        .pattern = pattern,
        .direction = pole->sign,
        .pivot_count = 2,
        .pivots = {pole->foot, pole->top},
        .line_count = 3,
        .lines = {{ROLE_pole, pole->foot.bar, pole->top.bar, pole->foot.price, pole->top.price},
                  upper,
                  lower},
        .above = upper,
        .below = lower,
        .height = pole->height,
        .fit = fit,
        .touches = 6,
        .expires = pole->top.bar + whole(settings->flag_max_bars),
        .follows = true,
    };
}

static bool find_pause(const Pole *pole, const Series *series, int64_t bar, Candidate *found) {
    const Settings *settings = &series->settings;
    int64_t first = pole->top.bar, count = bar + 1 - first;
    const double *highs = series->high + first, *lows = series->low + first;
    const double *closes = series->close + first;
    double deepest = pole->sign > 0 ? pole->top.price - lowest_of(lows, 0, count)
                                    : highest_of(highs, 0, count) - pole->top.price;
    double off[] = {0.0, deepest / (settings->flag_depth * pole->height)};
    if (off[1] > 1) {
        return false;
    }
    Line upper = edge(highs, count, first, ROLE_upper);
    Line lower = edge(lows, count, first, ROLE_lower);
    double width = larger(upper.start_price - lower.start_price, upper.end_price - lower.end_price);
    if (width <= 0 || width > settings->flag_width * pole->height) {
        return false;
    }
    double drift =
        (upper.end_price + lower.end_price - upper.start_price - lower.start_price) / 2;
    double with_pole = pole->sign * drift / width;
    if (with_pole < -settings->flag_slope_against ||
        swings(closes, count, settings->flag_swing) < settings->flag_swings) {
        return false;
    }
    int pattern = name(pole->sign, narrowing(closes, count - LAST), with_pole, settings);
    if (pattern < 0) {
        return false;
    }
    off[0] = overshoot(highs, &upper, lows, &lower, count) / (settings->flag_tolerance * width);
    if (off[0] > 1) {
        return false;
    }
    candidate(found, pattern, pole, upper, lower, fit_of(off, 2), settings);
    return true;
}

/* Offer what the pauses look like at the close of a bar; forget those that are over. */
void push_poles(Series *series, int64_t bar) {
    const Settings *settings = &series->settings;
    int64_t kept = 0;
    for (int64_t place = 0; place < series->poles.count; place++) {
        Pole *pole = poles_of(series) + place;
        double length = (double)(bar - pole->top.bar);
        if (length > settings->flag_max_bars || is_beaten(pole, series, bar)) {
            continue;
        }
        Candidate found;
        if (length >= settings->flag_min_bars && !is_explained(series, pole->foot.bar, bar) &&
            find_pause(pole, series, bar, &found)) {
            offer(series, &found, bar);
        }
        poles_of(series)[kept++] = *pole;
    }
    series->poles.count = kept;
}
